// The map on the screen: MapLibre, given a scene, the marks of a date, and events to point at.
//
// Geometry of the cells is loaded once; a change of date only sets the state of features (measured: 5 to 18 times
// quicker than new tiles). This is the one module that holds a MapLibre map. Made by `view/MapView.svelte`.

import { Map as MapLibre, Marker, setWorkerUrl, type LngLatBoundsLike, type PaddingOptions } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import type { View } from '../model/hash';
import { stateOf } from '../model/mark';
import { hatchImage, PALETTES, type Theme } from './palette';
import { ASSET_LAYERS, buildStyle, CELLS, CELLS_FILL, hatchName, type Scene } from './style';

setWorkerUrl(workerUrl);

const MOST_PULSES = 24; // a burst of events must not fill the page with elements
const CLOSE_ZOOM = 13;
const FINGER = 10; // pixels around a tap in which an asset is hit
export type Place = [longitude: number, latitude: number];

export interface Handlers {
  onMove(view: View): void;
  onPick(ordinal: number | null): void;
  onPickAsset(id: string): void;
}

export class HexMap {
  readonly map: MapLibre;
  #scene: Scene;
  #styleReady = false;
  #marks: Uint8Array = new Uint8Array();
  #painted: Uint8Array = new Uint8Array();
  #selected: number | null = null;
  #pulses = new Set<Marker>();
  #position: Marker | null = null;

  constructor(container: HTMLElement, scene: Scene, view: View, handlers: Handlers) {
    this.#scene = scene;
    this.map = new MapLibre({
      container,
      style: buildStyle(scene, location.origin),
      center: [view.longitude, view.latitude],
      zoom: view.zoom,
      minZoom: 1,
      maxZoom: 18,
      maxPitch: 0, // north up and flat: one hand, gloves, a moving vehicle
      dragRotate: false,
      attributionControl: false, // shown by the page, where it can be read
      fadeDuration: 100,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.setMissingStyleImageResolver((id) => this.#addHatch(id));
    this.map.on('style.load', () => this.#onStyle());
    this.map.on('moveend', () => handlers.onMove(this.view));
    const pick = (point: [number, number]): void => {
      const asset = this.#assetAt(point);
      if (asset === null) handlers.onPick(this.#cellAt(point));
      else handlers.onPickAsset(asset);
    };
    this.map.on('click', ({ point }) => pick([point.x, point.y]));
    this.map.getCanvas().addEventListener('keydown', ({ key }) => {
      if (key === 'Enter') pick(this.#middle());
    });
    window.hexpostMap = this.map;
  }

  get view(): View {
    const { lng, lat } = this.map.getCenter().wrap();
    return { zoom: this.map.getZoom(), latitude: lat, longitude: lng };
  }

  /** Shows another scene; tiles and states of what stays are kept. */
  show(scene: Scene): void {
    const sameGrid = gridKey(scene) === gridKey(this.#scene);
    this.#scene = scene;
    if (!this.#styleReady) return; // `#onStyle` will compare again
    this.map.setStyle(buildStyle(scene, location.origin), { diff: true });
    if (!sameGrid) this.#forgetPainted();
    this.#paint();
  }

  /** Colours the cells of the grid; `marks` are in the order of ordinals (see `model/mark.ts`). */
  mark(marks: Uint8Array): void {
    this.#marks = marks;
    this.#paint();
  }

  select(ordinal: number | null): void {
    if (this.#selected === ordinal) return;
    this.#setSelected(false);
    this.#selected = ordinal;
    this.#setSelected(true);
  }

  label(text: string): void {
    this.map.getCanvas().setAttribute('aria-label', text);
  }

  fit([west, south, east, north]: [number, number, number, number], padding: Partial<PaddingOptions>, animate: boolean): void {
    const bounds: LngLatBoundsLike = [[west, south], [east, north]];
    this.map.fitBounds(bounds, { padding: withMargins(padding), maxZoom: CLOSE_ZOOM, animate });
  }

  /** Shows a view at once, as an address asks for it. */
  jump({ zoom, latitude, longitude }: View): void {
    this.map.jumpTo({ center: [longitude, latitude], zoom });
  }

  /** Goes to a place, but never further out than the user already is. */
  goTo(place: Place, offsetY = 0): void {
    this.map.easeTo({ center: place, zoom: Math.max(this.map.getZoom(), CLOSE_ZOOM - 0.5), offset: [0, offsetY], duration: 500 });
  }

  /** Moves the map just enough that a place hidden under the page's own sheets is seen. */
  reveal(place: Place, covered: { top: number; bottom: number }): void {
    const { y } = this.map.project(place);
    const height = this.map.getContainer().clientHeight;
    const [highest, lowest] = [covered.top + 40, height - covered.bottom - 40];
    if (y < highest) this.map.panBy([0, y - highest], { duration: 250 });
    else if (y > lowest) this.map.panBy([0, y - lowest], { duration: 250 });
  }

  /** A ring that spreads and fades where an event came in. */
  pulse(place: Place): void {
    if (this.#pulses.size >= MOST_PULSES) return;
    const element = document.createElement('div');
    element.className = 'pulse';
    element.ariaHidden = 'true';
    const marker = new Marker({ element }).setLngLat(place).addTo(this.map);
    this.#pulses.add(marker);
    setTimeout(() => {
      marker.remove();
      this.#pulses.delete(marker);
    }, 2_400);
  }

  showPosition(place: Place): void {
    if (!this.#position) {
      const element = document.createElement('div');
      element.className = 'position';
      this.#position = new Marker({ element }).setLngLat(place).addTo(this.map);
    }
    this.#position.setLngLat(place);
  }

  remove(): void {
    this.map.remove();
  }

  #onStyle(): void {
    this.#styleReady = true;
    this.#forgetPainted();
    const wanted = buildStyle(this.#scene, location.origin);
    this.map.setStyle(wanted, { diff: true }); // nothing to do unless `show` was called while the first one loaded
    this.#paint();
  }

  #addHatch(id: string): void {
    const theme = (['light', 'dark'] as const).find((one: Theme) => hatchName(one) === id);
    if (theme && !this.map.hasImage(id)) this.map.addImage(id, hatchImage(PALETTES[theme].hatch), { pixelRatio: 2 });
  }

  #forgetPainted(): void {
    this.#painted = new Uint8Array();
  }

  #paint(): void {
    if (!this.#styleReady || !this.map.getSource(CELLS.source)) return;
    const [before, after] = [this.#painted, this.#marks];
    for (let id = 0; id < Math.max(before.length, after.length); id += 1) {
      const mark = after[id] ?? 0;
      if (mark !== (before[id] ?? 0)) this.map.setFeatureState({ ...CELLS, id }, stateOf(mark));
    }
    this.#painted = after;
    this.#setSelected(true);
  }

  #setSelected(selected: boolean): void {
    if (this.#selected === null || !this.#styleReady || !this.map.getSource(CELLS.source)) return;
    this.map.setFeatureState({ ...CELLS, id: this.#selected }, { selected });
  }

  #middle(): [number, number] {
    const { clientWidth, clientHeight } = this.map.getContainer();
    return [clientWidth / 2, clientHeight / 2];
  }

  /** The asset within a finger's breadth of a point. */
  #assetAt([x, y]: [number, number]): string | null {
    const layers = ASSET_LAYERS.filter((id) => this.#styleReady && this.map.getLayer(id));
    if (!layers.length) return null;
    const [hit] = this.map.queryRenderedFeatures([[x - FINGER, y - FINGER], [x + FINGER, y + FINGER]], { layers });
    return typeof hit?.properties.asset_id === 'string' ? hit.properties.asset_id : null;
  }

  #cellAt(point: [number, number]): number | null {
    if (!this.#styleReady || !this.map.getLayer(CELLS_FILL)) return null;
    const [hit] = this.map.queryRenderedFeatures(point, { layers: [CELLS_FILL] });
    return typeof hit?.id === 'number' ? hit.id : null;
  }
}

function gridKey({ grid }: Scene): string {
  return grid ? `${grid.resolution}/${grid.version}` : '';
}

function withMargins({ top = 0, bottom = 0, left = 0, right = 0 }: Partial<PaddingOptions>): PaddingOptions {
  return { top: top + 24, bottom: bottom + 24, left: left + 24, right: right + 24 };
}

declare global {
  interface Window {
    /** The map itself, for tests and for whoever looks into the console. */
    hexpostMap?: MapLibre;
  }
}

// The map's style as a function of what is to be seen. `hexmap.ts` gives each new style to MapLibre, which changes
// only what differs.

import type { ExpressionSpecification, GeoJSONSourceSpecification, LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl';
import { basemapTiles, hexTiles } from '../api/client';
import type { Asset, Basemap } from '../api/types';
import { padBounds, type Bounds } from '../model/grid';
import { LEVELS, levelOfRow, type Level } from '../model/level';
import type { Language } from '../strings';
import { groundLayers, labelLayers, sourceOf } from './basemap';
import { fontFaces } from './fonts';
import { PALETTES, type Palette, type Theme } from './palette';

export interface Grid {
  resolution: number;
  version: string;
  bounds: Bounds;
}

export interface Scene {
  theme: Theme;
  language: Language;
  basemaps: readonly Basemap[];
  grid: Grid | null;
  assets: readonly Asset[];
}

export const CELLS = { source: 'cells', sourceLayer: 'cells' } as const;
export const CELLS_FILL = 'cells-fill';
export const ASSETS = 'assets';
/** Layers in which an asset can be hit. */
export const ASSET_LAYERS = ['assets-line', 'assets-point'];
const HEX_MAXZOOM = 14; // geometry of this zoom is good to centimetres; above it the same tiles are enlarged

export function buildStyle(scene: Scene, origin: string): StyleSpecification {
  const { theme, language, basemaps, grid, assets } = scene;
  const palette = PALETTES[theme];
  return {
    version: 8,
    'font-faces': fontFaces(origin),
    sources: {
      ...basemapSources(basemaps),
      ...(grid ? { [CELLS.source]: gridSource(grid) } : {}),
      ...(assets.length ? { [ASSETS]: assetSource(assets) } : {}),
    },
    layers: [
      ...groundLayers(basemaps, theme, language),
      ...(grid ? cellLayers(palette, theme) : []),
      ...(assets.length ? assetLayers(palette) : []),
      ...labelLayers(basemaps, theme, language),
      ...(assets.length ? [assetNames(palette)] : []),
    ],
  };
}

export function hatchName(theme: Theme): string {
  return `hatch-${theme}`;
}

function basemapSources(basemaps: readonly Basemap[]): Record<string, SourceSpecification> {
  const entries = basemaps.map((one): [string, SourceSpecification] => {
    const { minzoom, maxzoom, bounds } = one;
    return [sourceOf(one), { type: 'vector', tiles: [basemapTiles(one.name)], minzoom, maxzoom, bounds }];
  });
  return Object.fromEntries(entries);
}

function gridSource({ resolution, version, bounds }: Grid): SourceSpecification {
  // A cell reaches over the bounds of the centres by half its width: about a degree at resolution 3, less above.
  const margin = 60 / Math.sqrt(7) ** resolution;
  return { type: 'vector', tiles: [hexTiles(resolution, version)], minzoom: 2, maxzoom: HEX_MAXZOOM, bounds: padBounds(bounds, margin) };
}

const LEVEL: ExpressionSpecification = ['coalesce', ['feature-state', 'level'], 'none'];
const FLAGGED: ExpressionSpecification = ['==', ['feature-state', 'flagged'], true];
const SELECTED: ExpressionSpecification = ['==', ['feature-state', 'selected'], true];

function byLevel<T extends string | number>(values: Record<Level, T>, otherwise: T): ExpressionSpecification {
  const [first, ...others] = LEVELS;
  return ['match', LEVEL, first, values[first], ...others.flatMap((level) => [level, values[level]]), otherwise];
}

function cellLayers(palette: Palette, theme: Theme): LayerSpecification[] {
  const cells = { source: CELLS.source, 'source-layer': CELLS.sourceLayer };
  const round = { 'line-join': 'round' } as const;
  return [
    { ...cells, id: CELLS_FILL, type: 'fill', paint: { 'fill-color': byLevel(palette.levels, 'rgba(0,0,0,0)'), 'fill-opacity': byLevel(palette.opacity, 0), 'fill-antialias': false } },
    { ...cells, id: 'cells-blind', type: 'fill', paint: { 'fill-pattern': hatchName(theme), 'fill-opacity': ['case', ['==', LEVEL, 'unknown'], 1, 0] } },
    line('cells-edge', { 'line-color': byLevel(palette.levels, 'rgba(0,0,0,0)'), 'line-width': 0.8, 'line-opacity': ['case', ['==', LEVEL, 'none'], 0, 0.9] }),
    line('cells-anomaly-casing', { 'line-color': palette.casing, 'line-width': thickness(5), 'line-opacity': ['case', FLAGGED, 0.9, 0] }),
    line('cells-anomaly', { 'line-color': palette.anomaly, 'line-width': thickness(2.6), 'line-opacity': ['case', FLAGGED, 1, 0] }),
    line('cells-selected', { 'line-color': palette.selected, 'line-width': thickness(5), 'line-opacity': ['case', SELECTED, 1, 0] }),
  ];

  function line(id: string, paint: Extract<LayerSpecification, { type: 'line' }>['paint']): LayerSpecification {
    return { ...cells, id, type: 'line', layout: round, paint };
  }
}

function assetSource(assets: readonly Asset[]): SourceSpecification {
  const features = assets.map(({ asset_id, name, alerting, geometry, today }) => {
    const level = today ? levelOfRow(today) : 'unknown';
    return { type: 'Feature', geometry, properties: { asset_id, name, alerting, level } };
  });
  return { type: 'geojson', data: { type: 'FeatureCollection', features } as GeoJSONSourceSpecification['data'] };
}

const IS_POINT: ExpressionSpecification = ['match', ['geometry-type'], ['Point', 'MultiPoint'], true, false];
const ALERTING: ExpressionSpecification = ['==', ['get', 'alerting'], true];

/** Assets are drawn as outlines and dots in the colour of their own level, cased so that they stand out on any cell. */
function assetLayers(palette: Palette): LayerSpecification[] {
  const round = { 'line-join': 'round', 'line-cap': 'round' } as const;
  const [first, ...others] = LEVELS;
  const colour: ExpressionSpecification = ['match', ['get', 'level'], first, palette.levels[first], ...others.flatMap((level) => [level, palette.levels[level]]), palette.levels.unknown];
  const ring: ExpressionSpecification = ['case', ALERTING, palette.selected, palette.casing];
  return [
    { id: 'assets-casing', source: ASSETS, type: 'line', filter: ['!', IS_POINT], layout: round, paint: { 'line-color': ring, 'line-width': thickness(11) } },
    { id: 'assets-line', source: ASSETS, type: 'line', filter: ['!', IS_POINT], layout: round, paint: { 'line-color': colour, 'line-width': thickness(5) } },
    { id: 'assets-point', source: ASSETS, type: 'circle', filter: IS_POINT, paint: { 'circle-radius': thickness(9), 'circle-color': colour, 'circle-stroke-color': ring, 'circle-stroke-width': thickness(4) } },
  ];
}

function assetNames(palette: Palette): LayerSpecification {
  return {
    id: 'assets-name',
    source: ASSETS,
    type: 'symbol',
    minzoom: 10,
    layout: { 'text-field': ['get', 'name'], 'text-font': ['Noto Sans Medium'], 'text-size': 13, 'text-offset': [0, 1.1], 'text-anchor': 'top', 'text-max-width': 9 },
    paint: { 'text-color': palette.anomaly, 'text-halo-color': palette.casing, 'text-halo-width': 1.6 },
  };
}

/** A line width that is full where cells are large enough to carry it. */
function thickness(full: number): ExpressionSpecification {
  return ['interpolate', ['linear'], ['zoom'], 8, full * 0.35, 12, full * 0.8, 14, full];
}

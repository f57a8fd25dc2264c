// Layers of the basemaps: the world that every box carries, and street archives in the Protomaps schema.

import { layers as protomapsLayers, namedFlavor, type Flavor } from '@protomaps/basemaps';
import type { ExpressionSpecification, FilterSpecification, LayerSpecification } from 'maplibre-gl';
import type { Basemap } from '../api/types';
import type { Bounds } from '../model/grid';
import type { Language } from '../strings';
import type { Theme } from './palette';

/** Calmer than the flavours they begin with: the risk colours must be the loudest thing on the map. */
const FLAVORS: Record<Theme, Flavor> = {
  light: {
    ...namedFlavor('light'),
    ...{ background: '#c9d9e1', water: '#c9d9e1', earth: '#f4f2ee', buildings: '#e3dfd9', subplace_label: '#56616b', subplace_label_halo: '#ffffff', country_label: '#66717b' },
    ...{ park_a: '#dfe9d6', park_b: '#d5e3cb', wood_a: '#dde7d4', wood_b: '#d3e0c9', scrub_a: '#e2e9d9', scrub_b: '#dde6d3' },
  },
  dark: {
    ...namedFlavor('dark'),
    ...{ background: '#16222b', water: '#16222b', earth: '#232b32', buildings: '#2a333b' },
    ...{ city_label: '#c8d2da', city_label_halo: '#14191e', subplace_label: '#9fadb8', subplace_label_halo: '#14191e' },
    ...{ roads_label_major: '#aebac4', roads_label_major_halo: '#14191e', roads_label_minor: '#8f9ca6', roads_label_minor_halo: '#14191e' },
    ...{ country_label: '#aebac4', state_label: '#8f9ca6', state_label_halo: '#14191e', boundaries: '#6d7a85' },
  },
};

// These need a sprite of symbols, which would be another download for little: crews steer by names and shapes.
const NEED_SPRITE = new Set(['pois', 'roads_shields', 'roads_oneway']);

export function sourceOf(basemap: Basemap): string {
  return `basemap-${basemap.name}`;
}

/** All layers below the cells: background, world, streets. Labels come separately, to lie above the cells. */
export function groundLayers(basemaps: readonly Basemap[], theme: Theme, language: Language): LayerSpecification[] {
  const background: LayerSpecification = { id: 'background', type: 'background', paint: { 'background-color': FLAVORS[theme].water } };
  return [background, ...allLayers(basemaps, theme, language).filter((layer) => layer.type !== 'symbol')];
}

export function labelLayers(basemaps: readonly Basemap[], theme: Theme, language: Language): LayerSpecification[] {
  return allLayers(basemaps, theme, language).filter((layer) => layer.type === 'symbol');
}

function allLayers(basemaps: readonly Basemap[], theme: Theme, language: Language): LayerSpecification[] {
  const streets = basemaps.filter((one) => one.kind === 'streets');
  const worlds = basemaps.filter((one) => one.kind === 'world');
  return [
    ...worlds.flatMap((one) => worldLayers(one, streets, FLAVORS[theme], language)),
    ...streets.flatMap((one) => streetLayers(one, FLAVORS[theme], language)),
  ];
}

function streetLayers(basemap: Basemap, flavor: Flavor, language: Language): LayerSpecification[] {
  const source = sourceOf(basemap);
  return protomapsLayers(source, flavor, { lang: language })
    .filter((layer) => layer.type !== 'background' && !NEED_SPRITE.has(layer.id))
    .filter((layer) => 'source-layer' in layer && basemap.layers.includes(layer['source-layer'] ?? '')) // else one error for each
    .map((layer) => withoutIcon({ ...layer, id: `${source}-${layer.id}` } as LayerSpecification));
}

function withoutIcon(layer: LayerSpecification): LayerSpecification {
  if (layer.type !== 'symbol' || !layer.layout?.['icon-image']) return layer;
  const layout = { ...layer.layout };
  delete layout['icon-image'];
  return { ...layer, layout };
}

function worldLayers(basemap: Basemap, streets: readonly Basemap[], flavor: Flavor, language: Language): LayerSpecification[] {
  const source = sourceOf(basemap);
  const named = (name: string) => ({ id: `${source}-${name}`, source, 'source-layer': name });
  const layers: LayerSpecification[] = [
    { ...named('land'), type: 'fill', paint: { 'fill-color': flavor.earth } },
    { ...named('lakes'), type: 'fill', paint: { 'fill-color': flavor.water } },
    { ...named('rivers'), type: 'line', minzoom: 3, paint: { 'line-color': flavor.water, 'line-width': grow(3, 0.5, 10, 2) } },
    { ...named('boundaries'), type: 'line', paint: { 'line-color': flavor.boundaries, 'line-width': grow(2, 0.6, 8, 1.6), 'line-dasharray': [3, 2] } },
    placeLabels(named('places'), streets, flavor),
    countryLabels(named('countries'), flavor, language),
  ];
  return layers.filter((layer) => 'source-layer' in layer && basemap.layers.includes(layer['source-layer'] ?? ''));
}

type Named = { id: string; source: string; 'source-layer': string };

function placeLabels(named: Named, streets: readonly Basemap[], flavor: Flavor): LayerSpecification {
  return {
    ...named,
    type: 'symbol',
    minzoom: 3,
    filter: outside(streets),
    layout: {
      'text-field': ['get', 'name'],
      'text-font': ['case', ['has', 'capital'], ['literal', ['Noto Sans Medium']], ['literal', ['Noto Sans Regular']]],
      'text-size': ['interpolate', ['linear'], ['zoom'], 3, ['+', 9, ['*', 0.25, ['get', 'rank']]], 10, ['+', 11, ['*', 0.6, ['get', 'rank']]]],
      'symbol-sort-key': ['-', ['*', -1, ['get', 'population']], ['case', ['has', 'capital'], 5e6, 0]],
      'text-padding': 6,
      'text-max-width': 8,
    },
    paint: { 'text-color': flavor.city_label, 'text-halo-color': flavor.city_label_halo, 'text-halo-width': 1.2 },
  };
}

function countryLabels(named: Named, flavor: Flavor, language: Language): LayerSpecification {
  return {
    ...named,
    type: 'symbol',
    maxzoom: 7,
    layout: {
      'text-field': language === 'ar' ? ['coalesce', ['get', 'name:ar'], ['get', 'name']] : ['get', 'name'],
      'text-font': ['Noto Sans Medium'],
      'text-size': grow(1, 9, 6, 15),
      'symbol-sort-key': ['*', -1, ['get', 'area']],
      'text-max-width': 7,
    },
    paint: { 'text-color': flavor.country_label, 'text-halo-color': flavor.earth, 'text-halo-width': 1.2 },
  };
}

/** Where a street archive names its places itself, the world's names would stand beside them a second time. */
function outside(streets: readonly Basemap[]): FilterSpecification {
  const conditions = streets.map(({ bounds, minzoom }): ExpressionSpecification => [
    'any', ['<', ['zoom'], minzoom], ['!', ['within', { type: 'Polygon', coordinates: [ringOf(bounds)] }]],
  ]);
  return ['all', ...conditions];
}

function ringOf([west, south, east, north]: Bounds): [number, number][] {
  return [[west, south], [east, south], [east, north], [west, north], [west, south]];
}

function grow(zoomA: number, valueA: number, zoomB: number, valueB: number): ExpressionSpecification {
  return ['interpolate', ['linear'], ['zoom'], zoomA, valueA, zoomB, valueB];
}

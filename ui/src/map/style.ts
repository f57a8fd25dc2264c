// The map's style as a function of what is to be seen. `hexmap.ts` gives each new style to MapLibre, which changes
// only what differs.

import type { ExpressionSpecification, LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl';
import { basemapTiles, hexTiles } from '../api/client';
import type { Basemap } from '../api/types';
import { padBounds, type Bounds } from '../model/grid';
import { LEVELS, type Level } from '../model/level';
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
}

export const CELLS = { source: 'cells', sourceLayer: 'cells' } as const;
export const CELLS_FILL = 'cells-fill';
const HEX_MAXZOOM = 14; // geometry of this zoom is good to centimetres; above it the same tiles are enlarged

export function buildStyle(scene: Scene, origin: string): StyleSpecification {
  const { theme, language, basemaps, grid } = scene;
  return {
    version: 8,
    'font-faces': fontFaces(origin),
    sources: { ...basemapSources(basemaps), ...(grid ? { [CELLS.source]: gridSource(grid) } : {}) },
    layers: [
      ...groundLayers(basemaps, theme, language),
      ...(grid ? cellLayers(PALETTES[theme], theme) : []),
      ...labelLayers(basemaps, theme, language),
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

/** A line width that is full where cells are large enough to carry it. */
function thickness(full: number): ExpressionSpecification {
  return ['interpolate', ['linear'], ['zoom'], 8, full * 0.35, 12, full * 0.8, 14, full];
}

import { validateStyleMin } from '@maplibre/maplibre-gl-style-spec';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { Asset, Basemap } from '../src/api/types';
import type { Scene } from '../src/map/style';

const WORLD: Basemap = {
  name: 'world', kind: 'world', minzoom: 0, maxzoom: 6, bounds: [-180, -85, 180, 85], attribution: null,
  layers: ['land', 'lakes', 'rivers', 'boundaries', 'countries', 'places'],
};
const STREETS: Basemap = { name: 'city', kind: 'streets', minzoom: 0, maxzoom: 14, bounds: [-123, 37, -122, 38], layers: ['earth', 'roads', 'places', 'pois'], attribution: null };
const SCENE: Scene = { theme: 'light', language: 'en', basemaps: [WORLD, STREETS], grid: { resolution: 8, version: 'v1', bounds: [-122.5, 37.7, -122.3, 37.8] }, assets: [] };

let buildStyle: (scene: Scene, origin: string) => ReturnType<typeof import('../src/map/style').buildStyle>;

beforeAll(async () => {
  vi.stubGlobal('location', { origin: 'http://box.test' }); // the style asks the page for its own origin
  ({ buildStyle } = await import('../src/map/style'));
});

describe('the style', () => {
  test.each([
    ['light', 'en'], ['dark', 'en'], ['light', 'ar'], ['dark', 'ar'],
  ] as const)('keeps to the specification: %s, %s', (theme, language) => {
    const style = buildStyle({ ...SCENE, theme, language }, 'http://box.test');
    expect(validateStyleMin(style).map(({ message }) => message)).toEqual([]);
  });

  test('draws assets over cells, each in the colour of its own level, and one that nobody computed as unknown', () => {
    const today = { day: '2026-11-22', expected_events: 1, probability: 0.6, risk_score: 80, risk_level: 'critical', basis: 'forecast', observed_events: 0, observed_whole: true, coverage: 'observed' } as const;
    const station: Asset = { asset_id: 's1', name: 'Station', kind: '', criticality: 5, geometry: { type: 'Point', coordinates: [-122.4, 37.75] }, alerting: true, today };
    const feeder: Asset = { ...station, asset_id: 'l1', geometry: { type: 'LineString', coordinates: [[-122.4, 37.75], [-122.3, 37.75]] }, alerting: false, today: null };
    const blind: Asset = { ...station, asset_id: 'b1', today: { ...today, coverage: 'unknown', risk_level: null } };
    const style = buildStyle({ ...SCENE, assets: [station, feeder, blind] }, 'http://box.test');
    expect(validateStyleMin(style).map(({ message }) => message)).toEqual([]);
    const ids = style.layers.map(({ id }) => id);
    expect(ids.indexOf('assets-line')).toBeGreaterThan(ids.indexOf('cells-selected'));
    expect(ids.at(-1)).toBe('assets-name');
    expect(JSON.stringify(style.sources.assets)).toMatch(/"critical".*"unknown".*"unknown"/);
  });

  test('draws cells over streets and under every name', () => {
    const { layers } = buildStyle(SCENE, 'http://box.test');
    const cells = layers.findIndex(({ id }) => id === 'cells-fill');
    const firstName = layers.findIndex(({ type }) => type === 'symbol');
    const lastStreet = layers.findLastIndex(({ id, type }) => id.startsWith('basemap-city') && type !== 'symbol');
    expect(lastStreet).toBeLessThan(cells);
    expect(cells).toBeLessThan(firstName);
  });

  test('asks an archive only for layers it has, and for no symbol that would need a sprite', () => {
    const { layers, sprite } = buildStyle(SCENE, 'http://box.test');
    const asked = layers.flatMap((layer) => ('source-layer' in layer && layer.source === 'basemap-city' ? [layer['source-layer']] : []));
    expect(new Set(asked)).toEqual(new Set(['earth', 'roads', 'places']));
    expect(sprite).toBeUndefined();
    expect(layers.filter((layer) => layer.type === 'symbol' && layer.layout?.['icon-image'])).toEqual([]);
  });

  test('names no host but the box', () => {
    const hosts = JSON.stringify(buildStyle(SCENE, 'http://box.test')).match(/https?:\/\/[^/"]+/g) ?? [];
    expect(new Set(hosts)).toEqual(new Set(['http://box.test']));
  });

  test('is a map of the world alone where there are no cells yet', () => {
    const { layers, sources } = buildStyle({ ...SCENE, basemaps: [WORLD], grid: null }, 'http://box.test');
    expect(Object.keys(sources)).toEqual(['basemap-world']);
    expect(layers.some(({ id }) => id.startsWith('cells'))).toBe(false);
  });
});

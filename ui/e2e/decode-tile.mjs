// Prints a vector tile as JSON, decoded by the library that maps use, so that the box's own encoder is checked by
// someone else's eyes.
//
//   node e2e/decode-tile.mjs TILE.mvt     or     … < TILE.mvt
//
// {"layers": {NAME: {version, extent, features: [{id, type, properties, geometry: [[[x, y], …], …]}]}}}
// Gzip is recognised. Type is "Point", "LineString" or "Polygon"; geometry is in tile units, rings are closed.

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { VectorTile } from '@mapbox/vector-tile';
import { PbfReader } from 'pbf';

const TYPES = ['Unknown', 'Point', 'LineString', 'Polygon'];

export function decodeTile(bytes) {
  const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  const tile = new VectorTile(new PbfReader(plain));
  const layers = Object.entries(tile.layers).map(([name, layer]) => [name, decodeLayer(layer)]);
  return { layers: Object.fromEntries(layers) };
}

function decodeLayer(layer) {
  const features = Array.from({ length: layer.length }, (_, index) => {
    const feature = layer.feature(index);
    const geometry = feature.loadGeometry().map((ring) => ring.map(({ x, y }) => [x, y]));
    return { id: feature.id, type: TYPES[feature.type], properties: feature.properties, geometry };
  });
  return { version: layer.version, extent: layer.extent, features };
}

if (process.argv[1] === import.meta.filename) {
  const bytes = readFileSync(process.argv[2] ?? 0);
  process.stdout.write(`${JSON.stringify(decodeTile(bytes))}\n`);
}

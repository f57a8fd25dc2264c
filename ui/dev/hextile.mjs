// A vector tile of hexagons, geometry and ordinal only, as the box makes them. For the mock box.

import { cellToBoundary } from 'h3-js';
import { PbfWriter } from 'pbf';

const EXTENT = 4096;
const rings = new Map();

/** The tile as bytes; cells keep their place in the list as feature id, whole even where they cross the edge. */
export function hexTile(cells, z, x, y) {
  const features = cells.flatMap((cell, id) => {
    const ring = ringOf(cell).map(([mx, my]) => [Math.round(mx * EXTENT * 2 ** z) - x * EXTENT, Math.round(my * EXTENT * 2 ** z) - y * EXTENT]);
    return touches(ring) ? [{ id, ring }] : [];
  });
  const pbf = new PbfWriter();
  if (features.length) pbf.writeMessage(3, writeLayer, features);
  return Buffer.from(pbf.finish());
}

/** Boundary in Web Mercator from 0 to 1, clockwise on the screen, as outer rings must be. */
function ringOf(cell) {
  let ring = rings.get(cell);
  if (!ring) {
    ring = cellToBoundary(cell).map(([latitude, longitude]) => {
      const sine = Math.sin((latitude * Math.PI) / 180);
      return [(longitude + 180) / 360, 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)];
    });
    if (area(ring) < 0) ring.reverse();
    rings.set(cell, ring);
  }
  return ring;
}

function area(ring) {
  return ring.reduce((sum, [x, y], i) => {
    const [nx, ny] = ring[(i + 1) % ring.length];
    return sum + x * ny - nx * y;
  }, 0);
}

function touches(ring) {
  const [xs, ys] = [ring.map(([px]) => px), ring.map(([, py]) => py)];
  return Math.max(...xs) >= 0 && Math.min(...xs) <= EXTENT && Math.max(...ys) >= 0 && Math.min(...ys) <= EXTENT;
}

function writeLayer(features, pbf) {
  pbf.writeVarintField(15, 2);
  pbf.writeStringField(1, 'cells');
  pbf.writeVarintField(5, EXTENT);
  for (const feature of features) pbf.writeMessage(2, writeFeature, feature);
}

function writeFeature({ id, ring }, pbf) {
  pbf.writeVarintField(1, id);
  pbf.writeVarintField(3, 3);
  const zigzag = (value) => (value << 1) ^ (value >> 31);
  const commands = [9, zigzag(ring[0][0]), zigzag(ring[0][1]), ((ring.length - 1) << 3) | 2];
  for (let i = 1; i < ring.length; i += 1) commands.push(zigzag(ring[i][0] - ring[i - 1][0]), zigzag(ring[i][1] - ring[i - 1][1]));
  commands.push(15);
  pbf.writePackedVarint(4, commands);
}

import { expect, test } from 'vitest';
import { hexagonPixels, padBounds, resolutionFor } from '../src/model/grid';

test('a hexagon of resolution 8 is about a kilometre wide', () => {
  // At the equator a pixel of zoom 13 is 9.55 m, so about 111 pixels.
  expect(hexagonPixels(8, 13, 0)).toBeCloseTo(111.7, 0);
});

test.each([
  [13, 8], [10.5, 8], [9, 7], [4, 7],
])('at zoom %d over San Francisco the map shows resolution %i', (zoom, expected) => {
  expect(resolutionFor(zoom, 37.77, [7, 8])).toBe(expected);
});

test('a box without resolutions shows none', () => expect(resolutionFor(12, 0, [])).toBeNull());

test('bounds grow by a margin and stay in the world', () => {
  expect(padBounds([-179.9, 10, 179.9, 20], 1)).toEqual([-180, 9, 180, 21]);
});

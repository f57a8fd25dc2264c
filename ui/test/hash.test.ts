import { describe, expect, test } from 'vitest';
import { EMPTY_HASH, formatHash, parseHash, type HashState } from '../src/model/hash';

test('a full state goes into the address and comes back', () => {
  const state: HashState = {
    view: { zoom: 12.3, latitude: 37.77, longitude: -122.42 },
    day: '2026-11-20',
    resolution: 8,
    levels: ['high', 'critical', 'unknown'],
    cell: '882830829bfffff',
  };
  expect(formatHash(state)).toBe('#map=12.3/37.77/-122.42&date=2026-11-20&res=8&levels=high,critical,unknown&cell=882830829bfffff');
  expect(parseHash(formatHash(state))).toEqual(state);
});

test('the state in which a page begins leaves the address clean', () => {
  expect(formatHash(EMPTY_HASH)).toBe('');
  expect(parseHash('')).toEqual(EMPTY_HASH);
});

test('all levels hidden is not the same as all shown', () => {
  expect(parseHash(formatHash({ ...EMPTY_HASH, levels: [] })).levels).toEqual([]);
});

describe('what cannot be is dropped, and the rest is kept', () => {
  test.each([
    ['#map=12/95/0', 'view'],
    ['#map=12/abc/0', 'view'],
    ['#map=12', 'view'],
    ['#date=2026-02-30', 'day'],
    ['#res=99', 'resolution'],
    ['#res=', 'resolution'],
    ['#cell=<script>', 'cell'],
  ] as const)('%s', (hash, name) => {
    expect(parseHash(hash)[name]).toBeNull();
  });

  test('unknown names of levels', () => expect(parseHash('#levels=high,extreme').levels).toEqual(['high']));
});

import { describe, expect, test } from 'vitest';
import { AREAS, axisOf, calibrationOf, figure, foundBy, HORIZONS, horizonsOf, METHODS, type Part, type Verdict } from '../src/model/backtest';

function part(ours: number | null, base: number | null, verdict: Verdict = 'same', horizons: readonly string[] = HORIZONS): Part {
  return {
    incidents: 900, from_day: '2026-06-01', to_day: '2026-11-20', test_days: 57, cells: 400,
    rows: horizons.flatMap((horizon) => METHODS.flatMap((method) => AREAS.map((area) => ({
      horizon, method, area, hit_rate: method === 'calibrated' ? ours : base, pai: null, pei: null, log_score: null,
    })))),
    calibration: horizons.map((horizon) => ({ horizon, windows: 57, coverage: 0.9, busy_coverage: 0.89, expected: 310.4, happened: 302 })),
    differences: ours === null || base === null ? [] : horizons.flatMap((horizon) => AREAS.map((area) => ({ horizon, area, difference: ours - base, standard_error: 0.01, verdict }))),
  };
}

describe('what the forecast found', () => {
  test.each([
    [0.41, 0.39, { of: 100, ours: 41, base: 39 }],
    [0.313, 0.309, { of: 1_000, ours: 313, base: 309 }], // of a hundred both would be 31
    [0.309, 0.309, { of: 100, ours: 31, base: 31 }],
    [0.30901, 0.309, { of: 100, ours: 31, base: 31 }],
    [0, 0, { of: 100, ours: 0, base: 0 }],
  ])('%f beside %f is told in whole incidents', (ours, base, expected) => {
    expect(foundBy(part(ours, base, 'better'), 'next_day')).toEqual({ ...expected, verdict: 'better' });
  });

  test('is nothing where nothing happened', () => expect(foundBy(part(null, null), 'next_day')).toBeNull());
  test('is nothing of a horizon that was not tested', () => expect(foundBy(part(0.4, 0.3, 'better', ['next_shift']), 'next_7_days')).toBeNull());
});

test('only horizons that were tested are offered, in their order', () => {
  expect(horizonsOf(part(0.4, 0.3))).toEqual(['next_shift', 'next_day', 'next_7_days']);
  expect(horizonsOf(part(0.4, 0.3, 'same', ['next_day', 'next_shift']))).toEqual(['next_shift', 'next_day']);
});

test('a figure is found by horizon, method and area', () => {
  expect(figure(part(0.4, 0.3), 'next_day', 'calibrated', 0.02)?.hit_rate).toBe(0.4);
  expect(figure(part(0.4, 0.3), 'next_day', 'kde', 0.5)).toBeNull();
});

test.each([[0.9, true], [0.88, true], [0.92, true], [0.879, false], [0.93, false]])('a coverage of %f is calibrated: %s', (coverage, good) => {
  const one = part(0.4, 0.3);
  one.calibration[1]!.coverage = coverage;
  expect(calibrationOf(one, 'next_day')).toMatchObject({ coverage, good });
});

test.each([[302, true], [347, true], [348, false], [256, false]])('intervals that hold are not enough where %f are expected and 302 come', (expected, good) => {
  const one = part(0.4, 0.3);
  one.calibration[1]!.expected = expected;
  expect(calibrationOf(one, 'next_day')).toMatchObject({ expected, good });
});

test.each([
  [0.41, { end: 0.5, ticks: [0, 0.1, 0.2, 0.3, 0.4, 0.5] }],
  [0.3, { end: 0.3, ticks: [0, 0.1, 0.2, 0.3] }],
  [0.72, { end: 0.8, ticks: [0, 0.2, 0.4, 0.6, 0.8] }],
  [1, { end: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] }],
  [0, { end: 0.1, ticks: [0, 0.1] }],
])('the axis of rates up to %f ends at a tenth', (most, expected) => expect(axisOf(part(most, 0), 'next_day')).toEqual(expected));

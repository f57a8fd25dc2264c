import { describe, expect, test } from 'vitest';
import { countLevels, LEVELS, levelOf, levelOfRow, worstCells } from '../src/model/level';
import { marksOf, stateOf } from '../src/model/mark';

describe('a byte of the feed', () => {
  test.each([
    [0, 'low'], [50, 'low'], [51, 'medium'], [100, 'medium'], [101, 'high'], [150, 'high'], [151, 'critical'], [200, 'critical'],
    [254, 'unknown'], [255, null],
  ])('%i stands for %s', (byte, level) => expect(levelOf(byte)).toBe(level));

  test('that nobody defined is unknown, never low', () => {
    for (let byte = 201; byte < 254; byte += 1) expect(levelOf(byte)).toBe('unknown');
  });
});

test('a row of a day on which nothing was heard is unknown, whatever its score', () => {
  expect(levelOfRow({ risk_level: 'low', coverage: 'unknown' })).toBe('unknown');
  expect(levelOfRow({ risk_level: 'low', coverage: 'observed' })).toBe('low');
  expect(levelOfRow({ risk_level: null, coverage: null })).toBe('unknown');
});

test('cells without a row are counted at no level', () => {
  const row = Uint8Array.of(0, 50, 51, 120, 200, 254, 255, 255);
  expect(countLevels(row)).toEqual({ low: 2, medium: 1, high: 1, critical: 1, unknown: 1 });
});

test('the worst cells come worst first, and blind ones are not among them', () => {
  expect(worstCells(Uint8Array.of(10, 254, 180, 255, 0, 180, 90), 3)).toEqual([2, 5, 6]);
});

describe('what is drawn', () => {
  const row = { risk: Uint8Array.of(10, 90, 140, 180, 254, 255), flagged: Uint8Array.of(0, 1, 0, 1, 0, 255) };

  test('is the level and the anomaly of each cell', () => {
    expect([...marksOf(row, LEVELS)].map(stateOf)).toEqual([
      { level: 'low', flagged: false },
      { level: 'medium', flagged: true },
      { level: 'high', flagged: false },
      { level: 'critical', flagged: true },
      { level: 'unknown', flagged: false },
      { level: 'none', flagged: false },
    ]);
  });

  test('is nothing for a hidden level, its anomalies included', () => {
    const states = [...marksOf(row, ['low', 'critical'])].map(stateOf);
    expect(states[1]).toEqual({ level: 'none', flagged: false });
    expect(states[3]).toEqual({ level: 'critical', flagged: true });
  });
});

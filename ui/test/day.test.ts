import { describe, expect, test } from 'vitest';
import { addDays, blockAround, clampDay, dayInWords, dayShort, daysBetween, dayWithYear, isDay, nextDay } from '../src/model/day';

const RANGE = { from: '2026-08-25', to: '2026-11-22' };

test.each([
  ['2026-11-22', 1, '2026-11-23'],
  ['2026-12-31', 1, '2027-01-01'],
  ['2028-02-28', 1, '2028-02-29'],
  ['2026-03-29', 1, '2026-03-30'], // a day of 23 hours in Europe
  ['2026-11-01', -1, '2026-10-31'],
])('%s and %i days is %s', (day, count, expected) => {
  expect(addDays(day, count)).toBe(expected);
  expect(daysBetween(day, expected)).toBe(count);
});

test.each([
  ['2026-11-22', true], ['2026-02-29', false], ['2026-13-01', false], ['22.11.2026', false], ['', false],
])('%s is a day: %s', (text, expected) => expect(isDay(text)).toBe(expected));

test('a day outside the range becomes the nearest day of it', () => {
  expect(clampDay('2020-01-01', RANGE)).toBe(RANGE.from);
  expect(clampDay('2030-01-01', RANGE)).toBe(RANGE.to);
  expect(clampDay('2026-09-09', RANGE)).toBe('2026-09-09');
});

test('playback ends with the range', () => {
  expect(nextDay('2026-11-21', RANGE)).toBe('2026-11-22');
  expect(nextDay('2026-11-22', RANGE)).toBeNull();
});

describe('a block of days to fetch', () => {
  test('is counted back from the newest day, which is its last', () => {
    expect(blockAround('2026-11-22', RANGE, 30)).toEqual({ from: '2026-10-24', to: '2026-11-22' });
    expect(blockAround('2026-10-24', RANGE, 30)).toEqual({ from: '2026-10-24', to: '2026-11-22' });
    expect(blockAround('2026-10-23', RANGE, 30)).toEqual({ from: '2026-09-24', to: '2026-10-23' });
  });

  test('does not begin before the first day', () => {
    expect(blockAround('2026-08-25', RANGE, 92)).toEqual(RANGE);
    expect(blockAround('2026-08-25', RANGE, 80)).toEqual({ from: '2026-08-25', to: '2026-09-03' });
  });
});

test('a day is said in words, in each language, with the same digits', () => {
  expect(dayInWords('2026-11-22', 'en-GB')).toBe('Sunday, 22 November 2026');
  expect(dayInWords('2026-11-22', 'ar-u-ca-gregory-nu-latn')).toMatch(/الأحد.*22.*2026/);
  expect(dayShort('2026-11-22', 'en-GB')).toBe('22 Nov');
  expect(dayWithYear('2026-11-22', 'en-GB')).toBe('22 Nov 2026');
});

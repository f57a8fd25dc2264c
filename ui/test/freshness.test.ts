import { describe, expect, test } from 'vitest';
import { ageInWords, ageOf, clockInWords, judge, troublesOf, type Health, type Heard } from '../src/model/freshness';

const BOX = Date.parse('2026-11-22T14:02:00Z');
const HEALTH: Health = {
  server_time: '2026-11-22T14:02:00Z', last_event_at: null, last_run_at: null, broker: 'up', parts: { bridge: 'up', jobs: 'up', sync: 'up', serve: 'up' },
};
const HEARD: Heard = { connected: true, everConnected: true, boxTimeMs: BOX, silentMs: 1_000, lastEventMs: BOX - 3_000, health: HEALTH };

describe('the picture', () => {
  test('is live while the box speaks, with the age of the newest event by the clock of the box', () => {
    expect(judge(HEARD)).toEqual({ kind: 'live', eventAgeMs: 4_000, troubles: [] });
  });

  test('is live without an event', () => {
    expect(judge({ ...HEARD, lastEventMs: null })).toEqual({ kind: 'live', eventAgeMs: null, troubles: [] });
  });

  test('is silent once three words were missed, although the line is open', () => {
    expect(judge({ ...HEARD, silentMs: 14_999 }).kind).toBe('live');
    expect(judge({ ...HEARD, silentMs: 15_000 })).toEqual({ kind: 'silent', pictureMs: BOX, silentMs: 15_000 });
  });

  test('is of the last word when the line is lost, however short ago that was', () => {
    expect(judge({ ...HEARD, connected: false })).toEqual({ kind: 'lost', pictureMs: BOX, silentMs: 1_000 });
  });

  test('is not there before the first word', () => {
    const before = { ...HEARD, boxTimeMs: null, lastEventMs: null, health: null };
    expect(judge({ ...before, connected: false, everConnected: false }).kind).toBe('connecting');
    expect(judge({ ...before, connected: true }).kind).toBe('connecting');
  });

  test('of an event from the future is of now, not of minus seconds', () => {
    expect(judge({ ...HEARD, lastEventMs: BOX + 60_000 })).toMatchObject({ eventAgeMs: 0 });
  });
});

test('parts of the box that are down are told', () => {
  expect(troublesOf(null)).toEqual([]);
  expect(troublesOf({ ...HEALTH, broker: 'down' })).toEqual(['broker']);
  expect(troublesOf({ ...HEALTH, disk: { disk: 'critical' } })).toEqual([]);
  expect(troublesOf({ ...HEALTH, disk: { disk: 'full' }, broker: 'down' })).toEqual(['full', 'broker']);
  expect(troublesOf({ ...HEALTH, disk: { disk: 'full', disk_error: 'the disk has become read-only' } })).toEqual(['disk']);
  expect(troublesOf({ ...HEALTH, parts: { bridge: 'down', jobs: 'down' } })).toEqual(['bridge', 'jobs']);
  expect(troublesOf({ ...HEALTH, parts: { sync: 'down' }, sync: { state: 'off', pending_rows: null, last_acked_at: null } })).toEqual([]);
  expect(troublesOf({ ...HEALTH, sync: { state: 'down', pending_rows: 3, last_acked_at: null } })).toEqual(['sync']);
});

test.each([
  [400, 0, 'second'], [4_000, 4, 'second'], [89_000, 89, 'second'], [90_000, 2, 'minute'], [3_600_000, 60, 'minute'], [7_200_000, 2, 'hour'], [172_800_000, 2, 'day'],
])('%i ms is %i %s', (ms, value, unit) => expect(ageOf(ms)).toEqual({ value, unit }));

test('ages and times are said in words', () => {
  expect(ageInWords(4_000, 'en-GB')).toMatch(/^4 sec\.? ago$/);
  expect(ageInWords(200, 'en-GB')).toBe('now');
  expect(ageInWords(4_000, 'ar-u-nu-latn')).toMatch(/4/);
  expect(clockInWords(BOX, 'en-GB', 'Asia/Kuwait')).toBe('17:02');
  expect(clockInWords(BOX, 'en-GB', 'UTC', BOX + 86_400_000)).toBe('22 Nov 14:02');
});

import { describe, expect, test } from 'vitest';
import { readTable, rowOf } from '../src/model/feed';

const HEADERS: Record<string, string> = { 'x-hexpost-version': 'v1', 'x-hexpost-cells': '3', 'x-hexpost-days': '2026-11-20/2026-11-21' };
const header = (name: string) => HEADERS[name] ?? null;

test('a table is cut into its days', () => {
  const table = readTable(header, Uint8Array.of(1, 2, 3, 4, 5, 6));
  expect(rowOf(table, '2026-11-20')).toEqual(Uint8Array.of(1, 2, 3));
  expect(rowOf(table, '2026-11-21')).toEqual(Uint8Array.of(4, 5, 6));
  expect(rowOf(table, '2026-11-19')).toBeNull();
  expect(rowOf(table, '2026-11-22')).toBeNull();
});

describe('a table is refused', () => {
  test('when it is shorter or longer than announced', () => {
    expect(() => readTable(header, new Uint8Array(5))).toThrow('5 bytes where 6 were announced');
    expect(() => readTable(header, new Uint8Array(7))).toThrow('7 bytes');
  });

  test('when its headers are missing', () => expect(() => readTable(() => null, new Uint8Array())).toThrow('headers'));
});

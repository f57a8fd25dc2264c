// The binary feed: one byte for each day and cell, row by row, cells in the order of `/v1/feed/cells`.

import { daysBetween, type Day, type DayRange } from './day';
import type { Bounds } from './grid';

export interface CellList {
  version: string;
  resolution: number;
  bounds: Bounds | null;
  cells: string[];
}

export interface ByteTable {
  version: string;
  days: DayRange;
  width: number; // cells in each row
  bytes: Uint8Array;
}

/** What one date looks like: risk bytes and anomaly flags, both in cell order. */
export interface DayRow {
  risk: Uint8Array;
  flagged: Uint8Array;
}

/** Checks a feed against its own headers; a table of the wrong size would colour the wrong cells. */
export function readTable(header: (name: string) => string | null, bytes: Uint8Array): ByteTable {
  const width = Number(header('x-hexpost-cells'));
  const [from, to] = (header('x-hexpost-days') ?? '').split('/');
  const version = header('x-hexpost-version');
  if (!version || !Number.isInteger(width) || !from || !to) throw new Error('feed: its headers are missing');
  const expected = width * (daysBetween(from, to) + 1);
  if (bytes.length !== expected) throw new Error(`feed: ${bytes.length} bytes where ${expected} were announced`);
  return { version, days: { from, to }, width, bytes };
}

/** One day of a table, or null where the table does not hold that day. */
export function rowOf(table: ByteTable, day: Day): Uint8Array | null {
  const index = daysBetween(table.days.from, day);
  if (index < 0 || day > table.days.to) return null;
  return table.bytes.subarray(index * table.width, (index + 1) * table.width);
}

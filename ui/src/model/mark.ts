// What is drawn for one cell, packed into a number so that a change of date touches only the cells that differ.

import type { DayRow } from './feed';
import { LEVELS, levelOf, type Level } from './level';

const FLAGGED = 8;

/** 0 nothing, 1 to 5 the level in the order of `LEVELS`, plus 8 for an anomaly. Hidden levels are nothing. */
export function marksOf(row: DayRow, shown: readonly Level[]): Uint8Array {
  const byByte = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    const level = levelOf(byte);
    if (level && shown.includes(level)) byByte[byte] = 1 + LEVELS.indexOf(level);
  }
  return row.risk.map((byte, ordinal) => {
    const mark = byByte[byte]!;
    return mark && row.flagged[ordinal] === 1 ? mark + FLAGGED : mark;
  });
}

/** The feature state of a mark, as the style's expressions read it. */
export function stateOf(mark: number): { level: Level | 'none'; flagged: boolean } {
  return { level: LEVELS[(mark % FLAGGED) - 1] ?? 'none', flagged: mark >= FLAGGED };
}

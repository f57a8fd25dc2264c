// What one byte of the risk feed means, and how many cells stand at each level.
//
// The box sends ceil(2 · score), so that the bounds of the levels fall on whole bytes.

export const LEVELS = ['low', 'medium', 'high', 'critical', 'unknown'] as const;
export type Level = (typeof LEVELS)[number];
export type LevelCounts = Record<Level, number>;

export const UNKNOWN = 254;
export const NO_ROW = 255;

/** Level of a byte, or null where the cell has no row that day. A byte that nobody defined is unknown, never low. */
export function levelOf(byte: number): Level | null {
  if (byte === NO_ROW) return null;
  if (byte <= 50) return 'low';
  if (byte <= 100) return 'medium';
  if (byte <= 150) return 'high';
  if (byte <= 200) return 'critical';
  return 'unknown';
}

/** Level of a row as the box tells it: where nothing was heard all day, a low score is no calm. */
export function levelOfRow(row: { risk_level: Level | null; coverage: string | null }): Level {
  return row.coverage === 'unknown' ? 'unknown' : (row.risk_level ?? 'unknown');
}

export function countLevels(row: Uint8Array): LevelCounts {
  const counts: LevelCounts = { low: 0, medium: 0, high: 0, critical: 0, unknown: 0 };
  for (const byte of row) {
    const level = levelOf(byte);
    if (level) counts[level] += 1;
  }
  return counts;
}

/** Ordinals of the cells with the highest risk, worst first; cells without a score are not among them. */
export function worstCells(row: Uint8Array, count: number, atLeast = 1): number[] {
  const scored: number[] = [];
  row.forEach((byte, ordinal) => {
    if (byte >= atLeast && byte <= 200) scored.push(ordinal);
  });
  return scored.sort((a, b) => row[b]! - row[a]! || a - b).slice(0, count);
}

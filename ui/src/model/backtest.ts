// Whether the forecast holds at this site: what the box's last backtest says, in the figures that the page shows.

import type { Day } from './day';

export const HORIZONS = ['next_shift', 'next_day', 'next_7_days'] as const;
export const METHODS = ['calibrated', 'count_all', 'count_28d', 'last_week', 'kde', 'composite'] as const;
export const AREAS = [0.01, 0.02, 0.05] as const;
const JUDGED_AREA = 0.05;
const CALIBRATED_FROM = 0.88;
const CALIBRATED_TO = 0.92;
const EXPECTED_WITHIN = 0.15; // most cells stay empty, so that intervals hold although the total is far off

export type Horizon = (typeof HORIZONS)[number];
export type Method = (typeof METHODS)[number];
export type Verdict = 'better' | 'same' | 'worse';

export interface Figure {
  horizon: string;
  method: string;
  area: number;
  hit_rate: number | null;
  pai: number | null;
  pei: number | null;
  log_score: number | null;
}

export interface Calibration {
  horizon: string;
  windows: number;
  coverage: number;
  busy_coverage: number;
  expected: number;
  happened: number;
}

export interface Difference {
  horizon: string;
  area: number;
  difference: number;
  standard_error: number;
  verdict: Verdict;
}

export interface Part {
  incidents: number;
  from_day: Day;
  to_day: Day;
  test_days: number;
  cells: number;
  rows: Figure[];
  calibration: Calibration[];
  differences: Difference[];
}

export interface Backtest {
  backtest_pk: number;
  state: 'queued' | 'running' | 'done' | 'failed';
  resolution: number;
  made_at: string | null;
  version: string;
  report: { reported: Part; discovered: Part | null; discovered_incidents: number; discovery_known_from: Day | null } | null;
}

export interface LatestBacktest {
  latest: Backtest | null;
  waiting: Backtest | null;
  problem: string;
  history: { days: number; incidents: number; days_needed: number; incidents_needed: number } | null;
}

/** "Of `of` incidents `ours` lay in the cells that the forecast named, and `base` in those with the most so far." */
export interface Found {
  of: number;
  ours: number;
  base: number;
  verdict: Verdict;
}

/** Horizons that were long enough to be tested, the shortest first. */
export function horizonsOf(part: Part): Horizon[] {
  return HORIZONS.filter((horizon) => part.rows.some((row) => row.horizon === horizon));
}

export function figure(part: Part, horizon: Horizon, method: Method, area: number): Figure | null {
  return part.rows.find((row) => row.horizon === horizon && row.method === method && row.area === area) ?? null;
}

/** null where nothing happened in the days that were tested. */
export function foundBy(part: Part, horizon: Horizon): Found | null {
  const [ours, base] = (['calibrated', 'count_all'] as const).map((method) => figure(part, horizon, method, JUDGED_AREA)?.hit_rate ?? null);
  const judged = part.differences.find((one) => one.horizon === horizon && one.area === JUDGED_AREA);
  if (ours === null || ours === undefined || base === null || base === undefined || !judged) return null;
  // Where a hundred incidents would show no difference although there is one, a thousand are told of.
  const differs = (of: number): boolean => Math.round(ours * of) !== Math.round(base * of);
  const of = differs(1_000) && !differs(100) ? 1_000 : 100;
  return { of, ours: Math.round(ours * of), base: Math.round(base * of), verdict: judged.verdict };
}

export function calibrationOf(part: Part, horizon: Horizon): (Calibration & { good: boolean }) | null {
  const found = part.calibration.find((one) => one.horizon === horizon);
  if (!found) return null;
  const covers = found.coverage >= CALIBRATED_FROM && found.coverage <= CALIBRATED_TO;
  return { ...found, good: covers && Math.abs(found.expected - found.happened) <= EXPECTED_WITHIN * found.happened };
}

/** The end of the plot's axis: the highest hit rate, up to the next tenth; and its ticks. */
export function axisOf(part: Part, horizon: Horizon): { end: number; ticks: number[] } {
  const rates = part.rows.filter((row) => row.horizon === horizon).map((row) => row.hit_rate ?? 0);
  const tenths = Math.max(1, Math.ceil(Math.max(0, ...rates) * 10 - 1e-9));
  const step = tenths > 5 ? 2 : 1;
  const ticks = Array.from({ length: Math.floor(tenths / step) + 1 }, (_, index) => (index * step) / 10);
  return { end: tenths / 10, ticks };
}

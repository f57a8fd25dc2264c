// A made-up backtest for the mock box: the forecast a little better than plain counting, the classic score far behind.

const METHODS = { last_week: 0.8, count_28d: 0.95, count_all: 1, kde: 0.88, composite: 0.35, calibrated: 1.06 };
const HORIZONS = { next_shift: [177, 5_200], next_day: [59, 5_200], next_7_days: [53, 33_000] };
const AREAS = { 0.01: 0.15, 0.02: 0.21, 0.05: 0.37 };

/** The answer of `/v1/backtests/latest`. */
export function latestBacktest({ empty = false } = {}) {
  const history = { days: 12, incidents: 80, days_needed: 42, incidents_needed: 300 };
  if (empty) return { latest: null, waiting: null, problem: '', history };
  const [rows, calibration, differences] = [[], [], []];
  for (const [horizon, [windows, happened]] of Object.entries(HORIZONS)) {
    for (const [method, gain] of Object.entries(METHODS)) {
      const log_score = ['count_28d', 'count_all', 'calibrated'].includes(method) ? -0.26 / gain : null;
      for (const [area, rate] of Object.entries(AREAS)) {
        rows.push({ horizon, method, area: Number(area), hit_rate: rate * gain, pai: (rate * gain) / area, pei: rate * gain, log_score });
      }
    }
    for (const [area, rate] of Object.entries(AREAS)) {
      differences.push({ horizon, area: Number(area), difference: rate * 0.06, standard_error: 0.003, verdict: 'better' });
    }
    calibration.push({ horizon, windows, coverage: 0.902, busy_coverage: 0.897, expected: happened * 1.01, happened });
  }
  const part = { incidents: 15_221, from_day: '2026-06-02', to_day: '2026-11-25', test_days: 59, cells: 959, rows, calibration, differences };
  const report = { reported: part, discovered: { ...part, incidents: 1_240 }, discovered_incidents: 1_240, discovery_known_from: null };
  const latest = { backtest_pk: 1, state: 'done', resolution: 8, test_days: 90, made_at: new Date(Date.now() - 2 * 86_400_000).toISOString(), version: 'calibrated-2', report };
  return { latest, waiting: null, problem: '', history: null };
}

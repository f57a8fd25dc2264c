// A made-up city with ninety days of risk, the same on every start. For the mock box.

import { cellToLatLng, cellToParent, gridDisk, latLngToCell } from 'h3-js';

const CENTRE = [37.765, -122.44];
const DAYS = 90;
const DAY_MS = 86_400_000;
const KINDS = ['motion', 'camera_offline', 'crowd_density', 'traffic_accident', 'noise'];
const LEVELS = ['low', 'medium', 'high', 'critical'];

/** A number from 0 to 1 that looks random and depends on its arguments alone. */
function noise(...seeds) {
  const value = Math.sin(seeds.reduce((sum, seed, i) => sum + seed * (12.9898 + 65.233 * i), 1.7)) * 43758.5453;
  return value - Math.floor(value);
}

const isoDay = (ms) => new Date(ms).toISOString().slice(0, 10);

export function makeWorld({ empty }) {
  const fine = empty ? [] : gridDisk(latLngToCell(...CENTRE, 8), 9);
  const lists = { 8: fine, 7: [...new Set(fine.map((cell) => cellToParent(cell, 7)))] };
  const today = isoDay(Date.now());
  const first = isoDay(Date.now() - (DAYS - 1) * DAY_MS);
  let runs = 1;
  const world = { storeId: 'mock', lastRunAt: new Date().toISOString(), info, cellList, feed, cell, event, run };
  return world;

  function info() {
    return {
      site: { id: 'mock', name: 'Mission depot', timezone: 'America/Los_Angeles', latitude: CENTRE[0], longitude: CENTRE[1] },
      today, resolutions: [7, 8], days: empty ? null : { from: first, to: today },
    };
  }

  function cellList(resolution) {
    const cells = lists[resolution] ?? [];
    const places = cells.map((one) => cellToLatLng(one));
    const [lats, lngs] = [places.map(([lat]) => lat), places.map(([, lng]) => lng)];
    const bounds = cells.length ? [Math.min(...lngs), Math.min(...lats), Math.max(...lngs), Math.max(...lats)] : null;
    return { version: `v${resolution}-${cells.length}`, resolution, bounds, cells };
  }

  /** Everything about a cell on a day. The last cells of the list have no sensor, some have no row. */
  function facts(h3, ordinal, day) {
    const t = Math.round(Date.parse(day) / DAY_MS);
    if (ordinal % 37 === 36) return null;
    const blind = ordinal % 11 === 10;
    const hot = Math.exp(-ordinal / 40) * 70 + noise(ordinal, 3) ** 3 * 60;
    const risk_score = blind ? 0 : Math.min(100, Math.max(0, hot * (0.6 + 0.5 * noise(ordinal, t, runs))));
    const event_count = blind ? 0 : Math.round((risk_score / 100) * 18 * noise(ordinal, t, 9));
    const z_score = blind ? 0 : 4 * noise(ordinal, t, 5) - 1.6;
    const risk_level = LEVELS[Math.max(0, Math.ceil(risk_score / 25) - 1)];
    return {
      h3_index: h3, day, event_count, rolling_7d_avg: event_count * 0.8 + 0.3, growth_rate: blind ? 0 : 2 * noise(ordinal, t, 7) - 0.8,
      risk_score, risk_level, z_score, flagged: z_score >= 2.25, coverage: blind ? 'unknown' : 'observed',
    };
  }

  function feed(name, from, to, resolution) {
    const bytes = [];
    for (let ms = Date.parse(from); ms <= Date.parse(to); ms += DAY_MS) {
      lists[resolution].forEach((h3, ordinal) => {
        const row = facts(h3, ordinal, isoDay(ms));
        if (!row) bytes.push(255);
        else if (name === 'flagged') bytes.push(row.flagged ? 1 : 0);
        else bytes.push(row.coverage === 'unknown' ? 254 : Math.ceil(2 * row.risk_score));
      });
    }
    return bytes;
  }

  function cell(h3, date, days) {
    const [lat, lng] = cellToLatLng(h3);
    const resolution = parseInt(h3[1], 16);
    const ordinal = lists[resolution].indexOf(h3);
    const until = Date.parse(date ?? today);
    const series = Array.from({ length: days }, (_, i) => facts(h3, ordinal, isoDay(until - (days - 1 - i) * DAY_MS))).filter(Boolean);
    const usual = { mean_28_days: series.slice(-28).reduce((sum, one) => sum + one.event_count, 0) / 28 };
    const forecast = [{ horizon: 'next_day', event_type: '', mean: usual.mean_28_days, low: 0, high: Math.ceil(usual.mean_28_days * 3) + 1 }];
    return { h3_index: h3, resolution, centre: [lng, lat], day: facts(h3, ordinal, isoDay(until)), series, coverage: null, forecast, usual };
  }

  function event() {
    const h3_index = (fine.length ? fine : [latLngToCell(...CENTRE, 8)])[Math.floor(Math.random() * Math.max(1, fine.length * 0.2))];
    const now = new Date().toISOString();
    return { event_type: KINDS[Math.floor(Math.random() * KINDS.length)], event_timestamp: now, received_at: now, h3_index };
  }

  function run() {
    runs += 1;
    world.lastRunAt = new Date().toISOString();
    return { run_id: runs, resolution: 8, from_day: first, to_day: today, state: 'done' };
  }
}

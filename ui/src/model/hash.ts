// What the map shows, as the URL hash, so that a view can be kept as a bookmark or passed on by voice or paper.
//
//   #map=12.3/37.77000/-122.42000&date=2026-11-20&res=8&levels=high,critical&cell=882830829bfffff

import { isDay, type Day } from './day';
import { LEVELS, type Level } from './level';

export interface View {
  zoom: number;
  latitude: number;
  longitude: number;
}

export interface HashState {
  view: View | null;
  day: Day | null; // null follows the latest day
  resolution: number | null; // null chooses by zoom
  levels: Level[]; // those shown
  cell: string | null;
}

export const EMPTY_HASH: HashState = { view: null, day: null, resolution: null, levels: [...LEVELS], cell: null };

export function parseHash(hash: string): HashState {
  const parts = new URLSearchParams(hash.replace(/^#/, ''));
  const day = parts.get('date');
  const resolution = Number(parts.get('res') || NaN);
  const cell = parts.get('cell');
  return {
    view: parseView(parts.get('map')),
    day: day && isDay(day) ? day : null,
    resolution: Number.isInteger(resolution) && resolution >= 0 && resolution <= 15 ? resolution : null,
    levels: parseLevels(parts.get('levels')),
    cell: cell && /^[0-9a-f]{15}$/.test(cell) ? cell : null,
  };
}

export function formatHash(state: HashState): string {
  const parts: string[] = [];
  if (state.view) {
    const { zoom, latitude, longitude } = state.view;
    parts.push(`map=${round(zoom, 2)}/${round(latitude, 5)}/${round(longitude, 5)}`);
  }
  if (state.day) parts.push(`date=${state.day}`);
  if (state.resolution !== null) parts.push(`res=${state.resolution}`);
  if (state.levels.length < LEVELS.length) parts.push(`levels=${state.levels.join(',')}`);
  if (state.cell) parts.push(`cell=${state.cell}`);
  return parts.length ? `#${parts.join('&')}` : '';
}

function parseView(text: string | null): View | null {
  const [zoom, latitude, longitude] = (text ?? '').split('/').map(Number);
  if (zoom === undefined || latitude === undefined || longitude === undefined) return null;
  const sound = zoom >= 0 && zoom <= 24 && Math.abs(latitude) <= 85.06 && Math.abs(longitude) <= 180;
  return sound ? { zoom, latitude, longitude } : null;
}

function parseLevels(text: string | null): Level[] {
  if (text === null) return [...LEVELS];
  const wanted = text.split(',');
  return LEVELS.filter((level) => wanted.includes(level));
}

function round(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}

// Requests to the box. Paths are relative to the page's own origin: no request of the map leaves the box.

import type { LatestBacktest } from '../model/backtest';
import type { Day, DayRange } from '../model/day';
import { readTable, type ByteTable, type CellList } from '../model/feed';
import type { Asset, AssetRisk, CellDetail, MapInfo } from './types';

const BASE = '/v1';
const TIMEOUT_MS = 20_000; // a phone at the edge of the Wi-Fi; longer than this it is better told

/** What the box answered when it would not (RFC 9457), or why it could not be reached (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail ? `${title}: ${detail}` : title);
  }
}

export function fetchMap(): Promise<MapInfo> {
  return getJson<MapInfo>('/map');
}

export function fetchCells(resolution: number): Promise<CellList> {
  return getJson<CellList>(`/feed/cells?resolution=${resolution}`);
}

export function fetchRisk(days: DayRange, resolution: number): Promise<ByteTable> {
  return getTable('risk', days, resolution);
}

export function fetchFlagged(days: DayRange, resolution: number): Promise<ByteTable> {
  return getTable('flagged', days, resolution);
}

export function fetchCell(h3: string, day: Day | null, dayCount: number): Promise<CellDetail> {
  const date = day ? `date=${day}&` : '';
  return getJson<CellDetail>(`/cells/${h3}?${date}days=${dayCount}`);
}

export function fetchBacktest(): Promise<LatestBacktest> {
  return getJson<LatestBacktest>('/backtests/latest');
}

/** Every critical asset; none for who may not see them, which is asked first, since a refusal would stand in the log. */
export async function fetchAssets(): Promise<Asset[]> {
  const me = await getJson<{ role: string }>('/auth/me');
  if (me.role !== 'admin') return [];
  const found: Asset[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const after: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
    const page = await getJson<{ items: Asset[]; next_cursor: string | null }>(`/assets?limit=500${after}`);
    found.push(...page.items);
    cursor = page.next_cursor;
  }
  return found;
}

/** An asset on one day; null where it was not computed. */
export async function fetchAssetRisk(id: string, day: Day): Promise<AssetRisk | null> {
  const { items } = await getJson<{ items: AssetRisk[] }>(`/assets/${encodeURIComponent(id)}/risk?from=${day}&to=${day}`);
  return items[0] ?? null;
}

/** Addresses of tiles are absolute, because MapLibre fetches them in a worker. */
export function hexTiles(resolution: number, version: string): string {
  return `${location.origin}${BASE}/tiles/hex/{z}/{x}/{y}?resolution=${resolution}&v=${encodeURIComponent(version)}`;
}

export function basemapTiles(name: string): string {
  return `${location.origin}${BASE}/basemaps/${encodeURIComponent(name)}/{z}/{x}/{y}`;
}

export const STREAM_PATH = `${BASE}/stream`;

async function getTable(name: string, days: DayRange, resolution: number): Promise<ByteTable> {
  const answer = await get(`/feed/${name}?from=${days.from}&to=${days.to}&resolution=${resolution}`);
  return readTable((header) => answer.headers.get(header), new Uint8Array(await answer.arrayBuffer()));
}

async function getJson<T>(path: string): Promise<T> {
  return (await (await get(path)).json()) as T;
}

async function get(path: string): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(BASE + path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    throw new Problem(0, 'The box cannot be reached', String(error));
  }
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    const { title, detail } = (await answer.json()) as { title?: string; detail?: string };
    return new Problem(answer.status, title ?? answer.statusText, detail ?? '');
  } catch {
    return new Problem(answer.status, answer.statusText || `HTTP ${answer.status}`, ''); // not a problem document: a proxy's page
  }
}

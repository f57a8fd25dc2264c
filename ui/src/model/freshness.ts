// How far the picture can be believed, from what the box said last and how long it has been silent.
//
// The rule: silence must not look like calm. `live` is said only while words keep arriving from the box. Times
// come from the box, because a phone's clock may be wrong; the phone only measures durations.

export const SILENCE_LIMIT_MS = 15_000; // the box speaks every 5 s, so three missed

export interface Health {
  server_time: string;
  last_event_at: string | null;
  last_run_at: string | null;
  broker: 'up' | 'down' | 'unknown';
  parts: Record<string, string>;
  disk?: { disk?: string; disk_error?: string };
  sync?: { state: string; pending_rows: number | null; last_acked_at: string | null };
}

export interface Heard {
  connected: boolean; // the stream is open
  everConnected: boolean;
  boxTimeMs: number | null; // the box's clock in its last word
  silentMs: number; // measured here since that word
  lastEventMs: number | null; // the box's time of the newest event
  health: Health | null;
}

export type Trouble = 'disk' | 'full' | 'broker' | 'bridge' | 'jobs' | 'sync' | 'serve';

export type Freshness =
  | { kind: 'connecting' }
  | { kind: 'lost'; pictureMs: number | null; silentMs: number }
  | { kind: 'silent'; pictureMs: number; silentMs: number }
  | { kind: 'live'; eventAgeMs: number | null; troubles: Trouble[] };

export function judge(heard: Heard): Freshness {
  const pictureMs = heard.boxTimeMs;
  if (!heard.connected) {
    return heard.everConnected || pictureMs !== null ? { kind: 'lost', pictureMs, silentMs: heard.silentMs } : { kind: 'connecting' };
  }
  if (pictureMs === null) return { kind: 'connecting' };
  if (heard.silentMs >= SILENCE_LIMIT_MS) return { kind: 'silent', pictureMs, silentMs: heard.silentMs };
  const boxNow = pictureMs + heard.silentMs;
  const eventAgeMs = heard.lastEventMs === null ? null : Math.max(0, boxNow - heard.lastEventMs);
  return { kind: 'live', eventAgeMs, troubles: troublesOf(heard.health) };
}

/** Parts of the box that make the picture incomplete although the line to the phone stands. */
export function troublesOf(health: Health | null): Trouble[] {
  if (!health) return [];
  const troubles: Trouble[] = [];
  // First what costs most: nothing new is recorded at all, then not everything.
  if (health.disk?.disk_error) troubles.push('disk');
  else if (health.disk?.disk === 'full') troubles.push('full');
  if (health.broker === 'down') troubles.push('broker');
  for (const part of ['bridge', 'jobs', 'serve'] as const) if (health.parts[part] === 'down') troubles.push(part);
  // A box without a centre has that part switched off, which is no trouble.
  if ((health.sync?.state ?? health.parts.sync) === 'down') troubles.push('sync');
  return troubles;
}

/** A duration rounded to the unit people say: seconds under a minute and a half, then minutes, hours, days. */
export function ageOf(ms: number): { value: number; unit: 'second' | 'minute' | 'hour' | 'day' } {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return { value: seconds, unit: 'second' };
  if (seconds < 90 * 60) return { value: Math.round(seconds / 60), unit: 'minute' };
  if (seconds < 36 * 3600) return { value: Math.round(seconds / 3600), unit: 'hour' };
  return { value: Math.round(seconds / 86_400), unit: 'day' };
}

/** "4 sec. ago" in the language asked for. */
export function ageInWords(ms: number, locale: string): string {
  const { value, unit } = ageOf(ms);
  return new Intl.RelativeTimeFormat(locale, { style: 'short', numeric: value === 0 ? 'auto' : 'always' }).format(-value, unit);
}

/** "14:02" at the site, with the day where it is not the box's today. */
export function clockInWords(ms: number, locale: string, timezone: string, nowMs = ms): string {
  const zone = { timeZone: timezone } as const;
  const time = new Intl.DateTimeFormat(locale, { ...zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const day = new Intl.DateTimeFormat(locale, { ...zone, day: 'numeric', month: 'short' });
  return day.format(ms) === day.format(nowMs) ? time.format(ms) : `${day.format(ms)} ${time.format(ms)}`;
}

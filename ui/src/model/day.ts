// Calendar days of the site as ISO dates. No clock and no time zone in here: the box says which day it is.

export type Day = string;
export interface DayRange {
  from: Day;
  to: Day; // inclusive
}

const DAY_MS = 86_400_000;

export function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && addDays(text, 0) === text;
}

export function addDays(day: Day, count: number): Day {
  return new Date(Date.parse(day) + count * DAY_MS).toISOString().slice(0, 10);
}

/** Whole days from `a` to `b`; negative when `b` is earlier. */
export function daysBetween(a: Day, b: Day): number {
  return Math.round((Date.parse(b) - Date.parse(a)) / DAY_MS);
}

export function clampDay(day: Day, range: DayRange): Day {
  return day < range.from ? range.from : day > range.to ? range.to : day;
}

/** The next day in playback, or null at the end. */
export function nextDay(day: Day, range: DayRange): Day | null {
  return day < range.to ? addDays(day, 1) : null;
}

/**
 * The stretch of days to fetch at once for looking at `day`: blocks of `length` counted back from the end of the
 * range, so that neighbouring days share a block and the newest block is the one most people need.
 */
export function blockAround(day: Day, range: DayRange, length: number): DayRange {
  const back = Math.floor(daysBetween(clampDay(day, range), range.to) / length) * length;
  const to = addDays(range.to, -back);
  return { from: clampDay(addDays(to, 1 - length), range), to };
}

/** "Sunday, 22 November 2026" in the language asked for. */
export function dayInWords(day: Day, locale: string): string {
  const options = { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' } as const;
  return new Intl.DateTimeFormat(locale, options).format(Date.parse(day));
}

/** "22 Nov" in the language asked for. */
export function dayShort(day: Day, locale: string): string {
  return new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(Date.parse(day));
}

/** "20 Nov 2026", for spans that may be years. */
export function dayWithYear(day: Day, locale: string): string {
  return new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }).format(Date.parse(day));
}

// Languages of the map: the tables, their writing direction, and the one function that fills in values.

import { ar } from './ar';
import { en, type Strings } from './en';

export type { Strings };
export const LANGUAGES = { en: { strings: en, direction: 'ltr' }, ar: { strings: ar, direction: 'rtl' } } as const;
export type Language = keyof typeof LANGUAGES;

export function isLanguage(text: unknown): text is Language {
  return typeof text === 'string' && Object.hasOwn(LANGUAGES, text);
}

/** The first of the device's languages that there is a table for, else English. */
export function preferredLanguage(wanted: readonly string[]): Language {
  return wanted.map((tag) => tag.split('-')[0]).find(isLanguage) ?? 'en';
}

/** "{count} rows" with {count: 3} is "3 rows"; a place without a value stays visible, so that the mistake is seen. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

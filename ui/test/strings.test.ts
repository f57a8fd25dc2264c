import { describe, expect, test } from 'vitest';
import { fill, LANGUAGES, preferredLanguage, type Strings } from '../src/strings';
import { en } from '../src/strings/en';

const places = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

describe.each(Object.entries(LANGUAGES))('the words of %s', (_language, { strings }) => {
  test('are all there', () => expect(Object.keys(strings).sort()).toEqual(Object.keys(en).sort()));
  test.each(Object.keys(en) as (keyof Strings)[])('%s is not empty and has the same places for values', (key) => {
    expect(strings[key].trim()).not.toBe('');
    expect(places(strings[key])).toEqual(places(en[key]));
  });
  test('name a locale that the browser knows', () => expect(() => new Intl.DateTimeFormat(strings.locale)).not.toThrow());
});

test('the first known language of the device is taken', () => {
  expect(preferredLanguage(['ar-KW', 'en'])).toBe('ar');
  expect(preferredLanguage(['fr', 'ar'])).toBe('ar');
  expect(preferredLanguage(['fr'])).toBe('en');
  expect(preferredLanguage(['constructor'])).toBe('en');
});

test('a place without a value stays to be seen', () => {
  expect(fill('{count} rows of {all}', { count: 3 })).toBe('3 rows of {all}');
});

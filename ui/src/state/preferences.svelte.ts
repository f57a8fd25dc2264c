// What the person at this screen chose: language and appearance. Kept on the device where it allows that.

import type { Theme } from '../map/palette';
import { isLanguage, LANGUAGES, preferredLanguage, type Language } from '../strings';

export type ThemeChoice = 'auto' | Theme;

const WIDE = '(min-width: 900px)';
const DARK = '(prefers-color-scheme: dark)';

export class Preferences {
  language = $state<Language>(storedLanguage());
  themeChoice = $state<ThemeChoice>(storedTheme());
  #deviceDark = $state(matchMedia(DARK).matches);
  wide = $state(matchMedia(WIDE).matches);

  strings = $derived(LANGUAGES[this.language].strings);
  direction = $derived(LANGUAGES[this.language].direction);
  theme: Theme = $derived(this.themeChoice === 'auto' ? (this.#deviceDark ? 'dark' : 'light') : this.themeChoice);

  constructor() {
    matchMedia(DARK).addEventListener('change', ({ matches }) => (this.#deviceDark = matches));
    matchMedia(WIDE).addEventListener('change', ({ matches }) => (this.wide = matches));
  }

  setLanguage(language: Language): void {
    this.language = language;
    store('language', language);
  }

  setTheme(choice: ThemeChoice): void {
    this.themeChoice = choice;
    store('theme', choice);
  }
}

function storedLanguage(): Language {
  const kept = recall('language');
  return isLanguage(kept) ? kept : preferredLanguage(navigator.languages);
}

function storedTheme(): ThemeChoice {
  const kept = recall('theme');
  return kept === 'light' || kept === 'dark' ? kept : 'auto';
}

// A browser may refuse storage (private windows); the choice then lasts as long as the page.
function store(name: string, value: string): void {
  try {
    localStorage.setItem(`hexpost.${name}`, value);
  } catch {
    return;
  }
}

function recall(name: string): string | null {
  try {
    return localStorage.getItem(`hexpost.${name}`);
  } catch {
    return null;
  }
}

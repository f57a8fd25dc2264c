// Colours of risk. They differ in lightness as well as in hue, so that they stay apart for colour-blind eyes, in
// sunlight and on paper; unknown is grey and hatched, which no level is.

import type { Level } from '../model/level';

export type Theme = 'light' | 'dark';

export interface Palette {
  levels: Record<Level, string>;
  opacity: Record<Level, number>;
  anomaly: string; // outline of unusual cells
  casing: string; // around that outline, so that it shows on every colour
  selected: string;
  hatch: [number, number, number, number];
}

export const PALETTES: Record<Theme, Palette> = {
  light: {
    levels: { low: '#5aa9d6', medium: '#f7ce46', high: '#ec7014', critical: '#8c0d3f', unknown: '#7d8790' },
    opacity: { low: 0.42, medium: 0.62, high: 0.68, critical: 0.74, unknown: 0.22 },
    anomaly: '#10181f',
    casing: '#ffffff',
    selected: '#0057d9',
    hatch: [70, 80, 90, 200],
  },
  dark: {
    levels: { low: '#2f7fb5', medium: '#f0c22e', high: '#f5802a', critical: '#e8246f', unknown: '#8a949d' },
    opacity: { low: 0.45, medium: 0.55, high: 0.66, critical: 0.8, unknown: 0.2 },
    anomaly: '#ffffff',
    casing: '#0b1116',
    selected: '#7fd4ff',
    hatch: [170, 182, 192, 190],
  },
};

/** Diagonal stripes, tileable, as raw pixels: MapLibre repeats it over cells that nothing watches. */
export function hatchImage([red, green, blue, alpha]: Palette['hatch'], size = 16, stripe = 3): { width: number; height: number; data: Uint8Array } {
  const data = new Uint8Array(size * size * 4);
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const on = (x + y) % (size / 2) < stripe;
      if (on) data.set([red, green, blue, alpha], 4 * (y * size + x));
    }
  }
  return { width: size, height: size, data };
}

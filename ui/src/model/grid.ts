// The few facts about H3 that the map needs, so that it need not carry the library (66 KB compressed).

const EDGE_KM_AT_0 = 1281.256; // average edge length of resolution 0; each step divides it by √7 (h3geo.org tables)
const EARTH_CIRCUMFERENCE_KM = 40_075.017;
const LEAST_PIXELS = 13; // a hexagon narrower than this can be neither read nor tapped

/** How wide a hexagon of a resolution appears, in CSS pixels, at a MapLibre zoom (512-pixel tiles). */
export function hexagonPixels(resolution: number, zoom: number, latitude: number): number {
  const width = (2 * EDGE_KM_AT_0) / Math.sqrt(7) ** resolution;
  const kmPerPixel = (EARTH_CIRCUMFERENCE_KM * Math.cos((latitude * Math.PI) / 180)) / (512 * 2 ** zoom);
  return width / kmPerPixel;
}

/** The finest resolution whose hexagons can still be read at this zoom, else the coarsest; null when there is none. */
export function resolutionFor(zoom: number, latitude: number, resolutions: readonly number[]): number | null {
  const finestFirst = [...resolutions].sort((a, b) => b - a);
  return finestFirst.find((one) => hexagonPixels(one, zoom, latitude) >= LEAST_PIXELS) ?? finestFirst.at(-1) ?? null;
}

/** West, south, east, north with a margin in degrees, within the world. */
export type Bounds = [number, number, number, number];

export function padBounds([west, south, east, north]: Bounds, degrees: number): Bounds {
  return [Math.max(-180, west - degrees), Math.max(-85, south - degrees), Math.min(180, east + degrees), Math.min(85, north + degrees)];
}

// Shapes of the box's answers under `/v1`, as far as the map reads them.

import type { Day, DayRange } from '../model/day';
import type { Bounds } from '../model/grid';
import type { Level } from '../model/level';

export interface Site {
  id: string;
  name: string;
  timezone: string;
  latitude: number | null;
  longitude: number | null;
}

export interface Basemap {
  name: string;
  kind: 'world' | 'streets';
  minzoom: number;
  maxzoom: number;
  bounds: Bounds;
  layers: string[];
  attribution: string | null;
}

export interface MapInfo {
  site: Site;
  today: Day;
  resolutions: number[];
  days: DayRange | null;
  basemaps: Basemap[];
}

export interface CellDay {
  h3_index: string;
  day: Day;
  event_count: number;
  rolling_7d_avg: number | null;
  growth_rate: number | null;
  risk_score: number | null;
  risk_level: Level | null;
  z_score: number | null;
  flagged: boolean | null;
  coverage: 'observed' | 'unknown' | null;
}

/** How a cell that devices look at was watched; `cause` weighs most of what was not. */
export interface CellCoverage {
  state: 'observed' | 'partial' | 'unknown';
  watched: number; // 0..1
  cause: 'ours' | 'segment' | 'maintenance' | 'own' | '';
  devices: number;
  down: number;
}

export interface CellDetail {
  h3_index: string;
  resolution: number;
  centre: [number, number];
  day: CellDay | null;
  series: CellDay[];
  /** null for a cell that no device looks at */
  coverage: CellCoverage | null;
  /** by horizon and type, '' for all events; empty where nothing is forecast */
  forecast: CellForecast[];
  /** null at a resolution that is not counted */
  usual: { mean_28_days: number } | null;
}

/** What a cell is to expect: events on average, and between which they lie nine times in ten. */
export interface CellForecast {
  horizon: 'next_day' | 'next_7_days';
  event_type: string;
  mean: number;
  low: number;
  high: number;
}

/** A critical asset on a day; what is not known is null. */
export interface AssetRisk {
  day: Day;
  expected_events: number | null;
  probability: number | null;
  risk_score: number | null;
  risk_level: Level | null;
  basis: 'forecast' | 'counts_28d' | '';
  observed_events: number;
  observed_whole: boolean;
  coverage: 'observed' | 'unknown';
}

export interface Asset {
  asset_id: string;
  name: string;
  kind: string;
  criticality: number;
  geometry: { type: 'Point' | 'LineString' | 'Polygon' | 'MultiPoint' | 'MultiLineString' | 'MultiPolygon'; coordinates: unknown[] };
  alerting: boolean;
  today: AssetRisk | null;
}

export interface LiveEvent {
  event_type: string;
  event_timestamp: string;
  received_at: string;
  /** null while nobody has said where the device stands */
  h3_index: string | null;
  longitude?: number | null;
  latitude?: number | null;
  event_id?: string;
}

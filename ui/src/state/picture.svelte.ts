// The situation picture: which day, resolution and levels are shown, and the data for it.
//
// Data are fetched in blocks of days; stepping and playing then need no request. The list of cells and a block of
// bytes belong together by the version of the grid: one without the other would colour the wrong cells.

import { fetchCells, fetchFlagged, fetchMap, fetchRisk } from '../api/client';
import type { MapInfo } from '../api/types';
import { blockAround, clampDay, type Day, type DayRange } from '../model/day';
import { rowOf, type ByteTable, type CellList, type DayRow } from '../model/feed';
import { resolutionFor } from '../model/grid';
import { EMPTY_HASH, type HashState, type View } from '../model/hash';
import { countLevels, LEVELS, type Level } from '../model/level';
import { marksOf } from '../model/mark';

const BLOCK_DAYS = 92;
const MOST_ATTEMPTS = 3;
const RETRY_MS = 5_000;

interface Block {
  list: CellList;
  risk: ByteTable;
  flagged: ByteTable;
}

export class Picture {
  info = $state.raw<MapInfo | null>(null);
  problem = $state<string | null>(null);
  view = $state.raw<View | null>(null);
  asked = $state.raw<View | null>(null); // the view that the address last asked for; the map goes there
  chosenDay = $state<Day | null>(null);
  chosenResolution = $state<number | null>(null);
  shown = $state.raw<readonly Level[]>(LEVELS);
  cell = $state<string | null>(null);
  #blocks = $state.raw<readonly Block[]>([]);
  generation = $state(0); // counts refreshes; what was read in an earlier one is read again
  #readIn = new WeakMap<Block, number>();
  #loading = '';
  #retry: ReturnType<typeof setTimeout> | undefined;

  days: DayRange | null = $derived(this.info?.days ?? null);
  day: Day | null = $derived(this.days && clampDay(this.chosenDay ?? this.days.to, this.days));
  resolution: number | null = $derived(this.#chooseResolution());
  #block: Block | null = $derived(this.#blocks.find((one) => this.#holds(one)) ?? null);
  /** The cells now on the map; those of the last block stay until another is there, so that the map does not blink. */
  list: CellList | null = $derived((this.#block ?? this.#blocks.find((one) => one.list.resolution === this.resolution))?.list ?? null);
  row: DayRow | null = $derived(this.#rowOfDay());
  marks: Uint8Array = $derived(this.row ? marksOf(this.row, this.shown) : new Uint8Array());
  counts = $derived(this.row ? countLevels(this.row.risk) : null);

  constructor(start: HashState) {
    this.follow(start);
  }

  /** Shows what an address says: at the start, and when another is opened in a page that is already there. */
  follow({ view, day, resolution, levels, cell }: HashState): void {
    if (view) [this.view, this.asked] = [view, view];
    this.chosenDay = day;
    this.chosenResolution = resolution;
    this.shown = levels;
    this.cell = cell;
  }

  get hash(): HashState {
    const { view, chosenDay, chosenResolution, shown, cell } = this;
    return { ...EMPTY_HASH, view, day: chosenDay, resolution: chosenResolution, levels: [...shown], cell };
  }

  /** Choosing the newest day means to follow it, so that midnight does not leave the screen on yesterday. */
  chooseDay(day: Day): void {
    this.chosenDay = day === this.days?.to ? null : day;
  }

  toggle(level: Level): void {
    this.shown = LEVELS.filter((one) => (one === level ? !this.shown.includes(one) : this.shown.includes(one)));
  }

  /** Reads everything again: at the start, after a run, and when the line to the box is back. */
  async refresh(otherStore = false): Promise<void> {
    if (otherStore) this.#blocks = [];
    try {
      this.info = await fetchMap();
      this.generation += 1;
      this.problem = null;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Fetches the block of the day shown where it is missing. Called from an effect: reads what it depends on first. */
  load(): void {
    const { resolution, day, days } = this;
    const generation = this.generation;
    if (resolution === null || !day || !days) return;
    const wanted = blockAround(day, days, BLOCK_DAYS);
    const key = `${generation}/${resolution}/${wanted.from}/${wanted.to}`;
    const known = this.#blocks.find((one) => this.#holds(one));
    if (key === this.#loading || (known && this.#readIn.get(known) === generation)) return;
    this.#loading = key;
    void this.#loadBlock(key, wanted, resolution, generation);
  }

  async #loadBlock(key: string, days: DayRange, resolution: number, generation: number): Promise<void> {
    try {
      const block = await fetchBlock(days, resolution);
      this.#readIn.set(block, generation);
      // One block for each resolution: memory stays bounded however long the history is.
      this.#blocks = [block, ...this.#blocks.filter((one) => one.list.resolution !== resolution)];
      this.problem = null;
    } catch (error) {
      this.#failed(error);
    } finally {
      if (this.#loading === key) this.#loading = '';
    }
  }

  #failed(error: unknown): void {
    this.problem = error instanceof Error ? error.message : String(error);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.refresh(), RETRY_MS);
  }

  #holds({ list, risk }: Block): boolean {
    return this.day !== null && list.resolution === this.resolution && rowOf(risk, this.day) !== null;
  }

  #rowOfDay(): DayRow | null {
    const risk = this.#block && this.day && rowOf(this.#block.risk, this.day);
    const flagged = this.#block && this.day && rowOf(this.#block.flagged, this.day);
    return risk && flagged ? { risk, flagged } : null;
  }

  #chooseResolution(): number | null {
    const resolutions = this.info?.resolutions ?? [];
    if (this.chosenResolution !== null && resolutions.includes(this.chosenResolution)) return this.chosenResolution;
    if (!this.view) return resolutions.length ? Math.max(...resolutions) : null;
    return resolutionFor(this.view.zoom, this.view.latitude, resolutions);
  }
}

/** Cells and bytes of one version; asks again where a run came in between. */
async function fetchBlock(days: DayRange, resolution: number): Promise<Block> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const [list, risk, flagged] = await Promise.all([fetchCells(resolution), fetchRisk(days, resolution), fetchFlagged(days, resolution)]);
    const oneGrid = list.version === risk.version && list.version === flagged.version;
    if (oneGrid && risk.width === list.cells.length && flagged.width === list.cells.length) return { list, risk, flagged };
  }
  throw new Error('feed: the grid of cells kept changing while it was read');
}

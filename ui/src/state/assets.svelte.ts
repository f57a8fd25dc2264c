// The critical assets of the site with their risk of today, and the one that is looked at.

import { fetchAssets } from '../api/client';
import type { Asset } from '../api/types';

export class Assets {
  list = $state.raw<readonly Asset[]>([]);
  chosenId = $state<string | null>(null);
  chosen: Asset | null = $derived(this.list.find((one) => one.asset_id === this.chosenId) ?? null);
  #asked = 0;

  /** Reads them anew. Without them the map is a map of cells: what went wrong is told where cells cannot be read. */
  async refresh(): Promise<void> {
    const asked = (this.#asked += 1);
    try {
      const list = await fetchAssets();
      if (asked === this.#asked) this.list = list; // a later question may have been answered sooner
    } catch {
      return;
    }
  }
}

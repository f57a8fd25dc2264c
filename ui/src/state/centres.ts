// Where a cell is, asked of the box once for each: for events whose exact place it does not tell.

import { fetchCell } from '../api/client';
import type { Place } from '../map/hexmap';

const KEEP = 500;
const AT_ONCE = 4; // a burst of events must not become a burst of requests; those beyond show in the list only

export class Centres {
  #known = new Map<string, Place>();
  #asking = 0;

  async find(h3: string): Promise<Place | null> {
    const known = this.#known.get(h3);
    if (known || this.#asking >= AT_ONCE) return known ?? null;
    this.#asking += 1;
    try {
      const { centre } = await fetchCell(h3, null, 1);
      this.keep(h3, centre);
      return centre;
    } catch {
      return null; // the event stands in the list all the same
    } finally {
      this.#asking -= 1;
    }
  }

  keep(h3: string, centre: Place): void {
    const [oldest] = this.#known.keys();
    if (this.#known.size >= KEEP && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(h3, centre);
  }
}

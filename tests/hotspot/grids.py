"""Small worlds of cells that the tests of this room share."""

import h3.api.basic_int as h3
import numpy as np

from appliance.hotspot.verdict import History, Ints

CENTRE = h3.latlng_to_cell(43.7, -79.4, 8)


def around(k: int, centre: int = CENTRE) -> Ints:
    """All cells within k steps of one, ascending: 7, 19, 37, ... of them."""
    return np.array(sorted(h3.grid_disk(centre, k)), dtype=np.int64)


def ring() -> list[int]:
    """The six neighbours of the centre, walking around it."""
    walk = [next(iter(sorted(h3.grid_ring(CENTRE, 1))))]
    while len(walk) < 6:
        walk.append(min(cell for cell in set(h3.grid_disk(walk[-1], 1)) & set(h3.grid_ring(CENTRE, 1)) - set(walk)))
    return walk


def weeks(cells: Ints, counts: Ints) -> History:
    """A history of whole weeks that were watched throughout, a column of `counts` each."""
    lengths = np.full(counts.shape[1], 7.0)
    return History(cells=cells, counts=counts.astype(np.int64), exposure=lengths[None, :], lengths=lengths)

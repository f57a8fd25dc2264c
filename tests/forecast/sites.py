"""Made-up sites: a patch of cells, and histories in which the truth is known."""

from datetime import date

import numpy as np

from appliance.forecast.grid import Floats, Grid, Ints, grid_around
from appliance.forecast.history import SHIFTS, History, history_of
from appliance.spatial.cells import cell_of, disk

MONDAY = date(2026, 3, 2)


def patch(rings: int = 4, resolution: int = 9) -> Grid:
    """Cells around a place in Kuwait: the rings' and one more."""
    cells = {cell_of(lat=29.37, lng=47.97, resolution=resolution)}
    for _ in range(rings):
        cells = {near for cell in cells for near in disk(cell)}
    return grid_around(cells)


def draw(grid: Grid, rates: Floats, days: int, *, seed: int = 3, by_shift: tuple[float, ...] = (1, 1, 1)) -> History:
    """Poisson counts of `rates` events a day, spread over the shifts of a day as `by_shift` says."""
    rng = np.random.default_rng(seed)
    share = np.array(by_shift) / sum(by_shift)
    counts = rng.poisson(rates[None, None, :] * share[None, :, None], (days, SHIFTS, grid.size))
    return from_counts(grid, counts)


def from_counts(grid: Grid, counts: Ints) -> History:
    """A history of counts (days, 3, cells), with every event in the first hour of its shift."""
    day, slot, place = (np.repeat(at, counts[counts > 0]) for at in np.nonzero(counts))
    return history_of(
        grid, first_day=MONDAY, days=len(counts), cells=grid.cells[place], day=day, hour=slot * (24 // SHIFTS)
    )

"""The cells that a forecast is about, and which of them touch: every cell with an event, and its neighbours."""

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.spatial.cells import disk

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """The n cells of a forecast.

    cells  (n,) int64         ascending
    disk   (n + 1, 7) int64   places in `cells` of each cell and its neighbours; n where there is none, and in row n
    """

    cells: Ints
    disk: Ints

    @property
    def size(self) -> int:
        """How many cells there are."""
        return len(self.cells)


def grid_around(seeds: Iterable[int]) -> Grid:
    """The grid of all seeds (of one resolution) and their neighbours."""
    return grid_of({near for seed in set(seeds) for near in disk(seed)})


def grid_of(cells: Iterable[int]) -> Grid:
    """The grid of just these cells."""
    ordered = np.array(sorted(set(cells)), np.int64)
    places = {cell: place for place, cell in enumerate(ordered.tolist())}
    missing = len(ordered)
    near = np.full((missing + 1, 7), missing, np.int64)
    for cell, place in places.items():
        around = [places.get(other, missing) for other in disk(cell)]
        near[place, : len(around)] = around
    return Grid(cells=ordered, disk=near)


def places_of(grid: Grid, cells: Ints) -> Ints:
    """Where cells stand in the grid; its size for those that are not in it."""
    if grid.size == 0:
        return np.zeros(len(cells), np.int64)
    at = np.minimum(np.searchsorted(grid.cells, cells), grid.size - 1)
    return np.where(grid.cells[at] == cells, at, grid.size)

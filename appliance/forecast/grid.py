"""The cells that a forecast is about, which of them touch, and in which district each lies."""

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.spatial.cells import disk, parent, resolution_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DISTRICT_STEPS = 2
"""Resolutions from a cell up to its district, of 49 cells: of patrol cells it has the size of a town's quarter."""


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """The n cells of a forecast.

    cells     (n,) int64         ascending
    disk      (n + 1, 7) int64   places in `cells` of each cell and its neighbours; n where there is none, and in row n
    district  (n,) int64         the number of the district that each lies in, from 0
    """

    cells: Ints
    disk: Ints
    district: Ints

    @property
    def size(self) -> int:
        """How many cells there are."""
        return len(self.cells)


def grid_around(seeds: Iterable[int]) -> Grid:
    """The grid of all seeds (of one resolution) and their neighbours: every cell with an event, and around it."""
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
    return Grid(cells=ordered, disk=near, district=_districts(ordered))


def _districts(cells: Ints) -> Ints:
    if not len(cells):
        return np.zeros(0, np.int64)
    resolution = max(resolution_of(int(cells[0])) - DISTRICT_STEPS, 0)
    _, found = np.unique([parent(cell, resolution) for cell in cells.tolist()], return_inverse=True)
    return found.astype(np.int64)


def places_of(grid: Grid, cells: Ints) -> Ints:
    """Where cells stand in the grid; its size for those that are not in it."""
    if grid.size == 0:
        return np.zeros(len(cells), np.int64)
    at = np.minimum(np.searchsorted(grid.cells, cells), grid.size - 1)
    return np.where(grid.cells[at] == cells, at, grid.size)

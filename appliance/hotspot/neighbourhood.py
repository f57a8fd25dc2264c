"""Which cells of a set touch, and which parts of it hang together. Called by `verdict`, `growth` and `patches`."""

import numpy as np
from numpy.typing import NDArray

from appliance.spatial.cells import disk

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DISK = 7
"""A cell and the six that touch it; around a pentagon they are six."""
ABSENT = -1


def disks(cells: Ints) -> Ints:
    """Each cell and those of its neighbours that are in the set.

    cells    (c,) int64     ascending, without repeats, of one resolution
    returns  (c, 7) int64   positions in `cells`: the cell itself first, then its neighbours; `ABSENT` where none is
    """
    around = np.full((len(cells), DISK), ABSENT, dtype=np.int64)
    for n, cell in enumerate(cells.tolist()):
        others = [other for other in disk(cell) if other != cell]
        around[n, 0] = cell
        around[n, 1 : 1 + len(others)] = others
    at = np.searchsorted(cells, around).clip(max=max(len(cells) - 1, 0))
    found: Ints = np.where(cells[at] == around, at, ABSENT) if len(cells) else around
    return found


def sums(values: Ints, near: Ints) -> Ints:
    """The sum of a value over each cell's disk.

    values   (c,) int64
    near     (c, 7) int64   as `disks` gives them
    returns  (c,) int64
    """
    padded = np.append(values, 0)
    found: Ints = padded[near].sum(axis=1)
    return found


def sizes(near: Ints) -> Ints:
    """(c,) int64  how many cells of the set each disk holds, the cell itself included: 1..7."""
    found: Ints = (near != ABSENT).sum(axis=1)
    return found


def within(near: Ints, chosen: Bools) -> Ints:
    """Disks of a part of the set, positions counted within that part; (chosen, 7) int64."""
    position = np.full(len(chosen) + 1, ABSENT, dtype=np.int64)
    position[:-1][chosen] = np.arange(int(chosen.sum()))
    found: Ints = position[near[chosen]]
    return found


def disks_of(counts: Ints, days: Floats, near: Ints, chosen: Bools) -> tuple[Ints, Floats, Ints]:
    """Events and days watched of each cell and those of its neighbours that are chosen.

    counts   (c, b) int64
    days     (c, b) float64
    returns  (events (c, b) int64, the mean of their days (c, b) float64, how many cells (c,) int64); zeros for cells
             that are not chosen
    """
    part = within(near, chosen)
    events, mean, size = np.zeros_like(counts), np.zeros(counts.shape), np.zeros(len(counts), np.int64)
    size[chosen] = sizes(part)
    padded = np.zeros((int(chosen.sum()) + 1, counts.shape[1]))  # the last, at `ABSENT`, is nothing
    padded[:-1] = counts[chosen]
    events[chosen] = padded[part].sum(axis=1).astype(np.int64)
    padded[:-1] = days[chosen]
    mean[chosen] = padded[part].sum(axis=1) / size[chosen, None]
    return events, mean, size


def components(near: Ints, group: Ints) -> Ints:
    """Which cells hang together through neighbours of the same group.

    near     (c, 7) int64  as `disks` gives them
    group    (c,) int64    negative: the cell takes no part
    returns  (c,) int64    the position of the first cell of its component; `ABSENT` for cells that take no part
    """
    label = np.where(group >= 0, np.arange(len(group)), ABSENT)
    kind = np.append(group, ABSENT)
    joined = (near != ABSENT) & (kind[near] == group[:, None]) & (group >= 0)[:, None]
    while True:  # each turn takes the lowest label around, then follows it to its own
        around = np.where(joined, np.append(label, ABSENT)[near], len(group))
        lowest = np.where(group >= 0, around.min(axis=1, initial=len(group)), ABSENT)
        lowest = np.where(lowest >= 0, np.minimum(lowest, np.append(lowest, ABSENT)[lowest]), ABSENT)
        if np.array_equal(lowest, label):
            return label
        label = lowest

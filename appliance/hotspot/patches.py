"""Cells of one kind that touch each other, taken together. Called by `serve.hotspot.report`."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.hotspot.neighbourhood import components, disks

Ints = NDArray[np.int64]


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """A connected part of the cells of a kind; `members` are positions in the cells given, ascending."""

    kind: int
    members: Ints


def find_patches(cells: Ints, kind: Ints) -> list[Patch]:
    """The connected parts of each kind.

    cells    (c,) int64  ascending, without repeats, of one resolution
    kind     (c,) int64  negative: the cell takes no part
    returns  patches by their lowest cell; every cell that takes part is in one
    """
    label = components(disks(cells), kind)
    order = np.argsort(label, kind="stable")
    order = order[label[order] >= 0]
    firsts = np.flatnonzero(np.diff(label[order], prepend=-1))
    groups = np.split(order, firsts[1:]) if len(order) else []
    return [Patch(kind=int(kind[members[0]]), members=members) for members in groups]

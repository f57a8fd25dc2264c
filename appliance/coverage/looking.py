"""Which devices look at which cells: a camera at those its view falls in, any other device at the one it stands in.

A device without a place looks at no cell. The number of cells is bounded: devices that find no room, or whose view has
too many cells of a resolution, are left out of it and counted.
"""

from collections.abc import Iterable

import msgspec

from appliance.errors import Rejected
from appliance.spatial.cells import cell_of
from appliance.spatial.view import View, cells

MAX_CELLS = 50_000  # of a resolution


class Watcher(msgspec.Struct, frozen=True, kw_only=True):
    """A device with a place, and its view where one is known."""

    key: int
    lng: float
    lat: float
    view: View | None = None


class Looking(msgspec.Struct, frozen=True, kw_only=True):
    """Cell -> the keys of the devices that look at it, ascending; how many devices were left out."""

    cells: dict[int, tuple[int, ...]]
    left_out: int


def look_at_cells(watchers: Iterable[Watcher], resolution: int, *, most: int = MAX_CELLS) -> Looking:
    """The cells of a resolution that devices look at; of too many the devices with the lowest keys come first."""
    found: dict[int, list[int]] = {}
    left_out = 0
    for watcher in sorted(watchers, key=lambda one: one.key):
        seen = cells_of(watcher, resolution)
        if not seen or len(found) + len(seen - found.keys()) > most:
            left_out += 1
            continue
        for cell in seen:
            found.setdefault(cell, []).append(watcher.key)
    return Looking(cells={cell: tuple(keys) for cell, keys in found.items()}, left_out=left_out)


def cells_of(watcher: Watcher, resolution: int) -> set[int]:
    """The cells that a device looks at; none where its view has too many of this resolution."""
    if watcher.view is None:
        return {cell_of(lat=watcher.lat, lng=watcher.lng, resolution=resolution)}
    try:
        return set(cells(watcher.view, resolution))
    except Rejected:
        return set()

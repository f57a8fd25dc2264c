"""H3 cells: the one seam between places, cell numbers and the hex strings that the world outside sees.

A cell is an int below 2**63, so it fits SQLite's INTEGER and PostgreSQL's bigint. The store keys events by it,
the API and the tiles name it in hex. Everything that needs H3 comes through here.
"""

import re

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray

from appliance.errors import Rejected

EVENT_RESOLUTION = 10
"""Each event is keyed by its cell of this resolution (edge about 76 m), the finest that is aggregated."""

Ring = list[tuple[float, float]]
"""Points (lng, lat) in degrees, counterclockwise."""

_RESOLUTION_AT = 52  # bits of a cell's number below its resolution
_LAST_CHILD = 6
_HEX = re.compile(r"[0-9a-fA-F]{15}")


def cell_of(*, lat: float, lng: float, resolution: int) -> int:
    """The cell that contains a place; lat and lng in degrees, finite; resolution 0..15."""
    cell: int = h3.latlng_to_cell(lat, lng, resolution)
    return cell


def cells_of(*, lngs: NDArray[np.float64], lats: NDArray[np.float64], resolution: int) -> NDArray[np.int64]:
    """The cells that contain n places, (n,); as `cell_of` finds each."""
    find = h3.latlng_to_cell
    cells = [find(lat, lng, resolution) for lng, lat in zip(lngs.tolist(), lats.tolist(), strict=True)]
    return np.array(cells, dtype=np.int64)


def to_hex(cell: int) -> str:
    """The 15 lower-case hex digits by which a cell is known outside."""
    return f"{cell:x}"


def from_hex(text: str) -> int:
    """The cell that 15 hex digits of either case name.

    raises  Rejected  the text is not of that form, or names no cell
    """
    if not _HEX.fullmatch(text):
        raise Rejected(f"{text[:40]!r} is not an H3 cell: write its 15 hex digits, as in 872c018a0ffffff")
    cell = int(text, 16)
    if not h3.is_valid_cell(cell):
        raise Rejected(f"{text!r} has the form of an H3 index but names no cell; check its digits")
    return cell


def resolution_of(cell: int) -> int:
    """0 (continents) to 15 (a square metre)."""
    return int(h3.get_resolution(cell))


def centre(cell: int) -> tuple[float, float]:
    """The middle of a cell as (lng, lat) in degrees."""
    lat, lng = h3.cell_to_latlng(cell)
    return lng, lat


def boundary(cell: int) -> Ring:
    """The corners of a cell, counterclockwise, not closed.

    returns  5 to 10 points (lng, lat) in degrees; longitudes are continuous along the ring, so those of a cell over
             the antimeridian exceed 180 or -180. Around a pole they run through 360 degrees, and the last point
             is followed by the first one a turn further on.
    """
    ring: Ring = []
    for lat, lng in h3.cell_to_boundary(cell):
        turns = round((ring[-1][0] - lng) / 360) if ring else 0
        ring.append((lng + 360 * turns, lat))
    return ring


def parent(cell: int, resolution: int) -> int:
    """The cell of a coarser (or the same) resolution that holds this one's centre."""
    return int(h3.cell_to_parent(cell, resolution))


def children(cell: int) -> list[int]:
    """The cells of the next finer resolution whose number continues this one's; 7, of a pentagon 6."""
    return list(h3.cell_to_children(cell, resolution_of(cell) + 1))


def disk(cell: int) -> list[int]:
    """A cell and those that touch it: 7, around a pentagon 6."""
    return list(h3.grid_disk(cell, 1))


def area_km2(cell: int) -> float:
    """The area of a cell on the sphere in square kilometres."""
    return float(h3.cell_area(cell, "km^2"))


def base_cells() -> list[int]:
    """The 122 cells of resolution 0."""
    return list(h3.get_res0_cells())


def descendants(cell: int, resolution: int) -> tuple[int, int]:
    """The numbers (lowest, highest) between which every descendant of a cell lies at one finer (or the same)
    resolution, and no other cell of it.

    They need not be cells themselves: the range begins and ends where others can, so that those of neighbours in
    number meet, and `highest + 1` of one is `lowest` of the next. Source: H3, "Index bit layout".
    """
    own = cell >> _RESOLUTION_AT & 15
    low = cell + ((resolution - own) << _RESOLUTION_AT) & -1 << _digit_at(own)
    while own > 0 and low >> _digit_at(own) & 7 == _LAST_CHILD:
        own -= 1  # after the last child comes the parent's next sibling
    return low, low | (1 << _digit_at(own)) - 1


def _digit_at(resolution: int) -> int:
    """Where in a cell's number the digit of a resolution begins; the finest is the lowest."""
    return 3 * (15 - resolution)

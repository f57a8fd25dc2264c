"""Which cells a shape lies in, as few ranges of cell numbers: what an index of events is asked for first.

The descendants of a cell are one range of numbers at resolution 10. From the 122 cells of resolution 0 downwards, a
cell is left out where none of its descendants can hold a place of the shape, kept whole where the shape holds it, and
divided where it lies across the edge, as long as the ranges stay within a number. Where they would not, because the
shape is large, they stay coarser: what lies in a range is near the shape and has yet to be looked at exactly, but no
place of the shape lies outside all of them. Of some ranges every place lies in the shape, which then is not asked.

A cell is judged by a circle around its centre that holds all its descendants, which reach over its own edge. The
sphere on which H3 divides the Earth is also the one on which a corridor's legs are defined; lengths on the ellipsoid
differ from those on it by less than `STRETCH`. Called by `store.near.search`.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from appliance.errors import Rejected
from appliance.spatial.cells import EVENT_RESOLUTION, base_cells, cell_of, centre, children, descendants, disk
from appliance.spatial.footprint import angles_beyond
from appliance.spatial.geodesic import Floats, angles_between, nearest_angles
from appliance.spatial.shape import Area, Box, Corridor, Disc, Footprint, Line, Shape
from appliance.spatial.view import EARTH_RADIUS_M

MAX_RANGES = 64
MAX_EDGE = 250  # cells across a shape's edge that are still divided: what is finer costs more here than it saves there
CIRCUMRADIUS_M = 1_420_000.0
"""From the centre of a cell to its farthest corner, times sqrt(7) to the power of its resolution, is less: measured
over every cell to resolution 2 and 100,000 finer ones, 1,405,000 at most."""
OVERHANG = 1.1
"""Descendants reach less than so many circumradii from the centre: measured 1.06; the geometric series gives 1.0524."""
SMALL = 0.25  # of a cell's circumradius: a disc that lies in a cell and those that touch it, wherever it has its middle
STRETCH = 1.006  # 6371.0 km against 6335.4 km, the smallest radius of curvature of the ellipsoid
PAIRS = 50_000  # of cells and edges compared at once, to bound memory

Range = tuple[int, int]
"""Lowest and highest number, both included."""
Relation = Callable[[Floats, Floats, float], NDArray[np.int8]]
"""(lng, lat) of n cells in degrees and their reach in radians, to (n,) OUTSIDE, ACROSS or INSIDE."""
OUTSIDE, ACROSS, INSIDE = -1, 0, 1


class Cover(NamedTuple):
    """Ranges of cells of `EVENT_RESOLUTION`, ascending and apart.

    ranges  in which every place of a shape lies
    inside  parts of these of which every place lies in the shape
    """

    ranges: list[Range]
    inside: list[Range]


def cover(shape: Shape, max_ranges: int = MAX_RANGES) -> Cover:
    """Where the places of a shape are.

    returns  at most `max_ranges` ranges, or 122 if that is more
    """
    relation, reach = _relation(shape), CIRCUMRADIUS_M / EARTH_RADIUS_M
    kept: list[int] = []
    chosen: list[int] = []
    start, edge, (lng, lat) = _beginning(shape)
    for resolution in range(start, EVENT_RESOLUTION + 1):
        finest = resolution == EVENT_RESOLUTION
        found = relation(lng, lat, reach / math.sqrt(7) ** resolution * (1 if finest else OVERHANG)).tolist()
        kept += [cell for cell, how in zip(edge, found, strict=True) if how == INSIDE]
        edge = [cell for cell, how in zip(edge, found, strict=True) if how == ACROSS]
        finer = [*kept, *edge]
        if resolution > start and len(finer) > max_ranges and len(_ranges(finer)) > max_ranges:
            break
        chosen = finer
        if finest or not edge or len(edge) > MAX_EDGE:
            break
        edge = [child for cell in edge for child in children(cell)]
        lng, lat = np.array([centre(cell) for cell in edge], np.float64).T
    return Cover(_ranges(chosen), _ranges(kept))


def cells_touching(shape: Shape, resolution: int, limit: int) -> tuple[list[int], list[int]]:
    """The cells of a resolution that lie in a shape, and those that may lie across its edge: no other holds any of it.

    raises  Rejected  there would be more than `limit`
    """
    relation, reach = _relation(shape), CIRCUMRADIUS_M / EARTH_RADIUS_M
    inside: list[int] = []
    edge, (lng, lat) = _base()
    for at in range(resolution + 1):
        found = relation(lng, lat, reach / math.sqrt(7) ** at * (1 if at == resolution else OVERHANG)).tolist()
        inside += [cell for cell, how in zip(edge, found, strict=True) if how == INSIDE]
        edge = [cell for cell, how in zip(edge, found, strict=True) if how == ACROSS]
        if at < resolution:
            inside = [child for cell in inside for child in children(cell)]
            edge = [child for cell in edge for child in children(cell)]
            lng, lat = np.array([centre(cell) for cell in edge], np.float64).reshape(-1, 2).T
        if len(inside) + len(edge) > limit * (7 if at < resolution else 1):
            raise Rejected(
                f"it has more than {limit:,} cells of resolution {resolution}; divide it, or make it smaller"
            )
    return sorted(inside), sorted(edge)


def _beginning(shape: Shape) -> tuple[int, list[int], Floats]:
    """A resolution, cells of it whose descendants hold every place of a shape, and their centres: for a small disc the
    one around its middle and those that touch it, else all of resolution 0.

    What leaves a cell and those around it has gone as far as an edge is long, which is more than half of what the
    longest circumradius is; ancestors are left an overhang sooner.
    """
    if isinstance(shape, Disc):
        for resolution in range(EVENT_RESOLUTION, 0, -1):
            circumradius_m = CIRCUMRADIUS_M / math.sqrt(7) ** resolution
            if shape.radius_m * STRETCH <= SMALL * circumradius_m:
                cells = disk(cell_of(lng=shape.lng, lat=shape.lat, resolution=resolution))
                return resolution, cells, np.array([centre(cell) for cell in cells], np.float64).T
    return 0, *_base()


@functools.cache
def _base() -> tuple[list[int], Floats]:
    """The cells of resolution 0 and their centres."""
    cells = base_cells()
    return cells, np.array([centre(cell) for cell in cells], np.float64).T


def _ranges(cells: Sequence[int]) -> list[Range]:
    """The numbers of the descendants of cells that do not overlap, ascending; those that touch are one range."""
    joined: list[Range] = []
    for low, high in sorted(descendants(cell, EVENT_RESOLUTION) for cell in cells):
        if joined and low == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return joined


def _relation(shape: Shape) -> Relation:
    match shape:
        case Disc(lng=lng0, lat=lat0, radius_m=radius_m):
            return _within(lambda lng, lat: angles_between(lng, lat, lng0, lat0), radius_m)
        case Corridor(line=line, buffer_m=buffer_m):
            rows = max(1, PAIRS // len(line))
            return _within(
                lambda lng, lat: np.concatenate(
                    [
                        nearest_angles(line, lng[at : at + rows], lat[at : at + rows]).min(axis=1)
                        for at in range(0, len(lng), rows)
                    ]
                ),
                buffer_m,
            )
        case Area(ring=ring) | Box(ring=ring):
            return _within_ring(ring)
        case Footprint(buffer_m=buffer_m):
            return _within(lambda lng, lat: angles_beyond(shape, lng, lat), buffer_m)


def _within(angles: Callable[[Floats, Floats], Floats], limit_m: float) -> Relation:
    """Of circles, whose distance from a shape's middle is known."""
    limit = limit_m / EARTH_RADIUS_M

    def relation(lng: Floats, lat: Floats, reach: float) -> NDArray[np.int8]:
        away = angles(lng, lat)
        # Within a polygon it is below 0, and may be as much nearer to the edge on the ellipsoid.
        found = np.where(np.maximum(away, away / STRETCH) + reach <= limit / STRETCH, INSIDE, ACROSS).astype(np.int8)
        found[away > limit * STRETCH + reach] = OUTSIDE
        return found

    return relation


def _within_ring(ring: Line) -> Relation:
    """Of circles, as boxes of longitude and latitude, to a ring that is straight there; on every turn of longitude."""
    corners = np.array(ring, np.float64)
    west, east = corners[:, 0].min(), corners[:, 0].max()
    rows = max(1, PAIRS // len(ring))

    def relation(lng: Floats, lat: Floats, reach: float) -> NDArray[np.int8]:
        middle, half = np.stack([lng, lat], axis=-1), _half_sizes(lat, reach)
        found = np.full(len(lng), OUTSIDE, np.int8)
        for turn in (-360.0, 0.0, 360.0):
            moved = middle + np.array([turn, 0.0])
            at = np.flatnonzero((moved[:, 0] + half[:, 0] >= west) & (moved[:, 0] - half[:, 0] <= east))
            for start in range(0, len(at), rows):
                some = at[start : start + rows]
                here = _boxes_to_ring(corners, moved[some], half[some])
                # Across on one turn and inside on another only where a box goes around the Earth: then it is divided.
                found[some] = np.where((here == ACROSS) | (found[some] == OUTSIDE), here, found[some])
        return found

    return relation


def _half_sizes(lat: Floats, reach: float) -> Floats:
    """Half the width and height in degrees of boxes around circles; around a pole they go around the Earth."""
    top = np.radians(np.abs(lat)) + reach
    polar = top >= math.pi / 2
    half_lng = np.arcsin(np.minimum(math.sin(min(reach, math.pi / 2)) / np.cos(np.radians(lat)), 1.0))
    width = np.where(polar, 180.0, np.degrees(half_lng))
    return np.stack([width, np.full_like(width, math.degrees(reach))], axis=-1) + 1e-9


def _boxes_to_ring(corners: Floats, middle: Floats, half: Floats) -> NDArray[np.int8]:
    """(n,) how boxes lie to a closed ring: across where an edge may touch them, else by their middle."""
    a = corners[None, :, :] - middle[:, None, :]
    b = np.roll(a, -1, axis=1)
    size = half[:, None, :]
    beside = ((np.minimum(a, b) > size) | (np.maximum(a, b) < -size)).any(axis=-1)
    way = b - a
    # The line through an edge misses the box where all four corners lie on one side of it.
    offset = np.abs(way[..., 0] * a[..., 1] - way[..., 1] * a[..., 0])
    misses = offset > np.abs(way[..., 0]) * size[..., 1] + np.abs(way[..., 1]) * size[..., 0]
    touched = ~(beside | misses).all(axis=1)
    upward = (a[..., 1] > 0) != (b[..., 1] > 0)
    rise = np.where(way[..., 1] == 0, 1.0, way[..., 1])
    crossing = upward & (a[..., 0] - a[..., 1] * way[..., 0] / rise > 0)
    odd = crossing.sum(axis=1) % 2 == 1
    return np.where(touched, ACROSS, np.where(odd, INSIDE, OUTSIDE)).astype(np.int8)

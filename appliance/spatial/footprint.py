"""The footprint of a thing on the ground: points, lines and polygons of GeoJSON with all within metres of them.

An edge is straight in longitude and latitude, as GeoJSON has it, and goes the shorter way round; legs are divided so
that the arc of a great circle, by which distances are measured (`geodesic`), stays within a few metres of it. How much
of a cell lies in a footprint is found by dividing the cell into triangles, again and again where the edge may pass.
Called by `cover`, `extent`, `store.near.search` and `store.asset.registry`.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import Rejected
from appliance.spatial.cells import Ring, boundary, centre
from appliance.spatial.geodesic import Floats, distances_to_line_m, nearest_angles, vectors
from appliance.spatial.shape import Footprint, Line, continuous
from appliance.spatial.view import EARTH_RADIUS_M, distance_m

LEG_M = 5_000.0  # so long an arc leaves a parallel of 80 degrees by less than 3 m, one of 60 by less than 1 m
MAX_LEG_M = 500_000.0  # of what is given
STRETCH = 1.006  # as in `cover`: a length on the sphere against that on the ellipsoid
PAIRS = 50_000  # of places and legs compared at once, to bound memory
TRIANGLES = 128  # across the edge of a footprint in one cell; their parts are estimated by how far the edge is
MAX_DEPTH = 16  # a triangle of a cell of resolution 5 is then 30 cm wide

_Geometry = Mapping[str, Any]


def footprint_of(geometry: _Geometry, buffer_m: float) -> Footprint:
    """The footprint of a GeoJSON geometry whose form was checked (`ingest.asset_features`).

    raises  Rejected  a leg is longer than `MAX_LEG_M`, or a ring goes around a pole
    """
    kind, coordinates = geometry["type"], geometry["coordinates"]
    parts = coordinates if kind.startswith("Multi") else [coordinates]
    if kind.endswith("Point"):
        return Footprint(lines=tuple((_place(one),) for one in parts), buffer_m=buffer_m)
    if kind.endswith("LineString"):
        return Footprint(lines=tuple(_divided([_place(one) for one in line]) for line in parts), buffer_m=buffer_m)
    polygons = tuple(tuple(_divided([_place(one) for one in ring]) for ring in polygon) for polygon in parts)
    if any(abs(ring[0][0] - ring[-1][0]) > 180 for polygon in polygons for ring in polygon):
        raise Rejected("a polygon around a pole has no footprint here; cut it open", "$.geometry")
    return Footprint(
        lines=tuple(ring for polygon in polygons for ring in polygon),
        polygons=tuple(tuple(ring[:-1] for ring in polygon) for polygon in polygons),
        buffer_m=buffer_m,
    )


def distances_beyond_m(footprint: Footprint, lng: Floats, lat: Floats) -> Floats:
    """How far places lie beyond the edge of a footprint: metres on the ellipsoid, below 0 within.

    lng, lat  (n,) float64 degrees
    returns   (n,) float64; deep within it may be nearer to 0 than the edge is
    """
    away = _least(footprint, lng, lat, distances_to_line_m)
    return _signed(footprint, lng, lat, away) - footprint.buffer_m


def angles_beyond(footprint: Footprint, lng: Floats, lat: Floats) -> Floats:
    """(n,) radians on the sphere from places to a footprint's points, lines and polygons; within a polygon below 0."""
    away = _least(footprint, lng, lat, lambda line, x, y: nearest_angles(line, x, y).min(axis=1))
    return _signed(footprint, lng, lat, away)


def share_of(footprint: Footprint, cell: int) -> float:
    """Which part of a cell's area lies in a footprint, 0..1; to about a thousandth of the smaller of the two."""
    (lng, lat), corners = centre(cell), boundary(cell)
    middle = vectors(np.array([lng]), np.array([lat]))[0]
    outer = vectors(*np.array(corners, np.float64).T)
    triangles = np.stack([np.broadcast_to(middle, outer.shape), outer, np.roll(outer, -1, axis=0)], axis=1)
    near = _near(footprint, lng, lat, float(np.linalg.norm(outer - middle, axis=1).max()) * EARTH_RADIUS_M)
    whole, within = float(_areas(triangles).sum()), 0.0
    for depth in range(MAX_DEPTH + 1):
        beyond, radius, area = _beyond(near, triangles), _radii_m(triangles), _areas(triangles)
        within += float(area[beyond <= -radius].sum())
        across = np.abs(beyond) < radius
        triangles, beyond, radius, area = triangles[across], beyond[across], radius[across], area[across]
        if len(triangles) > TRIANGLES or depth == MAX_DEPTH:
            # An edge across a triangle at this distance from its middle leaves about so much of it within.
            within += float((area * np.clip(0.5 - 0.6 * beyond / radius, 0, 1)).sum())
            break
        if not len(triangles):
            break
        triangles = _divide(triangles)
    return min(1.0, within / whole)


def _place(position: Sequence[float]) -> tuple[float, float]:
    return float(position[0]), float(position[1])


def _divided(places: Ring) -> Line:
    """The same line with no leg longer than `LEG_M`, straight in longitude and latitude."""
    line = continuous(places)
    found = [line[0]]
    for a, b in itertools.pairwise(line):
        length = distance_m(*a, *b)
        if length > MAX_LEG_M:
            raise Rejected(f"a leg from {a} to {b} is longer than {MAX_LEG_M / 1000:g} km", "$.geometry")
        steps = max(1, math.ceil(length / LEG_M))
        found += [(a[0] + (b[0] - a[0]) * n / steps, a[1] + (b[1] - a[1]) * n / steps) for n in range(1, steps)]
        found.append(b)
    return tuple(found)


def _least(footprint: Footprint, lng: Floats, lat: Floats, measure: Any) -> Floats:
    """The least over the lines of what `measure` says of (line, lng, lat), a part of the places at a time."""
    away = np.full(len(lng), np.inf)
    for line in footprint.lines:
        rows = max(1, PAIRS // len(line))
        for at in range(0, len(lng), rows):
            some = slice(at, at + rows)
            away[some] = np.minimum(away[some], measure(line, lng[some], lat[some]))
    return away


def _signed(footprint: Footprint, lng: Floats, lat: Floats, away: Floats) -> Floats:
    within = np.zeros(len(lng), np.bool_)
    for rings in footprint.polygons:
        within |= _in_rings(rings, lng, lat)
    return np.where(within, -away, away)


def _in_rings(rings: Sequence[Line], lng: Floats, lat: Floats) -> NDArray[np.bool_]:
    """Whether places lie within an odd number of rings."""
    odd = np.zeros(len(lng), np.bool_)
    for ring in rings:
        x, y = np.array(ring, np.float64).T
        x1, y1 = np.roll(x, -1), np.roll(y, -1)
        rise = np.where(y1 == y, 1.0, y1 - y)
        west = math.floor((float(x.min()) + 180) / 360)
        for turn in range(west - 1, west + 2):
            moved = lng + 360.0 * turn
            rows = max(1, PAIRS // len(ring))
            for at in range(0, len(lng), rows):
                some = slice(at, at + rows)
                a, b = moved[some, None], lat[some, None]
                crossing = ((y > b) != (y1 > b)) & (a < x + (b - y) / rise * (x1 - x))
                odd[some] ^= crossing.sum(axis=1) % 2 == 1
    return odd


def _near(footprint: Footprint, lng: float, lat: float, reach_m: float) -> Footprint:
    """A footprint with those legs alone that matter within a circle: the others are farther from all of it."""
    limit = (2 * reach_m * STRETCH + footprint.buffer_m) * STRETCH / EARTH_RADIUS_M
    at = np.array([lng]), np.array([lat])
    found: list[Line] = []
    for line in footprint.lines:
        close = nearest_angles(line, *at)[0] <= limit
        if len(line) == 1:
            found += [line] if close[0] else []
        else:
            found += [line[start : end + 1] for start, end in _runs(close.tolist())]
    return Footprint(lines=tuple(found), polygons=footprint.polygons, buffer_m=footprint.buffer_m)


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """(start, end) of stretches that are true."""
    start = None
    for n, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = n
        elif not flag and start is not None:
            yield start, n
            start = None


def _beyond(footprint: Footprint, triangles: Floats) -> Floats:
    middle = triangles.mean(axis=1)
    lng = np.degrees(np.arctan2(middle[:, 1], middle[:, 0]))
    lat = np.degrees(np.arctan2(middle[:, 2], np.hypot(middle[:, 0], middle[:, 1])))
    return distances_beyond_m(footprint, lng, lat)


def _radii_m(triangles: Floats) -> Floats:
    """From the middle of each triangle to its farthest corner, at most."""
    away = np.linalg.norm(triangles - triangles.mean(axis=1, keepdims=True), axis=2).max(axis=1)
    radii: Floats = away * EARTH_RADIUS_M * STRETCH
    return radii


def _areas(triangles: Floats) -> Floats:
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    areas: Floats = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return areas


def _divide(triangles: Floats) -> Floats:
    """Each triangle as four, its corners and the middles of its sides; on the plane, which a cell nearly is."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    return np.concatenate([np.stack(four, axis=1) for four in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])

"""The convex hull of places on the Earth, and its area.

Places go to a plane around their middle by Lambert's azimuthal equal-area projection: areas are exact there, and
straight lines differ from great circles by less than a thousandth of their length while a hull is under 500 km wide.
Neither the antimeridian nor a pole is special. Called by `serve.hotspot.points`.
Source: J. P. Snyder, "Map Projections: A Working Manual", USGS 1987, page 182; A. M. Andrew, Inf. Proc.
Letters 9, 1979.
"""

import math

import numpy as np

from appliance.spatial.cells import Ring
from appliance.spatial.geodesic import Floats, vectors
from appliance.spatial.geometry import split
from appliance.spatial.view import EARTH_RADIUS_M

FLAT_M2 = 1.0
"""Hulls of less area are a line or a point."""


def middle_of(lng: Floats, lat: Floats) -> tuple[float, float]:
    """The mean place (lng, lat) of at least one, in degrees."""
    x, y, z = vectors(lng, lat).mean(axis=0).tolist()
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


def convex_hull(lng: Floats, lat: Floats) -> tuple[list[Ring], float]:
    """The least convex shape around places.

    lng, lat  (n,) float64  degrees, n at least 1
    returns   (closed counterclockwise rings within 180 degrees either side, area in square kilometres); no rings and 0
              where all places lie on one line
    """
    lng0, lat0 = middle_of(lng, lat)
    x, y = _flat(lng, lat, lng0, lat0)
    corners = _corners(sorted(set(zip(x.tolist(), y.tolist(), lng.tolist(), lat.tolist(), strict=True))))
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, [*corners[1:], *corners[:1]], strict=True)) / 2
    if len(corners) < 3 or area < FLAT_M2:
        return [], 0.0
    ring = [(lng0 + (corner[2] - lng0 + 180.0) % 360.0 - 180.0, corner[3]) for corner in corners]
    return split(ring), area / 1e6


def _flat(lng: Floats, lat: Floats, lng0: float, lat0: float) -> tuple[Floats, Floats]:
    """Metres east and north of the middle."""
    east, north, middle = np.radians(lng - lng0), np.radians(lat), math.radians(lat0)
    along = math.sin(middle) * np.sin(north) + math.cos(middle) * np.cos(north) * np.cos(east)
    scale = EARTH_RADIUS_M * np.sqrt(2.0 / (1.0 + along))
    x: Floats = scale * np.cos(north) * np.sin(east)
    y: Floats = scale * (math.cos(middle) * np.sin(north) - math.sin(middle) * np.cos(north) * np.cos(east))
    return x, y


_Corner = tuple[float, float, float, float]


def _corners(places: list[_Corner]) -> list[_Corner]:
    """Those of the hull, counterclockwise, of places in ascending order (monotone chain)."""
    if len(places) < 3:
        return places
    lower, upper = _half(places), _half(places[::-1])
    return [*lower[:-1], *upper[:-1]]


def _half(places: list[_Corner]) -> list[_Corner]:
    kept: list[_Corner] = []
    for place in places:
        while len(kept) > 1 and _left_of(kept[-2], kept[-1], place) <= 0:
            kept.pop()
        kept.append(place)
    return kept


def _left_of(a: _Corner, b: _Corner, c: _Corner) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

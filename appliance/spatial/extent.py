"""Boxes of longitude and latitude around shapes: what an R*Tree is asked for first. Called by `store.near.search`."""

import math

import numpy as np

from appliance.spatial.cover import STRETCH
from appliance.spatial.geodesic import vectors
from appliance.spatial.geojson import Bounds
from appliance.spatial.shape import Area, Box, Corridor, Disc, Footprint, Shape
from appliance.spatial.view import EARTH_RADIUS_M

SLACK_DEG = 1e-9  # a tenth of a millimetre


def boxes(shape: Shape) -> list[Bounds]:
    """Boxes within 180 degrees either side that together hold every place of a shape; west <= east.

    returns  one or two, of a footprint as many for each of its lines
    """
    if isinstance(shape, Footprint):
        around = (Corridor(line=line, buffer_m=shape.buffer_m) for line in shape.lines)
        return [box for line in around for box in boxes(line)]
    match shape:
        case Disc(lng=lng, lat=lat, radius_m=radius_m):
            west, south, east, north = _around(lng, lat, radius_m / EARTH_RADIUS_M * STRETCH)
        case Corridor():
            west, south, east, north = _along(shape)
        case Area(ring=ring) | Box(ring=ring):
            lngs, lats = zip(*ring, strict=True)
            west, south, east, north = min(lngs), min(lats), max(lngs), max(lats)
    south, north = max(south - SLACK_DEG, -90.0), min(north + SLACK_DEG, 90.0)
    return [(w, south, e, north) for w, e in _turned(west - SLACK_DEG, east + SLACK_DEG)]


def _turned(west: float, east: float) -> list[tuple[float, float]]:
    """A span of longitudes as spans within 180 degrees either side."""
    if east - west >= 360:
        return [(-180.0, 180.0)]
    moved = [(west + turn, east + turn) for turn in (-720.0, -360.0, 0.0, 360.0, 720.0)]
    return [(max(w, -180.0), min(e, 180.0)) for w, e in moved if w <= 180 and e >= -180]


def _around(lng: float, lat: float, reach: float) -> Bounds:
    """Of a circle of so many radians; around a pole it goes around the Earth."""
    high = math.degrees(reach)
    if abs(lat) + high >= 90:
        return lng - 180, lat - high, lng + 180, lat + high
    wide = math.degrees(math.asin(min(1.0, math.sin(reach) / math.cos(math.radians(lat)))))
    return lng - wide, lat - high, lng + wide, lat + high


def _along(corridor: Corridor) -> Bounds:
    """Of circles around the middle of each leg, which hold the arc with its buffer: it may bulge towards the pole."""
    corners = vectors(*np.array(corridor.line, np.float64).T)
    a, b = (corners[:-1], corners[1:]) if len(corners) > 1 else (corners, corners)
    around: list[tuple[float, float, float]] = []
    for x, y, z, chord in np.column_stack([a + b, np.linalg.norm(a - b, axis=1)]).tolist():
        lng, lat = math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))
        lng += 360 * round((around[-1][0] - lng) / 360) if around else 0
        around.append((lng, lat, math.asin(chord / 2) + corridor.buffer_m / EARTH_RADIUS_M * STRETCH))
    circles = [_around(*circle) for circle in around]
    return (
        min(circle[0] for circle in circles),
        min(circle[1] for circle in circles),
        max(circle[2] for circle in circles),
        max(circle[3] for circle in circles),
    )

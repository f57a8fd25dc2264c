"""Web Mercator tiles: which there are, what they cover, which cover a place.

A tile is (z, x, y): zoom, column from the antimeridian eastward, row from the north. Pure maths, called by `mvt`,
`serve` and `cli`. Source: EPSG:3857 and the OGC tile matrix set WebMercatorQuad.
"""

import math

from appliance.errors import NotFound, Rejected
from appliance.spatial.geojson import Bounds

MAX_ZOOM = 22
MAX_LATITUDE = math.degrees(math.atan(math.sinh(math.pi)))
"""85.0511 degrees, where the square map ends."""


def check_tile(z: int, x: int, y: int) -> None:
    """Pass a tile that is in the pyramid.

    raises  NotFound  it is not
    """
    if not 0 <= z <= MAX_ZOOM:
        raise NotFound(f"tile {z}/{x}/{y}: there are zooms 0 to {MAX_ZOOM}")
    if not (0 <= x < 1 << z and 0 <= y < 1 << z):
        raise NotFound(f"tile {z}/{x}/{y}: at zoom {z}, x and y run from 0 to {(1 << z) - 1}")


def tile_bounds(z: int, x: int, y: int, buffer: float = 0.0) -> Bounds:
    """What a tile covers, in degrees.

    buffer   how far beyond its edges, as a part of its width
    returns  (west, south, east, north); west > east where the buffer crosses the antimeridian, -180 and 180 where
             it goes all around, latitudes never beyond MAX_LATITUDE
    """
    across = 1 << z
    north, south = _latitude((y - buffer) / across), _latitude((y + 1 + buffer) / across)
    if 1 + 2 * buffer >= across:
        return -180.0, south, 180.0, north
    west, east = 360 * (x - buffer) / across - 180, 360 * (x + 1 + buffer) / across - 180
    return (west + 360 if west < -180 else west), south, (east - 360 if east > 180 else east), north


def tile_at(*, lat: float, lng: float, z: int) -> tuple[int, int]:
    """(x, y) of the tile that holds a place; places beyond MAX_LATITUDE lie in the outermost row."""
    across = 1 << z
    x = math.floor((lng / 360 + 0.5) * across)
    y = math.floor(_down(lat) * across)
    return min(max(x, 0), across - 1), min(max(y, 0), across - 1)


def tiles_covering(bounds: Bounds, z: int, *, limit: int) -> list[tuple[int, int]]:
    """(x, y) of every tile of a zoom that bounds touch, row by row, each once.

    raises  Rejected  there are more than `limit` of them
    """
    west, south, east, north = bounds
    left, top = tile_at(lat=north, lng=west, z=z)
    right, bottom = tile_at(lat=south, lng=east, z=z)
    across = 1 << z
    columns = min(right - left + 1, across) if west <= east else min(right + across - left + 1, across)
    count = columns * (bottom - top + 1)
    if count > limit:
        raise Rejected(f"{count} tiles at zoom {z} cover that area, {limit} are allowed: lower the zoom or the area")
    return [((left + i) % across, y) for y in range(top, bottom + 1) for i in range(columns)]


def _latitude(down: float) -> float:
    """The latitude so far down the map, 0 at its top and 1 at its bottom."""
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * min(max(down, 0.0), 1.0)))))


def _down(lat: float) -> float:
    """How far down the map a latitude lies: the inverse of `_latitude`."""
    limited = min(max(lat, -MAX_LATITUDE), MAX_LATITUDE)
    return 0.5 - math.atanh(math.sin(math.radians(limited))) / (2 * math.pi)

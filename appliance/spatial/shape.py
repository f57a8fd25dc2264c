"""Shapes that are asked for: disc, corridor along a line, area, box, footprint; and how a caller writes them.

Places are (lng, lat) in degrees. Distances are metres on the ellipsoid (`geodesic`). The edges of an area and a box
are straight on a map in longitude and latitude, as in GeoJSON; the legs of a corridor are the shortest way on the
Earth. An edge from one place to the next goes the shorter way round, so that an area over the antimeridian, or around
a pole, is written like any other. Called by `cover`, `store.near.search`, `serve` and the command line.
"""

import itertools
import math
from collections.abc import Sequence

import msgspec

from appliance.errors import Rejected
from appliance.spatial.cells import Ring
from appliance.spatial.geojson import Bounds
from appliance.spatial.geometry import split
from appliance.spatial.view import distance_m

MAX_RADIUS_M = 100_000.0
MAX_BUFFER_M = 10_000.0
MAX_WAYPOINTS = 200
MAX_CORNERS = 1_000
MAX_LEG_M = 1_000_000.0  # further apart, nobody means the great circle

Line = tuple[tuple[float, float], ...]


class Disc(msgspec.Struct, frozen=True, kw_only=True):
    """All within a distance of a place."""

    lng: float
    lat: float
    radius_m: float


class Corridor(msgspec.Struct, frozen=True, kw_only=True):
    """All within a distance of a line of one or more places."""

    line: Line
    buffer_m: float


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """All within a ring, its edge included; the ring is open and its longitudes are continuous."""

    ring: Line

    @property
    def parts(self) -> list[Ring]:
        """Closed rings within 180 degrees either side; more than one where the antimeridian divides it."""
        return split(list(self.ring))


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """All within bounds, edges included; west > east crosses the antimeridian."""

    bounds: Bounds

    @property
    def ring(self) -> Line:
        """Its corners, longitudes continuous."""
        west, south, east, north = self.bounds
        east += 360 if west > east else 0
        return ((west, south), (east, south), (east, north), (west, north))

    @property
    def spans(self) -> list[tuple[float, float]]:
        """(west, east) of its parts within 180 degrees either side."""
        west, _, east, _ = self.bounds
        return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]


class Footprint(msgspec.Struct, frozen=True, kw_only=True):
    """All within polygons, and within a distance of lines; `footprint.footprint_of` makes one of GeoJSON.

    lines     each of one or more places; the outlines of the polygons, closed, are among them
    polygons  rings, open, longitudes continuous: what an odd number of a polygon's rings holds lies in it
    """

    lines: tuple[Line, ...]
    polygons: tuple[tuple[Line, ...], ...] = ()
    buffer_m: float


Shape = Disc | Corridor | Area | Box | Footprint


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place as callers write it."""

    lat: float
    lon: float


def disc(*, lng: float, lat: float, radius_m: float) -> Disc:
    """A disc.

    raises  Rejected  the place is not on the Earth, or the radius not above 0 and at most `MAX_RADIUS_M`
    """
    _check_place(lng, lat, "lon", "lat")
    _check_metres(radius_m, MAX_RADIUS_M, "radius")
    return Disc(lng=lng, lat=lat, radius_m=radius_m)


def corridor(text: str, buffer_m: float) -> Corridor:
    """A corridor from `[{"lat": …, "lon": …}, …]`.

    raises  Rejected  not such a list of 2 to `MAX_WAYPOINTS` places, a leg too long, or the buffer not above 0 and at
                      most `MAX_BUFFER_M`
    """
    _check_metres(buffer_m, MAX_BUFFER_M, "buffer")
    line = _read_places(text, "waypoints", least=2, most=MAX_WAYPOINTS)
    for n, (a, b) in enumerate(itertools.pairwise(line)):
        if distance_m(*a, *b) > MAX_LEG_M:
            raise Rejected(
                f"from waypoint {n} to the next are more than {MAX_LEG_M / 1000:,.0f} km; put some between", "waypoints"
            )
    return Corridor(line=tuple(line), buffer_m=buffer_m)


def area(text: str) -> Area:
    """An area from the corners of a polygon, `[{"lat": …, "lon": …}, …]`; the first may be repeated at the end.

    Whether its edges cross is for the store to say (`near.check_area`). A ring around a pole holds the pole of the
    hemisphere in which most of its corners lie.
    raises  Rejected  not such a list, fewer than 3 or more than `MAX_CORNERS` corners, or wound around the Earth
    """
    corners = _read_places(text, "polygon", least=3, most=MAX_CORNERS + 1)
    if corners[0] == corners[-1]:
        corners = corners[:-1]
    if len(set(corners)) < 3:
        raise Rejected("a polygon has at least 3 different corners", "polygon")
    ring = continuous([*corners, corners[0]])
    turns = round((ring[-1][0] - ring[0][0]) / 360)
    if turns:
        pole = math.copysign(90.0, sum(lat for _, lat in corners))
        ring += [(ring[-1][0], pole), (ring[0][0], pole)]
    else:
        ring = ring[:-1]
    lngs = [lng for lng, _ in ring]
    if max(lngs) - min(lngs) > 360:
        raise Rejected("the polygon goes around the Earth more than once", "polygon")
    return Area(ring=tuple(ring))


def continuous(places: Sequence[tuple[float, float]]) -> Ring:
    """The same places with longitudes that never jump by more than half a turn."""
    ring: Ring = []
    for lng, lat in places:
        turns = round((ring[-1][0] - lng) / 360) if ring else 0
        ring.append((lng + 360 * turns, lat))
    return ring


def _read_places(text: str, name: str, *, least: int, most: int) -> Ring:
    try:
        places = msgspec.json.decode(text, type=list[Place])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise Rejected(f'write a JSON array of places, [{{"lat": 29.37, "lon": 47.97}}, …]: {error}', name) from None
    if len(places) < least:
        raise Rejected(f"{len(places)} places are too few; it takes at least {least}", name)
    if len(places) > most:
        raise Rejected(f"{len(places)} places are too many; at most {most} are taken", name)
    for n, place in enumerate(places):
        _check_place(place.lon, place.lat, f"{name}[{n}].lon", f"{name}[{n}].lat")
    return [(place.lon, place.lat) for place in places]


def _check_place(lng: float, lat: float, lng_name: str, lat_name: str) -> None:
    for value, most, name in ((lat, 90, lat_name), (lng, 180, lng_name)):
        if not abs(value) <= most:  # NaN is not either
            raise Rejected(f"{value} is not between -{most} and {most} degrees", name)


def _check_metres(value: float, most: float, name: str) -> None:
    if not 0 < value <= most:
        raise Rejected(f"{value:g} m is not above 0 and at most {most:,.0f} m", name)

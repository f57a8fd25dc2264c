"""What a camera sees, on the ground: its view as a polygon, the middle of it, the cells it falls in.

A view is a sector of a circle on a sphere: from the camera to its range, half its opening to either side of where it
looks. Distances and bearings are worked out on the sphere, so that no place of the world is special; the polygon alone
has to be cut at the antimeridian. Called by `store` (where a camera's events lie) and `serve` (to show it).
Source of the spherical formulas: "Aviation Formulary" by Ed Williams, of the centroid of a sector: Bronstein.
"""

import math
from collections.abc import Iterator, Sequence

import h3.api.basic_int as h3
import msgspec

from appliance.errors import Rejected
from appliance.spatial.cells import Ring, cell_of, centre
from appliance.spatial.geometry import clip

EARTH_RADIUS_M = 6_371_008.8  # the mean radius of WGS 84
ARC_STEP_DEG = 5.0  # of the polygon's arc: the chord is at most 0.1 % of the range inside
MAX_CELLS = 5_000  # of one view; more is a finer resolution than anybody looks at
FINEST = 11


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A sector: where a camera stands, where it looks (clockwise from north), its whole opening (0, 360], its range."""

    lng: float
    lat: float
    heading_deg: float
    angle_deg: float
    range_m: float


def view_of(
    *,
    lng: float | None,
    lat: float | None,
    heading_deg: float | None,
    angle_deg: float | None,
    range_m: float | None,
) -> View | None:
    """The view of a device, or None where too little is known: it takes a place, a range, and a heading and an opening
    unless it looks all around (an opening of 360 needs no heading).
    """
    if lng is None or lat is None or range_m is None or angle_deg is None:
        return None
    if heading_deg is None and angle_deg < 360:
        return None
    return View(lng=lng, lat=lat, heading_deg=heading_deg or 0.0, angle_deg=angle_deg, range_m=range_m)


def middle(view: View) -> tuple[float, float]:
    """The centroid (lng, lat) of a view; it lies in the view, and all around it is the camera itself."""
    half = math.radians(view.angle_deg) / 2
    return destination(view.lng, view.lat, view.heading_deg, 2 / 3 * view.range_m * math.sin(half) / half)


def ring(view: View) -> Ring:
    """A view's outline, counterclockwise, not closed.

    returns  points (lng, lat) in degrees with longitudes continuous along the ring: over the antimeridian they exceed
             180 or -180, and around a pole they run through 360 degrees, as with `cells.boundary`
    """
    corners: Ring = [] if view.angle_deg >= 360 else [(view.lng, view.lat)]
    corners += [destination(view.lng, view.lat, bearing, view.range_m) for bearing in _bearings(view)]
    outline: Ring = []
    for lng, lat in corners:
        turns = round((outline[-1][0] - lng) / 360) if outline else 0
        outline.append((lng + 360 * turns, lat))
    return outline


def polygons(view: View) -> list[Ring]:
    """A view as closed exterior rings within 180 degrees either side; several where the antimeridian divides it."""
    outline = ring(view)
    turns = round((outline[-1][0] - outline[0][0]) / 360)
    if turns:  # around a pole: from the end of the turn to the pole, along it and back
        (lng, lat), pole = outline[0], math.copysign(90.0, view.lat)
        outline += [(lng + 360 * turns, lat), (lng + 360 * turns, pole), (lng, pole)]
    parts = []
    for turn in (-1, 0, 1):
        moved = [(lng - 360 * turn, lat) for lng, lat in outline]
        parts += [part for east in clip(moved, 0, -180.0, 1) for part in clip(east, 0, 180.0, -1)]
    return [[*part, part[0]] for part in parts]


def cells(view: View, resolution: int) -> list[int]:
    """The cells that a view falls in, ascending: those whose middle it holds, and those its outline passes through.

    A cell of which it only cuts a corner, shorter than a quarter of the cell's edge, may be missing.
    raises  Rejected  there would be more than `MAX_CELLS`
    """
    if resolution > finest_resolution(view):
        raise Rejected(
            f"a view of {view.range_m:g} m has too many cells of resolution {resolution}; "
            f"ask for {finest_resolution(view)} or coarser",
            "resolution",
        )
    edge_m = float(h3.average_hexagon_edge_length(resolution, unit="m"))
    found = {cell_of(lat=lat, lng=lng, resolution=resolution) for lng, lat in _outline_points(view, edge_m / 4)}
    found.add(cell_of(lat=view.lat, lng=view.lng, resolution=resolution))
    lng, lat = middle(view)
    found.add(cell_of(lat=lat, lng=lng, resolution=resolution))
    start = cell_of(lat=view.lat, lng=view.lng, resolution=resolution)
    # A ring of cells is wider than the average edge everywhere, also where cells are smallest.
    around = h3.grid_disk(start, math.ceil(view.range_m / edge_m) + 1)
    found.update(cell for cell in around if holds(view, *centre(cell)))
    return sorted(found)


def finest_resolution(view: View) -> int:
    """The finest resolution, up to 11, at which the view has no more than about `MAX_CELLS` cells around it."""
    area_m2 = math.pi * view.range_m**2
    return next(r for r in range(FINEST, -1, -1) if area_m2 <= MAX_CELLS * h3.average_hexagon_area(r, unit="m^2"))


def holds(view: View, lng: float, lat: float) -> bool:
    """Whether a place lies in a view."""
    if distance_m(view.lng, view.lat, lng, lat) > view.range_m:
        return False
    off = abs((bearing_deg(view.lng, view.lat, lng, lat) - view.heading_deg + 180) % 360 - 180)
    return off <= view.angle_deg / 2 or (lng, lat) == (view.lng, view.lat)


def destination(lng: float, lat: float, heading_deg: float, away_m: float) -> tuple[float, float]:
    """Where one comes out, (lng, lat) within 180 degrees, going so far along a great circle that begins so."""
    start, heading, arc = math.radians(lat), math.radians(heading_deg), away_m / EARTH_RADIUS_M
    sine = math.sin(start) * math.cos(arc) + math.cos(start) * math.sin(arc) * math.cos(heading)
    end = math.asin(max(-1.0, min(1.0, sine)))
    east = math.atan2(
        math.sin(heading) * math.sin(arc) * math.cos(start), math.cos(arc) - math.sin(start) * math.sin(end)
    )
    return (lng + math.degrees(east) + 180) % 360 - 180, math.degrees(end)


def distance_m(lng1: float, lat1: float, lng2: float, lat2: float) -> float:
    """Along the great circle between two places (haversine)."""
    a, b = math.radians(lat1), math.radians(lat2)
    east = math.radians(lng2 - lng1)
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def bearing_deg(lng1: float, lat1: float, lng2: float, lat2: float) -> float:
    """In which direction the second place lies from the first, clockwise from north, 0..360."""
    a, b = math.radians(lat1), math.radians(lat2)
    east = math.radians(lng2 - lng1)
    y, x = math.sin(east) * math.cos(b), math.cos(a) * math.sin(b) - math.sin(a) * math.cos(b) * math.cos(east)
    return math.degrees(math.atan2(y, x)) % 360


def _bearings(view: View) -> list[float]:
    """Bearings along the arc, from the right to the left, which makes the ring counterclockwise."""
    whole = view.angle_deg >= 360
    steps = max(2, math.ceil(view.angle_deg / ARC_STEP_DEG))
    first = view.heading_deg + view.angle_deg / 2
    return [first - view.angle_deg * step / steps for step in range(steps if whole else steps + 1)]


def _outline_points(view: View, step_m: float) -> Iterator[tuple[float, float]]:
    """Places along the outline, no farther apart than a step."""
    half, reach = view.angle_deg / 2, view.range_m
    if view.angle_deg < 360:
        for side in (-half, half):
            for away_m in _spread(reach, step_m):
                yield destination(view.lng, view.lat, view.heading_deg + side, away_m)
    arc_m = math.radians(view.angle_deg) * reach
    for along_m in _spread(arc_m, step_m):
        yield destination(view.lng, view.lat, view.heading_deg - half + math.degrees(along_m / reach), reach)


def _spread(length: float, step: float) -> Sequence[float]:
    steps = max(1, math.ceil(length / step))
    return [length * n / steps for n in range(steps + 1)]

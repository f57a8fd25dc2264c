"""Geometry as bytes and back: what SpatiaLite keeps, what PostGIS takes, and cells as polygons of the map.

Packed here rather than by SQL functions because a row then costs a `struct.pack` and no call into SpatiaLite; the
bytes are the same. The store writes the BLOBs, `sync` sends the EWKB, the API draws the polygons.
Source of the BLOB layout: "BLOB-Geometry" on the SpatiaLite site; of EWKB: PostGIS, `liblwgeom`.
"""

import itertools
import struct
from collections.abc import Sequence

import numpy as np

from appliance.errors import Corrupt
from appliance.spatial.cells import Ring, boundary
from appliance.spatial.geodesic import Floats

SRID = 4326
_POINT = struct.Struct("<BBi4dBi2dB")
_POINTS = np.dtype(
    [("head", "V6"), ("mbr", "V32"), ("kind", "V5"), ("lng", "<f8"), ("lat", "<f8"), ("end", "V1")]
)  # the same, many in a row
_FRAMED_POINT = struct.Struct("<6s32x5s2ds")
_HEAD = struct.Struct("<BBi4dB")  # start, byte order (little), srid, MBR, end of MBR
_TYPE = struct.Struct("<i")
_START, _LITTLE, _END_OF_MBR, _ENTITY, _END = 0x00, 0x01, 0x7C, 0x69, 0xFE
_WKB_POINT, _WKB_POLYGON, _WKB_MULTIPOLYGON = 1, 3, 6
_EWKB_HAS_SRID = 0x2000_0000
_FRAME = (
    struct.pack("<BBi", _START, _LITTLE, SRID),
    struct.pack("<Bi", _END_OF_MBR, _WKB_POINT),
    bytes([_END]),
)  # what every point has around its numbers


def point_blob(lng: float, lat: float) -> bytes:
    """The bytes of SpatiaLite's `MakePoint(lng, lat, 4326)`."""
    return _POINT.pack(_START, _LITTLE, SRID, lng, lat, lng, lat, _END_OF_MBR, _WKB_POINT, lng, lat, _END)


def read_point(blob: bytes) -> tuple[float, float]:
    """(lng, lat) of a point BLOB.

    raises  Corrupt  the bytes are not a little-endian SpatiaLite point of SRID 4326
    """
    if len(blob) != _POINT.size:
        raise Corrupt(f"a point geometry has {_POINT.size} bytes, this has {len(blob)}; run `hexpost verify`")
    head, kind, lng, lat, end = _FRAMED_POINT.unpack(blob)  # a third of the time of looking at each member
    if (head, kind, end) != _FRAME:
        raise Corrupt(f"a geometry of {len(blob)} bytes is not a point of SRID {SRID}; run `hexpost verify`")
    return lng, lat


def outline(cell: int) -> Ring:
    """A cell's corners on a flat map, not closed, counterclockwise.

    returns  (lng, lat) in degrees, as `cells.boundary` gives them. A cell around a pole is cut open at the antimeridian
             and closed along the pole's line of latitude, as a map in longitude and latitude needs it.
    """
    ring = boundary(cell)
    turns = round((ring[-1][0] - ring[0][0]) / 360)
    return _over_pole(ring, turns) if turns else ring


def read_points(blobs: Sequence[bytes]) -> tuple[Floats, Floats]:
    """(lng, lat) of n point BLOBs, (n,) float64 degrees each, as `read_point` reads one.

    raises  Corrupt  one is not a little-endian SpatiaLite point of SRID 4326
    """
    joined = b"".join(blobs)
    if len(joined) != _POINT.size * len(blobs):
        raise Corrupt(f"{len(blobs)} geometries are not all points; run `hexpost verify`")
    points = np.frombuffer(joined, _POINTS)
    for name, frame in zip(("head", "kind", "end"), _FRAME, strict=True):
        if (points[name] != np.void(frame)).any():
            raise Corrupt(f"of {len(blobs)} geometries one is not a point of SRID {SRID}; run `hexpost verify`")
    return points["lng"].astype(np.float64), points["lat"].astype(np.float64)


def cell_polygons(cell: int) -> list[Ring]:
    """A cell as polygons within 180 degrees either side: one, or two where the antimeridian divides it.

    returns  exterior rings, counterclockwise, closed: the first point is repeated at the end
    """
    return split(outline(cell))


def split(ring: Ring) -> list[Ring]:
    """An open ring, its longitudes continuous and within 540 degrees, cut at the antimeridian.

    returns  closed exterior rings within 180 degrees either side
    """
    parts = [part for turn in (-1, 0, 1) for part in _within(ring, 360.0 * turn)]
    return [[*part, part[0]] for part in parts]


def clip(ring: Sequence[tuple[float, float]], axis: int, limit: float, side: int) -> list[Ring]:
    """What of an open ring lies at or above (side 1) or at or below (side -1) a limit of one coordinate.

    axis     0 or 1: which coordinate of a point is limited
    returns  open rings; none where nothing is left, several where the limit cuts the shape into parts
    A line's crossing comes out the same whichever way it is walked, so that neighbours still meet.
    """
    outside = next((i for i, point in enumerate(ring) if side * (point[axis] - limit) < 0), None)
    if outside is None:
        return [list(ring)]
    runs = _runs_inside([*ring[outside:], *ring[:outside]], axis, limit, side)
    # Along the limit, the ends of the runs lie inside the shape between the first and second, third and fourth, ...
    ends = sorted((run[at][1 - axis], i, at) for i, run in enumerate(runs) for at in (0, -1))
    following = {}
    for (_, i, at), (_, j, _) in zip(ends[::2], ends[1::2], strict=True):
        following.update({i: j} if at == -1 else {j: i})
    parts: list[Ring] = []
    while following:
        part: Ring = []
        i, successor = following.popitem()
        part += runs[i]
        while successor in following:
            i, successor = successor, following.pop(successor)
            part += runs[i]
        parts.append(part)
    return parts


def multipolygon_blob(polygons: Sequence[Ring]) -> bytes:
    """Closed exterior rings as a SpatiaLite MULTIPOLYGON of SRID 4326, as `GeomFromText` would make it."""
    lngs = [lng for ring in polygons for lng, _ in ring]
    lats = [lat for ring in polygons for _, lat in ring]
    head = _HEAD.pack(_START, _LITTLE, SRID, min(lngs), min(lats), max(lngs), max(lats), _END_OF_MBR)
    parts = [struct.pack("<Bi", _ENTITY, _WKB_POLYGON) + _ring_bytes(ring) for ring in polygons]
    return b"".join([head, struct.pack("<ii", _WKB_MULTIPOLYGON, len(polygons)), *parts, bytes([_END])])


def multipolygon_ewkb(polygons: Sequence[Ring]) -> bytes:
    """Closed exterior rings as EWKB of a MULTIPOLYGON of SRID 4326, for PostGIS."""
    head = struct.pack("<BIii", _LITTLE, _WKB_MULTIPOLYGON | _EWKB_HAS_SRID, SRID, len(polygons))
    return head + b"".join(struct.pack("<Bi", _LITTLE, _WKB_POLYGON) + _ring_bytes(ring) for ring in polygons)


def polygons_from_blob(blob: bytes) -> list[Ring]:
    """The closed exterior rings that `multipolygon_blob` packed.

    raises  Corrupt  the bytes are not such a BLOB
    """
    try:
        start, order, srid, *_, bar = _HEAD.unpack_from(blob)
        kind, count = struct.unpack_from("<ii", blob, _HEAD.size)
        if (start, order, srid, bar, kind) != (_START, _LITTLE, SRID, _END_OF_MBR, _WKB_MULTIPOLYGON):
            raise Corrupt(f"a geometry of {len(blob)} bytes is not a multipolygon of SRID {SRID}; run `hexpost verify`")
        rings: list[Ring] = []
        at = _HEAD.size + 8
        for _ in range(count):
            ring, at = _read_ring(blob, at)
            rings.append(ring)
        if blob[at:] != bytes([_END]):
            raise Corrupt("a multipolygon goes on past its end; run `hexpost verify`")
    except struct.error as error:
        raise Corrupt(f"a multipolygon of {len(blob)} bytes is cut short: {error}; run `hexpost verify`") from None
    return rings


def _read_ring(blob: bytes, at: int) -> tuple[Ring, int]:
    entity, kind, rings, points = struct.unpack_from("<Biii", blob, at)
    if (entity, kind, rings) != (_ENTITY, _WKB_POLYGON, 1) or points < 0:
        raise Corrupt("a multipolygon holds something other than polygons of one ring; run `hexpost verify`")
    values = struct.unpack_from(f"<{2 * points}d", blob, at + 13)
    return list(zip(values[::2], values[1::2], strict=True)), at + 13 + 16 * points


def _ring_bytes(ring: Ring) -> bytes:
    return struct.pack(f"<ii{2 * len(ring)}d", 1, len(ring), *itertools.chain.from_iterable(ring))


def _over_pole(ring: Ring, turns: int) -> Ring:
    """A ring around a pole, cut open at the antimeridian and closed along the pole.

    Counterclockwise is eastward around the north pole (turns 1) and westward around the south pole (-1). Seen from
    the pole inside it a cell's corners follow each other by longitude. Corners on the pole itself, which the finest
    resolutions have, would pinch the polygon and go.
    """
    corners = [((lng + 180) % 360 - 180, lat) for lng, lat in ring if abs(lat) < 90]
    along = sorted(corners, reverse=turns < 0)
    (lng0, lat0), (lng1, lat1) = along[0], along[-1]
    edge, pole = 180.0 * turns, 90.0 * turns
    seam = lat1 + (lat0 - lat1) * (edge - lng1) / (lng0 + 2 * edge - lng1)
    return [(-edge, seam), *along, (edge, seam), (edge, pole), (-edge, pole)]


def _within(ring: Ring, middle: float) -> list[Ring]:
    """The parts of an open ring within 180 degrees of a meridian, moved to -180..180."""
    moved = [(lng - middle, lat) for lng, lat in ring]
    return [part for east in clip(moved, 0, -180.0, 1) for part in clip(east, 0, 180.0, -1)]


def _runs_inside(ring: Sequence[tuple[float, float]], axis: int, limit: float, side: int) -> list[Ring]:
    """The stretches of a ring within a limit, each from where it enters to where it leaves; it begins outside."""
    runs: list[Ring] = []
    for a, b in zip(ring, [*ring[1:], ring[0]], strict=True):
        enters, leaves = side * (a[axis] - limit) < 0, side * (b[axis] - limit) < 0
        if enters and not leaves:
            runs.append([])
        if enters != leaves and limit not in (a[axis], b[axis]):
            p, q = (a, b) if a[axis] < b[axis] else (b, a)
            other = p[1 - axis] + (q[1 - axis] - p[1 - axis]) * (limit - p[axis]) / (q[axis] - p[axis])
            runs[-1].append((limit, other) if axis == 0 else (other, limit))
        if not leaves:
            runs[-1].append(b)
    return [run for run in runs if any(point[axis] != limit for point in run)]

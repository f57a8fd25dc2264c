"""What lies in a shape: an index first, the exact predicate after.

Events are found by their cell (`event_cells`, and the unindexed tail by looking at it), newest first, segment by
segment, and no further than a page needs. What stands in a small table with a SpatiaLite index (devices; others add a
`PlaceTable`) is found by its box. Then SpatiaLite says what lies in a disc (on the ellipsoid), an area or a box.
SpatiaLite measures the way to a line in degrees, so the distance to a corridor's line is `geodesic`'s, and what lies in
a footprint `footprint` says.
Called by `event.pages`, `event.near` and `device.near`.
"""

import bisect
import heapq
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import sqlalchemy as sa

from appliance.errors import Rejected
from appliance.spatial.cover import Range, cover
from appliance.spatial.extent import boxes
from appliance.spatial.footprint import distances_beyond_m
from appliance.spatial.geodesic import Floats, distances_m, distances_to_line_m
from appliance.spatial.geometry import multipolygon_blob, point_blob, read_points
from appliance.spatial.shape import Area, Box, Corridor, Disc, Footprint, Shape
from appliance.store.engine import raw_connection
from appliance.store.near.segments import FOREVER, fetch_segments

LOOKED_AT = 4_096  # candidates looked at in one statement, at most
Entry = tuple[int, int, int]
"""(event_timestamp, event_pk, cell) of a candidate."""

# The conditions on time do not take part in choosing an index: the tail is found by its key.
_TAIL = """
SELECT event_timestamp, event_pk, h3_index FROM events NOT INDEXED
WHERE event_pk > (SELECT indexed_pk FROM settled) AND h3_index BETWEEN ? AND ?
AND event_timestamp >= ? AND (event_timestamp, event_pk) < (?, ?)
"""
_SEGMENT = """
WITH span(low, high) AS (VALUES {spans})
SELECT c.event_timestamp, c.event_pk, c.h3_index FROM span CROSS JOIN event_cells AS c
WHERE c.segment = ? AND c.h3_index BETWEEN span.low AND span.high
AND c.event_timestamp >= ? AND (c.event_timestamp, c.event_pk) < (?, ?)
ORDER BY c.event_timestamp DESC, c.event_pk DESC LIMIT ?
"""
_ALL_SEGMENTS = """
WITH span(low, high) AS (VALUES {spans})
SELECT c.event_timestamp, c.event_pk, c.h3_index
FROM (SELECT value AS segment FROM json_each(?)) AS s CROSS JOIN span CROSS JOIN event_cells AS c
WHERE c.segment = s.segment AND c.h3_index BETWEEN span.low AND span.high
AND c.event_timestamp >= ? AND (c.event_timestamp, c.event_pk) < (?, ?)
LIMIT ?
"""
# Candidates are looked at in the order they come in, which is that of the answer; below 0 is the key of one in a cell
# that lies in the shape.
_EXACT = """
SELECT {columns}, e.geom FROM (SELECT value AS candidate FROM json_each(?)) AS c
CROSS JOIN events AS e ON e.event_pk = abs(c.candidate) WHERE {conditions} LIMIT ?
"""


class PlaceTable(NamedTuple):
    """A small table of points under a SpatiaLite index."""

    table: str
    key: str
    geom: str = "geom"


DEVICES = PlaceTable("devices", "device_pk")


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the events in a shape: from `from_us`, before `before`, which is (event_timestamp, event_pk) of the last
    one that is already known or the end of an interval; of a type, of a source.
    """

    from_us: int = -FOREVER
    before: tuple[int, int] = (FOREVER, FOREVER)
    event_type: str | None = None
    source: str | None = None


def find_events(
    connection: sa.Connection, shape: Shape, window: Window, *, columns: str, limit: int
) -> tuple[list[tuple[Any, ...]], list[float] | None]:
    """The newest `limit` events in a shape.

    columns  of `events`, as SQL
    returns  rows of these columns, newest first, and how far each lies from the disc's middle or the corridor's line in
             metres, None for other shapes
    """
    raw = raw_connection(connection)
    rows: list[tuple[Any, ...]] = []
    distances: list[float] = []
    ranges, inside = cover(shape)
    for batch in _candidates(raw, ranges, window, least=limit):
        at = 0
        while at < len(batch) and len(rows) < limit:
            lacking = limit - len(rows)
            some = batch[at : at + min(lacking * 2 + 64, LOOKED_AT)]
            keys = _keys(some, inside)
            found, away = _look_at(raw, shape, window, keys, columns=columns, limit=lacking)
            rows += found
            distances += away
            at += len(some)
        if len(rows) == limit:
            break
    return rows, distances if isinstance(shape, Disc | Corridor) else None


def find_places(connection: sa.Connection, shape: Shape, table: PlaceTable) -> list[tuple[float, int]]:
    """(metres from the disc's middle or the corridor's line, else 0; key) of a table's rows in a shape, ascending."""
    bounds = [edge for w, s, e, n in boxes(shape) for edge in (e, w, n, s)]
    box = " OR ".join(["(xmin <= ? AND xmax >= ? AND ymin <= ? AND ymax >= ?)"] * (len(bounds) // 4))
    condition, values = _exactly(shape, f"e.{table.geom}")
    rows = (
        raw_connection(connection)
        .execute(
            f"SELECT e.{table.key}, e.{table.geom} FROM {table.table} AS e WHERE e.{table.key} IN "
            f"(SELECT pkid FROM idx_{table.table}_{table.geom} WHERE {box}) AND {condition}",
            (*bounds, *values),
        )
        .fetchall()
    )
    kept, distances = _measured(shape, rows)
    return sorted(zip(distances or [0.0] * len(kept), (row[0] for row in kept), strict=True))


def check_area(connection: sa.Connection, area: Area) -> None:
    """Whether an area's ring is sound, as SpatiaLite finds.

    raises  Rejected  its edges cross or touch, or it has no extent
    """
    ring = [*area.ring, area.ring[0]]
    text = ", ".join(f"{lng!r} {lat!r}" for lng, lat in ring)
    valid, reason = (
        raw_connection(connection)
        .execute(
            "SELECT ST_IsValid(g), ST_IsValidReason(g) FROM (SELECT GeomFromText(?, 4326) AS g)",
            (f"POLYGON(({text}))",),
        )
        .fetchone()
    )
    if valid != 1:
        raise Rejected(f"not a simple polygon: {reason or 'it has no extent'}; its edges must not cross", "polygon")


def _candidates(raw: Any, ranges: Sequence[Range], window: Window, *, least: int) -> Iterator[list[Entry]]:
    """Batches of entries in the ranges and the window, newest first over all of them; at least `least` but the last.

    A segment is read when no other can hold anything newer, and no more of it than a batch takes. Where the newest
    holds so little that all are not expected to have many, the others are read in one statement.
    """
    if not ranges:
        return
    read = _Reader(raw, [number for span in ranges for number in span], window)
    segments = fetch_segments(raw, window.from_us, window.before[0])
    unread = [(-last, -FOREVER, segment) for segment, last in segments]  # later entries of the segment are not there
    heapq.heapify(unread)
    pool = _tail(raw, ranges, window)  # ascending
    while unread or pool:
        ripe_from = bisect.bisect_left(pool, (-unread[0][0], -unread[0][1])) if unread else 0
        if unread and len(pool) - ripe_from < least:
            us, key, segment = heapq.heappop(unread)
            before = min(window.before, (-us, -key))
            chunk = read.segment(segment, before, least)
            if len(chunk) == least:
                heapq.heappush(unread, (-chunk[-1][0], -chunk[-1][1], segment))
            elif len(unread) == len(segments) - 1 and len(chunk) * len(unread) < LOOKED_AT:
                others = read.all([segment for _, _, segment in unread])
                if len(others) <= LOOKED_AT:
                    chunk, unread = chunk + others, []
            pool += chunk
            pool.sort()
            continue
        yield pool[ripe_from:][::-1]
        del pool[ripe_from:]


class _Reader(NamedTuple):
    """Reads the spatial index: entries in the ranges and the window."""

    raw: Any
    spans: list[int]
    window: Window

    def segment(self, segment: int, before: tuple[int, int], limit: int) -> list[Entry]:
        """The newest of a segment's before this one, newest first."""
        values = (*self.spans, segment, self.window.from_us, *before, limit)
        return self._fetch(_SEGMENT, values)

    def all(self, segments: list[int]) -> list[Entry]:
        """Those of whole segments, in no order; more than `LOOKED_AT` are not read to the end."""
        values = (*self.spans, _json(segments), self.window.from_us, *self.window.before, LOOKED_AT + 1)
        return self._fetch(_ALL_SEGMENTS, values)

    def _fetch(self, statement: str, values: tuple[Any, ...]) -> list[Entry]:
        marks = ", ".join(["(?, ?)"] * (len(self.spans) // 2))
        entries: list[Entry] = self.raw.execute(statement.format(spans=marks), values).fetchall()
        return entries


def _tail(raw: Any, ranges: Sequence[Range], window: Window) -> list[Entry]:
    lows = [low for low, _ in ranges]
    rows = raw.execute(_TAIL, (lows[0], ranges[-1][1], window.from_us, *window.before))
    return sorted((us, key, cell) for us, key, cell in rows if cell <= ranges[bisect.bisect_right(lows, cell) - 1][1])


def _keys(entries: Sequence[Entry], inside: Sequence[Range]) -> list[int]:
    """The event_pk of each, below 0 where its cell is in one of the ranges."""
    keys = np.array([key for _, key, _ in entries], np.int64)
    if inside:
        cells = np.array([cell for _, _, cell in entries], np.int64)
        lows, highs = np.array(inside, np.int64).T
        at = np.searchsorted(lows, cells, side="right") - 1
        keys[(at >= 0) & (cells <= highs[at])] *= -1
    found: list[int] = keys.tolist()
    return found


def _look_at(
    raw: Any, shape: Shape, window: Window, keys: list[int], *, columns: str, limit: int
) -> tuple[list[tuple[Any, ...]], list[float]]:
    """At most `limit` rows of the candidates that are what is asked for, in their order, and their distances.

    keys  event_pk, below 0 where it is known that the event lies in the shape
    """
    condition, values = _exactly(shape, "e.geom")
    conditions = ["e.geom IS NOT NULL", f"(c.candidate < 0 OR {condition})"]
    for column, value in (("event_type", window.event_type), ("source", window.source)):
        if value is not None:
            conditions.append(f"e.{column} = ?")
            values.append(value)

    def rows_of(columns: str, keys: list[int], limit: int) -> list[tuple[Any, ...]]:
        statement = _EXACT.format(columns=columns, conditions=" AND ".join(conditions))
        rows: list[tuple[Any, ...]] = raw.execute(statement, (_json(keys), *values, limit)).fetchall()
        return rows

    if isinstance(shape, Corridor | Footprint):  # many candidates lie beside it, and only their places are read
        placed, away = _measured(shape, rows_of("e.event_pk", keys, len(keys)))
        chosen = [key for key, _ in placed[:limit]]
        return [row[:-1] for row in rows_of(columns, chosen, limit)], (away or [])[:limit]
    rows, distances = _measured(shape, rows_of(columns, keys, limit))
    return [row[:-1] for row in rows], distances or []


def _json(keys: list[int]) -> str:
    return msgspec.json.encode(keys).decode()


def _exactly(shape: Shape, geom: str) -> tuple[str, list[Any]]:
    """SpatiaLite's condition on a point, and its values; of a corridor that there is a point at all."""
    match shape:
        case Disc(lng=lng, lat=lat, radius_m=radius_m):
            return f"PtDistWithin({geom}, ?, ?, 1) = 1", [point_blob(lng, lat), radius_m]
        case Area(parts=parts):
            return f"ST_Intersects(?, {geom}) = 1", [multipolygon_blob(parts)]
        case Box(bounds=(_, south, _, north), spans=spans):
            within = " OR ".join([f"ST_X({geom}) BETWEEN ? AND ?"] * len(spans))
            return f"ST_Y({geom}) BETWEEN ? AND ? AND ({within})", [south, north, *(x for span in spans for x in span)]
        case Corridor() | Footprint():
            return f"{geom} IS NOT NULL", []


def _measured(shape: Shape, rows: list[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], list[float] | None]:
    """Rows that end in a point, without those beside a corridor or a footprint; and their distances."""
    if not rows or isinstance(shape, Area | Box):
        return rows, None
    lng, lat = read_points([row[-1] for row in rows])
    if isinstance(shape, Footprint):
        return [rows[n] for n in (distances_beyond_m(shape, lng, lat) <= 0).nonzero()[0].tolist()], None
    away = _distances(shape, lng, lat)
    if isinstance(shape, Disc):
        return rows, away.tolist()
    near = (away <= shape.buffer_m).nonzero()[0].tolist()
    return [rows[n] for n in near], away[near].tolist()


def _distances(shape: Disc | Corridor, lng: Floats, lat: Floats) -> Floats:
    if isinstance(shape, Disc):
        return distances_m(lng, lat, np.array(shape.lng), np.array(shape.lat))
    return distances_to_line_m(shape.line, lng, lat)

"""Reading events back, newest first, a page at a time; and giving a place to those that have waited for one."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.errors import NotFound
from appliance.spatial.cells import EVENT_RESOLUTION, cell_of, to_hex
from appliance.spatial.geojson import Bounds
from appliance.spatial.geometry import point_blob, read_point
from appliance.spatial.shape import Box
from appliance.store.engine import raw_connection
from appliance.store.near.search import Window, find_events
from appliance.store.paging import bounds, read_cursor
from appliance.store.settled.settle import Spot, follow_change
from appliance.store.settled.tally import Tally
from appliance.store.totals import add_totals

COLUMNS = (
    "event_pk, event_id, source, event_type, event_timestamp, received_at, recorded_at, clock_quality, "
    "h3_index, severity, value, attributes_json, rev, geom"
)


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as the API shows it; `h3_index` is hex, instants are aware UTC. Without a place all three are None."""

    event_id: str
    source: str
    event_type: str
    event_timestamp: datetime
    received_at: datetime
    recorded_at: datetime
    clock_quality: str
    h3_index: str | None
    longitude: float | None
    latitude: float | None
    severity: float | None
    value: float | None
    attributes: dict[str, Any]
    rev: int


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events: the time is half-open [from, to), `bbox` (west, south, east, north) may cross the antimeridian.

    No box holds an event without a place.
    """

    from_time: datetime | None = None
    to_time: datetime | None = None
    event_type: str | None = None
    source: str | None = None
    bbox: Bounds | None = None


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events by descending time; `next_cursor` is None on the last page."""

    items: list[StoredEvent]
    next_cursor: str | None


def fetch_events(connection: sa.Connection, wanted: EventFilter, *, cursor: str | None, limit: int) -> EventPage:
    """One page of at most `limit` events.

    raises  Rejected  the cursor is not one that a page gave
    """
    if wanted.bbox:
        box, window = Box(bounds=wanted.bbox), window_of(wanted, cursor)
        found, _ = find_events(connection, box, window, columns=COLUMNS, limit=limit + 1)
        return EventPage(items=[_event(row) for row in found[:limit]], next_cursor=next_cursor(found, limit))
    where, values = _conditions(wanted)
    if cursor is not None:
        where.append("(event_timestamp, event_pk) < (?, ?)")
        values.extend(read_cursor(cursor))
    clause = f"WHERE {' AND '.join(where)}" if where else ""
    rows = (
        raw_connection(connection)
        .execute(
            f"SELECT {COLUMNS} FROM events {clause} ORDER BY event_timestamp DESC, event_pk DESC LIMIT ?",
            (*values, limit + 1),
        )
        .fetchall()
    )
    return EventPage(items=[_event(row) for row in rows[:limit]], next_cursor=next_cursor(rows, limit))


def next_cursor(rows: Sequence[tuple[Any, ...]], limit: int) -> str | None:
    """The cursor after a page of `limit` rows of `COLUMNS`, of which one more was asked for; None after the last."""
    return f"{rows[limit - 1][4]}.{rows[limit - 1][0]}" if len(rows) > limit else None


def window_of(wanted: EventFilter, cursor: str | None) -> Window:
    """What of a filter is no shape, after a page's cursor.

    raises  Rejected  the cursor is not one that a page gave
    """
    from_us, to_us = bounds(wanted.from_time, wanted.to_time)
    before = (to_us, 0) if cursor is None else min((to_us, 0), read_cursor(cursor))  # no event has the key 0
    return Window(from_us=from_us, before=before, event_type=wanted.event_type, source=wanted.source)


def fetch_event(connection: sa.Connection, source: str, event_id: str) -> StoredEvent:
    """One event.

    raises  NotFound
    """
    raw = raw_connection(connection)
    settled = "event_pk = (SELECT event_pk FROM event_keys WHERE source = ? AND event_id = ?)"
    tail = "event_pk > (SELECT indexed_pk FROM settled) AND source = ? AND event_id = ?"
    row = (
        raw.execute(f"SELECT {COLUMNS} FROM events WHERE {settled}", (source, event_id)).fetchone()
        or raw.execute(f"SELECT {COLUMNS} FROM events WHERE {tail}", (source, event_id)).fetchone()
    )
    if row is None:
        raise NotFound(f"{source} has no event {event_id}; `GET /v1/events?source=` lists those it has")
    return _event(row)


def fetch_events_after(connection: sa.Connection, event_pk: int, limit: int) -> list[tuple[int, StoredEvent]]:
    """(key, event) recorded after the one with this key, in the order of recording; for the live stream."""
    rows = (
        raw_connection(connection)
        .execute(f"SELECT {COLUMNS} FROM events WHERE event_pk > ? ORDER BY event_pk LIMIT ?", (event_pk, limit))
        .fetchall()
    )
    return [(row[0], _event(row)) for row in rows]


def fetch_last_key(connection: sa.Connection) -> tuple[int, datetime | None]:
    """(key, time of recording) of the newest event; (0, None) in an empty store."""
    row = (
        raw_connection(connection)
        .execute("SELECT event_pk, recorded_at FROM events ORDER BY event_pk DESC LIMIT 1")
        .fetchone()
    )
    return (row[0], from_us(row[1])) if row else (0, None)


def place_events(
    connection: sa.Connection, source: str, lng: float, lat: float, tally: Tally, limit: int = 2_000
) -> int:
    """Give a place, in degrees, to at most `limit` events of a source that have none, and count them in their cells.

    returns  how many; fewer than `limit` when none is left. The caller repeats it, each time in its own transaction.
    """
    raw = raw_connection(connection)
    rows = raw.execute(
        "SELECT event_pk, event_timestamp, event_type FROM events WHERE source = ? AND geom IS NULL "
        "ORDER BY event_pk LIMIT ?",
        (source, limit),
    ).fetchall()
    cell, point = cell_of(lat=lat, lng=lng, resolution=EVENT_RESOLUTION), point_blob(lng, lat)
    raw.executemany(
        "UPDATE events SET h3_index = ?, geom = ? WHERE event_pk = ?", [(cell, point, row[0]) for row in rows]
    )
    for key, us, event_type in rows:
        follow_change(connection, tally, key, Spot(us, event_type, None, None), Spot(us, event_type, cell, point))
    tally.write(connection)
    add_totals(connection, {("placed", ""): len(rows)})  # a run must see that there is more to count than before
    return len(rows)


def _conditions(wanted: EventFilter) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    for condition, value in (
        ("event_timestamp >= ?", to_us(wanted.from_time) if wanted.from_time else None),
        ("event_timestamp < ?", to_us(wanted.to_time) if wanted.to_time else None),
        ("event_type = ?", wanted.event_type),
        ("source = ?", wanted.source),
    ):
        if value is not None:
            where.append(condition)
            values.append(value)
    return where, values


def _event(row: tuple[Any, ...]) -> StoredEvent:
    lng, lat = place_of(row[13])
    return StoredEvent(
        event_id=row[1],
        source=row[2],
        event_type=row[3],
        event_timestamp=from_us(row[4]),
        received_at=instant(row[5]),
        recorded_at=instant(row[6]),
        clock_quality=row[7],
        h3_index=hex_of(row[8]),
        longitude=lng,
        latitude=lat,
        severity=row[9],
        value=row[10],
        attributes=attributes_of(row[11]),
        rev=row[12],
    )


instant = lru_cache(maxsize=1_024)(from_us)
"""The instant of one of our own stamps, which a batch has in common."""
attributes_of = msgspec.json.Decoder(dict[str, Any]).decode


def place_of(point: bytes | None) -> tuple[float, float] | tuple[None, None]:
    """(lng, lat) of an event's geometry; both None where it has none."""
    return (None, None) if point is None else read_point(point)


def hex_of(cell: int | None) -> str | None:
    """The cell as it is known outside."""
    return None if cell is None else to_hex(cell)

"""Anomalies: found by the jobs, kept with their life, read by the API, the command line and whoever explains a cell.

An incident that goes on is one row. It is found again by its subject and its time: what lies within the gap of it
belongs to it, whatever anybody has said of it meanwhile. Bounded: the newest 20,000 of at most 400 days; those that go
are counted.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.errors import NotFound
from appliance.model.anomaly import DEVICE_KINDS, Anomaly, Found, Kind, State
from appliance.spatial.cells import EVENT_RESOLUTION, cell_of, descendants, resolution_of, to_hex
from appliance.spatial.geojson import Bounds
from appliance.store.engine import raw_connection
from appliance.store.paging import bounds, read_cursor
from appliance.store.totals import add_totals

KEEP_ROWS = 20_000
KEEP = timedelta(days=400)
BATCH = 500  # that go at once
MAX_OF_CELL = 1_000

_COLUMNS = (
    "anomaly_id, kind, state, subject, h3_index, resolution, event_type, device, metric, unit, longitude, latitude, "
    "started_at, last_at, found_at, score, observed, expected, probability, bar, detail_json, version, labelled_by, "
    "labelled_at, note, rev"
)
_INSERT = """
INSERT INTO anomalies (kind, subject, family, resolution, h3_index, event_type, device, metric, unit, longitude,
                       latitude, spot, started_at, last_at, found_at, score, observed, expected, probability, bar,
                       detail_json, version, rev)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class AnomalyFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which are wanted; None is all.

    from_time, to_time  those that lasted into [from, to)
    cell                in this cell, of whatever resolution
    public              those of cells only
    """

    from_time: datetime | None = None
    to_time: datetime | None = None
    kind: Kind | None = None
    state: State | None = None
    device: str | None = None
    cell: int | None = None
    bbox: Bounds | None = None
    public: bool = False


class AnomalyPage(msgspec.Struct, frozen=True, kw_only=True):
    """Anomalies, the latest begun first; `next_cursor` is None on the last page."""

    items: list[Anomaly]
    next_cursor: str | None


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """Where something found was written; `new` where it begins an incident."""

    id: int
    new: bool


def record_found(
    connection: sa.Connection, found: Found, *, gap: timedelta, now: datetime, reaches_back: bool = True
) -> Recorded:
    """Write what was found: as a new incident, or into the one of its kind and subject that lies within `gap` of it.

    reaches_back  an incident that is there begins where this begins, if that is earlier

    The greatest of an incident's scores stands, with its numbers; the same window found again, with other numbers,
    overwrites its own. What says nothing new writes nothing.
    """
    raw = raw_connection(connection)
    start, end, gap_us = to_us(found.started_at), to_us(found.last_at), gap // timedelta(microseconds=1)
    row = raw.execute(
        "SELECT anomaly_id, started_at, last_at, score, detail_json, event_type FROM anomalies WHERE subject = ? "
        "AND kind = ? AND last_at >= ? AND started_at <= ? ORDER BY last_at DESC LIMIT 1",
        (found.subject, found.kind, start - gap_us, end + gap_us),
    ).fetchone()
    if row is None:
        return Recorded(id=_insert(connection, found, now), new=True)
    detail = msgspec.json.decode(row[4])
    same = detail.get("window") is not None and detail.get("window") == found.detail.get("window")
    if found.score > row[3] or (same and row[5] == found.event_type):
        _overwrite(connection, row[0], found)
    began = min(start, row[1]) if reaches_back else row[1]
    extend(connection, row[0], started_at=began, last_at=max(end, row[2]))
    return Recorded(id=row[0], new=False)


def extend(connection: sa.Connection, anomaly_id: int, *, last_at: int, started_at: int | None = None) -> bool:
    """Let an incident last until an instant (microseconds); whether that is news, and it is still kept."""
    raw = raw_connection(connection)
    changed: int = raw.execute(
        "UPDATE anomalies SET last_at = max(last_at, ?1), started_at = min(started_at, coalesce(?2, started_at)), "
        "rev = (SELECT rev + 1 FROM site) WHERE anomaly_id = ?3 AND (last_at < ?1 OR started_at > ?2)",
        (last_at, started_at, anomaly_id),
    ).rowcount
    if changed:
        raw.execute("UPDATE site SET rev = rev + 1")
    return bool(changed)


def raise_score(connection: sa.Connection, anomaly_id: int, found: Found) -> None:
    """Take over the numbers of a greater surprise within the same incident."""
    raw = raw_connection(connection)
    row = raw.execute("SELECT score FROM anomalies WHERE anomaly_id = ?", (anomaly_id,)).fetchone()
    if row is not None and found.score > row[0]:
        _overwrite(connection, anomaly_id, found)


def fetch_anomalies(
    connection: sa.Connection, wanted: AnomalyFilter, *, cursor: str | None = None, limit: int
) -> AnomalyPage:
    """One page of at most `limit`, the latest begun first.

    raises  Rejected  the cursor is not one that a page gave
    """
    where, values = _where(wanted)
    if cursor is not None:
        where.append("(started_at, anomaly_id) < (?, ?)")
        values.extend(read_cursor(cursor))
    rows = (
        raw_connection(connection)
        .execute(
            f"SELECT {_COLUMNS} FROM anomalies WHERE {' AND '.join(where)} "
            "ORDER BY started_at DESC, anomaly_id DESC LIMIT ?",
            (*values, limit + 1),
        )
        .fetchall()
    )
    last = rows[limit - 1] if len(rows) > limit else None
    items = [_anomaly(row) for row in rows[:limit]]
    return AnomalyPage(items=items, next_cursor=f"{last[12]}.{last[0]}" if last else None)


def fetch_anomaly(connection: sa.Connection, anomaly_id: int) -> Anomaly:
    """One.

    raises  NotFound
    """
    row = (
        raw_connection(connection)
        .execute(f"SELECT {_COLUMNS} FROM anomalies WHERE anomaly_id = ?", (anomaly_id,))
        .fetchone()
    )
    if row is None:
        raise NotFound(f"anomaly {anomaly_id} is not there; `hexpost anomaly list` shows those that are")
    return _anomaly(row)


def fetch_cell_anomalies(connection: sa.Connection, cell: int, from_time: datetime, to_time: datetime) -> list[Anomaly]:
    """Those of exactly this cell that lasted into [from_time, to_time), the latest begun first; at most 1,000."""
    rows = raw_connection(connection).execute(
        f"SELECT {_COLUMNS} FROM anomalies WHERE h3_index = ? AND last_at >= ? AND started_at < ? "
        "ORDER BY started_at DESC, anomaly_id DESC LIMIT ?",
        (cell, to_us(from_time), to_us(to_time), MAX_OF_CELL),
    )
    return [_anomaly(row) for row in rows.fetchall()]


def let_old_go(connection: sa.Connection, *, now: datetime) -> int:
    """Delete what is beyond the bounds, the oldest first, some at a time; how many, which is counted."""
    raw = raw_connection(connection)
    count: int = raw.execute("SELECT count(*) FROM anomalies").fetchone()[0]
    over = min(max(count - KEEP_ROWS, 0), BATCH)
    gone: int = raw.execute(
        "DELETE FROM anomalies WHERE anomaly_id IN (SELECT anomaly_id FROM anomalies ORDER BY last_at LIMIT ?) "
        "OR anomaly_id IN (SELECT anomaly_id FROM anomalies WHERE last_at < ? LIMIT ?)",
        (over, to_us(now - KEEP), BATCH),
    ).rowcount
    add_totals(connection, {("let_go", "anomalies"): gone})
    return gone


def next_rev(raw: Any) -> int:
    """The next revision of the box."""
    return int(raw.execute("UPDATE site SET rev = rev + 1 RETURNING rev").fetchone()[0])


def _insert(connection: sa.Connection, found: Found, now: datetime) -> int:
    raw = raw_connection(connection)
    lng, lat = found.place or (None, None)
    spot = cell_of(lat=lat, lng=lng, resolution=EVENT_RESOLUTION) if lng is not None and lat is not None else None
    key: int = raw.execute(
        _INSERT,
        (
            *(found.kind, found.subject, found.family, found.resolution, found.cell, found.event_type),
            *(found.device, found.metric, found.unit, lng, lat, spot),
            *(to_us(found.started_at), to_us(found.last_at), to_us(now)),
            *(found.score, found.observed, found.expected, found.probability, found.bar),
            *(msgspec.json.encode(found.detail).decode(), found.version, next_rev(raw)),
        ),
    ).lastrowid
    let_old_go(connection, now=now)
    return key


def _overwrite(connection: sa.Connection, anomaly_id: int, found: Found) -> None:
    """The numbers of what was found, where they are others."""
    raw = raw_connection(connection)
    detail = msgspec.json.encode(found.detail).decode()
    numbers = (found.score, found.observed, found.expected, found.probability, found.bar, detail, found.event_type)
    same = raw.execute(
        "SELECT 1 FROM anomalies WHERE anomaly_id = ? AND (score, observed, expected, probability, bar, detail_json, "
        "event_type) IS (?, ?, ?, ?, ?, ?, ?)",
        (anomaly_id, *numbers),
    ).fetchone()
    if same is None:
        raw.execute(
            "UPDATE anomalies SET score = ?, observed = ?, expected = ?, probability = ?, bar = ?, detail_json = ?, "
            "event_type = ?, version = ?, rev = ? WHERE anomaly_id = ?",
            (*numbers, found.version, next_rev(raw), anomaly_id),
        )


def _where(wanted: AnomalyFilter) -> tuple[list[str], list[Any]]:
    start, end = bounds(wanted.from_time, wanted.to_time)
    where, values = ["last_at >= ?", "started_at < ?"], [start, end]
    parts: list[tuple[str, tuple[Any, ...]]] = []
    for column in ("kind", "state", "device"):
        value = getattr(wanted, column)
        if value is not None:
            parts.append((f"{column} = ?", (value,)))
    if wanted.public:
        parts.append((f"kind NOT IN ({', '.join('?' * len(DEVICE_KINDS))})", DEVICE_KINDS))
    if wanted.cell is not None and resolution_of(wanted.cell) <= EVENT_RESOLUTION:
        parts.append(("(h3_index = ? OR spot BETWEEN ? AND ?)", (wanted.cell, *_under(wanted.cell))))
    elif wanted.cell is not None:
        parts.append(("h3_index = ?", (wanted.cell,)))
    if wanted.bbox is not None:
        west, south, east, north = wanted.bbox
        across = "longitude BETWEEN ? AND ?" if west <= east else "(longitude >= ? OR longitude <= ?)"
        parts.append((f"latitude BETWEEN ? AND ? AND {across}", (south, north, west, east)))
    for text, given in parts:
        where.append(text)
        values.extend(given)
    return where, values


def _under(cell: int) -> tuple[int, int]:
    return descendants(cell, EVENT_RESOLUTION)


def _anomaly(row: tuple[Any, ...]) -> Anomaly:
    members = dict(zip(_COLUMNS.split(", "), row, strict=True))
    cell = members["h3_index"]
    members["id"], members["h3_index"] = members.pop("anomaly_id"), None if cell is None else to_hex(cell)
    members["detail"] = msgspec.json.decode(members.pop("detail_json"))
    for name in ("started_at", "last_at", "found_at", "labelled_at"):
        if members[name] is not None:
            members[name] = from_us(members[name])
    return Anomaly(**members)

"""What the detectors remember, in the file: a state a series or moving device, each with its own cursor.

A state that is written says up to which transaction it has judged, so any of them may be written at any time: after a
kill a follower begins at the common cursor, and each state passes over what it has seen. So an anomaly is committed
with the state that found it and no other, and all others are written seldom. Called by `job.watching`.
"""

import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from appliance.clock import to_us
from appliance.store.engine import raw_connection
from appliance.store.measured.fresh_rows import Fresh, Table, forget_fresh

LEVEL = 1  # of zlib; a state that has seen little is mostly zeros, and of others a third goes


class Kept(NamedTuple):
    """A state as MessagePack, and the number of the last transaction that it has judged."""

    table: Table
    subject: str
    judged: int
    state: bytes


class Value(NamedTuple):
    """A measured value that is new."""

    us: int
    series: int
    value: float
    recorded: int


class NewFix(NamedTuple):
    """A position that is new."""

    us: int
    device: str
    longitude: float
    latitude: float
    accuracy_m: float | None
    recorded: int


def fetch_judged(connection: sa.Connection) -> tuple[int, float]:
    """The common cursor: everything up to it is judged, and written down. And how many values a day were, then."""
    row = raw_connection(connection).execute("SELECT judged, values_a_day FROM watch_cursor").fetchone()
    return int(row[0]), float(row[1])


def fetch_values(connection: sa.Connection, fresh: Fresh, *, after: int, upto: int) -> list[Value]:
    """New values in the order of their own time."""
    return [Value(*row) for row in _fetch(connection, fresh, "observed_at, series_pk, value, recorded", after, upto)]


def fetch_fixes(connection: sa.Connection, fresh: Fresh, *, after: int, upto: int) -> list[NewFix]:
    """New positions in the order of their own time."""
    columns = "observed_at, device, longitude, latitude, accuracy_m, recorded"
    return [NewFix(*row) for row in _fetch(connection, fresh, columns, after, upto)]


def fetch_series(connection: sa.Connection, key: int) -> tuple[str, str, str] | None:
    """Device, metric and unit of a series; None where it is no more."""
    row = (
        raw_connection(connection)
        .execute("SELECT device, metric, unit FROM reading_series WHERE series_pk = ?", (key,))
        .fetchone()
    )
    return (row[0], row[1], row[2]) if row else None


def fetch_state(connection: sa.Connection, table: Table, subject: str) -> tuple[int, bytes] | None:
    """A state's own cursor and its MessagePack; None where there is none, or it cannot be read."""
    row = (
        raw_connection(connection)
        .execute("SELECT judged, state FROM watch_states WHERE table_name = ? AND subject = ?", (table, subject))
        .fetchone()
    )
    try:
        return (int(row[0]), zlib.decompress(row[1])) if row else None
    except zlib.error:
        return None


def write_states(connection: sa.Connection, kept: Iterable[Kept], *, now: datetime) -> int:
    """Write states; how many bytes."""
    rows = [(one.table, one.subject, one.judged, to_us(now), zlib.compress(one.state, LEVEL)) for one in kept]
    raw_connection(connection).executemany(
        "INSERT INTO watch_states (table_name, subject, judged, changed_at, state) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (table_name, subject) DO UPDATE SET judged = excluded.judged, changed_at = excluded.changed_at, "
        "state = excluded.state",
        rows,
    )
    return sum(len(row[4]) for row in rows)


def write_judged(connection: sa.Connection, upto: int, *, values_a_day: float) -> None:
    """Move the common cursor, once every state that changed since is written; notes up to it are dropped."""
    raw_connection(connection).execute("UPDATE watch_cursor SET judged = ?, values_a_day = ?", (upto, values_a_day))
    forget_fresh(connection, upto)


def drop_states(connection: sa.Connection, *, before: datetime, limit: int) -> int:
    """Drop states that have not changed since an instant: their series is no more, or begins anew; how many."""
    count: int = (
        raw_connection(connection)
        .execute(
            "DELETE FROM watch_states WHERE state_pk IN "
            "(SELECT state_pk FROM watch_states WHERE changed_at < ? ORDER BY changed_at LIMIT ?)",
            (to_us(before), limit),
        )
        .rowcount
    )
    return count


def fetch_spot(connection: sa.Connection, device: str) -> tuple[float, float] | None:
    """(longitude, latitude) where a device stands, or was last."""
    row = (
        raw_connection(connection)
        .execute(
            "SELECT coalesce(ST_X(geom), fix_longitude), coalesce(ST_Y(geom), fix_latitude) FROM devices "
            "WHERE source = ?",
            (device,),
        )
        .fetchone()
    )
    return (row[0], row[1]) if row and row[0] is not None else None


def _fetch(connection: sa.Connection, fresh: Fresh, columns: str, after: int, upto: int) -> Sequence[Any]:
    raw = raw_connection(connection)
    found: list[Any] = []
    for first, last in fresh.spans:
        found += raw.execute(
            f"SELECT {columns} FROM {fresh.table} WHERE observed_at BETWEEN ? AND ? AND recorded > ? AND recorded <= ?",
            (first, last, after, upto),
        )
    return found

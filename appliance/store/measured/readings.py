"""Measured values: written with an intake, read back newest first, a page at a time.

A series is a device, a metric and a unit. Values lie in the order of time, so a batch touches the last pages of one
tree however many devices it comes from; the series' keys are remembered by the recorder.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.model.intake import Reading
from appliance.model.tier import READINGS
from appliance.store.engine import raw_connection
from appliance.store.measured.fresh_rows import note_fresh
from appliance.store.measured.open_bins import fetch_horizon, mark_written
from appliance.store.paging import bounds, read_cursor, read_numbers, write_numbers

MAX_SERIES = 200_000  # in all, some 20 MB: more are names that never come again, as of a device that counts in them
MAX_KNOWN = 20_000  # series remembered, about 7 MB; then the memory starts anew

_INSERT = """
INSERT INTO {table} (observed_at, series_pk, value, received_at, clock_quality) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
_INSERT_KEPT = f"""
INSERT INTO {READINGS.raw} (observed_at, series_pk, value, received_at, clock_quality, recorded)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""

Series = tuple[str, str, str]
"""Device, metric, unit."""

_Row = tuple[int, int, float, int, str]


class WrittenReadings(msgspec.Struct, frozen=True, kw_only=True):
    """What became of readings, and the keys of the series that were not known before.

    shed  of new series, where there are too many already
    """

    stored: int = 0
    duplicate: int = 0
    shed: int = 0
    series: dict[Series, int] = {}


class ReadingPage(msgspec.Struct, frozen=True, kw_only=True):
    """Readings by descending time; `next_cursor` is None on the last page."""

    items: list[Reading]
    next_cursor: str | None


def insert_readings(
    connection: sa.Connection, readings: Sequence[Reading], known: Mapping[Series, int]
) -> WrittenReadings:
    """Write readings; `known` are the keys of series that are committed.

    The same (series, observed_at, value) again is a duplicate. Another value at the same instant is genuine, from a
    clock that counts seconds, say, and stands beside it: so the order in which they come does not matter.
    What is older than the values that are kept waits among the late ones, to be merged into the tiers. Readings of a
    series beyond `MAX_SERIES` are shed.
    """
    if not readings:
        return WrittenReadings()
    raw = raw_connection(connection)
    fresh: dict[Series, int] = {}
    rows: list[_Row] = []
    for reading in readings:
        series = (reading.device, reading.metric, reading.unit)
        key = known.get(series) or fresh.get(series)
        if key is None:
            key = _series_key(raw, series)
            if key is None:
                continue
            fresh[series] = key
        rows.append((to_us(reading.observed_at), key, reading.value, to_us(reading.received_at), reading.clock_quality))
    rows.sort(key=lambda row: row[:3])
    late = bisect_left(rows, (fetch_horizon(raw, READINGS.raw),))
    stored = 0
    if len(rows) > late:
        recorded = note_fresh(raw, "reading_values", [row[0] for row in rows[late:]])
        stored = raw.executemany(_INSERT_KEPT, [(*row, recorded) for row in rows[late:]]).rowcount
    if late:
        stored += raw.executemany(_INSERT.format(table=READINGS.late), rows[:late]).rowcount
    mark_written(raw, READINGS, (row[0] for row in rows[late:]))
    return WrittenReadings(stored=stored, duplicate=len(rows) - stored, shed=len(readings) - len(rows), series=fresh)


def remember(known: dict[Series, int], fresh: Mapping[Series, int]) -> None:
    """Keep the keys of series whose transaction is committed; those of one that was taken back would be wrong."""
    if len(known) + len(fresh) > MAX_KNOWN:
        known.clear()
    known.update(fresh)


def fetch_readings(
    connection: sa.Connection,
    *,
    device: str | None = None,
    metric: str | None = None,
    from_time: datetime | None = None,
    to_time: datetime | None = None,
    cursor: str | None = None,
    limit: int,
) -> ReadingPage:
    """One page of at most `limit` readings of [from_time, to_time).

    The values lie in the order of time: without bounds a device that is seldom heard takes a long way back.
    raises  Rejected  the cursor is not one that a page gave
    """
    where = ["v.observed_at >= ?", "v.observed_at < ?"]
    values: list[Any] = [*bounds(from_time, to_time)]
    wanted = {"device": device, "metric": metric}
    named = [name for name, value in wanted.items() if value is not None]
    if named:
        matching = " AND ".join(f"{name} = ?" for name in named)
        where.append(f"v.series_pk IN (SELECT series_pk FROM reading_series WHERE {matching})")
        values.extend(wanted[name] for name in named)
    if cursor is not None:
        where.append("(v.observed_at, v.series_pk, v.value) < (?, ?, ?)")
        values.extend(_read_cursor(cursor))
    # CROSS JOIN keeps SQLite from walking the series first, for which the values have no index.
    rows = (
        raw_connection(connection)
        .execute(
            "SELECT v.observed_at, v.series_pk, v.value, v.received_at, v.clock_quality, s.device, s.metric, s.unit "
            "FROM reading_values AS v CROSS JOIN reading_series AS s ON s.series_pk = v.series_pk "
            f"WHERE {' AND '.join(where)} "
            "ORDER BY v.observed_at DESC, v.series_pk DESC, v.value DESC LIMIT ?",
            (*values, limit + 1),
        )
        .fetchall()
    )
    last = rows[limit - 1] if len(rows) > limit else None
    items = [_reading(row) for row in rows[:limit]]
    return ReadingPage(items=items, next_cursor=_cursor(last) if last else None)


def _series_key(raw: Any, series: Series) -> int | None:
    """The key of a series, made where there is none; None where there are too many."""
    row = raw.execute(
        "SELECT series_pk FROM reading_series WHERE device = ? AND metric = ? AND unit = ?", series
    ).fetchone()
    if row is None:
        if (raw.execute("SELECT max(series_pk) FROM reading_series").fetchone()[0] or 0) >= MAX_SERIES:
            return None
        made = raw.execute("INSERT INTO reading_series (device, metric, unit) VALUES (?, ?, ?)", series)
        return int(made.lastrowid)
    return int(row[0])


def _cursor(row: tuple[Any, ...]) -> str:
    return f"{row[0]}.{row[1]}.{write_numbers(row[2])}"


def _read_cursor(cursor: str) -> tuple[int, int, float]:
    place, _, text = cursor.rpartition(".")
    us, key = read_cursor(place)
    (value,) = read_numbers(text, 1)
    return us, key, value


def _reading(row: tuple[Any, ...]) -> Reading:
    return Reading(
        observed_at=from_us(row[0]),
        value=row[2],
        received_at=from_us(row[3]),
        clock_quality=row[4],
        device=row[5],
        metric=row[6],
        unit=row[7],
    )

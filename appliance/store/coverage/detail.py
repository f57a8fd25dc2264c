"""Coverage explained: the cells of a day, and for each the devices that look at it with when they were down and why.

Read for `serve`. A row says what was found when the day was computed; the devices are those that look there now, and
their lines are worked out anew from the spans, which are kept for `spans.SPAN_DAYS`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from appliance.clock import day_bounds, from_us, to_us
from appliance.coverage.judge import Coverage, Detail, detail_of, share_up
from appliance.coverage.line import Line
from appliance.spatial.cells import resolution_of, to_hex
from appliance.store.coverage.rows import fetch_lines
from appliance.store.engine import raw_connection

MAX_DOWNTIMES = 50  # of a device and day that are told, the latest
MAX_DEVICES = 100  # of a cell that are told

_COLUMNS = "h3_index, day, coverage, watched, cause, devices, down"
_STATES = {
    "unknown": "AND coverage = 'unknown'",
    "partial": "AND coverage = 'observed' AND watched < 1",
    "observed": "AND coverage = 'observed' AND watched >= 1",
}
STATES = tuple(_STATES)


class Downtime(msgspec.Struct, frozen=True, kw_only=True):
    """A device did not watch, [from, to); `to` is None while that lasts. The cause is one of `line.DOWN`."""

    start: datetime = msgspec.field(name="from")
    end: datetime | None = msgspec.field(name="to")
    cause: str


class WatcherDay(msgspec.Struct, frozen=True, kw_only=True):
    """A device that looks at a cell, over a day.

    standing  at the end of the day or now: up, ours, segment, maintenance, own; `absent` before it was first heard
    watched   0..1 of the time in which it was there; None where it never was
    down      the latest of a day that has many, ascending
    """

    device: str
    name: str
    standing: str
    watched: float | None
    down: list[Downtime]


class CellDay(msgspec.Struct, frozen=True, kw_only=True):
    """How a cell that devices look at was watched on a day.

    state       the coverage, with `partial` for an observed cell that was not watched all the time
    watched     0..1 of the time in which devices looked at it
    cause       of what was not watched, the weightiest: ours, segment, maintenance, own; '' where all was
    devices     that look at it at the end of the day or now, `down` those of them that do not watch then
    watched_by  these devices, for people who are logged in; None for others
    """

    h3_index: str
    day: str
    coverage: Coverage
    state: Detail
    watched: float
    cause: str
    devices: int
    down: int
    watched_by: list[WatcherDay] | None = None


class CoveragePage(msgspec.Struct, frozen=True, kw_only=True):
    """Cells of a day that devices look at, ascending."""

    items: list[CellDay]
    next_cursor: str | None


def fetch_coverage_page(
    connection: sa.Connection, *, resolution: int, day: date, state: str | None, after_cell: int, limit: int
) -> CoveragePage:
    """One page, without the devices; `state` (one of `STATES`) keeps the cells that are so."""
    rows = (
        raw_connection(connection)
        .execute(
            f"SELECT {_COLUMNS} FROM cell_coverage WHERE resolution = ? AND day = ? AND h3_index > ? "
            f"{_STATES[state] if state else ''} ORDER BY h3_index LIMIT ?",
            (resolution, day.isoformat(), after_cell, limit + 1),
        )
        .fetchall()
    )
    return CoveragePage(
        items=[_cell_day(row) for row in rows[:limit]],
        next_cursor=to_hex(rows[limit - 1][0]) if len(rows) > limit else None,
    )


def fetch_cell_day(connection: sa.Connection, cell: int, day: date) -> CellDay | None:
    """A cell on a day, without the devices; None where no device looked at it."""
    row = (
        raw_connection(connection)
        .execute(
            f"SELECT {_COLUMNS} FROM cell_coverage WHERE resolution = ? AND day = ? AND h3_index = ?",
            (resolution_of(cell), day.isoformat(), cell),
        )
        .fetchone()
    )
    return _cell_day(row) if row else None


def with_devices(
    connection: sa.Connection, items: Sequence[CellDay], *, day: date, zone: ZoneInfo, now: datetime
) -> list[CellDay]:
    """The same cells of one day, each with the devices that look at it."""
    start, end = (to_us(bound) for bound in day_bounds(day, zone))
    running, end = start <= to_us(now) < end, min(end, to_us(now))
    if end <= start:
        return list(items)
    watchers = _fetch_watchers(connection, [int(item.h3_index, 16) for item in items])
    lines = fetch_lines(connection, start, end, {key for keys in watchers.values() for key in keys})
    told = _told(connection, lines, running=running)
    return [
        msgspec.structs.replace(item, watched_by=[told[key] for key in watchers[int(item.h3_index, 16)]])
        for item in items
    ]


def _fetch_watchers(connection: sa.Connection, cells: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    rows = raw_connection(connection).execute(
        "SELECT w.h3_index, w.device_pk FROM json_each(?) AS c JOIN cell_watchers AS w "
        "ON w.resolution = ? AND w.h3_index = c.value ORDER BY w.h3_index, w.device_pk",
        (msgspec.json.encode(cells).decode(), resolution_of(cells[0]) if cells else 0),
    )
    for cell, key in rows:
        if len(found[cell]) < MAX_DEVICES:
            found[cell].append(key)
    return found


def _told(connection: sa.Connection, lines: dict[int, Line], *, running: bool) -> dict[int, WatcherDay]:
    keys = msgspec.json.encode(list(lines)).decode()
    names = raw_connection(connection).execute(
        "SELECT device_pk, source, name FROM devices WHERE device_pk IN (SELECT value FROM json_each(?))", (keys,)
    )
    return {key: _watcher(source, name, lines[key], running=running) for key, source, name in names}


def _watcher(source: str, name: str, line: Line, *, running: bool) -> WatcherDay:
    return WatcherDay(
        device=source,
        name=name,
        standing=line[-1].standing,
        watched=share_up(line),
        down=list(_downtimes(line, running=running))[-MAX_DOWNTIMES:],
    )


def _downtimes(line: Line, *, running: bool) -> Iterable[Downtime]:
    for piece in line:
        if piece.standing not in {"up", "absent"}:
            lasts = running and piece is line[-1]
            yield Downtime(start=from_us(piece.start), end=None if lasts else from_us(piece.end), cause=piece.standing)


def _cell_day(row: tuple[int, str, Coverage, float, str, int, int]) -> CellDay:
    cell, day, coverage, watched, cause, devices, down = row
    return CellDay(
        h3_index=to_hex(cell),
        day=day,
        coverage=coverage,
        state=detail_of(coverage, watched),
        watched=watched,
        cause=cause,
        devices=devices,
        down=down,
    )

"""Maintenance windows and outages: when a device is left alone, and when devices fell silent together.

A window holds for a device, a group, a zone or the site. The bridge reads those to come with the registry and judges
by itself at which instant one begins or ends. Outages are written by the bridge's side and only read here.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, rfc3339, to_us
from appliance.errors import Conflict, NotFound, Rejected
from appliance.model.device import MAX_WINDOWS, MaintenanceWindow, Outage
from appliance.model.device_change import NewWindow
from appliance.store.engine import raw_connection

KEPT = timedelta(days=400)  # windows that ended longer ago go when a new one is made
MAX_OPEN = 1_000  # windows that hold or will; more is a program gone astray
_SUBJECTS = {
    "device": ("devices", "source", "`hexpost device list`"),
    "group": ("device_groups", "device_group", "`hexpost device group list`"),
    "zone": ("zones", "zone", "`hexpost device zone list`"),
}
_COLUMNS = "window_pk, scope, subject, from_time, to_time, reason"


class Windows:
    """Windows that hold or will, by scope and subject."""

    def __init__(self, rows: list[tuple[str, str, int, int]]) -> None:
        self._by_subject: dict[tuple[str, str], list[tuple[datetime, datetime]]] = defaultdict(list)
        for scope, subject, start, end in rows:
            self._by_subject[scope, subject].append((from_us(start), from_us(end)))

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._by_subject)

    def of(self, *, source: str, group: str, zone: str) -> tuple[tuple[datetime, datetime], ...]:
        """Those of one device, [from, to), the earliest first."""
        subjects = (("site", ""), ("device", source), ("group", group), ("zone", zone))
        found = [window for subject in subjects if subject in self._by_subject for window in self._by_subject[subject]]
        return tuple(sorted(found)[:MAX_WINDOWS])


class OutagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Outages, the latest first."""

    items: list[Outage]
    next_cursor: str | None


class WindowPage(msgspec.Struct, frozen=True, kw_only=True):
    """Windows, the latest first."""

    items: list[MaintenanceWindow]
    next_cursor: str | None


def insert_window(connection: sa.Connection, window: NewWindow, *, now: datetime) -> MaintenanceWindow:
    """Make a window; it begins now where it names no beginning.

    raises  Rejected  it ends before it begins, is over already, or its subject does not fit its scope
    raises  NotFound  its device, group or zone is not there
    raises  Conflict  there are `MAX_OPEN` already
    """
    start, end = window.from_time or now, window.to_time
    if end <= max(start, now):
        raise Rejected(f"ends {rfc3339(end)}, which is not after it begins or is past", "$.to")
    if (window.scope == "site") != (window.subject == ""):
        raise Rejected("a device, group or zone is named, the site is not", "$.subject")
    raw = raw_connection(connection)
    if window.scope in _SUBJECTS:
        table, column, shown_by = _SUBJECTS[window.scope]
        if not raw.execute(f"SELECT 1 FROM {table} WHERE {column} = ?", (window.subject,)).fetchone():
            raise NotFound(f"no {window.scope} {window.subject!r}; {shown_by} shows those there are")
    if (
        raw.execute("SELECT count(*) FROM maintenance_windows WHERE to_time > ?", (to_us(now),)).fetchone()[0]
        >= MAX_OPEN
    ):
        raise Conflict(f"there are {MAX_OPEN} windows that hold or will; remove some first")
    raw.execute("DELETE FROM maintenance_windows WHERE to_time < ?", (to_us(now - KEPT),))
    key = raw.execute(
        "INSERT INTO maintenance_windows (scope, subject, from_time, to_time, reason) VALUES (?, ?, ?, ?, ?)",
        (window.scope, window.subject, to_us(start), to_us(end), window.reason),
    ).lastrowid
    raise_registry_rev(connection)
    row = raw.execute(f"SELECT {_COLUMNS} FROM maintenance_windows WHERE window_pk = ?", (key,)).fetchone()
    return _window(row, to_us(now))


def delete_window(connection: sa.Connection, window_id: int) -> None:
    """Remove a window, whether it has begun or not.

    raises  NotFound
    """
    if (
        not raw_connection(connection)
        .execute("DELETE FROM maintenance_windows WHERE window_pk = ?", (window_id,))
        .rowcount
    ):
        raise NotFound(
            f"maintenance window {window_id} is not there; `hexpost device maintenance list` shows those that are"
        )
    raise_registry_rev(connection)


def fetch_windows(
    connection: sa.Connection, *, now: datetime, past: bool = False, cursor: int | None = None, limit: int = 100
) -> WindowPage:
    """Windows that hold or will, with `past` also those that are over; the latest made first."""
    rows = (
        raw_connection(connection)
        .execute(
            f"SELECT {_COLUMNS} FROM maintenance_windows WHERE (? OR to_time > ?) AND (? IS NULL OR window_pk < ?) "
            "ORDER BY window_pk DESC LIMIT ?",
            (past, to_us(now), cursor, cursor, limit + 1),
        )
        .fetchall()
    )
    return WindowPage(
        items=[_window(row, to_us(now)) for row in rows[:limit]],
        next_cursor=str(rows[limit - 1][0]) if len(rows) > limit else None,
    )


def fetch_windows_to_come(connection: sa.Connection, now: datetime) -> Windows:
    """Every window that is not over."""
    return Windows(
        raw_connection(connection)
        .execute("SELECT scope, subject, from_time, to_time FROM maintenance_windows WHERE to_time > ?", (to_us(now),))
        .fetchall()
    )


def fetch_outages(
    connection: sa.Connection, *, lasting: bool = False, cursor: int | None = None, limit: int = 100
) -> OutagePage:
    """Outages, the latest first; with `lasting` only those that are not over."""
    rows = (
        raw_connection(connection)
        .execute(
            "SELECT outage_pk, kind, segment, devices_json, device_count, began_at, ended_at FROM outages "
            "WHERE (NOT ? OR ended_at IS NULL) AND (? IS NULL OR outage_pk < ?) ORDER BY outage_pk DESC LIMIT ?",
            (lasting, cursor, cursor, limit + 1),
        )
        .fetchall()
    )
    return OutagePage(
        items=[_outage(row) for row in rows[:limit]],
        next_cursor=str(rows[limit - 1][0]) if len(rows) > limit else None,
    )


def raise_registry_rev(connection: sa.Connection) -> int:
    """The registry's next revision, which tells the bridge to read it again."""
    raw = raw_connection(connection)
    raw.execute("UPDATE registry SET rev = rev + 1")
    return int(raw.execute("SELECT rev FROM registry").fetchone()[0])


def _window(row: tuple[Any, ...], now: int) -> MaintenanceWindow:
    return MaintenanceWindow(
        id=row[0],
        scope=row[1],
        subject=row[2],
        from_time=from_us(row[3]),
        to_time=from_us(row[4]),
        reason=row[5],
        active=row[3] <= now < row[4],
    )


def _outage(row: tuple[Any, ...]) -> Outage:
    return Outage(
        id=row[0],
        kind=row[1],
        segment=row[2],
        devices=msgspec.json.decode(row[3]),
        device_count=row[4],
        began_at=from_us(row[5]),
        ended_at=from_us(row[6]) if row[6] is not None else None,
    )

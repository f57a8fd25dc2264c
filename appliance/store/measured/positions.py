"""Where devices were: written with an intake, read back newest first, a page at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.model.intake import Fix
from appliance.store.engine import raw_connection
from appliance.store.measured.fresh_rows import note_fresh
from appliance.store.paging import bounds, read_named_cursor, read_numbers, write_numbers

_COLUMNS = (
    "observed_at, device, received_at, longitude, latitude, altitude_m, accuracy_m, speed_mps, heading_deg, "
    "clock_quality"
)
_INSERT = f"""
INSERT INTO positions ({_COLUMNS}, recorded) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""


class StoredFix(msgspec.Struct, frozen=True, kw_only=True):
    """Where a device was, as the API shows it; instants are aware UTC."""

    device: str
    observed_at: datetime
    received_at: datetime
    longitude: float
    latitude: float
    altitude_m: float | None
    accuracy_m: float | None
    speed_mps: float | None
    heading_deg: float | None
    clock_quality: str


class FixPage(msgspec.Struct, frozen=True, kw_only=True):
    """Fixes by descending time; `next_cursor` is None on the last page."""

    items: list[StoredFix]
    next_cursor: str | None


def fix_row(fix: Fix) -> tuple[Any, ...]:
    """A fix as `positions` keeps it: time, device, receipt, longitude, latitude, height, accuracy, speed, heading,
    quality of the clock."""
    return (
        to_us(fix.observed_at),
        fix.device,
        to_us(fix.received_at),
        fix.longitude,
        fix.latitude,
        fix.altitude_m,
        fix.accuracy_m,
        fix.speed_mps,
        fix.heading_deg,
        fix.clock_quality,
    )


def insert_fixes(connection: sa.Connection, fixes: Sequence[Fix]) -> int:
    """Write fixes in the order of their time; how many are new. The same again is a duplicate."""
    rows = [fix_row(fix) for fix in fixes]
    if not rows:
        return 0
    rows.sort(key=lambda row: (row[:2], row[3], row[4]))
    raw = raw_connection(connection)
    recorded = note_fresh(raw, "positions", [row[0] for row in rows])
    stored: int = raw.executemany(_INSERT, [(*row, recorded) for row in rows]).rowcount
    return stored


def fetch_positions(
    connection: sa.Connection,
    *,
    device: str | None = None,
    from_time: datetime | None = None,
    to_time: datetime | None = None,
    cursor: str | None = None,
    limit: int,
) -> FixPage:
    """One page of at most `limit` fixes of [from_time, to_time).

    The table lies in the order of time: without bounds a device that is seldom heard takes a long way back.
    raises  Rejected  the cursor is not one that a page gave
    """
    where = ["observed_at >= ?", "observed_at < ?"]
    values: list[Any] = [*bounds(from_time, to_time)]
    if device is not None:
        where.append("device = ?")
        values.append(device)
    if cursor is not None:
        numbers, _, rest = cursor.partition(".")
        where.append("(observed_at, device, longitude, latitude) < (?, ?, ?, ?)")
        values.extend((*read_named_cursor(rest), *read_numbers(numbers, 2)))
    rows = (
        raw_connection(connection)
        .execute(
            f"SELECT {_COLUMNS} FROM positions WHERE {' AND '.join(where)} "
            "ORDER BY observed_at DESC, device DESC, longitude DESC, latitude DESC LIMIT ?",
            (*values, limit + 1),
        )
        .fetchall()
    )
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = f"{write_numbers(last[3], last[4])}.{last[0]}.{last[1]}" if last else None
    return FixPage(items=[StoredFix(**fix_members(row)) for row in rows[:limit]], next_cursor=cursor)


def fix_members(row: Sequence[Any]) -> dict[str, Any]:
    """The members of a fix from a row of `positions`."""
    return {
        "observed_at": from_us(row[0]),
        "device": row[1],
        "received_at": from_us(row[2]),
        "longitude": row[3],
        "latitude": row[4],
        "altitude_m": row[5],
        "accuracy_m": row[6],
        "speed_mps": row[7],
        "heading_deg": row[8],
        "clock_quality": row[9],
    }

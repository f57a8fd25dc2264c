"""The ledger of chores, what happens on schedule: when each was last done, how long it took, what it left and why.

Written by the jobs process, read by it to know what it missed, and by status and metrics.
"""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.store.engine import raw_connection

MAX_TEXT = 500  # characters kept of what went wrong


class ChoreState(msgspec.Struct, frozen=True, kw_only=True):
    """How one chore is.

    done_at    when it last came to its end; None: never
    took_s     how long that took
    items      bins written or rows deleted by it
    waits      what it could not do yet, and what for; '' for nothing
    failed_at  when it last failed since it was done; `error` says how
    """

    chore: str
    done_at: datetime | None
    took_s: float | None
    items: int
    waits: str
    failed_at: datetime | None
    error: str


def fetch_chores(connection: sa.Connection) -> list[ChoreState]:
    """Every chore that was ever begun."""
    rows = raw_connection(connection).execute(
        "SELECT chore, done_at, took_s, items, waits, failed_at, error FROM chores ORDER BY chore"
    )
    return [
        ChoreState(
            chore=row[0],
            done_at=None if row[1] is None else from_us(row[1]),
            took_s=row[2],
            items=row[3],
            waits=row[4],
            failed_at=None if row[5] is None else from_us(row[5]),
            error=row[6],
        )
        for row in rows
    ]


def record_done(
    connection: sa.Connection, chore: str, *, at: datetime, took_s: float, items: int, waits: str = ""
) -> None:
    """A chore came to its end; an earlier failure is forgotten."""
    raw_connection(connection).execute(
        "REPLACE INTO chores (chore, done_at, took_s, items, waits) VALUES (?, ?, ?, ?, ?)",
        (chore, to_us(at), round(took_s, 3), items, waits[:MAX_TEXT]),
    )


def record_failed(connection: sa.Connection, chore: str, *, at: datetime, error: str) -> None:
    """A chore failed, and will be tried again."""
    raw_connection(connection).execute(
        "INSERT INTO chores (chore, failed_at, error) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET failed_at = excluded.failed_at, error = excluded.error",
        (chore, to_us(at), error[:MAX_TEXT]),
    )


def record_waiting(connection: sa.Connection, chore: str, waits: str) -> None:
    """A chore cannot be begun, and why."""
    raw_connection(connection).execute(
        "INSERT INTO chores (chore, waits) VALUES (?, ?) ON CONFLICT DO UPDATE SET waits = excluded.waits",
        (chore, waits[:MAX_TEXT]),
    )

"""Reading and clearing what could not be understood; writing it is part of an intake."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us
from appliance.errors import NotFound
from appliance.store.engine import raw_connection


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A message nobody understood, how often it came and why it was refused."""

    id: int
    topic: str
    payload: bytes
    reason: str
    count: int
    first_seen: datetime
    last_seen: datetime


def fetch_quarantine(connection: sa.Connection, *, before_id: int | None = None, limit: int = 100) -> list[Quarantined]:
    """Newest entries first."""
    rows = raw_connection(connection).execute(
        "SELECT quarantine_pk, topic, payload, reason, count, first_seen, last_seen FROM quarantine "
        "WHERE ? IS NULL OR quarantine_pk < ? ORDER BY quarantine_pk DESC LIMIT ?",
        (before_id, before_id, limit),
    )
    return [
        Quarantined(
            id=row[0],
            topic=row[1],
            payload=bytes(row[2]),
            reason=row[3],
            count=row[4],
            first_seen=from_us(row[5]),
            last_seen=from_us(row[6]),
        )
        for row in rows
    ]


def fetch_quarantined(connection: sa.Connection, entry_id: int) -> Quarantined:
    """One entry.

    raises  NotFound
    """
    for entry in fetch_quarantine(connection, before_id=entry_id + 1, limit=1):
        if entry.id == entry_id:
            return entry
    raise NotFound(f"quarantine entry {entry_id} is not there; `hexpost quarantine list` shows those that are")


def delete_quarantined(connection: sa.Connection, entry_id: int) -> None:
    """Drop one entry for good.

    raises  NotFound
    """
    cursor = raw_connection(connection).execute("DELETE FROM quarantine WHERE quarantine_pk = ?", (entry_id,))
    if cursor.rowcount == 0:
        raise NotFound(f"quarantine entry {entry_id} is not there; `hexpost quarantine list` shows those that are")

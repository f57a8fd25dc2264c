"""Events pinned to a case: they stay, whatever their age, until the case lets them go."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.errors import Conflict, NotFound
from appliance.store.engine import raw_connection

MAX_PINS = 100_000  # in all; more is retention switched off by the back door


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a case holds."""

    event_pk: int
    case_id: str
    pinned_at: datetime


def pin_events(connection: sa.Connection, case_id: str, event_pks: Sequence[int], *, now: datetime) -> int:
    """Let a case hold events; how many it did not hold already.

    raises  NotFound  an event is not there (any more); none is pinned then
    raises  Conflict  there are `MAX_PINS` already
    """
    raw = raw_connection(connection)
    for key in event_pks:
        if not raw.execute("SELECT 1 FROM events WHERE event_pk = ?", (key,)).fetchone():
            raise NotFound(f"pinning event {key} to case {case_id!r}: it is not in the store (any more)")
    if raw.execute("SELECT count(*) FROM pinned_events").fetchone()[0] + len(event_pks) > MAX_PINS:
        raise Conflict(f"pinning to case {case_id!r}: {MAX_PINS:,} pins are the most; let cases go that are closed")
    pinned: int = raw.executemany(
        "INSERT OR IGNORE INTO pinned_events VALUES (?, ?, ?)", [(key, case_id, to_us(now)) for key in event_pks]
    ).rowcount
    return pinned


def unpin_events(connection: sa.Connection, case_id: str, event_pks: Sequence[int] | None = None) -> int:
    """Let a case's events go, all of them or these; how many. Those beyond their age go at the next clean-up."""
    raw = raw_connection(connection)
    if event_pks is None:
        return int(raw.execute("DELETE FROM pinned_events WHERE case_id = ?", (case_id,)).rowcount)
    gone: int = raw.executemany(
        "DELETE FROM pinned_events WHERE event_pk = ? AND case_id = ?", [(key, case_id) for key in event_pks]
    ).rowcount
    return gone


def fetch_pins(connection: sa.Connection, case_id: str) -> list[Pin]:
    """What a case holds, by event_pk."""
    rows = raw_connection(connection).execute(
        "SELECT event_pk, case_id, pinned_at FROM pinned_events WHERE case_id = ? ORDER BY event_pk", (case_id,)
    )
    return [Pin(event_pk=key, case_id=case, pinned_at=from_us(at)) for key, case, at in rows]

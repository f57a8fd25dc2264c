"""The balance of ingest and the few facts that status, metrics and the map show of the store."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us
from appliance.model.intake import TERMS
from appliance.store.engine import raw_connection

_ADD = """
INSERT INTO item_totals (term, reason, items) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET items = items + excluded.items
"""


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Items that ended in one term of the balance, for one reason."""

    term: str
    reason: str
    items: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds at this moment."""

    store_id: str
    events: int
    readings: int
    positions: int
    quarantined: int
    devices: int
    runs_queued: int
    last_event_at: datetime | None
    last_run_at: datetime | None


def add_totals(connection: sa.Connection, totals: Mapping[tuple[str, str], int]) -> None:
    """Count items under (term, reason).

    Terms beyond the balance count what else must not happen in silence: quarantine_evicted, devices_refused, placed,
    redated, archive_missed, reprocessed (changed or removed events), withdrawn (readings and positions);
    alerts_refused, alerts_let_go, alerts_passed_over, which were too old to be told on, and asset_days_let_go.
    Under `stored` the reason tells what was: '' events, 'reading', 'position'.
    """
    rows = [(*key, items) for key, items in totals.items() if items]
    raw_connection(connection).executemany(_ADD, rows)


def fetch_totals(connection: sa.Connection) -> list[Total]:
    """Every term of the balance with its reasons; a term that never occurred is there with 0."""
    rows = raw_connection(connection).execute("SELECT term, reason, items FROM item_totals ORDER BY term, reason")
    found = [Total(term=term, reason=reason, items=items) for term, reason, items in rows]
    seen = {total.term for total in found}
    return found + [Total(term=term, reason="", items=0) for term in TERMS if term not in seen]


def fetch_facts(connection: sa.Connection) -> Facts:
    """Counts and last times; each by an index or a counter, never by a scan of the events."""
    raw = raw_connection(connection)
    stored = dict(raw.execute("SELECT reason, items FROM item_totals WHERE term = 'stored'").fetchall())
    row = raw.execute(
        """SELECT (SELECT store_id FROM site),
            (SELECT count(*) FROM quarantine), (SELECT count(*) FROM devices),
            (SELECT count(*) FROM runs WHERE state IN ('queued', 'running')),
            (SELECT recorded_at FROM events ORDER BY event_pk DESC LIMIT 1),
            (SELECT max(finished_at) FROM runs WHERE state = 'done')"""
    ).fetchone()
    last_event, last_run = (from_us(us) if us is not None else None for us in row[4:6])
    return Facts(
        store_id=row[0],
        events=stored.get("", 0),
        readings=stored.get("reading", 0),
        positions=stored.get("position", 0),
        quarantined=row[1],
        devices=row[2],
        runs_queued=row[3],
        last_event_at=last_event,
        last_run_at=last_run,
    )

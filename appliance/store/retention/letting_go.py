"""Rows that go for want of room: the oldest of their kind, a small transaction at a time, each counted.

What a kind is and how old it may be is in `model/space`; `job/disk` calls. The pages stay with the store, whose next
rows are written there.
"""

from collections.abc import Callable
from datetime import date, datetime

import sqlalchemy as sa

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.clock import day_bounds, to_us
from appliance.model.tier import READINGS
from appliance.store.engine import Store, raw_connection
from appliance.store.measured.tiers import roll_up_hours
from appliance.store.retention.steps import purge_positions, purge_rows
from appliance.store.settled.settle import delete_events, drop_segments, fetch_marks, fetch_resolutions
from appliance.store.settled.tally import Tally
from appliance.store.totals import add_totals

BATCH = 2_000  # rows a transaction: ingest waits at most for so many

LetGo = Callable[[datetime], int]
"""Lets go one batch of what is older than an instant; how many, 0 when there is no more."""


def let_go_readings(store: Store, before: datetime, *, bins: SiteBins) -> int:
    """One batch of the oldest values, of whole hours, whose bins are computed first."""
    roll_up_hours(store, READINGS, bins, to_us(before))
    with store.write() as connection:
        gone = purge_rows(connection, READINGS, bins, before=to_us(before), limit=BATCH).deleted
        add_totals(connection, {("let_go", "readings"): gone})
    return gone


def let_go_positions(store: Store, before: datetime) -> int:
    """One batch of the oldest positions; where a device was last stands in its own row."""
    with store.write() as connection:
        gone = purge_positions(connection, before=to_us(before), limit=BATCH).deleted
        add_totals(connection, {("let_go", "positions"): gone})
    return gone


def let_go_quarantine(store: Store, before: datetime) -> int:
    """One batch of the messages that nobody understood and that came last the longest ago."""
    with store.write() as connection:
        gone: int = (
            raw_connection(connection)
            .execute(
                "DELETE FROM quarantine WHERE quarantine_pk IN "
                "(SELECT quarantine_pk FROM quarantine WHERE last_seen < ? ORDER BY last_seen LIMIT ?)",
                (to_us(before), BATCH),
            )
            .rowcount
        )
        add_totals(connection, {("quarantine_evicted", ""): gone, ("let_go", "quarantine"): gone})
    return gone


def let_go_events(store: Store, before: datetime, *, hours: SiteHours, acknowledged_only: bool) -> int:
    """One batch of the oldest events whose counts are kept; with `acknowledged_only` none of a day that the centre
    has not been told of. What a case holds stays, and what has no time that can be believed.
    """
    with store.write() as connection:
        raw = raw_connection(connection)
        until = to_us(before)
        if acknowledged_only:
            until = min(until, _acknowledged_until(connection, hours, until))
        keys = [
            row[0]
            for row in raw.execute(
                "SELECT event_pk FROM events WHERE event_timestamp < ? AND event_pk <= ? "
                "AND clock_quality NOT IN ('untrusted', 'undated') "
                "AND event_pk NOT IN (SELECT event_pk FROM pinned_events) ORDER BY event_timestamp LIMIT ?",
                (until, min(fetch_marks(raw)), BATCH),
            )
        ]
        gone = delete_events(connection, Tally(hours, fetch_resolutions(connection)), keys, uncount=False)
        if gone:
            drop_segments(connection, BATCH)
        add_totals(connection, {("let_go", "events"): gone})
    return gone


def _acknowledged_until(connection: sa.Connection, hours: SiteHours, until: int) -> int:
    """The beginning of the first day of which the centre lacks something."""
    row = (
        raw_connection(connection).execute("SELECT min(day) FROM outbox WHERE rev > acked_rev AND day <> ''").fetchone()
    )
    return until if row[0] is None else to_us(day_bounds(date.fromisoformat(row[0]), hours.zone)[0])

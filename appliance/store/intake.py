"""Writing what came in: one transaction for events, counters, quarantine, device states and the balance.

Shared by the bridge, the upload and the import, so that a rule about duplicates or counting stands once.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.model.event import Event
from appliance.model.intake import Intake, Outcome, Receipt, Rejection, StateReport
from appliance.spatial.cells import EVENT_RESOLUTION, cell_of
from appliance.spatial.geometry import point_blob, read_point
from appliance.store.counts import Tally
from appliance.store.engine import Store, raw_connection

MAX_PAYLOAD = 65_536  # bytes kept of a quarantined message; more is a file, not a message

_INSERT = """
INSERT INTO events (event_id, source, event_type, event_timestamp, received_at, recorded_at, clock_quality,
                    h3_index, severity, value, attributes_json, rev, geom)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source, event_id) DO NOTHING
"""
_CORRECT = """
UPDATE events SET event_type = ?, event_timestamp = ?, received_at = ?, recorded_at = ?, clock_quality = ?,
                  h3_index = ?, severity = ?, value = ?, attributes_json = ?, rev = ?, geom = ?
WHERE source = ? AND event_id = ?
"""
_QUARANTINE = """
INSERT INTO quarantine (topic, payload, reason, digest, count, first_seen, last_seen) VALUES (?, ?, ?, ?, 1, ?, ?)
ON CONFLICT (digest) DO UPDATE SET count = count + 1, last_seen = excluded.last_seen
"""
_DEVICE = """
INSERT INTO devices (source, state, state_at, first_seen, last_seen) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (source) DO UPDATE SET state_at = iif(state = excluded.state, state_at, excluded.state_at),
                                   state = excluded.state, last_seen = excluded.last_seen
"""
_TOTAL = """
INSERT INTO item_totals (term, reason, items) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET items = items + excluded.items
"""

_encode: Callable[[Any], bytes] = msgspec.json.encode


class Recorder:
    """Writes intakes into a store. One a thread: it keeps a cache of the site's hours."""

    def __init__(
        self,
        store: Store,
        *,
        hours: SiteHours,
        resolutions: Sequence[int],
        quarantine_rows: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._hours = hours
        self._resolutions = sorted(resolutions)
        self._quarantine_rows = quarantine_rows
        self._clock = clock

    def record(self, intake: Intake) -> Receipt:
        """Write an intake whole, or raise and write nothing; it is durable when this returns.

        raises  Unavailable  the store cannot be written now; the same intake may be handed in again
        """
        if not intake.items:
            return Receipt(outcomes=[])
        now = to_us(self._clock())
        with self._store.write() as connection:
            tally = Tally(self._hours, self._resolutions)
            outcomes = [self._record_event(connection, event, now, tally) for event in intake.events]
            tally.write(connection)
            insert_rejections(connection, intake.rejections, now, self._quarantine_rows)
            _fold_states(connection, intake.states, now)
            _count(connection, intake, outcomes)
        return Receipt(outcomes=outcomes)

    def _record_event(self, connection: sa.Connection, event: Event, now: int, tally: Tally) -> Outcome:
        raw = raw_connection(connection)
        us = to_us(event.event_timestamp)
        content = (
            event.event_type,
            us,
            to_us(event.received_at),
            now,
            event.clock_quality,
            cell_of(lat=event.latitude, lng=event.longitude, resolution=EVENT_RESOLUTION),
            event.severity,
            event.value,
            _encode(event.attributes).decode(),
            event.rev,
            point_blob(event.longitude, event.latitude),
        )
        outcome: Outcome = "stored"
        if raw.execute(_INSERT, (event.event_id, event.source, *content)).rowcount == 0:
            if not _take_back(raw, event, tally):
                return "duplicate"
            raw.execute(_CORRECT, (*content, event.source, event.event_id))
            outcome = "corrected"
        tally.add(us=us, lng=event.longitude, lat=event.latitude, event_type=event.event_type)
        return outcome


def _take_back(raw: Any, event: Event, tally: Tally) -> bool:
    """Uncount the stored event of the same identity if this one carries a higher revision; whether it does."""
    stored_type, us, rev, geom = raw.execute(
        "SELECT event_type, event_timestamp, rev, geom FROM events WHERE source = ? AND event_id = ?",
        (event.source, event.event_id),
    ).fetchone()
    if event.rev <= rev:
        return False
    lng, lat = read_point(geom)
    tally.add(us=us, lng=lng, lat=lat, event_type=stored_type, by=-1)
    return True


def insert_rejections(connection: sa.Connection, rejections: Sequence[Rejection], now: int, keep_rows: int) -> None:
    """Quarantine what was not understood; the same message again only counts; the oldest make room."""
    if not rejections:
        return
    raw = raw_connection(connection)
    for rejection in rejections:
        digest = hashlib.blake2b(digest_size=16)
        for part in (rejection.topic.encode(), rejection.payload, rejection.reason.encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
        kept = rejection.payload[:MAX_PAYLOAD]
        raw.execute(_QUARANTINE, (rejection.topic, kept, rejection.reason, digest.digest(), now, now))
    surplus = raw.execute("SELECT count(*) FROM quarantine").fetchone()[0] - keep_rows
    if surplus > 0:
        raw.execute(
            "DELETE FROM quarantine WHERE quarantine_pk IN (SELECT quarantine_pk FROM quarantine "
            "ORDER BY last_seen LIMIT ?)",
            (surplus,),
        )
        raw.execute(_TOTAL, ("quarantine_evicted", "", surplus))


def _fold_states(connection: sa.Connection, states: Sequence[StateReport], now: int) -> None:
    rows = [(report.source, report.state, now, now, now) for report in states]
    raw_connection(connection).executemany(_DEVICE, rows)


def _count(connection: sa.Connection, intake: Intake, outcomes: Sequence[Outcome]) -> None:
    totals = {
        ("received", ""): intake.items,
        ("stored", ""): outcomes.count("stored"),
        ("folded", "correction"): outcomes.count("corrected"),
        ("folded", "state"): len(intake.states),
        ("duplicate", ""): outcomes.count("duplicate"),
        ("quarantined", ""): len(intake.rejections),
        ("shed", "refused"): intake.refused,
    }
    raw_connection(connection).executemany(_TOTAL, [(*key, items) for key, items in totals.items() if items])

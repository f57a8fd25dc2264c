"""Writing what came in: one transaction for events, readings, positions, devices, counters, quarantine and the balance.

Shared by the bridge, the upload and the import, so that a rule about duplicates or counting stands once.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.model.event import Event
from appliance.model.intake import Intake, Outcome, Receipt
from appliance.spatial.cells import EVENT_RESOLUTION, cell_of
from appliance.spatial.geometry import point_blob, read_point
from appliance.store.commands import insert_answers
from appliance.store.counts import Tally
from appliance.store.device_reports import fold_reports, keep_last_fixes
from appliance.store.engine import Store, raw_connection
from appliance.store.memory import insert_digests, insert_learned
from appliance.store.positions import insert_fixes
from appliance.store.quarantine import Room, Seals, insert_rejections, take_retried
from appliance.store.readings import Series, WrittenReadings, insert_readings, remember
from appliance.store.sealing import Sealer
from appliance.store.totals import add_totals

QUARANTINE_BYTES = 64 * 1_048_576

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

Place = tuple[float, float]
"""(lng, lat) in degrees."""

_encode: Callable[[Any], bytes] = msgspec.json.encode


class Recorder:
    """Writes intakes into a store. One a thread: it keeps a cache of the site's hours and of the keys of series."""

    def __init__(
        self,
        store: Store,
        *,
        hours: SiteHours,
        resolutions: Sequence[int],
        quarantine_rows: int,
        clock: Callable[[], datetime],
        quarantine_bytes: int = QUARANTINE_BYTES,
        sealer: Sealer | None = None,
        plate_key: bytes = b"",
    ) -> None:
        """`sealer` and `plate_key` (16 to 64 bytes, the site's own) go together; without them no plate is kept.

        raises  ValueError  a sealer without a key
        """
        if sealer is not None and not 16 <= len(plate_key) <= 64:
            raise ValueError("a sealer needs the site's plate key, of 16 to 64 bytes")
        self._store = store
        self._hours = hours
        self._resolutions = sorted(resolutions)
        self._room = Room(rows=quarantine_rows, payload_bytes=quarantine_bytes)
        self._seals = Seals(sealer=sealer, plate_key=plate_key) if sealer else None
        self._clock = clock
        self._series: dict[Series, int] = {}

    def record(self, intake: Intake) -> Receipt:
        """Write an intake whole, or raise and write nothing; it is durable when this returns.

        raises  Unavailable  the store cannot be written now; the same intake may be handed in again
        raises  Conflict     an entry of quarantine that was retried is gone, or its message came again meanwhile
        """
        if intake.empty:
            return Receipt(outcomes=[])
        now = to_us(self._clock())
        with self._store.write() as connection:
            take_retried(connection, intake.retried)
            outcomes = self._insert_events(connection, intake.events, now)
            readings = insert_readings(connection, intake.readings, self._series)
            fixes_stored = insert_fixes(connection, intake.fixes)
            fold_reports(connection, intake.reports)
            keep_last_fixes(connection, intake.fixes)
            if intake.answers:
                insert_answers(connection, intake.answers, now)
            insert_rejections(connection, intake.rejections, now, room=self._room, seals=self._seals)
            insert_learned(connection, intake.learned)
            insert_digests(connection, intake.digests)
            add_totals(connection, _balance(intake, outcomes, readings, fixes_stored))
        remember(self._series, readings.series)
        return Receipt(
            outcomes=outcomes,
            readings_stored=readings.stored,
            readings_duplicate=readings.duplicate,
            fixes_stored=fixes_stored,
            fixes_duplicate=len(intake.fixes) - fixes_stored,
        )

    def _insert_events(self, connection: sa.Connection, events: Sequence[Event], now: int) -> list[Outcome]:
        tally = Tally(self._hours, self._resolutions)
        raw = raw_connection(connection)
        outcomes = [_insert_event(raw, event, now, tally) for event in events]
        tally.write(connection)
        return outcomes


def _insert_event(raw: Any, event: Event, now: int, tally: Tally) -> Outcome:
    place = _place(event)
    outcome: Outcome = "stored"
    if raw.execute(_INSERT, (event.event_id, event.source, *_content(event, place, now))).rowcount == 0:
        stored_type, us, rev, geom = raw.execute(
            "SELECT event_type, event_timestamp, rev, geom FROM events WHERE source = ? AND event_id = ?",
            (event.source, event.event_id),
        ).fetchone()
        if event.rev <= rev:
            return "duplicate"
        if geom is not None:
            lng, lat = read_point(geom)
            tally.add(us=us, lng=lng, lat=lat, event_type=stored_type, by=-1)
            place = place or (lng, lat)  # a correction that tells no place does not take away the one that is known
        raw.execute(_CORRECT, (*_content(event, place, now), event.source, event.event_id))
        outcome = "corrected"
    if place is not None:
        tally.add(us=to_us(event.event_timestamp), lng=place[0], lat=place[1], event_type=event.event_type)
    return outcome


def _place(event: Event) -> Place | None:
    if event.longitude is None or event.latitude is None:
        return None
    return event.longitude, event.latitude


def _content(event: Event, place: Place | None, now: int) -> tuple[Any, ...]:
    """What a correction replaces, in the order of the columns in both statements."""
    return (
        event.event_type,
        to_us(event.event_timestamp),
        to_us(event.received_at),
        now,
        event.clock_quality,
        cell_of(lat=place[1], lng=place[0], resolution=EVENT_RESOLUTION) if place else None,
        event.severity,
        event.value,
        _encode(event.attributes).decode(),
        event.rev,
        point_blob(*place) if place else None,
    )


def _balance(
    intake: Intake, outcomes: Sequence[Outcome], readings: WrittenReadings, fixes_stored: int
) -> Counter[tuple[str, str]]:
    """Every item of an intake under the one term in which it ended.

    What is retried was received before, and counted as quarantined as often as it came.
    """
    came, entries = sum(intake.retried.values()), len(intake.retried)
    totals = Counter({("folded", reason): items for reason, items in intake.folded.items()})
    totals.update(
        {
            ("received", ""): intake.items - entries,
            ("stored", ""): outcomes.count("stored"),
            ("stored", "reading"): readings.stored,
            ("stored", "position"): fixes_stored,
            ("folded", "correction"): outcomes.count("corrected"),
            ("folded", "state"): sum(report.items for report in intake.reports),
            ("folded", "answer"): len(intake.answers),
            ("duplicate", ""): outcomes.count("duplicate")
            + readings.duplicate
            + len(intake.fixes)
            - fixes_stored
            + intake.duplicates
            + came
            - entries,
            ("quarantined", ""): len(intake.rejections) - came,
            ("shed", "refused"): intake.refused,
        }
    )
    return totals

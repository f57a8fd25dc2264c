"""Writing what came in: one transaction for events, readings, positions, devices, counters, quarantine and the balance.

Shared by the bridge, the upload and the import, so that a rule about duplicates or counting stands once.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.errors import Unavailable
from appliance.model.intake import Intake, Outcome, RawMessage, Receipt
from appliance.store.device.reports import fold_reports, keep_last_fixes
from appliance.store.downlink.commands import insert_answers
from appliance.store.engine import Store
from appliance.store.event.writer import Content, EventWriter, contents_of
from appliance.store.intake.memory import insert_digests, insert_learned
from appliance.store.measured.positions import insert_fixes
from appliance.store.measured.readings import Series, WrittenReadings, insert_readings, remember
from appliance.store.quarantine import Room, Seals, insert_rejections, take_retried
from appliance.store.sealing import Sealer
from appliance.store.totals import add_totals

log = logging.getLogger(__name__)

QUARANTINE_BYTES = 64 * 1_048_576
SETTLE_AGAIN_S = 10.0  # between attempts to index while the store has no room for it


class Archive(Protocol):
    """Where what came is kept as it came."""

    def append(self, messages: Sequence[RawMessage]) -> None:
        """Keep messages; whatever goes wrong there is counted there, and never raised."""


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
        archive: Archive | None = None,
        admit: Callable[[Intake], Intake] = lambda intake: intake,
        beside: bool = False,
    ) -> None:
        """`sealer` and `plate_key` (16 to 64 bytes, the site's own) go together; without them no plate is kept.
        `admit` takes away what there is no room for, and counts it in the intake's `shed`. `beside`: indexing what has
        gathered goes on in a thread while the caller prepares the next intake; else it is done when `record` returns.

        raises  ValueError  a sealer without a key
        """
        if sealer is not None and not 16 <= len(plate_key) <= 64:
            raise ValueError("a sealer needs the site's plate key, of 16 to 64 bytes")
        self._store = store
        self._events = EventWriter(hours, resolutions)
        self._room = Room(rows=quarantine_rows, payload_bytes=quarantine_bytes)
        self._seals = Seals(sealer=sealer, plate_key=plate_key) if sealer else None
        self._clock = clock
        self._archive = archive
        self._admit = admit
        self._series: dict[Series, int] = {}
        self._settle_after = 0.0
        self._beside = ThreadPoolExecutor(1, "settling") if beside else None
        self._settling: Future[None] | None = None

    def record(self, intake: Intake) -> Receipt:
        """Write an intake whole, or raise and write nothing; it is durable when this returns.

        raises  Unavailable  the store cannot be written now; the same intake may be handed in again
        raises  Conflict     an entry of quarantine that was retried is gone, or its message came again meanwhile
        """
        if intake.empty:
            return Receipt(outcomes=[])
        intake = self._admit(intake)
        now = to_us(self._clock())
        contents = contents_of(intake.events, now)
        self._await_settling()
        try:
            with self._store.write() as connection:
                receipt, fresh = self._write(connection, intake, contents, now)
        except BaseException:
            self._events.forget()
            raise
        remember(self._series, fresh)
        due = self._events.settling_due and time.monotonic() >= self._settle_after
        if due and self._beside is not None:
            self._settling = self._beside.submit(self._settle)
        if self._archive is not None and intake.raw:
            self._archive.append(intake.raw)
        if due and self._beside is None:
            self._settle()
        return receipt

    def close(self) -> None:
        """Let what goes on beside come to its end; nothing is recorded afterwards."""
        self._await_settling()
        if self._beside is not None:
            self._beside.shutdown()

    def _await_settling(self) -> None:
        """What it does belongs to this thread again."""
        settling, self._settling = self._settling, None
        if settling is not None:
            settling.result()

    def _settle(self) -> None:
        """Index what has gathered. What was recorded is durable without it: trouble here only leaves it for later."""
        try:
            while self._events.settling_due:
                with self._store.write() as connection:
                    self._events.settle(connection)
        except Unavailable as error:
            self._events.forget()
            self._settle_after = time.monotonic() + SETTLE_AGAIN_S
            log.warning("events are stored, and indexed later: %s", error)
        except BaseException:
            self._events.forget()
            raise

    def _write(
        self, connection: sa.Connection, intake: Intake, contents: Sequence[Content], now: int
    ) -> tuple[Receipt, Mapping[Series, int]]:
        take_retried(connection, intake.retried)
        outcomes = self._events.insert(connection, intake.events, contents)
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
        receipt = Receipt(
            outcomes=outcomes,
            differing=self._events.differing,
            readings_stored=readings.stored,
            readings_duplicate=readings.duplicate,
            fixes_stored=fixes_stored,
            fixes_duplicate=len(intake.fixes) - fixes_stored,
        )
        return receipt, readings.series


def _balance(
    intake: Intake, outcomes: Sequence[Outcome], readings: WrittenReadings, fixes_stored: int
) -> Counter[tuple[str, str]]:
    """Every item of an intake under the one term in which it ended.

    What is retried was received before, and counted as quarantined as often as it came.
    """
    came, entries = sum(intake.retried.values()), len(intake.retried)
    totals = Counter({("folded", reason): items for reason, items in intake.folded.items()})
    totals.update({("shed", reason): items for reason, items in intake.shed.items()})
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
            ("shed", "series"): readings.shed,
        }
    )
    return totals

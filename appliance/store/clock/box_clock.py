"""The box's clock: what every part stamps with, and whether that can be believed.

`now` and `trusted` only look into memory. A thread of each part (`start`) glances at the machine once a second, judges
by `timekeeping`, and takes turns with the other parts at writing the ledger; so all of them agree, and the step from
"not known" to "known" happens for all of them with one commit. Without a ledger it judges by the machine alone.
"""

import logging
import threading
from datetime import datetime
from typing import Protocol

import msgspec

from appliance.clock import from_us, rfc3339, to_us
from appliance.errors import HexpostError
from appliance.store.clock import boots
from appliance.store.clock.machine_clock import Machine
from appliance.store.engine import Store, raw_connection
from appliance.timekeeping import SECOND_US, WORDS, Boot, Evidence, Glance, Verdict, Word, begin, distance, judge

log = logging.getLogger(__name__)

LOOK_S = 1.0
KEEP_US = 600 * SECOND_US  # how old the last known good time may be after a power cut: a page written every ten minutes
MOVED_US = SECOND_US // 2  # an offset nearer than this to the ledger's is not written again


class Hardware(Protocol):
    """The machine as far as time is concerned."""

    def boottime_us(self) -> int:
        """CLOCK_BOOTTIME, microseconds."""

    def glance(self, *, known: bool) -> Glance:
        """How it is at this moment."""


class ClockState(msgspec.Struct, frozen=True, kw_only=True):
    """The clock as people and machines are told of it.

    known_since     box time when the time of this boot became known; while it is not, `unknown_since` says since when
    offset_s        the system clock less box time
    waiting_rows    rows that are to be re-dated; None where the store was not asked
    """

    trusted: bool
    evidence: str
    reason: str
    doubt: str
    box_time: datetime
    offset_s: float
    boot_id: str
    known_since: datetime | None = None
    unknown_since: datetime | None = None
    waiting_rows: int | None = None

    @property
    def words(self) -> str:
        """One line for a person."""
        if self.trusted:
            text = f"clock trusted: {self.reason}"
            return f"{text}. But {self.doubt}" if self.doubt else text
        since = rfc3339(self.unknown_since.replace(microsecond=0)) if self.unknown_since else "the start"
        rows = f"; {self.waiting_rows:,} rows wait to be re-dated" if self.waiting_rows else ""
        return f"clock not trusted since {since}, because {self.reason}{rows}"


class BoxClock:
    """One a process. `look` may be called from any thread; `start` does so on one of its own."""

    def __init__(self, machine: Hardware | None = None) -> None:
        self._machine = machine or Machine()
        self._store: Store | None = None
        self._lock = threading.Lock()
        self._word: Word | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._error = ""
        glance = self._machine.glance(known=False)
        self._boot = begin(glance, None)
        self._glance = glance
        self._verdict = judge(glance, self._boot)
        self._offset_us = self._verdict.offset_us

    def now(self) -> datetime:
        """Box time, aware UTC: the true time where it is `trusted`, else counted on from when it last was."""
        return from_us(self._offset_us + self._machine.boottime_us())

    def trusted(self) -> bool:
        """Whether the time is known."""
        return self._verdict.trusted

    def attach(self, store: Store) -> None:
        """Judge by this store's ledger from now on, and begin a line in it for this boot if nobody has.

        A store that cannot be written now leaves the clock with the machine's word.
        """
        self._store = store
        self.look()

    def hear(self, evidence: Evidence, instant: datetime) -> None:
        """Somebody who is believed says that it is this instant now; it counts from the next look on."""
        self._word = Word(evidence=evidence, offset_us=to_us(instant) - self._machine.boottime_us())

    def say(self, instant: datetime | None) -> datetime:
        """A person says what time it is, or with None that the system clock is right; box time from now on.

        raises  Unavailable  the ledger cannot be written now
        """
        with self._lock:
            glance = self._machine.glance(known=True)
            offset_us = glance.offset_us if instant is None else to_us(instant) - glance.boottime_us
            boot = msgspec.structs.replace(self._boot, offset_us=offset_us, evidence="person")
            if self._store is not None:
                with self._store.write() as connection:
                    boot = boots.learn_time(connection, glance, offset_us, "person")
            self._take(glance, boot, Verdict(offset_us=offset_us, evidence="person", reason=WORDS["person"]))
        return self.now()

    def look(self) -> None:
        """Glance at the machine and the ledger, judge, and write down what must be. Never raises for a bad store."""
        with self._lock:
            try:
                self._look()
                self._error = ""
            except HexpostError as error:
                if str(error) != self._error:
                    log.warning("the boot ledger waits: %s", error)
                self._error = str(error)

    def start(self) -> None:
        """Look once a second on a thread until `stop`."""
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """A clean stop: end the thread, and write down how late it is."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=LOOK_S * 10)
        with self._lock:
            try:
                if self._store is not None:
                    with self._store.write() as connection:
                        boots.keep_boot(connection, self._boot.boot_id, self._machine.boottime_us())
            except HexpostError as error:
                log.warning("the last known time was not written down: %s", error)

    def state(self, waiting_rows: int | None = None) -> ClockState:
        """What is to be told of the clock; the caller knows how many rows wait."""
        verdict, boot, glance = self._verdict, self._boot, self._glance
        known = from_us(verdict.offset_us + (boot.known_us or boot.seen_us)) if verdict.trusted else None
        return ClockState(
            trusted=verdict.trusted,
            evidence=verdict.evidence,
            reason=verdict.reason,
            doubt=verdict.doubt,
            box_time=self.now(),
            offset_s=round((glance.offset_us - verdict.offset_us) / SECOND_US, 3),
            boot_id=boot.boot_id,
            known_since=known,
            unknown_since=None if verdict.trusted else from_us(boot.stamps_from_us),
            waiting_rows=waiting_rows,
        )

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self.look()
            except Exception:
                log.exception("looking at the clock")

    def _look(self) -> None:
        glance = self._machine.glance(known=self._boot.known)
        boot = self._fetch(glance)
        if boot.offset_us is not None and abs(boot.offset_us - self._offset_us) <= MOVED_US:
            boot = msgspec.structs.replace(boot, offset_us=self._offset_us)  # finer than what is written down
        verdict = judge(glance, boot, self._word)
        if self._store is not None:
            boot = self._keep(self._store, glance, boot, verdict)
        self._word = None
        self._take(glance, boot, verdict)

    def _fetch(self, glance: Glance) -> Boot:
        if self._store is None:
            return self._boot
        with self._store.read() as connection:
            found = boots.fetch_boot(raw_connection(connection), glance.boot_id)
        if found is not None:
            return found
        with self._store.write() as connection:
            return boots.insert_boot(connection, glance)

    def _keep(self, store: Store, glance: Glance, boot: Boot, verdict: Verdict) -> Boot:
        """Write what the ledger does not have yet; that the time is known counts for nobody before it stands there."""
        first = verdict.trusted and not boot.known
        moved = boot.offset_us is not None and (
            abs(verdict.offset_us - boot.offset_us) > MOVED_US or verdict.evidence != boot.evidence
        )
        if first or moved:
            with store.write() as connection:
                return boots.learn_time(connection, glance, verdict.offset_us, verdict.evidence)
        if glance.boottime_us - boot.last_us >= KEEP_US:
            with store.write() as connection:
                boots.keep_boot(connection, boot.boot_id, glance.boottime_us)
        return boot

    def _take(self, glance: Glance, boot: Boot, verdict: Verdict) -> None:
        self._tell(verdict)
        self._glance, self._boot, self._verdict = glance, boot, verdict
        self._offset_us = verdict.offset_us

    def _tell(self, now: Verdict) -> None:
        before = self._verdict
        if now.trusted != before.trusted:
            if now.trusted:
                log.warning(
                    "the time is known now: %s; box time moves by %s",
                    now.reason,
                    distance(now.offset_us - before.offset_us),
                )
            else:
                log.warning("the clock is not trusted: %s", now.reason)
        elif now.evidence and abs(now.offset_us - before.offset_us) > SECOND_US:
            log.warning("box time moves by %s: %s", distance(now.offset_us - before.offset_us), now.reason)
        if bool(now.doubt) != bool(before.doubt):
            log.warning("%s", now.doubt or "the system clock agrees with the box again")

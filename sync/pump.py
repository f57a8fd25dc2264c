"""The driver of the conversation with the centre: performs what `sync.session` commands and waits in between.

`hexpost sync` runs it for as long as the box is up, `hexpost sync now` drains once. `wiring` hands over the outbox
and the upstream, and shows the reported state on `hexpost status`, `/status` and `/metrics`.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from appliance.errors import HexpostError, Unavailable
from appliance.model.change import Batch, Position, SyncStatus
from appliance.model.settings import Site
from sync.change import Receipt
from sync.session import (
    Answered,
    Command,
    Event,
    Exhausted,
    Failed,
    Greet,
    Greeted,
    Match,
    Matched,
    Rest,
    Retry,
    Send,
    Session,
    Settle,
    Settled,
    Take,
    Taken,
    Wake,
)

LOG = logging.getLogger(__name__)
REPORT_EVERY_S = 5.0  # during a long drain; counting what is pending reads it
DAEMON_RETRY_S = 60.0  # after a fault of our own


class Outbox(Protocol):
    """What the pump needs of the store; `appliance.store.outbox` says what each does."""

    def position(self) -> Position: ...
    def reconcile(self, *, before: Position, central: Position) -> None: ...
    def next_batch(self) -> Batch | None: ...
    def acknowledge(self, seq: int) -> None: ...
    def status(self) -> SyncStatus: ...


class Upstream(Protocol):
    """A way to the centre. Errors: Unavailable (try again); Conflict, Rejected, Forbidden, Corrupt (a person acts)."""

    def hello(self, site: Site) -> Position:
        """Connect if need be, introduce the site, and learn which batch the centre applied last."""

    def send(self, batch: Batch) -> Receipt:
        """Have the batch applied, whole or not at all; returns only once it will last."""

    def close(self) -> None:
        """Drop the link; `hello` makes a new one."""


class SyncState(msgspec.Struct, frozen=True, kw_only=True):
    """How the link stands. `up` means that the centre answered within the last minute or two, not that it once did."""

    state: Literal["off", "up", "down"]
    pending_slices: int = 0
    pending_rows: int = 0
    last_seq: int = 0
    last_acked_at: str | None = None
    last_error: str | None = None
    retry_after_s: float | None = None


class DrainReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one drain sent; `finished` unless it was stopped or failed with something still pending."""

    batches: int = 0
    rows: int = 0
    rows_changed: int = 0
    duplicates: int = 0
    finished: bool = False


Report = Callable[[SyncState], None]


class Pump:
    """Sends what the outbox holds to the upstream. `chance` spreads the waits; `monotonic` counts seconds."""

    def __init__(
        self,
        *,
        site: Site,
        outbox: Outbox,
        upstream: Upstream,
        chance: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._site = site
        self._outbox = outbox
        self._upstream = upstream
        self._chance = chance
        self._now = monotonic

    def drain(self, stop: threading.Event) -> DrainReport:
        """Send until nothing is pending or `stop` is set.

        raises  HexpostError  the first failure, as the upstream or the outbox said it; what was acknowledged stays so
        """
        try:
            look = self._look(Session(self._chance), stop, lambda: None)
        finally:
            self._upstream.close()
        if look.error:
            raise look.error
        return look.sent

    def run(self, stop: threading.Event, *, every_s: float, report: Report) -> None:
        """Keep the centre up to date until `stop` is set, whatever happens to the link."""
        session = Session(self._chance)
        while not stop.is_set():
            try:
                wait_s = self._round(session, stop, every_s, report)
            except Exception:  # the outermost loop: a fault of ours must not end the sync for good
                LOG.exception("the sync stumbled and starts over")
                self._upstream.close()
                session, wait_s = Session(self._chance), DAEMON_RETRY_S
            stop.wait(wait_s)
        self._upstream.close()
        report(SyncState(state="off"))

    def _round(self, session: Session, stop: threading.Event, every_s: float, report: Report) -> float:
        """One look and its drain; the seconds to wait before the next."""
        reported_at = self._now()

        def progress() -> None:
            nonlocal reported_at
            if self._now() - reported_at >= REPORT_EVERY_S:
                report(self._state("up"))
                reported_at = self._now()

        look = self._look(session, stop, progress)
        if look.error:
            LOG.warning("%s; next try in %.0f s", look.error, look.retry_after_s)
            report(self._state("down", error=str(look.error), retry_after_s=look.retry_after_s))
            return look.retry_after_s
        report(self._state("up"))
        return every_s

    def _look(self, session: Session, stop: threading.Event, progress: Callable[[], None]) -> "_Look":
        """Drive the session from one waking until it rests, fails, or is stopped before a new batch."""
        sent, error = DrainReport(), None
        command = session.step(Wake(at=self._now()))
        while not isinstance(command, Rest | Retry):
            if isinstance(command, Take) and stop.is_set():
                return _Look(sent=sent)
            try:
                event = self._perform(command)
                command = session.step(event)
                if isinstance(event, Answered):
                    sent = _counted(sent, event.receipt)
                    progress()
            except HexpostError as failure:
                error = failure
                self._upstream.close()
                command = session.step(Failed(needs_person=not isinstance(failure, Unavailable)))
        if isinstance(command, Retry):
            return _Look(sent=sent, error=error, retry_after_s=command.after_s)
        return _Look(sent=msgspec.structs.replace(sent, finished=True))

    def _perform(self, command: Command) -> Event:
        match command:
            case Greet():
                before = self._outbox.position()
                return Greeted(before=before, central=self._upstream.hello(self._site), at=self._now())
            case Match():
                self._outbox.reconcile(before=command.before, central=command.central)
                return Matched()
            case Take():
                batch = self._outbox.next_batch()
                return Taken(batch=batch) if batch else Exhausted()
            case Send():
                return Answered(receipt=self._upstream.send(command.batch))
            case Settle():
                self._outbox.acknowledge(command.seq)
                return Settled()
            case Rest() | Retry():
                raise RuntimeError(f"{type(command).__name__} is for the loop, not to be performed")

    def _state(
        self, state: Literal["up", "down"], *, error: str | None = None, retry_after_s: float | None = None
    ) -> SyncState:
        status = self._outbox.status()
        return SyncState(
            state=state,
            pending_slices=status.pending_slices,
            pending_rows=status.pending_rows,
            last_seq=status.last_seq,
            last_acked_at=status.last_acked_at,
            last_error=error,
            retry_after_s=retry_after_s,
        )


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """How one look at the outbox ended."""

    sent: DrainReport
    error: HexpostError | None = None
    retry_after_s: float = 0.0


def _counted(sent: DrainReport, receipt: Receipt) -> DrainReport:
    return DrainReport(
        batches=sent.batches + 1,
        rows=sent.rows + receipt.n_rows,
        rows_changed=sent.rows_changed + receipt.n_changed,
        duplicates=sent.duplicates + receipt.duplicate,
    )

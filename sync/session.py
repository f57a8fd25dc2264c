"""The conversation with the centre as a state machine without I/O: events in, one command out.

The rules:
- Before anything is sent the centre is greeted and says which batch it applied last; the box matches that with its
  own belief (`Match`). So a lost acknowledgement, or a centre put back from a backup, is found before it can harm.
- One batch is under way at a time, and the next is taken only after the last is acknowledged: no gaps.
- A backlog is drained at once; `Rest` comes only when nothing is pending.
- A failure of any step drops the link. The next look greets again, after a wait that grows with the failures; when a
  person has to act, after the longest wait, for the remedy may be made at the centre and the box recovers by itself.
- A link at rest is greeted again every minute, so that "up" never means "was up an hour ago".

Driven by `sync.pump`, which performs each command and tells the session how it went.
"""

from collections.abc import Callable
from enum import Enum, auto

import msgspec

from appliance.errors import Corrupt
from appliance.model.change import Batch, Position
from sync.backoff import LONGEST_S, delay_s
from sync.change import Receipt

GREET_EVERY_S = 60.0


class Phase(Enum):
    """Where the conversation stands."""

    AWAY = auto()
    GREETING = auto()
    MATCHING = auto()
    TAKING = auto()
    SENDING = auto()
    SETTLING = auto()
    RESTING = auto()


class Wake(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to look; `at` is monotonic seconds."""

    at: float


class Greeted(msgspec.Struct, frozen=True, kw_only=True):
    """The centre answered; `before` is the box's own position from before it was asked."""

    at: float
    before: Position
    central: Position


class Matched(msgspec.Struct, frozen=True, kw_only=True):
    """Box and centre agree on what the centre has."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The outbox gave a batch, now in flight."""

    batch: Batch


class Exhausted(msgspec.Struct, frozen=True, kw_only=True):
    """The outbox has nothing pending."""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The centre has the batch."""

    receipt: Receipt


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """The outbox knows that the centre has it."""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """The step did not succeed; `needs_person` when trying again does not help by itself."""

    needs_person: bool = False


class Greet(msgspec.Struct, frozen=True, kw_only=True):
    """Connect if need be, and ask the centre where it stands."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Reconcile the outbox with what the centre said."""

    before: Position
    central: Position


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the outbox for the next batch."""


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """Send the batch and wait for the receipt."""

    batch: Batch


class Settle(msgspec.Struct, frozen=True, kw_only=True):
    """Acknowledge the batch in the outbox."""

    seq: int


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """The centre has everything: look again after the usual time."""


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """Drop the link, and look again after `after_s` seconds."""

    after_s: float


Event = Wake | Greeted | Matched | Taken | Exhausted | Answered | Settled | Failed
Command = Greet | Match | Take | Send | Settle | Rest | Retry

TRANSITIONS: dict[Phase, dict[type[Event], Phase]] = {
    Phase.AWAY: {Wake: Phase.GREETING},
    Phase.GREETING: {Greeted: Phase.MATCHING, Failed: Phase.AWAY},
    Phase.MATCHING: {Matched: Phase.TAKING, Failed: Phase.AWAY},
    Phase.TAKING: {Taken: Phase.SENDING, Exhausted: Phase.RESTING, Failed: Phase.AWAY},
    Phase.SENDING: {Answered: Phase.SETTLING, Failed: Phase.AWAY},
    Phase.SETTLING: {Settled: Phase.TAKING, Failed: Phase.AWAY},
    Phase.RESTING: {Wake: Phase.TAKING, Failed: Phase.AWAY},
}
"""Phase and event to the next phase. What is not here cannot happen; `Session.step` refuses it."""


class Session:
    """One conversation; `chance` draws a number 0 <= x < 1 for the spread of waits."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self.phase = Phase.AWAY
        self.failures = 0
        self._chance = chance
        self._greeted_at = 0.0
        self._seq = 0

    def step(self, event: Event) -> Command:
        """What to do now that `event` has happened.

        raises  Corrupt       the centre answered to another batch than the one sent
                RuntimeError  the event cannot happen in this phase: the driver is wrong
        """
        following = TRANSITIONS[self.phase].get(type(event))
        if following is None:
            raise RuntimeError(f"{type(event).__name__} cannot happen while {self.phase.name}")
        if self.phase is Phase.RESTING and isinstance(event, Wake) and event.at - self._greeted_at >= GREET_EVERY_S:
            following = Phase.GREETING
        command = self._command(event, following)
        self.phase = following
        return command

    def _command(self, event: Event, following: Phase) -> Command:
        command: Command
        match event:
            case Wake():
                command = Greet() if following is Phase.GREETING else Take()
            case Greeted():
                self._greeted_at = event.at
                command = Match(before=event.before, central=event.central)
            case Matched():
                command = Take()
            case Taken():
                self._seq = event.batch.seq
                command = Send(batch=event.batch)
            case Answered():
                command = self._settle(event.receipt)
            case Settled():
                self.failures = 0
                command = Take()
            case Exhausted():
                self.failures = 0
                command = Rest()
            case Failed():
                self.failures += 1
                wait_s = LONGEST_S if event.needs_person else delay_s(self.failures, self._chance())
                command = Retry(after_s=wait_s)
        return command

    def _settle(self, receipt: Receipt) -> Settle:
        if receipt.seq != self._seq:
            raise Corrupt(f"sending batch {self._seq}: the centre acknowledged {receipt.seq}; nothing more is sent")
        return Settle(seq=receipt.seq)

"""How much room the disk has, and what is let go when there is little: numbers in, a step of the ladder out.

The ladder. Each rung is reached when the room falls below its mark, and left when the room has been a quarter above
it for ten seconds, so that a file that comes and goes does not sound twice. From rung to rung more is let go, the
cheapest first:

    low       a person is told; hours of the archive beyond a week go
    scarce    what was measured long ago goes, and old messages that nobody understood
    critical  of new readings one a series and minute is kept, of new positions one a device and minute; rolled-up
              events beyond a month go
    full      new readings, positions and messages that nobody understood are counted and not kept; the ballast is
              let go, so that the store can still commit; events go on being stored

The outbox, the audit log, users, keys and devices are never let go. What is new and not kept stands in the balance
as shed; what was stored and is let go is counted by its kind. Nothing is let go by age while the time is not known.

Room is what can still be recorded: free space, and pages inside the store that are free already, less the ballast
that is yet to be made. So letting the ballast go does not look like a recovery. Rows that are let go leave their
pages to the store and not to the file system, where whoever has filled the disk would take them too.

`appliance/store/disk_watch` measures and `appliance/job/disk` acts; the bridge and the web part ask for the step.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgspec

MIB = 1_048_576
CALM = 1.25  # how far above its mark the room must be for a rung to be left
HOLD_S = 10.0  # and for how long
BALLAST_SHARE = 1 / 16  # of a small file system the ballast takes at most so much
BREATH = 0.25  # of the ballast: with less free space than this the next commit may fail, and the ballast goes
HOUR, DAY, WEEK, MONTH = 1.0, 24.0, 168.0, 720.0


class Step(IntEnum):
    """How scarce room is."""

    NORMAL = 0
    LOW = 1
    SCARCE = 2
    CRITICAL = 3
    FULL = 4


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One rung: reached below `ballasts` times the ballast's size, but at most below `share` of the file system.

    keep_hours  kind -> how old what is stored may be and stay, in the order in which it is let go
    """

    step: Step
    ballasts: float
    share: float
    keep_hours: Mapping[str, float]


LADDER = (
    Rung(step=Step.LOW, ballasts=16, share=0.2, keep_hours={"archive": WEEK}),
    Rung(
        step=Step.SCARCE,
        ballasts=8,
        share=0.12,
        keep_hours={"archive": 3 * DAY, "quarantine": WEEK, "readings": WEEK, "positions": WEEK},
    ),
    Rung(
        step=Step.CRITICAL,
        ballasts=4,
        share=0.08,
        keep_hours={"archive": DAY, "quarantine": DAY, "readings": DAY, "positions": DAY, "events": MONTH},
    ),
    Rung(
        step=Step.FULL,
        ballasts=0.5,
        share=0.03,
        keep_hours={"archive": HOUR, "quarantine": HOUR, "readings": HOUR, "positions": HOUR, "events": WEEK},
    ),
)


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """A disk at one moment, in bytes.

    total, free     of the file system; free as ordinary programs have it
    reusable        pages inside the store that hold nothing, less those by which its file is yet to grow
    ballast         what the ballast holds now
    ballast_wanted  what it is to hold
    """

    total: int
    free: int
    reusable: int
    ballast: int
    ballast_wanted: int

    @property
    def room(self) -> int:
        """What can still be recorded; negative while even the ballast's place is taken."""
        return self.free + self.reusable - max(0, self.ballast_wanted - self.ballast)


def ballast_bytes(configured: int, total: int) -> int:
    """How large the ballast is on a file system of `total` bytes: as configured, on a small one a sixteenth of it."""
    return min(configured, int(total * BALLAST_SHARE))


def mark(rung: Rung, space: Space) -> float:
    """The room in bytes below which a rung is reached."""
    return min(rung.ballasts * space.ballast_wanted, rung.share * space.total)


def rung_of(step: Step) -> Rung:
    """The rung of a step.

    raises  ValueError  the step is NORMAL, which is the ground
    """
    if step is Step.NORMAL:
        raise ValueError("the ground is no rung")
    return LADDER[step - 1]


def step_of(space: Space, *, margin: float = 1.0) -> Step:
    """The highest rung whose mark, `margin` times, the room is below."""
    reached = [rung.step for rung in LADDER if space.room < margin * mark(rung, space)]
    return max(reached, default=Step.NORMAL)


def wants_release(space: Space) -> bool:
    """Whether the ballast must go: there is no room, or none outside the store for the next commit."""
    return space.ballast > 0 and (step_of(space) is Step.FULL or space.free < BREATH * space.ballast_wanted)


def wants_ballast(space: Space) -> bool:
    """Whether there is ample room to make it, or to make it whole."""
    missing = space.ballast_wanted - space.ballast
    return missing > 0 and space.free - missing >= mark(rung_of(Step.CRITICAL), space)


def enough(space: Space, step: Step) -> bool:
    """Whether there is so much room that a rung may be left: nothing more needs to go for its sake."""
    return step is Step.NORMAL or space.room >= CALM * mark(rung_of(step), space)


class Ladder:
    """The step over time: up at once, down when it has been calm for a while."""

    def __init__(self) -> None:
        self.step = Step.NORMAL
        self._calm_since: float | None = None

    def look(self, space: Space, at: float) -> Step:
        """The step now; `at` in seconds on any steady clock."""
        reached, calm = step_of(space), step_of(space, margin=CALM)
        if reached >= self.step or calm >= self.step:
            self.step = max(reached, self.step)
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = at
        elif at - self._calm_since >= HOLD_S:
            self.step = calm
            self._calm_since = None
        return self.step


def disk_words(step: Step, space: Space, trouble: str = "") -> dict[str, Any]:
    """A step as an alert, a pulse and the health of the box tell it; with `trouble` the disk takes no writes at all."""
    return {
        **({"disk_error": trouble} if trouble else {}),
        "disk_step": int(step),
        "disk": step.name.lower(),
        "disk_free_bytes": space.free,
        "disk_room_bytes": space.room,
        "disk_ballast_bytes": space.ballast,
    }


def disk_of(pulses: Mapping[str, Mapping[str, Any]], seen: str = "") -> dict[str, Any]:
    """The disk as `disk_words` tells it, by the keeper of it, or while that is down by the bridge; without room where
    neither runs. Of its trouble what the asker has `seen` counts first, then what any part that runs has met: parts
    look once in a while, and not together."""
    running = {part: pulse for part, pulse in pulses.items() if pulse.get("up")}
    keeper = next((running[part] for part in ("jobs", "bridge") if "disk" in running.get(part, {})), {})
    disk = {key: value for key, value in keeper.items() if key.startswith("disk")}
    met = (str(pulse["disk_error"]) for pulse in running.values() if pulse.get("disk_error"))
    trouble = seen or next(met, "")
    return {**disk, "disk_error": trouble} if trouble else disk

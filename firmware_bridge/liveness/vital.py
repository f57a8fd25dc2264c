"""One device's life: its states and what leads from one to the other, and the rhythm it is judged by.

A table of transitions with its rules, and the record `liveness` keeps of each device. Called by `liveness` alone. All
instants are monotonic seconds.

The rules of a rhythm
=====================

Messages within `BEAT_S` are one sign of life. Of the last sixteen gaps between signs most must lie close together, and
at most a quarter beyond: then the device has a rhythm, and its interval is a gap that a tenth of its gaps exceed. A
motion sensor, whose gaps are of all lengths, has none, and is given a day.

A device that came back of itself, without a birth, from two silences in a row of like length, within eight days, is
allowed the shorter of the two: what sleeps at night, or was set to report less often, is not given up again and again.

A device that twice said goodbye and came back after as long a nap, each longer than it was awake, sleeps on purpose.

A device that falls from online more than `MAX_FALLS` times within `FLAP_S` is flapping.
"""

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import Any, Literal, get_args

import msgspec

from appliance.errors import Corrupt
from appliance.model.device import State

NEVER = -inf
BEAT_S = 5.0  # a burst is no rhythm
GAPS, MANY_GAPS, LEAST_GAPS = 16, 8, 5
CLOSE = 1.5  # the longest of gaps that lie close together, as a multiple of the shortest
VERY_CLOSE = 1.2
UNTOLD_INTERVAL_S = 86_400.0  # of a device without a rhythm: battery sensors report at least daily
LONGEST_TOLD_S = 31_536_000.0
STALE_INTERVALS, STALE_LEAST_S = 2.5, 30.0
OFFLINE_INTERVALS, OFFLINE_LEAST_S = 5.0, 120.0
LAPSES_KEPT_S = 8 * 86_400.0  # a week and a day: what sleeps on weekends does so again
NAPS = 2
MAX_FALLS, FLAP_S = 4, 1800.0
OUTAGE = "outage:"  # how the cause of a device begins that an outage explains

Phase = Literal["pending", "online", "stale", "offline", "maintenance", "flapping"]
"""The states, and `flapping`, which is shown as stale."""
Said = Literal["heard", "birth", "will", "mute"]
"""What comes from outside: legal in every phase."""
Found = Literal["late", "gone", "outage", "found_alive", "found_late", "found_new"]
"""What `liveness` finds: legal only where it can be found."""

TRANSITIONS: dict[Phase, dict[Said | Found, Phase]] = {
    "pending": {"heard": "online", "birth": "online", "will": "offline", "mute": "maintenance"},
    "online": {
        "heard": "online",
        "birth": "online",
        "will": "stale",
        "late": "stale",
        "outage": "offline",
        "mute": "maintenance",
    },
    "stale": {
        "heard": "online",
        "birth": "online",
        "will": "stale",
        "gone": "offline",
        "outage": "offline",
        "mute": "maintenance",
    },
    "offline": {
        "heard": "online",
        "birth": "online",
        "will": "offline",
        "found_alive": "online",
        "found_late": "stale",
        "mute": "maintenance",
    },
    "maintenance": {
        "heard": "maintenance",
        "birth": "maintenance",
        "will": "maintenance",
        "found_alive": "online",
        "found_late": "stale",
        "found_new": "pending",
        "mute": "maintenance",
    },
    "flapping": {
        "heard": "flapping",
        "birth": "flapping",
        "will": "flapping",
        "outage": "offline",
        "found_alive": "online",
        "found_late": "stale",
        "mute": "maintenance",
    },
}
"""Beside the table stands one rule: one fall from online too many leads to `flapping` and not to `stale`."""

ALIVE: frozenset[Phase] = frozenset({"online", "stale", "flapping"})
"""Phases in which a device takes part in what an outage can take."""


class Vital(msgspec.Struct, frozen=True, kw_only=True):
    """How one device is.

    state_at            as it was last reported; None before
    interval_s          by which its silence is judged; `learned_interval_s` is its own rhythm, None without one
    falls               from online, since flapping was last counted anew
    """

    source: str
    state: State
    cause: str
    state_at: datetime | None
    last_seen: datetime | None
    interval_s: float
    learned_interval_s: float | None
    falls: int
    registered: bool
    segments: tuple[str, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A device's state or its cause is another than was last told; `before` was the state then."""

    source: str
    state: State
    cause: str
    at: datetime
    before: State
    registered: bool

    @property
    def is_own_fault(self) -> bool:
        """Whether the device itself is gone: it was there before, and no outage explains it."""
        return self.state == "offline" and self.before != "pending" and not self.cause.startswith(OUTAGE)


class Track(msgspec.Struct, kw_only=True, gc=False):
    """One device, as it is kept; some 800 bytes with all it learned, since fifty thousand must fit.

    state_at, last_seen  as an earlier run or the last report dated them
    due_at               when it has to be looked at next
    last_at              when it was last heard; `beat_at` when its last sign of life began
    grace_at             when something excused its silence so far
    heartbeat_s, told_s  set by a person, announced by itself; 0 where nobody did
    interval_s           by which its silence is judged
    will_at              when it said goodbye, unless it was heard since
    """

    source: str
    phase: Phase = "pending"
    cause: str = ""
    registered: bool = False
    segments: tuple[str, ...] = ()
    state_at: datetime | None = None
    last_seen: datetime | None = None
    moved_at: float = NEVER
    last_at: float = NEVER
    beat_at: float = NEVER
    grace_at: float = NEVER
    due_at: float = inf
    heartbeat_s: float = 0.0
    told_s: float = 0.0
    interval_s: float = UNTOLD_INTERVAL_S
    written_s: float = 0.0
    rhythm_s: float = 0.0
    gaps: "array[float] | None" = None  # quoted: before Python 3.12 it cannot be evaluated
    gap_count: int = 0
    lapse_s: float = 0.0
    lapse_at: float = NEVER
    quiet_s: float = 0.0
    will_at: float = NEVER
    woke_at: float = NEVER
    nap_s: float = 0.0
    naps: int = 0
    falls: int = 0
    falls_since: float = NEVER
    fell_at: float = NEVER

    @property
    def state(self) -> State:
        """The phase as others know it."""
        return "stale" if self.phase == "flapping" else self.phase

    @property
    def is_asleep(self) -> bool:
        """Whether its goodbye is of those that mean nothing."""
        return self.naps >= NAPS

    @property
    def learned_s(self) -> float:
        """The interval it keeps; 0 without a rhythm."""
        return min(max(self.rhythm_s, self.quiet_s, self.nap_s if self.is_asleep else 0.0), UNTOLD_INTERVAL_S)

    @property
    def stale_s(self) -> float:
        """The silence after which it is stale."""
        return max(STALE_INTERVALS * self.interval_s, STALE_LEAST_S)

    @property
    def offline_s(self) -> float:
        """The silence after which it is gone."""
        return max(OFFLINE_INTERVALS * self.interval_s, OFFLINE_LEAST_S)


def rhythm_of(gaps: Sequence[float]) -> float:
    """The interval of a device by its last gaps in seconds, in any order; 0 where they show no rhythm.

    Of five to seven gaps all must lie within a factor of 1.2 of each other; of eight and more, six or five eighths of
    them, whichever is more, within a factor of 1.5.
    """
    if len(gaps) < LEAST_GAPS:
        return 0.0
    ordered, n = sorted(gaps), len(gaps)
    if n < MANY_GAPS:
        return ordered[-1] if ordered[-1] <= VERY_CLOSE * ordered[0] else 0.0
    close, end = max(
        (bisect_right(ordered, CLOSE * gap) - i, bisect_right(ordered, CLOSE * gap)) for i, gap in enumerate(ordered)
    )
    if close < max(6, 5 * n / 8) or n - end > n / 4:
        return 0.0
    return min(ordered[9 * (n - 1) // 10], 3 * ordered[end - 1])


def note_gap(track: Track, gap_s: float, at: float) -> None:
    """Take in the time between two signs of life."""
    if track.gaps is None:
        track.gaps = array("f")
    if len(track.gaps) < GAPS:
        track.gaps.append(gap_s)
    else:
        track.gaps[track.gap_count % GAPS] = gap_s
    track.gap_count += 1
    if track.gap_count <= GAPS or track.gap_count % 4 == 0 or gap_s > track.interval_s:  # sorting costs
        track.rhythm_s = rhythm_of(track.gaps)
        if at - track.lapse_at > LAPSES_KEPT_S:
            track.quiet_s = track.lapse_s = 0.0
        settle_interval(track)


def note_lapse(track: Track, at: float) -> None:
    """It came back of itself from a silence that made it stale or offline."""
    lapse_s = at - track.last_at
    if _alike(lapse_s, track.lapse_s):
        track.quiet_s = max(track.quiet_s, min(track.lapse_s, lapse_s))
    track.lapse_s, track.lapse_at = lapse_s, at
    settle_interval(track)


def note_waking(track: Track, at: float, *, counts: bool) -> None:
    """It was heard again after its goodbye; `counts`: unless something else explains that it was away."""
    nap_s, awake_s = at - track.will_at, track.will_at - track.woke_at
    if not counts:
        track.will_at, track.woke_at = NEVER, at
        return
    track.naps = 0 if awake_s >= nap_s else min(track.naps + 1, NAPS) if _alike(nap_s, track.nap_s) else 1
    track.nap_s, track.will_at, track.woke_at = nap_s, NEVER, at
    settle_interval(track)


def note_fall(track: Track, at: float) -> bool:
    """It falls from online; whether it has done so too often."""
    if at - track.falls_since > FLAP_S:
        track.falls, track.falls_since = 0, at
    track.falls = min(track.falls + 1, MAX_FALLS + 1)
    track.fell_at = at
    return track.falls > MAX_FALLS


def settle_interval(track: Track) -> None:
    """Choose the interval: a person's, else the longer of what it announced and what it keeps, else a day."""
    track.interval_s = track.heartbeat_s or max(track.told_s, track.learned_s) or UNTOLD_INTERVAL_S


def restore_track(track: Track, row: Mapping[str, Any], at: float) -> None:
    """Set a device to what an earlier run knew; what it learned counts until it is learned anew, or for eight days.

    raises  Corrupt  a state that is none
    """
    if row["state"] not in get_args(State):
        raise Corrupt(
            f"device {track.source} is in state {row['state']!r}; set it to one of {', '.join(get_args(State))}"
        )
    track.cause = row["cause"]
    track.phase = "flapping" if track.cause == "flapping" else row["state"]
    track.state_at, track.last_seen, track.fell_at = row["state_at"], row["last_seen"], at
    learned_s = row["learned_interval_s"]
    if learned_s is not None and learned_s > 0:
        track.quiet_s = track.written_s = min(learned_s, UNTOLD_INTERVAL_S)
        track.lapse_at = at
    if track.cause == "will":
        track.will_at = at
    settle_interval(track)


def ago(past_s: float, now: datetime) -> datetime:
    """So many seconds before now; at most ten years, for an instant that was never."""
    return now - timedelta(seconds=min(max(past_s, 0.0), 315_360_000.0))


def vital_of(track: Track, at: float, now: datetime) -> Vital:
    """How a device is, for others to read; `now` is what the wall clock says at `at`."""
    return Vital(
        source=track.source,
        state=track.state,
        cause=track.cause,
        state_at=track.state_at,
        last_seen=ago(at - track.last_at, now) if track.last_at > NEVER else track.last_seen,
        interval_s=track.interval_s,
        learned_interval_s=track.learned_s or None,
        falls=track.falls,
        registered=track.registered,
        segments=track.segments,
    )


def change_of(track: Track, *, before: State, at: datetime) -> Change:
    """That a device is otherwise than was told before."""
    return Change(
        source=track.source, state=track.state, cause=track.cause, at=at, before=before, registered=track.registered
    )


def _alike(one_s: float, other_s: float) -> bool:
    return one_s <= 2 * other_s and other_s <= 2 * one_s

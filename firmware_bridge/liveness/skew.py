"""How wrong each device's clock is, learned from what it tells live.

An offset is a device's time less the time of receipt. Delay can only lower it, so the truth lies along the upper edge
of the offsets: `learn` follows that edge, at once when an offset lies above and slowly when it lies below. What lies
too far off does not move the estimate; it is a rival, and takes over when it is confirmed:

- above: three stamps that agree. No delay makes a stamp too young, so the clock was set forward, or the estimate was
  made from old messages. Stamps in between do not refute it.
- below: eight in a row that agree for two minutes. A queue that is being emptied has older stamps too, but they catch
  up with the present and so do not agree; the clock was set back.

Called by `bridge` for each stamp that a device told live. Retained and replayed messages are not to be fed in, and none
while the box does not know the time itself.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from appliance.clock import EPOCH
from appliance.model.event import AHEAD_S, ClockQuality, clock_quality

AGREE_S = 60.0  # offsets so near each other are of one clock: the network's delay and a minute's rounding
KNOWN_AFTER = 8  # stamps that agree, before an estimate is acted upon
SATURATED = 32  # stamps after which one more moves the estimate by a thirty-second part of its distance
RIVALS_ABOVE = 3
RIVALS_BELOW = 8
RIVALS_BELOW_S = 120.0
WRITE_S = 5.0  # a clock that moved by less is not worth a write
MAX_CLOCKS = 50_000


class Skew(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One clock.

    offset_s     its time less ours, seconds; positive: it is ahead
    samples      stamps that agreed with it, up to `SATURATED`
    rival_s      another offset that was seen, `rivals` times since `rival_since_s` (seconds since 1970, ours)
    steps        how often the clock was found to have been set
    """

    offset_s: float
    samples: int = 1
    rival_s: float = 0.0
    rivals: int = 0
    rival_since_s: float = 0.0
    steps: int = 0

    @property
    def known(self) -> bool:
        """Whether the estimate rests on enough stamps to act upon it."""
        return self.samples >= KNOWN_AFTER

    @property
    def wrong(self) -> bool:
        """Whether the clock is known to be off by more than delay can explain."""
        return self.known and abs(self.offset_s) > AGREE_S


def learn(skew: Skew | None, observed_at: datetime, received_at: datetime) -> Skew:
    """The estimate after one more stamp told live; `skew` is None before the first."""
    offset_s = (observed_at - received_at).total_seconds()
    if skew is None:
        return Skew(offset_s=offset_s)
    distance_s = offset_s - skew.offset_s
    if abs(distance_s) > AGREE_S:
        return _rival(skew, offset_s, (received_at - EPOCH).total_seconds())
    samples = min(skew.samples + 1, SATURATED)
    rival_above = skew.rivals > 0 and skew.rival_s > skew.offset_s
    return Skew(
        offset_s=skew.offset_s + distance_s * (0.5 if distance_s > 0 else 1 / samples),
        samples=samples,
        rival_s=skew.rival_s,
        rivals=skew.rivals if rival_above else 0,
        rival_since_s=skew.rival_since_s,
        steps=skew.steps,
    )


def judge(
    observed_at: datetime | None, received_at: datetime, skew: Skew | None, *, trusted: bool, live: bool = True
) -> ClockQuality:
    """How far a stamp can be believed, by the box's clock and by what is known of the device's.

    trusted  whether the box knows the time
    live     the device told it now; a recorded or uploaded item may be old without its clock being wrong
    returns  as `appliance.model.event.ClockQuality`. A clock known to be off by more than five minutes makes `future`
             or `ancient` also what lies within the bounds, unless the stamp is the present after all: it was just set.
    """
    quality = clock_quality(observed_at, received_at, trusted=trusted, live=live)
    if quality != "good" or not live or skew is None or not skew.known or observed_at is None:
        return quality
    present = abs((observed_at - received_at).total_seconds()) <= AHEAD_S
    if present or abs(skew.offset_s) <= AHEAD_S:
        return "good"
    return "future" if skew.offset_s > 0 else "ancient"


def corrected(observed_at: datetime, skew: Skew | None) -> datetime:
    """The stamp by the box's clock; itself where the device's clock is right within delay, or not known.

    What a device held back from before its clock was set is corrected by what is known now, and so wrongly.
    """
    if skew is None or not skew.wrong:
        return observed_at
    try:
        return observed_at - timedelta(seconds=skew.offset_s)
    except OverflowError:
        return observed_at


class Clocks:
    """The clocks of all devices, at most `MAX_CLOCKS`; those that found no room are counted in `refused`."""

    def __init__(self, skew_ms: Mapping[str, float] | None = None) -> None:
        """`skew_ms`: source -> what an earlier run had learned, in milliseconds."""
        self._skews = {
            source: Skew(offset_s=ms / 1000, samples=KNOWN_AFTER)
            for source, ms in list((skew_ms or {}).items())[:MAX_CLOCKS]
        }
        self._written = {source: skew.offset_s for source, skew in self._skews.items()}
        self._changed: set[str] = set()
        self.refused = 0

    def get(self, source: str) -> Skew | None:
        """What is known of a device's clock."""
        return self._skews.get(source)

    def learn(self, source: str, observed_at: datetime, received_at: datetime) -> None:
        """Take in one stamp that a device told live."""
        before = self._skews.get(source)
        if before is None and len(self._skews) >= MAX_CLOCKS:
            self.refused += 1
            return
        after = self._skews[source] = learn(before, observed_at, received_at)
        written_s = self._written.get(source)
        if after.known and (written_s is None or abs(after.offset_s - written_s) > WRITE_S):
            self._changed.add(source)

    def forget(self, sources: Iterable[str]) -> None:
        """Drop devices that are no longer registered."""
        for source in sources:
            self._skews.pop(source, None)
            self._written.pop(source, None)
            self._changed.discard(source)

    def take_changed(self) -> dict[str, float]:
        """Source -> milliseconds, for the store: the known clocks that are `WRITE_S` from what was taken before."""
        changed, self._changed = self._changed, set()
        taken = {source: self._skews[source].offset_s for source in sorted(changed)}
        self._written.update(taken)
        return {source: round(offset_s * 1000, 1) for source, offset_s in taken.items()}


def _rival(skew: Skew, offset_s: float, at_s: float) -> Skew:
    """The estimate after a stamp that lies too far from it."""
    agrees = skew.rivals > 0 and abs(offset_s - skew.rival_s) <= AGREE_S and at_s >= skew.rival_since_s
    rivals = min(skew.rivals + 1, SATURATED) if agrees else 1
    rival_s = skew.rival_s if agrees else offset_s
    since_s = skew.rival_since_s if agrees else at_s
    above = rival_s > skew.offset_s
    confirmed = rivals >= RIVALS_ABOVE if above else rivals >= RIVALS_BELOW and at_s - since_s >= RIVALS_BELOW_S
    if confirmed:
        return Skew(offset_s=offset_s, samples=KNOWN_AFTER if skew.known else rivals, steps=skew.steps + 1)
    return Skew(
        offset_s=skew.offset_s,
        samples=skew.samples,
        rival_s=rival_s,
        rivals=rivals,
        rival_since_s=since_s,
        steps=skew.steps,
    )

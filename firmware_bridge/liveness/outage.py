"""What fell silent together: which segment explains it, and which outages are open.

A device names its segments, the most specific first: what it hangs on (`switch-north`, `via:frigate/server`), then
`zone:`, `group:` and `family:`. Beside those everything hangs on the broker. When devices fall silent within a window,
the segment that explains most of them is reported in their stead; of segments that explain about as many, the most
specific. A segment explains its silent devices when

- they are at least three where it is something physical (assigned, or `via:`), else at least five;
- they are at least 80 % of those of its devices that can testify: silent, or heard since the cut;
- and where it is a mere likeness (`zone:`, `group:`, `family:`, the broker), at least a third of all its devices that
  were alive. Devices that speak once a day cannot testify, and must not be blamed along.

Called by `liveness`, which knows the devices; pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from appliance.clock import EPOCH
from firmware_bridge.liveness.vital import NEVER, Change, Track, ago

BROKER = "broker"
LEAST_SLACK_S, LONGEST_SLACK_S = 60.0, 300.0
MAX_NAMES = 100  # devices of an outage that are named; all are counted
MAX_EXPLANATIONS = 64  # found at once; what is left is looked at again a moment later
LEAST_ASSIGNED = 3
LEAST_ALIKE = 5
COVERED = 0.8  # of those that can testify
COVERED_ALIKE = 1 / 3  # of all that were alive
ABOUT_AS_MANY = 0.8
UNSTABLE_AFTER = 3  # outages of one segment within `UNSTABLE_S`: the next one stays open until it was calm
UNSTABLE_S = 1800.0
_ALIKE = {"zone": 1, "group": 2, "family": 3, BROKER: 4}
"""Prefix of a segment that is no thing one could unplug -> how general it is."""

Kind = Literal["segment", "broker", "box"]


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """Devices that fell silent together, or because of us; `ended_at` is None while it lasts.

    segment       '' for the broker and the box
    devices       at most `MAX_NAMES` of `device_count`
    """

    kind: Kind
    segment: str
    devices: tuple[str, ...]
    device_count: int
    began_at: datetime
    ended_at: datetime | None = None


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a tick found. An alarm is due for each of `began`, and for each change that `is_own_fault`.

    ended  outages that are over; among them those of the box, which are known only afterwards
    """

    changes: tuple[Change, ...] = ()
    began: tuple[Outage, ...] = ()
    ended: tuple[Outage, ...] = ()


class Suspect(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device that fell silent.

    since_s   monotonic: when it was last heard; where its last will came, when that was
    slack_s   how far from another's `since_s` this may be and still be the same cut
    willed    its last will came
    segments  most specific first, the broker last
    """

    source: str
    since_s: float
    slack_s: float
    willed: bool
    segments: tuple[str, ...]


class Witnesses(msgspec.Struct, kw_only=True, gc=False):
    """Of a segment's devices that count as alive: heard since the cut (`up`), or not and not overdue (`mute`)."""

    up: int = 0
    mute: int = 0


class OpenOutage(msgspec.Struct, kw_only=True):
    """An outage that lasts.

    head      the gateway whose return ends it, or ''
    ours      it is our own link to the broker: only `close` ends it
    spared    member -> nothing spoke against it but the outage
    returned  members that were heard again
    """

    segment: str
    began_s: float
    began_at: datetime = EPOCH
    last_join_s: float = 0.0
    head: str = ""
    ours: bool = False
    unstable: bool = False
    spared: dict[str, bool] = {}
    returned: set[str] = set()

    def add(self, source: str, *, spared: bool, at: float) -> None:
        """It took a device."""
        self.spared[source], self.last_join_s = spared, at
        self.returned.discard(source)

    @property
    def device_count(self) -> int:
        """How many devices it took, those that returned included."""
        return len(self.spared) + len(self.returned)

    @property
    def names(self) -> tuple[str, ...]:
        """Its devices in order of name, at most `MAX_NAMES`."""
        return tuple(sorted([*self.spared, *self.returned])[:MAX_NAMES])

    def is_over(self, at: float) -> bool:
        """Whether the gateway or at least half of the devices returned, and it was calm where it was not before."""
        if self.ours or (self.unstable and at - self.last_join_s < UNSTABLE_S):
            return False
        return self.head in self.returned or 2 * len(self.returned) >= self.device_count


class Outages:
    """The open outages, at most one for each segment; who begins and ends them is `liveness`."""

    def __init__(self) -> None:
        self._open: dict[str, OpenOutage] = {}
        self._recent: dict[str, tuple[int, float]] = {}
        self._begun: list[OpenOutage] = []
        self._ended: list[OpenOutage] = []

    def __len__(self) -> int:
        return len(self._open)

    def get(self, segment: str) -> OpenOutage | None:
        """The open outage of a segment."""
        return self._open.get(segment)

    def explaining(self, suspect: Suspect) -> OpenOutage | None:
        """The open outage with which a device fell silent, if there is one."""
        open_ones = (self._open.get(segment) for segment in suspect.segments)
        return next((one for one in open_ones if one and suspect.since_s <= one.began_s + LONGEST_SLACK_S), None)

    def open(self, segment: str, began_s: float, at: float) -> OpenOutage:
        """The open outage of a segment, begun now if there was none."""
        found = self._open.get(segment)
        if found is None:
            found = OpenOutage(segment=segment, began_s=began_s, unstable=self._count(segment, at))
            self._open[segment] = found
            self._begun.append(found)
        return found

    def reopen(self, segment: str, began_at: datetime, at: float) -> OpenOutage:
        """An outage that an earlier run reported and that lasts."""
        return self._open.setdefault(segment, OpenOutage(segment=segment, began_s=at, began_at=began_at))

    def leave(self, segment: str, source: str, *, returned: bool) -> None:
        """A member is heard again, or no longer counts."""
        found = self._open.get(segment)
        if found is not None and found.spared.pop(source, None) is not None and returned:
            found.returned.add(source)

    def close(self, segment: str) -> OpenOutage | None:
        """End an outage, if it is open."""
        found = self._open.pop(segment, None)
        if found is not None:
            self._ended.append(found)
        return found

    def close_over(self, at: float) -> list[OpenOutage]:
        """End those that are over."""
        over = [segment for segment, found in self._open.items() if found.is_over(at)]
        return [found for segment in over if (found := self.close(segment)) is not None]

    def take(self, at: float, now: datetime) -> tuple[tuple[Outage, ...], tuple[Outage, ...]]:
        """Those begun and those ended since the last call; `now` is what the wall clock says at `at`."""
        begun, self._begun = self._begun, []
        ended, self._ended = self._ended, []
        for found in begun:
            found.began_at = ago(at - found.began_s, now)
        return tuple(map(_told, begun)), tuple(msgspec.structs.replace(_told(found), ended_at=now) for found in ended)

    def _count(self, segment: str, at: float) -> bool:
        """Count one more outage of a segment; whether it has too many to report each."""
        self._recent = {name: (n, since) for name, (n, since) in self._recent.items() if at - since < UNSTABLE_S}
        count, since = self._recent.get(segment, (0, at))
        self._recent[segment] = (count + 1, since)
        return count >= UNSTABLE_AFTER


def box_outage(began_at: datetime, ended_at: datetime) -> Outage:
    """The box itself did not listen, and does again."""
    return Outage(kind="box", segment="", devices=(), device_count=0, began_at=began_at, ended_at=ended_at)


def suspect_of(track: Track, *, silent_since_s: float, is_gateway: bool) -> Suspect:
    """A device that fell silent, as far as its outage is concerned."""
    willed = track.will_at > NEVER
    own = (f"via:{track.source}",) if is_gateway else ()
    return Suspect(
        source=track.source,
        since_s=track.will_at if willed else silent_since_s,
        slack_s=LONGEST_SLACK_S if willed else min(max(2 * track.interval_s, LEAST_SLACK_S), LONGEST_SLACK_S),
        willed=willed,
        segments=(*own, *track.segments, BROKER),
    )


def find_witnesses(tracks: Iterable[Track], cuts: Mapping[str, float]) -> dict[str, Witnesses]:
    """Segment of `cuts` -> its devices that count as alive, by whether they were heard since the cut."""
    witnesses = {segment: Witnesses() for segment in cuts}
    for track in tracks:
        if track.phase != "online":
            continue
        for segment in (*track.segments, BROKER):
            cut_s = cuts.get(segment)
            if cut_s is not None and track.last_at > cut_s:
                witnesses[segment].up += 1
            elif cut_s is not None:
                witnesses[segment].mute += 1
    return witnesses


def least_devices(segment: str) -> int:
    """How many devices a segment needs to explain their silence."""
    return LEAST_ALIKE if _generality(segment) else LEAST_ASSIGNED


def same_cut(suspects: Iterable[Suspect], anchor: Suspect) -> list[Suspect]:
    """Those that can have fallen silent at the same instant as the anchor, itself included."""
    return [one for one in suspects if abs(one.since_s - anchor.since_s) <= max(one.slack_s, anchor.slack_s)]


def cut_of(suspects: Iterable[Suspect]) -> float:
    """When suspects were cut off, monotonic: after all were last heard, and before the first last will came."""
    heard = [one.since_s for one in suspects if not one.willed]
    return max(heard) if heard else min(one.since_s for one in suspects)


def find_candidates(suspects: Sequence[Suspect]) -> dict[str, float]:
    """Segment -> its cut, for those with enough suspects to be asked about."""
    return {
        segment: cut_of(members)
        for segment, members in _by_segment(suspects).items()
        if len(members) >= least_devices(segment)
    }


def explain(suspects: Sequence[Suspect], witnesses: Mapping[str, Witnesses]) -> dict[str, list[Suspect]]:
    """Segment -> the suspects whose silence it explains; each is explained by one segment, or by none.

    suspects   of one cut
    witnesses  for each segment of `find_candidates`
    """
    members = _by_segment(suspects)
    explained: dict[str, list[Suspect]] = {}
    while len(explained) < MAX_EXPLANATIONS:
        covering = {
            segment: len(silent)
            for segment, silent in members.items()
            if segment in witnesses and _covers(segment, len(silent), witnesses[segment])
        }
        if not covering:
            break
        enough = ABOUT_AS_MANY * max(covering.values())
        segment = min(
            (name for name, count in covering.items() if count >= enough),
            key=lambda name: (_generality(name), -covering[name], name),
        )
        explained[segment] = members[segment]
        taken = {one.source for one in members[segment]}
        members = {name: [one for one in silent if one.source not in taken] for name, silent in members.items()}
    return explained


def _told(found: OpenOutage) -> Outage:
    broker = found.segment == BROKER
    return Outage(
        kind="broker" if broker else "segment",
        segment="" if broker else found.segment,
        devices=found.names,
        device_count=found.device_count,
        began_at=found.began_at,
    )


def _by_segment(suspects: Iterable[Suspect]) -> dict[str, list[Suspect]]:
    members: dict[str, list[Suspect]] = defaultdict(list)
    for one in suspects:
        for segment in one.segments:
            members[segment].append(one)
    return members


def _generality(segment: str) -> int:
    """0 for what is assigned or a gateway, more for what is more general."""
    return _ALIKE.get(segment.partition(":")[0], 0)


def _covers(segment: str, silent: int, witnesses: Witnesses) -> bool:
    alike = _generality(segment) > 0
    return (
        silent >= least_devices(segment)
        and silent >= COVERED * (silent + witnesses.up)
        and (not alike or silent >= COVERED_ALIKE * (silent + witnesses.up + witnesses.mute))
    )

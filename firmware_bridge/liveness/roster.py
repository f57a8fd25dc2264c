"""All devices that `liveness` keeps: bounded, with the sizes of their segments, and when each has to be looked at.

A device that is heard does not touch the queue of deadlines: a deadline that moved away is noticed when it comes. So
hearing costs nothing, and looking costs what falls due. Called by `liveness` alone.
"""

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from math import inf
from sys import intern

from firmware_bridge.liveness.outage import BROKER, LONGEST_SLACK_S, Suspect, least_devices, suspect_of
from firmware_bridge.liveness.vital import FLAP_S, NEVER, Track

MAX_DEVICES = 50_000
MAX_SEGMENTS = 8  # of one device
HOLD_S = 60.0  # last wills of one cut come as far apart as the devices' keepalives
WORTH_A_WRITE = 0.2  # of an interval, that it differs
RECONNECT_S = 120.0  # after our link came up wills may be remembered ones, and devices are on their way back


class Roster:
    """At most `MAX_DEVICES`; those that found no room are counted in `refused`.

    stale     those that an outage may explain
    sizes     segment -> how many devices name it
    grace_at  from when on silence is counted for all
    """

    def __init__(self, at: float) -> None:
        self.tracks: dict[str, Track] = {}
        self.stale: dict[str, Track] = {}
        self.sizes: dict[str, int] = {}
        self.grace_at = at
        self.refused = 0
        self._due: list[tuple[float, str]] = []
        self._learned: set[str] = set()

    def get(self, source: str) -> Track | None:
        """A device, made known if it was not; None where there is no room."""
        track = self.tracks.get(source)
        if track is None:
            if len(self.tracks) >= MAX_DEVICES:
                self.refused += 1
                return None
            track = self.tracks[source] = Track(source=source)
        return track

    def forget(self, source: str) -> Track | None:
        """Drop a device; what it was."""
        track = self.tracks.pop(source, None)
        if track is not None:
            self.put_into(track, ())
            self.stale.pop(source, None)
            self._learned.discard(source)
        return track

    def put_into(self, track: Track, segments: Sequence[str]) -> None:
        """Say what a device hangs on, most specific first; the broker and itself go without saying."""
        for segment in track.segments:
            self.sizes[segment] -= 1
            if not self.sizes[segment]:
                del self.sizes[segment]
        implied = {BROKER, f"via:{track.source}"}
        named = dict.fromkeys(segment for segment in segments if segment not in implied)
        track.segments = tuple(map(intern, named))[:MAX_SEGMENTS]
        for segment in track.segments:
            self.sizes[segment] = self.sizes.get(segment, 0) + 1

    def silent_since(self, track: Track) -> float:
        """From when on a device's silence is counted."""
        return max(track.last_at, track.grace_at, self.grace_at)

    def deadline(self, track: Track) -> float:
        """When a device's phase ends unless something happens."""
        if track.phase == "online":
            return self.silent_since(track) + track.stale_s
        if track.phase == "flapping":
            return track.fell_at + FLAP_S
        if track.phase != "stale":
            return inf
        hold_s = HOLD_S if self._is_shared(track) else 0.0
        if track.will_at == NEVER:
            return self.silent_since(track) + track.offline_s + hold_s
        grace_s = min(track.offline_s, LONGEST_SLACK_S)
        return max(track.will_at + hold_s, track.grace_at + grace_s, self.grace_at + RECONNECT_S)

    def schedule(self, track: Track) -> None:
        """Have a device looked at no later than it has to be."""
        due_at = self.deadline(track)
        if due_at >= track.due_at:
            return
        track.due_at = due_at
        heappush(self._due, (due_at, track.source))
        if len(self._due) > 2 * len(self.tracks) + 1000:  # most of it is overtaken
            self._due = [(one.due_at, one.source) for one in self.tracks.values() if one.due_at < inf]
            heapify(self._due)

    def take_due(self, at: float) -> Iterator[Track]:
        """The devices whose deadline has come, each once; who takes one moves it on, or schedules it again."""
        while self._due and self._due[0][0] <= at:
            due_at, source = heappop(self._due)
            track = self.tracks.get(source)
            if track is None or due_at != track.due_at:
                continue
            track.due_at = inf
            if self.deadline(track) <= at:
                yield track
            else:
                self.schedule(track)

    def suspect(self, track: Track) -> Suspect:
        """A device that fell silent, as far as its outage is concerned; a gateway hangs on itself as well."""
        is_gateway = f"via:{track.source}" in self.sizes
        return suspect_of(track, silent_since_s=self.silent_since(track), is_gateway=is_gateway)

    def note_learned(self, track: Track) -> None:
        """Keep in mind a device whose own interval is worth a write."""
        if abs(track.learned_s - track.written_s) > WORTH_A_WRITE * track.written_s:
            self._learned.add(track.source)
        else:
            self._learned.discard(track.source)

    def take_learned(self) -> dict[str, float]:
        """Source -> the interval it keeps, seconds; those that differ by a fifth from what was taken before."""
        taken, self._learned = self._learned, set()
        for source in taken:
            self.tracks[source].written_s = round(self.tracks[source].learned_s, 1)
        return {source: self.tracks[source].written_s for source in sorted(taken)}

    def _is_shared(self, track: Track) -> bool:
        """Whether a segment of the device has devices enough to explain its silence."""
        if len(self.tracks) >= least_devices(BROKER):
            return True
        return any(self.sizes[segment] >= least_devices(segment) for segment in track.segments)

"""How all devices are, and why: driven by what is heard, by births and last wills, and by silence.

The bridge calls `heard`, `birth` and `will` for what it receives, `link_up` and `link_down` for its own connection to
the broker, and `tick` every second or so; only `tick` answers, with what changed. Pure: instants are monotonic seconds
(`at`), and the wall clock (`now`) only dates what is reported, and may jump.

The rules
=========

1. Silence is counted while we listen: from when a device was last heard, but not before our link came up. A pause of
   more than `STALL_S` between ticks is ours as well, and begins silence anew for everybody.
2. Silent for 2.5 of its intervals (at least 30 s) a device is stale, for 5 (at least 120 s) and `HOLD_S` it is gone.
   Its last will makes it stale at once, and gone after `HOLD_S`. Where no segment has devices enough to explain
   anything, nothing is held. What its interval is, and whose will means nothing, is in `vital`.
3. What is gone is looked at together with all that are stale. If a segment explains them (`outage`), that is what is
   reported, and they are offline with cause `outage:<segment>`; who falls silent with them later joins. Else each is
   offline for itself, with cause `will` or `silence`.
4. The will of a gateway, or its silence, takes everything heard `via:` it along, at once.
5. When the gateway or half of the devices are back the outage is over; the others are what they were before, with a
   fresh grace.
6. Our link being down for `LINK_DOWN_S` is an outage of the broker. Nothing is judged meanwhile.

`pending` is known, and nothing heard of it yet. Maintenance hides a device from all of this but its rhythm.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from appliance.model.device import State
from firmware_bridge.liveness.outage import (
    BROKER,
    COVERED,
    MAX_EXPLANATIONS,
    Changes,
    OpenOutage,
    Outage,
    Outages,
    box_outage,
    explain,
    find_candidates,
    find_witnesses,
    same_cut,
)
from firmware_bridge.liveness.roster import RECONNECT_S, Roster
from firmware_bridge.liveness.vital import (
    ALIVE,
    BEAT_S,
    LONGEST_TOLD_S,
    NEVER,
    OUTAGE,
    TRANSITIONS,
    Found,
    Said,
    Track,
    Vital,
    ago,
    change_of,
    note_fall,
    note_gap,
    note_lapse,
    note_waking,
    restore_track,
    settle_interval,
    vital_of,
)

DRAIN_S = 30.0  # after our link came up what arrives was queued, and its gaps are the broker's
LINK_DOWN_S = 60.0
STALL_S = 60.0
LEARNED_EVERY_S = 600.0


class Liveness:
    """All devices, at most `roster.MAX_DEVICES`; messages of those that found no room are counted in `refused`."""

    def __init__(self, at: float) -> None:
        """Begin at an instant, with our link to the broker down."""
        self._roster = Roster(at)
        self._tracks = self._roster.tracks
        self._moved: dict[str, tuple[State, str]] = {}
        self._outages = Outages()
        self._down_at: float | None = at
        self._learn_from = at + DRAIN_S
        self._ticked_at: float | None = None
        self._taken_at = at
        self._box_down_since: datetime | None = None

    @property
    def refused(self) -> int:
        """What was said of devices for which there was no room."""
        return self._roster.refused

    def __len__(self) -> int:
        return len(self._tracks)

    def __contains__(self, source: str) -> bool:
        return source in self._tracks

    def heard(self, source: str, at: float) -> None:
        """A message came from a device. Not for what the broker sent from its memory: that shows no life."""
        track = self._tracks.get(source) or self._roster.get(source)
        if track is None:
            return
        if at - track.beat_at < BEAT_S and track.phase == "online" and track.will_at == NEVER:
            track.last_at = at
        else:
            self._beat(track, at, "heard")

    def birth(self, source: str, at: float, *, retained: bool = False) -> None:
        """A device, or its gateway, said that it is online.

        retained  the broker remembered it. Then it only takes back a last will, and makes a pending device known
        """
        track = self._roster.get(source)
        if track is None:
            return
        if not retained:
            self._beat(track, at, "birth")
        elif track.phase == "pending" or (track.phase in {"stale", "offline"} and track.cause == "will"):
            track.will_at, track.grace_at = NEVER, at
            self._move(track, "birth", "birth", at)

    def will(self, source: str, at: float) -> None:
        """A device's last will came, from itself or from its gateway."""
        track = self._roster.get(source)
        if track is None:
            return
        if track.will_at == NEVER:
            track.will_at = at
        if track.phase == "online" and track.is_asleep:
            return
        if track.phase == "flapping":
            track.fell_at = at
        settled = at >= self._roster.grace_at + RECONNECT_S
        if settled and track.phase in ALIVE:
            self._take_down_gateway(track, at)
        if not track.cause.startswith(OUTAGE):
            self._move(track, "will", "will", at)

    def link_up(self, at: float) -> None:
        """Our connection to the broker is there: silence is counted from here."""
        self._down_at = None
        self._roster.grace_at = max(self._roster.grace_at, at)
        self._learn_from = max(self._learn_from, at + DRAIN_S)
        found = self._outages.close(BROKER)
        if found is not None:
            self._release(found, at)

    def link_down(self, at: float) -> None:
        """Our connection to the broker is lost: nobody can be heard."""
        if self._down_at is None:
            self._down_at = at

    def told_interval(self, source: str, interval_s: float) -> None:
        """A device announced how often it reports."""
        track = self._roster.get(source)
        if track is not None and track.told_s != interval_s and 0 < interval_s <= LONGEST_TOLD_S:
            track.told_s = interval_s
            settle_interval(track)
            self._roster.schedule(track)

    def describe(
        self,
        source: str,
        at: float,
        *,
        segments: Sequence[str] = (),
        heartbeat_s: float | None = None,
        registered: bool = False,
        maintenance: bool = False,
    ) -> None:
        """What the registry says of a device, again whenever it says something else.

        segments     most specific first; a gateway is `via:` and its source
        heartbeat_s  the interval a person set, > 0
        """
        track = self._roster.get(source)
        if track is None:
            return
        if track.segments != tuple(segments):
            self._roster.put_into(track, segments)
        track.registered, track.heartbeat_s = registered, heartbeat_s or 0.0
        settle_interval(track)
        self._roster.schedule(track)
        if maintenance:
            self._move(track, "mute", "maintenance", at)
        elif track.phase == "maintenance":
            self._resume(track, at)

    def forget(self, source: str) -> None:
        """A device is no longer registered."""
        track = self._roster.forget(source)
        if track is not None:
            self._moved.pop(source, None)
            self._leave_outage(track, returned=False)

    def tick(self, at: float, now: datetime) -> Changes:
        """What changed since the last tick. To be called more often than every `STALL_S`, whatever else happens."""
        box = self._mind_pause(at, now)
        if self._down_at is None:
            self._judge(self._find_gone(at), at)
        elif at - self._down_at > LINK_DOWN_S:
            self._outages.open(BROKER, self._down_at, at).ours = True
        for found in self._outages.close_over(at):
            self._release(found, at)
        return self._report(at, now, box)

    def vital(self, source: str, at: float, now: datetime) -> Vital | None:
        """How one device is now."""
        track = self._tracks.get(source)
        return None if track is None else vital_of(track, at, now)

    def vitals(self, at: float, now: datetime) -> list[Vital]:
        """How all devices are now; what of it `restore` needs is to be kept in the store."""
        return [vital_of(track, at, now) for track in self._tracks.values()]

    def take_learned(self) -> dict[str, float]:
        """Source -> seconds, 0 for no rhythm: what changed by a fifth; not often, since a card wears."""
        if self._ticked_at is None or self._ticked_at - self._taken_at < LEARNED_EVERY_S:
            return {}
        self._taken_at = self._ticked_at
        return self._roster.take_learned()

    def restore(
        self,
        rows: Iterable[Mapping[str, Any]],
        at: float,
        *,
        open_outages: Iterable[Outage] = (),
        down_since: datetime | None = None,
    ) -> None:
        """Begin where an earlier run ended; to be called before anything else. Nothing of it is reported again.

        rows          source, state, cause, state_at, last_seen, learned_interval_s
        open_outages  those the store has as open; the ones nobody is in any more end at the first tick
        down_since    when the box was last alive, by a clock that can be trusted: then its own outage is reported
        raises        Corrupt  a state that is none
        """
        self._box_down_since = down_since
        for outage in open_outages:
            self._outages.reopen(outage.segment or BROKER, outage.began_at, at)
        for row in rows:
            track = self._roster.get(row["source"])
            if track is None:
                continue
            restore_track(track, row, at)
            if track.phase == "stale":
                self._roster.stale[track.source] = track
            if track.cause.startswith(OUTAGE):
                found = self._outages.reopen(track.cause.removeprefix(OUTAGE), row["state_at"], at)
                found.add(track.source, spared=False, at=at)
            self._roster.schedule(track)

    def _beat(self, track: Track, at: float, said: Said) -> None:
        """A sign of life that is more than one message of a burst."""
        excused = track.cause.startswith(OUTAGE) or track.phase in {"pending", "maintenance"}
        listened_from = max(self._roster.grace_at, track.grace_at)
        if track.will_at > NEVER:
            note_waking(track, at, counts=not excused)
        elif said == "heard" and track.cause == "silence" and track.last_at >= listened_from:
            note_lapse(track, at)
        if track.phase == "flapping" and at - track.last_at > track.stale_s:
            track.fell_at = at
        gap_s, interval_s = at - track.beat_at, track.interval_s
        if gap_s >= BEAT_S:
            if not excused and track.beat_at >= self._learn_from:
                note_gap(track, gap_s, at)
            self._roster.note_learned(track)
            track.beat_at = at
        if track.woke_at == NEVER:
            track.woke_at = at
        track.last_at = at
        self._move(track, said, said, at)
        if track.interval_s < interval_s:
            self._roster.schedule(track)

    def _move(self, track: Track, why: Said | Found, cause: str, at: float) -> None:
        """Go where the table says; a state that stays keeps its cause, unless it is a better one for being away."""
        before, after = track.phase, TRANSITIONS[track.phase][why]
        if after == before and (cause == track.cause or after not in {"stale", "offline"}):
            return
        if before == "online" and after == "stale" and note_fall(track, at):
            after, cause = "flapping", "flapping"
        self._moved.setdefault(track.source, (track.state, track.cause))
        self._leave_outage(track, returned=after == "online")
        track.phase, track.cause, track.moved_at = after, cause, at
        if after == "stale":
            self._roster.stale[track.source] = track
        else:
            self._roster.stale.pop(track.source, None)
        self._roster.schedule(track)

    def _resume(self, track: Track, at: float) -> None:
        """Maintenance is over."""
        is_alive, is_new = at - track.last_at < track.stale_s, track.last_at == NEVER and track.last_seen is None
        track.grace_at = at
        self._find(track, at, "found_new" if is_new else "found_alive" if is_alive else "found_late")

    def _release(self, found: OpenOutage, at: float) -> None:
        """An outage is over: whom it took and who is not back is judged for itself, after a grace."""
        for source, spared in found.spared.items():
            track = self._tracks[source]
            track.grace_at = at
            self._find(track, at, "found_alive" if spared else "found_late")

    def _find(self, track: Track, at: float, found: Found) -> None:
        cause = {"found_alive": "resumed", "found_new": ""}.get(found, "silence" if track.will_at == NEVER else "will")
        self._move(track, found, cause, at)

    def _leave_outage(self, track: Track, *, returned: bool) -> None:
        if track.cause.startswith(OUTAGE):
            self._outages.leave(track.cause.removeprefix(OUTAGE), track.source, returned=returned)

    def _find_gone(self, at: float) -> list[Track]:
        """Look at the devices whose time has come; those that are gone, for `_judge`."""
        gone = []
        for track in self._roster.take_due(at):
            if track.phase == "online":
                self._move(track, "late", "silence", at)
            elif track.phase == "flapping":
                alive = at < self._roster.silent_since(track) + track.stale_s and track.will_at == NEVER
                self._find(track, at, "found_alive" if alive else "found_late")
            else:
                gone.append(track)
        return gone

    def _judge(self, gone: Iterable[Track], at: float) -> None:
        """Report what is gone: with its segment where that explains it, else for itself."""
        waiting = {}
        for track in gone:
            found = self._outages.explaining(self._roster.suspect(track))
            if found is None:
                waiting[track.source] = track
            else:
                self._take_down(found, [track], at)
        while waiting:
            suspects = [self._roster.suspect(track) for track in self._roster.stale.values()]
            anchor = min((one for one in suspects if one.source in waiting), key=lambda one: one.since_s)
            group = same_cut(suspects, anchor)
            cuts = find_candidates(group)
            explained = explain(group, find_witnesses(self._tracks.values(), cuts)) if cuts else {}
            for segment, silent in explained.items():
                found = self._outages.open(segment, cuts[segment], at)
                self._take_down(found, (self._tracks[one.source] for one in silent), at)
            for one in group:
                lost = waiting.pop(one.source, None)
                if lost is None or lost.phase != "stale":
                    continue
                if len(explained) == MAX_EXPLANATIONS:
                    self._roster.schedule(lost)
                elif not self._take_down_gateway(lost, at):
                    self._move(lost, "gone", lost.cause, at)
            waiting = {source: track for source, track in waiting.items() if track.phase == "stale"}

    def _take_down(self, found: OpenOutage, tracks: Iterable[Track], at: float) -> None:
        """These devices are offline because of this outage."""
        for track in tracks:
            spared = track.phase == "online" and track.will_at == NEVER
            self._move(track, "outage", OUTAGE + found.segment, at)
            track.falls = max(track.falls - (not spared), 0)  # the fall was not its own
            found.add(track.source, spared=spared, at=at)

    def _take_down_gateway(self, gateway: Track, at: float) -> bool:
        """A gateway is gone, and all that is heard through it; False where it is none, or they still speak."""
        segment = f"via:{gateway.source}"
        if segment not in self._roster.sizes:
            return False
        suspect = self._roster.suspect(gateway)
        behind = [one for one in self._tracks.values() if segment in one.segments and one.phase in ALIVE]
        spoke = sum(one.last_at > suspect.since_s for one in behind)
        if not behind or (not suspect.willed and spoke > (1 - COVERED) * len(behind)):
            return False
        found = self._outages.open(segment, suspect.since_s, at)
        found.head = gateway.source
        self._take_down(found, [gateway, *behind], at)
        return True

    def _mind_pause(self, at: float, now: datetime) -> Outage | None:
        """Where nobody listened for a while, begin silence anew; the outage of the box that it was."""
        last, self._ticked_at = self._ticked_at, at
        if last is None:
            since = self._box_down_since
            return box_outage(since, now) if since and (now - since).total_seconds() > STALL_S else None
        if at - last <= STALL_S:
            return None
        self._roster.grace_at, self._learn_from = at, at + DRAIN_S
        return box_outage(ago(at - last, now), now)

    def _report(self, at: float, now: datetime, box: Outage | None) -> Changes:
        moved, self._moved = self._moved, {}
        changes = []
        for source, (state, cause) in moved.items():
            track = self._tracks[source]
            if (track.state, track.cause) != (state, cause):
                track.state_at = ago(at - track.moved_at, now)
                changes.append(change_of(track, before=state, at=track.state_at))
        begun, ended = self._outages.take(at, now)
        return Changes(changes=tuple(changes), began=begun, ended=ended + ((box,) if box else ()))

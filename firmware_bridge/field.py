"""The bridge's knowledge of its devices: who is registered how, who is alive, whose clock is wrong.

Gathering asks it for standings and for how far a time can be believed; the loop tells it who was heard and lets it
tick. It reads the registry anew when a person has changed it, writes down what changed, and says what needs somebody's
attention: one alarm for an outage, and one for each device that failed by itself.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from appliance.clock import Clock, rfc3339
from appliance.errors import Unavailable
from appliance.model.device import BridgeDevice
from appliance.model.event import ClockQuality
from appliance.model.field import FieldNews, OutageNews, StateChange
from firmware_bridge.canonical import Standing
from firmware_bridge.gather import Heard
from firmware_bridge.liveness.devices import Liveness
from firmware_bridge.liveness.outage import Changes, Outage
from firmware_bridge.liveness.skew import Clocks, judge

log = logging.getLogger(__name__)

TICK_S = 1.0
REGISTRY_S = 2.0  # how often a change by a person is looked for
MAX_UNWRITTEN = 1_000  # ticks with news that wait for the store

Place = tuple[float, float]


class FieldStore(Protocol):
    """What is needed of the store."""

    def registry_rev(self) -> int:
        """Rises with whatever a person changes."""

    def devices(self) -> list[BridgeDevice]:
        """Every device."""

    def open_outages(self) -> list[OutageNews]:
        """Those that last."""

    def record(self, news: FieldNews) -> None:
        """Write what is new."""


class Field:
    """One a bridge, used by its loop's thread alone; `set_place` may come from another."""

    def __init__(
        self,
        store: FieldStore,
        *,
        clock: Clock,
        clock_trusted: Callable[[], bool],
        monotonic: Callable[[], float],
        alert: Callable[[bytes], object],
        last_alive: datetime | None = None,
        moving: bool = False,
    ) -> None:
        """`last_alive`: when an earlier run was. `moving`: a device without a place is where the box is."""
        self._store = store
        self._clock = clock
        self._trusted = clock_trusted
        self._monotonic = monotonic
        self._alert = alert
        self._last_alive = last_alive
        self._moving = moving
        self._place: Place | None = None
        self._devices: dict[str, BridgeDevice] = {}
        self._standings: dict[str, Standing] = {}
        self._via: dict[str, str] = {}
        self._clocks = Clocks()
        self._liveness = Liveness(monotonic())
        self._rev = -1
        self._link = False
        self._ticked_at = self._read_at = float("-inf")
        self._unwritten: list[FieldNews] = []
        self._waits_for = ""
        self.devices = 0
        self.shed = 0  # ticks whose news were dropped while the store was unavailable

    def standing(self, source: str) -> Standing | None:
        """What the registry says of a device."""
        known = self._standings.get(source)
        if self._moving and self._place is not None and (known is None or known.place is None):
            return msgspec.structs.replace(known or Standing(), place=self._place)
        return known

    def judge(self, source: str, observed_at: datetime | None, received_at: datetime, live: bool) -> ClockQuality:
        """How far a device's time can be believed."""
        return judge(observed_at, received_at, self._clocks.get(source), trusted=self._trusted(), live=live)

    def set_place(self, longitude: float, latitude: float) -> None:
        """Where the box is, from its own receiver."""
        self._place = (longitude, latitude)

    def start(self) -> None:
        """Read what an earlier run knew.

        raises  Unavailable  the store cannot be read now
        """
        rev = self._store.registry_rev()  # before the devices: what changes in between is read once more
        devices = self._store.devices()
        self._clocks = Clocks({one.source: one.skew_ms for one in devices if one.skew_ms is not None})
        rows = [
            {
                "source": one.source,
                "state": one.state,
                "cause": one.cause,
                "state_at": one.state_at,
                "last_seen": one.last_seen,
                "learned_interval_s": one.learned_interval_s,
            }
            for one in devices
        ]
        outages = [Outage(**msgspec.structs.asdict(one)) for one in self._store.open_outages()]
        self._liveness.restore(
            rows,
            self._monotonic(),
            open_outages=outages,
            down_since=self._last_alive if self._trusted() else None,
        )
        self._take_devices(devices)
        self._rev = rev

    def take(self, heard: Iterable[Heard]) -> None:
        """Devices spoke."""
        at = self._monotonic()
        trusted = self._trusted()
        for one in heard:
            if one.via and self._via.get(one.source) != one.via:
                self._via[one.source] = one.via
                self._describe(one.source, self._devices.get(one.source), at)
            if one.interval_s:
                self._liveness.told_interval(one.source, one.interval_s)
            if one.state == "offline":
                self._liveness.will(one.source, at)
            elif one.state == "online":
                self._liveness.birth(one.source, at, retained=one.retain)
            elif not one.retain:
                self._liveness.heard(one.source, at)
            if one.observed_at is not None and not one.retain and trusted:
                self._clocks.learn(one.source, one.observed_at, one.received_at)

    def tick(self, *, connected: bool) -> None:
        """Look at the link, the registry and the time; to be called several times a second."""
        at = self._monotonic()
        if connected != self._link:
            self._link = connected
            (self._liveness.link_up if connected else self._liveness.link_down)(at)
        if at - self._ticked_at < TICK_S:
            return
        self._ticked_at = at
        if at - self._read_at >= REGISTRY_S:
            self._read_at = at
            self._refresh()
        self._tell(self._liveness.tick(at, self._clock()))

    def _refresh(self) -> None:
        try:
            rev = self._store.registry_rev()
            if rev != self._rev:
                self._take_devices(self._store.devices())
                self._rev = rev
        except Unavailable as error:
            self._wait_for(f"the registry cannot be read now: {error}")
        now = self._clock()
        at = self._monotonic()
        for one in self._devices.values():
            if one.maintenance:
                self._describe(one.source, one, at)
                self._standings[one.source] = _standing(one, now)

    def _take_devices(self, devices: Sequence[BridgeDevice]) -> None:
        now, at = self._clock(), self._monotonic()
        gone = self._devices.keys() - {one.source for one in devices}
        self._devices = {one.source: one for one in devices}
        self._standings = {one.source: _standing(one, now) for one in devices}
        for one in devices:
            self._describe(one.source, one, at)
        for source in gone:
            self._liveness.forget(source)
        self._clocks.forget(gone)
        self.devices = len(devices)

    def _describe(self, source: str, device: BridgeDevice | None, at: float) -> None:
        """Tell liveness what a device hangs on and how it is to be judged."""
        via = self._via.get(source)
        segment = device.segment if device else ""
        if via and (not segment or segment.startswith("via:")):  # heard since the registry was read
            segment = f"via:{via}"
        segments = [segment] if segment else []
        if device is not None:
            labels = (("zone", device.zone), ("group", device.group), ("family", device.family))
            segments += [f"{kind}:{name}" for kind, name in labels if name]
        self._liveness.describe(
            source,
            at,
            segments=segments,
            heartbeat_s=device.heartbeat_s if device else None,
            registered=device is not None and device.registration == "approved",
            maintenance=device is not None and device.in_maintenance(self._clock()),
        )

    def _tell(self, found: Changes) -> None:
        news = FieldNews(
            changes=tuple(
                StateChange(source=one.source, state=one.state, cause=one.cause, at=one.at) for one in found.changes
            ),
            outages=tuple(_outage_news(one) for one in (*found.began, *found.ended)),
            intervals_s=self._liveness.take_learned(),
            skews_ms=self._clocks.take_changed(),
        )
        if not news.empty:
            self._unwritten.append(news)
        self._write()
        for outage in found.began:
            self._sound({"kind": "outage", **_outage_words(outage)})
        for outage in found.ended:
            self._sound({"kind": "outage_ended", **_outage_words(outage)})
        for change in found.changes:
            device = self._devices.get(change.source)
            if change.is_own_fault and device is not None and change.registered and not device.muted:
                self._sound(
                    {"kind": "device_offline", "device": change.source, "cause": change.cause, "at": rfc3339(change.at)}
                )

    def _write(self) -> None:
        """Write what is new, in order; while the store is unavailable it waits, the newest of it."""
        while self._unwritten:
            try:
                self._store.record(self._unwritten[0])
            except Unavailable as error:
                self._wait_for(f"states of devices wait to be written: {error}")
                self.shed += max(len(self._unwritten) - MAX_UNWRITTEN, 0)
                self._unwritten = self._unwritten[-MAX_UNWRITTEN:]
                return
            self._unwritten.pop(0)
            self._waits_for = ""

    def _wait_for(self, words: str) -> None:
        """Say what hinders, once while it lasts."""
        if words != self._waits_for:
            log.warning("%s", words)
        self._waits_for = words

    def _sound(self, words: dict[str, Any]) -> None:
        self._alert(msgspec.json.encode(words))


def _standing(device: BridgeDevice, now: datetime) -> Standing:
    place = None
    if device.longitude is not None and device.latitude is not None:
        place = (device.longitude, device.latitude)
    return Standing(
        place=place,
        ignored=device.registration == "ignored",
        maintenance=device.in_maintenance(now),
        min_score=device.min_score,
    )


def _outage_news(outage: Outage) -> OutageNews:
    return OutageNews(**msgspec.structs.asdict(outage))


def _outage_words(outage: Outage) -> dict[str, Any]:
    """An outage for an alert: its own kind (segment, broker, box) is its `scope` there."""
    return {
        "scope": outage.kind,
        "segment": outage.segment,
        "device_count": outage.device_count,
        "devices": outage.devices,
        "began_at": rfc3339(outage.began_at),
        "ended_at": rfc3339(outage.ended_at) if outage.ended_at else None,
    }

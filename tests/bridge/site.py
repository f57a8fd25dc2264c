"""A simulated site for the tests of liveness: devices that talk at their pace, a broker, a box, and time."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from appliance.model.device import State
from firmware_bridge.liveness.devices import Liveness
from firmware_bridge.liveness.outage import Changes, Outage
from firmware_bridge.liveness.vital import Change
from tests.conftest import NOW

CAMERA = "frigate/gate"


class Site:
    """Devices by name with their interval in seconds; each talks in its own phase, the n-th n steps late."""

    def __init__(self, intervals: dict[str, float], *, linked: bool = True) -> None:
        self.at = 1000.0
        self.now = NOW
        self.liveness = Liveness(self.at)
        self.intervals = intervals
        self.next = {
            name: self.at + 1 + n % max(1, int(interval)) for n, (name, interval) in enumerate(intervals.items())
        }
        self.changes: list[Change] = []
        self.began: list[Outage] = []
        self.ended: list[Outage] = []
        if linked:
            self.liveness.link_up(self.at)

    def run(self, seconds: float, *, silent: Collection[str] = (), step_s: float = 1.0) -> Changes:
        """Let time pass; the silent send nothing. What was reported meanwhile, and is added to the whole."""
        changes, began, ended = len(self.changes), len(self.began), len(self.ended)
        end = self.at + seconds
        while self.at < end:
            self.at += step_s
            self.now += timedelta(seconds=step_s)
            for name, due_at in self.next.items():
                if due_at <= self.at:
                    self.next[name] = self.at + self.intervals[name]
                    if name not in silent:
                        self.liveness.heard(name, self.at)
            self.tick()
        return Changes(
            changes=tuple(self.changes[changes:]), began=tuple(self.began[began:]), ended=tuple(self.ended[ended:])
        )

    def tick(self) -> Changes:
        """Look once."""
        found = self.liveness.tick(self.at, self.now)
        self.changes += found.changes
        self.began += found.began
        self.ended += found.ended
        return found

    def describe(self, names: Iterable[str], *segments: str, heartbeat_s: float | None = None) -> None:
        """Say what devices hang on."""
        for name in names:
            self.liveness.describe(name, self.at, segments=segments, heartbeat_s=heartbeat_s, registered=True)

    def state(self, name: str) -> State:
        """How a device is."""
        return self.vital(name)[0]

    def vital(self, name: str) -> tuple[State, str]:
        """How a device is, and why."""
        vital = self.liveness.vital(name, self.at, self.now)
        assert vital is not None
        return vital.state, vital.cause

    def last_seen(self, name: str) -> datetime | None:
        """When it was last heard, by the wall clock."""
        vital = self.liveness.vital(name, self.at, self.now)
        assert vital is not None
        return vital.last_seen

    def interval_s(self, name: str) -> float:
        """By which its silence is judged."""
        vital = self.liveness.vital(name, self.at, self.now)
        assert vital is not None
        return vital.interval_s

    def rows(self) -> list[dict[str, object]]:
        """What the store would keep of the devices."""
        names = ("source", "state", "cause", "state_at", "last_seen", "learned_interval_s")
        return [{name: getattr(vital, name) for name in names} for vital in self.liveness.vitals(self.at, self.now)]

    def alarms(self) -> list[str]:
        """What a person would be told of: outages that began, and devices that are gone by themselves."""
        own = [change.source for change in self.changes if change.is_own_fault]
        return [outage.segment or outage.kind for outage in self.began] + own


def learned(interval_s: float = 10.0, *, name: str = CAMERA) -> Site:
    """A site with one device whose rhythm is known."""
    site = Site({name: interval_s})
    site.run(max(300.0, 20 * interval_s))
    assert site.interval_s(name) == interval_s
    return site

"""Many messages to one intake: what a batch holds, and what it taught about its devices. Pure.

A device that is merely heard again is not written each time: once a minute, and all of them together, is enough to say
that they are there; a card wears by each page that is touched. Called by `bridge`.
"""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from appliance.model.event import Event
from appliance.model.facts import TOLD, merge_facts
from appliance.model.intake import DeviceReport, DeviceState, Fix, Intake, Learned, RawMessage, Reading
from firmware_bridge.canonical import Kept, Surroundings, give_places, keep_observations
from firmware_bridge.decoded import Decoded
from firmware_bridge.edges import Edges
from firmware_bridge.inbound import Memory

WRITE_AGAIN = timedelta(seconds=60)  # how old `last_seen` in the store may be
MAX_DEVICES = 50_000  # acquaintances; one forgotten is only written once more
MAX_TOPICS = 50  # of one device
RECENT_DIGESTS = 20_000  # more than can be in flight when a connection breaks
_VOLATILE = {"battery_percent", "voltage_v", "signal_dbm", "link_quality", "uptime_s", "camera_fps", TOLD}


class Heard(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device that spoke, for `field`.

    state        its birth or last will
    retain       the broker said it from its memory
    via          whom it is heard through, where that was told
    interval_s   how often it announced to report
    observed_at  its own time
    """

    source: str
    received_at: datetime
    state: str | None = None
    retain: bool = False
    via: str = ""
    interval_s: float | None = None
    observed_at: datetime | None = None


class _Acquaintance(msgspec.Struct, kw_only=True):
    """What the store already has of a device, but for what is volatile."""

    state: str | None = None
    facts: dict[str, Any] = {}
    topics: set[str] = set()


class _Report(msgspec.Struct, kw_only=True):
    """What this batch taught of a device."""

    family: str
    seen_at: datetime
    items: int = 0
    state: str | None = None
    facts: dict[str, Any] = {}
    topics: set[str] = set()


class Gatherer:
    """Collects a batch. One a thread; between batches it remembers acquaintances and what was lately delivered."""

    def __init__(self, around: Surroundings, *, memory: Memory, digests: Iterable[bytes] = ()) -> None:
        self._around = around
        self._edges = Edges(memory)
        self._known: OrderedDict[str, _Acquaintance] = OrderedDict()
        self._recent: Counter[bytes] = Counter(digests)
        self._states_before: dict[str, bool | None] = {}
        self._delivered: Counter[bytes] = Counter()
        self._unwritten: dict[str, _Report] = {}  # of devices heard again, for the next write of all
        self._written_at: datetime | None = None
        self._reset()

    def _reset(self) -> None:
        self._events: list[Event] = []
        self._readings: list[Reading] = []
        self._fixes: list[Fix] = []
        self._kept = Kept()
        self._rejections: list[Any] = []
        self._folded: Counter[str] = Counter()
        self._shed: Counter[str] = Counter()
        self._duplicates = 0
        self._digests: list[bytes] = []
        self._counted: Counter[bytes] = Counter()
        self._reports: dict[str, _Report] = {}
        self._raw: list[RawMessage] = []
        self.heard: list[Heard] = []

    def add(self, arrival: RawMessage, decoded: Decoded) -> list[Event]:
        """Add one message; the events that it became, for the acknowledgement to its sender."""
        if decoded.items:  # what the box itself publishes holds none
            self._raw.append(arrival)  # a redelivery too: a bridge killed after the commit had not archived the first
        if self._is_repeated(arrival, decoded):
            self._duplicates += decoded.items
            return []
        for rejection in decoded.rejections:
            self._rejections.append(msgspec.structs.replace(rejection, received_at=arrival.received_at))
        if decoded.folded:
            self._folded[decoded.folded] += 1
        events: list[Event] = []
        if decoded.events:
            events += give_places(decoded.events, self._around.standing(decoded.source))
            self._report(decoded.source, decoded.family, arrival, decoded.events[-1].event_timestamp)
        if decoded.observations:
            kept = keep_observations(
                decoded.observations,
                received_at=arrival.received_at,
                retained=arrival.retain,
                around=self._around,
                is_news=self._edges.is_news,
            )
            self._take(kept, decoded, arrival)
            events += kept.events
        self._events += events
        return events

    def forget(self) -> None:
        """What was taken last could not be written: its states are news again, and nothing of it was delivered."""
        self._known.clear()
        self._edges.put_back(self._states_before)
        self._recent.subtract(self._delivered)

    def drop(self) -> None:
        """What was added since the last `take` is not to be written: it will be added again."""
        self.take([])
        self.forget()

    def shed(self, reason: str, items: int) -> None:
        """Count items that are not taken."""
        self._shed[reason] += items

    def take(self, learned: list[Learned]) -> Intake:
        """The intake of what was added since the last call."""
        reports = self._due_reports()  # before `folded` is read: what it passes over is counted there
        intake = Intake(
            events=self._events,
            readings=self._readings,
            fixes=self._fixes,
            reports=reports,
            answers=self._kept.answers,
            rejections=self._rejections,
            learned=learned,
            folded=dict(self._folded),
            shed=dict(self._shed),
            duplicates=self._duplicates,
            digests=b"".join(self._digests),
            raw=self._raw,
        )
        self._states_before = self._edges.take_before()
        self._delivered = Counter(self._counted)
        self._reset()
        return intake

    def _is_repeated(self, arrival: RawMessage, decoded: Decoded) -> bool:
        """Whether this is a redelivery of a message that carries nothing to know it by, and is already stored.

        Each delivery is remembered as often as it came, so that of two genuine equal messages neither is swallowed.
        """
        if decoded.events or any(seen.observed_at or seen.observation_id for seen in decoded.observations):
            return False  # time or id make it the same in the store
        digest = hashlib.blake2b(arrival.topic.encode() + b"\0" + arrival.payload, digest_size=8).digest()
        if arrival.redelivered and self._recent[digest] > 0:
            self._recent[digest] -= 1
            self._counted[digest] -= 1
            self._digests.append(digest)  # it may be delivered once more
            return True
        if len(self._recent) >= RECENT_DIGESTS:
            for old in list(self._recent)[: RECENT_DIGESTS // 4]:
                del self._recent[old]
        self._recent[digest] += 1
        self._counted[digest] += 1
        self._digests.append(digest)
        return False

    def _take(self, kept: Kept, decoded: Decoded, arrival: RawMessage) -> None:
        self._readings += kept.readings
        self._fixes += kept.fixes
        self._kept.answers += kept.answers
        self._folded.update(kept.folded)
        transient = {fix.device for fix in kept.fixes if fix.transient}
        for device, observed_at in {seen.device: seen.observed_at for seen in decoded.observations}.items():
            if device not in transient:
                self._report(device, decoded.family, arrival, observed_at, kept)
        for device in transient & set(kept.items):
            self._folded["transient device"] += kept.items[device]

    def _report(
        self, device: str, family: str, arrival: RawMessage, observed_at: datetime | None, kept: Kept | None = None
    ) -> None:
        report = self._reports.get(device)
        if report is None:
            report = self._reports[device] = _Report(family=family, seen_at=arrival.received_at, facts={}, topics=set())
        report.seen_at = max(report.seen_at, arrival.received_at)
        if len(report.topics) < MAX_TOPICS:
            report.topics.add(arrival.topic)
        facts: Mapping[str, Any] = {}
        state = None
        if kept is not None:
            facts = kept.facts.get(device, {})
            state = kept.states.get(device)
            report.items += kept.items.get(device, 0)
            merge_facts(report.facts, facts)
            report.state = state or report.state
        self.heard.append(
            Heard(
                source=device,
                received_at=arrival.received_at,
                state=state,
                retain=arrival.retain,
                via=str(facts.get("via", "")),
                interval_s=facts.get("interval_s"),
                observed_at=None if arrival.redelivered else observed_at,
            )
        )

    def _due_reports(self) -> list[DeviceReport]:
        """The reports worth a write; the items of the others are only counted."""
        due = []
        for source, report in self._reports.items():
            known = self._known.get(source)
            if known is not None and not _is_news(report, known):
                self._folded["state"] += report.items
                self._wait(source, report)
                continue
            self._unwritten.pop(source, None)
            due.append(_device_report(source, report, _first_state(report) if self._is_new(source, known) else None))
            self._acquaint(source, report)
        if self._reports:
            due += self._take_unwritten(max(report.seen_at for report in self._reports.values()))
        return due

    def _wait(self, source: str, report: _Report) -> None:
        """A device that was merely heard: its items are counted, the rest is written with all the others."""
        waiting = self._unwritten.setdefault(source, report)
        waiting.items = 0
        waiting.seen_at = max(waiting.seen_at, report.seen_at)
        merge_facts(waiting.facts, report.facts)
        waiting.topics |= report.topics

    def _take_unwritten(self, now: datetime) -> list[DeviceReport]:
        """Once a minute what waits, whichever way the clock has gone."""
        if self._written_at is None:
            self._written_at = now
        if abs(now - self._written_at) < WRITE_AGAIN:
            return []
        self._written_at = now
        waiting, self._unwritten = self._unwritten, {}
        for source, report in waiting.items():
            self._acquaint(source, report)
        return [_device_report(source, report, None) for source, report in waiting.items()]

    def _is_new(self, source: str, known: _Acquaintance | None) -> bool:
        """Whether nobody knows the device yet: then its first state stands; later ones `field` judges."""
        return known is None and self._around.standing(source) is None

    def _acquaint(self, source: str, report: _Report) -> None:
        known = self._known.pop(source, None) or _Acquaintance(facts={}, topics=set())
        known.state = report.state or known.state
        known.facts.update({name: value for name, value in report.facts.items() if name not in _VOLATILE})
        known.topics |= report.topics
        self._known[source] = known
        if len(self._known) > MAX_DEVICES:
            self._known.popitem(last=False)


def _first_state(report: _Report) -> DeviceState:
    return "offline" if report.state == "offline" else "online"


def _device_report(source: str, report: _Report, state: DeviceState | None) -> DeviceReport:
    return DeviceReport(
        source=source,
        family=report.family,
        seen_at=report.seen_at,
        items=report.items,
        state=state,
        facts=report.facts,
        topics=tuple(sorted(report.topics)),
    )


def _is_news(report: _Report, known: _Acquaintance) -> bool:
    if report.state is not None and report.state != known.state:
        return True
    if not report.topics <= known.topics and len(known.topics) < MAX_TOPICS:
        return True
    return _differs(report.facts, known.facts)


def _differs(told: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether a fact that seldom changes has; signal and battery wait for the next write."""
    return any(known.get(name) != value for name, value in told.items() if name not in _VOLATILE)

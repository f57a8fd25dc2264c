"""The bridge's loop between a client declared here and a real store: nothing is acknowledged before it is durable."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from typing import Any

import msgspec
import pytest

from appliance.errors import Corrupt, Unavailable
from appliance.model.intake import Intake, Receipt
from appliance.store.device.field import StoreField
from appliance.store.engine import Store
from appliance.store.event.pages import EventFilter, fetch_events
from appliance.store.file import dbapi
from appliance.store.intake.batch import Recorder
from appliance.store.quarantine import fetch_quarantine
from appliance.store.totals import fetch_totals
from firmware_bridge.bridge import MAX_ACK_IDS, Bridge
from firmware_bridge.canonical import Surroundings
from firmware_bridge.decode import Decoder
from firmware_bridge.field import Field
from firmware_bridge.flood import FloodGuard
from firmware_bridge.gather import Gatherer
from firmware_bridge.inbound import Memory
from firmware_bridge.inbox import Inbox
from firmware_bridge.mqtt.message import Message
from tests.conftest import NOW, wait_for

FLOOD = 2_000  # events of one source that are no flood yet
EVENT: dict[str, Any] = {
    "event_type": "motion",
    "event_timestamp": "2026-11-21T10:00:00Z",
    "longitude": 47.97,
    "latitude": 29.37,
}


class Link:
    """The client's face to the bridge: a queue of messages, and what was done with them, in order."""

    def __init__(self) -> None:
        self.messages = Inbox(10_000)
        self.connected = threading.Event()
        self.connected.set()
        self.last_error = ""
        self.done: list[tuple[str, Any]] = []
        self.running = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.done += [("ack", message.mid) for message in messages]

    def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> bool:
        self.done += [(topic, msgspec.json.decode(payload)["event_ids"]) for topic, payload in messages]
        return True

    def receive(self, mid: int, payload: object, topic: str = "hexpost/v1/moi/cam7/event") -> None:
        data = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        self.messages.put(
            [Message(topic=topic, payload=data, qos=1, mid=mid, retain=False, received_at=NOW, connection=1)]
        )

    @property
    def acknowledged(self) -> list[int]:
        return [mid for what, mid in self.done if what == "ack"]

    def told(self, source: str = "moi/cam7") -> list[str]:
        return [one for what, ids in self.done if what == f"hexpost/v1/{source}/ack" for one in ids]


class Watched:
    """The real recorder, seen: it notes in the link's own history when a write is durable, and may be out of order."""

    def __init__(self, recorder: Recorder, link: Link) -> None:
        self._recorder = recorder
        self._link = link
        self.attempts = 0
        self.error: Exception | None = None

    def record(self, intake: Intake) -> Receipt:
        self.attempts += 1
        if self.error is not None:
            raise self.error
        receipt = self._recorder.record(intake)
        self._link.done.append(("durable", intake.items))
        return receipt

    def close(self) -> None:
        self._recorder.close()


class Running:
    """A bridge at work on a thread of its own."""

    def __init__(self, recorder: Recorder, store: Store) -> None:
        self.link = Link()
        self.recorder = Watched(recorder, self.link)
        self.ticks = 0
        self.stop = threading.Event()
        self.reports: list[dict[str, Any]] = []
        self.failure: BaseException | None = None
        self.field = Field(
            StoreField(store, lambda: NOW),
            clock=lambda: NOW,
            clock_trusted=lambda: True,
            monotonic=time.monotonic,
            alert=lambda words: None,
        )
        self.field.start()
        around = Surroundings(standing=self.field.standing, judge=self.field.judge, plate_key=b"k" * 32)
        self._bridge = Bridge(
            self.link,  # type: ignore[arg-type]
            self.recorder,
            decoder=Decoder((), zone=UTC),
            gatherer=Gatherer(around, memory=Memory()),
            field=self.field,
            downlink=self,
            reload=lambda: None,
            batch_items=100,
            batch_ms=20,
            commit_ms=20,
            clock=lambda: NOW,
            clock_trusted=lambda: True,
            report=lambda state: self.reports.append(dict(state)),
            flood=FloodGuard(rate=0.001, burst=FLOOD),
        )
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def tick(self) -> None:
        """The downlink's face."""
        self.ticks += 1

    def end(self) -> None:
        self.stop.set()
        if self._thread.ident:
            self._thread.join(20)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._bridge.run(self.stop)
        except BaseException as error:  # noqa: BLE001 - whatever ends the loop is what a test asks about
            self.failure = error


@pytest.fixture
def bridge(recorder: Recorder, store: Store) -> Iterator[Running]:
    running = Running(recorder, store)
    yield running
    running.end()


def acknowledged(running: Running, count: int) -> Callable[[], bool]:
    return lambda: len(running.link.acknowledged) >= count


def ids(store: Store) -> set[str]:
    with store.read() as connection:
        return {event.event_id for event in fetch_events(connection, EventFilter(), cursor=None, limit=5_000).items}


def balance(store: Store) -> dict[str, int]:
    with store.read() as connection:
        totals = fetch_totals(connection)
    found: Counter[str] = Counter()
    for total in totals:
        found[total.term] += total.items
    return {term: items for term, items in found.items() if items}


def test_a_batch_is_durable_before_it_is_acknowledged_and_told_after(bridge: Running, store: Store) -> None:
    for n in range(5):
        bridge.link.receive(n, {**EVENT, "event_id": f"e{n}"})
    bridge.start()
    wait_for(acknowledged(bridge, 5))
    wait_for(lambda: len(bridge.link.told()) == 5)
    assert bridge.link.done[:6] == [("durable", 5), *(("ack", n) for n in range(5))]
    assert bridge.link.told() == [f"e{n}" for n in range(5)]
    assert ids(store) == set(bridge.link.told())
    assert bridge.link.running
    bridge.end()
    assert not bridge.link.running


def test_a_duplicate_is_told_again_for_its_sender_waits_for_it(bridge: Running, store: Store) -> None:
    bridge.link.receive(1, [{**EVENT, "event_id": "a"}, {**EVENT, "event_id": "a"}, {**EVENT, "event_id": "b"}])
    bridge.link.receive(2, {**EVENT, "event_id": "a"}, "hexpost/v1/moi/cam8/event")
    bridge.start()
    wait_for(acknowledged(bridge, 2))
    bridge.link.receive(3, {**EVENT, "event_id": "b"})
    wait_for(acknowledged(bridge, 3))
    wait_for(lambda: len(bridge.link.told()) == 4)
    assert bridge.link.told() == ["a", "a", "b", "b"]
    assert bridge.link.told("moi/cam8") == ["a"]
    assert balance(store) == {"received": 5, "stored": 3, "duplicate": 2}


def test_an_event_without_an_id_is_told_by_the_one_it_got(bridge: Running, store: Store) -> None:
    bridge.link.receive(1, EVENT)
    bridge.start()
    wait_for(bridge.link.told)
    assert set(bridge.link.told()) == ids(store)


def test_what_is_not_understood_is_quarantined_and_acknowledged_but_not_told(bridge: Running, store: Store) -> None:
    bridge.link.receive(1, b"{")
    bridge.link.receive(2, [{**EVENT, "event_id": "a"}, {**EVENT, "latitude": 100}])
    bridge.link.receive(3, b"online", "hexpost/v1/moi/cam7/status")
    bridge.link.receive(4, b"")
    bridge.start()
    wait_for(acknowledged(bridge, 4))
    wait_for(lambda: bridge.link.told() == ["a"])
    assert balance(store) == {"received": 5, "stored": 1, "folded": 2, "quarantined": 2}


def test_while_the_store_is_unavailable_nothing_is_acknowledged_and_then_all_of_it_once(
    bridge: Running, store: Store
) -> None:
    bridge.recorder.error = Unavailable("writing the store: the disk is full")
    for n in range(3):
        bridge.link.receive(n, {**EVENT, "event_id": f"e{n}"})
    bridge.start()
    wait_for(lambda: bridge.recorder.attempts >= 2, what="a second attempt")
    assert bridge.link.done == []
    assert bridge.reports[-1]["store_error"] == "writing the store: the disk is full"
    assert bridge.reports[-1]["pending"] == 3
    bridge.recorder.error = None
    wait_for(acknowledged(bridge, 3))
    wait_for(bridge.link.told)
    assert bridge.link.acknowledged == [0, 1, 2]
    assert ids(store) == {"e0", "e1", "e2"}
    assert wait_for(lambda: bridge.reports[-1]["store_error"] == "")


def test_stopped_while_the_store_is_unavailable_it_leaves_everything_to_the_broker(
    bridge: Running, store: Store
) -> None:
    bridge.recorder.error = Unavailable("writing the store: locked")
    bridge.link.receive(1, {**EVENT, "event_id": "a"})
    bridge.start()
    wait_for(lambda: bridge.recorder.attempts >= 1)
    bridge.end()
    assert (bridge.link.done, bridge.failure, ids(store)) == ([], None, set())


def test_a_damaged_store_ends_the_bridge_and_nothing_is_acknowledged(bridge: Running) -> None:
    bridge.recorder.error = Corrupt("hexpost.db is damaged")
    bridge.link.receive(1, EVENT)
    bridge.start()
    wait_for(lambda: bridge.failure)
    assert (bridge.link.done, bridge.link.running) == ([], False)


def poison(store: Store) -> None:
    """From now on the store refuses events of one type, for a reason that nobody has foreseen."""
    with store.write() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER poison BEFORE INSERT ON events WHEN NEW.event_type = 'poison' "
            "BEGIN SELECT RAISE(ABORT, 'poisoned'); END"
        )


def test_a_message_that_cannot_be_written_goes_to_quarantine_and_its_neighbours_are_stored(
    bridge: Running, store: Store
) -> None:
    poison(store)
    kinds = ["motion", "poison", "motion"]
    for n, kind in enumerate(kinds):
        bridge.link.receive(n, {**EVENT, "event_id": f"e{n}", "event_type": kind})
    bridge.start()
    wait_for(acknowledged(bridge, 3))
    wait_for(lambda: len(bridge.link.told()) == 2)
    assert bridge.link.told() == ["e0", "e2"]
    assert ids(store) == {"e0", "e2"}
    with store.read() as connection:
        (entry,) = fetch_quarantine(connection)
    assert "could not be stored" in entry.reason and "poisoned" in entry.reason
    assert msgspec.json.decode(entry.payload)["event_id"] == "e1"
    assert balance(store) == {"received": 3, "stored": 2, "quarantined": 1}


def test_stopped_while_it_writes_one_by_one_it_ends_cleanly(bridge: Running, store: Store) -> None:
    bridge.recorder.error = dbapi.Error("unforeseen")
    first = bridge.recorder.record

    def then_unavailable(intake: Intake) -> Receipt:
        if bridge.recorder.attempts:
            bridge.recorder.error = Unavailable("writing the store: locked")
        return first(intake)

    bridge.recorder.record = then_unavailable  # type: ignore[method-assign]
    bridge.link.receive(1, {**EVENT, "event_id": "a"})
    bridge.start()
    wait_for(lambda: bridge.recorder.attempts >= 2)
    bridge.end()
    assert (bridge.failure, bridge.link.done) == (None, [])


def test_the_ids_of_a_large_message_are_told_in_parts(bridge: Running) -> None:
    bridge.link.receive(1, [{**EVENT, "event_id": f"e{n}"} for n in range(MAX_ACK_IDS + 5)])
    bridge.start()
    wait_for(lambda: len(bridge.link.told()) == MAX_ACK_IDS + 5)
    sizes = [len(told) for what, told in bridge.link.done if what.endswith("/ack")]
    assert sizes == [MAX_ACK_IDS, 5]


def test_a_flood_is_sampled_and_counted_acknowledged_and_never_told_as_stored(bridge: Running, store: Store) -> None:
    bridge.start()
    wait_for(lambda: bridge.ticks > 3, what="a bridge that has caught up")
    live = {**EVENT, "event_timestamp": NOW.isoformat()}
    bridge.link.receive(1, [{**live, "event_id": f"a{n}"} for n in range(FLOOD)])
    for n in range(2, 12):
        bridge.link.receive(n, {**live, "event_id": f"b{n}"})
    wait_for(acknowledged(bridge, 11))
    wait_for(lambda: len(bridge.link.told()) == FLOOD + 1)
    assert ids(store) == set(bridge.link.told())
    assert balance(store) == {"received": FLOOD + 10, "stored": FLOOD + 1, "shed": 9}
    assert wait_for(lambda: bridge.reports[-1]["floods"] == {"moi/cam7": 9})

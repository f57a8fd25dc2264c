"""Alerts on their topic: each change once in effect, whatever dies meanwhile, and nothing that is long over."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from appliance.errors import Unavailable
from appliance.model.alert import Alert
from appliance.store.alerts import AlertOutlet, change_alert, close_alert, raise_alert
from appliance.store.engine import Store
from appliance.store.totals import fetch_totals
from firmware_bridge.commander import MAX_ALERTS, Announcer
from tests.conftest import NOW

WITHIN = timedelta(minutes=15)
TOPIC = "hexpost/v1/out/site/alert"


class Broker:
    """Takes `room` messages at a time and confirms when the test says so; a new connection forgets what was open."""

    def __init__(self, *, up: bool = True, room: int = 1_000) -> None:
        self.up, self.room = up, room
        self.heard: list[dict[str, Any]] = []
        self._connection, self._open = 0, set[int]()

    def publish_tracked(self, topic: str, payload: bytes) -> tuple[int, int] | None:
        if not self.up or len(self._open) >= self.room:
            return None
        assert topic == TOPIC
        self.heard.append(json.loads(payload))
        self._open.add(len(self.heard))
        return self._connection, len(self.heard)

    def is_confirmed(self, ticket: tuple[int, int]) -> bool | None:
        if ticket[0] != self._connection:
            return False
        return None if ticket[1] in self._open else True

    def confirm(self) -> None:
        self._open.clear()

    def reconnect(self) -> None:
        self._open.clear()
        self._connection += 1

    @property
    def words(self) -> list[tuple[str, str]]:
        return [(one["subject"], one["state"]) for one in self.heard]


def put(store: Store, *subjects: str, at: datetime = NOW) -> None:
    with store.write() as connection:
        for subject in subjects:
            raise_alert(
                connection, kind="risk", subject=subject, severity="warning", title="", detail={"risk": 81}, now=at
            )


def announcer(store: Store, broker: Broker) -> Announcer[tuple[int, int]]:
    return Announcer(AlertOutlet(store, "mqtt"), broker, TOPIC, WITHIN)


def passed_over(store: Store) -> int:
    with store.read() as connection:
        return sum(total.items for total in fetch_totals(connection) if total.term == "alerts_passed_over")


def test_an_alert_says_what_it_is(store: Store) -> None:
    broker = Broker()
    put(store, "north")
    announcer(store, broker).tick(NOW)
    assert broker.heard == [
        {
            "kind": "risk", "at": "2026-11-22T12:00:00Z", "alert_id": 1, "rev": 1, "state": "open",
            "severity": "warning", "subject": "north", "title": "", "detail": {"risk": 81},
            "raised_at": "2026-11-22T12:00:00Z", "by": "",
        }
    ]  # fmt: skip


def test_each_change_is_told_once(store: Store) -> None:
    broker = Broker()
    sender = announcer(store, broker)
    put(store, "a", "b")
    for _ in range(3):
        sender.tick(NOW)
        broker.confirm()
    with store.write() as connection:
        change_alert(connection, 1, state="acknowledged", note=None, who="amal", now=NOW)
        close_alert(connection, kind="risk", subject="b", now=NOW)
    for _ in range(3):
        sender.tick(NOW)
        broker.confirm()
    assert broker.words == [("a", "open"), ("b", "open"), ("a", "acknowledged"), ("b", "closed")]
    assert [one["by"] for one in broker.heard] == ["", "", "amal", ""]


def test_what_was_not_confirmed_is_told_again_on_the_next_connection(store: Store) -> None:
    broker = Broker()
    sender = announcer(store, broker)
    put(store, "a")
    sender.tick(NOW)
    sender.tick(NOW)  # it waits for the broker's word
    assert broker.words == [("a", "open")]
    broker.reconnect()
    sender.tick(NOW)
    broker.confirm()
    sender.tick(NOW)
    assert [one["rev"] for one in broker.heard] == [1, 1]


def test_a_bridge_killed_before_the_confirmation_tells_it_again_and_after_it_does_not(store: Store) -> None:
    broker = Broker()
    put(store, "a")
    announcer(store, broker).tick(NOW)
    second = announcer(store, broker)
    second.tick(NOW)
    broker.confirm()
    second.tick(NOW)
    announcer(store, broker).tick(NOW)
    assert [one["rev"] for one in broker.heard] == [1, 1]


def test_alarms_of_an_outage_do_not_sound_after_it_but_those_that_are_new_do(store: Store) -> None:
    broker = Broker(up=False)
    sender = announcer(store, broker)
    put(store, "long ago", at=NOW - WITHIN - timedelta(seconds=1))
    put(store, "just now", at=NOW - WITHIN)
    sender.tick(NOW)
    broker.up = True
    sender.tick(NOW)
    broker.confirm()
    sender.tick(NOW)
    assert broker.words == [("just now", "open")]
    assert passed_over(store) == 1
    put(store, "old", at=NOW - timedelta(days=1))
    sender.tick(NOW)
    assert (broker.words, passed_over(store)) == ([("just now", "open")], 2)


def test_what_was_raised_and_over_while_nobody_could_hear_is_told_as_over(store: Store) -> None:
    broker = Broker(up=False)
    sender = announcer(store, broker)
    put(store, "a")
    sender.tick(NOW)
    with store.write() as connection:
        close_alert(connection, kind="risk", subject="a", now=NOW)
    broker.up = True
    sender.tick(NOW)
    assert broker.words == [("a", "closed")]


@pytest.mark.parametrize("room", [1, 3, 1_000])
def test_a_broker_that_takes_few_at_a_time_gets_all_in_order(store: Store, room: int) -> None:
    broker = Broker(room=room)
    sender = announcer(store, broker)
    names = [f"s{n:02}" for n in range(2 * MAX_ALERTS + 5)]
    put(store, *names)
    for _ in range(len(names) + 1):
        sender.tick(NOW)
        broker.confirm()
    assert [subject for subject, _ in broker.words] == names


def test_a_store_that_cannot_be_written_is_tried_again(store: Store) -> None:
    class Busy(AlertOutlet):
        def mark_told(self, rev: int, *, passed_over: int) -> None:
            if busy:
                raise Unavailable("writing the store: another process has held it for too long")
            super().mark_told(rev, passed_over=passed_over)

    broker, outlet = Broker(), Busy(store, "mqtt")
    sender = Announcer(outlet, broker, TOPIC, WITHIN)
    put(store, "a")
    busy = True
    for _ in range(3):
        sender.tick(NOW)
        broker.confirm()
    busy = False
    for _ in range(3):
        sender.tick(NOW)
    left: list[Alert] = outlet.fetch_untold(9)
    assert (broker.words, left) == ([("a", "open")], [])


def test_what_the_bridge_tells_by_itself_is_not_told_again_but_what_a_person_does_to_it_is(store: Store) -> None:
    broker = Broker()
    sender = Announcer(AlertOutlet(store, "mqtt"), broker, TOPIC, WITHIN, told={"risk"})
    put(store, "north")
    sender.tick(NOW)
    assert broker.words == []
    assert AlertOutlet(store, "mqtt").fetch_untold(10) == []
    with store.write() as connection:
        change_alert(connection, 1, state="acknowledged", note=None, who="amal", now=NOW)
    sender.tick(NOW)
    assert broker.words == [("north", "acknowledged")]
    assert passed_over(store) == 0

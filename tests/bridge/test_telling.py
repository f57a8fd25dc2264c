"""What the bridge tells of itself: on the topic at once, in the store when that can be written, each once."""

import json
from typing import Any

import pytest

from appliance.errors import NoRoom
from appliance.model.alert import AlertFilter
from appliance.model.field import FieldNews, OutageNews
from appliance.model.space import Step
from appliance.store.alerts import fetch_alerts
from appliance.store.device.field import StoreField
from appliance.store.engine import Store
from appliance.store.file.disk import ERRORS_WORDS
from appliance.wiring_telling import AGAIN_S, MAX_WAITING, Desk, with_disk, with_floods
from firmware_bridge.flood import FloodGuard
from tests.conftest import NOW


class Disk:
    """A disk that the test fills and breaks."""

    def __init__(self) -> None:
        self.step, self.trouble = Step.NORMAL, ""

    def look(self) -> Step:
        return self.step

    @property
    def words(self) -> dict[str, Any]:
        return {"disk": self.step.name.lower(), **({"disk_error": self.trouble} if self.trouble else {})}


class Box:
    """A bridge's reports before a disk, and what a person hears of them."""

    def __init__(self, store: Store) -> None:
        self.store, self.disk, self.at = store, Disk(), 0.0
        self.heard: list[str] = []
        self.desk = Desk(store, lambda: NOW, lambda: self.at)
        self.flood = FloodGuard(rate=1, burst=1)
        report = with_floods(lambda _: None, self.flood, self.hear, lambda: NOW, self.desk)
        self.report = with_disk(report, self.disk, self.hear, lambda: NOW, self.desk)  # type: ignore[arg-type]

    def hear(self, words: bytes) -> bool:
        self.heard.append(json.loads(words)["kind"])
        return True

    def alerts(self) -> list[tuple[str, str, str, str]]:
        with self.store.read() as connection:
            found, _ = fetch_alerts(connection, AlertFilter())
        return [(one.kind, one.subject, one.severity, one.state) for one in reversed(found)]


@pytest.fixture
def box(store: Store) -> Box:
    return Box(store)


def test_a_disk_that_fills_is_one_alert_that_gets_worse_and_closes_by_itself(box: Box) -> None:
    box.report({})
    assert box.alerts() == []
    for step in (Step.LOW, Step.FULL, Step.FULL):
        box.disk.step = step
        box.report({})
    assert box.alerts() == [("disk", "room", "critical", "open")]
    box.disk.step = Step.NORMAL
    box.report({})
    assert box.alerts() == [("disk", "room", "critical", "closed")]
    assert box.heard == ["disk"] * 3


def test_a_disk_that_takes_no_writes_is_told_at_once_and_is_an_alert_when_it_takes_them_again(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = 0

    def refuse(_: Store) -> None:
        nonlocal attempts
        attempts += 1
        raise NoRoom("no")

    with monkeypatch.context() as broken:
        broken.setattr(Store, "write", refuse)
        box.disk.trouble = ERRORS_WORDS
        for _ in range(10):
            box.report({})
        assert (box.heard, attempts) == (["disk_error"], 1)
    box.disk.trouble = ""
    box.at += AGAIN_S
    box.report({})
    assert box.alerts() == [("disk", "writes", "critical", "closed")]
    assert box.heard == ["disk_error", "disk_error_ended"]


def test_what_waits_for_a_store_is_bounded(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.at = -AGAIN_S
    with monkeypatch.context() as broken:
        broken.setattr(Store, "write", lambda _: (_ for _ in ()).throw(NoRoom("no")))
        for n in range(MAX_WAITING + 5):
            box.desk.begin("flood", f"device-{n}", "warning", "", {})
            box.desk.flush()
    box.at += AGAIN_S
    box.desk.flush()
    with box.store.read() as connection:
        found, _ = fetch_alerts(connection, AlertFilter(), limit=2 * MAX_WAITING)
    assert len(found) == MAX_WAITING


def test_a_flood_is_an_alert_while_it_lasts_and_one_of_an_earlier_run_ends(box: Box, store: Store) -> None:
    for n in range(200):
        box.flood.admits("agency/siren", 1, late=False, at=n / 100)
    box.report({})
    assert box.alerts() == [("flood", "agency/siren", "warning", "open")]
    again = Desk(store, lambda: NOW)
    again.end_all("flood")
    again.flush()
    assert box.alerts() == [("flood", "agency/siren", "warning", "closed")]


def test_an_outage_is_an_alert_in_the_transaction_of_what_was_found(box: Box, store: Store) -> None:
    field = StoreField(store, lambda: NOW)
    outage = OutageNews(
        kind="segment", segment="switch:north", devices=tuple(f"cam{n}" * 20 for n in range(100)), device_count=250,
        began_at=NOW,
    )  # fmt: skip
    field.record(FieldNews(outages=(outage,)))
    assert box.alerts() == [("outage", "segment:switch:north", "critical", "open")]
    with store.read() as connection:
        (alert,), _ = fetch_alerts(connection, AlertFilter())
    assert (alert.detail["device_count"], len(alert.detail["devices"])) == (250, 20)
    ended = OutageNews(kind="segment", segment="switch:north", devices=(), device_count=250, began_at=NOW, ended_at=NOW)
    field.record(FieldNews(outages=(ended,)))
    assert box.alerts() == [("outage", "segment:switch:north", "critical", "closed")]

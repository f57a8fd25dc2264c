"""A whole box whose disk another program fills: it serves, loses nothing that it acknowledged, and recovers alone."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware_bridge.address import Address
from firmware_bridge.publisher import Publisher
from tests.conftest import wait_for
from tests.flow.box import RunningBox, running_box
from tests.store.disks import MIB, eat, free_bytes, needs_mount, small_disk

pytestmark = [pytest.mark.flow, needs_mount]

SIZE_MIB = 96
BALLAST = 6 * MIB  # a sixteenth
BURST = 100
BODY = "x" * 1_500  # an event of a camera with what it saw


class Fleet:
    """Devices that publish at QoS 1 and keep a ledger: what they sent, and what they saw on their ack topic."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.sent: list[str] = []
        self.readings = 0
        self.told: set[str] = set()
        publisher.subscribe(["hexpost/v1/agency/+/ack"], self._hear)

    def publish(self) -> None:
        """A burst of events, and one reading of a sensor."""
        for _ in range(BURST):
            event_id = f"e{len(self.sent):06}"
            self._publisher.publish("hexpost/v1/agency/cam7/event", msgspec.json.encode(event(event_id, text=BODY)))
            self.sent.append(event_id)
        self._publisher.publish("zigbee2mqtt/cellar", b'{"temperature": %.2f}' % (self.readings / 100))
        self.readings += 1

    def _hear(self, topic: str, payload: bytes) -> None:
        self.told |= set(msgspec.json.decode(payload)["event_ids"])


def event(event_id: str, **members: object) -> dict[str, object]:
    when = datetime.now(UTC) - timedelta(minutes=1)
    place = {"longitude": 47.97, "latitude": 29.37}
    return {"event_id": event_id, "event_type": "motion", "event_timestamp": when.isoformat(), **place, **members}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[RunningBox]:
    """A box whose data lie on a small disk of their own."""
    with small_disk(tmp_path / "data", SIZE_MIB), running_box(tmp_path) as running:
        wait_for(lambda: disk(running).get("disk_ballast_bytes") == BALLAST, what="the ballast")
        yield running


@pytest.fixture
def fleet(box: RunningBox) -> Iterator[Fleet]:
    with Publisher(Address(host="127.0.0.1", port=box.mqtt_port)) as publisher:
        yield Fleet(publisher)


def disk(box: RunningBox) -> dict[str, Any]:
    """What the box says of its disk; it must answer whatever happens."""
    health = box.health()
    assert health is not None, "the box does not answer"
    found: dict[str, Any] = health["disk"]
    return found


def stored(box: RunningBox) -> set[str]:
    found, cursor = set[str](), None
    while True:
        answer = box.client.get("/v1/events", params={"limit": 1_000, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, f"{answer.text}\n{box.log.read_text()[-3000:]}"
        page = answer.json()
        ids = [item["event_id"] for item in page["items"]]
        assert len(ids) == len(set(ids)) and not found & set(ids), "stored twice"
        found |= set(ids)
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def bridge(box: RunningBox) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(box.hexpost("status", "--json"))["parts"]["bridge"]
    return found


def steps(alerts: list[bytes]) -> list[str]:
    """The steps of the ladder that were announced."""
    words = [json.loads(alert) for alert in alerts]
    return [one["disk"] for one in words if one["kind"] == "disk"]


def test_a_disk_that_fills_while_it_ingests_and_rolls_up_costs_nothing_that_was_acknowledged(
    box: RunningBox, fleet: Fleet
) -> None:
    parts = box.pids()
    fleet.publish()
    wait_for(lambda: len(fleet.told) == len(fleet.sent), what="the first acknowledgements")
    with box.listening("hexpost/v1/out/testbox/alert") as alerts:
        hog = eat(box.data)

        def is_stuck() -> bool:
            """The ballast is used up as well: nothing can be written any more."""
            fleet.publish()
            assert box.public.get("/v1/risk/today").status_code == 200
            return disk(box)["disk"] == "full" and "disk is full" in bridge(box)["store_error"]

        wait_for(is_stuck, deadline_s=120, what="a disk with no room at all")
        assert not (box.data / "ballast").exists()
        upload = [event(f"u{n:04}", text=BODY) for n in range(2_000)]
        refused = box.client.post("/v1/events/upload", json=upload)
        assert (refused.status_code, "free space" in refused.json()["detail"]) == (507, True)
        assert fleet.told <= stored(box)
        unacknowledged = len(fleet.sent) - len(fleet.told)
        assert unacknowledged > 0
        assert box.pids() == parts, "a part died of it"
        hog.unlink()
        wait_for(lambda: disk(box)["disk"] == "normal", deadline_s=60, what="the recovery")
        wait_for(lambda: len(fleet.told) == len(fleet.sent), deadline_s=60, what="what the broker held meanwhile")
        wait_for(lambda: steps(alerts)[-1:] == ["normal"], what="the alert that it is over")
        assert steps(alerts).count("full") == 1
    assert (box.data / "ballast").stat().st_blocks * 512 == BALLAST
    assert stored(box) == set(fleet.sent)
    recovered_at = datetime.now(UTC)
    assert box.client.post("/v1/events/upload", json=upload).json()["accepted"] == len(upload)
    wait_for(lambda: datetime.fromisoformat((box.health() or {})["last_run_at"]) > recovered_at, what="a run after it")
    assert box.pids() == parts
    shed = box.metrics()["hexpost_items_shed_total"]
    assert 0 < shed < fleet.readings
    assert "FAIL" not in box.hexpost("verify")


def test_a_box_that_is_started_on_a_full_disk_comes_up_and_records(box: RunningBox, fleet: Fleet) -> None:
    box.interrupt()
    hog = eat(box.data)
    assert free_bytes(box.data) == 0
    box.start()
    assert disk(box)["disk"] == "full"
    box.publish("hexpost/v1/agency/cam7/event", event("on-a-full-disk"))
    wait_for(lambda: "on-a-full-disk" in stored(box), what="an event on a full disk")
    hog.unlink()
    wait_for(lambda: disk(box)["disk"] == "normal", deadline_s=60, what="the recovery")
    wait_for(lambda: disk(box)["disk_ballast_bytes"] == BALLAST, what="the ballast")
    assert "FAIL" not in box.hexpost("verify")

"""Devices in their own words, over a real broker, into a whole box: kept, known, placed, missed."""

import base64
import csv
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.address import Address
from firmware_bridge.canonical import Surroundings, keep_observations
from firmware_bridge.publisher import Publisher
from tests.bridge.samples import RECEIVED, Sample, make_decoder, needs_kit, samples
from tests.conftest import wait_for
from tests.flow.box import RunningBox, running_box

pytestmark = pytest.mark.flow


@pytest.fixture
def box(tmp_path: Path) -> Iterator[RunningBox]:
    """A fresh box for each test: what it has heard before matters here."""
    with running_box(tmp_path) as running:
        yield running


def totals(box: RunningBox) -> Counter[str]:
    found: Counter[str] = Counter()
    for total in json.loads(box.hexpost("status", "--json"))["totals"]:
        found[total["term"]] += total["items"]
    return found


@needs_kit
def test_the_recorded_messages_end_as_the_decoder_says(box: RunningBox, tmp_path: Path) -> None:
    """What the pure decoder makes of each message is what the box keeps of it, and every item is in the balance."""
    recording = tmp_path / "kit.jsonl"
    lines = [json.dumps(_recorded(sample)) for sample in samples()]
    recording.write_text("\n".join(lines))
    decoder = make_decoder()
    around = Surroundings(standing=lambda _: None, judge=lambda *_: "good", plate_key=b"k" * 32)
    wanted: set[tuple[str, str]] = set()
    quarantined = 0
    for sample in samples():
        decoded = decoder.decode(sample.topic, sample.payload, received_at=RECEIVED, retain=False)
        kept = keep_observations(decoded.observations, received_at=RECEIVED, retained=False, around=around)
        wanted |= {(event.source, event.event_type) for event in kept.events}
        quarantined += len(decoded.rejections)
    box.hexpost("replay", str(recording), "--speed", "0")
    wait_for(lambda: totals(box)["quarantined"] == quarantined and totals(box)["received"] > len(lines))

    def stored() -> set[tuple[str, str]]:
        page = box.client.get("/v1/events", params={"limit": 1000}).json()
        assert page["next_cursor"] is None
        return {(event["source"], event["event_type"]) for event in page["items"]}

    wait_for(lambda: stored() == wanted, what="the events of the pure decoder")
    balance = totals(box)
    assert balance["received"] == sum(
        balance[term] for term in ("stored", "folded", "duplicate", "quarantined", "shed")
    )


def _recorded(sample: Sample) -> dict[str, Any]:
    return {"topic": sample.topic, "payload_b64": base64.b64encode(sample.payload).decode()}


def test_a_camera_nobody_knew_is_pending_and_its_events_wait_for_its_place(box: RunningBox) -> None:
    box.publish("frigate/gate/motion", "ON")
    wait_for(lambda: _device(box, "frigate/gate"))
    assert _device(box, "frigate/gate")["registration"] == "pending"
    (event,) = wait_for(lambda: box.client.get("/v1/events", params={"source": "frigate/gate"}).json()["items"])
    assert (event["longitude"], event["h3_index"]) == (None, None)
    box.hexpost("device", "place", "frigate/gate", "--latitude", "29.37", "--longitude", "47.97")
    box.hexpost("device", "approve", "frigate/gate")
    (placed,) = box.client.get("/v1/events", params={"source": "frigate/gate"}).json()["items"]
    assert (placed["longitude"], placed["latitude"], placed["event_id"]) == (47.97, 29.37, event["event_id"])
    wait_for(lambda: box.public.get("/v1/risk/today", params={"resolution": 8}).json()["items"], what="its cell")


@pytest.mark.deep
@pytest.mark.timeout(900)
def test_fifty_cameras_behind_one_switch_are_one_alarm_and_a_restart_of_the_box_is_none(box: RunningBox) -> None:
    names = [f"frigate/cam{n}" for n in range(50)]
    others = [f"frigate/yard{n}" for n in range(10)]
    registry = box.data.parent / "registry.csv"
    fleets = [("switch-north", names), ("switch-south", others)]
    with registry.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["source", "registration", "segment", "settings_json"])
        table.writerows([name, "approved", switch, '{"heartbeat_s": 6}'] for switch, fleet in fleets for name in fleet)
    box.hexpost("device", "import", str(registry))
    with box.listening("hexpost/v1/out/testbox/alert") as heard, Cameras(box, names, others) as cameras:
        wait_for(lambda: _device(box, names[-1]).get("state") == "online", what="the cameras to be online")
        box.kill("bridge")
        wait_for(box.is_up, deadline_s=60)
        cameras.silent = set(names)
        wait_for(lambda: heard, deadline_s=500, what="the alarm")
        wait_for(lambda: _device(box, names[-1])["state"] == "offline", deadline_s=60)
        alarms = [json.loads(alarm) for alarm in heard]
        assert [(one["kind"], one.get("segment"), one.get("device_count")) for one in alarms] == [
            ("outage", "switch-north", 50)
        ]
        assert {_device(box, name)["cause"] for name in names} == {"outage:switch-north"}
        assert {_device(box, name)["state"] for name in others} == {"online"}
        cameras.silent = set()
        wait_for(lambda: [a for a in map(json.loads, heard) if a["kind"] == "outage_ended"], deadline_s=60)


class Cameras:
    """Cameras that say how they are every few seconds, but for those that are silent."""

    def __init__(self, box: RunningBox, *fleets: list[str]) -> None:
        self.silent: set[str] = set()
        self._names = [name for fleet in fleets for name in fleet]
        self._port = box.mqtt_port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Cameras":
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        with Publisher(Address(host="127.0.0.1", port=self._port)) as publisher:
            while not self._stop.wait(6.0):
                for name in self._names:
                    if name not in self.silent:
                        publisher.publish(f"{name}/motion", b"OFF")


def test_a_mapping_that_is_enabled_is_taken_up_and_mends_the_quarantine(box: RunningBox, tmp_path: Path) -> None:
    now = int(time.time())  # readings of long ago are kept in their bins, not as rows
    box.publish("river/north/data", {"ts": now - 120, "lvl_mm": 1234})
    wait_for(lambda: totals(box)["quarantined"] == 1)
    mapping = tmp_path / "riverwatch.toml"
    mapping.write_text(
        '[family]\nname = "riverwatch"\n[metrics]\nlvl_mm = { metric = "water_level", unit = "m", scale = 0.001 }\n'
        '[[message]]\ntopic = "river/{station}/data"\ntime = "$.ts"\ndevice = "{station}"\n'
        '[[message.observation]]\nkind = "readings"\nexcept = ["ts"]\n'
    )
    box.hexpost("device", "mapping", "enable", str(mapping))
    box.hexpost("quarantine", "retry", "--topic", "river/#")
    assert totals(box)["quarantined"] == 0
    box.publish("river/north/data", {"ts": now - 60, "lvl_mm": 1300})
    wait_for(lambda: len(_readings(box, "riverwatch/north")) == 2)
    assert {(one["metric"], one["value"], one["unit"]) for one in _readings(box, "riverwatch/north")} == {
        ("water_level", 1.234, "m"),
        ("water_level", 1.3, "m"),
    }


def _device(box: RunningBox, source: str) -> dict[str, Any]:
    found = box.client.get("/v1/devices", params={"limit": 500}).json()["items"]
    return next((one for one in found if one["source"] == source), {})


def _readings(box: RunningBox, source: str) -> list[dict[str, Any]]:
    device = _device(box, source)
    if not device:
        return []
    answer = box.client.get(f"/v1/devices/{device['id']}/readings", params={"from": "2025-01-01T00:00:00Z"})
    items: list[dict[str, Any]] = answer.json()["items"]
    return items

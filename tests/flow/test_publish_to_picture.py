"""The main job: published, stored, analysed, shown; over a real broker and real HTTP, with `hexpost run`."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.spatial.cells import cell_of, to_hex
from tests.conftest import wait_for
from tests.flow.box import RunningBox, running_box

pytestmark = pytest.mark.flow
TOPIC = "hexpost/v1/agency/cam7/event"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBox]:
    """One box for this file."""
    with running_box(tmp_path_factory.mktemp("box")) as running:
        yield running


def event(event_id: str, **members: object) -> dict[str, object]:
    """A native event of a minute ago."""
    when = datetime.now(UTC) - timedelta(minutes=1)
    place = {"longitude": 47.97, "latitude": 29.37}
    return {"event_id": event_id, "event_type": "motion", "event_timestamp": when.isoformat(), **place, **members}


def stored(box: RunningBox, event_id: str) -> dict[str, object] | None:
    """The event of this id as the API shows it."""
    items = box.client.get("/v1/events", params={"limit": 1000}).json()["items"]
    return next((item for item in items if item["event_id"] == event_id), None)


def test_a_published_event_is_listed_scored_and_on_the_map(box: RunningBox) -> None:
    box.publish(TOPIC, event("seen-1", severity=0.6, value=12, zone="gate"))
    shown = wait_for(lambda: stored(box, "seen-1"), what="the event in /v1/events")
    assert shown["source"] == "agency/cam7"
    assert shown["attributes"] == {"zone": "gate"}
    cell = to_hex(cell_of(lat=29.37, lng=47.97, resolution=8))

    def row() -> dict[str, object] | None:
        items = box.public.get("/v1/risk/today").json()["items"]
        return next((item for item in items if item["h3_index"] == cell), None)

    scored = wait_for(row, what="the cell in /v1/risk/today")
    assert scored["event_count"] >= 1
    assert scored["coverage"] == "observed"
    feed = box.public.get("/v1/feed/cells", params={"resolution": 8}).json()
    assert cell in feed["cells"]
    grid = box.public.get("/v1/feed/risk", params={"resolution": 8})
    assert len(grid.content) == len(feed["cells"])


def test_garbage_beside_it_is_in_quarantine_with_a_reason_and_both_are_counted(box: RunningBox) -> None:
    before = box.metrics()
    box.publish(TOPIC, "{garbage")
    box.publish(TOPIC, [event("good-in-array"), event("bad-in-array", longitude=400)])
    wait_for(lambda: stored(box, "good-in-array"), what="the good item of the array")
    entries = wait_for(lambda: json.loads(box.hexpost("quarantine", "list", "--json")), what="quarantine")
    reasons = str(entries)
    assert "not JSON" in reasons
    assert "$[1].longitude: 400 is not between -180 and 180" in reasons
    after = box.metrics()
    grown = {name: after[name] - before[name] for name in after if name.startswith("hexpost_items_")}
    assert grown["hexpost_items_received_total"] == 3
    assert grown["hexpost_items_stored_total"] == 1
    assert grown["hexpost_items_quarantined_total"] == 2


def test_the_balance_holds_on_metrics(box: RunningBox) -> None:
    terms = ("stored", "folded", "duplicate", "quarantined", "shed")
    metrics = box.metrics()
    total = sum(metrics[f"hexpost_items_{term}_total"] for term in terms) + metrics["hexpost_items_pending"]
    assert metrics["hexpost_items_received_total"] == total


def test_a_device_sees_on_its_ack_topic_what_is_durable(box: RunningBox) -> None:
    with box.listening("hexpost/v1/agency/cam7/ack") as heard:
        box.publish(TOPIC, event("acked-1"))
        wait_for(lambda: any(b"acked-1" in payload for payload in heard), what="the id on the ack topic")
    assert stored(box, "acked-1") is not None


def test_a_device_state_is_folded(box: RunningBox) -> None:
    box.publish("hexpost/v1/agency/cam7/status", "online", retain=True)
    wait_for(lambda: box.metrics()["hexpost_devices"] == 1, what="the device")


def test_a_recording_is_replayed(box: RunningBox, tmp_path: Path) -> None:
    lines = [{"topic": TOPIC, "payload": event(f"replayed-{n}"), "at": 1_795_000_000 + n} for n in range(20)]
    recording = tmp_path / "recording.jsonl"
    recording.write_text("\n".join(json.dumps(line) for line in lines))
    assert "20 messages published" in box.hexpost("replay", str(recording), "--speed", "1000")
    wait_for(lambda: stored(box, "replayed-19"), what="the last replayed event")
    recording.write_text(json.dumps(event("alone")))
    box.hexpost("replay", str(recording), expect=1)  # a line without a topic is a note, and no recording is all notes


def test_the_box_verifies(box: RunningBox) -> None:
    assert "FAIL" not in box.hexpost("verify")


def test_jobs_give_way_to_what_devices_and_crews_wait_for(box: RunningBox) -> None:
    niceness = {part: os.getpriority(os.PRIO_PROCESS, pid) for part, pid in box.pids().items()}
    assert niceness["jobs"] >= niceness["bridge"] + 10
    assert niceness["serve"] == niceness["bridge"]


@pytest.mark.parametrize("part", ["bridge", "jobs", "serve", "sync"])
def test_a_killed_part_comes_back_and_the_others_go_on(box: RunningBox, part: str) -> None:
    box.publish(TOPIC, event(f"before-{part}-was-killed"))
    wait_for(lambda: stored(box, f"before-{part}-was-killed"), what="what was acknowledged before")
    before = box.pids()
    box.kill(part)
    box.publish(TOPIC, event(f"while-{part}-was-down"))
    wait_for(lambda: box.is_up() and box.pids().get(part) not in (None, before[part]), deadline_s=40, what=part)
    wait_for(lambda: stored(box, f"while-{part}-was-down"), what="what was published meanwhile")
    after = box.pids()
    assert {name: pid for name, pid in after.items() if name != part} == {
        name: pid for name, pid in before.items() if name != part
    }
    assert stored(box, f"before-{part}-was-killed") is not None


def test_a_killed_broker_comes_back_and_the_bridge_finds_it_again(box: RunningBox) -> None:
    parts = box.pids()
    broker = box.child("mosquitto")
    os.kill(broker, signal.SIGKILL)
    wait_for(lambda: box.child("mosquitto") not in (0, broker), deadline_s=40, what="another broker")
    wait_for(box.is_up, deadline_s=60, what="the bridge at the new broker")
    box.publish(TOPIC, event("after-the-broker"))
    wait_for(lambda: stored(box, "after-the-broker"), what="an event through the new broker")
    assert box.pids() == parts

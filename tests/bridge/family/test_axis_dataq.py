"""DataQ on Axis cameras: what it tracks, counts and passes on; and how an Axis device comes and goes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.observation import (
    Alarm,
    CrowdDensity,
    DeviceHealth,
    ObjectDetection,
    Observation,
    PeopleCount,
    Position,
)
from firmware_bridge.family.onvif_axis.family import FAMILY
from tests.bridge.family.hearing import changed, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples

SERIAL = "B8A44F7ADD87"
CAMERA = f"onvif_axis/{SERIAL}"
STAMP = 1_772_276_400_000
AT = datetime(2026, 2, 28, 11, 0, tzinfo=UTC)
BORN = AT - timedelta(seconds=3)
OURS = {"serial": SERIAL, "name": "Front", "location": "Site"}
HUMAN = {"id": "abc", "class": "Human", "confidence": 80, "x": 1, "y": 2, "w": 3, "h": 4, "age": 3.0, "idle": 0.0,
         "active": True, "timestamp": STAMP}  # fmt: skip
TRACKER = {**HUMAN, "birth": STAMP - 3_000, "cx": 1, "cy": 2, "color": "Blue", "face": False, **OURS}
PATH = {**TRACKER, "timestamp": STAMP - 3_000, "age": 5.0, "dwell": 1.5, "maxIdle": 0.5, "anomaly": "Wrong way",
        "path": [{"x": 1, "y": 2, "d": 0.0, "t": 1.0}]}  # fmt: skip


def tell(topic: str, said: Any) -> list[Observation]:
    return Conversation(FAMILY).tell(topic, said)


def health(when: datetime | None = None, **more: Any) -> DeviceHealth:
    return DeviceHealth(device=CAMERA, observed_at=when, name="Front", **more)


def seen(**more: Any) -> ObjectDetection:
    return ObjectDetection(
        device=CAMERA, observed_at=BORN, observation_id="abc.20260228", label="human", score=0.8, **more
    )


@pytest.mark.parametrize("base", ["dataq", "site/own"])
def test_an_object_is_one_incident_from_its_first_frame_to_its_path(base: str) -> None:
    frame = tell(f"{base}/detections/{SERIAL}", {"list": [HUMAN], **OURS})
    assert frame == [seen(phase="update", rev=STAMP), health()]
    track = tell(f"{base}/tracker/{SERIAL}", TRACKER)
    assert track == [seen(phase="update", rev=STAMP, attributes={"color": "Blue"}), health()]
    (gone, _) = tell(f"{base}/tracker/{SERIAL}", {**TRACKER, "active": False})
    assert gone == seen(phase="end", rev=STAMP, ended_at=AT, attributes={"color": "Blue"})
    (left, _) = tell(f"{base}/path/{SERIAL}", PATH)
    told = {"color": "Blue", "anomaly": "Wrong way", "dwell_s": 1.5, "idle_s": 0.5}
    ended = AT + timedelta(seconds=2)
    assert left == seen(phase="end", rev=STAMP + 2_001, ended_at=ended, attributes=told)
    assert tell(f"{base}/detections/{SERIAL}", {"list": [], **OURS}) == [health()]


def test_how_many_of_each_are_there() -> None:
    told = tell(f"dataq/occupancy/{SERIAL}", {"occupancy": {"Human": 3, "Car": 1}, "timestamp": STAMP, **OURS})
    assert told == [
        CrowdDensity(device=CAMERA, observed_at=AT, people=3),
        PeopleCount(device=CAMERA, observed_at=AT, present=1, subject="car"),
        health(AT),
    ]
    assert tell(f"x/occupancy/{SERIAL}", {"occupancy": {}, "timestamp": STAMP, **OURS}) == [
        CrowdDensity(device=CAMERA, observed_at=AT, people=0),
        health(AT),
    ]


def test_where_an_object_is_on_the_map() -> None:
    said = {"class": "Human", "lat": 55.6, "lon": 13.0, "age": 3.2, "id": "abc", "active": True, **OURS}
    assert tell(f"dataq/geospace/{SERIAL}", said)[0] == Position(
        device=f"{CAMERA}-abc", longitude=13.0, latitude=55.6, transient=True, attributes={"object_type": "human"}
    )


def test_its_birth_its_will_and_its_status() -> None:
    birth = {"connected": True, "model": "P3245-V", "address": "10.0.0.9", "labels": ["Human"], **OURS}
    assert tell(f"dataq/connect/{SERIAL}", birth) == [health(state="online", model="P3245-V", address="10.0.0.9")]
    will = {"connected": False, "address": "10.0.0.9", "serial": SERIAL}
    assert tell(f"own/connect/{SERIAL}", will) == [DeviceHealth(device=CAMERA, state="offline", address="10.0.0.9")]
    status = {"model": "P3245-V", "Network_Kbps": 1024, "CPU_average": 42, "Uptime_Hours": 2, **OURS}
    assert tell(f"dataq/status/{SERIAL}", status) == [
        health(model="P3245-V", uptime_s=7200.0, attributes={"cpu_percent": 42.0, "network_kbps": 1024.0})
    ]


def test_an_event_that_it_passes_on_is_the_cameras() -> None:
    said = {"timestamp": STAMP, "active": True, **OURS}
    for topic in (f"dataq/event/{SERIAL}/Device/IO/Port", f"own/event/{SERIAL}/Device/IO/Port"):
        (alarm, heard) = tell(topic, said)
        assert isinstance(alarm, Alarm) and (alarm.device, alarm.observed_at, alarm.active) == (CAMERA, AT, True)
        assert heard == DeviceHealth(device=CAMERA, observed_at=AT)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"connected": True, "description": "Connected"}, "online"),
        ({"connected": False}, "offline"),
        ({"message": "Disconnected"}, "offline"),
        ("Connected", "online"),
        ("hello", None),
    ],
)
def test_an_axis_device_comes_and_goes(said: Any, state: str | None) -> None:
    for topic in (f"axis/{SERIAL}/event/connection", f"axis/{SERIAL}/connection"):
        assert tell(topic, said) == [DeviceHealth(device=CAMERA, state=state)]  # type: ignore[arg-type]


@given(changed([TRACKER, PATH, {"list": [HUMAN], **OURS}, {"occupancy": {"Human": 3}, **OURS}]))
@settings(max_examples=examples(300))
def test_odd_members_cost_no_more_than_themselves(document: Any) -> None:
    outcome(FAMILY, document, f"dataq/x/{SERIAL}")
    outcome(FAMILY, document)

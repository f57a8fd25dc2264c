"""Bridges with a topic of their own for each event of a camera: onvif2mqtt, cam2mqtt and onvif-mqtt."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from appliance.model.observation import (
    Alarm,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    ObjectDetection,
    Observation,
)
from firmware_bridge.family.onvif_axis.family import FAMILY
from tests.bridge.family.told import Conversation

GATE = "onvif_axis/gate"
WHEN = datetime(2024, 3, 1, 10, 0, tzinfo=UTC)
HEARD = DeviceHealth(device=GATE)


@pytest.mark.parametrize(
    ("topic", "said", "expected"),
    [
        ("onvif2mqtt/gate/motion", "on", [Motion(device=GATE, active=True), HEARD]),
        ("onvif2mqtt/gate/motion", "OFF", [Motion(device=GATE, active=False), HEARD]),
        ("onvif2mqtt/gate/motion/json", {"device": "gate", "state": "true"}, [Motion(device=GATE, active=True), HEARD]),
        ("onvif2mqtt/gate/people", "on", [ObjectDetection(device=GATE, label="person"), HEARD]),
        ("onvif2mqtt/gate/hello", "hello from gate", [HEARD]),
        ("cam2mqtt/camera/gate/event/onvif/motion", "on", [Motion(device=GATE, active=True), HEARD]),
        (
            "cam2mqtt/camera/gate/event/onvif/object/vehicle/detected",
            "on",
            [ObjectDetection(device=GATE, label="vehicle"), HEARD],
        ),
        ("cam2mqtt/camera/gate/event/onvif/visitor", "on", [Alarm(device=GATE, name="button", active=True), HEARD]),
        ("cam2mqtt/camera/gate/status", "offline", [DeviceHealth(device=GATE, state="offline")]),
        ("cam2mqtt/camera/gate/state/reolink/nightvision", "auto", [HEARD]),
        ("onvif2mqtt/camera/gate/event/MotionAlarm", True, [Motion(device=GATE, active=True), HEARD]),
        ("onvif2mqtt/camera/gate/event/PeopleDetect", True, [ObjectDetection(device=GATE, label="person"), HEARD]),
        ("onvif2mqtt/camera/gate/event/Crossed", 15, [HEARD]),
        ("onvif2mqtt/camera/gate/status", "offline", [DeviceHealth(device=GATE, state="offline")]),
        ("onvif2mqtt/gate/lwt", "online", [DeviceHealth(device=GATE, state="online")]),
        ("onvif2mqtt/lwt", "offline", [DeviceHealth(device="onvif_axis/onvif2mqtt", state="offline")]),
        ("onvif2mqtt/status", "online", [DeviceHealth(device="onvif_axis/onvif2mqtt", state="online")]),
        ("onvif2mqtt/gate/presets", [{"token": "1", "name": "Home"}], [HEARD]),
        ("onvif2mqtt/gate/cmd", "move-up", []),
    ],
)
def test_a_word_in_the_topic_says_what_it_is(topic: str, said: Any, expected: list[Observation]) -> None:
    assert Conversation(FAMILY).tell(topic, said) == expected


def test_a_status_that_is_neither_is_refused() -> None:
    assert Conversation(FAMILY).refusal("cam2mqtt/camera/gate/status", "sleeping") == "expected online or offline"


def test_a_bridge_that_tells_an_event_twice_times_it_once() -> None:
    told = {"source": "gate", "type": "Motion", "state": True, "timestamp": "2024-03-01T10:00:00.000Z"}
    assert Conversation(FAMILY).tell("onvif2mqtt/camera/gate/event", told) == [
        Motion(device=GATE, observed_at=WHEN, active=True), DeviceHealth(device=GATE, observed_at=WHEN),
    ]  # fmt: skip
    crossed = {"source": "gate", "type": "Crossed", "state": 15, "timestamp": "2024-03-01T10:00:00.000Z"}
    assert Conversation(FAMILY).tell("onvif2mqtt/camera/gate/event", crossed)[0] == Alarm(
        device=GATE, observed_at=WHEN, name="line_crossing", active=True, momentary=True
    )


def test_a_camera_is_what_it_says_it_is() -> None:
    facts = {"manufacturer": "Reolink", "model": "RLC-520A", "firmwareVersion": "v3.1", "serialNumber": "S1"}
    assert Conversation(FAMILY).tell("onvif2mqtt/camera/gate/info", facts) == [
        DeviceHealth(device=GATE, manufacturer="Reolink", model="RLC-520A", firmware="v3.1", serial="S1")
    ]


def item(name: str | None, value: Any, operation: str = "Changed") -> dict[str, Any]:
    """One item of an event, as onvif-mqtt puts it on the event's own topic."""
    return {
        "eventTime": "2024-03-01T10:00:00.000Z", "eventProperty": operation, "sourceName": "Source",
        "sourceValue": "000", "dataName": name, "dataValue": value,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "said", "expected"),
    [
        ("RuleEngine/CellMotionDetector/Motion", item("IsMotion", True), Motion(device=GATE, active=True, area="000")),
        ("VideoSource/MotionAlarm", item("State", False), Motion(device=GATE, active=False, area="000")),
        ("RuleEngine/LineDetector/Crossed", item("ObjectId", 3),
         Alarm(device=GATE, name="line_crossing", active=True, area="000", momentary=True)),
        ("RuleEngine/CellMotionDetector/Motion", item("IsMotion", True, "Initialized"),
         EnvironmentReading(device=GATE, metric="motion", value=1.0, unit="1", channel="000")),
        ("Monitoring/ProcessorUsage", item("Value", 37),
         EnvironmentReading(device=GATE, metric="cpu_load", value=37.0, unit="%", channel="000")),
    ],
)  # fmt: skip
def test_a_bridge_that_keeps_the_onvif_topic_is_read_as_onvif(topic: str, said: Any, expected: Observation) -> None:
    for root in ("camera/gate", "site/north/camera/gate"):
        assert Conversation(FAMILY).tell(f"{root}/{topic}", said) == [
            msgspec.structs.replace(expected, observed_at=WHEN), DeviceHealth(device=GATE, observed_at=WHEN),
        ]  # fmt: skip


def test_an_event_of_nothing_is_still_a_camera_that_was_heard() -> None:
    said = item(None, None)
    assert Conversation(FAMILY).tell("camera/gate/Monitoring/OperatingTime/LastReset", said) == [
        DeviceHealth(device=GATE, observed_at=WHEN)
    ]
    assert Conversation(FAMILY).tell("camera", {"name": "onvif-mqtt", "action": "started", "version": "1"}) == [
        DeviceHealth(device="onvif_axis/onvif-mqtt")
    ]

"""Alarms of Hikvision, Dahua and XMEye cameras as toxuin's alarmserver passes them on."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.observation import (
    Alarm,
    DeviceHealth,
    EnvironmentReading,
    Incident,
    Motion,
    ObjectDetection,
    Observation,
)
from firmware_bridge.family.hikvision_dahua.family import FAMILY
from tests.bridge.family.hearing import changed, hear, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples

CAMERA = "hikvision_dahua/gate"
XMEYE = {
    "Address": "0x1704A8C0",
    "Channel": 0,
    "Event": "MotionDetect",
    "SerialID": "0a1b",
    "StartTime": "2025-09-19 17:27:45",
    "Status": "Start",
    "Type": "Alarm",
    "ipAddr": "192.168.4.23",
}


def tell(topic: str, said: Any) -> list[Observation]:
    return Conversation(FAMILY).tell(f"camera-alerts/{topic}", said)


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("VideoMotion", "Start", Motion(device=CAMERA, active=True, momentary=True)),
        ("CrossLineDetection", {"Name": "Gate", "Direction": "Enter"},
         Alarm(device=CAMERA, name="line_crossing", active=True, area="Gate", momentary=True,
               attributes={"direction": "Enter"})),
        ("VMD", "Motion alarm", Motion(device=CAMERA, active=True, momentary=True)),
        ("linedetection", "linedetection alarm",
         Alarm(device=CAMERA, name="line_crossing", active=True, momentary=True)),
    ],
)  # fmt: skip
def test_what_began_is_a_moment(kind: str, said: Any, expected: Observation) -> None:
    (seen, heard) = tell(f"gate/{kind}", said)
    assert seen == expected
    assert heard == DeviceHealth(device=CAMERA)


def test_the_server_comes_and_goes() -> None:
    assert tell("alarmserver", {"status": "up"}) == [DeviceHealth(device="hikvision_dahua/alarmserver", state="online")]
    assert tell("alarmserver", {"status": "down"})[0].state == "offline"


def test_an_xmeye_camera_tells_begin_and_end() -> None:
    told: dict[str, Any] = {
        "device": "hikvision_dahua/0a1b",
        "observed_at": datetime(2025, 9, 19, 17, 27, 45, tzinfo=UTC),
    }
    health = DeviceHealth(serial="0a1b", address="192.168.4.23", **told)
    assert tell("0a1b/MotionDetect", XMEYE) == [Motion(active=True, area="0", **told), health]
    assert hear(FAMILY, {**XMEYE, "Status": "Stop"}) == [Motion(active=False, area="0", **told), health]
    assert hear(FAMILY, {**XMEYE, "Event": "HumanDetect"})[0] == ObjectDetection(label="person", area="0", **told)
    assert hear(FAMILY, {**XMEYE, "Event": "StorageFailure"}) == [Incident(event_type="StorageFailure", **told), health]
    assert hear(FAMILY, {**XMEYE, "Type": "Log", "Event": "LogIn"}) == [health]


@given(changed([XMEYE, {"Name": "Gate"}]))
@settings(max_examples=examples(200))
def test_odd_members_cost_no_more_than_themselves(document: Any) -> None:
    outcome(FAMILY, document, "camera-alerts/gate/VideoMotion")
    outcome(FAMILY, document)


def test_a_topic_may_end_in_a_code_of_dahua() -> None:
    bridge, camera = Conversation(FAMILY), "hikvision_dahua/cameras/1"
    assert bridge.tell("cameras/1/VideoMotion", "Start") == [
        Motion(device=camera, active=True),
        DeviceHealth(device=camera),
    ]
    assert bridge.tell("cameras/1/VideoMotion", "Stop")[0] == Motion(device=camera, active=False)
    said = {"action": "Start", "index": 0, "data": {"Name": "Gate"}}
    assert bridge.tell("cameras/1/CrossLineDetection", said)[0] == Alarm(
        device=camera, name="line_crossing", active=True, area="Gate"
    )
    assert bridge.refusal("cameras/1/VideoMotion", "hello") == "expected Start, Stop or Pulse of VideoMotion"
    assert "nor a payload of this shape" in bridge.refusal("cameras/1/Other", "Start")


def test_the_lock_of_a_door_station() -> None:
    assert Conversation(FAMILY).tell("DahuaVTO/MagneticLock/Status", {"door": "1", "isLocked": "false"}) == [
        EnvironmentReading(device="hikvision_dahua/DahuaVTO", metric="locked", value=0.0, unit="1", channel="1")
    ]

"""SIMQTT and Tracker on Axis cameras: topics that are words, and what a radar follows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.observation import (
    Alarm,
    CameraStatus,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    ObjectDetection,
    Observation,
)
from firmware_bridge.family.onvif_axis.family import FAMILY
from tests.bridge.family.hearing import changed, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples

CAMERA = "onvif_axis/ACCC8E012345"
STAMP = 1_772_276_400_000
AT = datetime(2026, 2, 28, 11, 0, tzinfo=UTC)
SAID = {"device": "ACCC8E012345", "timestamp": STAMP, "name": "Gate"}
TRACK = {"tags": {"client": "x", "device": "ACCC8E012345"},
         "values": {"timestamp": STAMP, "birth": STAMP - 2_000, "phase": 1, "id": 42, "x": 1}}  # fmt: skip


def tell(topic: str, said: Any) -> list[Observation]:
    return Conversation(FAMILY).tell(topic, said)


def reading(metric: str, value: float, channel: str = "") -> EnvironmentReading:
    return EnvironmentReading(device=CAMERA, observed_at=AT, metric=metric, value=value, unit="1", channel=channel)


@pytest.mark.parametrize(
    ("topic", "said", "expected"),
    [
        ("motion/ACCC8E012345/true", {"state": True}, Motion(device=CAMERA, observed_at=AT, active=True)),
        ("pir/false", {"state": False}, Motion(device=CAMERA, observed_at=AT, active=False, area="pir")),
        ("audio/detection/true", {"state": True},
         Alarm(device=CAMERA, observed_at=AT, name="sound", active=True, area="audio")),
        ("tampering/casing", {},
         Alarm(device=CAMERA, observed_at=AT, name="tamper", active=True, area="casing", momentary=True)),
        ("temperature/high/0/true", {"sensor": 0, "threshold": "high", "state": True},
         Alarm(device=CAMERA, observed_at=AT, name="temperature_alarm", active=True, area="high.0")),
        ("storage/SD/false", {"state": False},
         Alarm(device=CAMERA, observed_at=AT, name="storage_failure", active=True, area="SD")),
        ("recording/false", {"state": False}, CameraStatus(device=CAMERA, observed_at=AT, recording=False)),
        ("port/0/true", {"state": True, "port": 0}, reading("input", 1.0, "0")),
        ("relay/4/false", {"state": False, "relay": 4}, reading("switch", 0.0, "4")),
        ("day/true", {"state": True}, reading("day", 1.0)),
        ("ptz/moving/1/true", {"state": True, "channel": 1}, reading("ptz_moving", 1.0)),
    ],
)  # fmt: skip
def test_a_topic_says_what_it_is_about(topic: str, said: dict[str, Any], expected: Observation) -> None:
    heard = DeviceHealth(device=CAMERA, observed_at=AT, name="Gate")
    assert tell(f"simqtt/{topic}", {**SAID, **said}) == [expected, heard]


def test_an_applications_event_is_what_the_camera_would_tell_itself() -> None:
    (motion, _) = tell("simqtt/acap/VMD/Camera1Profile1/true", {**SAID, "state": True})
    assert motion == Motion(device=CAMERA, observed_at=AT, active=True, area="Camera1Profile1")


def test_its_birth_its_will_and_its_status() -> None:
    facts = {"model": "P3227", "firmware": "10.6.0", "IPv4": "10.0.0.9"}
    told = {"name": "Gate", "model": "P3227", "firmware": "10.6.0", "address": "10.0.0.9"}
    (birth,) = tell("simqtt/connect/ACCC8E012345", {**SAID, **facts, "connected": True})
    assert birth == DeviceHealth(device=CAMERA, observed_at=AT, state="online", **told)
    (will,) = tell("simqtt/connect/ACCC8E012345", {"connected": False, "device": "ACCC8E012345"})
    assert will == DeviceHealth(device=CAMERA, state="offline")
    (status,) = tell("simqtt/status/ACCC8E012345", {**SAID, **facts, "network": 1696.5, "cpu": 0.93})
    load = {"cpu_load": 0.93, "network_kbps": 1696.5}
    assert status == DeviceHealth(device=CAMERA, observed_at=AT, attributes=load, **told)
    (preset,) = tell("simqtt/ptz/preset/1", {**SAID, "preset": "Home"})
    assert preset.attributes == {"preset": "Home"}


def test_what_a_radar_follows_is_one_incident() -> None:
    def seen(**more: Any) -> ObjectDetection:
        born = AT - timedelta(seconds=2)
        return ObjectDetection(
            device=CAMERA, observed_at=born, observation_id="42.20260228", label="object", rev=STAMP, **more
        )

    heard = DeviceHealth(device=CAMERA, observed_at=AT)
    assert tell("tracker", TRACK) == [seen(phase="update"), heard]
    gone = {**TRACK, "values": {**TRACK["values"], "phase": 2}}
    assert tell("site/tracker", gone) == [seen(phase="end", ended_at=AT), heard]


@given(changed([TRACK, {**SAID, "state": True, "port": 0}]))
@settings(max_examples=examples(200))
def test_odd_members_cost_no_more_than_themselves(document: Any) -> None:
    outcome(FAMILY, document, "simqtt/port/0/true")
    outcome(FAMILY, document)

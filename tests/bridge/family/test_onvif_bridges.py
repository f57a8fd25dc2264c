"""Bridges with a topic of one word for each event of a camera: onvif2mqtt and cam2mqtt."""

from typing import Any

import pytest

from appliance.model.observation import Alarm, DeviceHealth, Motion, ObjectDetection, Observation
from firmware_bridge.family.onvif_axis import FAMILY
from tests.bridge.family.told import Conversation

GATE = "onvif_axis/gate"
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
    ],
)
def test_a_word_in_the_topic_says_what_it_is(topic: str, said: Any, expected: list[Observation]) -> None:
    assert Conversation(FAMILY).tell(topic, said) == expected


def test_a_status_that_is_neither_is_refused() -> None:
    assert Conversation(FAMILY).refusal("cam2mqtt/camera/gate/status", "sleeping") == "expected online or offline"

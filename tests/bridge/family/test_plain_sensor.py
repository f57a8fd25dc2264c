"""Sensors of nobody's family: what their names tell beyond doubt, and nothing more."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.observation import DeviceHealth, EnvironmentReading
from firmware_bridge.family import plain_sensor
from firmware_bridge.family.catalogue import build_families
from tests.bridge.family.hearing import changed, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples

SAID: dict[str, Any] = {
    "device": "porch",
    "ts": 1600000000,
    "temperature": 21.5,
    "humidity": 45,
    "pressure": 101325,
    "gas": 12345,
    "battery": 88,
    "rssi": -60,
}
MAPPING = """
[family]
name = "porch"
title = "porch"
source = "own"

[[message]]
topic = "porch/never"
shape = ["$.temperature", "$.humidity"]
device = "own"

[[message.observation]]
kind = "readings"
"""


def test_what_the_names_tell_is_kept_with_the_devices_own_name_and_time() -> None:
    found = Conversation(plain_sensor.FAMILY).tell("any/topic", SAID)
    assert {(seen.metric, seen.value, seen.unit) for seen in found if isinstance(seen, EnvironmentReading)} == {
        ("temperature", 21.5, "Cel"),
        ("humidity", 45, "%"),
        ("pressure", 1013.25, "hPa"),
        ("gas", 12345, ""),
    }
    at = datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)
    assert found[-1] == DeviceHealth(device="plain_sensor/porch", observed_at=at, battery_percent=88, signal_dbm=-60)


@pytest.mark.parametrize(
    ("own", "device"),
    [
        ({}, "plain_sensor/garden/air"),
        ({"id": "shed-2"}, "plain_sensor/shed-2"),
        ({"id": 7001}, "plain_sensor/garden/air"),
        ({"id": "7b1f4bde-8a53-4a7c-9f0a-0f3c3a2f6c11"}, "plain_sensor/garden/air"),
    ],
)
def test_an_id_that_may_be_the_messages_own_is_no_device(own: dict[str, Any], device: str) -> None:
    found = Conversation(plain_sensor.FAMILY).tell("garden/air", {**own, "pm2_5": 3, "pm10": 5})
    assert {seen.device for seen in found} == {device}


@pytest.mark.parametrize(
    "said",
    [
        {"temperature": 21.5},
        {"temperature": 75, "humidity": 40},  # degrees of which scale?
        {"temperature": 21.5, "humidity": 0.45},  # percent, or a share of 1?
        {"temperature": 21.5, "pressure": 29.92},  # inches of mercury?
        {"temperature": "warm", "humidity": "damp"},
        {"level": 3, "count": 5},
        [{"temperature": 21.5, "humidity": 45}],
    ],
)
def test_what_leaves_a_doubt_is_left_to_a_mapping(said: Any) -> None:
    assert Conversation(plain_sensor.FAMILY).refusal("any/topic", said)


def test_a_technicians_own_mapping_is_asked_before() -> None:
    assert {seen.device for seen in Conversation(*build_families([MAPPING])).tell("any/topic", SAID)} == {"porch/own"}
    assert {seen.device for seen in Conversation(*build_families([])).tell("any/topic", SAID)} == {"plain_sensor/porch"}


@settings(max_examples=examples(200))
@given(changed([SAID]))
def test_nothing_raises(said: Any) -> None:
    outcome(plain_sensor.FAMILY, said)

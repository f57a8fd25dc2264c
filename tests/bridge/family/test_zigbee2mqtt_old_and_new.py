"""Zigbee2MQTT through its versions: the bridge's topics of old, other bases, and what is told twice."""

from typing import Any

import pytest

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion
from firmware_bridge.family.zigbee2mqtt.family import FAMILY
from tests.bridge.family.test_zigbee2mqtt import BRIDGE, DEVICES, DOOR, health, press, told
from tests.bridge.family.told import Conversation


def test_who_turned_a_lock_and_how() -> None:
    said = {"action": "keypad_unlock", "action_source_name": "keypad", "action_user": 2, "lock_state": "unlocked"}
    told_of = {"action": "keypad_unlock", "source": "keypad", "user": "2"}
    assert told(DOOR, said) == [
        health(attributes={"lock_state": "unlocked"}),
        Alarm(device=DOOR, name="lock", active=True, momentary=True, attributes=told_of),
    ]
    (_, nobody) = told(DOOR, {"action": "manual_lock", "action_user": 65535})
    assert nobody.attributes == {"action": "manual_lock"}


def test_what_is_told_as_an_action_and_as_a_state_happened_once() -> None:
    assert told(DOOR, {"action": "vibration", "vibration": True}) == [
        health(attributes={"action": "vibration"}),
        Alarm(device=DOOR, name="vibration", active=True),
    ]


def test_an_action_that_is_repeated_on_a_topic_of_its_own_happened_once() -> None:
    bridge = Conversation(FAMILY)
    assert bridge.tell(f"{DOOR}/action", "single") == [health(), press("button", "single")]
    assert bridge.tell(DOOR, {"action": "single"}) == [health(), press("button", "single")]
    assert bridge.tell(f"{DOOR}/action", "single") == [health()]


def test_motion_in_words_stands_back_behind_the_flag() -> None:
    words = {"presence": None, "presence_state": "none"}
    assert told(DOOR, words) == [health(attributes={"presence_state": "none"}), Motion(device=DOOR, active=False)]
    both = {"presence": True, "motion_state": "large"}
    assert told(DOOR, both) == [health(attributes={"motion_state": "large"}), Motion(device=DOOR, active=True)]


def test_one_end_of_a_known_device_on_a_topic_of_its_own_is_that_device() -> None:
    bridge = Conversation(FAMILY)
    bridge.tell(f"{BRIDGE}/devices", DEVICES)
    assert bridge.tell(f"{DOOR}/left", {"state": "ON", "brightness": 127}) == [
        health(attributes={"state_left": "ON"}),
        EnvironmentReading(device=DOOR, metric="brightness", value=50.0, unit="%", channel="left"),
    ]
    assert bridge.tell("zigbee2mqtt/Hall/left", {"state": "ON"})[0].device == "zigbee2mqtt/Hall/left"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"type": "device_connected", "message": "0x02", "meta": {}}, {"attributes": {"event": "device_connected"}}),
        (
            {"type": "device_connected", "message": {"friendly_name": "0x02"}},
            {"attributes": {"event": "device_connected"}},
        ),
        (
            {
                "type": "pairing",
                "message": "interview_successful",
                "meta": {"friendly_name": "0x02", "model": "X1", "vendor": "Acme"},
            },
            {"manufacturer": "Acme", "model": "X1", "attributes": {"event": "pairing interview_successful"}},
        ),
        (
            {"type": "device_removed", "message": "left_network", "meta": {"friendly_name": "0x02"}},
            {"state": "offline", "attributes": {"event": "device_removed left_network"}},
        ),
        (
            {"type": "ota_update", "message": "...", "meta": {"status": "available", "device": "0x02"}},
            {"attributes": {"event": "ota_update available"}},
        ),
    ],
)
def test_the_log_of_old_tells_of_devices(said: dict[str, Any], expected: dict[str, Any]) -> None:
    assert told(f"{BRIDGE}/log", said) == [health(device="zigbee2mqtt/0x02", name="0x02", **expected)]


def test_the_log_of_old_tells_what_went_wrong() -> None:
    failed = {"type": "zigbee_publish_error", "message": "no answer", "meta": {"entity": {"friendlyName": "0x02"}}}
    assert told(f"{BRIDGE}/log", failed) == [DeviceHealth(device=BRIDGE, attributes={"error": "no answer"})]
    assert told(f"{BRIDGE}/log", "hello") == [DeviceHealth(device=BRIDGE)]


def test_configuration_and_devices_of_old() -> None:
    config = {"version": "1.6.0", "coordinator": 20190608, "log_level": "info", "permit_join": False}
    told_of = {"coordinator_revision": "20190608", "permit_join": False}
    assert told(f"{BRIDGE}/config", config) == [
        DeviceHealth(device=BRIDGE, name="Zigbee2MQTT", firmware="1.6.0", attributes=told_of)
    ]
    old = [
        {"ieeeAddr": "0x01", "type": "Coordinator", "friendly_name": "Coordinator"},
        {"ieeeAddr": "0x02", "friendly_name": "Hall/front door", "type": "EndDevice", "model": "X1", "vendor": "Acme"},
    ]
    expected = [
        DeviceHealth(device=BRIDGE, serial="0x01", attributes={"devices": 2}),
        health(name="Hall/front door", manufacturer="Acme", model="X1", serial="0x02"),
    ]
    assert told(f"{BRIDGE}/config/devices", old) == expected
    assert told(f"{BRIDGE}/log", {"type": "devices", "message": old}) == expected


def test_another_base_topic_is_known_by_its_bridge_and_from_then_on() -> None:
    bridge = Conversation(FAMILY)
    assert "nor a payload of this shape" in bridge.refusal("site/z2m/hall/availability", "online")
    assert bridge.tell("site/z2m/bridge/state", {"state": "online"}) == [DeviceHealth(device=BRIDGE, state="online")]
    hall = "zigbee2mqtt/hall"
    assert bridge.tell("site/z2m/hall/availability", "online") == [health(device=hall, state="online")]
    assert bridge.tell("site/z2m/hall", {"state": "ON"}) == [health(device=hall, attributes={"state": "ON"})]
    assert bridge.tell("site/z2m/hall/set", {"state": "ON"}) == []
    assert bridge.refusal("site/z2m/bridge/state", "well").endswith("expected online or offline")


def test_device_information_of_old_has_other_names() -> None:
    device = {"friendlyName": "Hall", "modelId": "lumi.plug", "ieeeAddr": "0x02", "manufName": "LUMI"}
    assert told(DOOR, {"device": device}) == [
        health(name="Hall", manufacturer="LUMI", model="lumi.plug", serial="0x02")
    ]


def test_an_alarm_that_several_members_tell_is_on_while_any_says_so() -> None:
    assert told(DOOR, {"device_fault": True, "fault_alarm": False}) == [
        health(),
        Alarm(device=DOOR, name="problem", active=True),
    ]
    assert told(DOOR, {"gas": False, "gas_sensor_state": "alarm"})[1:] == [Alarm(device=DOOR, name="gas", active=True)]
    assert told(DOOR, {"smoke": False, "smoke_state": "normal"})[1:] == [Alarm(device=DOOR, name="smoke", active=False)]


@pytest.mark.parametrize(
    ("said", "name", "word"),
    [
        ({"fault": "over_current"}, "fault", "over_current"),
        ({"fault": "clear"}, "fault", ""),
        ({"temperature_alarm": "upper_alarm"}, "temperature_alarm", "upper_alarm"),
        ({"humidity_alarm": "canceled"}, "humidity_alarm", ""),
        ({"alarm_state": "alarm_co2"}, "alarm", "alarm_co2"),
    ],
)
def test_an_alarms_word_says_what_is_amiss(said: Any, name: str, word: str) -> None:
    more = {"state": word} if word else {}
    assert told(DOOR, said)[1:] == [Alarm(device=DOOR, name=name, active=bool(word), attributes=more)]


@pytest.mark.parametrize(
    ("said", "metric", "unit", "channel"),
    [
        ({"current_heating_setpoint": 21.5}, "target_temperature", "Cel", ""),
        ({"radiation_dose_per_hour": 21.5}, "radiation_exposure", "uR/h", ""),
        ({"leakage_current": 21.5}, "leakage_current", "mA", ""),
        ({"PAPP": 21.5}, "apparent_power", "VA", ""),
        ({"URMS2": 21.5}, "voltage", "V", "2"),
        ({"EASF03": 21.5}, "energy", "kWh", "tariff_3"),
    ],
)
def test_values_of_heating_meters_and_detectors(said: Any, metric: str, unit: str, channel: str) -> None:
    (_, seen) = told(DOOR, said)
    assert seen == EnvironmentReading(device=DOOR, metric=metric, value=21.5, unit=unit, channel=channel)


def test_soil_that_is_dry_and_a_person_who_fell() -> None:
    assert told(DOOR, {"dry": True})[1:] == [Alarm(device=DOOR, name="dry", active=True)]
    assert told(DOOR, {"fall_down_status": "fall"})[1:] == [Alarm(device=DOOR, name="fall", active=True)]
    assert told(DOOR, {"fall_down_status": "maybe_fall"})[1:] == [Alarm(device=DOOR, name="fall", active=False)]

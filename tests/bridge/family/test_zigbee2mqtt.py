"""Zigbee2MQTT's topics as its documentation and its source write them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.observation import (
    Alarm,
    CommandOutcome,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    Observation,
    PeopleCount,
)
from firmware_bridge.family.zigbee2mqtt.family import FAMILY
from tests.bridge.family.hearing import KIT, changed, kit_samples
from tests.bridge.family.told import NOW, Conversation, as_bytes, well_typed
from tests.conftest import examples

BRIDGE = "zigbee2mqtt/bridge"
DOOR = "zigbee2mqtt/Hall/front door"
SEEN = datetime(2024, 11, 23, 14, 13, 45, tzinfo=UTC)
DEVICES = [
    {"type": "Coordinator", "ieee_address": "0x01", "friendly_name": "Coordinator", "definition": None},
    {
        "type": "EndDevice",
        "ieee_address": "0x02",
        "friendly_name": "Hall/front door",
        "manufacturer": "LUMI",
        "model_id": "lumi.weather",
        "power_source": "Battery",
        "software_build_id": "3000-0001\x00www",
        "supported": True,
        "definition": {
            "vendor": "Aqara",
            "model": "WSDCGQ11LM",
            "exposes": [
                {"type": "numeric", "property": "pressure", "unit": "kPa", "access": 1},
                {"type": "numeric", "property": "temperature", "unit": "°C", "access": 1},
                {"type": "numeric", "property": "leaf_wetness", "unit": "%", "access": 1},
                {"type": "numeric", "property": "reporting_time", "unit": "s", "access": 7},
                {"type": "numeric", "property": "chip_load", "unit": "%", "access": 1, "category": "diagnostic"},
            ],
        },
    },
    {
        "type": "Router",
        "ieee_address": "0x03",
        "friendly_name": "0x03",
        "definition": None,
        "supported": False,
        "disabled": True,
        "date_code": "20191205",
    },
]


def told(topic: str, said: Any) -> list[Observation]:
    return Conversation(FAMILY).tell(topic, said)


def health(**facts: Any) -> DeviceHealth:
    return DeviceHealth(**{"device": DOOR, "via": BRIDGE, **facts})


def reading(metric: str, value: float, unit: str, channel: str = "", **more: Any) -> EnvironmentReading:
    return EnvironmentReading(device=DOOR, metric=metric, value=value, unit=unit, channel=channel, **more)


def press(name: str, action: str) -> Alarm:
    return Alarm(device=DOOR, name=name, active=True, momentary=True, attributes={"action": action})


def test_a_climate_sensor() -> None:
    said = {
        "battery": 37,
        "humidity": 31.32,
        "last_seen": "2024-11-23T15:13:45+01:00",
        "linkquality": 255,
        "pressure": 1005.2,
        "temperature": 22,
        "voltage": 2905,
    }
    assert told(DOOR, said) == [
        health(observed_at=SEEN, battery_percent=37.0, link_quality=255.0, voltage_v=2.905),
        reading("humidity", 31.32, "%", observed_at=SEEN),
        reading("pressure", 1005.2, "hPa", observed_at=SEEN),
        reading("temperature", 22.0, "Cel", observed_at=SEEN),
    ]


@pytest.mark.parametrize(
    "seen", [1732371225000, "1732371225000", "2024-11-23T14:13:45.000Z", "2024-11-23T15:13:45+01:00"]
)
def test_last_seen_in_every_setting(seen: Any) -> None:
    assert told(DOOR, {"last_seen": seen}) == [health(observed_at=SEEN)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"occupancy": True}, Motion(device=DOOR, active=True)),
        ({"presence": False}, Motion(device=DOOR, active=False)),
        ({"occupancy": "true"}, Motion(device=DOOR, active=True)),
        ({"area2Occupancy": True}, Motion(device=DOOR, active=True, area="area2")),
        ({"occupancy_l2": True}, Motion(device=DOOR, active=True, area="l2")),
        ({"contact": False}, Alarm(device=DOOR, name="contact", active=True)),
        ({"contact": True}, Alarm(device=DOOR, name="contact", active=False)),
        ({"contact_left": False}, Alarm(device=DOOR, name="contact", active=True, area="left")),
        ({"water_leak": True}, Alarm(device=DOOR, name="water_leak", active=True)),
        ({"smoke": True, "test": True}, Alarm(device=DOOR, name="smoke", active=True, attributes={"test": True})),
        ({"gas": False}, Alarm(device=DOOR, name="gas", active=False)),
        ({"tamper": True}, Alarm(device=DOOR, name="tamper", active=True)),
        ({"carbon_monoxide": True}, Alarm(device=DOOR, name="carbon_monoxide", active=True)),
        ({"action": "single"}, press("button", "single")),
        ({"action": "emergency"}, press("panic", "emergency")),
        ({"action": "drop"}, press("vibration", "drop")),
        ({"action": "disarm", "action_code": "1234"}, press("keypad", "disarm")),
        ({"action": "arm_all_zones", "action_code": "1234"}, press("keypad", "arm_all_zones")),
        ({"click": "double"}, press("button", "double")),
        ({"action": "single", "click": "single"}, press("button", "single")),
        ({"smoke_state": "alarm"}, Alarm(device=DOOR, name="smoke", active=True)),
        ({"co_state": "normal"}, Alarm(device=DOOR, name="carbon_monoxide", active=False)),
        ({"rainwater": "raining"}, Alarm(device=DOOR, name="rain", active=True)),
        ({"water": True}, Alarm(device=DOOR, name="water_leak", active=True)),
        ({"fault_alarm": True}, Alarm(device=DOOR, name="problem", active=True)),
        ({"presence": "none"}, Motion(device=DOOR, active=False)),
        ({"occupancy": "occupied"}, Motion(device=DOOR, active=True)),
        ({"energy_today": 0.5}, reading("energy", 0.5, "kWh", "today")),
        ({"energy_tier_2": 6532.5}, reading("energy", 6532.5, "kWh", "tier_2")),
        ({"consumption": 1.25}, reading("energy", 1.25, "kWh")),
        ({"consumption": 1.2503, "energy": 1.25}, reading("energy", 1.25, "kWh")),
        ({"energy_phase_a": 10.5}, reading("energy", 10.5, "kWh", "a")),
        ({"produced_energy_phase_a": 1.5}, reading("energy", 1.5, "kWh", "produced_a")),
        ({"voltage_phase_ab": 398}, reading("voltage", 398.0, "V", "ab")),
        ({"power_factor": 0.97}, reading("power_factor", 0.97, "1")),
        ({"power_factor": 97}, reading("power_factor", 0.97, "1")),
        ({"mains_voltage": 230.5}, reading("voltage", 230.5, "V", "mains")),
        ({"pm4": 3}, reading("pm4", 3.0, "ug/m3")),
        ({"formaldehyde": 10}, reading("formaldehyde", 10.0, "")),
        ({"people": 3}, PeopleCount(device=DOOR, present=3)),
        ({"voltage": 230.5}, reading("voltage", 230.5, "V")),
        ({"power_phase_b": 5.5}, reading("power", 5.5, "W", "b")),
        ({"temperature_l2": 5.5}, reading("temperature", 5.5, "Cel", "l2")),
        ({"pm25": 7}, reading("pm2_5", 7.0, "ug/m3")),
        ({"outdoor_temperature": 5.5}, reading("temperature", 5.5, "Cel", "outdoor")),
        ({"energy_produced": 1.25}, reading("energy", 1.25, "kWh", "produced")),
        ({"co_ppm": 3}, reading("co", 3.0, "[ppm]")),
        ({"tilt": 30}, reading("slat_position", 30.0, "%")),
        ({"tilt": True}, Alarm(device=DOOR, name="tilt", active=True)),
        ({"sos_alarm": True}, Alarm(device=DOOR, name="sos", active=True)),
        ({"door_state": "open"}, Alarm(device=DOOR, name="contact", active=True)),
        ({"temperature": "21.5"}, reading("temperature", 21.5, "Cel")),
        ({"illuminance": 23839, "illuminance_lux": 242}, reading("illuminance", 242.0, "lx")),
    ],
)
def test_one_member_one_observation(said: dict[str, Any], expected: Observation) -> None:
    assert told(DOOR, said) == [health(), expected]


@pytest.mark.parametrize(
    "said",
    [
        {"action": ""},
        {"action": None},
        {"temperature": None},
        {"temperature": "unavailable"},
        {"battery": 255},
        {"moving": "STOP"},
        {"fading_time": 60},
        {"temperature_calibration": 1.5},
        {"last_seen": None},
        {"gas": 12.5},
        {"color": {"x": 0.1}},
    ],
)
def test_what_says_nothing_still_shows_that_the_device_is_there(said: dict[str, Any]) -> None:
    assert told(DOOR, said) == [health()]


def test_what_is_switched_and_told_in_words_goes_with_its_health() -> None:
    said = {
        "state_l1": "ON",
        "state_l2": "OFF",
        "air_quality": "moderate",
        "battery_low": True,
        "power_outage_count": 3,
    }
    assert told(DOOR, said) == [health(attributes={**said, "power_outage_count": 3.0})]


def test_an_update_tells_its_version_and_its_progress() -> None:
    update = {"state": "updating", "progress": 13.5, "remaining": 219, "installed_version": 10, "latest_version": 12}
    told_of = {"update_state": "updating", "update_installed_version": "10", "update_latest_version": "12"}
    assert told(DOOR, {"update": update}) == [
        health(firmware="10", attributes=told_of),
        CommandOutcome(device=DOOR, outcome="running", method="device/ota_update/update", progress_percent=13.5),
    ]


def test_device_information_in_the_message_is_kept() -> None:
    device = {
        "friendlyName": "Hall",
        "model": "X1",
        "ieeeAddr": "0x02",
        "manufacturerName": "Acme",
        "networkAddress": 5,
    }
    assert told(DOOR, {"device": device}) == [health(name="Hall", manufacturer="Acme", model="X1", serial="0x02")]


def test_one_value_a_topic() -> None:
    assert told(f"{DOOR}/temperature", "21.5") == [health(), reading("temperature", 21.5, "Cel")]
    assert told(f"{DOOR}/contact", "false") == [health(), Alarm(device=DOOR, name="contact", active=True)]
    assert told(f"{DOOR}/state", "ON") == [health(attributes={"state": "ON"})]


@pytest.mark.parametrize(("said", "state"), [("online", "online"), ({"state": "offline"}, "offline")])
def test_availability_and_the_bridges_own_state_old_and_new(said: Any, state: Any) -> None:
    assert told(f"{DOOR}/availability", said) == [health(state=state)]
    assert told(f"{BRIDGE}/state", said) == [DeviceHealth(device=BRIDGE, state=state)]


def test_the_list_of_devices_tells_and_teaches() -> None:
    bridge = Conversation(FAMILY)
    assert bridge.tell(f"{BRIDGE}/devices", DEVICES) == [
        DeviceHealth(device=BRIDGE, serial="0x01", attributes={"devices": 3}),
        health(
            name="Hall/front door",
            manufacturer="Aqara",
            model="WSDCGQ11LM",
            firmware="3000-0001",
            serial="0x02",
            attributes={"power_source": "Battery"},
        ),
        DeviceHealth(
            device="zigbee2mqtt/0x03",
            name="0x03",
            firmware="20191205",
            serial="0x03",
            via=BRIDGE,
            attributes={"disabled": True, "supported": False},
        ),
    ]
    said = {"pressure": 100.5, "temperature": 5.5, "leaf_wetness": 40, "reporting_time": 60, "chip_load": 5}
    assert bridge.tell(DOOR, said) == [
        health(),
        reading("pressure", 1005.0, "hPa"),
        reading("temperature", 5.5, "Cel"),
        reading("leaf_wetness", 40.0, "%"),
    ]
    update = {"state": "idle", "installed_version": 10, "latest_version": 10}
    (known,) = bridge.tell(DOOR, {"update": update})
    assert isinstance(known, DeviceHealth)
    assert known.firmware == ""  # it has a better name for it


def test_what_the_bridge_says_of_itself() -> None:
    info = {
        "version": "2.1.0",
        "coordinator": {"ieee_address": "0x01", "type": "EmberZNet", "meta": {"revision": "7.4.1"}},
        "network": {"channel": 15, "pan_id": 5674},
        "permit_join": False,
        "config": {"mqtt": {}},
    }
    attributes = {
        "coordinator": "EmberZNet",
        "coordinator_revision": "7.4.1",
        "channel": 15,
        "permit_join": False,
        "restart_required": False,
    }
    assert told(f"{BRIDGE}/info", info) == [
        DeviceHealth(device=BRIDGE, name="Zigbee2MQTT", firmware="2.1.0", serial="0x01", attributes=attributes)
    ]
    minute = {"response_time": 1732371225000, "process": {"uptime_sec": 60}, "mqtt": {"queued": 0, "published": 9}}
    assert told(f"{BRIDGE}/health", minute) == [
        DeviceHealth(
            device=BRIDGE,
            observed_at=SEEN,
            state="online",
            uptime_s=60,
            attributes={"queued": 0, "published": 9},
        )
    ]
    assert told(f"{BRIDGE}/logging", {"level": "error", "message": "no adapter"}) == [
        DeviceHealth(device=BRIDGE, attributes={"error": "no adapter"})
    ]
    for topic in ("definitions", "extensions", "converters", "config", "networkmap/raw"):
        assert told(f"{BRIDGE}/{topic}", "anything") == [DeviceHealth(device=BRIDGE)]


def test_groups() -> None:
    groups = [{"id": 1, "friendly_name": "Lights", "members": [{"ieee_address": "0x02", "endpoint": 1}]}]
    assert told(f"{BRIDGE}/groups", groups) == [
        health(device="zigbee2mqtt/Lights", name="Lights", model="Group", attributes={"members": 1})
    ]


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("device_joined", {}, {"attributes": {"event": "device_joined"}}),
        ("device_leave", {}, {"state": "offline", "attributes": {"event": "device_leave"}}),
        (
            "device_interview",
            {"status": "successful", "definition": {"model": "X1", "vendor": "Acme"}},
            {"manufacturer": "Acme", "model": "X1", "attributes": {"event": "device_interview successful"}},
        ),
    ],
)
def test_a_device_joins_is_interviewed_and_leaves(kind: str, more: dict[str, Any], expected: dict[str, Any]) -> None:
    said = {"type": kind, "data": {"friendly_name": "Hall/front door", "ieee_address": "0x02", **more}}
    assert told(f"{BRIDGE}/event", said) == [health(name="Hall/front door", serial="0x02", **expected)]


def test_a_response_is_the_outcome_of_a_command() -> None:
    bridge = Conversation(FAMILY)
    bridge.tell(f"{BRIDGE}/devices", DEVICES)
    topic = f"{BRIDGE}/response/device/ota_update/update"
    done = {
        "data": {"id": "0x02", "from": {}, "to": {"software_build_id": "3001", "file_version": 7}},
        "status": "ok",
        "transaction": 23,
    }
    method = "device/ota_update/update"
    assert bridge.tell(topic, done) == [
        CommandOutcome(device=DOOR, outcome="done", command_id="23", method=method),
        health(firmware="3001"),
    ]
    failed = {"data": {}, "status": "error", "error": "Update of 'x' failed", "transaction": "a-1"}
    assert bridge.tell(topic, failed) == [
        CommandOutcome(device=BRIDGE, outcome="failed", command_id="a-1", method=method, message="Update of 'x' failed")
    ]


@pytest.mark.parametrize(
    "topic",
    [f"{DOOR}/set", f"{DOOR}/get", f"{DOOR}/set/state", f"{BRIDGE}/request/permit_join", f"{DOOR}/availability"],
)
def test_commands_are_not_what_a_device_says(topic: str) -> None:
    assert told(topic, "" if topic.endswith("availability") else '{"state": "ON"}') == []


def test_another_base_topic_is_known_by_the_shape() -> None:
    assert told("z2m/Hall/front door", {"linkquality": 5})[0] == health(link_quality=5.0)
    assert len(told("z2m/bridge/devices", DEVICES)) == 3
    assert told("hexpost/v1/city/hall-7/raw/zigbee2mqtt", {"linkquality": 5})[0] == health(
        device="zigbee2mqtt/hall-7", link_quality=5.0
    )


@pytest.mark.parametrize(
    ("topic", "said", "reason"),
    [
        ("zigbee2mqtt/lamp", '{"state":', "expected a JSON object with the device's state"),
        ("zigbee2mqtt/lamp", "[1]", "expected a JSON object with the device's state"),
        ("zigbee2mqtt/lamp", "hello", "expected a JSON object with the device's state"),
        ("zigbee2mqtt/lamp/availability", {"state": "asleep"}, "$.state: expected online or offline"),
        ("zigbee2mqtt/bridge/devices", {}, "expected an array of devices"),
        ("zigbee2mqtt/bridge/response/restart", {}, "$.status: expected ok or error"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(topic: str, said: Any, reason: str) -> None:
    assert Conversation(FAMILY).refusal(topic, said) == reason


@settings(max_examples=examples(300))
@given(
    st.sampled_from([DOOR, f"{BRIDGE}/devices", f"{BRIDGE}/info", f"{BRIDGE}/event", f"{BRIDGE}/response/x"]),
    changed(
        [
            {"contact": False, "update": {"state": "updating"}, "voltage": 3000, "last_seen": 1732371225000},
            {"temperature": 5.5, "action": "single", "people": 2, "device": {"friendlyName": "x"}},
            {"type": "device_joined", "data": {"friendly_name": "x", "ieee_address": "0x02"}},
            {"data": {"id": "x", "to": {"software_build_id": "1"}}, "status": "ok", "transaction": 1},
            {"version": "1", "coordinator": {"meta": {"revision": 1}}, "network": {"channel": 11}},
            DEVICES,
        ]
    ),
)
def test_odd_members_cost_no_more_than_themselves(topic: str, said: Any) -> None:
    bridge = Conversation(FAMILY)
    for message_topic, message in ((topic, said), (DOOR, {"temperature": 1.5, "pressure": 5, "linkquality": 1})):
        decoded = bridge.decoder.decode(message_topic, as_bytes(message), received_at=NOW)
        assert decoded.items
        assert well_typed(decoded.observations)


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_no_real_message_is_refused() -> None:
    bridge = Conversation(FAMILY)
    samples = kit_samples("zigbee2mqtt")
    assert all(bridge.tell(one.topic or "site/sensor", one.payload) for one in samples)

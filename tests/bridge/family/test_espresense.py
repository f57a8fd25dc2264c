"""ESPresense: what a room's node hears, sees and measures, and how it is."""

from typing import Any

import pytest

from appliance.model.observation import DeviceHealth, EnvironmentReading, Motion, Observation, PeopleCount
from appliance.wiring_families import FAMILY_FOLDER
from firmware_bridge.family.homeassistant import family as homeassistant
from firmware_bridge.mapping.compile import compile_mapping
from tests.bridge.family.told import Conversation

TELEMETRY = {
    "ip": "192.0.2.17",
    "uptime": 4815,
    "firm": "esp32",
    "rssi": -61,
    "ver": "v3.3.5",
    "count": 3,
    "adverts": 49512,
    "freeHeap": 112000,
    "mV": 3980,
    "batt": 84,
}
BEACON: dict[str, Any] = {
    "mac": "c0ffee003777",
    "id": "iBeacon:00112233-4455-6677-8899-aabbccddeeff-38-49",
    "name": "Keys",
    "rssi@1m": -59,
    "rssi": -81.1,
    "rxAdj": 0,
    "distance": 6.58,
    "var": 4.0,
    "int": 2028,
}


def house() -> Conversation:
    family = compile_mapping((FAMILY_FOLDER / "espresense.toml").read_text(encoding="utf-8"))
    return Conversation(family, homeassistant.FAMILY)


def readings(found: list[Observation]) -> list[tuple[str, str, str, float, str]]:
    return [
        (seen.device, seen.metric, seen.channel, round(seen.value, 3), seen.unit)
        for seen in found
        if isinstance(seen, EnvironmentReading)
    ]


def test_a_node_says_how_far_a_beacon_is() -> None:
    found = house().tell(f"espresense/devices/{BEACON['id']}/office", BEACON)
    assert readings(found) == [("espresense/office", "distance", BEACON["id"], 6.58, "m")]
    assert [seen.attributes for seen in found if isinstance(seen, EnvironmentReading)] == [
        {"name": "Keys", "signal_dbm": -81.1}
    ]


def test_a_beacon_may_measure() -> None:
    said = {"id": "itag:7", "distance": 0.4, "temp": 21.4, "rh": 43, "batt": 88, "mV": 3012}
    assert readings(house().tell("espresense/devices/itag:7/office", said)) == [
        ("espresense/office", "distance", "itag:7", 0.4, "m"),
        ("espresense/office", "temperature", "itag:7", 21.4, "Cel"),
        ("espresense/office", "humidity", "itag:7", 43, "%"),
        ("espresense/office", "battery", "itag:7", 88, "%"),
        ("espresense/office", "battery_voltage", "itag:7", 3.012, "V"),
    ]


def test_how_a_node_is() -> None:
    found = house().tell("espresense/rooms/office/telemetry", TELEMETRY)
    health = next(seen for seen in found if isinstance(seen, DeviceHealth))
    assert (health.device, health.address, health.uptime_s) == ("espresense/office", "192.0.2.17", 4815)
    assert (health.signal_dbm, health.firmware, health.model) == (-61, "v3.3.5", "esp32")
    assert (health.battery_percent, health.voltage_v) == (84, 3.98)
    assert [(seen.present, seen.subject) for seen in found if isinstance(seen, PeopleCount)] == [(3, "beacons")]
    uncounted = house().tell("espresense/rooms/office/telemetry", {"ip": "192.0.2.17", "uptime": 4815})
    assert not [seen for seen in uncounted if isinstance(seen, PeopleCount)]


def test_a_node_comes_and_goes_and_has_a_name() -> None:
    for said, state in (("online", "online"), ("offline", "offline")):
        found = house().tell("espresense/rooms/office/status", said)
        assert [(seen.device, seen.state) for seen in found if isinstance(seen, DeviceHealth)] == [
            ("espresense/office", state)
        ]
    [named] = house().tell("espresense/rooms/office/name", "The office")
    assert isinstance(named, DeviceHealth)
    assert named.name == "The office"


def test_a_node_sees_motion() -> None:
    for said, active in (("ON", True), ("OFF", False)):
        found = house().tell("espresense/rooms/office/motion", said)
        assert [(seen.device, seen.active) for seen in found if isinstance(seen, Motion)] == [
            ("espresense/office", active)
        ]


@pytest.mark.parametrize(
    ("sensor", "said", "metric", "channel", "value", "unit"),
    [
        ("temperature", "21.4", "temperature", "", 21.4, "Cel"),
        ("humidity", "43.10", "humidity", "", 43.1, "%"),
        ("co2", "612", "co2", "", 612, "[ppm]"),
        ("tvoc", "31", "voc", "", 31, "[ppb]"),
        ("bme280_temperature", "21.40", "temperature.bme280", "", 21.4, "Cel"),
        ("bme280_pressure", "1013.20", "pressure.bme280", "", 1013.2, "hPa"),
        ("ds18b20_temperature_2", "-3.5", "temperature.ds18b20_2", "", -3.5, "Cel"),
        ("bh1750_lux", "120", "illuminance.bh1750", "", 120, "lx"),
    ],
)
def test_a_node_measures(sensor: str, said: str, metric: str, channel: str, value: float, unit: str) -> None:
    found = house().tell(f"espresense/rooms/office/{sensor}", said)
    assert readings(found) == [("espresense/office", metric, channel, value, unit)]


def test_a_setting_only_says_that_the_node_was_heard() -> None:
    for setting, said in (("max_distance", "16.00"), ("include", ""), ("query", "ON")):
        assert readings(house().tell(f"espresense/rooms/office/{setting}", said)) == []


def test_what_is_told_to_nodes_is_no_sign_of_their_life() -> None:
    assert house().tell("espresense/rooms/office/restart/set", "PRESS") == []
    assert house().tell("espresense/rooms/*/absorption/set", "3.5") == []
    assert house().tell("espresense/settings/irk:00ff/config", {"id": "keys", "name": "Keys"}) == []


def test_a_node_announced_to_home_assistant_is_one_device() -> None:
    told = house()
    device = {"ids": ["espresense_0a1b2c"], "name": "ESPresense Office", "mf": "ESPresense (DIY)", "sw": "v3.3.5"}
    motion = {"~": "espresense/rooms/office", "uniq_id": "m", "stat_t": "~/motion", "avty_t": "~/status", "dev": device}
    restart = {"~": "espresense/rooms/office", "uniq_id": "r", "cmd_t": "~/restart/set", "dev": device}
    found = [
        *told.tell("homeassistant/binary_sensor/espresense_0a1b2c/motion/config", motion),
        *told.tell("homeassistant/button/espresense_0a1b2c/restart/config", restart),
        *told.tell("espresense/rooms/office/motion", "ON"),
    ]
    assert {seen.device for seen in found} == {"espresense/office"}
    assert {"ESPresense Office"} == {seen.name for seen in found if isinstance(seen, DeviceHealth) and seen.name}

"""Bluetooth sensors: what gateways decoded, Ruuvi's advertisements as they stand in the air, and nobody's phone."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Incident, Motion, Observation
from firmware_bridge.family.ble.family import FAMILY
from tests.bridge.family.hearing import changed, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples

TAG = "ble/A4:C1:38:00:00:01"
SAID: dict[str, Any] = {
    "id": "A4:C1:38:00:00:01",
    "name": "cellar",
    "rssi": -62,
    "brand": "Xiaomi",
    "model": "TH Sensor",
    "model_id": "LYWSD03MMC_ATC",
    "type": "THB",
    "tempc": 21.5,
    "tempf": 70.7,
    "hum": 45,
    "batt": 88,
    "volt": 2.95,
}


def heard(**said: Any) -> list[Observation]:
    message = {"id": "A4:C1:38:00:00:01", "rssi": -60, "model_id": "X", **said}
    return Conversation(FAMILY).tell("home/hall/BTtoMQTT/A4C138000001", message)


def readings(found: list[Observation]) -> dict[str, tuple[float, str]]:
    return {
        f"{seen.metric}.{seen.channel}".rstrip("."): (round(seen.value, 3), seen.unit)
        for seen in found
        if isinstance(seen, EnvironmentReading)
    }


def test_a_sensor_is_named_by_its_address_whichever_gateway_hears_it() -> None:
    for topic in ("home/hall/BTtoMQTT/A4C138000001", "site/west/cellar/BTtoMQTT/A4C138000001", "ble/any"):
        found = Conversation(FAMILY).tell(topic, SAID)
        assert {seen.device for seen in found} == {TAG}
        assert readings(found) == {"temperature": (21.5, "Cel"), "humidity": (45, "%")}
    health = heard(batt=88, volt=2.95, brand="Xiaomi")[0]
    assert isinstance(health, DeviceHealth)
    assert (health.battery_percent, health.voltage_v, health.via) == (88, 2.95, "openmqttgateway/hall")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"tempf": 68}, {"temperature": (20, "Cel")}),
        ({"tempc": 20, "tempc2": 30}, {"temperature": (20, "Cel"), "temperature.2": (30, "Cel")}),
        ({"type": "TPMS", "pres": 2.2}, {"tyre_pressure": (2200, "hPa")}),
        ({"pres": 1001.5}, {"pressure": (1001.5, "hPa")}),
        ({"model_id": "HOBOMX2001", "lvl_cm": 11.2}, {"water_level": (0.112, "m")}),
        ({"lvl_cm": 15}, {"level": (0.15, "m")}),
        ({"moi": 42, "fer": 300}, {"soil_moisture": (42, "%"), "soil_conductivity": (300, "uS/cm")}),
        ({"for": 0.02, "co2": 612}, {"formaldehyde": (0.02, "mg/m3"), "co2": (612, "[ppm]")}),
        ({"open": 54}, {"position": (54, "%")}),
        ({"sum": 21.2, "sumu": "kWh", "avg": 2.5, "avgu": "kW"}, {"energy": (21.2, "kWh"), "power": (2500, "W")}),
        ({"in_ct": 3, "x_axis": 0.5}, {"contact_count.in": (3, "1"), "acceleration.x": (0.5, "m/s2")}),
    ],
)
def test_values_are_in_our_units(said: dict[str, Any], expected: dict[str, tuple[float, str]]) -> None:
    assert readings(heard(**said)) == expected


def test_contacts_motion_and_presses() -> None:
    assert [(seen.name, seen.active) for seen in heard(open=True, lowbatt=True) if isinstance(seen, Alarm)] == [
        ("contact", True),
        ("battery_low", True),
    ]
    assert [seen.active for seen in heard(motion=False, contact="closed") if isinstance(seen, Motion)] == [False]
    pressed = [seen for seen in heard(packet=30, button1=0, button2=2) if isinstance(seen, Alarm)]
    assert [(seen.area, seen.momentary, seen.attributes) for seen in pressed] == [("2", True, {"press": 2})]


@pytest.mark.parametrize(
    "said",
    [
        {"type": "BODY", "model_id": "APPLEWATCH", "prmac": True},
        {"type": "RMAC", "model_id": "APPLE_CONT"},
        {"type": "TRACK", "model_id": "TILE"},
        {"type": "SCALE", "weight": 61.75},
        {"model_id": "", "manufacturerdata": "4c00", "name": "somebody's"},
    ],
)
def test_what_people_carry_is_left_alone(said: dict[str, Any]) -> None:
    assert heard(**said) == []


def test_the_gateway_is_there_and_hears_remote_controls() -> None:
    gateway = Conversation(FAMILY)
    assert gateway.tell("home/hall/LWT", "offline") == [DeviceHealth(device="openmqttgateway/hall", state="offline")]
    health = gateway.tell("home/hall/SYStoMQTT", {"uptime": 12, "version": "v1.7.0", "rssi": -50, "modules": ["BT"]})
    assert health == [DeviceHealth(device="openmqttgateway/hall", firmware="v1.7.0", uptime_s=12, signal_dbm=-50)]
    code = gateway.tell("home/hall/433toMQTT", {"value": 5393, "protocol": 1, "length": 24, "delay": 320})
    assert code == [
        Incident(
            device="openmqttgateway/hall",
            event_type="rf_received",
            attributes={"value": "5393", "protocol": "1", "length": "24"},
        )
    ]


RUUVI = "ruuvi/C8:25:2D:00:00:01/F4:A7:69:00:00:02"
FORMAT_5 = "0201061BFF990405" + "12FC" + "5394" + "C37C" + "0004FFFC040C" + "AC36" + "42" + "00CD" + "F4A769000002"
AT = datetime(2022, 8, 1, 14, 47, 2, tzinfo=UTC)


def ruuvi(data: str) -> list[Observation]:
    said = {"gw_mac": "C8:25:2D:00:00:01", "rssi": -60, "ts": "1659365222", "data": data, "coords": ""}
    return Conversation(FAMILY).tell(RUUVI, said)


def test_a_ruuvitags_advertisement_is_read_as_it_stands_in_the_air() -> None:
    found = ruuvi(FORMAT_5)
    assert {(seen.device, seen.observed_at) for seen in found} == {("ble/F4:A7:69:00:00:02", AT)}
    assert readings(found) == {
        "temperature": (24.3, "Cel"),
        "humidity": (53.49, "%"),
        "pressure": (1000.44, "hPa"),
        "acceleration.x": (0.004, "[g]"),
        "acceleration.y": (-0.004, "[g]"),
        "acceleration.z": (1.036, "[g]"),
        "motion_count": (66, "1"),
    }
    health = found[0]
    assert isinstance(health, DeviceHealth)
    assert (health.voltage_v, health.signal_dbm, health.via) == (2.977, -60, "ble/C8:25:2D:00:00:01")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "99040329" + "1A1E" + "CE1E" + "FC18FA0900CA" + "0B53",
            {"temperature": (26.3, "Cel"), "humidity": (20.5, "%")},
        ),
        ("99040329" + "9A1E" + "CE1E" + "FC18FA0900CA" + "0B53", {"temperature": (-26.3, "Cel")}),
        (
            "990406" + "170C" + "5668" + "C79E" + "0070" + "00C9" + "05" + "01" + "D9" + "7D" + "CD" + "50" + "4C884F",
            {
                "temperature": (29.5, "Cel"),
                "pm2_5": (11.2, "ug/m3"),
                "co2": (201, "[ppm]"),
                "voc_index": (11, "1"),
                "nox_index": (2, "1"),
                "sound_level": (68.2, "dB"),
            },
        ),
        (
            "9904E1" + "170C" + "5668" + "C79E" + "0065" + "0070" + "04BD" + "FFFF" + "00C9" + "0A" + "02" + "13E0AC"
            "0000003DD5B4" + "C0" + "0000000000" + "F4A769000002",
            {
                "pm1": (10.1, "ug/m3"),
                "pm4": (121.3, "ug/m3"),
                "voc_index": (21, "1"),
                "nox_index": (5, "1"),
                "illuminance": (13027.0, "lx"),
            },
        ),
    ],
    ids=["3", "3 below zero", "6", "E1"],
)
def test_each_of_ruuvis_formats(body: str, expected: dict[str, tuple[float, str]]) -> None:
    told = readings(ruuvi("020106" + "FF" + body))
    assert {name: told[name] for name in expected} == expected
    assert "pm10" not in told


def test_what_was_not_measured_and_what_others_advertise_is_nothing() -> None:
    unset = "0201061BFF990405" + "8000" + "FFFF" + "FFFF" + "800080008000" + "FFFF" + "FF" + "FFFF" + "F4A769000002"
    assert [type(seen) for seen in ruuvi(unset)] == [DeviceHealth]
    assert ruuvi("0201061AFF4C000215") == []
    assert ruuvi("not hexadecimal") == []


def test_a_gateway_may_decode_and_may_bring_many() -> None:
    tags = {"F4:A7:69:00:00:02": {"rssi": -60, "timestamp": "1659365222", "data": FORMAT_5}}
    said = {"data": {"timestamp": "1659365223", "nonce": "1", "gw_mac": "C8:25:2D:00:00:01", "tags": tags}}
    found = Conversation(FAMILY).tell("roof/ruuvi", said)
    assert readings(found)["temperature"] == (24.3, "Cel")
    assert Conversation(FAMILY).tell("ruuvi/C8:25:2D:00:00:01/gw_status", {"state": "offline"}) == [
        DeviceHealth(device="ble/C8:25:2D:00:00:01", manufacturer="Ruuvi", model="Gateway", state="offline")
    ]


@settings(max_examples=examples(200))
@given(changed([SAID, {**SAID, "open": True, "button1": 1}, {"gw_mac": "C8", "tags": {"F4": {"data": FORMAT_5}}}]))
def test_nothing_raises(said: Any) -> None:
    outcome(FAMILY, said)
    outcome(FAMILY, said, RUUVI)

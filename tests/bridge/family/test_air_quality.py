"""Air quality monitors that a mapping file describes: AirGradient and PurpleAir."""

from datetime import UTC, datetime
from typing import Any

import pytest

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from appliance.wiring_families import FAMILY_FOLDER
from firmware_bridge.mapping.compile import compile_mapping
from tests.bridge.family.told import Conversation

GRADIENT: dict[str, Any] = {
    "wifi": -46,
    "serialno": "aabbccddeeff",
    "rco2": 447,
    "pm01": 3,
    "pm02": 7,
    "pm10": 8,
    "pm003Count": 442,
    "atmp": 25.87,
    "atmpCompensated": 24.47,
    "rhum": 43,
    "tvocIndex": 100,
    "noxIndex": 1,
    "boot": 6,
    "bootCount": 6,
    "firmware": "3.1.3",
    "model": "I-9PSL",
}
PURPLE: dict[str, Any] = {
    "SensorId": "84:f3:eb:0:0:1",
    "DateTime": "2023/04/07T18:40:57z",
    "Geo": "PurpleAir-1",
    "lat": 29.37,
    "lon": 47.97,
    "place": "outside",
    "version": "7.02",
    "uptime": 150672,
    "rssi": -68,
    "current_temp_f": 68,
    "current_humidity": 40,
    "current_dewpoint_f": 41,
    "pressure": 1007.35,
    "pm2.5_aqi": 14,
    "pm2_5_cf_1": 3.42,
    "pm2_5_atm": 3.4,
    "pm2_5_atm_b": 2.65,
}


def heard(name: str, topic: str, said: Any) -> list[Observation]:
    family = compile_mapping((FAMILY_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return Conversation(family).tell(topic, said)


def readings(found: list[Observation]) -> dict[str, tuple[float, str]]:
    return {seen.metric: (round(seen.value, 3), seen.unit) for seen in found if isinstance(seen, EnvironmentReading)}


def test_what_airgradient_measures_has_its_names_and_units() -> None:
    for topic in ("airgradient/readings/aabbccddeeff", "school/air"):
        found = heard("airgradient", topic, GRADIENT)
        assert readings(found) == {
            "co2": (447, "[ppm]"),
            "pm1": (3, "ug/m3"),
            "pm2_5": (7, "ug/m3"),
            "pm10": (8, "ug/m3"),
            "particles_0_3": (442, "/dL"),
            "temperature": (25.87, "Cel"),
            "temperature_compensated": (24.47, "Cel"),
            "humidity": (43, "%"),
            "voc_index": (100, "1"),
            "nox_index": (1, "1"),
        }
        health = next(seen for seen in found if isinstance(seen, DeviceHealth))
        assert (health.device, health.model, health.signal_dbm) == ("airgradient/aabbccddeeff", "I-9PSL", -46)


def test_what_purpleair_measures_is_in_our_units_at_its_place_and_time() -> None:
    found = heard("purpleair", "school/air", PURPLE)
    assert readings(found) == {
        "temperature": (20.0, "Cel"),
        "humidity": (40, "%"),
        "dew_point": (5.0, "Cel"),
        "pressure": (1007.35, "hPa"),
        "pm2_5": (3.4, "ug/m3"),
        "pm2_5.b": (2.65, "ug/m3"),
        "pm2_5.cf1": (3.42, "ug/m3"),
    }
    assert {seen.device for seen in found} == {"purpleair/84:f3:eb:0:0:1"}
    assert {seen.observed_at for seen in found} == {datetime(2023, 4, 7, 18, 40, 57, tzinfo=UTC)}
    assert {(seen.longitude, seen.latitude) for seen in found} == {(47.97, 29.37)}


def thingsee(**values: Any) -> list[Observation]:
    said = {"tsmTuid": "TSAR02", "tsmTs": 1657105690, "tsmGw": "TSGW06", "tsmEv": 10, **values}
    family = compile_mapping((FAMILY_FOLDER / "environment.toml").read_text(encoding="utf-8"))
    return Conversation(family).tell("hexpost/v1/a/gateway/raw/environment", said)


@pytest.mark.parametrize(
    ("said", "metric", "value", "unit"),
    [
        ({"tsmId": 24100, "carbonDioxide": 460, "status": 0}, "co2", 460, "[ppm]"),
        ({"tsmId": 24101, "tvoc": 10}, "voc", 10, "[ppb]"),
        ({"tsmId": 12100, "airp": 97021.277}, "pressure", 970.21277, "hPa"),
        ({"tsmId": 12100, "lght": 40}, "illuminance", 40, "lx"),
        ({"tsmId": 13100, "moveCount": 3}, "motion_count", 3, "1"),
        ({"tsmId": 1111, "accz": 950}, "acceleration.z", 950, "m[g]"),
    ],
)
def test_a_thingsee_tag_measures_by_its_kind_of_message(
    said: dict[str, Any], metric: str, value: float, unit: str
) -> None:
    assert [
        (f"{seen.metric}.{seen.channel}" if seen.channel else seen.metric, seen.value, seen.unit)
        for seen in thingsee(**said)
        if isinstance(seen, EnvironmentReading)
    ] == [(metric, value, unit)]


def test_a_thingsee_tag_sees_and_feels() -> None:
    assert [seen.active for seen in thingsee(tsmId=2100, state=1) if isinstance(seen, Motion)] == [True]
    assert [seen.active for seen in thingsee(tsmId=12101, hall=0) if isinstance(seen, Alarm)] == [False]
    health = next(seen for seen in thingsee(tsmId=1110, batl=93) if isinstance(seen, DeviceHealth))
    assert (health.battery_percent, health.manufacturer, health.via) == (93, "Haltian", "TSGW06")


def test_a_davis_console_tells_an_object_for_each_of_its_sensors() -> None:
    outside = {"lsid": 1, "data_structure_type": 1, "txid": 2, "temp": 70.7, "wind_speed_last": 10, "rain_size": 1}
    console = {"lsid": 2, "data_structure_type": 4, "temp_in": 68.0, "hum_in": 41.5}
    barometer = {"lsid": 3, "data_structure_type": 3, "bar_absolute": 29.5, "bar_trend": None}
    said = {"data": {"did": "001D0A", "ts": 1531754005, "conditions": [outside, console, barometer]}, "error": None}
    family = compile_mapping((FAMILY_FOLDER / "davis.toml").read_text(encoding="utf-8"))
    found = Conversation(family).tell("garden/davis", said)
    assert {(seen.device, seen.observed_at) for seen in found} == {
        ("davis/001D0A", datetime(2018, 7, 16, 15, 13, 25, tzinfo=UTC))
    }
    assert [(seen.metric, seen.channel, seen.value) for seen in found if isinstance(seen, EnvironmentReading)] == [
        ("temperature", "2", 21.5),
        ("wind_speed", "2", 4.4704),
        ("temperature.indoor", "", 20),
        ("humidity.indoor", "", 41.5),
        ("pressure", "", 998.984657),
    ]

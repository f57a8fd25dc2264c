"""Air quality monitors that a mapping file describes: AirGradient, PurpleAir, Awair, Netatmo, uRADMonitor."""

from datetime import UTC, datetime
from typing import Any

import pytest

from appliance.model.observation import DeviceHealth, EnvironmentReading, Observation
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


def test_airgradients_first_versions_wrote_some_names_otherwise() -> None:
    said = {"wifi": -46, "serialno": "aabbcc", "rco2": 447, "atmp": 20.5, "tvoc_raw": 33051, "nox_raw": 16307}
    found = heard("airgradient", "school/air", {**said, "boot": 6, "firmwareVersion": "3.0.10", "fwMode": "I-9PSL"})
    assert readings(found) == {
        "co2": (447, "[ppm]"),
        "temperature": (20.5, "Cel"),
        "voc_raw": (33051, ""),
        "nox_raw": (16307, ""),
    }
    health = next(seen for seen in found if isinstance(seen, DeviceHealth))
    assert (health.firmware, health.model) == ("3.0.10", "I-9PSL")


def test_purpleair_counts_particles_in_a_decilitre() -> None:
    said = {name: value for name, value in PURPLE.items() if not name.startswith(("pm", "current", "pressure"))}
    found = heard("purpleair", "school/air", {**said, "pm2_5_cf_1": 4, "p_0_3_um": 1488, "p_10_0_um_b": 2})
    assert readings(found) == {
        "pm2_5.cf1": (4, "ug/m3"),
        "particles_0_3": (1488, "/dL"),
        "particles_10.b": (2, "/dL"),
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"timestamp": "2021-03-01T10:11:12.000Z", "score": 88, "temp": 21.9, "humid": 51.8, "voc_baseline": 37000},
            {"air_quality_score": (88, "1"), "temperature": (21.9, "Cel"), "humidity": (51.8, "%")},
        ),
        (
            {"time_utc": 1614593472, "Temperature": 21.5, "Noise": 38, "Pressure": 1013.2, "max_temp": 25},
            {"temperature": (21.5, "Cel"), "sound_level": (38, "dB"), "sea_level_pressure": (1013.2, "hPa")},
        ),
        (
            {"_id": "06:00:00", "dashboard_data": {"time_utc": 1614593472, "WindStrength": 36, "WindAngle": 200}},
            {"wind_speed": (10, "m/s"), "wind_direction": (200, "deg")},
        ),
        (
            {"data": {"id": "82000123", "cpm": 12, "temperature": 20.5, "pressure": 101325, "voltage": 380}},
            {"radiation_counts": (12, "/min"), "temperature": (20.5, "Cel"), "pressure": (1013.25, "hPa")},
        ),
    ],
    ids=["awair", "netatmo", "netatmo module", "uradmonitor"],
)
def test_what_others_measure_of_the_air(said: dict[str, Any], expected: dict[str, tuple[float, str]]) -> None:
    found = heard("air_sensors", "school/air", said)
    assert readings(found) == expected
    assert {seen.observed_at for seen in found} <= {datetime(2021, 3, 1, 10, 11, 12, tzinfo=UTC), None}

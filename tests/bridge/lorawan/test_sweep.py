"""What network servers' own codecs make of bodies: members by name, whoever wrote the codec."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.sweep import sweep
from tests.bridge.family.hearing import odd_json
from tests.bridge.lorawan.test_codecs import said
from tests.conftest import examples


def swept(decoded: Any) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """Observations and facts of a decoded object."""
    findings = Findings("x/1", None, "")
    sweep(decoded, findings)
    return [said(one) for one in findings.observations], findings.facts


CASES: list[tuple[str, Any, list[tuple[Any, ...]], dict[str, Any]]] = [
    (
        "plain names",
        {"humidity": 44, "temperature": 32, "co2": 450, "pm2_5": 7.5},
        [
            ("humidity", "", 44.0, "%"),
            ("temperature", "", 32.0, "Cel"),
            ("co2", "", 450.0, "[ppm]"),
            ("pm2_5", "", 7.5, "ug/m3"),
        ],
        {},
    ),
    (
        "Cayenne of The Things Stack",
        {"temperature_3": 22.5, "relative_humidity_2": 50, "gps_1": {"latitude": 1.5, "longitude": 2.5, "altitude": 3}},
        [("temperature", "3", 22.5, "Cel"), ("humidity", "2", 50.0, "%"), ("position", 1.5, 2.5)],
        {},
    ),
    (
        "Cayenne of ChirpStack",
        {"temperatureSensor": {"3": 22.5}, "gpsLocation": {"1": {"latitude": 1.0, "longitude": 2.0}}},
        [("temperature", "3", 22.5, "Cel"), ("position", 1.0, 2.0)],
        {},
    ),
    (
        "states in words",
        {"battery": 100, "leakage_status": "leak", "magnet_status": "close", "pir": "trigger", "occupancy": "vacant"},
        [("water_leak", "", True), ("contact", "", False), ("motion", True), ("occupancy", "", 0.0, "1")],
        {"battery_percent": 100.0},
    ),
    ("a length without a unit", {"distance": 2116}, [("distance", "", 2116.0, "")], {}),
    ("a length with one", {"distance_mm": 2116}, [("distance", "", 2.116, "m")], {}),
    ("pressure in Pa", {"barometric_pressure": 96412}, [("pressure", "", 964.12, "hPa")], {}),
    ("pressure in kPa", {"pressure": 95.96}, [("pressure", "", 959.6, "hPa")], {}),
    ("pressure of a pipe", {"pressure": 3.5}, [("pressure", "", 3.5, "")], {}),
    (
        "people",
        {"total_counter_in": 190, "total_counter_out": 305, "periodic_counter_in": 2, "periodic_counter_out": 0},
        [("people", "", 190, 305, None, True), ("people", "", 2, 0, None, False)],
        {},
    ),
    (
        "people by line and region",
        {"line_1_total_in": 1, "line_1_total_out": 2, "region_1_count": 3, "people_count": 7},
        [
            ("people", "line_1", 1, 2, None, True),
            ("people", "region_1", None, None, 3, False),
            ("people", "", None, None, 7, False),
        ],
        {},
    ),
    (
        "Dragino",
        {"BatV": 3.05, "TempC_SHT": 21.2, "Hum_SHT": 55, "Ext_sensor": "Temperature Sensor"},
        [("temperature", "", 21.2, "Cel"), ("humidity", "", 55.0, "%")],
        {"voltage_v": 3.05},
    ),
    (
        "normalized by The Things Stack",
        [{"air": {"temperature": 21, "relativeHumidity": 40}, "soil": {"moisture": 12}, "wind": {"speed": 3}}],
        [
            ("temperature", "", 21.0, "Cel"),
            ("humidity", "", 40.0, "%"),
            ("soil_moisture", "", 12.0, "%"),
            ("wind_speed", "", 3.0, "m/s"),
        ],
        {},
    ),
    (
        "nested, with what is not known",
        {"tank": {"fill": 12, "inner": {"temp": 3.5}}, "series": [1, 2]},
        [
            ("tank.fill", "", 12.0, ""),
            ("temperature", "tank.inner", 3.5, "Cel"),
            ("series", "0", 1.0, ""),
            ("series", "1", 2.0, ""),
        ],
        {},
    ),
    ("millivolts", {"vdd": 3426}, [], {"voltage_v": 3.426}),
    ("an error code", {"temperature": -327.68}, [], {}),
    (
        "odd members",
        {"temperature": None, "humidity": "unavailable", "co2": "451", "bytes": [1, 2], "fport": 3},
        [("co2", "", 451.0, "[ppm]")],
        {},
    ),
]


@pytest.mark.parametrize(("decoded", "observations", "facts"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_members_become_observations_by_their_names(
    decoded: Any, observations: list[tuple[Any, ...]], facts: dict[str, Any]
) -> None:
    assert swept(decoded) == (observations, facts)


def test_a_flood_of_members_is_bounded() -> None:
    observations, _ = swept({f"value_{n}x": n for n in range(5000)})
    assert len(observations) == 200


@settings(max_examples=examples(200))
@given(odd_json())
def test_any_json_is_swept_without_an_error(decoded: Any) -> None:
    for name in ("temperature", "total_in", "leak", "battery", "latitude", "pir"):
        findings = Findings("x/1", None, "")
        sweep({name: decoded, "in": {name: decoded}, "longitude": decoded}, findings)
        for seen in findings.observations:
            assert math.isfinite(getattr(seen, "value", 0.0)), seen
            assert msgspec.json.encode(seen)

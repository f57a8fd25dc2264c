"""The Things Stack's normalized payload: names and units that are laid down."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.normalized import tell_normalized
from tests.bridge.family.hearing import odd_json
from tests.bridge.lorawan.test_codecs import said
from tests.conftest import examples

CASES: list[tuple[Any, list[tuple[Any, ...]], dict[str, Any]]] = [
    (
        [{"air": {"location": "indoor", "temperature": 25.3, "relativeHumidity": 44.5}, "battery": 3}],
        [("temperature", "", 25.3, "Cel"), ("humidity", "", 44.5, "%")],
        {"voltage_v": 3.0},
    ),
    (
        {"air": {"pressure": 1013.2, "co2": 850, "lightIntensity": 120}, "wind": {"speed": 2, "direction": 90}},
        [
            ("pressure", "", 1013.2, "hPa"),
            ("co2", "", 850.0, "[ppm]"),
            ("illuminance", "", 120.0, "lx"),
            ("wind_speed", "", 2.0, "m/s"),
            ("wind_direction", "", 90.0, "deg"),
        ],
        {},
    ),
    (
        [
            {"soil": {"depth": 10, "moisture": 20, "temperature": 12, "ec": 0.45, "pH": 6.5, "n": 1, "p": 2, "k": 3}},
            {"soil": {"depth": 30, "moisture": 25}},
        ],
        [
            ("soil_moisture", "10 cm", 20.0, "%"),
            ("soil_temperature", "10 cm", 12.0, "Cel"),
            ("soil_conductivity", "10 cm", 450.0, "uS/cm"),
            ("soil_ph", "10 cm", 6.5, "[pH]"),
            ("soil_nitrogen", "10 cm", 1.0, "[ppm]"),
            ("soil_phosphorus", "10 cm", 2.0, "[ppm]"),
            ("soil_potassium", "10 cm", 3.0, "[ppm]"),
            ("soil_moisture", "30 cm", 25.0, "%"),
        ],
        {},
    ),
    (
        {"water": {"leak": True, "temperature": {"min": 4, "max": 9, "avg": 6, "current": 5}}},
        [
            ("water_leak", "", True),
            ("water_temperature", "min", 4.0, "Cel"),
            ("water_temperature", "max", 9.0, "Cel"),
            ("water_temperature", "mean", 6.0, "Cel"),
            ("water_temperature", "", 5.0, "Cel"),
        ],
        {},
    ),
    (
        {
            "action": {"motion": {"detected": True, "count": 4}, "contactState": "closed"},
            "metering": {"water": {"total": 1500}},
            "position": {"latitude": 1.5, "longitude": 2.5},
        },
        [
            ("motion", True),
            ("motion_count", "", 4.0, "1"),
            ("contact", "", False),
            ("water_volume", "", 1.5, "m3"),
            ("position", 1.5, 2.5),
        ],
        {},
    ),
    (
        {"rain": {"intensity": 2.5, "cumulative": 12}},
        [("rain_rate", "", 2.5, "mm/h"), ("rain_total", "", 12.0, "mm")],
        {},
    ),
    # what is not laid down is read by its name
    (
        {"air": {"pm2_5": 7.5, "temperature": 21, "co2": "?"}},
        [("temperature", "", 21.0, "Cel"), ("pm2_5", "", 7.5, "ug/m3")],
        {},
    ),
]


@pytest.mark.parametrize(("payload", "observations", "facts"), CASES)
def test_what_a_measurement_says(payload: Any, observations: list[tuple[Any, ...]], facts: dict[str, Any]) -> None:
    findings = Findings("x/1", None, "")
    tell_normalized(payload, findings)
    assert ([said(one) for one in findings.observations], findings.facts) == (observations, facts)


def test_a_measurement_with_a_time_has_that() -> None:
    findings = Findings("x/1", None, "up-1")
    tell_normalized([{"time": "2022-08-23T17:13:21Z", "air": {"temperature": 21}}], findings)
    assert findings.observations[0].observed_at == datetime(2022, 8, 23, 17, 13, 21, tzinfo=UTC)


@settings(max_examples=examples(100))
@given(odd_json())
def test_any_json_is_read_without_an_error(payload: Any) -> None:
    for odd in (payload, [payload], {"air": payload, "action": {"motion": payload}, "water": {"leak": payload}}):
        tell_normalized(odd, Findings("x/1", None, ""))

"""What network servers' own codecs make of bodies: members by name, whoever wrote the codec."""

import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.makers_names import kind_of_maker
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
    (
        "values with their units beside them",
        {
            "wind_speed": {"displayName": "Wind speed", "value": 7.2, "unit": "km/h"},
            "solar_radiation": {"displayName": "Solar radiation", "value": 312, "unit": "W⋅m⁻²"},
            "battery_voltage": {"displayName": "Battery voltage", "value": 2.9, "unit": "V"},
        },
        [("wind_speed", "", 2.0, "m/s"), ("solar_irradiance", "", 312.0, "W/m2")],
        {"voltage_v": 2.9},
    ),
    ("a text with its unit", {"Distance": "1752 mm"}, [("distance", "", 1.752, "m")], {}),
    (
        "batteries by any name",
        {"bat_percentage": 86.5, "battVolt": 3.6},
        [],
        {"battery_percent": 86.5, "voltage_v": 3.6},
    ),
    (
        "temperatures of several places, and one that is only wanted",
        {"TempC_DS18B20": "24.1", "sensorTemperature": 18.0, "temperatureBoard": 21, "targetTemperature": 22},
        [
            ("temperature", "ds18_b20", 24.1, "Cel"),
            ("temperature", "sensor", 18.0, "Cel"),
            ("temperature", "board", 21.0, "Cel"),
            ("target_temperature", "", 22.0, "Cel"),
        ],
        {},
    ),
    (
        "a tracker that names its units",
        {"latitudeDeg": -32.5, "longitudeDeg": 116.25, "batV": 5.5, "speedKmph": 36},
        [("position", -32.5, 116.25), ("speed", "", 10.0, "m/s")],
        {"voltage_v": 5.5},
    ),
    (
        "buttons and sockets",
        {"button_event": {"status": "short press"}, "switch_1": "on", "socket_status": "off"},
        [("button", "", True), ("switch", "1", 1.0, "1"), ("socket_status", "", 0.0, "1")],
        {},
    ),
    (
        "who the device is",
        {"firmware_version": "v1.2", "sn": "6749D1905469", "imei": "868508064807350", "iccid": "89860412102270062857"},
        [],
        {"firmware": "v1.2", "serial": "6749D1905469"},
    ),
    (
        "one of several, by its own number or its place in the list",
        {"regions": [{"count": 1, "index": 4}, {"count": 2, "index": 5}], "probes": [{"temp": 1.5}, {"temp": 2.5}]},
        [
            ("regions.4.count", "", 1.0, ""),
            ("regions.5.count", "", 2.0, ""),
            ("temperature", "probes.0", 1.5, "Cel"),
            ("temperature", "probes.1", 2.5, "Cel"),
        ],
        {},
    ),
    ("how many regions there are is no count of people", {"region_count": 3}, [("region_count", "", 3.0, "")], {}),
    (
        "SenseCAP, which numbers what it measures",
        {
            "messages": [
                [
                    {"type": "Air Temperature", "measurementId": "4097", "measurementValue": 21.5},
                    {"type": "Barometric Pressure", "measurementId": 4101, "measurementValue": 101300},
                    {"type": "Longitude", "measurementId": "4197", "measurementValue": 47.9},
                    {"type": "Latitude", "measurementId": "4198", "measurementValue": 29.3},
                ],
                {"type": "upload_battery", "battery": 90},
            ]
        },
        [("temperature", "", 21.5, "Cel"), ("pressure", "", 1013.0, "hPa"), ("position", 29.3, 47.9)],
        {"battery_percent": 90.0},
    ),
    (
        "degrees Fahrenheit, and names that only end like a unit",
        {"temp_f": 68, "fahrenheit_ambient_temperature": 77, "A_to_C": 3, "Temp_C": 21},
        [
            ("temperature", "", 20.0, "Cel"),
            ("temperature", "", 25.0, "Cel"),
            ("a_to_c", "", 3.0, ""),
            ("temperature", "", 21.0, "Cel"),
        ],
        {},
    ),
    (
        "several of a kind",
        {"temperature_chn2": 24, "TempC1": 25, "soil_moisture3": 21, "magnet_chn1": "open", "button_2": "short press"},
        [
            ("temperature", "2", 24.0, "Cel"),
            ("temperature", "1", 25.0, "Cel"),
            ("soil_moisture", "3", 21.0, "%"),
            ("contact", "1", True),
            ("button", "2", True),
        ],
        {},
    ),
    (
        "units behind names",
        {"ADC_CH0V": 1.5, "AVI1_V": 1, "ACI1_mA": 4, "Water_pressure_MPa": 0.5, "Water_deep_cm": 50},
        [
            ("adc", "0", 1.5, "V"),
            ("avi1", "", 1.0, "V"),
            ("aci1", "", 0.004, "A"),
            ("water_pressure", "", 500.0, "kPa"),
            ("water_level", "", 0.5, "m"),
        ],
        {},
    ),
    (
        "alarms in words and their ends",
        {
            "temperature_alarm": "threshold alarm",
            "wind_alarm": "threshold release alarm",
            "gas_alarm_status": 5,
            "current_alarm": {"current_threshold_alarm": 1, "current_threshold_alarm_release": 0},
        },
        [
            ("temperature_alarm", "", True),
            ("wind_alarm", "", False),
            ("gas_alarm", "", 5.0, ""),
            ("current_threshold_alarm", "current_alarm", True),
        ],
        {},
    ),
    (
        "what is set, and what tells of the message",
        {"plan_schedule": [{"id": 1}], "wires": {"y1": "on"}, "switch_1_change": "yes", "button_1_msgid": 7, "mod": 1},
        [],
        {},
    ),
    (
        "a byte of ones, names with dots, what was asked of the device",
        {"motion_event_state": 255, "reed_state": 255, "PM2.5": 4, "PM1.0": 3, "MinTime": 900, "BatteryChange": 0.1},
        [("motion", True), ("contact", "", True), ("pm2_5", "", 4.0, "ug/m3"), ("pm1", "", 3.0, "ug/m3")],
        {},
    ),
    ("a probe that is not there", {"TempC_DS18B20": "327.67", "TempC_DS": "327.67"}, [], {}),
    ("an index that the same name as ppb hides", {"tvoc": 0.37}, [("voc", "", 0.37, "")], {}),
    ("a power factor in percent", {"power_factor": 97}, [("power_factor", "", 0.97, "1")], {}),
]


def test_what_was_measured_before_has_its_own_time() -> None:
    findings = Findings("x/1", datetime(2026, 11, 1, tzinfo=UTC), "u1")
    sweep({"temperature": 30.5, "history": [{"temperature": 27.5, "timestamp": 1665561758}]}, findings)
    assert [(said(one), one.observed_at, one.observation_id) for one in findings.observations] == [
        (("temperature", "", 30.5, "Cel"), datetime(2026, 11, 1, tzinfo=UTC), "u1"),
        (("temperature", "", 27.5, "Cel"), datetime(2022, 10, 12, 8, 2, 38, tzinfo=UTC), ""),
    ]


def test_a_makers_own_units_are_known_where_the_maker_is() -> None:
    findings = Findings("x/1", None, "")
    sweep({"distance": 2116, "depth": 55, "ec": 240}, findings, maker="milesight")
    assert [said(one) for one in findings.observations] == [
        ("distance", "", 2.116, "m"),
        ("depth", "", 0.55, "m"),
        ("soil_conductivity", "", 240.0, "uS/cm"),
    ]


def test_volts_under_a_plain_battery_are_volts_where_the_maker_has_them() -> None:
    for maker, facts in (
        ("browan", {"voltage_v": 3.0}),
        ("dragino", {"voltage_v": 3.0}),
        ("", {"battery_percent": 3.0}),
    ):
        findings = Findings("x/1", None, "")
        sweep({"battery": 3}, findings, kind_of_maker(maker, ""))
        assert findings.facts == facts


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

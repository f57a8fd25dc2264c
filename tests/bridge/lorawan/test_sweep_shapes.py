"""What decoders write in ways of their own: units beside, behind and within names, records, states, makers' names."""

from typing import Any

import pytest

from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.makers_names import kind_of_maker
from firmware_bridge.lorawan.sweep import sweep
from tests.bridge.lorawan.test_codecs import said
from tests.bridge.lorawan.test_sweep import swept

CASES: list[tuple[str, Any, list[tuple[Any, ...]], dict[str, Any]]] = [
    ("a state under a battery's name is no battery of 0 %", {"battery": False, "Battery": True}, [], {}),
    (
        "batteries that run out, in words and as a state",
        {"Volt": "2.8(low battery)", "lowBattery": True, "alarmBattery": False, "rem_display_battery_capacity": 9},
        [
            ("battery_low", "", True),
            ("battery_low", "", True),
            ("battery_low", "", False),
            ("rem_display_battery_capacity", "", 9.0, ""),
        ],
        {"voltage_v": 2.8},
    ),
    ("the sign for degrees Celsius", {"temperature": "22.5 ℃"}, [("temperature", "", 22.5, "Cel")], {}),
    (
        "units behind names, and in capitals within them",
        {
            "[09] Measurements": {"[03] Pressure [hPa]": 1020.2, "[05] CO₂ [ppm]": 600, "[04] Light [lx]": 300},
            "pressure_hPa": 1013.2,
            "probe_mV": 500,
            "energy_kWh": 2.5,
        },
        [
            ("pressure", "", 1020.2, "hPa"),
            ("co2", "", 600.0, "[ppm]"),
            ("illuminance", "", 300.0, "lx"),
            ("pressure", "", 1013.2, "hPa"),
            ("probe", "", 0.5, "V"),
            ("energy", "", 2.5, "kWh"),
        ],
        {},
    ),
    (
        "the newest of several values with their unit, within what an Adeunis decoder wraps",
        {"bytes": {"temperature": {"unit": "°C", "values": [19.7, 19.9]}, "status": {"lowBattery": False}}},
        [
            ("temperature", "", 19.7, "Cel"),
            ("temperature", "earlier_1", 19.9, "Cel"),
            ("battery_low", "status", False),
        ],
        {},
    ),
    (
        "a list of one",
        {"tempNOW": [27.01], "humidity0": {"value": [50], "unit": "%"}},
        [("temperature", "", 27.01, "Cel"), ("humidity", "0", 50.0, "%")],
        {},
    ),
    (
        "records that name what they measure",
        [
            {"uuid": "t", "type": "temperature", "value": 21.73, "unit": "°C", "hardwareData": {"socket": 0}},
            {"variable": "co2", "value": 742, "unit": "ppm"},
            {"label": "BatteryPercentage", "value": 94.5},
            {"type": "leak", "value": 1},
        ],
        [("temperature", "", 21.73, "Cel"), ("co2", "", 742.0, "[ppm]"), ("water_leak", "", True)],
        {"battery_percent": 94.5},
    ),
    (
        "a record beside the same value is told once",
        {"co2": 612, "samples": [{"variable": "co2", "value": 612}]},
        [("co2", "", 612.0, "[ppm]")],
        {},
    ),
    (
        "alarms in words of any kind",
        {
            "temperature_alarm": "high temperature alarm",
            "water_alarm": "water outage timeout alarm",
            "distance_alarm": "threshold_alarm",
            "humidity_alarm": "above_threshold_alarm_release",
        },
        [
            ("temperature_alarm", "", True),
            ("water_alarm", "", True),
            ("distance_alarm", "", True),
            ("humidity_alarm", "", False),
        ],
        {},
    ),
    (
        "how often it moved, how wet it is",
        {"motion": 4, "waterleak": 17},
        [("motion_count", "", 4.0, "1"), ("motion", True), ("water_leak", "", True)],
        {},
    ),
    (
        "the same in Fahrenheit",
        {"ambient_temperature": 25.8, "fahrenheit_ambient_temperature": 78.4},
        [("temperature", "", 25.8, "Cel")],
        {},
    ),
    (
        "humidity in degrees is a decoder's slip",
        {"humidity": {"value": 17, "unit": "°C"}},
        [("humidity", "", 17.0, "%")],
        {},
    ),
    (
        "soil",
        {
            "volumetric_water_content": {"displayName": "VWC", "value": 0.25, "unit": "m³⋅m⁻³"},
            "soil_moisture_at_depth_1": {"value": 5.5, "unit": "%"},
            "cumulative_precipitation": {"value": 70, "unit": "mm"},
            "PH1_SOIL": "5.96",
            "soil_moist_2": 45,
            "soilMoisture": 0.4,
        },
        [
            ("soil_moisture", "", 25.0, "%"),
            ("soil_moisture", "1", 5.5, "%"),
            ("rain_total", "", 70.0, "mm"),
            ("soil_ph", "", 5.96, "[pH]"),
            ("soil_moisture", "2", 45.0, "%"),
            ("soil_moisture", "", 0.4, ""),
        ],
        {},
    ),
    (
        "several of carbon dioxide; ozone that can be no ppm",
        {"co2_1": 905, "co2_raw": 700, "o3": 20, "O3": 0.03},
        [
            ("co2", "1", 905.0, "[ppm]"),
            ("co2", "raw", 700.0, "[ppm]"),
            ("ozone", "", 20.0, ""),
            ("ozone", "", 0.03, "[ppm]"),
        ],
        {},
    ),
    (
        "what happened to a SenseCAP tracker",
        {
            "messages": [
                {"measurementId": "4200", "measurementValue": [{"id": 7, "eventName": "SOS event."}, {"id": 4}]},
                {"measurementId": "4200", "measurementValue": [{"id": 8}, {"id": 1}, {"id": 99}, "odd"]},
            ]
        },
        [("button", "sos", True), ("impact", "", True), ("button", "", True), ("motion", True)],
        {},
    ),
]


@pytest.mark.parametrize(("decoded", "observations", "facts"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_what_a_decoder_writes_in_its_own_way_is_understood(
    decoded: Any, observations: list[tuple[Any, ...]], facts: dict[str, Any]
) -> None:
    assert swept(decoded) == (observations, facts)


@pytest.mark.parametrize(
    ("model", "decoded", "observations"),
    [
        (
            "CT101",
            {"current": 30, "total_current": 100},
            [("current", "1", 30, "A"), ("current_total", "1", 100, "A.h")],
        ),
        ("WS523", {"current": 168, "active_power": 35}, [("current", "", 0.168, "A"), ("power", "", 35, "W")]),
        ("EM500-PP", {"pressure": 10}, [("pipe_pressure", "", 10, "kPa")]),
        ("WT201", {"target_temperature": 17, "angle_x": 3}, [("setpoint", "", 17, "Cel"), ("angle", "x", 3, "deg")]),
        ("AM319", {"wind_speed": 3, "rainfall_total": 2}, [("wind_speed", "", 3, "m/s"), ("rain_total", "", 2, "mm")]),
    ],
)
def test_a_models_own_units_are_known_where_the_model_is(
    model: str, decoded: Any, observations: list[tuple[Any, ...]]
) -> None:
    findings = Findings("x/1", None, "")
    sweep(decoded, findings, kind_of_maker("milesight", f"MILESIGHT {model}"))
    assert [said(one) for one in findings.observations] == observations


@pytest.mark.parametrize(
    ("codec", "model", "decoded", "observations"),
    [
        ("browan", "BROWAN TBDW100", {"status": 1}, [("contact", "", True)]),
        ("browan", "BROWAN TBMS100", {"status": 0}, [("motion", False)]),
        ("browan", "BROWAN TBWL100", {"status": 1}, [("water_leak", "", True)]),
        (
            "enginko",
            "MCF88 MCF-LWWS00",
            {"windSpeed": "4.47", "tenMinutesAvgWindSpeed": "3.58", "dayRain": "6.00", "uv": "4.00"},
            [
                ("wind_speed", "", 4.47, "m/s"),
                ("wind_speed", "10m", 3.58, "m/s"),
                ("rain", "daily", 6.0, "mm"),
                ("uv_index", "", 4.0, "1"),
            ],
        ),
        (
            "",
            "MCCI CATENA4618",
            {"t": 25.1, "p": 978.8, "tDew": 17.4},
            [("temperature", "", 25.1, "Cel"), ("pressure", "", 978.8, "hPa"), ("dew_point", "", 17.4, "Cel")],
        ),
        ("cayenne_lpp", "RAKWIRELESS RAK2560", {"concentration_7": 412}, [("co2", "7", 412.0, "[ppm]")]),
        (
            "",
            "THERMOKON THANOS-EVO-LRW",
            {"OCCU0_STATE": 1, "RHUM": 48},
            [("occupancy", "", 1.0, "1"), ("humidity", "", 48.0, "%")],
        ),
        ("", "NKE-WATTECO ATMO", {"concentration": 612}, [("co2", "", 612.0, "[ppm]")]),
        ("mclimate", "MCLIMATE CO2-DISPLAY", {"ppm": 1171}, [("co2", "", 1171.0, "[ppm]")]),
        (
            "dragino",
            "DRAGINO WSC1-L",
            {"wind_speed": 5, "wind_direction_angle": 9, "rain_gauge": 2},
            [("wind_speed", "", 5.0, "m/s"), ("wind_direction", "", 9.0, "deg"), ("rain", "", 2.0, "mm")],
        ),
        ("", "ANYONE", {"t": 3}, [("t", "", 3.0, "")]),
    ],
)
def test_makers_names_are_known_with_or_without_a_codec_of_theirs(
    codec: str, model: str, decoded: Any, observations: list[tuple[Any, ...]]
) -> None:
    findings = Findings("x/1", None, "")
    sweep(decoded, findings, kind_of_maker(codec, model))
    assert [said(one) for one in findings.observations] == observations

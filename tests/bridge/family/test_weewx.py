"""weewx: records and single values of one station, in any of its three systems of units."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Observation
from firmware_bridge.family.weewx import FAMILY
from tests.bridge.family.hearing import changed, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples

AT = datetime(2022, 10, 7, 10, 30, tzinfo=UTC)


def told(found: list[Observation]) -> dict[str, tuple[float, str]]:
    return {
        f"{seen.metric}.{seen.channel}".rstrip("."): (round(seen.value, 4), seen.unit)
        for seen in found
        if isinstance(seen, EnvironmentReading)
    }


def heard(**values: Any) -> list[Observation]:
    return Conversation(FAMILY).tell("weather/loop", {"dateTime": "1665138600.0", **values})


@pytest.mark.parametrize(
    "values",
    [
        {"usUnits": "1.0", "outTemp_F": "70.7", "windSpeed_mph": "22.369363", "dayRain_in": "0.472441"},
        {"usUnits": "16", "outTemp_C": "21.5", "windSpeed_kph": "36", "dayRain_cm": "1.2"},
        {"usUnits": 17, "outTemp_C": 21.5, "windSpeed_mps": 10, "dayRain_mm": 12},
        {"usUnits": 1, "outTemp": 70.7, "windSpeed": 22.369363, "dayRain": 0.472441},
        {"usUnits": 16, "outTemp": 21.5, "windSpeed": 36, "dayRain": 1.2},
        {"usUnits": 17, "outTemp": 21.5, "windSpeed": 10, "dayRain": 12},
        {"outTemp_C": 21.5, "windSpeed_knot": 19.438445, "dayRain_mm": 12},
    ],
)
def test_the_same_weather_in_each_system_with_units_behind_the_names_or_without(values: dict[str, Any]) -> None:
    found = heard(**values)
    assert told(found) == {"temperature": (21.5, "Cel"), "wind_speed": (10, "m/s"), "rain.daily": (12, "mm")}
    assert {(seen.device, seen.observed_at) for seen in found} == {("weewx/weather", AT)}


@pytest.mark.parametrize(
    ("name", "value", "metric", "expected", "unit"),
    [
        ("inTemp_F", 68, "temperature.indoor", 20, "Cel"),
        ("barometer_inHg", 30, "sea_level_pressure", 1015.9166, "hPa"),
        ("pressure_mbar", 998, "pressure", 998, "hPa"),
        ("rainRate_inch_per_hour", 0.1, "rain_rate", 2.54, "mm/h"),
        ("rainRate_cm_per_hour", 0.5, "rain_rate", 5, "mm/h"),
        ("rain_in", 0.01, "rain.interval", 0.254, "mm"),
        ("radiation_Wpm2", 200, "solar_irradiance", 200, "W/m2"),
        ("UV", 1.5, "uv_index", 1.5, "1"),
        ("extraTemp2_F", 59, "temperature.2", 15, "Cel"),
        ("soilMoist1_centibar", 20, "soil_tension.1", 20, "kPa"),
        ("consBatteryVoltage_volt", 4.6, "battery_voltage.cons", 4.6, "V"),
        ("lightning_distance_mile", 5, "distance.lightning", 8046.72, "m"),
        ("lightning_strike_count_count", 2, "lightning_strikes", 2, "1"),
        ("cloudbase_foot", 1000, "cloud_base", 304.8, "m"),
        ("pm2_5_microgram_per_meter_cubed", 7, "pm2_5", 7, "ug/m3"),
        ("tankLevel_cm", 40, "tank_level", 400, "mm"),
    ],
)
def test_a_value_by_its_name(name: str, value: float, metric: str, expected: float, unit: str) -> None:
    assert told(heard(usUnits=1, **{name: value})) == {metric: (expected, unit)}


def test_what_was_not_measured_is_none_and_a_battery_is_good_at_zero() -> None:
    found = heard(usUnits=1, outTemp_F="None", windDir=None, txBatteryStatus="0.0", inTempBatteryStatus=1.0)
    assert told(found) == {}
    assert [(seen.area, seen.active) for seen in found if isinstance(seen, Alarm)] == [
        ("txBatteryStatus", False),
        ("inTempBatteryStatus", True),
    ]


def test_single_values_are_of_the_same_station_and_the_system_is_remembered() -> None:
    station = Conversation(FAMILY)
    assert station.tell("home/wx/outTemp_F", "70.7") == [
        EnvironmentReading(device="weewx/home/wx", metric="temperature", value=21.5, unit="Cel")
    ]
    assert told(station.tell("home/wx/windSpeed", "10")) == {"wind_speed": (10, "")}
    assert station.tell("home/wx/usUnits", "16.0") == [DeviceHealth(device="weewx/home/wx")]
    assert told(station.tell("home/wx/windSpeed", "36")) == {"wind_speed": (10, "m/s")}
    assert told(station.tell("home/wx/rain", "0.1")) == {"rain.interval": (1, "mm")}


@pytest.mark.parametrize("topic", ["home/office/rain", "home/office/co2", "home/office/pressure_hPa", "outTemp"])
def test_a_name_that_others_use_too_is_weewxs_only_where_it_was_heard(topic: str) -> None:
    assert Conversation(FAMILY).refusal(topic, "21.5")


@settings(max_examples=examples(100))
@given(changed([{"dateTime": 1665138600, "usUnits": 1, "outTemp": 70.7, "txBatteryStatus": 0, "interval": 5}]))
def test_nothing_raises(said: Any) -> None:
    outcome(FAMILY, said)

"""A WeatherLink Live: an object for each of its sensors, in American units; rain in tips of a bucket."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.observation import Alarm, EnvironmentReading, Observation
from firmware_bridge.family.davis import FAMILY
from tests.bridge.family.hearing import changed, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples

AT = datetime(2018, 7, 16, 15, 13, 25, tzinfo=UTC)


def heard(*conditions: dict[str, Any]) -> list[Observation]:
    said = {"did": "001D0A", "ts": 1531754005, "conditions": [{"lsid": n, **one} for n, one in enumerate(conditions)]}
    return Conversation(FAMILY).tell("garden/davis", {"data": said, "error": None})


def readings(found: list[Observation]) -> list[tuple[str, str, float, str]]:
    assert {(seen.device, seen.observed_at) for seen in found} == {("davis/001D0A", AT)}
    return [
        (seen.metric, seen.channel, round(seen.value, 4), seen.unit)
        for seen in found
        if isinstance(seen, EnvironmentReading)
    ]


def test_each_transmitter_is_a_channel_and_the_console_none() -> None:
    outside = {"data_structure_type": 1, "txid": 2, "temp": 70.7, "wind_speed_last": 10, "hum": None}
    console = {"data_structure_type": 4, "temp_in": 68.0, "hum_in": 41.5}
    barometer = {"data_structure_type": 3, "bar_absolute": 29.5, "bar_trend": None}
    assert readings(heard(outside, console, barometer)) == [
        ("temperature", "2", 21.5, "Cel"),
        ("wind_speed", "2", 4.4704, "m/s"),
        ("temperature", "indoor", 20, "Cel"),
        ("humidity", "indoor", 41.5, "%"),
        ("pressure", "", 998.9847, "hPa"),
    ]


@pytest.mark.parametrize(("size", "millimetres"), [(1, 2.54), (2, 2.0), (3, 1.0), (4, 0.254)])
def test_rain_is_tips_times_the_bucket(size: int, millimetres: float) -> None:
    assert readings(heard({"txid": 1, "rain_size": size, "rainfall_daily": 10, "rain_rate_last": 10})) == [
        ("rain", "1.daily", millimetres, "mm"),
        ("rain_rate", "1", millimetres, "mm/h"),
    ]


def test_tips_of_a_bucket_of_unknown_size_are_no_rain() -> None:
    assert readings(heard({"txid": 1, "rain_size": None, "rainfall_daily": 10})) == []


def test_soil_and_leaves_have_their_own_numbers_below_the_transmitters() -> None:
    assert readings(heard({"txid": 3, "temp_2": 59, "moist_soil_1": 10, "wet_leaf_1": 3})) == [
        ("soil_temperature", "3.2", 15, "Cel"),
        ("soil_tension", "3.1", 10, "kPa"),
        ("leaf_wetness", "3.1", 3, ""),
    ]


def test_a_transmitters_battery_runs_out_and_an_average_of_no_wind_on_earth_is_left_out() -> None:
    found = heard({"txid": 4, "trans_battery_flag": 1, "wind_speed_avg_last_10_min": 42606})
    assert readings(found) == []
    assert [(seen.name, seen.area, seen.active) for seen in found if isinstance(seen, Alarm)] == [
        ("battery_low", "4", True)
    ]


def test_the_wind_that_is_broadcast_comes_without_the_envelope() -> None:
    wind = {"lsid": 7, "txid": 1, "wind_speed_last": 10, "wind_dir_last": 270, "rain_size": 2, "rain_15_min": 5}
    found = Conversation(FAMILY).tell("davis/live", {"did": "001D0A", "ts": 1531754005, "conditions": [wind]})
    assert readings(found) == [
        ("wind_speed", "1", 4.4704, "m/s"),
        ("wind_direction", "1", 270, "deg"),
        ("rain", "1.15m", 1.0, "mm"),
    ]


@settings(max_examples=examples(100))
@given(changed([{"did": "1", "ts": 1, "conditions": [{"lsid": 7, "txid": 1, "rain_size": 2, "rain_15_min": 5}]}]))
def test_nothing_raises(said: Any) -> None:
    outcome(FAMILY, said)

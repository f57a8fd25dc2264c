"""What measured values are called, whatever a firmware calls them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.notation.metrics import UNITS, read_metric, snake_case
from tests.conftest import examples


@pytest.mark.parametrize(
    ("name", "metric", "unit"),
    [
        ("temperature", "temperature", "Cel"),
        ("Temperature", "temperature", "Cel"),
        ("airTemperature", "temperature", "Cel"),
        ("AirTemperature", "temperature", "Cel"),
        ("DewPoint", "dew_point", "Cel"),
        ("dewpoint", "dew_point", "Cel"),
        ("PM2.5", "pm2_5", "ug/m3"),
        ("pm2.5", "pm2_5", "ug/m3"),
        ("PM25", "pm2_5", "ug/m3"),
        ("pm10", "pm10", "ug/m3"),
        ("CO2", "co2", "[ppm]"),
        ("eCO2", "co2", "[ppm]"),
        ("TVOC", "voc", "[ppb]"),
        ("illuminance_lux", "illuminance", "lx"),
        ("Relative Humidity", "humidity", "%"),
        ("batteryLevel", "battery", "%"),
        ("windSpeed", "wind_speed", "m/s"),
        ("flux capacitance", "flux_capacitance", ""),
        ("", "value", ""),
        ("???", "value", ""),
    ],
)
def test_one_metric_by_every_name_of_it(name: str, metric: str, unit: str) -> None:
    assert read_metric(name) == (metric, unit)


@pytest.mark.parametrize("metric", UNITS)
def test_our_own_names_mean_themselves(metric: str) -> None:
    assert read_metric(metric) == (metric, UNITS[metric])


@given(name=st.text(max_size=200))
@settings(max_examples=examples(500))
def test_any_name_becomes_a_short_plain_one_and_stays_so(name: str) -> None:
    metric, unit = read_metric(name)
    assert re.fullmatch(r"[a-z0-9_]{1,64}", metric)
    assert unit == UNITS.get(metric, "")
    assert snake_case(snake_case(name)) == snake_case(name)

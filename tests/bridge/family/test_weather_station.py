"""Weather stations in American units: each value in ours, the station by no secret."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading
from firmware_bridge.family.weather_station import FAMILY
from tests.bridge.family.hearing import changed, hear, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples

REPORT: dict[str, Any] = {
    "PASSKEY": "0123456789ABCDEF0123456789ABCDEF",
    "stationtype": "GW2000A_V3.1.5",
    "runtime": "1200",
    "dateutc": "2025-03-04 05:06:07",
    "tempinf": "68.0",
    "humidityin": "40",
    "baromrelin": "30.000",
    "baromabsin": "29.500",
    "tempf": "50.0",
    "humidity": "75",
    "winddir": "181",
    "windspeedmph": "10.00",
    "windgustmph": "20.00",
    "maxdailygust": "25.00",
    "rainratein": "0.100",
    "dailyrainin": "0.500",
    "hrain_piezo": "0.200",
    "temp2f": "59.0",
    "humidity2": "61",
    "soilmoisture1": "33",
    "tf_ch3": "77.0",
    "pm25_ch1": "7.0",
    "pm25_avg_24h_ch1": "9.5",
    "lightning": "12",
    "lightning_time": "",
    "leak_ch1": "0",
    "leak_ch2": "1",
    "wh90batt": "3.04",
    "batt2": "0",
    "model": "GW2000A",
    "interval": "16",
}
QUERY = "&".join(f"{name}={value}" for name, value in REPORT.items()).replace(" ", "+").replace(":", "%3A")
AT = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)


def readings(document: Any, topic: str = "ecowitt/A1B2C3") -> dict[tuple[str, str], tuple[float, str]]:
    heard = hear(FAMILY, document, topic)
    measured = [seen for seen in heard if isinstance(seen, EnvironmentReading)]
    assert all(seen.observed_at in (AT, None) for seen in measured)
    told = {(seen.metric, seen.channel): (round(seen.value, 3), seen.unit) for seen in measured}
    assert len(told) == len(measured), "two readings of one metric and channel"
    return told


@pytest.mark.parametrize("document", [REPORT, QUERY], ids=["json", "query"])
def test_each_value_is_in_our_units_and_each_sensor_apart(document: Any) -> None:
    assert readings(document) == {
        ("temperature", "indoor"): (20.0, "Cel"),
        ("temperature", ""): (10.0, "Cel"),
        ("temperature", "2"): (15.0, "Cel"),
        ("temperature", "probe.3"): (25.0, "Cel"),
        ("humidity", "indoor"): (40.0, "%"),
        ("humidity", ""): (75.0, "%"),
        ("humidity", "2"): (61.0, "%"),
        ("sea_level_pressure", ""): (1015.917, "hPa"),
        ("pressure", ""): (998.985, "hPa"),
        ("wind_direction", ""): (181.0, "deg"),
        ("wind_speed", ""): (4.47, "m/s"),
        ("wind_gust", ""): (8.941, "m/s"),
        ("wind_gust", "daily"): (11.176, "m/s"),
        ("rain_rate", ""): (2.54, "mm/h"),
        ("rain", "daily"): (12.7, "mm"),
        ("rain", "piezo.hourly"): (5.08, "mm"),
        ("soil_moisture", "1"): (33.0, "%"),
        ("pm2_5", "1"): (7.0, "ug/m3"),
        ("pm2_5", "24h.1"): (9.5, "ug/m3"),
        ("distance", "lightning"): (12_000.0, "m"),
        ("battery_voltage", "wh90batt"): (3.04, "V"),
        ("battery_level", "batt2"): (0.0, ""),
    }


def test_a_gateway_that_writes_metric_units_under_the_same_names_is_known_by_its_air_pressure() -> None:
    metric = {"dateutc": "now", "tempf": "-4.4", "baromabsin": "837.793", "windspeedmph": "36.0", "dailyrainin": "5.3"}
    assert readings(metric) == {
        ("temperature", ""): (-4.4, "Cel"),
        ("pressure", ""): (837.793, "hPa"),
        ("wind_speed", ""): (10.0, "m/s"),
        ("rain", "daily"): (5.3, "mm"),
    }


def test_a_station_is_named_by_its_topic_and_never_by_its_key() -> None:
    heard = hear(FAMILY, REPORT, "ecowitt/A1B2C3")
    assert {seen.device for seen in heard} == {"weather_station/A1B2C3"}
    assert "0123456789ABCDEF" not in repr(heard)
    health = next(seen for seen in heard if isinstance(seen, DeviceHealth))
    assert (health.model, health.firmware, health.uptime_s, health.interval_s) == (
        "GW2000A",
        "GW2000A_V3.1.5",
        1200,
        16,
    )
    assert [(seen.area, seen.active) for seen in heard if isinstance(seen, Alarm)] == [("1", False), ("2", True)]


@pytest.mark.parametrize("document", [REPORT, QUERY], ids=["json", "query"])
def test_a_report_on_a_topic_of_anyones_choosing_is_known_by_its_shape(document: Any) -> None:
    told = Conversation(FAMILY).tell("garden/weather", document)
    assert {seen.device for seen in told} == {"weather_station/garden/weather"}


def test_what_is_no_report_is_refused() -> None:
    assert "expected a station's report" in Conversation(FAMILY).refusal("ecowitt/A1B2C3", {"tempf": 50})
    assert Conversation(FAMILY).refusal("garden/weather", "dateutc=now&note=hello")


def test_air_monitors_tell_each_size_of_particle_and_its_mean_of_a_day() -> None:
    air = {
        "pm1_co2": 3,
        "pm25_co2": 5,
        "pm25_24h_co2": 6,
        "pm10_24h_co2": 9,
        "pm25_in": 2,
        "co2in": 600,
        "co2in_24h": 550,
    }
    told = readings({"dateutc": REPORT["dateutc"], "stationtype": "WS6210_V1.0", **air})
    assert told == {
        ("pm1", "co2"): (3.0, "ug/m3"),
        ("pm2_5", "co2"): (5.0, "ug/m3"),
        ("pm2_5", "co2.24h"): (6.0, "ug/m3"),
        ("pm10", "co2.24h"): (9.0, "ug/m3"),
        ("pm2_5", "indoor"): (2.0, "ug/m3"),
        ("co2", "indoor"): (600.0, "[ppm]"),
        ("co2", "indoor.24h"): (550.0, "[ppm]"),
    }


def test_strikes_of_a_day_and_an_hour_and_whether_it_rains() -> None:
    said = {"dateutc": REPORT["dateutc"], "stationtype": "AMBWeatherV4.3", "lightning_day": 4, "lightning_hour": 1}
    assert readings({**said, "srain_piezo": "1"}) == {
        ("lightning_strikes", "daily"): (4.0, "1"),
        ("lightning_strikes", "hourly"): (1.0, "1"),
        ("raining", ""): (1.0, "1"),
    }


def test_a_leak_detector_that_does_not_answer_is_neither_wet_nor_dry() -> None:
    said = {"dateutc": REPORT["dateutc"], "stationtype": "AMBWeatherV4.3", "leak1": 1, "leak2": 0, "leak3": 2}
    alarms = [seen for seen in hear(FAMILY, said, "ecowitt/A1B2C3") if isinstance(seen, Alarm)]
    assert [(seen.area, seen.active) for seen in alarms] == [("1", True), ("2", False)]


def test_a_laser_tells_how_deep_the_water_is_and_what_else_later_sensors_measure() -> None:
    deep = {"air_ch1": "500", "depth_ch1": "200", "vpd": "0.1", "bgt": "95", "wbgt": "77", "windgustdir": 90}
    indoors = {"feelsLikein": 77, "dewPointin": 59, "pm25_in_aqin": 4, "pm25_in_24h_aqin": 5, "pm_in_temp_aqin": 68}
    told = readings({"dateutc": REPORT["dateutc"], "stationtype": "GW2000A_V3.1.5", **deep, **indoors})
    assert told == {
        ("distance", "1"): (0.5, "m"),
        ("depth", "1"): (0.2, "m"),
        ("vapour_pressure_deficit", ""): (3.386, "hPa"),
        ("black_globe_temperature", ""): (35.0, "Cel"),
        ("wet_bulb_globe", ""): (25.0, "Cel"),
        ("wind_direction", "gust"): (90.0, "deg"),
        ("apparent_temperature", "indoor"): (25.0, "Cel"),
        ("dew_point", "indoor"): (15.0, "Cel"),
        ("pm2_5", "aqin"): (4.0, "ug/m3"),
        ("pm2_5", "aqin.24h"): (5.0, "ug/m3"),
        ("temperature", "aqin"): (20.0, "Cel"),
    }


BARE: dict[str, Any] = {
    "runtime": 60.0,
    "tempin": 20.0,
    "humidityin": 40.0,
    "baromrel": 1015.9,
    "temp": 8.0,
    "temp2": 7.0,
    "humidity": 75.0,
    "windspeed": 36.0,
    "rainrate": 1.5,
    "dailyrain": 2.5,
    "lightning": 12.0,
    "lightning_time": "2025-03-04T05:06:07+00:00",
    "heatindex": None,
    "wh65batt": "ON",
}


def test_names_that_ecowitt2mqtt_left_without_units_are_in_those_of_its_air_pressure() -> None:
    told = {
        ("temperature", "indoor"): (20.0, "Cel"),
        ("humidity", "indoor"): (40.0, "%"),
        ("sea_level_pressure", ""): (1015.9, "hPa"),
        ("temperature", ""): (8.0, "Cel"),
        ("temperature", "2"): (7.0, "Cel"),
        ("humidity", ""): (75.0, "%"),
        ("wind_speed", ""): (10.0, "m/s"),
        ("rain_rate", ""): (1.5, "mm/h"),
        ("rain", "daily"): (2.5, "mm"),
        ("distance", "lightning"): (12_000.0, "m"),
    }
    assert readings(BARE) == told
    american = {"tempin": 68, "baromrel": 30, "temp": 41, "humidity": 75, "windspeed": 10, "lightning": 2}
    assert readings(american) == {
        ("temperature", "indoor"): (20.0, "Cel"),
        ("sea_level_pressure", ""): (1015.917, "hPa"),
        ("temperature", ""): (5.0, "Cel"),
        ("humidity", ""): (75.0, "%"),
        ("wind_speed", ""): (4.47, "m/s"),
        ("distance", "lightning"): (3218.688, "m"),
    }


def test_what_ecowitt2mqtt_wrote_is_known_by_its_shape_with_batteries_that_are_low() -> None:
    heard = Conversation(FAMILY).tell("roof/weather", BARE)
    assert {seen.device for seen in heard} == {"weather_station/roof/weather"}
    assert [(seen.name, seen.area) for seen in heard if isinstance(seen, Alarm)] == [("battery_low", "wh65batt")]
    unpressed = {name: value for name, value in BARE.items() if name != "baromrel"}
    assert Conversation(FAMILY).refusal("roof/weather", unpressed), "nothing tells its units"


@settings(max_examples=examples(100))
@given(changed([REPORT, BARE]))
def test_nothing_raises(document: Any) -> None:
    outcome(FAMILY, document, "ecowitt/A1B2C3")

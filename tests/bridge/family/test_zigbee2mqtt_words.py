"""What Zigbee devices tell in words, in their own units, and by names that few of them use."""

from typing import Any

import pytest

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Observation
from firmware_bridge.family.zigbee2mqtt.family import FAMILY
from tests.bridge.family.hearing import hear

HERE = "zigbee2mqtt/garden"


def told(said: dict[str, Any]) -> list[Observation]:
    """What it told besides that it was heard."""
    health, *rest = hear(FAMILY, said, HERE)
    assert isinstance(health, DeviceHealth)
    return rest


@pytest.mark.parametrize(
    ("said", "name", "word"),
    [
        ({"alarm": "over_voltage"}, "alarm", "over_voltage"),
        ({"alarm": "IDLE"}, "alarm", ""),
        ({"event": "over_current_trip"}, "problem", "over_current_trip"),
        ({"event": "normal"}, "problem", ""),
        ({"current_device_status": "water_shortage & water_leakage"}, "problem", "water_shortage & water_leakage"),
        ({"current_device_status": "normal_state"}, "problem", ""),
        ({"valve_abnormal_state": "leakage"}, "problem", "leakage"),
        ({"sensor_error": "E1"}, "problem", "E1"),
        ({"sensor_error": "Normal"}, "problem", ""),
        ({"system_status_code": "no_error"}, "problem", ""),
        ({"temperature_warning": "high"}, "temperature_alarm", "high"),
        ({"probe_temperature_warning": "none"}, "probe_temperature_alarm", ""),
        ({"alarm_humidity": "below_min_humdity"}, "humidity_alarm", "below_min_humdity"),
        ({"water_warning": "alarm"}, "dry", "alarm"),
        ({"moisture_warning": "low"}, "soil_moisture_alarm", "low"),
        ({"liquid_state": "high"}, "water_level_alarm", "high"),
        ({"fall_status": "fall_alarm"}, "fall", "fall_alarm"),
    ],
)
def test_a_word_that_is_not_the_usual_one_is_amiss(said: Any, name: str, word: str) -> None:
    more = {"state": word} if word else {}
    assert told(said) == [Alarm(device=HERE, name=name, active=bool(word), attributes=more)]


def test_a_state_that_the_device_does_not_know_is_none() -> None:
    assert told({"fall_status": "unknown", "smoke_state": "unknown"}) == []


def test_an_alarm_that_others_tell_in_words_may_be_yes_or_no() -> None:
    assert told({"temperature_alarm": True}) == [Alarm(device=HERE, name="temperature_alarm", active=True)]
    assert told({"co2_alarm": True}) == [Alarm(device=HERE, name="co2_alarm", active=True)]
    assert told({"noise_detected": True}) == [Alarm(device=HERE, name="sound", active=True)]
    assert told({"fault": False}) == [Alarm(device=HERE, name="fault", active=False)]


@pytest.mark.parametrize(
    ("said", "name", "active"),
    [
        ({"opening_state": "tilted"}, "contact", True),
        ({"opening_state": "closed"}, "contact", False),
        ({"water_leakage_state": "water_leakage_yes"}, "water_leak", True),
        ({"water_leakage_state": "water_leakage_no"}, "water_leak", False),
        ({"emergency_overcurrent": True}, "overcurrent", True),
        ({"emergency_overheat": False}, "overheat", False),
        ({"power_alarm_active": True}, "overload", True),
        ({"battery_defect": True}, "problem", True),
        ({"end_of_life": True}, "problem", True),
        ({"alarm_active": True}, "alarm", True),
    ],
)
def test_alarms_by_the_names_of_few(said: Any, name: str, active: bool) -> None:
    assert told(said) == [Alarm(device=HERE, name=name, active=active)]


@pytest.mark.parametrize(
    ("said", "metric", "unit", "channel"),
    [
        ({"active_power": 21.5}, "power", "W", ""),
        ({"apparent_power": 21.5}, "apparent_power", "VA", ""),
        ({"rms_current": 21.5}, "current", "A", ""),
        ({"voltage_rms": 21.5}, "voltage", "V", ""),
        ({"cumulative_heat": 21.5}, "energy", "kWh", "heat"),
        ({"session_energy": 21.5}, "energy", "kWh", "session"),
        ({"reactive_energy": 21.5}, "reactive_energy", "kvar.h", ""),
        ({"leakage": 21.5}, "leakage_current", "mA", ""),
        ({"instantaneous_flow_rate": 21.5}, "water_flow", "m3/h", ""),
        ({"rain_intensity": 21.5}, "rain_intensity", "mV", ""),
        ({"heart_rate": 21.5}, "heart_rate", "/min", ""),
        ({"fertility": 21.5}, "conductivity", "uS/cm", "soil"),
        ({"pressure_trend": 21.5}, "pressure_trend", "hPa/h", ""),
        ({"ambient_light": 21.5}, "illuminance", "lx", ""),
        ({"closest_target_distance": 21.5}, "distance", "m", ""),
        ({"x_axis": 21.5}, "acceleration", "", "x"),
        ({"position_current": 21.5}, "position", "%", ""),
        ({"target_position": 21.5}, "target_position", "%", ""),
        ({"out_temperature": 21.5}, "temperature", "Cel", "outdoor"),
        ({"smoke_battery": 21.5}, "battery", "%", "smoke"),
        ({"wind_gust": 21.5}, "wind_gust", "m/s", ""),
    ],
)
def test_values_by_the_names_of_few(said: Any, metric: str, unit: str, channel: str) -> None:
    assert told(said) == [EnvironmentReading(device=HERE, metric=metric, value=21.5, unit=unit, channel=channel)]


def test_a_lamps_brightness_is_in_percent_of_254() -> None:
    assert told({"brightness": 254, "brightness_l2": 127}) == [
        EnvironmentReading(device=HERE, metric="brightness", value=100.0, unit="%"),
        EnvironmentReading(device=HERE, metric="brightness", value=50.0, unit="%", channel="l2"),
    ]


def test_energy_in_watt_hours_and_distances_in_centimetres() -> None:
    assert told({"energy_wh": 1500, "dis_current": 54}) == [
        EnvironmentReading(device=HERE, metric="energy", value=1.5, unit="kWh"),
        EnvironmentReading(device=HERE, metric="distance", value=0.54, unit="m"),
    ]


def test_which_way_energy_flows_and_what_it_is_fed_by_are_told_of_the_device() -> None:
    (health,) = hear(FAMILY, {"energy_flow_a": "producing", "battery_level": "low", "ac_status": True}, HERE)
    assert health == DeviceHealth(
        device=HERE,
        via="zigbee2mqtt/bridge",
        attributes={"energy_flow_a": "producing", "battery_level": "low", "ac_status": True},
    )

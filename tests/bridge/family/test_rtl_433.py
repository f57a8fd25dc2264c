"""What rtl_433 hears: whole messages and single values of one device, units behind names, batteries, contacts."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Incident, Observation
from firmware_bridge.family.rtl_433 import FAMILY
from tests.bridge.family.hearing import changed, outcome
from tests.bridge.family.told import Conversation, well_typed
from tests.conftest import examples

TOWER = "rtl_433/Acurite-Tower/A/1234"
EVENT: dict[str, Any] = {
    "time": "2023-05-01T10:00:00+0200",
    "model": "Acurite-Tower",
    "id": 1234,
    "channel": "A",
    "battery_ok": 1,
    "temperature_F": 70.7,
    "humidity": 45,
    "mic": "CHECKSUM",
}


def heard(**values: Any) -> list[Observation]:
    said = {"time": "2023-05-01 08:00:00", "model": "Acurite-Tower", "id": 1234, "channel": "A", **values}
    return Conversation(FAMILY).tell("rtl_433/pi/events", said)


def test_a_message_is_of_the_device_that_its_model_channel_and_id_name() -> None:
    at = datetime(2023, 5, 1, 8, tzinfo=UTC)
    assert Conversation(FAMILY).tell("rtl_433/pi/events", EVENT) == [
        DeviceHealth(device=TOWER, observed_at=at, model="Acurite-Tower", via="rtl_433/pi"),
        Alarm(device=TOWER, observed_at=at, name="battery_low", active=False),
        EnvironmentReading(device=TOWER, observed_at=at, metric="temperature", value=21.5, unit="Cel"),
        EnvironmentReading(device=TOWER, observed_at=at, metric="humidity", value=45, unit="%"),
    ]


def test_single_values_are_of_the_same_device() -> None:
    radio = Conversation(FAMILY)
    assert radio.tell("rtl_433/pi/devices/Acurite-Tower/A/1234/temperature_C", "21.5") == [
        EnvironmentReading(device=TOWER, metric="temperature", value=21.5, unit="Cel")
    ]
    assert radio.tell("rtl_433/pi/devices/Acurite-Tower/A/1234/battery_ok", "0") == [
        Alarm(device=TOWER, name="battery_low", active=True)
    ]
    assert radio.tell("rtl_433/pi/devices/Acurite-Tower/A/1234/time", "2023-05-01 10:00:00") == [
        DeviceHealth(device=TOWER, via="rtl_433/pi")
    ]


@pytest.mark.parametrize(
    ("member", "value", "metric", "expected", "unit", "channel"),
    [
        ("temperature_2_C", 4.5, "temperature", 4.5, "Cel", "2"),
        ("wind_avg_km_h", 36.0, "wind_speed", 10, "m/s", ""),
        ("wind_max_mi_h", 10.0, "wind_gust", 4.4704, "m/s", ""),
        ("wind_dir_deg", 236, "wind_direction", 236, "deg", ""),
        ("rain_in", 2.0, "rain", 50.8, "mm", ""),
        ("rain_rate_mm_h", 1.5, "rain_rate", 1.5, "mm/h", ""),
        ("pressure_kPa", 101.325, "pressure", 1013.25, "hPa", ""),
        ("light_klx", 1.5, "illuminance", 1500, "lx", ""),
        ("light_lux", 12, "illuminance", 12, "lx", ""),
        ("light_W_m2", 112.5, "solar_irradiance", 112.5, "W/m2", ""),
        ("uvi", 1, "uv_index", 1, "1", ""),
        ("moisture", 40, "soil_moisture", 40, "%", ""),
        ("depth_cm", 125, "distance", 1.25, "m", ""),
        ("strike_count", 3, "lightning_strikes", 3, "1", ""),
        ("storm_dist_km", 12, "storm_distance", 12000, "m", ""),
        ("pm2_5_ug_m3", 7, "pm2_5", 7, "ug/m3", ""),
        ("pm10_0_ug_m3", 8, "pm10", 8, "ug/m3", ""),
        ("co2_ppm", 450, "co2", 450, "[ppm]", ""),
        ("power_W", 12.5, "power", 12.5, "W", ""),
        ("setpoint_C", 20, "target_temperature", 20, "Cel", ""),
    ],
)
def test_a_value_ends_with_its_unit(
    member: str, value: float, metric: str, expected: float, unit: str, channel: str
) -> None:
    (found,) = heard(**{member: value})[1:]
    assert isinstance(found, EnvironmentReading)
    assert (found.metric, found.value, found.unit, found.channel) == (metric, expected, unit, channel)


@pytest.mark.parametrize(
    ("said", "name", "active"),
    [
        ({"battery": "LOW"}, "battery_low", True),
        ({"battery_ok": 0.6}, "battery_low", False),
        ({"detect_wet": 1}, "water_leak", True),
        ({"contact_open": 0}, "contact", False),
        ({"switch1": "OPEN"}, "contact", True),
        ({"state": "closed"}, "contact", False),
        ({"tamper": 1}, "tamper", True),
    ],
)
def test_states_are_alarms(said: dict[str, Any], name: str, active: bool) -> None:
    assert [(seen.name, seen.active) for seen in heard(**said) if isinstance(seen, Alarm)] == [(name, active)]


def test_a_remote_control_was_pressed() -> None:
    found = heard(cmd=27, code="a3f")
    assert [seen.attributes for seen in found if isinstance(seen, Incident)] == [{"cmd": "27", "code": "a3f"}]


def test_another_gateway_may_carry_it_and_signal_beside_noise_is_no_dbm() -> None:
    said = {key: value for key, value in EVENT.items() if key != "time"} | {"protocol": "Acurite", "rssi": -60}
    health = Conversation(FAMILY).tell("home/gateway/RTL_433toMQTT/Acurite-Tower", said)[0]
    assert health == DeviceHealth(device=TOWER, model="Acurite-Tower", signal_dbm=-60)
    health = heard(rssi=-0.1, snr=17.5, noise=-18.0)[0]
    assert isinstance(health, DeviceHealth)
    assert health.signal_dbm is None


def test_the_receiver_is_there_or_is_not() -> None:
    assert Conversation(FAMILY).tell("rtl_433/pi/availability", "offline") == [
        DeviceHealth(device="rtl_433/pi", state="offline")
    ]
    assert Conversation(FAMILY).tell("rtl_433/pi/states", {"center_frequency": 433920000}) == []


@settings(max_examples=examples(200))
@given(
    st.sampled_from(["rtl_433/pi/events", "rtl_433/pi/devices/A/1/state", None]),
    changed([EVENT, {**EVENT, "state": "open", "switch1": "OPEN", "cmd": 3, "light_klx": 1.5}]),
)
def test_odd_members_cost_no_more_than_themselves(topic: str | None, said: Any) -> None:
    told = outcome(FAMILY, said, topic)
    assert told is None or isinstance(told, Rejected) or well_typed(told)

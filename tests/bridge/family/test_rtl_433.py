"""What rtl_433 hears: whole messages and single values of one device, units behind names, batteries, contacts."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Incident, Motion, Observation
from firmware_bridge.family.rtl_433.family import FAMILY
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
        ("temperature2_F", 68, "temperature", 20, "Cel", "2"),
        ("power1_W", 5, "power", 5, "W", "1"),
        ("power_VA", 230, "power", 230, "VA", ""),
        ("total_kWh", 12.5, "energy", 12.5, "kWh", "total"),
        ("water_usage_l", 500, "water_usage", 0.5, "m3", ""),
        ("wind_spd_km_h", 36, "wind_speed", 10, "m/s", ""),
        ("rain", 12, "rain", 12, "", ""),  # tips
        ("storm_dist", 7, "storm_distance", 7, "", ""),  # a step of the maker's scale
        ("light", 3, "illuminance", 3, "", ""),
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
        ({"closed": 1}, "contact", False),
        ({"opened": 1, "state": "open"}, "contact", True),
        ({"leaking": 1}, "water_leak", True),
        ({"leaknow": 2, "leak": 0}, "water_leak", True),
        ({"water": 1, "state": "water"}, "water_leak", True),
        ({"event": "Water Leak", "detect_wet": 1}, "water_leak", True),
        ({"event": "DOOR/WINDOW CLOSED"}, "contact", False),
        ({"extradata": "Contact Open", "state": 1}, "contact", True),
        ({"subtype": "smoke", "switch1": "OPEN"}, "smoke", True),
        ({"text": "Fire alarm"}, "fire", True),
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


@pytest.mark.parametrize(
    ("said", "active"),
    [
        ({"motion": 1, "state": "motion", "cmd": 10}, True),  # and no open contact
        ({"event": "MOTION READY"}, False),
        ({"subtype": "motion", "switch1": "OPEN"}, True),
    ],
)
def test_motion_is_motion_in_whichever_words(said: dict[str, Any], active: bool) -> None:
    assert [(type(seen), getattr(seen, "active", None)) for seen in heard(**said)[1:]] == [(Motion, active)]


def test_what_a_remote_control_switches_is_no_contact() -> None:
    assert [type(seen) for seen in heard(state="ON", unit=3, group=0)] == [DeviceHealth, Incident]
    assert [type(seen) for seen in heard(event="Battery Report", code="f542")] == [DeviceHealth]


def test_lightning_strikes_a_bell_rings_and_a_smoke_detector_is_heard_when_it_raises_alarm() -> None:
    strike = [seen for seen in heard(state="strike", storm_dist_km=12, strike_count=3) if isinstance(seen, Incident)]
    assert [(seen.event_type, seen.attributes) for seen in strike] == [("lightning_strike", {"distance_km": 12.0})]
    bell = [seen for seen in heard(subtype="Doorbell", alert="Normal") if isinstance(seen, Alarm)]
    assert [(seen.name, seen.momentary) for seen in bell] == [("doorbell", True)]
    smoke = {"model": "Smoke-GS558", "id": 30921, "unit": 19, "learn": 0, "code": "4f1933"}
    alarms = [seen for seen in heard(**smoke) if isinstance(seen, Alarm)]
    assert [(seen.name, seen.momentary) for seen in alarms] == [("smoke", True)]


def test_the_pressure_of_a_tyre_is_not_the_weathers() -> None:
    (tyre,) = heard(type="TPMS", pressure_kPa=220)[1:]
    assert isinstance(tyre, EnvironmentReading)
    assert (tyre.metric, tyre.value, tyre.unit) == ("tyre_pressure", 2200, "hPa")


def test_a_batterys_level_is_told_where_there_is_one() -> None:
    levels = [heard(**said)[0] for said in ({"battery_ok": 0.9}, {"battery_pct": 55}, {"battery_ok": 1})]
    assert [getattr(seen, "battery_percent", 0) for seen in levels] == [90, 55, None]


@pytest.mark.parametrize("member", ["seq_num", "msg_counter", "flags2", "unknown1", "humidity_raw", "net_id", "crc"])
def test_what_only_the_radio_needs_is_no_measured_value(member: str) -> None:
    assert [type(seen) for seen in heard(**{member: 12})] == [DeviceHealth]


def test_a_single_state_is_what_it_is_in_a_whole_message() -> None:
    radio = Conversation(FAMILY)
    assert radio.tell("rtl_433/pi/devices/Kerui-Security/840811/state", "motion") == [
        Motion(device="rtl_433/Kerui-Security/840811", active=True)
    ]

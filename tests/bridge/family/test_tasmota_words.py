"""Tasmota's lesser topics and older spellings: words alone, shutters, limits, upgrades, failed sensors, valves."""

from datetime import UTC, datetime
from typing import Any

import pytest

from appliance.model.observation import (
    Alarm,
    CommandOutcome,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    Observation,
    PeopleCount,
)
from firmware_bridge.family.tasmota.family import FAMILY
from tests.bridge.family.told import Conversation

PLUG = "tasmota/plug"
TIME = "2021-06-27T15:03:44"


def tell(topic: str, said: Any) -> list[Observation]:
    return Conversation(FAMILY).tell(topic, said)


def readings(found: list[Observation]) -> list[tuple[str, float, str]]:
    """(metric with its channel, value, unit) of what was measured."""
    return [
        (f"{seen.metric}.{seen.channel}" if seen.channel else seen.metric, seen.value, seen.unit)
        for seen in found
        if isinstance(seen, EnvironmentReading)
    ]


SHUTTER = {"Position": 50, "Direction": -1, "Target": 20, "Tilt": 0}
SHUTTER_TOLD = [("position.1", 50, "%"), ("direction.1", -1, "1"), ("target_position.1", 20, "%"), ("tilt.1", 0, "deg")]


def test_a_shutter_is_called_the_same_by_all_its_messages() -> None:
    assert readings(tell("tele/plug/SENSOR", {"Time": TIME, "Shutter1": SHUTTER})) == SHUTTER_TOLD
    assert tell("stat/plug/RESULT", {"Shutter1": SHUTTER}) == tell("tele/plug/RESULT", {"Shutter1": SHUTTER})
    assert readings(tell("stat/plug/RESULT", {"Shutter1": SHUTTER})) == SHUTTER_TOLD
    assert readings(tell("stat/plug/SHUTTER1", "50")) == [("position.1", 50, "%")]


@pytest.mark.parametrize("order", ["ShutterOpen1", "ShutterClose1", "ShutterPosition1"])
def test_where_a_shutter_is_sent_is_not_where_it_is(order: str) -> None:
    assert tell("stat/plug/RESULT", {order: 100}) == [
        CommandOutcome(device=PLUG, outcome="done", method=order, message="100")
    ]


@pytest.mark.parametrize(
    ("topic", "word", "expected"),
    [
        ("stat/plug/SWITCH2", "ON", EnvironmentReading(device=PLUG, metric="input", value=1, unit="1", channel="2")),
        ("stat/plug/MOTION", "ON", Motion(device=PLUG, active=True)),
        ("stat/plug/MOTION", "0", Motion(device=PLUG, active=False)),
        ("stat/plug/DOOR", "OFF", Alarm(device=PLUG, name="contact", active=False)),
        ("tele/plug/POWER_LOW", "ON", Alarm(device=PLUG, name="problem", active=True, area="power_low")),
        ("stat/plug/UPGRADE", "Successful. Restarting", CommandOutcome(
            device=PLUG, outcome="done", method="Upgrade", message="Successful. Restarting"
        )),
        ("stat/plug/DISPLAY", "50", DeviceHealth(device=PLUG)),
    ],
)  # fmt: skip
def test_a_word_alone_says_what_its_topic_is_called(topic: str, word: str, expected: Observation) -> None:
    assert tell(topic, word) == [expected]


def test_a_limit_is_told_by_words_and_set_by_numbers() -> None:
    found = tell("tele/plug/MARGINS", {"Time": TIME, "PowerLow": "ON", "VoltageHigh": "OFF"})
    assert [(seen.area, seen.active) for seen in found if isinstance(seen, Alarm)] == [
        ("power_low", True),
        ("voltage_high", False),
    ]
    assert not any(isinstance(seen, Alarm) for seen in tell("tele/plug/MARGINS", {"Time": TIME, "PowerLow": 1}))


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("erfolgreich. Neustart", "done"),
        ("Réussi. Redémarrage", "done"),
        ("Успешно. Перезагрузка", "done"),
        ("Fehlgeschlagen 404", "failed"),
        ("Mislukt 404", "failed"),
        ("Flash size too small to upgrade", "failed"),
        ("Version 14.2.0 from http://host/tasmota.bin", "accepted"),
        ("Upload gestartet", "running"),
    ],
)
def test_how_an_upgrade_ended_is_told_in_the_language_of_the_build(text: str, outcome: str) -> None:
    (found,) = tell("stat/plug/UPGRADE", {"Upgrade": text})
    assert isinstance(found, CommandOutcome)
    assert found.outcome == outcome


@pytest.mark.parametrize(
    "said",
    [
        {"Button1": {"Action": "SINGLE"}},
        {"Switch1": {"Action": "ON"}},
        {"SSerialReceived": "01"},
        {"TuyaReceived": {"Data": "55AA", "Cmnd": 7}},
        {"StatusSNS": {"Time": TIME, "DS18B20": {"Temperature": 20.5}}},
    ],
)
def test_what_happened_or_was_received_answers_no_command(said: dict[str, Any]) -> None:
    assert not any(isinstance(seen, CommandOutcome) for seen in tell("stat/plug/RESULT", said))
    assert not any(isinstance(seen, CommandOutcome) for seen in tell("stat/plug/BUTTON1T", {"TRIG": "HOLD"}))


def test_a_sensor_that_failed_does_not_take_the_others_along() -> None:
    said = '{"Time":"2021-06-27T15:03:44","AM2301":{"Temperature":nan,"Humidity": nan},"DS18B20":{"Temperature":20.5}}'
    assert readings(tell("tele/plug/SENSOR", said)) == [("temperature.ds18b20", 20.5, "Cel")]


def test_numbers_may_be_text_and_names_that_are_digits_are_none() -> None:
    said = {"Time": TIME, "DHT": {"Temperature": "21.5", "Humidity": "48.0"}, "z": {"SMid": "72913313"}}
    assert readings(tell("tele/plug/SENSOR", said)) == [("temperature.dht", 21.5, "Cel"), ("humidity.dht", 48, "%")]


def test_the_usual_names_of_smart_meters_have_their_units() -> None:
    meter = {"Total_in": 12345.678, "Total_out": 0.5, "Power_curr": 345, "Volt_p1": 231.1, "Current_L2": 1.25}
    assert readings(tell("tele/meter/SENSOR", {"Time": TIME, "SML": meter})) == [
        ("energy_imported.sml", 12345.678, "kWh"),
        ("energy_exported.sml", 0.5, "kWh"),
        ("power.sml", 345, "W"),
        ("voltage.sml.1", 231.1, "V"),
        ("current.sml.2", 1.25, "A"),
    ]


def test_an_energy_meter_tells_what_came_in_and_what_went_out() -> None:
    energy = {"ImportActive": [1.5, 2.5], "ExportActive": 0.5, "PhaseAngle": 12, "CurrentNeutral": 0.25}
    assert readings(tell("tele/meter/SENSOR", {"Time": TIME, "ENERGY": energy})) == [
        ("energy.imported.1", 1.5, "kWh"),
        ("energy.imported.2", 2.5, "kWh"),
        ("energy.exported", 0.5, "kWh"),
        ("phase_angle", 12, "deg"),
        ("current.neutral", 0.25, "A"),
    ]


def test_particles_are_counted_in_their_volume() -> None:
    said = {"PMS5003": {"CF2.5": 2, "PB0.3": 423}, "SPS30": {"NCPM2_5": 12.5, "TYPSIZ": 0.5}}
    assert readings(tell("tele/air/SENSOR", {"Time": TIME, **said})) == [
        ("pm2_5_standard.pms5003", 2, "ug/m3"),
        ("particles_0_3.pms5003", 423, "/dL"),
        ("particles_2_5.sps30", 12.5, "/cm3"),
        ("particle_size.sps30", 0.5, "um"),
    ]


def test_a_distance_has_no_tail() -> None:
    assert readings(tell("tele/tank/SENSOR", {"Time": TIME, "SR04": {"Distance": 16.754}})) == [
        ("distance.sr04", 0.16754, "m")
    ]


def test_bluetooth_sensors_see_and_feel_and_may_have_a_topic_of_their_own() -> None:
    said = {"Time": TIME, "MJYD2S-1": {"Motion": 1}, "SJWS01L-2": {"Leak": 0}, "LD2410S": {"People": 2}}
    seen = tell("tele/gate/SENSOR", said)
    assert [type(one) for one in seen] == [Motion, Alarm, PeopleCount]
    own = {"Time": TIME, "ATC_1": {"mac": "a4c1", "Temperature": 69.8, "Battery": 88}, "TempUnit": "F"}
    assert readings(tell("tele/tasmota_ble/ATC_1", own)) == [
        ("temperature.atc_1", 21, "Cel"),
        ("battery.atc_1", 88, "%"),
    ]


def test_a_radiator_valve_is_a_device_of_its_own_and_tells_what_it_is_set_to() -> None:
    said = {"cmd": "state", "MAC": "001A2216A458", "tas": "ble", "RSSI": -79, "stattime": 1642328707, "temp": 21.0}
    device, at = "tasmota/ble/001A2216A458", datetime(2022, 1, 16, 10, 25, 7, tzinfo=UTC)
    assert tell("stat/EQ3/001A2216A458", {**said, "posn": 95, "window": "closed"}) == [
        DeviceHealth(device=device, observed_at=at, via="tasmota/ble", signal_dbm=-79, attributes={"window": "closed"}),
        EnvironmentReading(device=device, observed_at=at, metric="target_temperature", value=21, unit="Cel"),
        EnvironmentReading(device=device, observed_at=at, metric="position", value=95, unit="%"),
    ]


def test_the_address_is_that_of_the_interface_in_use() -> None:
    wired = {"IPAddress": "0.0.0.0", "Mac": "AA", "Ethernet": {"IPAddress": "10.0.0.9", "Mac": "AB"}}
    (found,) = tell("stat/plug/STATUS5", {"StatusNET": wired})
    assert isinstance(found, DeviceHealth)
    assert found.address == "10.0.0.9"
    found, _, _ = tell("tele/plug/STATE", {"Time": TIME, "IPAddress": "10.0.0.7", "Dimmer1": 50, "Dimmer2": 20})
    assert isinstance(found, DeviceHealth)
    assert found.address == "10.0.0.7"


def test_old_versions_part_days_and_time_by_a_space() -> None:
    (found,) = tell("tele/plug/STATE", {"Time": "2018.02.11 16:15:40", "Uptime": "1 02:33:26"})
    assert found == DeviceHealth(
        device=PLUG, observed_at=datetime(2018, 2, 11, 16, 15, 40, tzinfo=UTC), uptime_s=95_606
    )

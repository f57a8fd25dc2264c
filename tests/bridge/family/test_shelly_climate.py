"""Shelly's radiator valves, gas detectors, dimmers, blinds with slats, and displays without a battery."""

from typing import Any

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Observation
from firmware_bridge.family.shelly import family as shelly
from firmware_bridge.family.shelly import gen1 as shelly_gen1
from tests.bridge.family.told import Conversation


def old(name: str, leaf: str, said: Any) -> list[Observation]:
    return Conversation(shelly_gen1.FAMILY).tell(f"shellies/{name}/{leaf}", said)


def test_a_radiator_valve_tells_the_same_in_its_status_and_in_its_info() -> None:
    warm = {"tmp": {"value": 20.5, "units": "C"}, "target_t": {"value": 21.0, "units": "C"}, "window_open": True}
    status = old("shellytrv-1", "status", {**warm, "pos": 12.5, "bat": 78})
    info = old("shellytrv-1", "info", {"thermostats": [{**warm, "pos": 12.5}], "bat": {"value": 78}})
    assert sorted(status, key=repr) == sorted(info, key=repr)
    assert Alarm(device="shelly_gen1/shellytrv-1", name="window", active=True) in status
    position = EnvironmentReading(
        device="shelly_gen1/shellytrv-1", metric="position", value=12.5, unit="%", channel="0"
    )
    assert position in status


def test_a_gas_detectors_alarm_stands_in_its_info_too() -> None:
    for state, active in (("heavy", True), ("none", False)):
        told = old("shellygas-1", "info", {"gas_sensor": {"sensor_state": "normal", "alarm_state": state}})
        assert told[1:] == [Alarm(device="shelly_gen1/shellygas-1", name="gas", active=active)]


def test_the_temperature_of_a_dimmer_is_its_own() -> None:
    told = old("shellydimmer2-1", "info", {"lights": [], "tmp": {"tC": 49.5, "tF": 121.1, "is_valid": True}})
    assert told[1:] == old("shellydimmer2-1", "temperature", "49.5")


def test_slats_and_a_battery_that_is_not_there() -> None:
    told = Conversation(shelly.FAMILY).tell
    assert told("shelly2pmg3-1/status/cover:0", {"id": 0, "slat_pos": 30}) == [
        EnvironmentReading(
            device="shelly_gen2/shelly2pmg3-1", metric="slat_position", value=30.0, unit="%", channel="0"
        )
    ]
    none = {"id": 0, "battery": {"V": -1, "percent": -1}, "external": {"present": True}}
    assert told("shellywalldisplay-1/status/devicepower:0", none) == [
        DeviceHealth(device="shelly_gen2/shellywalldisplay-1", attributes={"external_power": True})
    ]


def readings(found: list[Observation]) -> list[tuple[str, float, str]]:
    return [
        (f"{seen.metric}.{seen.channel}".rstrip("."), seen.value, seen.unit)
        for seen in found
        if isinstance(seen, EnvironmentReading)
    ]


def test_what_a_sensor_itself_calls_invalid_is_no_value() -> None:
    broken = {
        "hum": {"value": 50, "is_valid": False},
        "lux": {"value": 10, "is_valid": False},
        "concentration": {"ppm": 5, "is_valid": False},
        "sensor": {"state": "open", "is_valid": False},
        "meters": [{"power": 0.0, "is_valid": False}, {"power": 2.5, "is_valid": "true"}],
        "emeters": [{"power": 0.0, "voltage": 0.0, "is_valid": False}],
        "emeter_n": {"current": 0, "is_valid": False},
    }
    found = old("shellyht-1", "info", broken)
    assert readings(found) == [("power.1", 2.5, "W")]
    assert not any(isinstance(seen, Alarm) for seen in found)


def test_a_meters_fault_says_nothing_of_its_relay_or_shutter() -> None:
    said = {"relays": [{"ison": True, "is_valid": False}], "rollers": [{"current_pos": 40, "is_valid": False}]}
    assert readings(old("shellyswitch25-1", "info", said)) == [("switch.0", 1, "1"), ("position.0", 40, "%")]


def test_what_is_too_hot_or_too_much_stands_in_the_info_too() -> None:
    device = "shelly_gen1/shellyswitch25-1"
    said = {
        "overtemperature": False,
        "overpower": True,
        "loaderror": 0,
        "relays": [{"overpower": False, "overtemperature": True}, {"ison": False}],
        "meters": [{"overpower": 0}, {"overpower": 0}],
    }
    alarms = [seen for seen in old("shellyswitch25-1", "info", said) if isinstance(seen, Alarm)]
    assert alarms == [
        Alarm(device=device, name="problem", active=False),
        Alarm(device=device, name="problem", active=True, area="overpower", attributes={"errors": ["overpower"]}),
        Alarm(device=device, name="problem", active=False, area="loaderror"),
        Alarm(device=device, name="problem", active=True, area="0", attributes={"errors": ["overtemperature"]}),
        Alarm(device=device, name="problem", active=False, area="1"),
    ]


def test_states_of_shutters_and_valves_and_of_a_detector_are_told_of_the_device() -> None:
    said = {
        "rollers": [{"state": "stop"}],
        "valves": [{"state": "closed"}],
        "gas_sensor": {"sensor_state": "warmup"},
        "charger": True,
    }
    assert old("shellygas-1", "info", said) == [
        DeviceHealth(
            device="shelly_gen1/shellygas-1",
            attributes={"roller.0": "stop", "valve.0": "closed", "gas_sensor": "warmup", "external_power": True},
        )
    ]


def test_the_mains_the_neutral_and_a_humidity_probe_stand_in_the_info_too() -> None:
    said = {"voltage": 241.8, "emeter_n": {"current": 0.7}, "ext_humidity": {"0": {"hwID": "0300", "hum": 53.9}}}
    assert readings(old("shellyem3-1", "info", said)) == [
        ("humidity.0", 53.9, "%"),
        ("voltage", 241.8, "V"),
        ("current.n", 0.7, "A"),
    ]


def test_a_device_that_is_set_to_fahrenheit_says_so_in_its_info_alone() -> None:
    bridge = Conversation(shelly_gen1.FAMILY)
    assert readings(bridge.tell("shellies/shellyht-1/sensor/temperature", "20.5")) == [("temperature", 20.5, "Cel")]
    info = {"tmp": {"value": 68.9, "units": "F", "tC": 20.5, "is_valid": True}}
    assert readings(bridge.tell("shellies/shellyht-1/info", info)) == [("temperature", 20.5, "Cel")]
    assert readings(bridge.tell("shellies/shellyht-1/sensor/temperature", "68.9")) == [("temperature", 20.5, "Cel")]
    assert readings(bridge.tell("shellies/shellyht-2/sensor/temperature", "20.5")) == [("temperature", 20.5, "Cel")]
    bridge.tell("shellies/shellyht-1/info", {"tmp": {"value": 20.5, "units": "C"}})
    assert readings(bridge.tell("shellies/shellyht-1/sensor/temperature", "20.5")) == [("temperature", 20.5, "Cel")]


def test_a_sensor_that_fails_says_so() -> None:
    device = "shelly_gen1/shellygas-1"
    for topic, said, active in (
        ("sensor/error", "0", False),
        ("sensor/error", "1", True),
        ("sensor/operation", "normal", False),
        ("sensor/operation", "fault", True),
    ):
        assert old("shellygas-1", topic, said) == [Alarm(device=device, name="problem", active=active, area="sensor")]
    assert old("shellygas-1", "sensor/operation", "warmup") == [
        DeviceHealth(device=device, attributes={"gas_sensor": "warmup"})
    ]


def test_topics_of_a_device_that_is_not_well() -> None:
    device = "shelly_gen1/shellydimmer-1"
    for fault, area in (("overload", "overload"), ("loaderror", "loaderror"), ("overtemperature", "")):
        assert old("shellydimmer-1", fault, "1") == [Alarm(device=device, name="problem", active=True, area=area)]
    for topic, word, name in (
        ("roller/0/stop_reason", "obstacle", "roller.0.stop_reason"),
        ("temperature_status", "Very High", "temperature_status"),
        ("sensor/self_test", "completed", "self_test"),
        ("sensor/illumination", "dark", "illumination"),
    ):
        assert old("shellydimmer-1", topic, word) == [DeviceHealth(device=device, attributes={name: word})]


def test_what_is_not_known_is_no_value_and_the_neutral_has_a_name() -> None:
    assert readings(old("shellydw2-1", "sensor/tilt", "-1") + old("shellydw2-1", "sensor/lux", "-1")) == []
    assert readings(old("shellyem3-1", "emeter_n/current", "0.2")) == [("current.n", 0.2, "A")]

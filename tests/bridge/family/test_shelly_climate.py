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

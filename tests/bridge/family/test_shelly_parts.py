"""What Shellys say in part, late or of others: a status of what changed, times before the clock, own formulas."""

from datetime import UTC, datetime
from typing import Any

import pytest

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Observation
from firmware_bridge.family.shelly.family import FAMILY
from firmware_bridge.family.shelly.gen1 import FAMILY as GEN1
from tests.bridge.family.told import Conversation

ID = "shellyplus1pm-a8032ab12345"
PLUS = f"shelly_gen2/{ID}"
TS = 1733776884.25


def readings(found: list[Observation]) -> list[tuple[str, float, str]]:
    """(metric with its channel, value, unit) of what was measured."""
    return [
        (f"{seen.metric}.{seen.channel}" if seen.channel else seen.metric, seen.value, seen.unit)
        for seen in found
        if isinstance(seen, EnvironmentReading)
    ]


def notified(**components: Any) -> list[Observation]:
    said = {"src": ID, "dst": f"{ID}/events", "method": "NotifyStatus", "params": {"ts": TS, **components}}
    return Conversation(FAMILY).tell(f"{ID}/events/rpc", said)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"id": 0, "aenergy": {"by_minute": [0, 0, 0], "minute_ts": 1, "total": 6.5}}, ("energy.0", 0.0065, "kWh")),
        ({"id": 0, "apower": 12.5}, ("power.0", 12.5, "W")),
        ({"id": 0, "voltage": 231.5}, ("voltage.0", 231.5, "V")),
        ({"id": 0, "temperature": {"tC": 41.5, "tF": 106.7}}, ("device_temperature.0", 41.5, "Cel")),
    ],
)
def test_a_status_tells_only_what_changed(changed: dict[str, Any], expected: tuple[str, float, str]) -> None:
    assert readings(notified(**{"switch:0": changed})) == [expected]


def test_a_switch_may_tell_its_power_without_who_switched_it() -> None:
    assert readings(notified(**{"switch:0": {"id": 0, "output": True, "apower": 3.5}})) == [
        ("switch.0", 1, "1"),
        ("power.0", 3.5, "W"),
    ]


def test_watt_hours_become_kilowatt_hours_without_a_tail() -> None:
    found = Conversation(FAMILY).tell(f"{ID}/status/em1data:0", {"id": 0, "total_act_energy": 2776175.11})
    assert readings(found) == [("energy.0", 2776.17511, "kWh")]


def test_a_time_before_the_clock_was_set_is_none() -> None:
    said = {"src": ID, "method": "NotifyFullStatus", "params": {"ts": 1.01, "humidity:0": {"id": 0, "rh": 56.5}}}
    assert [seen.observed_at for seen in Conversation(FAMILY).tell(f"{ID}/events/rpc", said)] == [None, None]


def test_the_owners_formula_gives_a_value_beside_the_measured_one() -> None:
    shelly = Conversation(FAMILY)
    assert readings(shelly.tell(f"{ID}/status/input:100", {"id": 100, "percent": 42.5, "xpercent": 13.5})) == [
        ("analog.100", 42.5, "%"),
        ("analog_scaled.100", 13.5, ""),
    ]
    assert readings(shelly.tell(f"{ID}/status/input:2", {"id": 2, "counts": {"total": 11, "xtotal": 4.5}})) == [
        ("counter.2", 11, "1"),
        ("counter_scaled.2", 4.5, ""),
    ]


def test_a_phase_has_errors_of_its_own() -> None:
    found = Conversation(FAMILY).tell(f"{ID}/status/em:0", {"id": 0, "b_errors": ["power_meter_failure"]})
    assert [(seen.name, seen.area, seen.active) for seen in found if isinstance(seen, Alarm)] == [
        ("problem", "em:0.b", True)
    ]


def test_a_bluetooth_value_is_of_when_it_was_heard() -> None:
    said = {"id": 200, "value": 5.5, "last_updated_ts": 1706593991}
    found = Conversation(FAMILY).tell(f"{ID}/status/bthomesensor:200", said)
    assert [(seen.observed_at, type(seen)) for seen in found] == [
        (datetime(2024, 1, 30, 5, 53, 11, tzinfo=UTC), EnvironmentReading)
    ]


def test_virtual_components_may_hold_words() -> None:
    found = Conversation(FAMILY).tell("ampere/q1/status/enum:200", {"value": "charger_free", "last_update_ts": 0})
    assert found == [DeviceHealth(device="shelly_gen2/ampere/q1", attributes={"enum.200": "charger_free"})]


def test_a_remote_control_heard_by_bluetooth_tells_which_button() -> None:
    event = {"component": "bthomedevice:200", "id": 200, "event": "single_push", "idx": 2, "ts": TS}
    said = {"src": ID, "method": "NotifyEvent", "params": {"ts": TS, "events": [event]}}
    found = Conversation(FAMILY).tell(f"{ID}/events/rpc", said)
    assert [seen.attributes for seen in found if isinstance(seen, Alarm)] == [{"action": "single", "button": "2"}]


INFO = {"id": ID, "name": "Gate", "mac": "A8032AB12345", "model": "SNSW-001P16EU", "gen": 2, "ver": "1.4.4"}


@pytest.mark.parametrize("topic", [f"{ID}/announce", "shellies/announce"])
def test_it_announces_itself_under_the_name_of_its_other_messages(topic: str) -> None:
    assert Conversation(GEN1, FAMILY).tell(topic, INFO) == [
        DeviceHealth(device=PLUS, name="Gate", model="SNSW-001P16EU", firmware="1.4.4", serial="A8032AB12345")
    ]


def test_orders_on_their_way_say_nothing() -> None:
    shelly = Conversation(FAMILY)
    assert shelly.tell(f"{ID}/command", "status_update") == []
    assert shelly.tell(f"{ID}/command/switch:0", "on") == []
    assert shelly.refusal("kitchen/command/switch:0", "on")


# --- the first generation ---


def old(leaf: str, said: Any) -> list[Observation]:
    return Conversation(GEN1).tell(f"shellies/shelly-1/{leaf}", said)


def test_a_thermostat_of_the_first_generation_tells_all_in_its_info() -> None:
    valve = {"pos": 12.5, "target_t": {"value": 20.0, "units": "C"}, "tmp": {"value": 70.7, "units": "F"}}
    found = old("info", {"unixtime": 1650000000, "thermostats": [valve], "bat": {"value": 99, "voltage": 4.1}})
    assert isinstance(found[0], DeviceHealth)
    assert (found[0].battery_percent, found[0].voltage_v) == (99, 4.1)
    assert readings(found) == [
        ("target_temperature", 20, "Cel"),
        ("temperature", 21.5, "Cel"),
        ("position.0", 12.5, "%"),
    ]
    status = {"target_t": {"value": 21.0, "units": "C"}, "tmp": {"value": 20.5, "units": "C", "is_valid": True}}
    assert readings(old("status", status)) == [("temperature", 20.5, "Cel"), ("target_temperature", 21, "Cel")]


def test_a_door_sensor_of_the_first_generation_tells_all_in_its_info() -> None:
    said = {
        "sensor": {"state": "open", "is_valid": True},
        "lux": {"value": 40, "illumination": "dark"},
        "accel": {"tilt": 5, "vibration": 1},
        "tmp": {"value": 20.5, "units": "C", "tC": 20.5, "tF": 68.9, "is_valid": True},
    }
    found = old("info", said)
    assert [(seen.name, seen.active) for seen in found if isinstance(seen, Alarm)] == [
        ("contact", True),
        ("vibration", True),
    ]
    assert readings(found) == [("tilt", 5, "deg"), ("temperature", 20.5, "Cel"), ("illuminance", 40, "lx")]


def test_a_relay_of_the_first_generation_tells_all_in_its_info() -> None:
    said = {
        "relays": [{"ison": True}, {"ison": False}],
        "meters": [{"power": 12.5, "is_valid": True, "total": 60_000}],
        "inputs": [{"input": 1}],
        "temperature": 48.5,
        "tmp": {"tC": 48.5, "tF": 119.3, "is_valid": True},
    }
    assert readings(old("info", said)) == [
        ("device_temperature", 48.5, "Cel"),
        ("switch.0", 1, "1"),
        ("switch.1", 0, "1"),
        ("input.0", 1, "1"),
        ("power.0", 12.5, "W"),
        ("energy.0", 1, "kWh"),
    ]


def test_a_shutter_that_was_never_calibrated_has_no_position() -> None:
    assert old("roller/0/pos", "-1") == [DeviceHealth(device="shelly_gen1/shelly-1")]
    assert readings(old("info", {"rollers": [{"current_pos": 101, "power": 0.0}]})) == [("power.0", 0, "W")]


def test_probes_of_an_add_on_may_come_in_one_object() -> None:
    assert readings(old("ext_temperatures", {"0": {"hwID": "28", "tC": 21.5, "tF": 70.7}})) == [
        ("temperature.0", 21.5, "Cel")
    ]


def test_watt_hours_of_the_first_generation_have_no_tail() -> None:
    assert readings(old("emeter/0/total", "10533.1")) == [("energy_total.0", 10.5331, "kWh")]

"""ESPHome's nodes: one value a topic, in ESPHome's own units where a name tells what it is."""

import pytest

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.family.esphome import FAMILY
from tests.bridge.family.told import Conversation

NODE = "esphome/kitchen"


def heard(topic: str, said: object) -> list[Observation]:
    return Conversation(FAMILY).tell(topic, said)


@pytest.mark.parametrize(
    ("name", "value", "metric", "channel", "unit"),
    [
        ("temperature", "21.5", "temperature", "", "Cel"),
        ("bme280_humidity", "45.2", "humidity", "bme280", "%"),
        ("outdoor_pm_2_5", "7", "pm2_5", "outdoor", "ug/m3"),
        ("total_energy", "12.5", "energy", "total", ""),  # Wh or kWh, as the site chose
        ("co2_value", "612", "co2_value", "", ""),
    ],
)
def test_a_sensor_is_what_ends_its_name(name: str, value: str, metric: str, channel: str, unit: str) -> None:
    assert heard(f"kitchen/sensor/{name}/state", value) == [
        EnvironmentReading(device=NODE, metric=metric, value=float(value), unit=unit, channel=channel)
    ]


def test_a_binary_sensor_is_a_contact_motion_or_a_state_of_its_own() -> None:
    assert heard("kitchen/binary_sensor/front_door/state", "ON") == [
        Alarm(device=NODE, name="contact", active=True, area="front_door")
    ]
    assert heard("kitchen/binary_sensor/hall_pir/state", "OFF") == [Motion(device=NODE, active=False, area="hall_pir")]
    assert heard("kitchen/binary_sensor/pump_running/state", "ON") == [
        EnvironmentReading(device=NODE, metric="pump_running", value=1, unit="1")
    ]
    assert heard("kitchen/switch/heater/state", "ON") == [
        EnvironmentReading(device=NODE, metric="switch", value=1, unit="1", channel="heater")
    ]


def test_what_a_node_tells_of_itself_is_its_health_and_a_prefix_may_have_levels() -> None:
    assert heard("site/pump/sensor/wifi_signal/state", "-67") == [
        DeviceHealth(device="esphome/site/pump", signal_dbm=-67)
    ]
    assert heard("kitchen/sensor/temperature/state", "nan") == [DeviceHealth(device=NODE)]


def test_birth_and_will_are_a_nodes_that_was_heard() -> None:
    site = Conversation(FAMILY)
    assert site.refusal("kitchen/status", "online")
    site.tell("kitchen/sensor/temperature/state", "21")
    assert site.tell("kitchen/status", "offline") == [DeviceHealth(device=NODE, state="offline")]
    assert site.tell("kitchen/debug", "[C][wifi:305]: connected") == []

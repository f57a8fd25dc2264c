"""Messages on `…/raw/{family}`: a gateway has said whose words they are, so less of a shape will do."""

from typing import Any

import pytest

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.family.catalogue import IN_PYTHON
from tests.bridge.family.told import Conversation


def brought(family: str, said: Any) -> list[Observation]:
    return Conversation(*IN_PYTHON).tell(f"hexpost/v1/city/hall/raw/{family}", said)


def reading(device: str, metric: str, value: float, unit: str, channel: str = "") -> EnvironmentReading:
    return EnvironmentReading(device=device, metric=metric, value=value, unit=unit, channel=channel)


ZIGBEE, TASMOTA, SHELLY = "zigbee2mqtt/hall", "tasmota/hall", "shelly_gen2/hall"


def test_a_zigbee_device_need_not_tell_its_link_quality() -> None:
    health = DeviceHealth(device=ZIGBEE, via="zigbee2mqtt/bridge")
    assert brought("zigbee2mqtt", {"temperature": 21.5}) == [health, reading(ZIGBEE, "temperature", 21.5, "Cel")]
    assert brought("zigbee2mqtt", {"occupancy": True}) == [health, Motion(device=ZIGBEE, active=True)]
    assert brought("zigbee2mqtt", {"state": "offline"}) == [
        DeviceHealth(device=ZIGBEE, state="offline", via="zigbee2mqtt/bridge")
    ]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"POWER2": "ON"}, reading(TASMOTA, "switch", 1.0, "1", "2")),
        ({"SHT3X": {"Temperature": 21.5}}, reading(TASMOTA, "temperature", 21.5, "Cel", "sht3x")),
        ({"RestartReason": "Power On"}, DeviceHealth(device=TASMOTA, attributes={"restartreason": "Power On"})),
    ],
)
def test_a_tasmota_without_the_marks_of_its_telemetry(said: Any, expected: Observation) -> None:
    assert brought("tasmota", said) == [expected]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"id": 0, "source": "init", "output": True}, reading(SHELLY, "switch", 1.0, "1", "0")),
        ({"id": 2, "state": False}, reading(SHELLY, "input", 0.0, "1", "2")),
        ({"id": 100, "tC": 4.5, "tF": 40.1}, reading(SHELLY, "temperature", 4.5, "Cel", "100")),
        ({"id": 0, "rh": 55.1}, reading(SHELLY, "humidity", 55.1, "%", "0")),
        ({"id": 0, "apower": 12.0}, reading(SHELLY, "power", 12.0, "W", "0")),
    ],
)
def test_a_shellys_component_is_known_by_what_only_it_says(said: Any, expected: Observation) -> None:
    assert brought("shelly_gen2", said) == [expected]


def test_a_shellys_whole_status_and_an_answer_without_its_asker() -> None:
    health, light = brought("shelly_gen2", {"light:0": {"id": 0, "output": False}, "sys": {"uptime": 12}})
    assert health == DeviceHealth(device=SHELLY, uptime_s=12.0)
    assert light == reading(SHELLY, "light", 0.0, "1", "0")
    answered = brought("shelly_gen2", {"id": 7, "src": "shellyplus1-aa", "result": {"was_on": True}})
    assert [seen.device for seen in answered] == ["shelly_gen2/shellyplus1-aa"] * 2


def test_an_older_shellys_status() -> None:
    (health, door) = brought("shelly_gen1", {"bat": {"value": 88, "voltage": 5.9}, "sensor": {"state": "open"}})
    assert health == DeviceHealth(device="shelly_gen1/hall", battery_percent=88.0, voltage_v=5.9)
    assert door == Alarm(device="shelly_gen1/hall", name="contact", active=True)


def test_another_familys_words_are_still_known_by_their_shape() -> None:
    said = {"type": "new", "before": {}, "after": {"id": "1.2-a", "camera": "gate", "label": "car"}}
    assert brought("zigbee2mqtt", said)[0].device == "frigate/gate"
    refused = Conversation(*IN_PYTHON).refusal("hexpost/v1/city/hall/raw/zigbee2mqtt", {"nothing": "known"})
    assert refused.startswith("neither a message of zigbee2mqtt by its shape")


@pytest.mark.parametrize("family", ["tasmota", "zigbee2mqtt", "frigate", "shelly_gen2"])
def test_a_birth_or_last_will_is_one_word(family: str) -> None:
    assert brought(family, "Online") == [DeviceHealth(device=f"{family}/hall", state="online")]
    assert brought(family, "offline") == [DeviceHealth(device=f"{family}/hall", state="offline")]
    assert Conversation(*IN_PYTHON).refusal(f"hexpost/v1/city/hall/raw/{family}", "onward").startswith("neither")

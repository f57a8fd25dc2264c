"""Components that later Shellys bring, and BLU devices as scripts on a Shelly tell of them."""

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading
from firmware_bridge.family.shelly.family import FAMILY
from tests.bridge.family.told import Conversation

PRO = "shelly_gen2/shellypro2cb-0a1b2c3d4e5f"


def test_a_component_that_nobody_knows_yet_says_that_its_shelly_is_there() -> None:
    for component in ("blugw", "powerstrip_ui", "invention:0"):
        topic = f"shellypro2cb-0a1b2c3d4e5f/status/{component}"
        assert Conversation(FAMILY).tell(topic, {}) == [DeviceHealth(device=PRO)]


def test_a_circuit_breaker_is_a_switch_that_counts() -> None:
    said = {"id": 0, "output": True, "source": "local", "total_cycles": 11, "temperature": {"tC": 50.5, "tF": 122.9}}
    found = Conversation(FAMILY).tell("shellypro2cb-0a1b2c3d4e5f/status/cb:0", said)
    assert [(seen.metric, seen.value, seen.unit) for seen in found if isinstance(seen, EnvironmentReading)] == [
        ("switch", 1.0, "1"),
        ("device_temperature", 50.5, "Cel"),
        ("switch_cycles", 11.0, "1"),
    ]


def test_a_blu_device_on_a_topic_of_its_address_is_a_device_of_its_own() -> None:
    service = {"encryption": False, "BTHome_version": 2, "pid": 9, "battery": 97, "temperature": 21.5, "window": 1}
    said = {"addr": "3C:2E:F5:00:11:22", "rssi": -70, "local_name": "", "service_data": service}
    found = Conversation(FAMILY).tell("3c:2e:f5:00:11:22", said)
    assert {seen.device for seen in found} == {"shelly_gen2/3c:2e:f5:00:11:22"}
    health = next(seen for seen in found if isinstance(seen, DeviceHealth))
    assert (health.battery_percent, health.signal_dbm, health.via) == (97, -70, "")
    assert [(seen.name, seen.active) for seen in found if isinstance(seen, Alarm)] == [("contact", True)]
    assert [(seen.metric, seen.value, seen.unit) for seen in found if isinstance(seen, EnvironmentReading)] == [
        ("temperature", 21.5, "Cel")
    ]


def test_each_of_several_buttons_is_its_own() -> None:
    data = {"address": "3C:2E:F5:00:11:22", "rssi": -70, "button": [0, 1, 0, 2]}
    event = {"component": "script:1", "event": "shelly-blu", "data": data}
    said = {"src": "shellyplus1-x", "method": "NotifyEvent", "params": {"ts": 1733776884.25, "events": [event]}}
    found = Conversation(FAMILY).tell("shellyplus1-x/events/rpc", said)
    assert [(seen.area, seen.attributes["presses"]) for seen in found if isinstance(seen, Alarm)] == [
        ("2", 1),
        ("4", 2),
    ]

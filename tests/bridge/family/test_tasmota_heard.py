"""What Tasmota's bridges hear by Zigbee, LoRaWAN and Matter: doors, remote controls, zones, and who they are."""

from datetime import UTC, datetime
from typing import Any

import pytest

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.family.tasmota.family import FAMILY
from tests.bridge.family.told import Conversation

BRIDGE = "tasmota/bridge"


def heard(topic: str = "tele/bridge/SENSOR", address: str = "0x5ADF", **said: Any) -> list[Observation]:
    return Conversation(FAMILY).tell(topic, {"ZbReceived": {address: {"Device": "0x5ADF", **said, "Endpoint": 1}}})


def alarms(found: list[Observation]) -> list[tuple[str, bool]]:
    return [(seen.name, seen.active) for seen in found if isinstance(seen, Alarm)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"Contact": 1}, [("contact", True)]),
        ({"Contact": 0}, [("contact", False)]),
        ({"ZoneStatusChange": 33, "ZoneStatusChangeZone": 1, "Contact": 1}, [("tamper", False), ("contact", True)]),
        ({"ZoneStatusChange": 32}, [("zone_status", False), ("tamper", False)]),  # it only reports that it is there
        ({"ZoneStatusChange": 1}, [("zone_status", True), ("tamper", False)]),
        ({"ZoneStatusChange": 36, "Water": 0}, [("tamper", True), ("water_leak", False)]),
        ({"Fire": 1}, [("smoke", True)]),
    ],
)
def test_a_contact_of_one_is_open_and_a_zone_has_bits(said: dict[str, Any], expected: list[tuple[str, bool]]) -> None:
    assert alarms(heard(**said)) == expected


@pytest.mark.parametrize(
    ("said", "action"),
    [
        ({"0006!02": "", "Power": 2}, "toggle"),
        ({"0006!01": "", "Power": 1}, "on"),
        ({"0008!06": "002B0500", "DimmerUp": True}, "dimmer_up"),
        ({"0005!07": "01", "ArrowClick": 1}, "arrow_click"),
        ({"click": "single", "Click": "single"}, "single"),
        ({"AqaraCube": "flip90", "AqaraCubeFromSide": 2}, "flip90"),
    ],
)
def test_a_remote_control_is_pressed_and_switches_nothing_of_its_own(said: dict[str, Any], action: str) -> None:
    found = heard(**said)
    assert [seen.attributes for seen in found if isinstance(seen, Alarm)] == [{"action": action}]
    assert [seen.metric for seen in found if isinstance(seen, EnvironmentReading)] in ([], ["aqara_cube_from_side"])


def test_a_plug_tells_whether_it_is_on() -> None:
    said: dict[str, Any] = {"Power": 1, "0006/4001": 0, "ReadNames": {"LocalTime": True}, "Cluster": 10}
    found = heard(**said)
    assert [(seen.metric, seen.value) for seen in found if isinstance(seen, EnvironmentReading)] == [("switch", 1)]


def test_an_endpoint_stands_behind_the_attribute() -> None:
    found = heard(Power2=1, Contact3=1, Occupancy1=1)
    assert [(seen.metric, seen.channel) for seen in found if isinstance(seen, EnvironmentReading)] == [("switch", "2")]
    assert [(seen.name, seen.area) for seen in found if isinstance(seen, Alarm)] == [("contact", "3")]
    assert [seen.area for seen in found if isinstance(seen, Motion)] == ["1"]


@pytest.mark.parametrize(
    ("topic", "address", "said"),
    [
        ("tele/bridge/SENSOR", "Kitchen", {}),
        ("tele/bridge/5ADF/SENSOR", "Kitchen", {}),
        ("tele/bridge/Kitchen/SENSOR", "0x5ADF", {"Name": "Kitchen"}),
    ],
)
def test_it_is_one_device_by_whichever_name_the_bridge_calls_it(topic: str, address: str, said: dict[str, Any]) -> None:
    assert heard(topic, address, **said, Battery=98)[0] == DeviceHealth(
        device=f"{BRIDGE}/Kitchen", name=said.get("Name", ""), address="0x5ADF", via=BRIDGE, battery_percent=98
    )


def test_what_the_bridge_knows_is_of_when_it_last_heard_it() -> None:
    known = {
        "Device": "0x5ADF",
        "Name": "Bulb",
        "Power": 1,
        "Contact": 1,
        "Reachable": True,
        "LastSeenEpoch": 1658349178,
    }
    at = datetime(2022, 7, 20, 20, 32, 58, tzinfo=UTC)
    assert Conversation(FAMILY).tell("tele/bridge/SENSOR", {"ZbInfo": {"0x5ADF": known}}) == [
        DeviceHealth(device=f"{BRIDGE}/Bulb", observed_at=at, name="Bulb", address="0x5ADF", via=BRIDGE),
        EnvironmentReading(device=f"{BRIDGE}/Bulb", observed_at=at, metric="switch", value=1, unit="1"),
    ]


def test_a_lorawan_node_is_known_by_its_eui_and_may_have_a_topic_of_its_own() -> None:
    node = {"Device": "0xAE3D", "RSSI": -14, "DevEUIh": "A840414E", "DevEUIl": "4F5CAE3D", "FPort": 2, "Payload": [9]}
    said = {"LwReceived": {"LHT52": node}}
    assert Conversation(FAMILY).tell("tele/bridge/SENSOR", said) == [
        DeviceHealth(device=f"{BRIDGE}/LHT52", serial="A840414E4F5CAE3D", address="0xAE3D", via=BRIDGE, signal_dbm=-14)
    ]
    decoded = {"LwDecoded": {"LHT52": {"TempC_Internal": 25.5}}}
    found = Conversation(FAMILY).tell("tele/bridge/SENSOR/A840414E4F5CAE3D", decoded)
    assert {seen.device for seen in found} == {f"{BRIDGE}/LHT52"}


@pytest.mark.parametrize(
    "said",
    [
        {"MtrReceived": {"ep9": {"Name": "Light0", "Power": 1}}},
        {"MtrReceived": {"Name": "Light0", "Power": 1}},
        {"MtrInfo": {"Ep": 9, "Name": "Light0", "Power": True}},
    ],
)
def test_an_endpoint_of_matter_is_a_switch_and_no_meter(said: dict[str, Any]) -> None:
    assert Conversation(FAMILY).tell("tele/bridge/RESULT", said) == [
        EnvironmentReading(device=BRIDGE, metric="switch", value=1, unit="1", channel="light0")
    ]

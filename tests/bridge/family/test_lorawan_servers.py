"""LoRaWAN network servers of other makes: who sent, what, and who heard it."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.observation import DeviceHealth, EnvironmentReading, Observation, Position
from firmware_bridge.family.lorawan_servers import FAMILY
from tests.bridge.family.hearing import changed, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples

AT = datetime(2020, 1, 1, 9, tzinfo=UTC)
ELSYS_BODY = bytes.fromhex("0100e7")
TTN: dict[str, Any] = {
    "app_id": "elsys",
    "dev_id": "node1",
    "hardware_serial": "A81758FFFE000001",
    "port": 5,
    "counter": 12,
    "payload_raw": base64.b64encode(ELSYS_BODY).decode(),
    "metadata": {
        "time": "2020-01-01T09:00:00Z",
        "gateways": [{"gtw_id": "eui-a", "rssi": -90, "snr": 1.5}, {"gtw_id": "eui-b", "rssi": -67, "snr": 8.8}],
    },
}
THINGPARK: dict[str, Any] = {
    "DevEUI_uplink": {
        "Time": "2020-01-01T10:00:00.000+01:00",
        "DevEUI": "A81758FFFE000001",
        "FPort": "5",
        "FCntUp": "12",
        "payload_hex": ELSYS_BODY.hex(),
        "Lrrs": {"Lrr": [{"Lrrid": "10001273", "LrrRSSI": "-84.0", "LrrSNR": "9.75"}]},
        "CustomerData": {"alr": {"pro": "ELSYS/ERS", "ver": "1"}, "name": "hall"},
    }
}
LORIOT: dict[str, Any] = {
    "cmd": "gw",
    "EUI": "ELSYS-A81758FFFE000001",
    "ts": 1577869200000,
    "fcnt": 12,
    "port": 5,
    "gws": [{"rssi": -91, "snr": 8, "gweui": "7076FFFFFF010B88"}],
    "data": ELSYS_BODY.hex(),
}
HELIUM: dict[str, Any] = {
    "dev_eui": "A81758FFFE000001",
    "fcnt": 12,
    "hotspots": [{"name": "one-two-three", "rssi": -80, "snr": 7.5}],
    "name": "hall",
    "payload": base64.b64encode(ELSYS_BODY).decode(),
    "decoded": {"payload": {"temperature": 23.1}, "status": "success"},
    "port": 5,
    "reported_at": 1577869200000,
}
MULTITECH: dict[str, Any] = {
    "deveui": "a8-17-58-ff-fe-00-00-01",
    "data": base64.b64encode(ELSYS_BODY).decode(),
    "port": 5,
    "fcnt": 12,
    "rssi": -29,
    "lsnr": "10.8",
    "gweui": "00-80-00-00-a0-00-01-56",
    "time": "2020-01-01T09:00:00Z",
}


def heard(said: Any, topic: str = "any/topic") -> list[Observation]:
    return Conversation(FAMILY).tell(topic, said)


@pytest.mark.parametrize(
    ("said", "device", "via", "signal"),
    [
        (TTN, "the_things_network/node1", "lorawan/eui-b", -67),
        (THINGPARK, "thingpark/a81758fffe000001", "lorawan/10001273", -84),
        (LORIOT, "loriot/a81758fffe000001", "lorawan/7076ffffff010b88", -91),
        (HELIUM, "helium/a81758fffe000001", "lorawan/one-two-three", -80),
        (MULTITECH, "multitech/a81758fffe000001", "lorawan/00800000a0000156", -29),
    ],
    ids=["The Things Network", "ThingPark", "LORIOT", "Helium", "Multitech"],
)
def test_an_uplink_is_read_whichever_server_brings_it(said: Any, device: str, via: str, signal: float) -> None:
    found = heard(said)
    assert [
        (seen.device, seen.observed_at, seen.metric, seen.value)
        for seen in found
        if isinstance(seen, EnvironmentReading)
    ] == [(device, AT, "temperature", 23.1)]
    health = next(seen for seen in found if isinstance(seen, DeviceHealth))
    assert (health.device, health.via, health.signal_dbm, health.attributes["f_cnt"]) == (device, via, signal, 12)
    assert health.address == "a81758fffe000001"


def test_what_the_servers_own_codec_said_comes_first() -> None:
    found = heard({**TTN, "payload_fields": {"humidity": 45}})
    assert [seen.metric for seen in found if isinstance(seen, EnvironmentReading)] == ["humidity"]


def test_a_device_joins_tells_its_battery_and_is_located() -> None:
    joined = heard({"DevEUI_notification": {"Time": "2020-01-01T09:00:00Z", "DevEUI": "00FF", "Type": "join"}})
    assert joined == [DeviceHealth(device="thingpark/00ff", observed_at=AT, state="online", address="00ff")]
    asked = heard({"DevEUI_notification": {"DevEUI": "00FF", "Type": "devstatusans", "Var1": "127", "Var2": "7"}})
    assert asked == [DeviceHealth(device="thingpark/00ff", address="00ff", battery_percent=50.0)]
    mains = heard({"DevEUI_notification": {"DevEUI": "00FF", "Type": "devstatusans", "Var1": "0"}})
    assert mains == [DeviceHealth(device="thingpark/00ff", address="00ff")]
    place = heard({"DevEUI_location": {"DevEUI": "00FF", "DevLAT": "48.8", "DevLON": "2.3", "DevLocRadius": "30"}})
    assert place[1] == Position(device="thingpark/00ff", longitude=2.3, latitude=48.8, accuracy_m=30)
    activation = {"app_eui": "1", "dev_eui": "00FF", "dev_addr": "26", "metadata": {"time": "2020-01-01T09:00:00Z"}}
    assert heard(activation, "elsys/devices/node1/events/activations") == [
        DeviceHealth(device="the_things_network/node1", observed_at=AT, state="online", address="00ff")
    ]


@settings(max_examples=examples(200))
@given(changed([TTN, THINGPARK, LORIOT, HELIUM, MULTITECH]))
def test_nothing_raises(said: Any) -> None:
    outcome(FAMILY, said)

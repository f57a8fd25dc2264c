"""ChirpStack: what becomes of the events of devices and gateways."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.model.observation import CommandOutcome, DeviceHealth, EnvironmentReading, Position
from firmware_bridge.family.chirpstack.family import FAMILY
from tests.bridge.family.hearing import changed, hear, outcome
from tests.bridge.family.told import Conversation, well_typed
from tests.conftest import examples

AT = datetime(2022, 7, 18, 9, 34, 15, 775023, tzinfo=UTC)
INFO = {
    "tenantId": "52f14cd4",
    "applicationName": "Water",
    "deviceProfileName": "Milesight EM300-SLD",
    "deviceName": "Cellar",
    "devEui": "24E124136B3E0001",
    "tags": {"model": "EM300-SLD", "vendor": "Milesight"},
}
EVENT: dict[str, Any] = {
    "deduplicationId": "3ac7e3c4",
    "time": "2022-07-18T09:34:15.775023242+00:00",
    "deviceInfo": INFO,
}
UP = {
    **EVENT,
    "fCnt": 4,
    "fPort": 85,
    "data": "A2c0AQRoZQ==",
    "rxInfo": [
        {"gatewayId": "0016c001f153a14c", "rssi": -91, "snr": -2.5},
        {"gatewayId": "0016c001f153a14d", "rssi": -36, "snr": 10.5},
    ],
    "txInfo": {"frequency": 867100000, "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 11}}},
}
DEVICE = "chirpstack/24e124136b3e0001"
TOPIC = "application/17c8/device/24e124136b3e0001/event"


def health(**members: Any) -> DeviceHealth:
    told = {"name": "Cellar", "manufacturer": "Milesight", "model": "EM300-SLD", "address": "24e124136b3e0001"}
    return DeviceHealth(device=DEVICE, observed_at=AT, observation_id="3ac7e3c4", **{**told, **members})


def reading(metric: str, value: float, unit: str) -> EnvironmentReading:
    return EnvironmentReading(
        device=DEVICE, observed_at=AT, observation_id="3ac7e3c4", metric=metric, value=value, unit=unit
    )


def test_an_uplink_is_its_values_its_link_and_the_best_of_its_gateways() -> None:
    assert hear(FAMILY, UP, f"{TOPIC}/up") == [
        reading("temperature", 30.8, "Cel"),
        reading("humidity", 50.5, "%"),
        health(
            via="lorawan/0016c001f153a14d",
            signal_dbm=-36.0,
            attributes={"gateways": 2, "snr": 10.5, "spreading_factor": 11, "f_cnt": 4},
        ),
        DeviceHealth(device="lorawan/0016c001f153a14d", observed_at=AT),
    ]


def test_what_the_servers_codec_says_comes_before_the_body() -> None:
    observations = hear(FAMILY, {**UP, "object": {"temperature": 12.5}}, f"{TOPIC}/up")
    assert observations[0] == reading("temperature", 12.5, "Cel")
    assert len(observations) == 3


def test_a_body_nobody_knows_says_that_the_device_lives() -> None:
    event = {**EVENT, "deviceInfo": {"devEui": "0101010101010101"}, "fPort": 1, "data": "qg=="}
    assert hear(FAMILY, event) == [
        DeviceHealth(
            device="chirpstack/0101010101010101",
            observed_at=AT,
            observation_id="3ac7e3c4",
            address="0101010101010101",
            attributes={"undecoded_bytes": 1, "f_port": 1},
        )
    ]


EVENTS = [
    ("join", {**EVENT, "devAddr": "00189440"}, [health(state="online")]),
    (
        "status",
        {**EVENT, "margin": 10, "batteryLevel": 88.3},
        [health(battery_percent=88.3, attributes={"margin_db": 10.0})],
    ),
    (
        "status",
        {**EVENT, "margin": 7, "externalPowerSource": True, "batteryLevel": 0},
        [health(attributes={"margin_db": 7.0, "mains": True})],
    ),
    (
        "ack",
        {**EVENT, "queueItemId": "1bbcab1d", "acknowledged": True, "fCntDown": 3},
        [
            CommandOutcome(device=DEVICE, observed_at=AT, outcome="done", command_id="1bbcab1d", method="downlink"),
            health(),
        ],
    ),
    (
        "ack",
        {**EVENT, "queueItemId": "1bbcab1d", "acknowledged": False},
        [
            CommandOutcome(
                device=DEVICE,
                observed_at=AT,
                outcome="failed",
                command_id="1bbcab1d",
                method="downlink",
                message="the device did not acknowledge",
            ),
            health(),
        ],
    ),
    (
        "txack",
        {**EVENT, "downlinkId": 3461958127, "queueItemId": "42cb6459", "gatewayId": "0016c001f153a14c"},
        [
            CommandOutcome(device=DEVICE, observed_at=AT, outcome="running", command_id="42cb6459", method="downlink"),
            health(via="lorawan/0016c001f153a14c"),
            DeviceHealth(device="lorawan/0016c001f153a14c", observed_at=AT),
        ],
    ),
    (
        "log",
        {**EVENT, "level": "ERROR", "code": "UPLINK_MIC", "description": "MIC is invalid", "context": {}},
        [health(attributes={"log_level": "ERROR", "log_code": "UPLINK_MIC", "log": "MIC is invalid"})],
    ),
    (
        "location",
        {**EVENT, "location": {"latitude": 37.344214, "longitude": -8.839375, "altitude": 2}},
        [
            Position(
                device=DEVICE,
                observed_at=AT,
                observation_id="3ac7e3c4",
                latitude=37.344214,
                longitude=-8.839375,
                altitude_m=2.0,
            ),
            health(),
        ],
    ),
]


@pytest.mark.parametrize(("kind", "event", "observations"), EVENTS)
def test_an_event_means_the_same_by_its_topic_and_by_its_shape(
    kind: str, event: dict[str, Any], observations: list[Any]
) -> None:
    assert hear(FAMILY, event, f"{TOPIC}/{kind}") == observations
    assert hear(FAMILY, event) == observations


def test_a_downlink_that_the_server_gives_up_is_a_failed_command() -> None:
    event = {
        **EVENT,
        "level": "ERROR",
        "code": "DOWNLINK_PAYLOAD_SIZE",
        "description": "too long",
        "context": {"queue_item_id": "42cb6459"},
    }
    failed = hear(FAMILY, event, f"{TOPIC}/log")[0]
    assert failed == CommandOutcome(
        device=DEVICE,
        observed_at=AT,
        outcome="failed",
        command_id="42cb6459",
        method="downlink",
        message="DOWNLINK_PAYLOAD_SIZE: too long",
    )


def test_version_3_names_the_same_things_otherwise() -> None:
    event = {
        "applicationID": "1",
        "applicationName": "Water",
        "deviceName": "Cellar",
        "devEUI": "JOEkE2s+AAE=",
        "rxInfo": [{"gatewayID": "ABbAAfFToUw=", "time": "2022-07-18T09:34:15.775023Z", "rssi": -36, "loRaSNR": 10.5}],
        "txInfo": {"frequency": 867100000, "loRaModulationInfo": {"bandwidth": 125, "spreadingFactor": 7}},
        "fCnt": 10,
        "fPort": 5,
        "data": "AQ==",
        "objectJSON": '{"temperatureSensor":{"1":25}}',
    }
    temperature, device, gateway = hear(FAMILY, event, "application/1/device/24e124136b3e0001/event/up")
    assert temperature == EnvironmentReading(
        device=DEVICE, observed_at=AT, metric="temperature", value=25.0, unit="Cel", channel="1"
    )
    assert device == DeviceHealth(
        device=DEVICE,
        observed_at=AT,
        name="Cellar",
        address="24e124136b3e0001",
        via="lorawan/0016c001f153a14c",
        signal_dbm=-36.0,
        attributes={"gateways": 1, "snr": 10.5, "spreading_factor": 7, "f_cnt": 10},
    )
    assert gateway == DeviceHealth(device="lorawan/0016c001f153a14c", observed_at=AT)
    assert hear(FAMILY, event) == [temperature, device, gateway]


def test_a_gateways_statistics_are_readings_of_the_gateway_and_say_where_it_is() -> None:
    stats = {
        "gatewayId": "0016c001f153a14c",
        "time": "2022-07-18T09:34:15.775023Z",
        "location": {"latitude": 52.1, "longitude": 4.9, "altitude": 12},
        "rxPacketsReceived": 7,
        "txPacketsEmitted": 1,
    }
    device = "lorawan/0016c001f153a14c"
    expected = [
        EnvironmentReading(device=device, observed_at=AT, metric="packets_received", value=7.0, unit="1"),
        EnvironmentReading(device=device, observed_at=AT, metric="packets_sent", value=1.0, unit="1"),
        Position(device=device, observed_at=AT, latitude=52.1, longitude=4.9, altitude_m=12.0),
        DeviceHealth(device=device, observed_at=AT, state="online"),
    ]
    assert hear(FAMILY, stats, "eu868/gateway/0016c001f153a14c/event/stats") == expected
    assert hear(FAMILY, stats) == expected


@pytest.mark.parametrize(
    ("topic", "payload", "state"),
    [
        ("eu868/gateway/0016c001f153a14c/event/up", b"\x0a\x17\x80\xff", "online"),
        ("gateway/0016c001f153a14c/event/up", b'{"phyPayload":"QA=="}', "online"),
        ("eu868/gateway/0016c001f153a14c/state/conn", b'{"gatewayId":"0016c001f153a14c","state":"OFFLINE"}', "offline"),
        ("eu868/gateway/0016c001f153a14c/state/conn", b'{"gatewayId":"0016c001f153a14c","state":"ONLINE"}', "online"),
        ("eu868/gateway/0016c001f153a14c/state/conn", b"\x10\x01\x1a\x100016c001f153a14c", "online"),
        ("eu868/gateway/0016c001f153a14c/state/conn", b"\x1a\x100016c001f153a14c", "offline"),
    ],
)
def test_a_gateway_lives_by_what_it_sends_and_by_its_last_will(topic: str, payload: bytes, state: Any) -> None:
    assert Conversation(FAMILY).tell(topic, payload) == [DeviceHealth(device="lorawan/0016c001f153a14c", state=state)]


GATEWAY = "0016c001f153a14c"


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"gatewayId": GATEWAY, "state": "ONLINE"}, "online"),
        ({"gatewayId": GATEWAY, "state": "OFFLINE"}, "offline"),
        ({"phyPayload": "QA==", "txInfo": {}, "rxInfo": {"gatewayId": GATEWAY, "rssi": -52}}, "online"),
        ({"gatewayId": GATEWAY, "downlinkId": 8941, "items": [{"status": "OK"}, {}]}, "online"),
        ({"gatewayID": GATEWAY, "execId": 5294, "stdout": "QQ==", "stderr": ""}, "online"),
    ],
)
def test_a_gateway_is_known_by_what_it_sends_without_a_topic(told: dict[str, Any], state: Any) -> None:
    assert hear(FAMILY, told) == [DeviceHealth(device=f"lorawan/{GATEWAY}", state=state)]


def test_a_downlink_on_its_way_to_a_gateway_is_no_word_of_it() -> None:
    sent = {"gatewayId": GATEWAY, "downlinkId": 8941, "items": [{"phyPayload": "YA==", "txInfo": {}}]}
    assert FAMILY.recognise is not None
    assert FAMILY.recognise(sent) is None


def test_commands_are_nobodys_news() -> None:
    assert Conversation(FAMILY).tell("application/1/device/01/command/down", {"devEui": "01", "data": "AQ=="}) == []


def test_a_message_that_is_no_object_is_refused_with_what_was_expected() -> None:
    assert "JSON object" in Conversation(FAMILY).refusal(f"{TOPIC}/up", [1])


@settings(max_examples=examples(300))
@given(st.data())
def test_odd_members_give_observations_or_a_refusal(data: st.DataObject) -> None:
    kind, event = data.draw(st.sampled_from([("up", UP), *((kind, event) for kind, event, _ in EVENTS)]))
    heard = outcome(FAMILY, data.draw(changed([event])), f"{TOPIC}/{kind}")
    assert not isinstance(heard, list) or well_typed(heard)


@pytest.mark.parametrize("odd", [None, "gone", 7, [], {}, [None, "x", {"rssi": "loud"}], {"a": 1}])
def test_an_uplink_is_read_whatever_stands_in_the_place_of_its_gateways(odd: Any) -> None:
    for member in ("rxInfo", "txInfo"):
        found = hear(FAMILY, {**UP, member: odd}, f"{TOPIC}/up")
        assert found[:2] == [reading("temperature", 30.8, "Cel"), reading("humidity", 50.5, "%")]


def test_a_device_that_is_renamed_is_known_by_its_new_name_at_once() -> None:
    for name in ("Cellar", "Attic", "Cellar"):
        (told,) = hear(FAMILY, {**EVENT, "deviceInfo": {**INFO, "deviceName": name}}, f"{TOPIC}/join")
        assert isinstance(told, DeviceHealth)
        assert told.name == name


def test_device_info_that_is_no_text_is_refused_at_its_place() -> None:
    broken = b'{"deviceInfo": {"deviceName": "\xff"}, "margin": 3}'
    with pytest.raises(Rejected, match=r"^\$\.deviceInfo: not JSON"):
        hear(FAMILY, broken, f"{TOPIC}/status")

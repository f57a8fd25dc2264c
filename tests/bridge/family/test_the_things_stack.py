"""The Things Stack: what becomes of the messages of an application."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.observation import CommandOutcome, DeviceHealth, EnvironmentReading, Position
from firmware_bridge.family.the_things_stack.family import FAMILY
from tests.bridge.family.hearing import changed, hear, outcome
from tests.bridge.family.told import Conversation, well_typed
from tests.conftest import examples

AT = datetime(2020, 2, 12, 15, 15, 45, 787000, tzinfo=UTC)
EARLIER = datetime(2020, 2, 12, 15, 15, 45, 500000, tzinfo=UTC)
DEVICE = "the_things_stack/dev1"
MESSAGE: dict[str, Any] = {
    "end_device_ids": {
        "device_id": "dev1",
        "application_ids": {"application_id": "app1"},
        "dev_eui": "0004A30B001C0530",
        "dev_addr": "00BCB929",
    },
    "correlation_ids": ["as:up:01E0WZGT6Y7657CPFPE5WEYDSQ", "gs:uplink:01E0WZGSZWT07NE5TS2APTV1Z9"],
    "received_at": "2020-02-12T15:15:45.787Z",
}
UPLINK: dict[str, Any] = {
    "session_key_id": "AXA50tHUszfnrm9DY5AY6g==",
    "f_port": 1,
    "f_cnt": 2,
    "frm_payload": "AxgAZ==",
    "decoded_payload": {"temperature": 1.5},
    "rx_metadata": [
        {"gateway_ids": {"gateway_id": "gw1", "eui": "9C5C8E00001A05C4"}, "rssi": -71, "snr": 7.5},
        {
            "gateway_ids": {"gateway_id": "packetbroker"},
            "packet_broker": {"forwarder_gateway_id": "theirs"},
            "rssi": -35,
            "snr": 9.8,
        },
    ],
    "settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7}}, "frequency": "868300000"},
    "received_at": "2020-02-12T15:15:45.500Z",
}
UP_ID = "0004a30b001c0530-AXA50tHUszfnrm9DY5AY6g==-2"
DOWNLINK = {"f_port": 15, "frm_payload": "vu8=", "correlation_ids": ["as:downlink:01E19B", "my-command"]}


def health(**members: Any) -> DeviceHealth:
    told = {"observed_at": AT, "name": "dev1", "address": "0004a30b001c0530"}
    return DeviceHealth(device=DEVICE, **{**told, **members})


def ended(outcome: Any, message: str = "") -> CommandOutcome:
    return CommandOutcome(
        device=DEVICE, observed_at=AT, outcome=outcome, command_id="my-command", method="downlink", message=message
    )


def test_an_uplink_is_its_values_its_link_and_the_best_of_its_gateways() -> None:
    assert hear(FAMILY, {**MESSAGE, "uplink_message": UPLINK}, "v3/app1@ttn/devices/dev1/up") == [
        EnvironmentReading(
            device=DEVICE, observed_at=EARLIER, observation_id=UP_ID, metric="temperature", value=1.5, unit="Cel"
        ),
        health(
            observed_at=EARLIER,
            observation_id=UP_ID,
            via="lorawan/theirs",
            signal_dbm=-35.0,
            attributes={"gateways": 2, "snr": 9.8, "spreading_factor": 7, "f_cnt": 2},
        ),
        DeviceHealth(device="lorawan/theirs", observed_at=EARLIER),
    ]


def test_the_device_repositorys_model_reads_the_body() -> None:
    uplink = {
        "version_ids": {"brand_id": "milesight-iot", "model_id": "ws202"},
        "f_port": 85,
        "frm_payload": "AwAB",
        "last_battery_percentage": {"value": 96.5},
    }
    motion, device = hear(FAMILY, {**MESSAGE, "uplink_message": uplink})
    assert (motion.device, motion.__struct_config__.tag) == (DEVICE, "motion")
    assert device == health(manufacturer="milesight-iot", model="ws202", battery_percent=96.5)


def test_what_the_stack_has_normalized_comes_first() -> None:
    uplink = {**UPLINK, "normalized_payload": [{"air": {"temperature": 21.25}}]}
    first = hear(FAMILY, {**MESSAGE, "uplink_message": uplink})[0]
    assert isinstance(first, EnvironmentReading)
    assert (first.metric, first.value, first.unit) == ("temperature", 21.25, "Cel")


def test_what_the_stack_has_not_normalized_is_kept_besides() -> None:
    decoded = {"temperature": 21.3, "humidity": 40, "openWindow": False}
    uplink = {**UPLINK, "normalized_payload": [{"air": {"temperature": 21.25}}], "decoded_payload": decoded}
    found = hear(FAMILY, {**MESSAGE, "uplink_message": uplink})
    told = [(seen.metric, seen.value) for seen in found if isinstance(seen, EnvironmentReading)]
    assert told == [("temperature", 21.25), ("humidity", 40.0), ("open_window", 0.0)]


def test_frames_of_two_sessions_are_not_the_same_and_a_counter_of_0_is_left_out() -> None:
    first = {name: value for name, value in UPLINK.items() if name != "f_cnt"}
    again = {**first, "session_key_id": "BBBB"}
    ids = {hear(FAMILY, {**MESSAGE, "uplink_message": uplink})[0].observation_id for uplink in (first, again)}
    assert ids == {"0004a30b001c0530-AXA50tHUszfnrm9DY5AY6g==-0", "0004a30b001c0530-BBBB-0"}


def positions(uplink: dict[str, Any]) -> list[tuple[float, float]]:
    heard = hear(FAMILY, {**MESSAGE, "uplink_message": uplink})
    return [(seen.latitude or 0, seen.longitude or 0) for seen in heard if isinstance(seen, Position)]


def test_a_device_is_where_something_located_it_else_where_its_owner_says() -> None:
    user = {"latitude": 37.5, "longitude": -8.5, "altitude": 5, "source": "SOURCE_REGISTRY"}
    solved = {"latitude": 37.25, "source": "SOURCE_LORA_RSSI_GEOLOCATION"}
    assert positions({**UPLINK, "locations": {"user": user}}) == [(37.5, -8.5)]
    assert positions({**UPLINK, "locations": {"user": user, "lora-cloud": solved}}) == [(37.25, 0)]
    own = {**UPLINK, "decoded_payload": {"latitude": 1.5, "longitude": 2.5}}
    assert positions({**own, "locations": {"user": user}}) == [(1.5, 2.5)]
    assert positions({**UPLINK, "locations": {"user": {"altitude": 5}}}) == []


def test_a_gateway_may_tell_the_strength_of_the_channel_only_and_a_simulation_says_so() -> None:
    uplink = {**UPLINK, "rx_metadata": [{"gateway_ids": {"eui": "9C5C8E00001A05C4"}, "channel_rssi": -80}]}
    device = hear(FAMILY, {**MESSAGE, "uplink_message": uplink, "simulated": True})[1]
    assert isinstance(device, DeviceHealth)
    assert (device.via, device.signal_dbm) == ("lorawan/9C5C8E00001A05C4", -80.0)
    assert device.attributes["simulated"] is True


MESSAGES: list[tuple[str, dict[str, Any], list[Any]]] = [
    (
        "join",
        {"join_accept": {"session_key_id": "A", "received_at": "2020-02-12T15:15:45.500Z"}},
        [health(state="online", observed_at=EARLIER)],
    ),
    ("down/queued", {"downlink_queued": DOWNLINK}, [ended("accepted"), health()]),
    ("down/sent", {"downlink_sent": DOWNLINK}, [ended("running"), health()]),
    ("down/ack", {"downlink_ack": DOWNLINK}, [ended("done"), health()]),
    ("down/nack", {"downlink_nack": DOWNLINK}, [ended("failed", "the device did not acknowledge"), health()]),
    (
        "down/failed",
        {
            "downlink_failed": {
                "downlink": DOWNLINK,
                "error": {
                    "name": "application_downlink_too_long",
                    "message_format": "length {length} exceeds maximum {max} of `{band}`",
                    "attributes": {"length": 200, "max": 115, "band": "EU_863_870"},
                },
            }
        },
        [ended("failed", "length 200 exceeds maximum 115 of `EU_863_870`"), health()],
    ),
    (
        "down/queue/invalidated",
        {"downlink_queue_invalidated": {"downlinks": [DOWNLINK], "last_f_cnt_down": 3}},
        [ended("failed", "the session ended before it was sent"), health()],
    ),
    (
        "location/solved",
        {"location_solved": {"service": "geo", "location": {"latitude": 37.5, "longitude": -8.5, "accuracy": 20}}},
        [Position(device=DEVICE, observed_at=AT, latitude=37.5, longitude=-8.5, accuracy_m=20.0), health()],
    ),
    (
        "service/data",
        {"service_data": {"service": "lora-cloud", "data": {"temperature": 4}}},
        [
            EnvironmentReading(device=DEVICE, observed_at=AT, metric="temperature", value=4.0, unit="Cel"),
            health(attributes={"service": "lora-cloud"}),
        ],
    ),
]


@pytest.mark.parametrize(("topic", "told", "observations"), MESSAGES)
def test_a_message_means_the_same_with_a_topic_and_as_a_webhook(
    topic: str, told: dict[str, Any], observations: list[Any]
) -> None:
    assert hear(FAMILY, {**MESSAGE, **told}, f"v3/app1@ttn/devices/dev1/{topic}") == observations
    assert hear(FAMILY, {**MESSAGE, **told}) == observations


@pytest.mark.parametrize("wrap", ["result", "data"])
def test_a_message_in_an_envelope_is_the_same(wrap: str) -> None:
    message = {**MESSAGE, "uplink_message": UPLINK}
    assert hear(FAMILY, {wrap: message}) == hear(FAMILY, message)


def test_downlinks_on_their_way_are_nobodys_news() -> None:
    ids = {"end_device_ids": MESSAGE["end_device_ids"], "downlinks": [DOWNLINK]}
    assert hear(FAMILY, ids) == []
    assert Conversation(FAMILY).tell("v3/app1@ttn/devices/dev1/down/push", {"downlinks": [DOWNLINK]}) == []


def test_an_uplink_without_ids_is_of_whatever_publishes_there() -> None:
    observations = hear(FAMILY, {"uplink_message": UPLINK})
    assert observations[0].device == "the_things_stack/site/gate"


def test_a_message_that_is_no_object_is_refused_with_what_was_expected() -> None:
    assert "JSON object" in Conversation(FAMILY).refusal("v3/app1@ttn/devices/dev1/up", [1])


@settings(max_examples=examples(300))
@given(st.data())
def test_odd_members_give_observations_or_a_refusal(data: st.DataObject) -> None:
    told = data.draw(st.sampled_from([{"uplink_message": UPLINK}, *(told for _, told, _ in MESSAGES)]))
    heard = outcome(FAMILY, data.draw(changed([{**MESSAGE, **told}])), "v3/app1@ttn/devices/dev1/up")
    assert not isinstance(heard, list) or well_typed(heard)

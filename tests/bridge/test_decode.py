"""Messages to items: whatever the bytes, events, states and rejections come out and nothing else."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.observation import DeviceHealth
from firmware_bridge.decode import MAX_PAYLOAD, Decoder
from firmware_bridge.decoded import Decoded
from firmware_bridge.inbound import Context, Family, Inbound, Route
from firmware_bridge.native import MAX_ITEMS
from tests.conftest import NOW, examples

TOPIC = "hexpost/v1/moi/cam7/event"
STATUS = "hexpost/v1/moi/cam7/status"
EVENT: dict[str, Any] = {
    "event_id": "e1",
    "event_type": "motion",
    "event_timestamp": "2026-11-21T10:00:00Z",
    "longitude": 47.97,
    "latitude": 29.37,
}
PACKERS = {"JSON": msgspec.json.encode, "MessagePack": msgspec.msgpack.encode}


def decode(payload: bytes, topic: str = TOPIC) -> Decoded:
    return Decoder((), zone=UTC).decode(topic, payload, received_at=NOW)


def reasons(decoded: Decoded) -> list[str]:
    return [rejection.reason for rejection in decoded.rejections]


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_one_event(pack: Any) -> None:
    decoded = decode(pack(EVENT))
    (event,) = decoded.events
    assert (decoded.source, decoded.items) == ("moi/cam7", 1)
    assert (event.source, event.event_id, event.event_type) == ("moi/cam7", "e1", "motion")
    assert (event.event_timestamp, event.received_at) == (datetime(2026, 11, 21, 10, tzinfo=UTC), NOW)


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_one_bad_item_costs_only_itself(pack: Any) -> None:
    bad = {**EVENT, "latitude": 91}
    decoded = decode(pack([EVENT, bad, 7, {**EVENT, "event_id": "e4"}]))
    assert [event.event_id for event in decoded.events] == ["e1", "e4"]
    assert reasons(decoded) == [
        "$[1].latitude: 91 is not between -90 and 90",
        "$[2]: expected an object, got a number",
    ]
    assert [json.loads(rejection.payload) for rejection in decoded.rejections] == [bad, 7]
    assert {rejection.topic for rejection in decoded.rejections} == {TOPIC}


def test_the_same_event_has_the_same_identity_in_both_encodings() -> None:
    unnamed = {**EVENT, "event_id": None, "zone": {"b": 1, "a": [2.5]}, "value": 3}
    (one,), (other,) = (decode(pack(unnamed)).events for pack in PACKERS.values())
    assert one == other


def test_times_that_messagepack_carries_are_times() -> None:
    packed = msgspec.msgpack.encode({**EVENT, "event_timestamp": datetime(2026, 11, 21, 10, tzinfo=UTC)})
    assert decode(packed).events == decode(msgspec.json.encode(EVENT)).events


def test_keys_that_are_no_text_become_text() -> None:
    packed = msgspec.msgpack.encode({**EVENT, "event_id": None, "bins": {1: 5, 2: {3: 4}}, 7: "seven"})
    (event,) = decode(packed).events
    assert event.attributes == {"bins": {"1": 5, "2": {"3": 4}}, "7": "seven"}


@pytest.mark.parametrize("value", [msgspec.msgpack.Ext(5, b"x"), {None: 1}, {(1, 2): 3}, {True: 1}])
def test_values_that_json_has_no_word_for_are_quarantined_as_they_came(value: Any) -> None:
    item = {**EVENT, "odd": value}
    decoded = decode(msgspec.msgpack.encode([EVENT, item]))
    assert len(decoded.events) == 1
    assert reasons(decoded)[0].startswith("$[1].attributes: cannot be kept as JSON")
    assert msgspec.msgpack.decode(decoded.rejections[0].payload) == item


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize("levels", [33, 500, *range(960, 1_010), 100_000])
def test_a_deep_document_is_refused_at_any_depth(levels: int) -> None:
    """The edge of the stack lies somewhere among these, and on another line for each caller."""
    wrapped = b'[%s, {"event_type": %s}, {"x": %s, %s]' % (
        nested(levels),
        nested(levels),
        nested(levels),
        msgspec.json.encode(EVENT)[1:],
    )
    for payload in (nested(levels), wrapped, b"\x91" * levels + b"\x90"):
        decoded = decode(payload)
        assert (*decoded.events, *decoded.observations) == ()
        assert len(decoded.rejections) >= 1


def test_attributes_may_be_as_deep_as_their_readers_can_follow() -> None:
    deep = {**EVENT, "attributes": {"x": json.loads(nested(31))}}
    assert len(decode(msgspec.json.encode(deep)).events) == 1
    deep["attributes"] = {"x": json.loads(nested(32))}
    assert reasons(decode(msgspec.json.encode(deep))) == ["$.attributes: nested deeper than 32 levels"]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", "not JSON: "),
        (b"nonsense", "not JSON: "),
        (b'{"a": 1} x', "not JSON: "),
        (b'{"event_id": "\xff"}', "not JSON: "),
        (b"\xff\xfe{}", "not MessagePack: "),
        (b"\xdf\xff\xff\xff\xff", "not MessagePack: "),
        (b"1" * 5_000, "not JSON: "),
        (b"null", "expected an object, got null"),
        (b'"text"', "expected an object, got text"),
        (b"\x00", "not JSON: "),
    ],
)
def test_what_is_no_document_is_one_rejection(payload: bytes, reason: str) -> None:
    decoded = decode(payload)
    assert decoded.items == 1
    assert reasons(decoded)[0].startswith(reason)
    assert decoded.rejections[0].payload == payload


def test_a_payload_or_an_array_too_large_is_refused_whole() -> None:
    huge = b'{"x": "' + b"a" * MAX_PAYLOAD + b'"}'
    assert reasons(decode(huge)) == [f"{len(huge)} bytes, at most {MAX_PAYLOAD} are read"]
    many = b"[" + b",".join([b"1"] * (MAX_ITEMS + 1)) + b"]"
    assert reasons(decode(many)) == [f"{MAX_ITEMS + 1} events in one message, at most {MAX_ITEMS} are taken"]


@pytest.mark.parametrize("topic", [TOPIC, STATUS])
def test_clearing_a_retained_topic_says_nothing(topic: str) -> None:
    assert decode(b"", topic) == Decoded(folded="cleared")


def test_an_empty_array_holds_nothing() -> None:
    assert decode(b"[]").items == 0


@pytest.mark.parametrize(
    ("payload", "state"),
    [
        (b"online", "online"),
        (b"offline", "offline"),
        (b'"offline"', "offline"),
        (b" Online\n", "online"),
        (b"on", None),
        (b"1", None),
        (b"\xff\xfe", None),
        (b'{"state": "online"}', None),
    ],
)
def test_a_status_is_online_or_offline(payload: bytes, state: str | None) -> None:
    decoded = decode(payload, STATUS)
    expected = DeviceHealth(device="moi/cam7", state="online" if state == "online" else "offline")
    assert list(decoded.observations) == ([expected] if state else [])
    assert reasons(decoded) == ([] if state else ["expected online or offline"])


def test_a_native_topic_that_means_nothing_is_quarantined() -> None:
    (reason,) = reasons(decode(msgspec.json.encode(EVENT), "hexpost/v1/moi/cam7/evnt"))
    assert reason.startswith("not a topic of Hexpost")


@pytest.mark.parametrize("topic", ["hexpost/v1/out/box/health", "hexpost/v1/moi/cam7/ack", "hexpost/v1/moi/cam7/cmd"])
def test_what_the_box_itself_publishes_is_not_an_item(topic: str) -> None:
    assert decode(b"{}", topic).items == 0


def test_an_event_without_a_place_is_taken_and_placed_later() -> None:
    (event,) = decode(msgspec.json.encode({**EVENT, "longitude": None, "latitude": None})).events
    assert (event.longitude, event.latitude) == (None, None)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"command_id": "c1", "outcome": "done"}, ("c1", "done", "", None)),
        ({"outcome": "progress", "progress": 40, "message": "writing"}, ("", "running", "writing", 40.0)),
        ({"command_id": "c1", "outcome": "perhaps"}, None),
        ([1], None),
    ],
)
def test_an_answer_to_a_command_says_what_became_of_it(answer: Any, expected: Any) -> None:
    decoded = decode(msgspec.json.encode(answer), "hexpost/v1/moi/cam7/cmd/result")
    found = [(one.command_id, one.outcome, one.message, one.progress_percent) for one in decoded.observations]  # type: ignore[attr-defined]
    assert found == ([expected] if expected else [])
    assert len(decoded.rejections) == (0 if expected else 1)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
)
members = st.fixed_dictionaries({}, optional=dict.fromkeys((*EVENT, "severity", "rev", "attributes"), leaves | values))


def sound(decoded: Decoded, payload: bytes) -> None:
    assert isinstance(decoded, Decoded)
    assert decoded.items >= (1 if payload and payload.strip() not in {b"[]", b"\x90"} else 0) or payload[:1] in {
        b"[",
        b"\xdc",
        b"\xdd",
    }
    for event in decoded.events:
        assert msgspec.json.decode(msgspec.json.encode(event.attributes)) is not None
    for rejection in decoded.rejections:
        assert rejection.reason and isinstance(rejection.payload, bytes)


@settings(max_examples=examples(5_000))
@given(st.sampled_from([TOPIC, STATUS]) | st.text(), st.binary(max_size=200))
def test_nothing_else_comes_out_of_any_bytes(topic: str, payload: bytes) -> None:
    sound(decode(payload, topic), payload)


@settings(max_examples=examples(3_000))
@given(members | st.lists(members | values, max_size=4) | values)
def test_nothing_else_comes_out_of_any_messagepack(document: Any) -> None:
    try:
        payload = msgspec.msgpack.encode(document)
    except (OverflowError, ValueError):  # integers of more than 64 bits, lone surrogates
        return
    sound(decode(payload), payload)


@settings(max_examples=examples(2_000))
@given(st.data())
def test_nothing_else_comes_out_of_a_damaged_message(data: st.DataObject) -> None:
    pack = data.draw(st.sampled_from(list(PACKERS.values())))
    payload = bytearray(pack([EVENT, {**EVENT, "event_id": None, "attributes": {"a": [1, 2.5, None]}}]))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    sound(decode(bytes(payload)), bytes(payload))


class Level(msgspec.Struct):
    """What a family reads of its messages."""

    level: Any = None


def hear_level(payload: bytes) -> Any:
    """What a route with a shape was given."""
    given: list[Any] = []

    def handle(inbound: Inbound, _context: Context) -> list[DeviceHealth]:
        given.append(inbound.document)
        return [DeviceHealth(device="tank/1")]

    routes = (Route(template="tank/{device}", handle=handle, shape=Level),)
    tank = Family(name="tank", title="", source="", routes=routes)
    decoded = Decoder([tank], zone=UTC).decode("tank/1", payload, received_at=NOW)
    return given[0] if given else decoded


def test_json_is_read_into_the_shape_of_its_route_and_the_rest_is_passed_over() -> None:
    assert hear_level(b'{"other": [{"deep": 1}], "level": 3}') == Level(level=3)
    assert hear_level(b"{}") == Level()


def test_json_that_has_not_the_shape_of_its_route_is_handed_over_plain() -> None:
    assert hear_level(b"[1, 2]") == [1, 2]
    assert hear_level(b"7") == 7


def test_a_shape_changes_nothing_of_what_is_no_json_or_nothing() -> None:
    assert hear_level(b"") == Decoded(folded="cleared")
    assert reasons(hear_level(b'{"level": '))[0].startswith("not JSON")
    assert reasons(hear_level(b'{"other": ' + b"[" * 100_000))[0].startswith("not JSON")


@pytest.mark.parametrize(
    ("payload", "level"),
    [
        (b'{"level": nan, "other": [NaN, -Infinity, 1]}', None),
        (b'{"level":3,"other":inf}', 3),
        (b'\xef\xbb\xbf{"level": 3}', 3),
        (b'{"level": 3}\x00', 3),
        (b'{"level": 3, "name": "K\xfcche"}', 3),
        (b'{"level": "a nan, b"}', "a nan, b"),
    ],
)
def test_what_is_nearly_json_loses_the_member_that_is_none(payload: bytes, level: Any) -> None:
    heard = hear_level(payload)
    assert (heard.level if isinstance(heard, Level) else heard["level"]) == level

"""MQTT as bytes: what is written is what the standard shows, and what is read is the same however it is cut."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.mqtt import wire
from firmware_bridge.mqtt.message import Message
from firmware_bridge.mqtt.reader import KEEP_BYTES, Malformed, Packet, Reader
from firmware_bridge.mqtt.wire import MQTT_3_1_1, MQTT_5, Will
from tests.conftest import NOW


def read(data: bytes, level: int = MQTT_5, step: int = 10**9) -> tuple[list[Message], list[Packet]]:
    """What a reader makes of bytes that come in pieces of a size."""
    reader = Reader(level, 1)
    messages = [one for at in range(0, len(data), step) for one in reader.feed(data[at : at + step], NOW)]
    return messages, reader.packets


def message(**members: Any) -> Message:
    plain = {"topic": "a/b", "payload": b"x", "qos": 0, "mid": 0, "retain": False, "received_at": NOW, "connection": 1}
    return Message(**{**plain, **members})


@pytest.mark.parametrize(
    ("length", "encoded"),
    [(0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001"), (268_435_455, "ffffff7f")],
)
def test_a_length_is_written_as_the_standards_table_shows(length: int, encoded: str) -> None:
    assert wire.encode_length(length).hex() == encoded


def test_a_length_that_no_packet_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="268435456 bytes"):
        wire.encode_length(268_435_456)


@pytest.mark.parametrize(
    ("packet", "encoded"),
    [
        (wire.encode_publish("a/b", b"hi", level=MQTT_3_1_1), "30 07 0003 612f62 6869"),
        (wire.encode_publish("a/b", b"hi", level=MQTT_5, qos=1, mid=10, retain=True), "33 0a 0003 612f62 000a 00 6869"),
        (wire.encode_publish("a", b"", level=MQTT_5, expiry_s=60), "30 09 0001 61 05 02 0000003c"),
        (wire.encode_subscribe(10, ["a/b"], level=MQTT_3_1_1), "82 08 000a 0003 612f62 01"),
        (wire.encode_subscribe(10, ["#"], level=MQTT_5), "82 07 000a 00 0001 23 05"),
        (wire.encode_unsubscribe(10, ["a/b"], level=MQTT_5), "a2 08 000a 00 0003 612f62"),
        (wire.encode_pubacks([1, 256]), "40 02 0001 40 02 0100"),
        (wire.PING, "c0 00"),
        (wire.BYE, "e0 00"),
    ],
)
def test_packets_are_written_byte_for_byte(packet: bytes, encoded: str) -> None:
    assert packet.hex() == encoded.replace(" ", "")


@pytest.mark.parametrize("level", [MQTT_3_1_1, MQTT_5])
def test_a_connect_keeps_the_session_and_leaves_a_will(level: int) -> None:
    packet = wire.encode_connect(
        level=level, client_id="box", keepalive_s=30, session_s=60, receive_maximum=9, will=Will("w", b"gone"),
        username="u", password="p",
    )  # fmt: skip
    properties = "08 11 0000003c 21 0009" if level == MQTT_5 else ""
    none = "00" if level == MQTT_5 else ""
    body = f"0004 4d515454 {level:02x} ec 001e {properties} 0003 626f78 {none} 0001 77 0004 676f6e65 0001 75 0001 70"
    assert packet[2:].hex() == body.replace(" ", "")


PUBLICATIONS = st.lists(
    st.tuples(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40),
        st.binary(max_size=300),
        st.integers(0, 1),
        st.integers(1, 65_535),
        st.booleans(),
    ),
    max_size=8,
)


@given(PUBLICATIONS, st.sampled_from([MQTT_3_1_1, MQTT_5]), st.integers(1, 700), st.none() | st.integers(0, 2**32 - 1))
def test_messages_come_out_the_same_however_their_bytes_are_cut(
    publications: list[tuple[str, bytes, int, int, bool]], level: int, step: int, expiry_s: int | None
) -> None:
    data = b"".join(
        wire.encode_publish(topic, payload, level=level, qos=qos, mid=mid, retain=retain, expiry_s=expiry_s)
        for topic, payload, qos, mid, retain in publications
    )
    messages, packets = read(data, level, step)
    assert packets == []
    assert messages == [
        message(topic=topic, payload=payload, qos=qos, mid=mid if qos else 0, retain=retain)
        for topic, payload, qos, mid, retain in publications
    ]


def test_a_redelivery_is_marked() -> None:
    data = wire.encode_publish("a/b", b"x", level=MQTT_5, qos=1, mid=3)
    assert read(bytes((data[0] | 8,)) + data[1:])[0] == [message(qos=1, mid=3, dup=True)]


def test_properties_of_a_message_are_passed_over_also_when_they_are_long() -> None:
    properties = b"\x26" + b"\0\x01k" + b"\x01\x00" + b"v" * 256  # a user property
    body = b"\0\x03a/b" + wire.encode_length(len(properties)) + properties + b"x"
    assert read(b"\x30" + wire.encode_length(len(body)) + body)[0] == [message()]


def test_a_message_too_large_to_keep_is_cut_and_the_next_one_is_whole() -> None:
    large = wire.encode_publish("a/b", b"y" * (3 * KEEP_BYTES), level=MQTT_5)
    messages, _ = read(large + wire.encode_publish("a/b", b"x", level=MQTT_5), step=262_144)
    assert [len(one.payload) for one in messages[1:]] == [1]
    assert KEEP_BYTES - 100 < len(messages[0].payload) <= KEEP_BYTES
    assert messages[1] == message()


@pytest.mark.parametrize(
    ("level", "data", "packet"),
    [
        (MQTT_3_1_1, "20 02 01 00", Packet(kind=wire.CONNACK, codes=(0,), session_present=True)),
        (MQTT_5, "20 02 00 01", Packet(kind=wire.CONNACK, codes=(1,))),  # a broker of 3.1.1 that refuses version 5
        (
            MQTT_5,
            "20 16 00 00 13 13 000a 21 0014 25 01 1f 0002 6869 26 0001 6b 0000",
            Packet(kind=wire.CONNACK, codes=(0,), keepalive_s=10, receive_maximum=20),
        ),
        (MQTT_3_1_1, "90 04 000a 01 80", Packet(kind=wire.SUBACK, mid=10, codes=(1, 0x80))),
        (MQTT_5, "90 04 000a 00 87", Packet(kind=wire.SUBACK, mid=10, codes=(0x87,))),
        (MQTT_5, "40 02 0007", Packet(kind=wire.PUBACK, mid=7, codes=(0,))),
        (MQTT_5, "40 03 0007 10", Packet(kind=wire.PUBACK, mid=7, codes=(0x10,))),
        (MQTT_5, "e0 01 8e", Packet(kind=wire.DISCONNECT, codes=(0x8E,))),
        (MQTT_5, "d0 00", Packet(kind=wire.PINGRESP)),
    ],
)
def test_answers_of_the_broker_are_understood(level: int, data: str, packet: Packet) -> None:
    data = data.replace(" ", "")
    length = len(data) // 2 - 2
    whole = bytes.fromhex(data[:2]) + bytes((length,)) + bytes.fromhex(data[4:])
    for step in (1, 1000):
        assert read(whole, level, step) == ([], [packet])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("30 ffffffffff", "more than four bytes"),
        ("34 06 0001 61 0001 00", "QoS 2"),
        ("30 03 0009 61", "too early"),
        ("30 05 0001 ff 00 00", "no UTF-8"),
        ("20 04 00 00 01 7f", "property"),
        ("30 04 0001 61 7f", "shorter than"),
    ],
)
def test_what_is_not_mqtt_ends_the_connection(data: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read(bytes.fromhex(data.replace(" ", "")))


@given(st.binary(max_size=200), st.sampled_from([MQTT_3_1_1, MQTT_5]))
def test_any_bytes_are_read_or_refused(data: bytes, level: int) -> None:
    with contextlib.suppress(Malformed):
        read(data, level, 7)

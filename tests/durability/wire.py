"""As much of MQTT 3.1.1 and 5 as a publisher needs, and somebody who reads along: packets to bytes and back. Pure.

It is written apart from the product's own, so that a mistake of one is not repeated by the other. Section numbers are
those of the OASIS standard, version 3.1.1.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP = 1, 2, 3, 4, 8, 9, 12, 13
MQTT5 = 5


class Packet(NamedTuple):
    """One control packet: its type, the flags of its first byte, and all after its length."""

    kind: int
    flags: int
    body: bytes


class Publication(NamedTuple):
    """A PUBLISH taken apart; `mid` is 0 at QoS 0."""

    topic: str
    payload: bytes
    mid: int
    redelivered: bool


class Stream:
    """Bytes in one direction, cut into packets as they become whole."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that are whole now."""
        self._held += data
        start = 0
        while (found := _packet_at(self._held, start)) is not None:
            packet, start = found
            yield packet
        del self._held[:start]


def _packet_at(data: bytearray, start: int) -> tuple[Packet, int] | None:
    """The packet that begins here and where the next does; None where it is not whole yet (2.2.3)."""
    length, at = 0, start + 1
    for shift in range(0, 28, 7):
        if at >= len(data):
            return None
        length |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            break
    if at + length > len(data):
        return None
    return Packet(data[start] >> 4, data[start] & 0x0F, bytes(data[at : at + length])), at + length


def packet(kind: int, flags: int, body: bytes) -> bytes:
    """A control packet as it goes over the line."""
    head, length = bytearray([kind << 4 | flags]), len(body)
    while True:
        head.append(length % 128 | (0x80 if length >= 128 else 0))
        length //= 128
        if not length:
            return bytes(head) + body


def connect(client_id: str, *, keepalive_s: int) -> bytes:
    """CONNECT of version 3.1.1 with a clean session (3.1)."""
    return packet(CONNECT, 0, _text("MQTT") + bytes([4, 2]) + struct.pack(">H", keepalive_s) + _text(client_id))


def subscribe(topic_filter: str, mid: int) -> bytes:
    """SUBSCRIBE to one filter at QoS 1 (3.8)."""
    return packet(SUBSCRIBE, 2, struct.pack(">H", mid) + _text(topic_filter) + b"\x01")


def publish(topic: str, payload: bytes, mid: int, *, again: bool = False) -> bytes:
    """PUBLISH at QoS 1 (3.3); `again` sets DUP."""
    return packet(PUBLISH, 0b1010 if again else 0b0010, _text(topic) + struct.pack(">H", mid) + payload)


def puback(mid: int) -> bytes:
    """PUBACK (3.4)."""
    return packet(PUBACK, 0, struct.pack(">H", mid))


def acknowledged(body: bytes) -> int:
    """The number of the message that a PUBACK is for."""
    return int.from_bytes(body[:2], "big")


def version_of(body: bytes) -> int:
    """The version that a CONNECT asks for: 4 is 3.1.1, 5 is 5."""
    return body[6]


def read_publish(found: Packet, version: int = 4) -> Publication:
    """Take a PUBLISH apart; in version 5 its properties are passed over (MQTT 5: 3.3.2.3)."""
    body, qos = found.body, found.flags >> 1 & 3
    at = 2 + int.from_bytes(body[:2], "big")
    topic = body[2:at].decode()
    mid = 0
    if qos:
        mid, at = int.from_bytes(body[at : at + 2], "big"), at + 2
    if version == MQTT5:
        length, at = body[at], at + 1
        assert length < 128, "more properties than this reads"
        at += length
    return Publication(topic, body[at:], mid, bool(found.flags & 0b1000))


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text.encode())) + text.encode()

"""Bytes to packets: feed what came, take what is whole. Without I/O; called by `client` for each chunk it receives.

Messages go the short way, since they are nearly all that comes: a hundred in a chunk cost what a client that reads
packet by packet spends on five. Source: MQTT 3.1.1 and MQTT 5.0, OASIS; section numbers are those of 5.0.
"""

from datetime import datetime

import msgspec

from firmware_bridge.mqtt.message import Message
from firmware_bridge.mqtt.wire import CONNACK, DISCONNECT, MQTT_5, PUBACK, PUBLISH, SUBACK

KEEP_BYTES = 2_097_152  # of one packet: more than a message may have, so that a larger one is refused by name
MAX_TOPICS = 4_096  # topics whose text is remembered; then the memory starts anew

_PUBLISH_BITS = PUBLISH << 4
# How wide each property of CONNACK is (2.2.2.2); -1: a text or data with its length, -2: a pair of them.
_WIDTHS = {0x11: 4, 0x12: -1, 0x13: 2, 0x15: -1, 0x16: -1, 0x1A: -1, 0x1C: -1, 0x1F: -1, 0x21: 2, 0x22: 2, 0x24: 1,
           0x25: 1, 0x26: -2, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}  # fmt: skip
_SERVER_KEEPALIVE, _SERVER_RECEIVE_MAXIMUM = 0x13, 0x21


class Malformed(Exception):
    """What came is not MQTT, or not what a client may be sent: the connection is to be closed."""


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """A packet that is no message.

    kind             its type, as in `wire`
    mid              what it answers: PUBACK, SUBACK, UNSUBACK
    codes            its reason codes: one of CONNACK and DISCONNECT, one a filter of SUBACK
    session_present  CONNACK: the broker remembers this client
    keepalive_s      CONNACK: what the broker asks for instead of what was offered
    receive_maximum  CONNACK: how many messages the broker takes unacknowledged
    """

    kind: int
    mid: int = 0
    codes: tuple[int, ...] = ()
    session_present: bool = False
    keepalive_s: int | None = None
    receive_maximum: int = 65_535


class Reader:
    """One a connection. `level` is the protocol's (`wire.MQTT_5` or `MQTT_3_1_1`)."""

    def __init__(self, level: int, connection: int) -> None:
        self._properties = level == MQTT_5
        self._connection = connection
        self._rest = b""
        self._skip = 0  # bytes still to come of a packet that is too large to keep
        self._topics: dict[bytes, str] = {}
        self.packets: list[Packet] = []

    def feed(self, data: bytes, received_at: datetime) -> list[Message]:
        """The messages that are whole now; other packets are added to `packets`.

        A packet of more than `KEEP_BYTES` is cut to so many: the message is refused further on, with its size.
        raises  Malformed
        """
        if self._skip:
            self._skip, data = max(0, self._skip - len(data)), data[self._skip :]
        if self._rest:
            data = self._rest + data
        messages: list[Message] = []
        at, size = 0, len(data)
        try:
            while size - at >= 2:
                first, length = data[at], data[at + 1]
                start = at + 2
                if length & 0x80:
                    head = _length(data, at + 1)
                    if head is None:
                        break
                    length, start = head
                end = start + length
                if end > size:
                    if length <= KEEP_BYTES or size - start < KEEP_BYTES:
                        break
                    self._skip, end = end - size, size
                if first & 0xF0 == _PUBLISH_BITS:
                    messages.append(self._message(data, first, start, min(end, start + KEEP_BYTES), received_at))
                else:
                    self.packets.append(self._packet(first >> 4, data[start:end]))
                at = end
        except (IndexError, UnicodeDecodeError) as error:
            raise Malformed(f"a packet that ends too early or holds no UTF-8: {error}") from None
        self._rest = data[at:]
        return messages

    def _message(self, data: bytes, first: int, at: int, end: int, received_at: datetime) -> Message:
        length = data[at] << 8 | data[at + 1]
        at += 2 + length
        named = data[at - length : at]
        topic = self._topics.get(named)
        if topic is None:
            topic = self._remember(named)
        qos = first >> 1 & 3
        mid = 0
        if qos:
            if qos != 1:
                raise Malformed(f"a message at QoS {qos}, and 1 was subscribed")
            mid = data[at] << 8 | data[at + 1]
            at += 2
        if self._properties:
            length = data[at]
            at += 1 + length
            if length & 0x80:
                head = _length(data, at - 1 - length)
                if head is None:
                    raise Malformed("the properties of a message end too early")
                at = head[1] + head[0]
        if at > end:
            raise Malformed("a message that is shorter than what it says of itself")
        return Message(
            topic=topic,
            payload=data[at:end],
            qos=qos,
            mid=mid,
            retain=bool(first & 1),
            received_at=received_at,
            connection=self._connection,
            dup=bool(first & 8),
        )

    def _remember(self, named: bytes) -> str:
        if len(self._topics) >= MAX_TOPICS:
            self._topics.clear()
        topic = self._topics[named] = named.decode()
        return topic

    def _packet(self, kind: int, body: bytes) -> Packet:
        if kind == CONNACK:
            return self._connack(body)
        if kind == DISCONNECT:
            return Packet(kind=kind, codes=(body[0] if body else 0,))
        if kind == SUBACK:
            at = 2
            if self._properties:
                head = _length(body, 2)
                if head is None:
                    raise Malformed("a SUBACK without properties")
                at = head[1] + head[0]
            return Packet(kind=kind, mid=body[0] << 8 | body[1], codes=tuple(body[at:]))
        if kind == PUBACK:
            return Packet(kind=kind, mid=body[0] << 8 | body[1], codes=(body[2] if len(body) > 2 else 0,))
        return Packet(kind=kind)

    def _connack(self, body: bytes) -> Packet:
        told: dict[int, int] = {}
        if len(body) > 2:  # a broker that knows 3.1.1 only answers a CONNECT of MQTT 5 without properties
            head = _length(body, 2)
            if head is None:
                raise Malformed("a CONNACK whose properties end too early")
            told = _numbers(body[head[1] : head[1] + head[0]])
        return Packet(
            kind=CONNACK,
            codes=(body[1],),
            session_present=bool(body[0] & 1),
            keepalive_s=told.get(_SERVER_KEEPALIVE),
            receive_maximum=told.get(_SERVER_RECEIVE_MAXIMUM, 65_535),
        )


def _length(data: bytes, at: int) -> tuple[int, int] | None:
    """(value, where it ends) of a variable byte integer (1.5.5); None where more must come.

    raises  Malformed  it has more than four bytes
    """
    value = 0
    for n, byte in enumerate(data[at : at + 4]):
        value |= (byte & 0x7F) << 7 * n
        if not byte & 0x80:
            return value, at + n + 1
    if len(data) - at >= 4:
        raise Malformed("a length of more than four bytes")
    return None


def _numbers(properties: bytes) -> dict[int, int]:
    """The properties whose values are numbers; the others are passed over."""
    found: dict[int, int] = {}
    at = 0
    while at < len(properties):
        name = properties[at]
        width = _WIDTHS.get(name)
        at += 1
        if width is None:
            raise Malformed(f"a property {name:#x} that does not belong here")
        for _ in range(-width):  # texts, or a pair of them
            at += 2 + (properties[at] << 8 | properties[at + 1])
        if width > 0:
            found[name] = int.from_bytes(properties[at : at + width])
            at += width
    return found

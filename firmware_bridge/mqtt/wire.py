"""Packets to bytes. Source: MQTT 3.1.1 and MQTT 5.0, OASIS; section numbers are those of 5.0.

Only what a subscriber at QoS 1 sends. Called by `client`.
"""

import struct
from collections.abc import Iterable, Sequence

import msgspec

MQTT_3_1_1, MQTT_5 = 4, 5  # protocol levels, 3.1.2.2

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9  # packet types, 2.1.2
UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 10, 11, 12, 13, 14

SESSION_EXPIRY, RECEIVE_MAXIMUM, MESSAGE_EXPIRY = 0x11, 0x21, 0x02  # properties, 2.2.2.2
MAX_REMAINING = 268_435_455  # bytes of a packet, 2.1.4
NO_LOCAL = 0x04  # subscription option: what this client publishes does not come back to it, 3.8.3.1

PING = bytes((PINGREQ << 4, 0))
BYE = bytes((DISCONNECT << 4, 0))


class Will(msgspec.Struct, frozen=True):
    """What is published on a topic, retained: by the broker when the connection is lost, or by the client itself."""

    topic: str
    payload: bytes


def encode_connect(
    *,
    level: int,
    client_id: str,
    keepalive_s: int,
    session_s: int,
    receive_maximum: int,
    will: Will,
    username: str | None,
    password: str | None,
) -> bytes:
    """CONNECT with a session that the broker keeps (3.1); with 3.1.1 for as long as the broker pleases."""
    flags = 0x04 | 1 << 3 | 0x20  # a will, at QoS 1, retained; no clean start
    payload = [_text(client_id)]
    if level == MQTT_5:
        payload.append(b"\0")  # no properties of the will
    payload += [_text(will.topic), _data(will.payload)]
    if username is not None:
        flags |= 0x80
        payload.append(_text(username))
    if password is not None:
        flags |= 0x40
        payload.append(_text(password))
    header = _text("MQTT") + bytes((level, flags)) + keepalive_s.to_bytes(2)
    if level == MQTT_5:
        properties = struct.pack(">BIBH", SESSION_EXPIRY, session_s, RECEIVE_MAXIMUM, receive_maximum)
        header += encode_length(len(properties)) + properties
    return _packet(CONNECT << 4, header + b"".join(payload))


def encode_subscribe(mid: int, filters: Sequence[str], *, level: int) -> bytes:
    """SUBSCRIBE at QoS 1 (3.8)."""
    options = bytes((1 | NO_LOCAL if level == MQTT_5 else 1,))
    wanted = b"".join(_text(topic_filter) + options for topic_filter in filters)
    return _packet(SUBSCRIBE << 4 | 2, mid.to_bytes(2) + _no_properties(level) + wanted)


def encode_unsubscribe(mid: int, filters: Sequence[str], *, level: int) -> bytes:
    """UNSUBSCRIBE (3.10)."""
    return _packet(UNSUBSCRIBE << 4 | 2, mid.to_bytes(2) + _no_properties(level) + b"".join(map(_text, filters)))


def encode_publish(
    topic: str,
    payload: bytes,
    *,
    level: int,
    qos: int = 0,
    mid: int = 0,
    retain: bool = False,
    expiry_s: int | None = None,
) -> bytes:
    """PUBLISH (3.3); `expiry_s` is for MQTT 5 and left out of 3.1.1.

    raises  ValueError  topic or payload are longer than the protocol can carry
    """
    head = _text(topic) + (mid.to_bytes(2) if qos else b"")
    if level == MQTT_5:
        head += b"\0" if expiry_s is None else struct.pack(">BBI", 5, MESSAGE_EXPIRY, expiry_s)
    return _packet(PUBLISH << 4 | qos << 1 | retain, head + payload)


def encode_pubacks(mids: Iterable[int]) -> bytes:
    """PUBACK of success for each packet identifier, in order (3.4; without reason and properties in both versions)."""
    return b"".join([b"\x40\x02" + mid.to_bytes(2) for mid in mids])


def encode_length(length: int) -> bytes:
    """A variable byte integer (1.5.5).

    raises  ValueError  it has more than four bytes
    """
    if length > MAX_REMAINING:
        raise ValueError(f"{length} bytes are more than one MQTT packet can carry")
    out = bytearray()
    while True:
        length, low = divmod(length, 128)
        out.append(low | 0x80 if length else low)
        if not length:
            return bytes(out)


def _packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + encode_length(len(body)) + body


def _text(text: str) -> bytes:
    return _data(text.encode())


def _data(data: bytes) -> bytes:
    if len(data) > 0xFFFF:
        raise ValueError(f"{len(data)} bytes are more than an MQTT string can hold")
    return len(data).to_bytes(2) + data


def _no_properties(level: int) -> bytes:
    return b"\0" if level == MQTT_5 else b""

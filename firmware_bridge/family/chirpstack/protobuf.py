"""ChirpStack's messages as Protocol Buffers, rendered as its JSON would be; only the members that are read.

The MQTT integration writes them where `json` is off, and gateways do unless they are told otherwise. What is 0, false
or empty is left out on the wire, as it is in the JSON. Used by `family` and `gateway`.
Source: ChirpStack's api/proto: integration.proto, gw.proto and common.proto of version 4.
"""

import base64
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from firmware_bridge.notation.protobuf import MAX_DEPTH, double_of, float_of, read_fields, signed_of

_Read = Callable[[Any], Any]
_Members = Mapping[int, tuple[str, _Read]]
_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5

_LEVELS = ("INFO", "WARNING", "ERROR")
_CODES = (
    "UNKNOWN DOWNLINK_PAYLOAD_SIZE UPLINK_CODEC DOWNLINK_CODEC OTAA UPLINK_F_CNT_RESET UPLINK_MIC "
    "UPLINK_F_CNT_RETRANSMISSION DOWNLINK_GATEWAY RELAY_NEW_END_DEVICE F_CNT_DOWN EXPIRED"
).split()
_VERSION_3 = b"\x08"  # its events begin with the number of their application, those of version 4 with a text


def read_event_members(kind: str, data: bytes) -> dict[str, Any]:
    """An event of a device by its kind, as `up`; empty where version 3 wrote it, or the kind is not known.

    raises  Rejected  it is no Protocol Buffers
    """
    members = _EVENTS.get(kind)
    if members is None or (data[:1] == _VERSION_3 and kind != "txack"):
        return {}
    event = _read_message(members, data)
    if kind == "log":
        event.setdefault("level", _LEVELS[0])
        event.setdefault("code", _CODES[0])
    return event


def read_statistics(data: bytes) -> dict[str, Any]:
    """A gateway's `GatewayStats`.

    raises  Rejected  it is no Protocol Buffers
    """
    return _read_message(_STATISTICS, data)


def _read_message(members: _Members, data: bytes) -> dict[str, Any]:
    """One message by its members' tags; what is not asked for, or of another wire type, is passed over."""
    found: dict[str, Any] = {}
    for tag, value in read_fields(data):
        known = members.get(tag)
        if known is not None:
            name, read = known
            told = read(value)
            if name in _REPEATED:
                found.setdefault(name, []).append(told)
            elif name in _MAPS:
                found.setdefault(name, {}).update(told)
            else:
                found[name] = told
    return found


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _signed(value: int) -> int:
    return signed_of(value, 32)


def _time(value: bytes) -> float:
    """`google.protobuf.Timestamp` as Unix seconds."""
    told = dict(read_fields(value))
    seconds, nanoseconds = told.get(1 << 3, 0), told.get(2 << 3, 0)
    return (seconds if type(seconds) is int else 0) + (nanoseconds if type(nanoseconds) is int else 0) / 1e9


def _entry(value: bytes) -> dict[str, str]:
    """An entry of a map of texts."""
    told = {tag: _text(held) for tag, held in read_fields(value) if type(held) is bytes}
    return {told.get(1 << 3 | _BYTES, ""): told.get(2 << 3 | _BYTES, "")}


def _struct(value: bytes, depth: int = 0) -> dict[str, Any]:
    """`google.protobuf.Struct`: what the server's codec made of the body."""
    found: dict[str, Any] = {}
    for tag, entry in read_fields(value):
        if tag == (1 << 3 | _BYTES) and type(entry) is bytes:
            told = dict(read_fields(entry))
            name, held = told.get(1 << 3 | _BYTES, b""), told.get(2 << 3 | _BYTES, b"")
            if type(name) is bytes and type(held) is bytes:
                found[_text(name)] = _value(held, depth + 1)
    return found


def _value(data: bytes, depth: int) -> Any:
    """`google.protobuf.Value`."""
    for tag, held in read_fields(data) if depth < MAX_DEPTH else ():
        if tag == (4 << 3 | _VARINT):
            return held != 0
        if type(held) is not bytes:
            continue
        if tag == (2 << 3 | _DOUBLE):
            return double_of(held)
        if tag == (3 << 3 | _BYTES):
            return _text(held)
        if tag == (5 << 3 | _BYTES):
            return _struct(held, depth)
        if tag == (6 << 3 | _BYTES):
            return [_value(one, depth + 1) for _, one in read_fields(held) if type(one) is bytes]
    return None


def _members(**named: tuple[int, int, _Read]) -> _Members:
    """Members by their tags, from their names, numbers and wire types."""
    return {number << 3 | wire: (name, read) for name, (number, wire, read) in named.items()}


def _within(members: _Members) -> _Read:
    return partial(_read_message, members)


_REPEATED = frozenset({"rxInfo"})
_MAPS = frozenset({"tags", "context", "metadata"})
_DEVICE = _members(
    applicationName=(4, _BYTES, _text),
    deviceProfileName=(6, _BYTES, _text),
    deviceName=(7, _BYTES, _text),
    devEui=(8, _BYTES, _text),
    tags=(9, _BYTES, _entry),
)
_LOCATION = _members(
    latitude=(1, _DOUBLE, double_of),
    longitude=(2, _DOUBLE, double_of),
    altitude=(3, _DOUBLE, double_of),
    accuracy=(5, _FLOAT, float_of),
)
_HEARD = _members(gatewayId=(1, _BYTES, _text), rssi=(6, _VARINT, _signed), snr=(7, _FLOAT, float_of))
_SENT = _members(
    modulation=(2, _BYTES, _within(_members(lora=(3, _BYTES, _within(_members(spreadingFactor=(2, _VARINT, int)))))))
)
_COMMON = _members(
    deduplicationId=(1, _BYTES, _text), time=(2, _BYTES, _time), deviceInfo=(3, _BYTES, _within(_DEVICE))
)
_EVENTS: dict[str, _Members] = {
    "up": {
        **_COMMON,
        **_members(
            fCnt=(7, _VARINT, int),
            fPort=(8, _VARINT, int),
            data=(10, _BYTES, _base64),
            object=(11, _BYTES, _struct),
            rxInfo=(12, _BYTES, _within(_HEARD)),
            txInfo=(13, _BYTES, _within(_SENT)),
        ),
    },
    "join": _COMMON,
    "status": {
        **_COMMON,
        **_members(
            margin=(5, _VARINT, _signed),
            externalPowerSource=(6, _VARINT, bool),
            batteryLevelUnavailable=(7, _VARINT, bool),
            batteryLevel=(8, _FLOAT, float_of),
        ),
    },
    "ack": {**_COMMON, **_members(queueItemId=(4, _BYTES, _text), acknowledged=(5, _VARINT, bool))},
    "txack": {
        **_COMMON,
        **_members(queueItemId=(4, _BYTES, _text), gatewayId=(6, _BYTES, _text)),
    },
    "log": _members(
        time=(1, _BYTES, _time),
        deviceInfo=(2, _BYTES, _within(_DEVICE)),
        level=(3, _VARINT, lambda n: _LEVELS[n] if n < len(_LEVELS) else ""),
        code=(4, _VARINT, lambda n: _CODES[n] if n < len(_CODES) else ""),
        description=(5, _BYTES, _text),
        context=(6, _BYTES, _entry),
    ),
    "location": {**_COMMON, **_members(location=(4, _BYTES, _within(_LOCATION)))},
    "integration": {
        **_COMMON,
        **_members(integrationName=(4, _BYTES, _text), eventType=(5, _BYTES, _text), object=(6, _BYTES, _struct)),
    },
}
_STATISTICS = _members(
    time=(2, _BYTES, _time),
    location=(3, _BYTES, _within(_LOCATION)),
    configVersion=(4, _BYTES, _text),
    rxPacketsReceived=(5, _VARINT, int),
    rxPacketsReceivedOk=(6, _VARINT, int),
    txPacketsReceived=(7, _VARINT, int),
    txPacketsEmitted=(8, _VARINT, int),
    metadata=(10, _BYTES, _entry),
)

"""Messages to items, without I/O: bytes from a topic become events, device states and rejections.

Nothing but these comes out, whatever comes in. An array is split, so that one bad item does not cost its neighbours.
Called by `bridge` for each message.
"""

from datetime import datetime
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.event import Event
from appliance.model.intake import DeviceState, Rejection, StateReport
from appliance.model.native import read_event
from firmware_bridge.topic import NativeTopic, read_topic

MAX_PAYLOAD = 1_048_576  # bytes; a message beyond is refused unread
MAX_ITEMS = 10_000  # events in one message

_STATES: dict[bytes, DeviceState] = {b"online": "online", b"offline": "offline"}
_json = msgspec.json.Decoder()
_messagepack = msgspec.msgpack.Decoder()


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """What one message held."""

    source: str = ""
    events: list[Event] = []
    states: list[StateReport] = []
    rejections: list[Rejection] = []

    @property
    def items(self) -> int:
        """How many items the message held."""
        return len(self.events) + len(self.states) + len(self.rejections)


def decode_message(topic: str, payload: bytes, *, received_at: datetime, clock_trusted: bool) -> Decoded:
    """Take one message apart."""
    native = read_topic(topic)
    if native is None:
        return _rejected(
            topic, payload, "not a topic of Hexpost: expected hexpost/v1/{agency}/{device}/event or status"
        )
    if not payload:
        return Decoded(source=native.source)  # a retained topic being cleared says nothing
    if native.leaf == "status":
        return _decode_status(native, topic, payload)
    try:
        document = _read_document(payload)
    except Rejected as rejected:
        return _rejected(topic, payload, str(rejected))
    items: list[tuple[str, Any, bytes | None]] = [("$", document, payload)]
    if isinstance(document, list):
        items = [(f"$[{n}]", item, None) for n, item in enumerate(document)]
    return _decode_items(native, topic, items, received_at, clock_trusted)


def _read_document(payload: bytes) -> Any:
    """JSON or MessagePack, told apart by the first byte: a map or array of MessagePack begins above ASCII."""
    if len(payload) > MAX_PAYLOAD:
        raise Rejected(f"{len(payload)} bytes, at most {MAX_PAYLOAD} are read")
    packed = payload[0] >= 0x80
    try:
        document = (_messagepack if packed else _json).decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError) as error:
        raise Rejected(f"not {'MessagePack' if packed else 'JSON'}: {error}") from None
    if isinstance(document, list) and len(document) > MAX_ITEMS:
        raise Rejected(f"{len(document)} events in one message, at most {MAX_ITEMS} are taken")
    return document


def _decode_items(
    native: NativeTopic,
    topic: str,
    items: list[tuple[str, Any, bytes | None]],
    received_at: datetime,
    clock_trusted: bool,
) -> Decoded:
    decoded = Decoded(source=native.source, events=[], rejections=[])
    for path, item, original in items:
        try:
            event = read_event(
                item, source=native.source, received_at=received_at, clock_trusted=clock_trusted, path=path
            )
            decoded.events.append(event)
        except Rejected as rejected:
            payload = original if original is not None else _repack(item)
            decoded.rejections.append(Rejection(topic=topic, payload=payload, reason=str(rejected)))
    return decoded


def _decode_status(native: NativeTopic, topic: str, payload: bytes) -> Decoded:
    state = _STATES.get(payload.strip().strip(b'"').lower())
    if state is None:
        return _rejected(topic, payload, "expected online or offline")
    return Decoded(source=native.source, states=[StateReport(source=native.source, state=state)])


def _repack(item: Any) -> bytes:
    """An item of an array on its own: as JSON where that has words for it, else as MessagePack."""
    for encode in (msgspec.json.encode, msgspec.msgpack.encode):
        try:
            return encode(item)
        except (TypeError, ValueError, RecursionError, OverflowError):
            continue
    return b"(nested too deep to be written out)"


def _rejected(topic: str, payload: bytes, reason: str) -> Decoded:
    return Decoded(rejections=[Rejection(topic=topic, payload=payload, reason=reason)])

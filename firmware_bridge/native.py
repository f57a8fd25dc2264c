"""The native messages: events (one, an array, JSON or MessagePack), status, and answers to commands.

An array is split, so that one bad item does not cost its neighbours. Called by `decode`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.event import Event
from appliance.model.intake import Rejection
from appliance.model.native import read_event
from appliance.model.native_plain import read_plain
from appliance.model.observation import CommandOutcome, DeviceHealth, Outcome
from firmware_bridge.decoded import Decoded, reject, rejection
from firmware_bridge.notation.members import number_of, text_of
from firmware_bridge.topic import NativeTopic

MAX_ITEMS = 10_000  # events in one message

_STATES: Mapping[bytes, Any] = {b"online": "online", b"offline": "offline"}
_OUTCOMES: Mapping[str, Outcome] = {
    "accepted": "accepted",
    "running": "running",
    "progress": "running",
    "done": "done",
    "ok": "done",
    "success": "done",
    "failed": "failed",
    "error": "failed",
}
_json = msgspec.json.Decoder()
_messagepack = msgspec.msgpack.Decoder()


def decode_native(
    native: NativeTopic, topic: str, payload: bytes, *, received_at: datetime, clock_trusted: bool
) -> Decoded:
    """Take one native message apart; never raises for what a message holds."""
    if native.leaf == "status":
        return _decode_status(native, topic, payload)
    if native.leaf == "event":
        source = native.source
        plain = read_plain(payload, source=source, received_at=received_at, clock_trusted=clock_trusted)
        if plain is not None and len(plain) <= MAX_ITEMS:
            return Decoded(source=source, family="native", events=plain)
    try:
        document = read_document(payload)
    except Rejected as rejected:
        return reject(topic, payload, str(rejected))
    if native.leaf == "result":
        return _decode_result(native, topic, payload, document)
    items: list[tuple[str, Any, bytes | None]] = [("$", document, payload)]
    if isinstance(document, list):
        if len(document) > MAX_ITEMS:
            return reject(topic, payload, f"{len(document)} events in one message, at most {MAX_ITEMS} are taken")
        items = [(f"$[{n}]", item, None) for n, item in enumerate(document)]
    return _decode_items(native, topic, items, received_at, clock_trusted)


def read_document(payload: bytes) -> Any:
    """JSON or MessagePack, told apart by the first byte: a map or array of MessagePack begins above ASCII.

    raises  Rejected  it is neither
    """
    packed = payload[0] >= 0x80
    try:
        return (_messagepack if packed else _json).decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError) as error:
        raise Rejected(f"not {'MessagePack' if packed else 'JSON'}: {error}") from None


def _decode_items(
    native: NativeTopic,
    topic: str,
    items: list[tuple[str, Any, bytes | None]],
    received_at: datetime,
    clock_trusted: bool,
) -> Decoded:
    events: list[Event] = []
    rejections: list[Rejection] = []
    for path, item, original in items:
        try:
            event = read_event(
                item,
                source=native.source,
                received_at=received_at,
                clock_trusted=clock_trusted,
                path=path,
                unplaced=True,
                live=True,
            )
            events.append(event)
        except Rejected as rejected:
            payload = original if original is not None else _repack(item)
            rejections.append(rejection(topic, payload, str(rejected)))
    return Decoded(source=native.source, family="native", events=events, rejections=rejections)


def _decode_status(native: NativeTopic, topic: str, payload: bytes) -> Decoded:
    state = _STATES.get(payload.strip().strip(b'"').lower())
    if state is None:
        return reject(topic, payload, "expected online or offline")
    health = DeviceHealth(device=native.source, state=state)
    return Decoded(source=native.source, family="native", observations=[health])


def _decode_result(native: NativeTopic, topic: str, payload: bytes, document: Any) -> Decoded:
    if not isinstance(document, dict):
        return reject(topic, payload, "expected an object {command_id, outcome, message?, progress?}")
    outcome = _OUTCOMES.get(text_of(document.get("outcome")).lower())
    if outcome is None:
        return reject(topic, payload, "$.outcome: expected accepted, running, done or failed")
    answer = CommandOutcome(
        device=native.source,
        outcome=outcome,
        command_id=text_of(document.get("command_id")),
        message=text_of(document.get("message")),
        progress_percent=number_of(document.get("progress")),
    )
    return Decoded(source=native.source, family="native", observations=[answer])


def _repack(item: Any) -> bytes:
    """An item of an array on its own: as JSON where that has words for it, else as MessagePack."""
    for encode in (msgspec.json.encode, msgspec.msgpack.encode):
        try:
            return encode(item)
        except (TypeError, ValueError, RecursionError, OverflowError):
            continue
    return b"(nested too deep to be written out)"

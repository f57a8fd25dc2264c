"""Events back to the native form in which an upload or a file could have brought them, for the archive; and again.

What `raw_events` writes, `read_raw_events` reads as the same events, whatever columns they once came from.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.event import Event
from appliance.model.intake import RawMessage
from appliance.model.native import read_event

_encode = msgspec.json.Encoder().encode


def raw_events(events: Sequence[Event], origin: str) -> list[RawMessage]:
    """The events as messages, one for each source, instant of receipt and trust in the clock.

    origin  "http" or "file"
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for event in events:
        key = (event.source, event.received_at, event.clock_quality == "untrusted")
        groups.setdefault(key, []).append(_native(event))
    return [
        RawMessage(
            topic=source,
            payload=_encode(items),
            received_at=received_at,
            origin="http" if origin == "http" else "file",
            clock_quality="untrusted" if untrusted else "good",
        )
        for (source, received_at, untrusted), items in groups.items()
    ]


def read_raw_events(message: RawMessage) -> list[Event | Rejected]:
    """The events of a message that `raw_events` made; one that cannot be taken any more says why.

    raises  Rejected  the payload is not an array
    """
    try:
        items = msgspec.json.decode(message.payload, type=list[Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Rejected(f"not an array of native events: {error}") from None
    return [_read(item, message, f"$[{n}]") for n, item in enumerate(items)]


def _read(item: object, message: RawMessage, path: str) -> Event | Rejected:
    try:
        return read_event(
            item,
            source=message.topic,
            received_at=message.received_at,
            clock_trusted=message.clock_quality != "untrusted",
            unplaced=True,
            path=path,
        )
    except Rejected as rejected:
        return rejected


def _native(event: Event) -> dict[str, Any]:
    told: dict[str, Any] = {
        "event_id": event.event_id,
        "event_type": event.event_type,
        "event_timestamp": event.event_timestamp,
        "longitude": event.longitude,
        "latitude": event.latitude,
        "severity": event.severity,
        "value": event.value,
        "attributes": event.attributes,
    }
    if event.rev:
        told["rev"] = event.rev
    return told

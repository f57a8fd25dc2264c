"""An event: something that happened at a place and a time, as one source tells it.

The native form (DESIGN: MQTT, HTTP, JSONL, CSV columns) is read by `model.native`; this is what it becomes.
"""

import hashlib
from datetime import datetime
from typing import Any, Literal

import msgspec

from appliance.clock import to_us

ClockQuality = Literal["good", "future", "untrusted"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One incident or detection.

    `event_timestamp` is the device's, `received_at` the box's. `severity` is 0..1. `rev` orders corrections
    of the same (source, event_id): only a higher one replaces what is stored.
    """

    source: str
    event_id: str
    event_type: str
    event_timestamp: datetime
    received_at: datetime
    longitude: float
    latitude: float
    severity: float | None = None
    value: float | None = None
    attributes: dict[str, Any] = {}
    rev: int = 0
    clock_quality: ClockQuality = "good"


_encode = msgspec.json.Encoder(order="sorted").encode


def content_id(
    *,
    event_type: str,
    event_timestamp: datetime,
    longitude: float | None,
    latitude: float | None,
    severity: float | None,
    value: float | None,
    attributes: dict[str, Any],
) -> str:
    """The identity of an event whose sender gave it none: equal content, equal id.

    The id begins with the time, so that ids of one period lie together in an index and its pages are written
    once and not at random.
    """
    us = to_us(event_timestamp)
    content = _encode([event_type, us, longitude, latitude, severity, value, attributes])
    return f"{us & 0xFFFF_FFFF_FFFF_FFFF:016x}-{hashlib.blake2b(content, digest_size=10).hexdigest()}"


def clock_quality(event_timestamp: datetime, received_at: datetime, *, trusted: bool) -> ClockQuality:
    """How far the time of an event can be believed, judged by the box's own clock.

    `untrusted` when the box does not know the time itself, `future` when the device is more than five minutes
    ahead of the box.
    """
    if not trusted:
        return "untrusted"
    return "future" if (event_timestamp - received_at).total_seconds() > 300 else "good"

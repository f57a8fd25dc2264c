"""An event: something that happened at a place and a time, as one source tells it.

The native form (DESIGN: MQTT, HTTP, JSONL, CSV columns) is read by `model.native`; this is what it becomes.
"""

import hashlib
from datetime import datetime
from typing import Any, Literal

import msgspec

from appliance.clock import to_us

ClockQuality = Literal["good", "future", "ancient", "untrusted", "missing", "undated", "estimated"]
"""How far the time of an item can be believed.

future     more than five minutes ahead of the box
ancient    told live, and more than seven days before its receipt
missing    the device told none that can be read; the time of receipt stands for it
untrusted  the device told one, and the box did not know the time by which to judge it; it is judged when that is known
undated    the device told none, and the box did not know the time either; it is re-dated when that is known
estimated  was undated, and the machine stopped before the time was known: set between the boots before and after
"""

AHEAD_S = 300.0  # a device's clock may run ahead of the box's by so much
BEHIND_S = 7 * 86_400.0  # what a device held back while it had no link comes later than this only from a wrong clock


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One incident or detection.

    `event_timestamp` is the device's, `received_at` the box's. `longitude` and `latitude` are both None while nobody
    knows where the device stands. `severity` is 0..1. `rev` orders corrections of the same (source, event_id):
    only a higher one replaces what is stored.
    """

    source: str
    event_id: str
    event_type: str
    event_timestamp: datetime
    received_at: datetime
    longitude: float | None
    latitude: float | None
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

    The place is the one that the sender gave, or None: where a device is registered to stand may change.
    The id begins with the time, so that ids of one period lie together in an index and its pages are written
    once and not at random.
    """
    us = to_us(event_timestamp)
    content = _encode([event_type, us, longitude, latitude, severity, value, attributes])
    return f"{us & 0xFFFF_FFFF_FFFF_FFFF:016x}-{hashlib.blake2b(content, digest_size=10).hexdigest()}"


def clock_quality(
    observed_at: datetime | None, received_at: datetime, *, trusted: bool, live: bool = False
) -> ClockQuality:
    """How far a time can be believed, judged by the box's own clock.

    observed_at  what the device told; None where it told no time that can be read
    trusted      whether the box knows the time
    live         the item came from the device itself: only then is an old time a wrong clock, and not history
    """
    if observed_at is None:
        return "missing" if trusted else "undated"
    if not trusted:
        return "untrusted"
    ahead_s = (observed_at - received_at).total_seconds()
    if ahead_s > AHEAD_S:
        return "future"
    return "ancient" if live and ahead_s < -BEHIND_S else "good"

"""The native event as nearly every device sends it, read by its type: JSON to events without a dict in between.

Takes only what `native.read_event` would take without a second look, and gives the very same event; whatever is in the
least unusual (unknown members, other forms of time, texts to be trimmed, a value out of bounds) is left to it. A third
of the cost. Called by `firmware_bridge.native`.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from appliance.model.event import AHEAD_S, BEHIND_S, Event, content_id
from appliance.model.native import MAX_TEXT

MAX_BYTES = 8_192  # of a message with one event: written out anew its attributes stay below their bound
FIRST_YEAR, LAST_YEAR = 1901, 2198  # a time zone away from what can be refused
_UNUSUAL = "left to the careful reader"
_AHEAD, _BEHIND = timedelta(seconds=AHEAD_S), timedelta(seconds=-BEHIND_S)


_Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    event_type: _Text
    event_timestamp: str
    event_id: _Text | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    severity: Annotated[float, Meta(ge=0, le=1)] | None = None
    value: float | None = None
    attributes: dict[str, Any] | None = None
    rev: Annotated[int, Meta(ge=0, lt=2**53)] | None = None


_read_one = msgspec.json.Decoder(_Plain).decode
_read_many = msgspec.json.Decoder(list[_Plain]).decode


def read_plain(payload: bytes, *, source: str, received_at: datetime, clock_trusted: bool) -> list[Event] | None:
    """The events of a message that came live, places missing where they told none; None: it needs the careful reader.

    A message with one object gives one event, with an array as many as it holds.
    """
    try:
        if payload[:1] == b"[":
            items: Sequence[_Plain] = _read_many(payload)
            if len(payload) > MAX_BYTES * max(1, len(items)):
                return None
        elif len(payload) <= MAX_BYTES:
            items = (_read_one(payload),)
        else:
            return None
        ahead, behind = received_at + _AHEAD, received_at + _BEHIND
        return [_event(item, source, received_at, clock_trusted, ahead, behind) for item in items]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError):
        return None


def _event(item: _Plain, source: str, received_at: datetime, trusted: bool, ahead: datetime, behind: datetime) -> Event:
    """The event.

    ahead, behind  between which its time can be believed
    raises  ValueError  something of it is unusual
    """
    text, event_type, event_id, lng = item.event_timestamp, item.event_type, item.event_id, item.longitude
    when, attributes = datetime.fromisoformat(text), item.attributes
    if when.tzinfo is not UTC:
        if when.tzinfo is None:
            raise ValueError(_UNUSUAL)
        when = when.astimezone(UTC)
    if (
        not FIRST_YEAR <= when.year <= LAST_YEAR
        or text[4] != "-"  # digits alone are a number of seconds
        or not (event_type.isprintable() and event_type[0] != " " and event_type[-1] != " ")
        or not (event_id is None or (event_id.isprintable() and event_id[0] != " " and event_id[-1] != " "))
        or (lng is None) != (item.latitude is None)
        or (lng == 0 and item.latitude == 0)  # which is no place
        or not (item.value is None or math.isfinite(item.value))
    ):
        raise ValueError(_UNUSUAL)
    if attributes is None:
        attributes = {}
    for value in attributes.values():
        kind = type(value)
        if kind is dict or kind is list or (kind is str and len(value) > MAX_TEXT):
            raise ValueError(_UNUSUAL)
    return Event(
        source=source,
        event_id=event_id
        or content_id(
            event_type=event_type,
            event_timestamp=when,
            longitude=lng,
            latitude=item.latitude,
            severity=item.severity,
            value=item.value,
            attributes=attributes,
        ),
        event_type=event_type,
        event_timestamp=when,
        received_at=received_at,
        longitude=lng,
        latitude=item.latitude,
        severity=item.severity,
        value=item.value,
        attributes=attributes,
        rev=item.rev or 0,
        clock_quality="untrusted"
        if not trusted
        else "future"
        if when > ahead
        else "ancient"
        if when < behind
        else "good",
    )

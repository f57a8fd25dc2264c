"""The native event: the same members in MQTT, HTTP, JSONL and CSV, read strictly and refused with a path.

    {"event_id": "cam7-000123", "event_type": "motion", "event_timestamp": "2026-11-21T10:00:00Z",
     "longitude": 47.97, "latitude": 29.37, "severity": 0.6, "value": 12.0, "attributes": {"zone": "gate"}}

`event_type` and `event_timestamp` are required. Unknown members are kept under `attributes`. Called by the
bridge for each message and by `ingest` for each row; both hand in the time of receipt and the source.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from appliance.clock import from_us
from appliance.errors import Rejected
from appliance.model.event import Event, clock_quality, content_id

MAX_TEXT = 200  # characters of an id or a type; longer ones are a payload gone astray
MAX_ATTRIBUTES = 65_536  # bytes of JSON; what is longer is a document and belongs in a file
MAX_DEPTH = 32  # levels of lists and objects in attributes; what reads them later must not run out of stack
MILLISECONDS_FROM = 100_000_000_000  # as seconds this is the year 5138, as milliseconds March 1973
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
MEMBERS = frozenset("event_id event_type event_timestamp longitude latitude severity value attributes rev".split())
_DIGITS = re.compile(r"-?\d+(\.\d+)?\Z", re.ASCII)
_LEAP_SECOND = re.compile(r"(.{10}.\d\d:\d\d:)60(\D.*)")
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def read_event(
    raw: object,
    *,
    source: str,
    received_at: datetime,
    clock_trusted: bool = True,
    live: bool = False,
    place: tuple[float, float] | None = None,
    unplaced: bool = False,
    path: str = "$",
) -> Event:
    """One native event from its decoded JSON, MessagePack or row.

    live      the device itself sent it just now, so an old time is a wrong clock; else it may be history
    place     (lng, lat) in degrees where the source stands: for events that carry no place
    unplaced  an event without a place is taken all the same, to be given one later
    raises  Rejected  with the path of the member that cannot be taken
    """
    if not isinstance(raw, dict) and not isinstance(raw, Mapping):  # a dict is told apart ten times quicker
        raise Rejected(f"expected an object, got {_kind(raw)}", path)
    event_type = _text(raw, "event_type", path)
    if event_type is None:
        raise Rejected("required, and missing", f"{path}.event_type")
    when = read_timestamp(raw.get("event_timestamp"), f"{path}.event_timestamp")
    longitude = _number(raw, "longitude", path, -180.0, 180.0)
    latitude = _number(raw, "latitude", path, -90.0, 90.0)
    lng, lat = _placed(longitude, latitude, place)
    if lng is None or lat is None:
        missing = "longitude" if longitude is None else "latitude"
        if (longitude is None) != (latitude is None):
            raise Rejected("missing: a place has both coordinates, or none", f"{path}.{missing}")
        if not unplaced:
            told = "missing" if longitude is None else "0, 0 is told where the place is not known"
            raise Rejected(f"{told}, and {source} is not registered with a place", f"{path}.longitude")
    severity = _number(raw, "severity", path, 0.0, 1.0)
    value = _number(raw, "value", path, -math.inf, math.inf)
    attributes = _attributes(raw, path)
    event_id = _text(raw, "event_id", path) or content_id(
        event_type=event_type,
        event_timestamp=when,
        longitude=longitude,
        latitude=latitude,
        severity=severity,
        value=value,
        attributes=attributes,
    )
    return Event(
        source=source,
        event_id=event_id,
        event_type=event_type,
        event_timestamp=when,
        received_at=received_at,
        longitude=lng,
        latitude=lat,
        severity=severity,
        value=value,
        attributes=attributes,
        rev=_revision(raw, path),
        clock_quality=clock_quality(when, received_at, trusted=clock_trusted, live=live),
    )


def read_timestamp(value: object, path: str = "$") -> datetime:
    """RFC 3339 with offset, or Unix seconds or milliseconds as number or digits; aware UTC.

    raises  Rejected  missing, unreadable, without offset, or outside 1900..2200
    """
    if type(value) is datetime and value.tzinfo is UTC and EARLIEST <= value < LATEST:
        return value  # read already, by who knows the form
    if value is None or value == "":
        raise Rejected("required, and missing", path)
    if isinstance(value, bool):
        raise Rejected("expected a time, got a boolean", path)
    try:
        if isinstance(value, str) and _DIGITS.match(value.strip()):
            value = float(value) if "." in value else int(value)
        when = _from_unix(value) if isinstance(value, int | float) else _from_text(value, path)
    except (ValueError, OverflowError) as error:
        raise Rejected(f"{_shown(value)} is not a time: {error}", path) from None
    if not EARLIEST <= when < LATEST:
        raise Rejected(f"{_shown(value)} lies outside the years 1900 to 2199", path)
    return when


def _placed(
    longitude: float | None, latitude: float | None, place: tuple[float, float] | None
) -> tuple[float | None, float | None]:
    """The given coordinates, or the source's place where none is given; half a place is none and stays half.

    0, 0 is what a receiver without a fix tells: a point in the sea that would draw the map out to the Gulf of Guinea.
    """
    if (longitude is None and latitude is None) or (longitude == 0 and latitude == 0):
        return place or (None, None)
    return longitude, latitude


def _from_unix(value: float) -> datetime:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a finite number")
    scale = 1_000 if abs(value) >= MILLISECONDS_FROM else 1_000_000
    return from_us(value * scale if isinstance(value, int) else round(value * scale))


def _from_text(value: object, path: str) -> datetime:
    if isinstance(value, datetime):  # MessagePack carries times of its own
        when = value
    elif isinstance(value, str):
        when = _from_rfc3339(value.strip().upper())  # RFC 3339 allows `t` and `z`
    else:
        raise Rejected(f"expected a time, got {_kind(value)}", path)
    if when.tzinfo is None:
        raise Rejected("a time needs its offset, as in 2026-11-21T10:00:00Z", path)
    return when.astimezone(UTC)


def _from_rfc3339(text: str) -> datetime:
    leap = _LEAP_SECOND.fullmatch(text)
    if leap:  # the second that Unix time does not count is the one after it
        return datetime.fromisoformat(f"{leap[1]}59{leap[2]}") + timedelta(seconds=1)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        if "isoformat" not in str(error):
            raise  # as in: month must be in 1..12
        raise ValueError("expected a form like 2026-11-21T10:00:00Z") from None


def _text(raw: Mapping[str, Any], name: str, path: str) -> str | None:
    value = raw.get(name)
    if value is None or value == "":
        return None
    if type(value) is str and len(value) <= MAX_TEXT and value.isprintable() and value == value.strip():
        return value  # as nearly all are
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Rejected(f"expected text, got {_kind(value)}", f"{path}.{name}")
    value = value.strip()
    if not value:
        return None
    if len(value) > MAX_TEXT:
        raise Rejected(f"longer than {MAX_TEXT} characters", f"{path}.{name}")
    if not value.isprintable():
        raise Rejected("holds control characters", f"{path}.{name}")
    return value


def _number(raw: Mapping[str, Any], name: str, path: str, low: float, high: float) -> float | None:
    value = raw.get(name)
    if value is None or (type(value) is float and low <= value <= high and -math.inf < value < math.inf):
        return value
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise Rejected(f"expected a number, got {_kind(value)}", f"{path}.{name}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or not low <= number <= high:
        span = "finite" if math.isinf(high) else f"between {low:g} and {high:g}"
        raise Rejected(f"{_shown(value)} is not {span}", f"{path}.{name}")
    return number


def _attributes(raw: Mapping[str, Any], path: str) -> dict[str, Any]:
    given = raw.get("attributes")
    if given is not None and not isinstance(given, Mapping):
        raise Rejected(f"expected an object, got {_kind(given)}", f"{path}.attributes")
    extra = {} if raw.keys() <= MEMBERS else {str(key): value for key, value in raw.items() if key not in MEMBERS}
    attributes = {**extra, **given} if given else extra
    try:
        attributes, text = _as_json(attributes)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise Rejected(f"cannot be kept as JSON: {error}", f"{path}.attributes") from None
    if len(text) > MAX_ATTRIBUTES:
        raise Rejected(f"{len(text)} bytes of attributes, at most {MAX_ATTRIBUTES} are kept", f"{path}.attributes")
    # Brackets bound the depth from above and are counted a hundred times quicker than it is measured.
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and _deeper_than(attributes, MAX_DEPTH):
        raise Rejected(f"nested deeper than {MAX_DEPTH} levels", f"{path}.attributes")
    return attributes


def _as_json(attributes: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Attributes as JSON can hold them, and their JSON; the keys of MessagePack need not be text.

    raises  TypeError, ValueError, RecursionError, OverflowError  JSON has no form for them
    """
    try:
        return attributes, _encode_sorted(attributes)
    except TypeError:
        plain = msgspec.json.decode(msgspec.json.encode(attributes), type=dict[str, Any])
        return plain, _encode_sorted(plain)


def _deeper_than(holder: dict[str, Any] | list[Any], levels: int) -> bool:
    if levels == 0:
        return True
    items = holder.values() if isinstance(holder, dict) else holder
    return any(_deeper_than(item, levels - 1) for item in items if isinstance(item, (dict, list)))


def _revision(raw: Mapping[str, Any], path: str) -> int:
    value = raw.get("rev")
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise Rejected("expected a whole number from 0", f"{path}.rev")
    return value


def _shown(value: object) -> str:
    """A value for a message: short, and never the cause of an error of its own."""
    try:
        return repr(value)[:60]
    except ValueError:  # Python refuses to write out integers of more than 4,300 digits
        return "a number of thousands of digits"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)

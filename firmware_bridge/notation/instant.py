"""Times as firmware writes them: RFC 3339, naive local text, Unix seconds to nanoseconds.

A time that cannot be read is None and not an error: the message is still worth keeping, under the time of its receipt.
Every message with a time comes through here, so the usual spellings take the short way.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

_DIGITS = re.compile(r"-?\d+(\.\d+)?\Z", re.ASCII)
_LEAP_SECOND = re.compile(r"(.{10}.\d\d:\d\d:)60(.*)", re.ASCII)
_FRACTION = re.compile(r"([.,]\d{6})\d+")
_SHORT_OFFSET = re.compile(r"(?<=\d)([+-])(\d:\d\d)\Z", re.ASCII)  # `-8:00`, as Hikvision's older cameras write it
FIRST_YEAR, LAST_YEAR = 1900, 2199
_MINUTES, _SECONDS, _LOCAL = 13, 16, 19  # where they begin in 2026-11-21T13:00:00, and its length


def read_instant(value: object, zone: tzinfo) -> datetime | None:
    """An instant, aware UTC, from text or number.

    value    RFC 3339 or ISO 8601 text, digits, or a Unix time in seconds, milliseconds, microseconds or nanoseconds,
             told apart by size
    zone     of text without an offset
    returns  None for anything else, and outside the years 1900 to 2199
    """
    kind = type(value)
    try:
        if kind is str:
            if len(value) == _LOCAL:  # type: ignore[arg-type]
                when = _from_local_minute(value, zone)  # type: ignore[arg-type]
                if when is not None:
                    return when
            try:
                when = datetime.fromisoformat(value)  # type: ignore[arg-type]
            except ValueError:
                return _bounded(_from_odd_text(value.strip(), zone))  # type: ignore[attr-defined]
            if when.tzinfo is UTC and FIRST_YEAR <= when.year <= LAST_YEAR:
                return when  # as nearly all devices write it
            return _bounded(_from_plain_text(value, when, zone))  # type: ignore[arg-type]
        if kind is float or kind is int:
            return from_unix(value)  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        pass
    return None


def from_unix(number: float) -> datetime | None:
    """An instant from a Unix time of any usual unit; None for 0 and below: a clock that was never set."""
    if not 0 < number < 1e20:
        return None
    if number >= 1e11:  # as seconds this would be after the year 5138
        number /= 1e3 if number < 1e14 else 1e6 if number < 1e17 else 1e9
    when = datetime.fromtimestamp(number, UTC)
    return when if when.year <= LAST_YEAR else None


def _bounded(when: datetime | None) -> datetime | None:
    return when if when is not None and FIRST_YEAR <= when.year <= LAST_YEAR else None


def _from_local_minute(text: str, zone: tzinfo) -> datetime | None:
    """`2026-11-21T13:00:00` by what its minute is in UTC; None where it is of another form."""
    spelled = text[_MINUTES] == ":" and text[_SECONDS] == ":"  # and not 13-23:30, which is an hour with an offset
    minute = _minute_in_utc(text[:_SECONDS], zone) if spelled else ""
    try:
        return datetime.fromisoformat(f"{minute}{text[_SECONDS:]}Z") if minute else None
    except ValueError:
        return None


@lru_cache(maxsize=1_024)
def _minute_in_utc(minute: str, zone: tzinfo) -> str:
    """A local minute as UTC text; '' where it is none, or out of bounds. A fleet says the same: its zone is asked once.

    Zones had offsets of odd seconds before 1900 and a little after: then '' too.
    """
    try:
        when = _bounded(_from_plain_text(minute, datetime.fromisoformat(minute), zone))
    except (ValueError, OverflowError):
        return ""
    return when.isoformat()[:_SECONDS] if when is not None and not when.second and not when.microsecond else ""


def _from_plain_text(text: str, when: datetime, zone: tzinfo) -> datetime | None:
    """Text that Python reads as `when`: local, or with an offset."""
    if "-" not in text and _DIGITS.match(text):  # eight digits are a date to Python and a time to nobody
        return from_unix(float(text))
    return (when if when.tzinfo else when.replace(tzinfo=zone)).astimezone(UTC)


def _from_odd_text(text: str, zone: tzinfo) -> datetime | None:
    """Digits, lower case, nanoseconds, a comma for a point, slashes or points, a leap second, short offsets, UTC."""
    if _DIGITS.match(text):
        return from_unix(float(text))
    upper = text.upper()
    if upper[4:5] in ("/", "."):
        upper = upper.replace(upper[4], "-", 2)
    if upper.endswith(" UTC"):
        upper, zone = upper[:-4], UTC
    upper = _SHORT_OFFSET.sub(r"\g<1>0\2", _FRACTION.sub(r"\1", upper)).replace(",", ".")
    leap = _LEAP_SECOND.fullmatch(upper)
    if leap:  # the second that Unix time does not count is the one after it
        when = datetime.fromisoformat(f"{leap[1]}59{leap[2]}") + timedelta(seconds=1)
    else:
        when = datetime.fromisoformat(upper)
    return (when if when.tzinfo else when.replace(tzinfo=zone)).astimezone(UTC)

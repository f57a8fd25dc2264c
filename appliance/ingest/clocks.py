"""Times of day as files write them, and the strptime forms that read them.

Called by `ingest.times`, which knows the day and what digits alone mean.
"""

import re
from collections.abc import Sequence
from datetime import time

SHOWN = 80  # characters of a text quoted in a message
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?|\.0)?"
    r"(?:(?P<gap>\s*)(?P<half>[AP])\.?M\.?)?\Z",
    re.I,
)
_DIGITS_CLOCK = re.compile(r"(?P<hour>\d{1,2})(?P<minute>\d{2})(?P<second>\d{2})?\Z")


def read_clock(texts: Sequence[str]) -> time:
    """A time of day: `5` or `17` (hours), `17:05`, `17:05:30`, `1705`, `5:05 PM`; or hour, minute and second apart.

    raises  ValueError  it is none of these, or no such time exists
    """
    digits = all(text.isdigit() and len(text) <= 2 for text in texts)
    text = ":".join(part.zfill(2) for part in texts) if digits else " ".join(texts)
    found = _CLOCK.match(text) or _DIGITS_CLOCK.match(text)
    if found is None:
        raise ValueError(f"{text[:SHOWN]!r} is not a time of day")
    parts = found.groupdict(default="")
    hour, half = int(parts["hour"]), parts.get("half", "").upper()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(f"{text[:SHOWN]!r} is not a time of day")
        hour = hour % 12 + (12 if half == "P" else 0)
    fraction = parts.get("fraction", "")[:6].ljust(6, "0")
    return time(hour, int(parts["minute"] or 0), int(parts["second"] or 0), int(fraction))


def clock_form(text: str) -> str:
    """The strptime form of a time of day as it stands; `%H:%M` where none fits."""
    word = text.strip()
    if word.rstrip(".").upper() in {"AM", "PM"}:
        return "%p"
    if word.isdigit() and (len(word) > 2 or int(word) > 23):
        return "%H%M" if len(word) <= 4 else "%H%M%S"
    found = _CLOCK.match(word)
    if found is None:
        return "%H:%M"
    parts = [f":{name}" for part, name in (("minute", "%M"), ("second", "%S")) if found[part]]
    fraction = ".%f" if found["fraction"] else ""
    return (
        ("%I" if found["half"] else "%H") + "".join(parts) + fraction + (f"{found['gap']}%p" if found["half"] else "")
    )

"""Times of day as files write them, and the strptime forms that read them.

Called by `ingest.times`, which knows the day and what digits alone mean.
"""

import re
from collections.abc import Sequence
from datetime import datetime, time

SHOWN = 80  # characters of a text quoted in a message
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?|\.0)?"
    r"(?:(?P<gap>\s*)(?P<half>[AP])\.?M\.?)?\Z",
    re.I,
)
_DIGITS_CLOCK = re.compile(r"(?P<hour>\d{1,2})(?P<minute>\d{2})(?P<second>\d{2})?\Z")

_DAYS, _MONTHS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun", "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_IN_WORDS = re.compile(
    rf"(?P<day>(?:{_DAYS})[a-z]*)|(?P<month>(?:{_MONTHS})[a-z]*)|(?P<clock>\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?:\s*[AP]M)?)"
    r"|(?P<zone>UTC|GMT|(?<=\s)[+-]\d{4}\b)|(?P<year>\d{4})|(?P<number>\d{1,2})",
    re.I,
)


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


def form_in_words(text: str) -> str:
    """The strptime form of a time that names its month in English; empty where it does not, or none reads it."""
    numbers = iter(["%d", "%y"])

    def form(found: re.Match[str]) -> str:
        word = found[0]
        if found["clock"]:
            return clock_form(word)
        if found["zone"]:
            return "%z" if word[0] in "+-" else "%Z"
        if found["number"]:
            return next(numbers, word)
        if found["year"]:
            return "%Y"
        name = "%a" if found["day"] else "%b"
        return name if len(word) == len("Mon") else name.upper()

    whole = _IN_WORDS.sub(form, text)
    try:
        datetime.strptime(text, whole)  # noqa: DTZ007 - only whether it reads
    except (ValueError, re.error):
        return ""
    return whole if {"%b", "%y"} <= set(re.findall("%.", whole.lower())) else ""

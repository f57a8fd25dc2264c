"""Parameters of routes that more than one of them reads: days, resolutions, pages."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

from litestar.params import FromQuery, HeaderParameter, QueryParameter

from appliance.clock import day_bounds
from appliance.errors import Rejected
from appliance.model.native import EARLIEST, LATEST, read_timestamp
from appliance.model.risk import PROFILES
from appliance.serve.context import Context

MAX_DAYS = 400  # of one answer
MAX_ITEMS = 1_000  # of one page
_DAY = re.compile(r"\d{4}-\d\d-\d\d|today")
_CURSOR = re.compile(r"-?[0-9]{1,17}\.[0-9]{1,18}")  # more digits than SQLite's integers hold are refused

ResolutionQuery = FromQuery[int | None]
FirstDay = Annotated[str, QueryParameter(name="from")]
LastDay = Annotated[str, QueryParameter(name="to")]
BboxQuery = Annotated[str | None, QueryParameter(description="west,south,east,north")]
IdempotencyKey = Annotated[str | None, HeaderParameter(name="Idempotency-Key")]


def read_day(text: str, context: Context, name: str = "date") -> date:
    """An ISO day, or `today` at the site.

    raises  Rejected  not a day, or one in whose year no event can lie
    """
    try:
        day = date.fromisoformat(context.today() if text == "today" else text)
    except ValueError:
        raise Rejected(f"{text[:40]!r} is not a day; write it as 2026-11-21, or today", name) from None
    if not EARLIEST.year <= day.year < LATEST.year:
        raise Rejected(f"{day} lies outside the years {EARLIEST.year} to {LATEST.year - 1}", name)
    return day


def read_days(
    start: str | None,
    end: str | None,
    context: Context,
    *,
    default_days: int,
    names: tuple[str, str] = ("from", "to"),
) -> tuple[date, date]:
    """An inclusive range of days; without an end it ends today, without a start it is `default_days` long.

    names   of the two parameters
    raises  Rejected  the range is backwards or longer than `MAX_DAYS`
    """
    from_name, to_name = names
    last = read_day(end or "today", context, to_name)
    first = read_day(start, context, from_name) if start else last - timedelta(days=default_days - 1)
    if first > last:
        raise Rejected(f"the range begins {first}, after it ends {last}", from_name)
    if (last - first).days >= MAX_DAYS:
        raise Rejected(f"the range has more than {MAX_DAYS} days; ask for it in parts", from_name)
    return first, last


def read_instant(text: str | None, context: Context, name: str, *, end: bool = False) -> datetime | None:
    """A time as events write it, or a day of the site: its start, or with `end` the start of the next.

    raises  Rejected
    """
    if text is None:
        return None
    if _DAY.fullmatch(text):
        start, following = day_bounds(read_day(text, context, name), context.settings.zone)
        return following if end else start
    return read_timestamp(text.replace(" ", "+"), name)  # a plus sign in a query arrives as a space


def read_resolution(resolution: int | None, context: Context) -> int:
    """The resolution asked for, by default 8 where the site has it, else its finest.

    raises  Rejected  outside 5..11
    """
    if resolution is None:
        return default_resolution(context.settings.risk.resolutions)
    if not 5 <= resolution <= 11:
        raise Rejected(f"{resolution} is not between 5 and 11", "resolution")
    return resolution


def default_resolution(resolutions: Sequence[int]) -> int:
    """8, which the classic picture is drawn in, where the site has it; else its finest."""
    return 8 if 8 in resolutions else max(resolutions)


def check_profile(profile: str) -> None:
    """Refuse a profile that this box does not compute.

    raises  Rejected
    """
    if profile not in PROFILES:
        raise Rejected(f"no profile {profile[:40]!r}; there are {', '.join(PROFILES)}", "profile")


def read_cursor(text: str | None) -> str | None:
    """A cursor in the form that a page of events gives, or None for the first page.

    raises  Rejected
    """
    if text is not None and not _CURSOR.fullmatch(text):
        raise Rejected("not a cursor of this list; leave it out for the first page", "cursor")
    return text


def read_limit(limit: int) -> int:
    """A page's size.

    raises  Rejected  outside 1..1000
    """
    if not 1 <= limit <= MAX_ITEMS:
        raise Rejected(f"{limit} is not between 1 and {MAX_ITEMS}", "limit")
    return limit

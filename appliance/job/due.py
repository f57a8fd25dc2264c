"""When something is due: rules as data, and the last instant at which one was due. Time is an argument."""

from datetime import date, datetime, timedelta

import msgspec

from appliance.aggregate.bins import MINUTE_US, SiteBins
from appliance.clock import from_us, to_us


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """At so many minutes past each hour of the site's clock, or with `hour` once a day at that time of it."""

    minute: int
    hour: int | None = None


def last_due(rule: Rule, now: int, bins: SiteBins) -> int:
    """The last instant at or before `now` (microseconds) at which a rule was due.

    A time that the site's clock leaves out in the night of spring is due when it would have been; one that it shows
    twice is due the first time.
    """
    if rule.hour is None:
        hour = bins.hour_of(now)
        while hour.start + rule.minute * MINUTE_US > now:
            hour = bins.hour_of(hour.start - 1)
        return hour.start + rule.minute * MINUTE_US
    today = from_us(now).astimezone(bins.zone).date()
    found = (_at(today - timedelta(days=days), rule.hour, rule.minute, bins) for days in range(-1, 4))
    return max(instant for instant in found if instant <= now)


def is_due(rule: Rule, *, done_at: int | None, now: int, bins: SiteBins) -> bool:
    """Whether something has not been done since it was last due; also where it was done in what is now the future."""
    return done_at is None or done_at < last_due(rule, now, bins) or done_at > now


def _at(day: date, hour: int, minute: int, bins: SiteBins) -> int:
    return to_us(datetime(day.year, day.month, day.day, hour, minute, tzinfo=bins.zone))

"""Where a bin begins and ends: minutes, and the hours and days of the site's clock.

An hour here is a real interval: it ends where the site's clock shows the next full hour, and also where the offset
changes, so that each hour lies in one offset and in one day. In the night that sets the clock back the repeated hour is
two; a change by half an hour, or a few minutes past midnight, makes short ones. Hours follow one another without gap.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from appliance.clock import HOUR_US, MICROSECOND, day_bounds, from_us, to_us

MINUTE_US = 60_000_000
QUARTER_US = 15 * MINUTE_US  # offsets are whole quarters of an hour, nearly everywhere and since 1972
CACHE_HOURS = 50_000  # five years, about 15 MB; then it starts anew


class Hour(NamedTuple):
    """An hour of the site, [start, end) in microseconds, and the ISO day it lies in."""

    start: int
    end: int
    day: str


class SiteBins:
    """The site's hours and days. Remembers hours; one a thread."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._known: dict[int, Hour] = {}

    def hour_of(self, us: int) -> Hour:
        """The hour in which an instant lies."""
        quarter = us // QUARTER_US
        hour = self._known.get(quarter)
        if hour is None or not hour.start <= us < hour.end:
            if len(self._known) >= CACHE_HOURS:
                self._known.clear()
            hour = self._known[quarter] = self._find(us)
        return hour

    def hours(self, start: int, end: int) -> Iterator[Hour]:
        """The hours that [start, end) touches, in their order."""
        at = start
        while at < end:
            hour = self.hour_of(at)
            yield hour
            at = hour.end

    def hours_of_day(self, day: str) -> list[Hour]:
        """The hours whose day this is; not always one after the other, where a clock was set back over midnight."""
        start, end = (to_us(bound) for bound in day_bounds(date.fromisoformat(day), self.zone))
        return [hour for hour in self.hours(start - 3 * HOUR_US, end + 3 * HOUR_US) if hour.day == day]

    def day_of(self, us: int) -> str:
        """The ISO day in which an instant lies."""
        return self.hour_of(us).day

    def _find(self, us: int) -> Hour:
        offset = self._offset(us)
        start = us - (us + offset) % HOUR_US
        end = start + HOUR_US
        if self._offset(start) != offset:
            start = self._change(start, us)
        if self._offset(end - 1) != offset:
            end = self._change(us, end - 1)
        return Hour(start, end, from_us(us).astimezone(self.zone).date().isoformat())

    def _change(self, before: int, after: int) -> int:
        """The first instant with the offset of `after`, of two that have different ones."""
        offset = self._offset(after)
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == offset:
                after = middle
            else:
                before = middle
        return after

    def _offset(self, us: int) -> int:
        return (from_us(us).astimezone(self.zone).utcoffset() or timedelta()) // MICROSECOND


def minute_of(us: int) -> int:
    """The instant at which an instant's minute began."""
    return us - us % MINUTE_US

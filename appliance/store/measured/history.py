"""What was measured, in bins of any width: from the tier that has it, and from the rows where a tier is not there yet.

Each value is in exactly one bin of an answer, whatever the state of the tiers: of an hour that was written to since it
was rolled up the bin is computed from its rows here and now, late rows that are not merged yet are added, and a day
whose hours have changed is computed from these. Called by `serve`.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from appliance.aggregate.bins import MINUTE_US, QUARTER_US, Hour, SiteBins, minute_of
from appliance.aggregate.rolling import Bin, bin_of, merge_bins, merge_by_key, roll_up_rows
from appliance.aggregate.steps import Step
from appliance.clock import HOUR_US, day_bounds, to_us
from appliance.model.tier import Ladder
from appliance.store.measured.late import Row, fetch_waiting
from appliance.store.measured.open_bins import ALWAYS, fetch_horizon, fetch_open
from appliance.store.measured.tiers import fetch_bin, fetch_rows, is_whole, ladder_tier

DAY_US = 24 * HOUR_US

Found = tuple[int, int, Step, Bin]
"""Start and end of a bin in microseconds, the tier that it was found in, its moments."""


def fetch_kept_from(raw: Any, ladder: Ladder) -> dict[Step, int]:
    """Since when each step is kept; minutes are where they or the rows are."""
    rows = fetch_horizon(raw, ladder.raw)
    kept: dict[Step, int] = {"raw": rows, "day": ALWAYS}
    if (minute := ladder.tier("minute")) is not None:
        kept["minute"] = min(rows, fetch_horizon(raw, minute.table))
    kept["hour"] = fetch_horizon(raw, ladder_tier(ladder, "hour").table)
    return kept


def find_series(raw: Any, device: str, metric: str) -> list[tuple[int, str]]:
    """(key, unit) of the series in which a device tells a metric; mostly one."""
    found: list[tuple[int, str]] = raw.execute(
        "SELECT series_pk, unit FROM reading_series WHERE device = ? AND metric = ? ORDER BY unit", (device, metric)
    ).fetchall()
    return found


class History:
    """The bins of one series, as one transaction sees them."""

    def __init__(self, raw: Any, ladder: Ladder, bins: SiteBins, key: int) -> None:
        self._raw, self._ladder, self._bins, self._key = raw, ladder, bins, key
        self._open: list[int] = fetch_open(raw, ladder, "quarter")
        self._open_days = set(fetch_open(raw, ladder, "day"))
        self._kept = fetch_kept_from(raw, ladder)
        self._late: list[Row] = []

    def find(self, step: Step, start: int, end: int) -> Iterator[Found]:
        """The bins that [start, end) touches and that hold values, in the order of time; or the rows in it."""
        start = max(start, self._kept[step])
        self._late = fetch_waiting(self._raw, self._ladder, start - DAY_US, end + DAY_US, self._key)
        finders = {"raw": self._rows, "minute": self._minutes, "hour": self._hours, "day": self._days}
        return finders[step](start, end)

    def _rows(self, start: int, end: int) -> Iterator[Found]:
        for row in fetch_rows(self._raw, self._ladder, start, end, self._key):
            yield row[0], row[0], "raw", bin_of([row])

    def _minutes(self, start: int, end: int) -> Iterator[Found]:
        tier = self._ladder.tier("minute")
        if tier is None:
            return
        kept_from = fetch_horizon(self._raw, tier.table)
        for hour in self._bins.hours(start, end):
            late = self._late_in(hour.start, hour.end)
            live = hour.start >= self._kept["raw"] and (hour.start < kept_from or self._is_open(hour.start, hour.end))
            by_minute = self._from_rows(hour) if live else {}
            for minute in range(max(minute_of(hour.start), minute_of(start)), min(hour.end, end), MINUTE_US):
                key = (minute, self._key)
                found = by_minute.get(key) if live else fetch_bin(self._raw, self._ladder, tier, key)
                whole = _joined(found, [row for row in late if minute_of(row[0]) == minute])
                if whole is not None:
                    yield minute, minute + MINUTE_US, "raw" if live else "minute", whole

    def _hours(self, start: int, end: int) -> Iterator[Found]:
        for hour in self._bins.hours(start, end):
            tier, found = self._hour(hour)
            if found is not None:
                yield hour.start, hour.end, tier, found

    def _days(self, start: int, end: int) -> Iterator[Found]:
        day, last = (date.fromisoformat(self._bins.day_of(us)) for us in (start, end - 1))
        while day <= last:
            first, following = (to_us(bound) for bound in day_bounds(day, self._bins.zone))
            tier, found = self._day(day.isoformat(), first, following)
            if found is not None:
                yield first, following, tier, found
            day += timedelta(days=1)

    def _hour(self, hour: Hour) -> tuple[Step, Bin | None]:
        late = self._late_in(hour.start, hour.end)
        if hour.start >= self._kept["raw"] and self._is_open(hour.start, hour.end):
            return "raw", _joined(merge_by_key(self._from_rows(hour)).get(self._key), late)
        tier = ladder_tier(self._ladder, "hour")
        return "hour", _joined(fetch_bin(self._raw, self._ladder, tier, (hour.start, self._key)), late)

    def _day(self, day: str, first: int, following: int) -> tuple[Step, Bin | None]:
        stored = fetch_bin(self._raw, self._ladder, ladder_tier(self._ladder, "day"), (day, self._key))
        around = (first - 3 * HOUR_US, following + 3 * HOUR_US)  # a clock set back over midnight cuts a day in two
        late = self._late_in(*around)
        if not late and day not in self._open_days and not self._is_open(*around):
            return "day", stored
        hours = self._bins.hours_of_day(day)
        if is_whole(self._raw, self._ladder, hours):
            parts = [one for one in (self._hour(hour)[1] for hour in hours) if one is not None]
            return "hour", merge_bins(parts) if parts else None
        return "day", _joined(stored, [row for row in late if self._bins.day_of(row[0]) == day])

    def _from_rows(self, hour: Hour) -> dict[tuple[int, int], Bin]:
        return roll_up_rows(fetch_rows(self._raw, self._ladder, hour.start, hour.end, self._key))

    def _is_open(self, start: int, end: int) -> bool:
        """Whether rows were written to [start, end) that a tier has not taken up."""
        at = bisect_right(self._open, start - QUARTER_US)
        return at < len(self._open) and self._open[at] < end

    def _late_in(self, start: int, end: int) -> list[Row]:
        return [row for row in self._late if start <= row[0] < end]


def _joined(stored: Bin | None, rows: Sequence[Row]) -> Bin | None:
    """A bin with rows that belong in it; None where there is nothing."""
    parts = [one for one in (stored, bin_of(list(rows)) if rows else None) if one is not None]
    return merge_bins(parts) if parts else None

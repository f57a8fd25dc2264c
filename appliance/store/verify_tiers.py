"""Whether the tiers say what the rows say, where the rows are still there; a check of `verify`."""

from typing import Any

from appliance.aggregate.bins import QUARTER_US, Hour, SiteBins
from appliance.aggregate.rolling import merge_by_key, roll_up_rows
from appliance.model.tier import Ladder
from appliance.store.engine import Store, raw_connection
from appliance.store.measured.open_bins import fetch_horizon, fetch_open
from appliance.store.measured.tiers import differences, fetch_bins, fetch_rows, is_whole, ladder_tier

LIMIT_S = 600.0  # a check reads everything


def find_wrong_bins(store: Store, ladder: Ladder, bins: SiteBins) -> tuple[int, int]:
    """(bins looked at, bins that are not what they were computed from); those to be computed again are left out."""
    with store.read(LIMIT_S) as connection:
        raw = raw_connection(connection)
        first, last = raw.execute(f"SELECT min({ladder.time}), max({ladder.time}) FROM {ladder.raw}").fetchone()
        seen = wrong = 0
        if first is not None:
            open_hours = {
                hour
                for quarter in fetch_open(raw, ladder, "quarter")
                for hour in bins.hours(quarter, quarter + QUARTER_US)
            }
            for hour in _hours(raw, ladder, bins, max(first, fetch_horizon(raw, ladder.raw)), last + 1):
                if hour not in open_hours:
                    looked, bad = _check_hour(raw, ladder, hour)
                    seen, wrong = seen + looked, wrong + bad
        for looked, bad in _check_days(raw, ladder, bins):
            seen, wrong = seen + looked, wrong + bad
    return seen, wrong


def _hours(raw: Any, ladder: Ladder, bins: SiteBins, start: int, end: int) -> Any:
    """The hours of [start, end) that have rows."""
    at = start
    while True:
        row = raw.execute(
            f"SELECT {ladder.time} FROM {ladder.raw} WHERE {ladder.time} >= ? AND {ladder.time} < ? "
            f"ORDER BY {ladder.time} LIMIT 1",
            (at, end),
        ).fetchone()
        if row is None:
            return
        hour = bins.hour_of(row[0])
        yield hour
        at = hour.end


def _check_hour(raw: Any, ladder: Ladder, hour: Hour) -> tuple[int, int]:
    minutes = roll_up_rows(fetch_rows(raw, ladder, hour.start, hour.end))
    hours = {(hour.start, key): one for key, one in merge_by_key(minutes).items()}
    wrong = len(differences(raw, ladder, ladder_tier(ladder, "hour"), hour.start, hour.end, hours))
    tier = ladder.tier("minute")
    if tier is not None and hour.start >= (kept_from := fetch_horizon(raw, tier.table)):
        wrong += len(differences(raw, ladder, tier, max(hour.start, kept_from), hour.end, minutes))
    return len(hours) + len(minutes), wrong


def _check_days(raw: Any, ladder: Ladder, bins: SiteBins) -> Any:
    """(bins, wrong ones) of each day of which the hours are all there."""
    waiting = set(fetch_open(raw, ladder, "day"))
    tier, hourly = ladder_tier(ladder, "day"), ladder_tier(ladder, "hour")
    for (day,) in raw.execute(f"SELECT DISTINCT day FROM {tier.table}").fetchall():
        hours = bins.hours_of_day(day)
        if day not in waiting and is_whole(raw, ladder, hours):
            found = fetch_bins(raw, ladder, hourly, hours[0].start, hours[-1].end)
            of_day = merge_by_key({key: one for key, one in found.items() if bins.day_of(key[0]) == day})
            yield (
                len(of_day),
                len(differences(raw, ladder, tier, day, f"{day}~", {(day, k): one for k, one in of_day.items()})),
            )

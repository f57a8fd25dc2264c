"""Hours and days cut anew when the site's time zone is changed; called by the chores before they roll up.

What rows and hours can tell again is computed from them anew. What they cannot stays as it was cut: of a day or an hour
that is partly gone the rest is added to what stands, and the horizon moves to where the next one begins. So each value
stays in one bin of each tier. Where hours are all there is and the new zone's midnight lies within one, that hour goes
with its beginning. One transaction, and exceptional.
"""

from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from appliance.aggregate.bins import QUARTER_US, SiteBins
from appliance.model.tier import Ladder
from appliance.store.engine import Store, raw_connection
from appliance.store.measured.open_bins import ALWAYS, fetch_horizon, mark_days, mark_written, raise_horizon
from appliance.store.measured.tiers import add_to_bins, fetch_bins, ladder_tier


def ensure_zone(store: Store, ladder: Ladder, bins: SiteBins) -> bool:
    """Cut hours and days anew where they were cut in another zone; whether they were."""
    with store.read() as connection:
        known = _zone(raw_connection(connection), ladder)
    if known == bins.zone.key:
        return False
    with store.write() as connection:
        if known is not None:
            _recut(connection, ladder, SiteBins(ZoneInfo(known)), bins)
        raw_connection(connection).execute("REPLACE INTO ladders VALUES (?, ?)", (ladder.name, bins.zone.key))
    return known is not None


def _zone(raw: Any, ladder: Ladder) -> str | None:
    row = raw.execute("SELECT timezone FROM ladders WHERE ladder = ?", (ladder.name,)).fetchone()
    return str(row[0]) if row else None


def _recut(connection: sa.Connection, ladder: Ladder, old: SiteBins, new: SiteBins) -> None:
    raw = raw_connection(connection)
    hour, day = ladder_tier(ladder, "hour"), ladder_tier(ladder, "day")
    rows_from, hours_from = fetch_horizon(raw, ladder.raw), fetch_horizon(raw, hour.table)
    raw.execute(f"DELETE FROM {hour.table} WHERE hour >= ?", (rows_from,))
    raw.execute(f"DELETE FROM {day.table} WHERE day >= ?", ("" if hours_from == ALWAYS else old.day_of(hours_from),))
    whole_days = _next_day(new, hours_from)
    whole_hours = max(_next_hour(new, rows_from), whole_days)
    _set_aside(raw, ladder, rows_from, whole_hours)
    rest = fetch_bins(raw, ladder, hour, hours_from, min(whole_days, rows_from))
    for (start, key), one in rest.items():
        add_to_bins(raw, ladder, day, {(new.day_of(start), key): one})
    raise_horizon(raw, ladder.raw, whole_hours)
    raise_horizon(raw, hour.table, whole_days)
    kept = raw.execute(f"SELECT DISTINCT hour FROM {hour.table} WHERE hour >= ?", (whole_days,))
    mark_days(raw, ladder, {new.day_of(row[0]) for row in kept})
    quarters = raw.execute(
        f"SELECT DISTINCT {ladder.time} / {QUARTER_US} FROM {ladder.raw} WHERE {ladder.time} >= ?", (whole_hours,)
    )
    mark_written(raw, ladder, [row[0] * QUARTER_US for row in quarters.fetchall()])


def _set_aside(raw: Any, ladder: Ladder, start: int, end: int) -> None:
    """Let the rows of an hour that is partly gone be merged one by one, as if they were late."""
    if start == ALWAYS:
        return
    names = ", ".join((ladder.time, ladder.key, *ladder.values, "received_at", "clock_quality"))
    between = f"WHERE {ladder.time} >= ? AND {ladder.time} < ?"
    raw.execute(
        f"INSERT OR IGNORE INTO {ladder.late} ({names}) SELECT {names} FROM {ladder.raw} {between}", (start, end)
    )
    raw.execute(f"DELETE FROM {ladder.raw} {between}", (start, end))
    if (minute := ladder.tier("minute")) is not None:  # they would be in there twice
        raw.execute(f"DELETE FROM {minute.table} WHERE minute >= ? AND minute < ?", (start, end))


def _next_hour(bins: SiteBins, us: int) -> int:
    """The beginning of the first whole hour from an instant on."""
    if us == ALWAYS:
        return us
    hour = bins.hour_of(us)
    return us if hour.start == us else hour.end


def _next_day(bins: SiteBins, us: int) -> int:
    """The beginning of the first whole day from an instant on."""
    if us == ALWAYS:
        return us
    hours = bins.hours_of_day(bins.day_of(us))
    return us if hours[0].start == us else hours[-1].end

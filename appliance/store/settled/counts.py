"""Daily counts per cell from exact counters per cell and site hour.

A cell of a point is asked of H3 at each counted resolution. Rolling one fine resolution up by parent would be
smaller but not the same: H3's children reach over their parent's edge, so some points would change cell. An event
without a place counts in no cell until it is given one (`events.place_events`). Events that are not counted yet
(`settle`) are added here, so what is read is exact at every moment. Of days whose events are deleted the hours are
folded into one in time, so that years lie on a card.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.clock import day_bounds, to_us
from appliance.store.engine import raw_connection
from appliance.store.settled.changed_days import forget_days
from appliance.store.settled.settle import fetch_counted, fetch_resolutions, last_key, mark_counted, tally_rows
from appliance.store.settled.tally import ADD_COUNT, Tally
from appliance.store.step import STEP_ROWS, Step

_ANY_EVENT = "SELECT 1 FROM events WHERE event_timestamp >= ? AND event_timestamp < ? LIMIT 1"
_END_OF_TIME = 253_370_764_800_000_000  # the year 9999, as microseconds
REBUILD_ROWS = 20_000  # events read at a time while the counters are cut anew

DailyRow = tuple[str, int, int]
"""Day, h3_index, events."""
HourlyRow = tuple[str, int, int | None, int]
"""Day, h3_index, the instant at which the site's hour began (None: of the day only the sum is left), events."""


def ensure_counts(connection: sa.Connection, hours: SiteHours, resolutions: Sequence[int]) -> bool:
    """Cut the counters anew from the events when the site's zone or resolutions have changed; whether it did.

    Of hours whose events are deleted the counters are all there is: they stay, at the resolutions that they have.
    """
    wanted = ",".join(str(r) for r in sorted(resolutions))
    row = connection.exec_driver_sql("SELECT timezone, resolutions FROM site").one()
    if tuple(row) == (hours.zone.key, wanted):
        return False
    _clear_counts(connection, hours, resolutions)
    tally, last = Tally(hours, resolutions), 0
    while rows := connection.exec_driver_sql(
        "SELECT event_pk, event_timestamp, event_type, geom FROM events WHERE event_pk > ? ORDER BY event_pk LIMIT ?",
        (last, REBUILD_ROWS),
    ).all():
        purged = _purged_hours(connection)
        tally_rows(tally, (tuple(row[1:]) for row in rows if hours.place(row[1])[1] not in purged))
        tally.write(connection)
        last = rows[-1][0]
    raw = raw_connection(connection)
    raw.execute("DELETE FROM counted")
    mark_counted(raw, resolutions, last_key(raw))
    connection.exec_driver_sql("UPDATE site SET timezone = ?, resolutions = ?", (hours.zone.key, wanted))
    return True


def fetch_daily_counts(
    connection: sa.Connection,
    *,
    resolution: int,
    from_day: date,
    to_day: date,
    hours: SiteHours,
    types: Sequence[str] = (),
) -> list[DailyRow]:
    """(day, h3_index, events) of every cell and day that has any, both days inclusive; `types` empty means all.

    A resolution that is not counted is counted from the events themselves.
    """
    kept: list[DailyRow] = []
    after = 0
    if resolution in fetch_resolutions(connection):
        kept = _from_counters(connection, resolution, from_day, to_day, types)
        after = fetch_counted(raw_connection(connection))[resolution]
    fresh = _from_events(connection, resolution, from_day, to_day, hours, types, after)
    if not fresh:
        return kept
    for day, cell, count in kept:
        fresh[day, cell] += count
    return [(day, cell, count) for (day, cell), count in fresh.items() if count]


def fetch_cell_counts(
    connection: sa.Connection,
    *,
    resolution: int,
    from_day: date,
    to_day: date,
    hours: SiteHours,
    types: Sequence[str] = (),
) -> Counter[int]:
    """Events of each cell that has any in a range of days, both inclusive, all days together; otherwise as
    `fetch_daily_counts`, of which these are the sums: what comes back does not grow with the days.
    """
    counts: Counter[int] = Counter()
    after = 0
    if resolution in fetch_resolutions(connection):
        marks = f"AND event_type IN ({', '.join('?' * len(types))})" if types else ""
        rows = raw_connection(connection).execute(
            f"""SELECT h3_index, sum(event_count) FROM event_counts
            WHERE resolution = ? AND day BETWEEN ? AND ? {marks} GROUP BY h3_index""",
            (resolution, from_day.isoformat(), to_day.isoformat(), *types),
        )
        counts.update(dict(rows))
        after = fetch_counted(raw_connection(connection))[resolution]
    for (_, cell), count in _from_events(connection, resolution, from_day, to_day, hours, types, after).items():
        counts[cell] += count
    return +counts


def fetch_hourly_counts(
    connection: sa.Connection,
    *,
    resolution: int,
    hours: SiteHours,
    types: Sequence[str] = (),
    from_day: date = date.min,
    before_day: date = date.max,
) -> Iterator[HourlyRow]:
    """Every cell and hour that has any events; `types` empty means all. Rows may repeat a cell and hour.

    A resolution that is not counted is counted from the events themselves.
    """
    first, end = from_day.isoformat(), before_day.isoformat()
    raw, after = raw_connection(connection), 0
    if resolution in fetch_resolutions(connection):
        after = fetch_counted(raw)[resolution]
        folded = _folded_hours(raw, SiteBins(hours.zone))
        marks = f"AND event_type IN ({', '.join('?' * len(types))})" if types else ""
        for day, cell, hour, count in raw.execute(
            "SELECT day, h3_index, hour, sum(event_count) FROM event_counts "
            f"WHERE resolution = ? AND day >= ? AND day < ? {marks} GROUP BY day, h3_index, hour",
            (resolution, first, end, *types),
        ):
            if count > 0:
                yield day, cell, None if hour in folded else hour, count
    tally = Tally(hours, (resolution,))
    rows = raw.execute("SELECT event_timestamp, event_type, geom FROM events WHERE event_pk > ?", (after,))
    tally_rows(tally, (row for row in rows if not types or row[1] in types))
    for (_, day, cell, hour, _), count in tally.counts.items():
        if count > 0 and first <= day < end:
            yield day, cell, hour, count


def _folded_hours(raw: Any, bins: SiteBins) -> set[int]:
    """The middle hours of days into which all others of the day were folded."""
    found = set()
    for day, hours in _purged_days(raw, bins, _END_OF_TIME):
        span = bins.hours_of_day(day)
        middle = span[len(span) // 2].start
        if hours == {middle}:
            found.add(middle)
    return found


def fold_counts(connection: sa.Connection, bins: SiteBins, *, before: int, limit: int = STEP_ROWS) -> Step:
    """Counters of the hours of a day before an instant, of which no event is left, become those of one hour.

    That is the one in the middle of the day, which in another zone is most likely the same day's.
    """
    raw = raw_connection(connection)
    for day, hours in _purged_days(raw, bins, before):
        span = bins.hours_of_day(day)
        middle = span[len(span) // 2].start
        if hours == {middle} or raw.execute(_ANY_EVENT, (span[0].start, span[-1].end)).fetchone():
            continue
        folded = _fold(raw, day, middle, fetch_resolutions(connection), limit)
        if folded:
            return Step(deleted=folded, more=True)
        raw.executemany("DELETE FROM purged_hours WHERE hour = ?", [(hour,) for hour in hours])
        raw.execute("INSERT OR IGNORE INTO purged_hours VALUES (?)", (middle,))
    return Step()


def _purged_days(raw: Any, bins: SiteBins, before: int) -> list[tuple[str, set[int]]]:
    """Days that ended before an instant, the newest first, and those of their hours of which events are deleted."""
    end = bins.hours_of_day(bins.day_of(before))[0].start
    days: dict[str, set[int]] = {}
    for (hour,) in raw.execute("SELECT hour FROM purged_hours WHERE hour < ? ORDER BY hour", (end,)):
        days.setdefault(bins.day_of(hour), set()).add(hour)
    return [*reversed(days.items())]


def _fold(raw: Any, day: str, middle: int, resolutions: Sequence[int], limit: int) -> int:
    """Add some of a day's counters to those of its middle; how many went."""
    rows: list[tuple[Any, ...]] = []
    for resolution in resolutions:
        rows += raw.execute(
            "SELECT resolution, day, h3_index, hour, event_type, event_count FROM event_counts "
            "WHERE resolution = ? AND day = ? AND hour <> ? LIMIT ?",
            (resolution, day, middle, limit - len(rows)),
        )
    raw.executemany(ADD_COUNT, [(*row[:3], middle, *row[4:]) for row in rows])
    raw.executemany(
        "DELETE FROM event_counts WHERE resolution = ? AND day = ? AND h3_index = ? AND hour = ? AND event_type = ?",
        [row[:5] for row in rows],
    )
    return len(rows)


def _from_counters(
    connection: sa.Connection, resolution: int, from_day: date, to_day: date, types: Sequence[str]
) -> list[DailyRow]:
    marks = f"AND event_type IN ({', '.join('?' * len(types))})" if types else ""
    rows = raw_connection(connection).execute(
        f"""SELECT day, h3_index, sum(event_count) FROM event_counts
        WHERE resolution = ? AND day BETWEEN ? AND ? {marks} GROUP BY day, h3_index""",
        (resolution, from_day.isoformat(), to_day.isoformat(), *types),
    )
    return [row for row in rows if row[2]]


def _from_events(
    connection: sa.Connection,
    resolution: int,
    from_day: date,
    to_day: date,
    hours: SiteHours,
    types: Sequence[str],
    after: int,
) -> Counter[tuple[str, int]]:
    """Counts of the events above a key: by it where they are the few of the tail, else by their time."""
    start, _ = day_bounds(from_day, hours.zone)
    _, end = day_bounds(to_day, hours.zone)
    time_column = "+event_timestamp" if after else "event_timestamp"
    rows: Iterable[Any] = raw_connection(connection).execute(
        "SELECT event_timestamp, event_type, geom FROM events "
        f"WHERE event_pk > ? AND {time_column} >= ? AND {time_column} < ?",
        (after, to_us(start), to_us(end)),
    )
    tally = Tally(hours, (resolution,))
    tally_rows(tally, (row for row in rows if not types or row[1] in types))
    counts: Counter[tuple[str, int]] = Counter()
    for (_, day, cell, _, _), count in tally.counts.items():
        counts[day, cell] += count
    return counts


def _clear_counts(connection: sa.Connection, hours: SiteHours, resolutions: Sequence[int]) -> None:
    """Take away what the events can tell again; what only the counters know gets the day of the new zone."""
    marks = ", ".join(str(int(r)) for r in resolutions)
    raw = raw_connection(connection)
    forget_days(raw)
    raw.execute(
        f"DELETE FROM event_counts WHERE resolution NOT IN ({marks}) OR hour NOT IN (SELECT hour FROM purged_hours)"
    )
    for (hour,) in raw.execute("SELECT hour FROM purged_hours").fetchall():
        day = hours.place(hour)[0]
        raw.execute("UPDATE event_counts SET day = ? WHERE hour = ? AND day <> ?", (day, hour, day))


def _purged_hours(connection: sa.Connection) -> set[int]:
    return {row[0] for row in raw_connection(connection).execute("SELECT hour FROM purged_hours")}

"""Sums over the counters that say how much history there is and of which types: for the forecast."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from appliance.aggregate.hours import SiteHours
from appliance.store.engine import raw_connection
from appliance.store.settled.settle import fetch_counted, fetch_resolutions, tally_rows
from appliance.store.settled.tally import Tally

SEVERITY_EVENTS = 100_000
"""The newest events, by which a type's mean severity is told."""


def fetch_first_day(
    connection: sa.Connection, *, resolution: int, from_day: date, before_day: date, max_rows: int
) -> date | None:
    """The day from which on counters have at most so many rows; None where there are none at all.

    A resolution that is not counted is answered by the coarsest that is; so many rows may then be some times as many.
    """
    counted = fetch_resolutions(connection)
    rows = raw_connection(connection).execute(
        "SELECT day, count(*) FROM event_counts WHERE resolution = ? AND day >= ? AND day < ? GROUP BY day "
        "ORDER BY day DESC",
        (
            resolution if resolution in counted else min(counted, default=0),
            *map(date.isoformat, (from_day, before_day)),
        ),
    )
    first, total = None, 0
    for day, count in rows:
        total += count
        if total > max_rows and first is not None:
            break
        first = date.fromisoformat(day)
    return first


def fetch_type_counts(
    connection: sa.Connection,
    *,
    resolution: int,
    hours: SiteHours,
    types: Sequence[str],
    from_day: date,
    before_day: date,
) -> Counter[tuple[int, str]]:
    """Events by (h3_index, event_type); `types` empty means all. As `fetch_hourly_counts` where nothing is counted."""
    raw, after = raw_connection(connection), 0
    first, end = from_day.isoformat(), before_day.isoformat()
    found: Counter[tuple[int, str]] = Counter()
    if resolution in fetch_resolutions(connection):
        after = fetch_counted(raw)[resolution]
        rows = raw.execute(
            "SELECT h3_index, event_type, sum(event_count) FROM event_counts "
            "WHERE resolution = ? AND day >= ? AND day < ? GROUP BY h3_index, event_type",
            (resolution, first, end),
        )
        found.update({(cell, name): count for cell, name, count in rows if count > 0 and (not types or name in types)})
    tally = Tally(hours, (resolution,))
    fresh: Any = raw.execute("SELECT event_timestamp, event_type, geom FROM events WHERE event_pk > ?", (after,))
    tally_rows(tally, (row for row in fresh if not types or row[1] in types))
    for (_, day, cell, _, name), count in tally.counts.items():
        if first <= day < end:
            found[cell, name] += count
    return found


def fetch_mean_severity(connection: sa.Connection) -> dict[str, float]:
    """The mean severity of the newest events of each type, 0..1; an event that tells none counts as 0."""
    rows = raw_connection(connection).execute(
        "SELECT event_type, avg(coalesce(severity, 0.0)) FROM "
        "(SELECT event_type, severity FROM events ORDER BY event_pk DESC LIMIT ?) GROUP BY event_type",
        (SEVERITY_EVENTS,),
    )
    return dict(rows.fetchall())

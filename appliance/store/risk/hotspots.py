"""What hotspots are worked out from: counts of cells in sub-periods, days on which anything was heard, points.

Called by `serve.hotspot.report`.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from appliance.aggregate.hours import SiteHours
from appliance.clock import day_bounds, from_us, to_us
from appliance.spatial.geometry import read_points
from appliance.store.coverage.rows import fetch_covered, fetch_heard
from appliance.store.engine import raw_connection
from appliance.store.risk.runs import fetch_watermark
from appliance.store.settled.counts import fetch_cell_counts
from appliance.store.settled.settle import fetch_counted, fetch_resolutions

Stamp = tuple[str | int | None, ...]
"""Equal while nothing that hotspots are worked out from has changed."""


class Points(msgspec.Struct, frozen=True, kw_only=True):
    """Where events lie, the newest first.

    lng, lat  (n,) float64  degrees
    since     the time of the oldest, None where there are none
    more      whether there are older ones in the period, which are left out
    """

    lng: NDArray[np.float64]
    lat: NDArray[np.float64]
    since: datetime | None
    more: bool


def fetch_stamp(connection: sa.Connection) -> Stamp:
    """What the store's events and scores are now, in a few lookups."""
    row = (
        raw_connection(connection)
        .execute(
            """SELECT store_id, rev, timezone, resolutions,
            (SELECT min(event_pk) FROM events), (SELECT max(event_pk) FROM events) FROM site"""
        )
        .fetchone()
    )
    return (*row, fetch_watermark(connection))


def fetch_known_resolutions(connection: sa.Connection) -> set[int]:
    """The resolutions at which the site is looked at: those counted, and those that a run was asked for."""
    rows = raw_connection(connection).execute(
        """WITH RECURSIVE held(resolution) AS (
            SELECT min(resolution) FROM h3_cells
            UNION ALL
            SELECT (SELECT min(resolution) FROM h3_cells WHERE resolution > held.resolution) FROM held
            WHERE resolution IS NOT NULL
        ) SELECT resolution FROM held WHERE resolution IS NOT NULL"""
    )
    return {row[0] for row in rows} | set(fetch_resolutions(connection))


def fetch_sub_period_counts(
    connection: sa.Connection,
    spans: Sequence[tuple[date, date]],
    *,
    resolution: int,
    hours: SiteHours,
    types: Sequence[str],
) -> list[Counter[int]]:
    """Events of each cell in each span of days, both days inclusive; `types` empty means all."""
    return [
        fetch_cell_counts(connection, resolution=resolution, from_day=first, to_day=last, hours=hours, types=types)
        for first, last in spans
    ]


def fetch_heard_days(connection: sa.Connection, first: date, last: date, hours: SiteHours) -> set[date]:
    """The days on which anything came in anywhere at the site, what is not counted yet included."""
    raw = raw_connection(connection)
    heard = {date.fromisoformat(day) for day in fetch_heard(connection, first, last)}
    counted = fetch_counted(raw)
    after = counted[min(counted)] if counted else 0  # at the resolution by which `fetch_heard` tells
    tail = raw.execute("SELECT event_timestamp FROM events WHERE event_pk > ?", (after,))
    heard |= {date.fromisoformat(hours.place(us)[0]) for (us,) in tail}
    return {day for day in heard if first <= day <= last}


def fetch_watched_days(
    connection: sa.Connection, resolution: int, first: date, last: date
) -> dict[int, dict[date, bool]]:
    """Of the cells that devices look at: whether each was watched, by day, in a range of days, both inclusive."""
    found: dict[int, dict[date, bool]] = defaultdict(dict)
    days: dict[str, date] = {}
    for (text, cell), coverage in fetch_covered(connection, resolution, first, last).cells.items():
        day = days.get(text) or days.setdefault(text, date.fromisoformat(text))
        found[cell][day] = coverage == "observed"
    return found


def fetch_points(
    connection: sa.Connection, *, first: date, last: date, hours: SiteHours, types: Sequence[str], limit: int
) -> Points:
    """The places of the newest `limit` events that have one, in a range of days, both inclusive."""
    start, end = to_us(day_bounds(first, hours.zone)[0]), to_us(day_bounds(last, hours.zone)[1])
    marks = f"AND event_type IN ({', '.join('?' * len(types))})" if types else ""
    rows = (
        raw_connection(connection)
        .execute(
            f"""SELECT event_timestamp, geom FROM events WHERE event_timestamp >= ? AND event_timestamp < ?
            AND geom IS NOT NULL {marks} ORDER BY event_timestamp DESC, event_pk DESC LIMIT ?""",
            (start, end, *types, limit + 1),
        )
        .fetchall()
    )
    kept = rows[:limit]
    lng, lat = read_points([row[1] for row in kept])
    return Points(lng=lng, lat=lat, since=from_us(kept[-1][0]) if kept else None, more=len(rows) > limit)

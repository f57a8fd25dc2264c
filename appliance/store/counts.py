"""Exact counts per cell and hour, kept in the transaction of the events they count, and daily counts from them.

A cell of a point is asked of H3 at each counted resolution. Rolling one fine resolution up by parent would be
smaller but not the same: H3's children reach over their parent's edge, so some points would change cell. An event
without a place counts in no cell until it is given one (`events.place_events`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from appliance.aggregate.hours import SiteHours
from appliance.clock import day_bounds, to_us
from appliance.spatial.cells import cell_of
from appliance.spatial.geometry import read_point
from appliance.store.engine import raw_connection

CountKey = tuple[int, str, int, int, str]  # resolution, day, h3_index, hour, event_type
REBUILD_ROWS = 20_000  # events read at a time while the counters are cut anew

_ADD = """
INSERT INTO event_counts (resolution, day, h3_index, hour, event_type, event_count) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET event_count = event_count + excluded.event_count
"""


class Tally:
    """Counts waiting for the end of a transaction."""

    def __init__(self, hours: SiteHours, resolutions: Sequence[int]) -> None:
        self._hours = hours
        self._resolutions = resolutions
        self.counts: Counter[CountKey] = Counter()

    def add(self, *, us: int, lng: float, lat: float, event_type: str, by: int = 1) -> None:
        """Count an event, or with `by=-1` take one back."""
        day, hour = self._hours.place(us)
        for resolution in self._resolutions:
            cell = cell_of(lat=lat, lng=lng, resolution=resolution)
            self.counts[(resolution, day, cell, hour, event_type)] += by

    def write(self, connection: sa.Connection) -> None:
        """Add what was tallied to the table; in key order, so that neighbours share a page."""
        rows = [(*key, count) for key, count in sorted(self.counts.items()) if count]
        raw_connection(connection).executemany(_ADD, rows)
        self.counts.clear()


def ensure_counts(connection: sa.Connection, hours: SiteHours, resolutions: Sequence[int]) -> bool:
    """Cut the counters anew from the events when the site's zone or resolutions have changed; whether it did."""
    wanted = ",".join(str(r) for r in sorted(resolutions))
    row = connection.exec_driver_sql("SELECT timezone, resolutions FROM site").one()
    if tuple(row) == (hours.zone.key, wanted):
        return False
    connection.exec_driver_sql("DELETE FROM event_counts")
    tally, last = Tally(hours, sorted(resolutions)), 0
    while rows := connection.exec_driver_sql(
        "SELECT event_pk, event_timestamp, event_type, geom FROM events "
        "WHERE event_pk > ? AND geom IS NOT NULL ORDER BY event_pk LIMIT ?",
        (last, REBUILD_ROWS),
    ).all():
        for _, us, event_type, geom in rows:
            lng, lat = read_point(geom)
            tally.add(us=us, lng=lng, lat=lat, event_type=event_type)
        tally.write(connection)
        last = rows[-1][0]
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
) -> list[tuple[str, int, int]]:
    """(day, h3_index, events) of every cell and day that has any, both days inclusive; `types` empty means all.

    A resolution that is not counted is counted from the events themselves.
    """
    counted = str(connection.exec_driver_sql("SELECT resolutions FROM site").scalar_one()).split(",")
    if str(resolution) not in counted:
        return _from_events(connection, resolution, from_day, to_day, hours, types)
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
) -> list[tuple[str, int, int]]:
    start, _ = day_bounds(from_day, hours.zone)
    _, end = day_bounds(to_day, hours.zone)
    rows: Iterable[Any] = raw_connection(connection).execute(
        "SELECT event_timestamp, event_type, geom FROM events "
        "WHERE event_timestamp >= ? AND event_timestamp < ? AND geom IS NOT NULL",
        (to_us(start), to_us(end)),
    )
    counts: Counter[tuple[str, int]] = Counter()
    for us, event_type, geom in rows:
        if not types or event_type in types:
            lng, lat = read_point(geom)
            counts[(hours.place(us)[0], cell_of(lat=lat, lng=lng, resolution=resolution))] += 1
    return [(day, cell, count) for (day, cell), count in counts.items()]

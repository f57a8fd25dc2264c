"""Counts of events per cell and site hour: gathered in memory, added to `event_counts` as a transaction ends."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

import sqlalchemy as sa

from appliance.aggregate.hours import SiteHours
from appliance.spatial.cells import cell_of
from appliance.spatial.geometry import read_point
from appliance.store.changed_days import note_changed
from appliance.store.engine import raw_connection

CountKey = tuple[int, str, int, int, str]  # resolution, day, h3_index, hour, event_type

ADD_COUNT = """
INSERT INTO event_counts (resolution, day, h3_index, hour, event_type, event_count) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET event_count = event_count + excluded.event_count
"""


class Tally:
    """Counts waiting for the end of a transaction. One a thread."""

    def __init__(self, hours: SiteHours, resolutions: Sequence[int]) -> None:
        self.hours = hours
        self.resolutions = tuple(sorted(resolutions))
        self.counts: Counter[CountKey] = Counter()

    def add(self, *, us: int, lng: float, lat: float, event_type: str, by: int = 1) -> None:
        """Count an event, or with `by=-1` take one back."""
        day, hour = self.hours.place(us)
        for resolution, cell in zip(self.resolutions, _cells(lng, lat, self.resolutions), strict=True):
            self.counts[resolution, day, cell, hour, event_type] += by

    def add_points(self, events: Iterable[tuple[int, str, bytes]]) -> None:
        """Count many (event_timestamp, event_type, geometry of its point).

        raises  Corrupt  a geometry cannot be read
        """
        place, resolutions = self.hours.place, self.resolutions
        found: Counter[tuple[tuple[int, ...], tuple[str, int], str]] = Counter()
        found.update((_cells_at(point, resolutions), place(us), event_type) for us, event_type, point in events)
        for (cells, (day, hour), event_type), count in found.items():
            for resolution, cell in zip(resolutions, cells, strict=True):
                self.counts[resolution, day, cell, hour, event_type] += count

    def write(self, connection: sa.Connection) -> None:
        """Add what was tallied to the table; in key order, so that neighbours share a page."""
        rows = [(*key, count) for key, count in sorted(self.counts.items()) if count]
        raw = raw_connection(connection)
        raw.executemany(ADD_COUNT, rows)
        note_changed(raw, {(row[0], row[1]) for row in rows})
        self.counts.clear()


@lru_cache(maxsize=8_192)
def _cells_at(point: bytes, resolutions: tuple[int, ...]) -> tuple[int, ...]:
    lng, lat = read_point(point)
    return tuple([cell_of(lat=lat, lng=lng, resolution=resolution) for resolution in resolutions])


@lru_cache(maxsize=8_192)  # cameras stand still, and addresses come again
def _cells(lng: float, lat: float, resolutions: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(cell_of(lat=lat, lng=lng, resolution=resolution) for resolution in resolutions)

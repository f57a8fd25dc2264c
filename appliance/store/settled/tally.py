"""Counts of events per cell and site hour: gathered in memory, added to `event_counts` as a transaction ends."""

import itertools
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from appliance.aggregate.hours import SiteHours
from appliance.spatial.cells import cell_of, cells_of
from appliance.spatial.geometry import read_points
from appliance.store.engine import raw_connection
from appliance.store.settled.day_changes import CountRow, note_counted

CountKey = tuple[int, str, int, int, str]  # resolution, day, h3_index, hour, event_type
Point = tuple[int, str, bytes]
"""event_timestamp, event_type, geometry of its point."""

POINTS = 32_768  # counted together: some 10 MB of arrays and keys

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

    def add(
        self,
        *,
        us: int,
        lng: float,
        lat: float,
        event_type: str,
        by: int = 1,
        resolutions: Sequence[int] | None = None,
    ) -> None:
        """Count an event, or with `by=-1` take one back; at all resolutions, or at some."""
        day, hour = self.hours.place(us)
        wanted = self.resolutions if resolutions is None else tuple(resolutions)
        for resolution, cell in zip(wanted, _cells(lng, lat, wanted), strict=True):
            self.counts[resolution, day, cell, hour, event_type] += by

    def add_points(self, events: Iterable[Point], resolutions: Sequence[int] | None = None) -> None:
        """Count many; at all resolutions, or at some.

        raises  Corrupt  a geometry cannot be read
        """
        coming = iter(events)
        while some := list(itertools.islice(coming, POINTS)):
            self._add_some(some, self.resolutions if resolutions is None else resolutions)

    def _add_some(self, events: Sequence[Point], resolutions: Sequence[int]) -> None:
        """As arrays: an event is (its hour and type, its place), each of these a small number."""
        times, types, points = zip(*events, strict=True)
        kinds = list(zip(map(self.hours.place, times), types, strict=True))
        kind_names = sorted(set(kinds))
        kind = _numbers(kinds, kind_names)
        place_names = list(dict.fromkeys(points))
        place = _numbers(points, place_names)
        lngs, lats = read_points(place_names)
        day_of = {day: n for n, day in enumerate(dict.fromkeys(day for (day, _), _ in kind_names))}
        days = np.array([day_of[day] for (day, _), _ in kind_names])
        for resolution in resolutions:
            cells, cell_at = np.unique(cells_of(lngs=lngs, lats=lats, resolution=resolution), return_inverse=True)
            # Numbers in the order of the table's key: day, cell, hour and type.
            keys = (days[kind] * len(cells) + cell_at[place]) * len(kind_names) + kind
            keys, counts = np.unique(keys, return_counts=True)
            of_cell = cells[keys // len(kind_names) % len(cells)].tolist()
            of_kind = [kind_names[n] for n in (keys % len(kind_names)).tolist()]
            self.counts.update(
                {
                    (resolution, day, cell, hour, event_type): count
                    for cell, ((day, hour), event_type), count in zip(of_cell, of_kind, counts.tolist(), strict=True)
                }
            )

    def take(self) -> dict[int, list[CountRow]]:
        """What was tallied, by resolution, which is no longer held; in key order, so that neighbours share a page."""
        rows = [(*key, count) for key, count in sorted(self.counts.items()) if count]
        self.counts.clear()
        return {resolution: list(group) for resolution, group in itertools.groupby(rows, key=itemgetter(0))}

    def write(self, connection: sa.Connection) -> None:
        """Add what was tallied to the table."""
        raw = raw_connection(connection)
        for rows in self.take().values():
            add_counts(raw, rows)


def add_counts(raw: Any, rows: Sequence[CountRow]) -> None:
    """Add to the table; rows in key order."""
    raw.executemany(ADD_COUNT, rows)
    note_counted(raw, rows)


def _numbers(values: Sequence[Hashable], names: Iterable[Hashable]) -> NDArray[np.int64]:
    """Of each value its position among the names, (n,)."""
    position = {name: n for n, name in enumerate(names)}
    return np.fromiter(map(position.__getitem__, values), np.int64, len(values))


@lru_cache(maxsize=8_192)  # cameras stand still, and addresses come again
def _cells(lng: float, lat: float, resolutions: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(cell_of(lat=lat, lng=lng, resolution=resolution) for resolution in resolutions)

"""What was written, read back by its identity: for an import that shows that the store holds what the file held."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.model.event import Event
from appliance.model.intake import Fix, Reading
from appliance.store.engine import raw_connection
from appliance.store.event.identity import Identities

Item = tuple[int, float | None]
"""Instant in microseconds, value."""


class Statistics(msgspec.Struct, kw_only=True):
    """Of items: how many, how many of these with a value, its sum, extremes and the range of their time."""

    items: int = 0
    values: int = 0
    value_sum: float = 0.0
    value_min: float | None = None
    value_max: float | None = None
    first: datetime | None = None
    last: datetime | None = None

    def add(self, items: Sequence[Item]) -> None:
        """Take in a batch; the same items in the same order give the same sum to the last bit."""
        if not items:
            return
        values = [value for _, value in items if value is not None]
        times = [from_us(min(us for us, _ in items)), from_us(max(us for us, _ in items))]
        self.items += len(items)
        self.values += len(values)
        self.value_sum = math.fsum([self.value_sum, *values])
        if values:
            self.value_min = min(values) if self.value_min is None else min(self.value_min, *values)
            self.value_max = max(values) if self.value_max is None else max(self.value_max, *values)
        self.first = times[0] if self.first is None else min(self.first, times[0])
        self.last = times[1] if self.last is None else max(self.last, times[1])


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What a file held, and the same as the store has it. An event that is corrected since counts on neither side."""

    read: Statistics = msgspec.field(default_factory=Statistics)
    stored: Statistics = msgspec.field(default_factory=Statistics)


class ReadBack:
    """Looks up what was stored, and compares. One for an import."""

    def __init__(self) -> None:
        self._known = Identities()
        self.comparison = Comparison()

    def compare(
        self,
        connection: sa.Connection,
        events: Sequence[Event],
        readings: Sequence[Reading] = (),
        fixes: Sequence[Fix] = (),
    ) -> None:
        """Take in what was read of a batch, and what the store has of it."""
        found = self._events(connection, events)
        standing = [(event, row) for event, row in zip(events, found, strict=True) if not row or row[2] <= event.rev]
        self.comparison.read.add([(to_us(event.event_timestamp), event.value) for event, _ in standing])
        self.comparison.stored.add([row[:2] for _, row in standing if row])
        self.comparison.read.add([(to_us(one.observed_at), one.value) for one in readings])
        self.comparison.stored.add(_readings(connection, readings))
        self.comparison.read.add([(to_us(one.observed_at), None) for one in fixes])
        self.comparison.stored.add(_positions(connection, fixes))

    def _events(self, connection: sa.Connection, events: Sequence[Event]) -> list[Any]:
        """(instant, value, revision) of the stored events of these identities; None for one that is not there."""
        raw = raw_connection(connection)
        self._known.catch_up(raw)
        self._known.look_up(raw, events)
        keys = [self._known.find(event.source, event.event_id) for event in events]
        query = "SELECT event_timestamp, value, rev FROM events WHERE event_pk = ?"
        return [raw.execute(query, (key,)).fetchone() for key in keys]


def _readings(connection: sa.Connection, readings: Iterable[Reading]) -> list[Item]:
    """The stored readings that are the same, in their order; also those that wait to be rolled up."""
    query = " UNION ALL ".join(
        f"SELECT v.observed_at, v.value FROM {table} AS v JOIN reading_series AS s USING (series_pk) "
        "WHERE s.device = ?1 AND s.metric = ?2 AND s.unit = ?3 AND v.observed_at = ?4 AND v.value = ?5"
        for table in ("reading_values", "late_readings")
    )
    rows = [(one.device, one.metric, one.unit, to_us(one.observed_at), one.value) for one in readings]
    return _fetch(raw_connection(connection), f"{query} LIMIT 1", rows)


def _positions(connection: sa.Connection, fixes: Iterable[Fix]) -> list[Item]:
    """The stored positions that are the same, in their order."""
    key = "observed_at = ? AND device = ? AND longitude = ? AND latitude = ?"
    rows = [(to_us(one.observed_at), one.device, one.longitude, one.latitude) for one in fixes]
    return _fetch(raw_connection(connection), f"SELECT observed_at, NULL FROM positions WHERE {key}", rows)


def _fetch(raw: Any, query: str, rows: Iterable[tuple[Any, ...]]) -> list[Item]:
    found = [raw.execute(query, row).fetchone() for row in rows]
    return [row for row in found if row is not None]

"""The row of a CSV as nearly every file has it, read at once: fields to an event without a dict in between.

Takes only what `native.read_event` would take without a second look, and gives the very same event; whatever is in the
least unusual (a missing place, a value out of bounds, a text too long) is left to the careful reading. A third of the
cost. Called by `ingest.table`.
"""

from collections.abc import Mapping, Sequence
from math import isfinite

from appliance.errors import Rejected
from appliance.ingest.options import ReadOptions
from appliance.ingest.times import TimeReader
from appliance.model.event import Event, clock_quality, content_id
from appliance.model.native import EARLIEST, LATEST, MAX_TEXT

MAX_CHARACTERS = 8_192  # of a row: written as JSON its attributes stay below their bound
_COLUMNS = frozenset("event_id event_type event_timestamp longitude latitude severity value".split())


def quick_row(
    places: Mapping[str, Sequence[int]], others: Sequence[tuple[int, str]], times: TimeReader, options: ReadOptions
) -> "QuickRow | None":
    """A quick reader for these columns; None where the file needs more than one can: constants, JSON, revisions,
    a place in one column."""
    needed = ("event_type", "event_timestamp", "longitude", "latitude")
    if (
        options.map.constants
        or options.map.pair
        or not places.keys() <= _COLUMNS
        or any(name not in places for name in needed)
    ):
        return None
    return QuickRow(places, others, times, options)


class QuickRow:
    """Reads the usual row by columns that are bound once."""

    def __init__(
        self,
        places: Mapping[str, Sequence[int]],
        others: Sequence[tuple[int, str]],
        times: TimeReader,
        options: ReadOptions,
    ) -> None:
        self._type, self._lng, self._lat = (places[name][0] for name in ("event_type", "longitude", "latitude"))
        self._id, self._severity, self._value = (
            places[name][0] if name in places else None for name in ("event_id", "severity", "value")
        )
        self._when, self._times, self._others = tuple(places["event_timestamp"]), times, tuple(others)
        self._source, self._received, self._trusted = options.source, options.received_at, options.clock_trusted

    def read(self, fields: Sequence[str], characters: int) -> Event | None:
        """The event of a row, all of it printable; None where the careful reading must look at it.

        characters  in all fields together
        """
        try:
            lng, lat = _number(fields[self._lng]), _number(fields[self._lat])
            severity, value = self._optional(fields, self._severity), self._optional(fields, self._value)
            when = self._times.read(tuple([fields[index] for index in self._when]))
        except (ValueError, Rejected):
            return None
        event_type = fields[self._type].strip()
        event_id = fields[self._id].strip() if self._id is not None else ""
        if not (
            -180.0 <= lng <= 180.0
            and -90.0 <= lat <= 90.0
            and (severity is None or 0.0 <= severity <= 1.0)
            and (value is None or isfinite(value))
            and EARLIEST < when < LATEST
            and 0 < len(event_type) <= MAX_TEXT
            and len(event_id) <= MAX_TEXT
            and characters <= MAX_CHARACTERS
        ):
            return None
        attributes = {name: text for index, name in self._others if (text := fields[index].strip())}
        return Event(
            source=self._source,
            event_id=event_id
            or content_id(
                event_type=event_type,
                event_timestamp=when,
                longitude=lng,
                latitude=lat,
                severity=severity,
                value=value,
                attributes=attributes,
            ),
            event_type=event_type,
            event_timestamp=when,
            received_at=self._received,
            longitude=lng,
            latitude=lat,
            severity=severity,
            value=value,
            attributes=attributes,
            clock_quality=clock_quality(when, self._received, trusted=self._trusted),
        )

    @staticmethod
    def _optional(fields: Sequence[str], index: int | None) -> float | None:
        return _number(text) if index is not None and (text := fields[index].strip()) else None


def _number(text: str) -> float:
    """
    raises  ValueError  it is none, or one to Python alone (`1_000`)
    """
    if "_" in text:
        raise ValueError
    return float(text)

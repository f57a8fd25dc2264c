"""Events into the store: each once, corrections in place, index and counters kept in step.

One function for all who bring events, so that the rule about duplicates stands once. Called by `intake.batch`.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.aggregate.hours import SiteHours
from appliance.clock import EPOCH, MICROSECOND
from appliance.model.event import Event
from appliance.model.intake import Outcome
from appliance.spatial.cells import EVENT_RESOLUTION, cell_of
from appliance.spatial.geometry import point_blob
from appliance.store.engine import raw_connection
from appliance.store.event.identity import Identities
from appliance.store.settled.settle import (
    INDEX_ROWS,
    MAX_UNCOUNTED,
    Spot,
    fetch_marks,
    follow_change,
    last_key,
    settle_counts,
    settle_index,
)
from appliance.store.settled.tally import Tally

_COLUMNS = """event_pk, event_id, source, event_type, event_timestamp, received_at, recorded_at, clock_quality,
h3_index, severity, value, attributes_json, rev, geom"""
_WIDTH = _COLUMNS.count(",") + 1
_AT_ONCE = 32  # rows a statement: AUTOINCREMENT notes its highest key with each, which costs a third of a row
_ROW = f"({', '.join('?' * _WIDTH)})"
_INSERT = f"INSERT INTO events ({_COLUMNS}) VALUES {_ROW}"
_INSERT_MANY = f"INSERT INTO events ({_COLUMNS}) VALUES {', '.join([_ROW] * _AT_ONCE)}"
_CORRECT = """
UPDATE events SET event_id = ?, source = ?, event_type = ?, event_timestamp = ?, received_at = ?, recorded_at = ?,
                  clock_quality = ?, h3_index = ?, severity = ?, value = ?, attributes_json = ?, rev = ?, geom = ?
WHERE event_pk = ?
"""
_FIND = """
SELECT event_type, event_timestamp, rev, h3_index, geom, severity, value, attributes_json FROM events
WHERE event_pk = ? AND event_id = ?
"""

Content = tuple[Any, ...]
"""An event as `_COLUMNS` has it, without the key."""
_US, _TYPE, _CELL, _POINT = 3, 2, 7, 12  # in it
_MEASURES = slice(8, 11)  # severity, value and attributes

_encode: Callable[[Any], bytes] = msgspec.json.encode


class EventWriter:
    """Writes events in somebody's write transactions. One a thread."""

    def __init__(self, hours: SiteHours, resolutions: Sequence[int]) -> None:
        self._tally = Tally(hours, resolutions)
        self._known = Identities()
        self._last = 0
        self.differing = 0  # duplicates of the last `insert` that tell something else than what is stored

    def forget(self) -> None:
        """The transaction of the last `insert` was taken back."""
        self._known.forget()
        self._tally.counts.clear()

    def insert(self, connection: sa.Connection, events: Sequence[Event], contents: Sequence[Content]) -> list[Outcome]:
        """What became of each event, in order; with what `contents_of` made of them."""
        self.differing = 0
        if not events:
            return []
        raw = raw_connection(connection)
        known = self._known
        known.catch_up(raw)
        known.look_up(raw, events)
        key, source = last_key(raw), ""
        values: list[Any] = []  # of rows, one after the other
        outcomes: list[Outcome] = []
        for event, content in zip(events, contents, strict=True):
            event_id = event.event_id
            if event.source != source:  # those of a message stand together
                source = event.source
                tail, settled = known.of_source(source)
            found = tail.get(event_id) or settled.get(event_id)
            if found is not None:
                _insert_rows(raw, values)  # the earlier one may be among them
                values.clear()
                again = self._again(connection, raw, found, event, content)
                if again is not None:
                    outcomes.append(again)
                    continue
            key += 1
            values.append(key)
            values += content
            tail[event_id] = key
            outcomes.append("stored")
        _insert_rows(raw, values)
        known.reach(key)
        self._tally.write(connection)
        self._last = key
        return outcomes

    def _again(self, connection: sa.Connection, raw: Any, key: int, event: Event, content: Content) -> Outcome | None:
        """An event whose identity is known: a duplicate, or a correction; None where it was deleted meanwhile."""
        row = raw.execute(_FIND, (key, event.event_id)).fetchone()
        if row is None:
            return None
        event_type, us, rev, cell, point, *measures = row
        if event.rev <= rev:
            told = (content[_TYPE], content[_US], content[_POINT] or point, *content[_MEASURES])
            self.differing += event.rev == rev and told != (event_type, us, point, *measures)
            return "duplicate"
        spot = (content[_CELL], content[_POINT])
        if spot[0] is None:  # a correction that tells no place does not take away the one that is known
            spot = (cell, point)
            content = (*content[:_CELL], cell, *content[_CELL + 1 : _POINT], point)
        raw.execute(_CORRECT, (*content, key))
        follow_change(
            connection, self._tally, key, Spot(us, event_type, cell, point), Spot(content[_US], content[_TYPE], *spot)
        )
        return "corrected"

    @property
    def settling_due(self) -> bool:
        """Whether the tail has grown to what is indexed at once."""
        return self._last - self._known.indexed >= INDEX_ROWS

    def settle(self, connection: sa.Connection) -> None:
        """Index some of the tail; and where the jobs process does not keep up, count too. In a transaction of its own.

        So a batch is acknowledged without waiting for it, and stored also where there is no room for it now.
        """
        raw = raw_connection(connection)
        settle_index(connection)
        self._known.indexed = fetch_marks(raw).indexed
        if last_key(raw) - fetch_marks(raw).counted >= MAX_UNCOUNTED:
            settle_counts(connection, self._tally, INDEX_ROWS)  # as many as came: no batch waits for more


def contents_of(events: Sequence[Event], now: int) -> list[Content]:
    """What is to be written of each event; `now` in microseconds. Needs no store, so no lock either."""
    contents: list[Content] = []
    received_at, received_us = None, 0
    for event in events:
        if event.received_at is not received_at:  # all of a read have come at once
            received_at = event.received_at
            received_us = (received_at - EPOCH) // MICROSECOND
        cell, point = _spot(event.longitude, event.latitude)
        contents.append(
            (  # in the order of the columns of both statements
                event.event_id,
                event.source,
                event.event_type,
                (event.event_timestamp - EPOCH) // MICROSECOND,
                received_us,
                now,
                event.clock_quality,
                cell,
                event.severity,
                event.value,
                _encode(event.attributes).decode() if event.attributes else "{}",
                event.rev,
                point,
            )
        )
    return contents


def _insert_rows(raw: Any, values: list[Any]) -> None:
    """Insert rows whose values stand one after the other."""
    step = _WIDTH * _AT_ONCE
    whole = len(values) - len(values) % step
    raw.executemany(_INSERT_MANY, (values[at : at + step] for at in range(0, whole, step)))
    raw.executemany(_INSERT, (values[at : at + _WIDTH] for at in range(whole, len(values), _WIDTH)))


@lru_cache(maxsize=8_192)  # cameras stand still, and addresses come again
def _spot(lng: float | None, lat: float | None) -> tuple[int | None, bytes | None]:
    """The cell and the geometry of a place; both None where there is none."""
    if lng is None or lat is None:
        return None, None
    return cell_of(lat=lat, lng=lng, resolution=EVENT_RESOLUTION), point_blob(lng, lat)

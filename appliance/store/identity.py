"""Who an event is, (source, event_id), and whether it is stored: asked for each event that comes in.

Identities of settled events lie in `event_keys`, those of the tail are remembered here. Nearly all sources number their
events upwards, or name them by time: an id above the highest settled one of its source is new without a look.
Safe because a writer asks only while it holds the write transaction. Called by `event_writer`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from appliance.errors import Corrupt
from appliance.model.event import Event
from appliance.store.settle import fetch_marks

MAX_SOURCES = 50_000  # whose highest id is remembered, some 10 MB; then the memory starts anew


class Identities:
    """The identities of a store as one writer knows them. Void after a transaction that was taken back: `forget`."""

    def __init__(self) -> None:
        self.indexed = -1
        self.forget()

    def forget(self) -> None:
        """Know nothing; the next `catch_up` reads the tail again."""
        self._fresh: dict[str, dict[str, int]] = {}
        self._highest: dict[str, str] = {}
        self._met: dict[str, dict[str, int]] = {}
        self._seen = -1

    def catch_up(self, raw: Any) -> None:
        """Learn what other writers have stored and settled; at the beginning of a write transaction."""
        indexed = fetch_marks(raw).indexed
        if indexed != self.indexed or self._seen < indexed:
            self.forget()
            self.indexed = self._seen = indexed
        for key, source, event_id in raw.execute(
            "SELECT event_pk, source, event_id FROM events WHERE event_pk > ?", (self._seen,)
        ):
            if type(source) is not str or type(event_id) is not str:
                raise Corrupt(f"event {key} has no identity that could be written so: its page is damaged")
            self.add(source, event_id, key)

    def add(self, source: str, event_id: str, key: int) -> None:
        """An event of the tail; `key` is its event_pk."""
        known = self._fresh.get(source)
        if known is None:
            known = self._fresh[source] = {}
        known[event_id] = key
        self._seen = max(self._seen, key)

    def look_up(self, raw: Any, events: Sequence[Event]) -> None:
        """Find which events of a batch are settled already, with one statement a source; before `find` of each.

        An id above the highest of its source is not asked for.
        """
        self._met = {}
        asked: dict[str, list[str]] = {}
        for event in events:
            highest = self._highest.get(event.source)
            if highest is None:
                highest = self._ask_highest(raw, event.source)
            if event.event_id <= highest:
                asked.setdefault(event.source, []).append(event.event_id)
        for source, ids in asked.items():
            self._met[source] = dict(
                raw.execute(
                    "SELECT k.event_id, k.event_pk FROM json_each(?) AS j CROSS JOIN event_keys AS k "
                    "ON k.source = ? AND k.event_id = j.value",
                    (msgspec.json.encode(ids).decode(), source),
                )
            )

    def find(self, source: str, event_id: str) -> int | None:
        """The event_pk that an identity was stored under; None where it is new."""
        for known in (self._fresh, self._met):
            of_source = known.get(source)
            if of_source is not None and (key := of_source.get(event_id)) is not None:
                return key
        return None

    def _ask_highest(self, raw: Any, source: str) -> str:
        """The highest settled id of a source, '' where it has none. SQLite compares bytes of UTF-8, Python code points:
        the order is the same."""
        if len(self._highest) >= MAX_SOURCES:
            self._highest.clear()
        row = raw.execute("SELECT max(event_id) FROM event_keys WHERE source = ?", (source,)).fetchone()
        highest = self._highest[source] = row[0] or ""
        return highest

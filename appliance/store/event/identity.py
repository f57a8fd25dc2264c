"""Who an event is, (source, event_id), and whether it is stored: asked for each event that comes in.

Identities of settled events lie in `event_keys`, those of the tail (and some before it) are remembered here. Nearly
all sources number their events upwards, or name them by time: an id above the highest settled one of its source is new
without a look.
Safe because a writer asks only while it holds the write transaction. Called by `writer`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from appliance.errors import Corrupt
from appliance.model.event import Event
from appliance.store.settled.settle import fetch_marks

_NONE: dict[str, int] = {}  # nobody writes into it
MAX_FRESH = 65_536  # events whose identity is remembered, some 10 MB; then only the tail is read again
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
        self._since = self._seen = -1

    def catch_up(self, raw: Any) -> None:
        """Learn what other writers have stored and settled; at the beginning of a write transaction.

        What is settled meanwhile stays remembered, for what is known of the highest ids is older than it; past
        `MAX_FRESH`, or where others have settled what was never seen, all is begun anew.
        """
        self.indexed = fetch_marks(raw).indexed
        if self._seen < self.indexed or self._seen - self._since > MAX_FRESH:
            self.forget()
            self._since = self._seen = self.indexed
        for key, source, event_id in raw.execute(
            "SELECT event_pk, source, event_id FROM events WHERE event_pk > ?", (self._seen,)
        ):
            if type(source) is not str or type(event_id) is not str:
                raise Corrupt(f"event {key} has no identity that could be written so: its page is damaged")
            self.of_source(source)[0][event_id] = key
            self.reach(key)

    def look_up(self, raw: Any, events: Sequence[Event]) -> None:
        """Find which events of a batch are settled already, with one statement a source; before `of_source`.

        An id above the highest of its source is not asked for.
        """
        self._met = {}
        asked: dict[str, list[str]] = {}
        source, highest = "", ""
        for event in events:
            if event.source != source:
                source = event.source
                known = self._highest.get(source)
                highest = self._ask_highest(raw, source) if known is None else known
            if event.event_id <= highest:
                asked.setdefault(source, []).append(event.event_id)
        for source, ids in asked.items():
            self._met[source] = dict(
                raw.execute(
                    "SELECT k.event_id, k.event_pk FROM json_each(?) AS j CROSS JOIN event_keys AS k "
                    "ON k.source = ? AND k.event_id = j.value",
                    (msgspec.json.encode(ids).decode(), source),
                )
            )

    def of_source(self, source: str) -> tuple[dict[str, int], dict[str, int]]:
        """(of the tail, of those settled that `look_up` met): event_id -> the event_pk it was stored under.

        Whoever stores an event puts it into the first, and says at the end how far it came: `reach`.
        """
        known = self._fresh.get(source)
        if known is None:
            known = self._fresh[source] = {}
        return known, self._met.get(source, _NONE)

    def find(self, source: str, event_id: str) -> int | None:
        """The event_pk that an identity was stored under; None where it is new, or was not looked up."""
        tail, settled = self.of_source(source)
        return tail.get(event_id) or settled.get(event_id)

    def reach(self, key: int) -> None:
        """Every event up to this event_pk is known."""
        self._seen = max(self._seen, key)

    def _ask_highest(self, raw: Any, source: str) -> str:
        """The highest settled id of a source, '' where it has none. SQLite compares bytes of UTF-8, Python code points:
        the order is the same."""
        if len(self._highest) >= MAX_SOURCES:
            self._highest.clear()
        row = raw.execute("SELECT max(event_id) FROM event_keys WHERE source = ?", (source,)).fetchone()
        highest = self._highest[source] = row[0] or ""
        return highest

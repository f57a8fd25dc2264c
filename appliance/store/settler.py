"""Who settles what was recorded: after the recording, or on a thread of its own beside it.

Nearly all of settling is SQLite's work, in which Python can do something else; so the bridge decodes the next messages
while its last ones are indexed, and while the log is brought into the file after a commit of this thread. What was
recorded is durable without it: trouble here leaves it for later.
"""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from zoneinfo import ZoneInfo

from appliance.aggregate.hours import SiteHours
from appliance.errors import Unavailable
from appliance.store.engine import Store, raw_connection
from appliance.store.settle import INDEX_ROWS, MAX_UNCOUNTED, fetch_marks, last_key, settle_counts, settle_index
from appliance.store.tally import Tally

log = logging.getLogger(__name__)

AGAIN_S = 10.0  # between attempts while the store has no room for it
MAX_TAIL = 4 * INDEX_ROWS  # of events not indexed: then recording waits for the thread


class Settler:
    """Settles what one recorder wrote."""

    def __init__(self, store: Store, zone: ZoneInfo, resolutions: Sequence[int], *, beside: bool = False) -> None:
        """`beside`: on a thread, which ends with `close`; else in `follow`."""
        self._store = store
        self._tally = Tally(SiteHours(zone), resolutions)  # its own: neither is for two threads
        self._thread = ThreadPoolExecutor(1, "settler") if beside else None
        self._working: Future[None] | None = None
        self._indexed = self._after = float("-inf")

    def follow(self, key: int) -> None:
        """Events up to this event_pk are recorded: index some of the tail where enough have gathered."""
        if key - self._indexed < INDEX_ROWS or time.monotonic() < self._after:
            return
        if self._thread is None:
            self._settle(key)
            return
        if self._working is not None and key - self._indexed > MAX_TAIL:
            self._working.result()
        if self._working is None or self._working.done():
            self._working = self._thread.submit(self._settle, key)

    def close(self) -> None:
        """Finish what has begun."""
        if self._thread is not None:
            self._thread.shutdown()

    def _settle(self, key: int) -> None:
        try:
            self._look()
            rows = INDEX_ROWS
            while rows and key - self._indexed >= INDEX_ROWS:
                with self._store.write() as connection:
                    rows = settle_index(connection)
                    raw = raw_connection(connection)
                    marks, last = fetch_marks(raw), last_key(raw)
                    if last - marks.counted >= MAX_UNCOUNTED:  # the jobs process is slow, or down
                        settle_counts(connection, self._tally)
                self._indexed = marks.indexed
        except Unavailable as error:
            self._after = time.monotonic() + AGAIN_S
            log.warning("events are stored, and indexed later: %s", error)
        finally:
            self._tally.counts.clear()

    def _look(self) -> None:
        with self._store.read() as connection:
            self._indexed = fetch_marks(raw_connection(connection)).indexed

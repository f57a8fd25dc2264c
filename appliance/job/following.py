"""Follows the events: what each device detected in each hour, and plates that are looked for. Called by `iot_watch`.

What was looked at lies in memory until it is worth a write: at a read of a wanted plate, or when much has gathered, or
after a minute. What was found and how far that is are one transaction, so a process that is killed looks again at what
was not written, and nothing is counted twice.
"""

import logging
import time
from datetime import datetime, timedelta

from appliance.aggregate.bins import SiteBins
from appliance.clock import Clock, to_us
from appliance.iot.plates import OVER_S
from appliance.model.iot import WatchHit
from appliance.store.alerts import raise_alert
from appliance.store.engine import Store, raw_connection
from appliance.store.iot.activity import (
    READ_ROWS,
    Followed,
    Gathered,
    begin_anew,
    fetch_amended,
    fetch_followed,
    gather,
    must_begin_anew,
    write_gathered,
)
from appliance.store.iot.watch_list import (
    ALERT,
    close_hit_alerts,
    fetch_plates_since,
    fetch_wanted,
    forget_hits,
    record_hits,
)

log = logging.getLogger(__name__)

FLUSH_S = 60.0  # a read in the night must not cost a write to the card for each event
FLUSH_ROWS = 20_000  # events
FLUSH_KEYS = 2_000  # counters, in one transaction
CORRECTED_S = 900.0  # a camera corrects what it read within this
FRESH = timedelta(hours=1)  # an older read is history, which is noted and raises no alarm


class EventFollower:
    """One a jobs process, used by one thread."""

    def __init__(self, store: Store, *, bins: SiteBins, clock: Clock) -> None:
        self._store = store
        self._bins = bins
        self._clock = clock
        self._gathered: Gathered | None = None
        self._amended = -1
        self._flushed_s = time.monotonic()

    def step(self) -> bool:
        """Look at the next events; whether there may be more at once.

        raises  Unavailable  the store cannot be read or written now
        """
        now = self._clock()
        with self._store.read() as connection:
            followed = fetch_followed(connection)
            anew = must_begin_anew(connection, followed, self._bins.zone.key)
        if anew:
            self._gathered = None
            with self._store.write() as connection:
                begin_anew(connection, self._bins.zone.key)
            return True
        gathered = self._gathered or Gathered(upto=followed.event_pk)
        self._gathered = gathered
        with self._store.read() as connection:
            rows = gather(connection, gathered, self._bins, now=to_us(now))
            wanted = fetch_wanted(raw_connection(connection), to_us(now))
            if wanted and (amended := fetch_amended(raw_connection(connection))) != self._amended:
                since = now - timedelta(seconds=CORRECTED_S)
                found = fetch_plates_since(connection, to_us(since))
                gathered.plates |= {key: plate for key, plate in found.items() if key <= gathered.upto}
                self._amended = amended
        gathered.plates = {key: plate for key, plate in gathered.plates.items() if plate in wanted}
        if self._is_due(gathered, followed):
            self._write(gathered, wanted, now)
        return rows == READ_ROWS

    def _is_due(self, gathered: Gathered, followed: Followed) -> bool:
        many = gathered.rows >= FLUSH_ROWS or len(gathered.motions) + len(gathered.read) >= FLUSH_KEYS
        waited = gathered.upto > followed.event_pk and time.monotonic() - self._flushed_s >= FLUSH_S
        return bool(gathered.plates) or many or waited

    def _write(self, gathered: Gathered, wanted: dict[str, tuple[int, str]], now: datetime) -> None:
        with self._store.write() as connection:
            write_gathered(connection, gathered, now=to_us(now))
            for hit in record_hits(connection, gathered.plates, wanted):
                if abs(now - hit.observed_at) <= FRESH:
                    raise_alert(
                        connection,
                        kind=ALERT,
                        subject=f"watchlist/{hit.entry_id}/{hit.zone or hit.source}",
                        severity="critical",
                        title=f"A plate that is looked for was read: {hit.label}, at {hit.zone or hit.source}",
                        detail=_detail(hit),
                        now=now,
                    )
            forget_hits(connection, now=now)
            close_hit_alerts(connection, now=now, idle_since=now - timedelta(seconds=OVER_S))
        self._gathered = None
        self._flushed_s = time.monotonic()


def _detail(hit: WatchHit) -> dict[str, object]:
    return {
        "entry_id": hit.entry_id,
        "label": hit.label,
        "source": hit.source,
        "event_id": hit.event_id,
        "observed_at": hit.observed_at,
        "zone": hit.zone,
        "h3_index": hit.h3_index,
        "score": hit.score,
    }

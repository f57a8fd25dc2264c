"""Gives rows that were stamped before the time was known their true time, between the runs. Called by `schedule`."""

import logging
import time

from appliance.aggregate.hours import SiteHours
from appliance.store.anew.redating import Judge, Redater, Reopen, has_work
from appliance.store.engine import Store, raw_connection
from appliance.store.settled.settle import fetch_resolutions
from appliance.store.settled.tally import Tally

log = logging.getLogger(__name__)

LOOK_S = 2.0  # between looks whether rows wait


class Redating:
    """One a jobs process, used by its loop's thread."""

    def __init__(self, store: Store, *, hours: SiteHours, judge: Judge, reopen: Reopen) -> None:
        self._store = store
        self._hours = hours
        self._judge = judge
        self._reopen = reopen
        self._looked_s = float("-inf")
        self._done = 0

    def step(self) -> bool:
        """Re-date one transaction's worth; whether there may be more at once.

        raises  Unavailable  the store cannot be written now
        """
        if not self._done and time.monotonic() - self._looked_s < LOOK_S:
            return False
        self._looked_s = time.monotonic()
        with self._store.read() as connection:
            waits = has_work(raw_connection(connection))
        if waits:
            with self._store.write() as connection:
                tally = Tally(self._hours, fetch_resolutions(connection))
                self._done += Redater(connection, tally=tally, judge=self._judge, reopen=self._reopen).redate()
        elif self._done:
            log.info("%d rows have their true time now", self._done)
            self._done = 0
        return waits

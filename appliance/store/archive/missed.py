"""Messages that could not be archived, counted in the store as `archive_missed`, beside the balance.

The store has just committed those messages, so it nearly always can; where it cannot, the count waits for the next.
"""

import logging

from appliance.errors import HexpostError
from appliance.store.engine import Store
from appliance.store.totals import add_totals

log = logging.getLogger(__name__)


class MissedCounter:
    """Counts into one store. One a thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting, self._error = 0, ""

    def add(self, missed: int) -> None:
        """Count durably, or remember it for the next call."""
        self._waiting += missed
        try:
            with self._store.write() as connection:
                add_totals(connection, {("archive_missed", ""): self._waiting})
        except HexpostError as error:
            if str(error) != self._error:
                log.error("counting %d messages that are not archived: %s", self._waiting, error)
            self._error = str(error)
            return
        self._waiting, self._error = 0, ""

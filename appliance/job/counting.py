"""Events counted behind their arrival: before each run, and when many wait. Called by `schedule` and `risk_run`."""

from collections.abc import Sequence
from datetime import date

import msgspec

from appliance.aggregate.hours import SiteHours
from appliance.store.day_counts import sum_settled, write_sums
from appliance.store.engine import Store
from appliance.store.settle import COUNT_ROWS, fetch_resolutions, settle_counts, tally_uncounted, write_tallied
from appliance.store.tally import Tally


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is to find summed: days from `first` to before `last`, which goes on, of these types of event."""

    first: date
    last: date
    types: Sequence[str]


def count_events(store: Store, hours: SiteHours, *, ahead: Ahead | None = None) -> int:
    """Count every event that waits for it, in transactions that ingest hardly notices; how many.

    Tallying takes most of the time and holds no lock. Where an event was amended meanwhile it is done again under it.
    ahead   once nothing is left to count, the sums of days that have settled are kept for a run
    raises  Unavailable  the store cannot be written now
    """
    counted, done = 0, COUNT_ROWS
    while done == COUNT_ROWS:
        done = _count_some(store, hours)
        counted += done
    if ahead is not None:
        _sum_ahead(store, ahead)
    return counted


def _count_some(store: Store, hours: SiteHours) -> int:
    with store.read() as connection:
        tally = Tally(hours, fetch_resolutions(connection))
        found = tally_uncounted(connection, tally)
    if found.events == 0:
        return 0
    with store.write() as connection:
        if write_tallied(connection, tally, found):
            return found.events
        return settle_counts(connection, Tally(hours, fetch_resolutions(connection)))


def _sum_ahead(store: Store, ahead: Ahead) -> None:
    with store.read() as connection:
        resolutions = fetch_resolutions(connection)
    for resolution in resolutions:
        while True:
            with store.read() as connection:
                days = sum_settled(
                    connection, resolution=resolution, first=ahead.first, last=ahead.last, types=ahead.types
                )
            if not days:
                break
            with store.write() as connection:
                write_sums(connection, resolution, ",".join(sorted(ahead.types)), days)

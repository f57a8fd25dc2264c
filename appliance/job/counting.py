"""Events counted behind their arrival: before each run, and when many wait. Called by `schedule` and `risk_run`."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from appliance.aggregate.hours import SiteHours
from appliance.store.engine import Store
from appliance.store.settled.day_counts import sum_settled, write_sums
from appliance.store.settled.settle import Tallied, fetch_resolutions, settle_counts, tally_uncounted, write_tallied
from appliance.store.settled.tally import Tally

if TYPE_CHECKING:  # SQL is the store's: here a connection is only handed on
    from sqlalchemy import Connection


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is to find summed: days from `first` to before `last`, which goes on, of these types of event."""

    first: date
    last: date
    types: Sequence[str]


def count_events(
    store: Store, hours: SiteHours, *, only: Collection[int] | None = None, ahead: Ahead | None = None
) -> int:
    """Count every event that waits for it, in transactions that ingest hardly notices; how many, at each resolution or
    at several together.

    Tallying takes most of the time and holds no lock. Where an event was amended meanwhile it is done again under it.
    only    at these resolutions of those that are counted; None: at all
    ahead   once nothing is left to count, the sums of days that have settled are kept for a run
    raises  Unavailable  the store cannot be written now
    """
    counted, more = 0, True
    while more:
        found = _count_some(store, hours, only)
        counted, more = counted + found.events, found.more
    if ahead is not None:
        _sum_ahead(store, ahead)
    return counted


def _count_some(store: Store, hours: SiteHours, only: Collection[int] | None) -> Tallied:
    def tally_of(connection: "Connection") -> Tally:
        resolutions = fetch_resolutions(connection)
        return Tally(hours, [one for one in resolutions if only is None or one in only])

    with store.read() as connection:
        tally = tally_of(connection)
        found = tally_uncounted(connection, tally)
    if found.upto == found.after:
        return found
    rows = tally.take()
    for resolution in found.resolutions:  # each by itself: ingest waits for one at most
        with store.write() as connection:
            if not write_tallied(connection, found, resolution, rows.get(resolution, [])):
                return settle_counts(connection, tally_of(connection))
    return found


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

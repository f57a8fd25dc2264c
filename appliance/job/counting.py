"""Events counted behind their arrival: before each run, and when many wait. Called by `schedule` and `risk_run`."""

from appliance.aggregate.hours import SiteHours
from appliance.store.engine import Store
from appliance.store.settle import COUNT_ROWS, fetch_resolutions, settle_counts, tally_uncounted, write_tallied
from appliance.store.tally import Tally


def count_events(store: Store, hours: SiteHours) -> int:
    """Count every event that waits for it, in transactions that ingest hardly notices; how many.

    Tallying takes most of the time and holds no lock. Where an event was amended meanwhile it is done again under it.
    raises  Unavailable  the store cannot be written now
    """
    counted = 0
    while True:
        with store.read() as connection:
            tally = Tally(hours, fetch_resolutions(connection))
            found = tally_uncounted(connection, tally)
        if found.events == 0:
            return counted
        with store.write() as connection:
            if write_tallied(connection, tally, found):
                done = found.events
            else:
                done = settle_counts(connection, Tally(hours, fetch_resolutions(connection)))
        counted += done
        if done < COUNT_ROWS:
            return counted

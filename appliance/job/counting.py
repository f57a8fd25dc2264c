"""Events counted behind their arrival: before each run, and when many wait. Called by `schedule` and `risk_run`."""

from appliance.aggregate.hours import SiteHours
from appliance.store.engine import Store
from appliance.store.settle import COUNT_ROWS, fetch_resolutions, settle_counts
from appliance.store.tally import Tally


def count_events(store: Store, hours: SiteHours) -> int:
    """Count every event that waits for it, in transactions that ingest hardly notices; how many.

    raises  Unavailable  the store cannot be written now
    """
    counted = 0
    while True:
        with store.write() as connection:
            done = settle_counts(connection, Tally(hours, fetch_resolutions(connection)))
        counted += done
        if done < COUNT_ROWS:
            return counted

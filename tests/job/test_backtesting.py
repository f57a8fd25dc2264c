"""What the store hands to a backtest, and the composite profile as a rival."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.forecast.history import SHIFTS
from appliance.forecast.rivals import Instant
from appliance.job.backtesting import composite, fetch_incidents
from appliance.job.counting import count_events
from appliance.model.intake import Intake
from appliance.store.engine import Store, raw_connection
from appliance.store.intake.batch import Recorder
from appliance.store.settled.counts import fetch_hourly_counts, fold_counts
from tests.conftest import make_event
from tests.forecast.sites import from_counts, patch

HOURS = SiteHours(ZoneInfo("UTC"))
TIMES = ("2026-11-18T01:10:00Z", "2026-11-18T01:50:00Z", "2026-11-18T22:00:00Z", "2026-11-20T09:00:00Z")


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


def test_hours_come_from_the_counters_and_from_events_without_one_and_types_are_chosen(
    store: Store, recorder: Recorder
) -> None:
    recorder.record(Intake(events=[make_event(event_id=t, event_timestamp=t) for t in TIMES[:3]]))
    count_events(store, HOURS)
    recorder.record(Intake(events=[make_event(event_id="late", event_timestamp=TIMES[3], event_type="fire")]))
    with store.read() as connection:
        for resolution in (8, 10):
            found = list(fetch_hourly_counts(connection, resolution=resolution, hours=HOURS))
            assert sorted((row[0], row[2], row[3]) for row in found) == [
                ("2026-11-18", at("2026-11-18T01:00"), 2),
                ("2026-11-18", at("2026-11-18T22:00"), 1),
                ("2026-11-20", at("2026-11-20T09:00"), 1),
            ]
            fires = list(fetch_hourly_counts(connection, resolution=resolution, hours=HOURS, types=["fire"]))
            assert [row[3] for row in fires] == [1]


def test_of_a_day_that_was_folded_only_the_day_is_known(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event(event_id=t, event_timestamp=t) for t in TIMES]))
    count_events(store, HOURS)
    with store.write() as connection:
        raw = raw_connection(connection)
        raw.execute("DELETE FROM events WHERE event_timestamp < ?", (at("2026-11-19T00:00"),))
        raw.executemany("INSERT INTO purged_hours VALUES (?)", [(at("2026-11-18T01:00"),), (at("2026-11-18T22:00"),)])
        while fold_counts(connection, SiteBins(HOURS.zone), before=at("2026-11-20T00:00")).more:
            pass
    with store.read() as connection:
        found = sorted((row[0], row[2], row[3]) for row in fetch_hourly_counts(connection, resolution=8, hours=HOURS))
    assert found == [("2026-11-18", None, 3), ("2026-11-20", at("2026-11-20T09:00"), 1)]
    assert fetch_incidents(store, resolution=8, hours=HOURS, types=[]).total == 4


def test_the_composite_score_is_that_of_the_last_whole_day() -> None:
    grid = patch(0)
    counts = np.zeros((10, SHIFTS, grid.size), np.int64)
    counts[8, 0, 2] = 2  # yesterday
    counts[7, 0, 4] = 3
    counts[9, 0, 5] = 9  # this morning: not a whole day yet
    score = composite(Instant(grid=grid, history=from_counts(grid, counts), shift=9 * SHIFTS + 1))
    # Yesterday: cell 2 has 0.5 * 2 + 0.3 * 1 + 0.2 * 2 / 7, cell 4 -0.3 * 1 + 0.2 * 3 / 7, the others 0.
    two, four = 1.3 + 0.4 / 7, -0.3 + 0.6 / 7
    assert score[2] == 100.0 and score[4] == 0.0
    assert np.allclose(np.delete(score, [2, 4]), 100 * -four / (two - four))

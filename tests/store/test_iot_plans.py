"""Query plans of what IoT looks at all the time: by an index, looked at in the statements that really run."""

from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.bins import SiteBins
from appliance.clock import HOUR_US, to_us
from appliance.model.intake import DeviceReport, Intake, Reading
from appliance.spatial.cells import cell_of
from appliance.store.engine import Store
from appliance.store.iot.activity import Gathered, fetch_activity, gather, write_gathered
from appliance.store.iot.crowds import fetch_crowd_now, fetch_hourly_crowd, fetch_hourly_incidents
from appliance.store.iot.thresholds import fetch_values
from appliance.store.iot.watch_list import fetch_hits, fetch_hits_since, fetch_plates_since, fetch_watch_list
from tests.conftest import NOW, make_event, make_recorder
from tests.store.test_plans import Ask, is_scan_of_much, plan_of, run_statements

US = to_us(NOW)
BINS = SiteBins(ZoneInfo("UTC"))
HOURS = list(BINS.hours(US - 48 * HOUR_US, US))
CELL = cell_of(lat=29.37, lng=47.97, resolution=8)
OF_TIME = "SEARCH reading_values USING PRIMARY KEY (observed_at>? AND observed_at<?)"


class Case(NamedTuple):
    """A read and the searches that it must make."""

    ask: Ask
    searches: tuple[str, ...]


def values(connection: Any) -> object:
    return fetch_values(connection, {1: 0}, start=US - HOUR_US, end=US, after=(US - HOUR_US, -1, 0.0), limit=10)


CASES = {
    "values that are new": Case(values, ("USING PRIMARY KEY (observed_at>? AND observed_at<?)",)),
    "detections that are new": Case(
        lambda connection: gather(connection, Gathered(upto=3), BINS, now=US),
        ("SEARCH events USING INTEGER PRIMARY KEY (rowid>?)", "SEARCH devices USING COVERING INDEX"),
    ),
    "plates that may be corrected": Case(
        lambda connection: fetch_plates_since(connection, US - HOUR_US),
        ("SEARCH events USING INDEX events_time (event_timestamp>?)",),
    ),
    "activity of four weeks": Case(
        lambda connection: fetch_activity(connection, start=US - HOUR_US, end=US),
        ("SEARCH device_activity USING PRIMARY KEY (hour>? AND hour<?)",),
    ),
    "crowds now": Case(lambda connection: fetch_crowd_now(connection, ["cam1"], now=US), (OF_TIME,)),
    "crowds by the hour": Case(
        lambda connection: fetch_hourly_crowd(connection, ["cam1"], HOURS),
        ("SEARCH reading_hours USING PRIMARY KEY (hour=? AND series_pk=?)",),
    ),
    "incidents by the hour": Case(
        lambda connection: fetch_hourly_incidents(connection, [CELL], HOURS, resolution=8, bins=BINS, types=()),
        ("SEARCH event_counts USING PRIMARY KEY (resolution=? AND day=? AND h3_index=?)",),
    ),
    "reads of wanted plates": Case(
        lambda connection: (fetch_hits_since(connection, US - HOUR_US), fetch_hits(connection)),
        ("SEARCH watch_list_hits USING INDEX watch_list_hits_time (observed_at>?)",),
    ),
    "the watch list": Case(
        lambda connection: fetch_watch_list(connection, now=NOW, before=9),
        ("USING INDEX sqlite_autoindex_watch_list_hits_1 (entry_id=?)",),
    ),
}
SMALL = ("watched", "watch_list", "h", "s", "d", "k", "watch_list_hits")
"""What else may be walked: values that were handed in, and lists of some thousand rows that a page ends."""


@pytest.fixture
def filled(store: Store) -> Store:
    """Some of everything."""
    intake = Intake(
        events=[make_event(event_id=f"e{n}") for n in range(20)],
        reports=[DeviceReport(source="cam1", family="frigate", seen_at=NOW)],
        readings=[Reading(device="cam1", metric="crowd_people", observed_at=NOW, received_at=NOW, value=1.0)],
    )
    make_recorder(store, NOW).record(intake)
    with store.write() as connection:
        gathered = Gathered(upto=0)
        gather(connection, gathered, BINS, now=US)
        write_gathered(connection, gathered, now=US)
    return store


@pytest.mark.parametrize("name", CASES)
def test_a_read_goes_through_its_indexes(filled: Store, name: str) -> None:
    case = CASES[name]
    plans = [plan_of(filled, statement) for statement in dict.fromkeys(run_statements(filled, case.ask))]
    scans = [line for plan in plans for line in plan if is_scan_of_much(line)]
    assert [line for line in scans if line.split()[1] not in SMALL] == []
    assert [search for search in case.searches if not any(search in line for plan in plans for line in plan)] == [], (
        plans
    )

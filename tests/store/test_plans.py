"""Query plans: what the hot reads run goes through an index, looked at in the statements that they really run.

A statement is taken from the driver while the function runs, on a store with some of everything, and explained. No scan
is allowed but of what is small or made on the spot, and no sorting but where the rows to sort are few.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from appliance.clock import rfc3339, to_us
from appliance.job.schedule import Jobs
from appliance.model.device_change import DeviceChange
from appliance.model.intake import DeviceReport, Fix, Intake, Reading
from appliance.model.settings import Settings
from appliance.spatial.cells import cell_of
from appliance.spatial.shape import Area, Corridor, Disc, Shape
from appliance.store.coverage.detail import fetch_coverage_page
from appliance.store.device.changes import change_device
from appliance.store.device.near import fetch_devices_in
from appliance.store.device.registry import DeviceFilter, fetch_devices
from appliance.store.device.spans import fetch_spans
from appliance.store.engine import Store, raw_connection
from appliance.store.event.near import fetch_events_in
from appliance.store.event.pages import EventFilter, fetch_event, fetch_events, fetch_events_after
from appliance.store.forecast.runs import has_late_event
from appliance.store.forecast.slices import fetch_cell_forecast, fetch_forecast
from appliance.store.measured.positions import fetch_positions
from appliance.store.measured.readings import fetch_readings
from appliance.store.near.segments import SEGMENT_BITS
from appliance.store.outbox import count_pending
from appliance.store.risk.hotspots import fetch_heard_days, fetch_known_resolutions, fetch_points, fetch_stamp
from appliance.store.risk.picture import (
    fetch_calibrated_risk,
    fetch_cell,
    fetch_day_picture,
    fetch_feed,
    fetch_hotspots,
    fetch_risk,
)
from appliance.store.settled.counts import fetch_cell_counts, fetch_daily_counts
from appliance.store.settled.settle import settle_index
from tests.conftest import NOW, make_event, make_recorder
from tests.store.test_settle import UTC_HOURS

TODAY, BEFORE = NOW.date(), NOW.date() - timedelta(days=9)
DAYS_ASKED = [BEFORE + timedelta(days=n) for n in range(10)]
YESTERDAY = NOW - timedelta(days=1)
OF_A_DAY: dict[str, Any] = {"device": "cam1", "from_time": YESTERDAY, "to_time": NOW, "cursor": None, "limit": 9}
BOUNDS = (47.9, 29.3, 48.1, 29.4)
DISC = Disc(lng=47.97, lat=29.37, radius_m=500)
ROUTE = Corridor(line=((47.96, 29.37), (47.98, 29.37)), buffer_m=100)
AREA = Area(ring=((47.96, 29.36), (47.98, 29.36), (47.97, 29.38)))
SMALL = {"CONSTANT ROW", "CONSTANT ROWS", "json_each", "span", "held", "settled", "counted", "site"}
SMALL |= {"forecasts", "outbox"}
"""What may be scanned: values that stand in the statement, results on their way, tables of one row, or of one a
resolution; of forecasts, which are some hundred at most, the keys; of the outbox the index of what waits."""
CELL = cell_of(lat=29.37, lng=47.97, resolution=8)
DAYS = "(resolution=? AND day>? AND day<?)"
OF_A_ROW = (
    "SEARCH cell_aggregates USING PRIMARY KEY (resolution=? AND day=?)",
    "SEARCH baselines USING PRIMARY KEY (baseline_id=? AND h3_index=?)",
)
OF_A_DAY_OF_RISK = ("SEARCH judged_days USING PRIMARY KEY (resolution=? AND day=?)", *OF_A_ROW)
OF_DAYS_OF_RISK = (f"SEARCH judged_days USING PRIMARY KEY {DAYS}", *OF_A_ROW)
BY_CELL = (
    "SEARCH event_cells USING PRIMARY KEY (segment=? AND h3_index>? AND h3_index<?)",
    "SEARCH event_cells USING PRIMARY KEY (segment>?)",
    "SEARCH event_segments USING INTEGER PRIMARY KEY (rowid=?)",
    "SEARCH events USING INTEGER PRIMARY KEY (rowid=?)",
    "SEARCH events USING INTEGER PRIMARY KEY (rowid>?)",
)

Ask = Callable[[sa.Connection], object]


class Case(NamedTuple):
    """A read, the searches that it must make, and how many sorts its statements may hold."""

    ask: Ask
    searches: tuple[str, ...]
    sorts: int = 0


def events_in(shape: Shape, *, limit: int = 10, **wanted: Any) -> Case:
    """By cell; the newest of what a segment has are sorted, of its index's entries alone. All that two segments have
    are fewer than a page of a hundred.
    """

    def ask(connection: sa.Connection) -> object:
        return fetch_events_in(connection, shape, EventFilter(**wanted), cursor=None, limit=limit)

    return Case(ask, BY_CELL, sorts=1)


def events(*searches: str, cursor: str | None = None, sorts: int = 0, **wanted: Any) -> Case:
    def ask(connection: sa.Connection) -> object:
        return fetch_events(connection, EventFilter(**wanted), cursor=cursor, limit=10)

    return Case(ask, searches, sorts)


def rows_of(query: str, connection: sa.Connection) -> object:
    return raw_connection(connection).execute(query).fetchall()


def view_of(which: str, connection: sa.Connection) -> object:
    return rows_of(f"SELECT * FROM mv_daily_risk WHERE {which}", connection)


CASES: dict[str, Case] = {
    "tile": Case(
        lambda connection: fetch_day_picture(connection, day=TODAY, resolution=8),
        OF_A_DAY_OF_RISK,
    ),
    "feed": Case(
        lambda connection: fetch_feed(connection, resolution=8, days=DAYS_ASKED, cells=5),
        (
            *OF_DAYS_OF_RISK,
            "SEARCH h3_cells USING INDEX sqlite_autoindex_h3_cells_1 (h3_index=?)",
        ),
    ),
    "hotspots": Case(  # groups the days of a period, and sorts what is left of them
        lambda connection: fetch_hotspots(connection, from_day=BEFORE, to_day=TODAY, resolution=8, limit=10),
        OF_DAYS_OF_RISK,
        sorts=2,
    ),
    "risk in a box": Case(
        lambda connection: fetch_risk(connection, day=TODAY, resolution=8, bbox=BOUNDS, after_cell=0, limit=10),
        (
            "SCAN idx_h3_cells_geom VIRTUAL TABLE INDEX 2:",
            "SEARCH cell_aggregates USING PRIMARY KEY (resolution=? AND day=? AND h3_index=?)",
        ),
    ),
    "view of a day": Case(
        partial(view_of, "resolution = 8 AND day = '2026-11-22'"),
        (*OF_A_DAY_OF_RISK, "SEARCH forecast_scores USING PRIMARY KEY (resolution=? AND day=? AND h3_index=?)"),
    ),
    "view of a cell on a day": Case(
        partial(view_of, f"resolution = 8 AND day = '2026-11-22' AND h3_index = {CELL}"),
        (
            "SEARCH judged_days USING PRIMARY KEY (resolution=? AND day=?)",
            "SEARCH cell_aggregates USING PRIMARY KEY (resolution=? AND day=? AND h3_index=?)",
            "SEARCH forecast_scores USING PRIMARY KEY (resolution=? AND day=? AND h3_index=?)",
        ),
    ),
    "scores that wait for the centre": Case(
        partial(
            rows_of, "SELECT h3_index, rev FROM risk_scores WHERE resolution = 8 AND day = '2026-11-22' AND rev > 1"
        ),
        (
            *OF_A_DAY_OF_RISK[:2],
            "SEARCH h3_cells USING INDEX sqlite_autoindex_h3_cells_1 (h3_index=?)",
            "SEARCH forecast_scores USING PRIMARY KEY (resolution=? AND day=?)",
        ),
    ),
    "a day's score of a cell": Case(
        partial(
            rows_of, f"SELECT risk_score FROM risk_scores WHERE (resolution, day, h3_index) = (8, '2026-11-22', {CELL})"
        ),
        (
            "SEARCH cell_aggregates USING PRIMARY KEY (resolution=? AND day=? AND h3_index=?)",
            "SEARCH forecast_scores USING PRIMARY KEY (resolution=? AND day=? AND h3_index=?)",
        ),
    ),
    "how much waits for the centre": Case(
        count_pending,
        (
            *OF_A_DAY_OF_RISK,
            "SEARCH forecast_scores USING PRIMARY KEY (resolution=? AND day=?)",
        ),
    ),
    "forecast risk in a box": Case(
        lambda connection: fetch_calibrated_risk(
            connection, day=TODAY, resolution=8, bbox=BOUNDS, after_cell=0, limit=10
        ),
        (
            "SCAN idx_h3_cells_geom VIRTUAL TABLE INDEX 2:",
            "SEARCH forecast_scores USING PRIMARY KEY (resolution=? AND day=? AND h3_index=? AND profile=?)",
            "SEARCH cell_aggregates USING PRIMARY KEY (resolution=? AND day=? AND h3_index=?)",
        ),
    ),
    "forecast": Case(
        lambda connection: fetch_forecast(
            connection, day=TODAY, resolution=8, horizon="next_day", bbox=BOUNDS, limit=10
        ),
        ("SEARCH forecasts USING COVERING INDEX sqlite_autoindex_forecasts_1 (resolution=? AND day=? AND horizon=?)",),
    ),
    "forecast of a cell": Case(
        lambda connection: fetch_cell_forecast(connection, CELL, TODAY),
        ("SEARCH forecasts USING INDEX sqlite_autoindex_forecasts_1 (resolution=? AND day=?)",),
    ),
    "late events": Case(
        lambda connection: has_late_event(connection, after=50, before=0),
        ("SEARCH events USING INTEGER PRIMARY KEY (rowid>?)",),
    ),
    "history of a cell": Case(
        lambda connection: fetch_cell(connection, CELL, from_day=BEFORE, to_day=TODAY),
        (
            f"SEARCH judged_days USING PRIMARY KEY {DAYS}",
            "SEARCH cell_aggregates USING PRIMARY KEY (resolution=? AND day=? AND h3_index=?)",
            "SEARCH baselines USING PRIMARY KEY (baseline_id=? AND h3_index=?)",
        ),
    ),
    "coverage of a day": Case(
        lambda connection: fetch_coverage_page(connection, resolution=8, day=TODAY, state=None, after_cell=0, limit=10),
        ("SEARCH cell_coverage USING PRIMARY KEY (resolution=? AND day=? AND h3_index>?)",),
    ),
    "spans of a day": Case(
        lambda connection: fetch_spans(connection, to_us(YESTERDAY), to_us(NOW)),
        ("SEARCH device_spans USING INDEX device_spans_end (to_time>?)",),
        sorts=1,
    ),
    "spans of devices": Case(
        lambda connection: fetch_spans(connection, to_us(YESTERDAY), to_us(NOW), [1, 2]),
        ("SEARCH device_spans USING INDEX device_spans_device (device_pk=? AND from_time<?)",),
    ),
    "radius": events_in(DISC),
    "radius, filtered": events_in(DISC, event_type="motion", source="agency/cam7", from_time=NOW - timedelta(days=1)),
    "radius, over segments": events_in(DISC, limit=100),
    "route": events_in(ROUTE),
    "area": events_in(AREA),
    "box": events(*BY_CELL, bbox=BOUNDS, sorts=1),
    "events, newest": events("SEARCH events USING INDEX events_time (event_timestamp<?)", cursor="1790000000000000.5"),
    "events of a time": events(
        "SEARCH events USING INDEX events_time (event_timestamp>? AND event_timestamp<?)",
        from_time=NOW - timedelta(days=1),
        to_time=NOW,
        event_type="motion",
    ),
    "an event": Case(
        lambda connection: fetch_event(connection, "agency/cam7", "e1"),
        ("SEARCH event_keys USING PRIMARY KEY (source=? AND event_id=?)",),
    ),
    "an event of the tail": Case(
        lambda connection: fetch_event(connection, "agency/cam7", "e59"),
        ("SEARCH events USING INTEGER PRIMARY KEY (rowid>?)",),
    ),
    "what was recorded since": Case(
        lambda connection: fetch_events_after(connection, 3, 10),
        ("SEARCH events USING INTEGER PRIMARY KEY (rowid>?)",),
    ),
    "counts of days": Case(
        lambda connection: fetch_daily_counts(connection, resolution=8, from_day=BEFORE, to_day=TODAY, hours=UTC_HOURS),
        (f"SEARCH event_counts USING PRIMARY KEY {DAYS}", "SEARCH events USING INTEGER PRIMARY KEY (rowid>?)"),
    ),
    "counts of an unusual resolution": Case(
        lambda connection: fetch_daily_counts(connection, resolution=6, from_day=BEFORE, to_day=TODAY, hours=UTC_HOURS),
        ("SEARCH events USING INDEX events_time (event_timestamp>? AND event_timestamp<?)",),
    ),
    "counts of cells": Case(  # groups the days of a sub-period by cell
        lambda connection: fetch_cell_counts(connection, resolution=8, from_day=BEFORE, to_day=TODAY, hours=UTC_HOURS),
        (f"SEARCH event_counts USING PRIMARY KEY {DAYS}", "SEARCH events USING INTEGER PRIMARY KEY (rowid>?)"),
        sorts=1,
    ),
    "places of events": Case(
        lambda connection: fetch_points(
            connection, first=BEFORE, last=TODAY, hours=UTC_HOURS, types=("motion",), limit=9
        ),
        ("SEARCH events USING INDEX events_time (event_timestamp>? AND event_timestamp<?)",),
    ),
    "days that were heard": Case(
        lambda connection: fetch_heard_days(connection, BEFORE, TODAY, UTC_HOURS),
        (f"SEARCH event_counts USING PRIMARY KEY {DAYS}", "SEARCH events USING INTEGER PRIMARY KEY (rowid>?)"),
    ),
    "what hotspots depend on": Case(fetch_stamp, ("SEARCH item_totals USING PRIMARY KEY (term=? AND reason=?)",)),
    "resolutions looked at": Case(
        fetch_known_resolutions,
        ("SEARCH h3_cells USING COVERING INDEX sqlite_autoindex_h3_cells_2 (resolution>?)",),
    ),
    "devices in a disc": Case(  # the zones that hold a device are sorted by size
        lambda connection: fetch_devices_in(connection, DISC, now=NOW, cursor=None, limit=10),
        (
            "SCAN idx_devices_geom VIRTUAL TABLE INDEX 2:",
            "SEARCH devices USING INTEGER PRIMARY KEY (rowid=?)",
            "SCAN idx_zones_geom VIRTUAL TABLE INDEX 2:",
        ),
        sorts=1,
    ),
    "devices in a box": Case(
        lambda connection: fetch_devices(connection, DeviceFilter(bbox=BOUNDS), now=NOW, cursor=None, limit=10),
        ("SCAN idx_devices_geom VIRTUAL TABLE INDEX 2:",),
        sorts=1,
    ),
    "history of a reading": Case(
        lambda connection: fetch_readings(
            connection, device="cam1", from_time=YESTERDAY, to_time=NOW, cursor=None, limit=9
        ),
        (
            "SEARCH reading_values USING PRIMARY KEY (observed_at>? AND observed_at<?)",
            "SEARCH reading_series USING COVERING INDEX sqlite_autoindex_reading_series_1 (device=?)",
        ),
    ),
    "history of positions": Case(  # those of one instant are sorted
        lambda connection: fetch_positions(
            connection, device="cam1", from_time=YESTERDAY, to_time=NOW, cursor=None, limit=9
        ),
        ("SEARCH positions USING PRIMARY KEY (observed_at>? AND observed_at<?)",),
        sorts=1,
    ),
}


@pytest.fixture
def filled(store: Store) -> Store:
    """Events indexed and not, devices, readings, positions, and a picture of them."""
    told = [
        make_event(
            event_id=f"e{n}", event_timestamp=rfc3339(NOW - timedelta(hours=4 * n)), longitude=47.97 + n % 9 / 1e3
        )
        for n in range(60)
    ]
    intake = Intake(
        events=told,
        reports=[DeviceReport(source="cam1", family="frigate", seen_at=NOW)],
        readings=[Reading(device="cam1", metric="temperature", observed_at=NOW, received_at=NOW, value=1.0)],
        fixes=[Fix(device="cam1", observed_at=NOW, received_at=NOW, longitude=47.9, latitude=29.3)],
    )
    recorder = make_recorder(store, NOW)
    recorder.record(Intake(events=[make_event(event_id="first", event_timestamp=rfc3339(NOW - timedelta(days=20)))]))
    with store.write() as connection:
        settle_index(connection)
        last = 1 << SEGMENT_BITS
        connection.exec_driver_sql(f"UPDATE sqlite_sequence SET seq = {last} WHERE name = 'events'")
        connection.exec_driver_sql(f"UPDATE settled SET indexed_pk = {last}")
    recorder.record(intake)
    with store.write() as connection:
        change_device(connection, "cam1", DeviceChange(longitude=47.97, latitude=29.37), now=NOW)
        settle_index(connection, 50)
    settings = Settings()
    jobs = Jobs(store, risk=settings.risk, zone=settings.zone, clock=lambda: NOW, report=lambda _: None)
    jobs.queue_due()
    while jobs.perform_next():
        pass
    return store


@pytest.mark.parametrize("name", CASES)
def test_a_read_goes_through_its_indexes(filled: Store, name: str) -> None:
    case = CASES[name]
    statements = run_statements(filled, case.ask)
    plans = [plan_of(filled, statement) for statement in dict.fromkeys(statements)]
    assert [line for plan in plans for line in plan if is_scan_of_much(line)] == []
    assert [search for search in case.searches if not any(search in line for plan in plans for line in plan)] == []
    assert max(sum("TEMP B-TREE" in line for line in plan) for plan in plans) <= case.sorts, plans


def test_a_read_without_its_index_is_noticed(filled: Store) -> None:
    with filled.write() as connection:
        connection.exec_driver_sql("DROP INDEX events_time")
    statements = run_statements(filled, CASES["events, newest"].ask)
    lines = [line for statement in statements for line in plan_of(filled, statement)]
    assert [line for line in lines if is_scan_of_much(line)] == ["SCAN events"]
    assert any("TEMP B-TREE" in line for line in lines)


def run_statements(store: Store, ask: Ask) -> list[str]:
    """The queries that a function runs, with their values."""
    statements: list[str] = []
    with store.read() as connection:
        raw = raw_connection(connection)
        raw.set_trace_callback(statements.append)
        try:
            ask(connection)
        finally:
            raw.set_trace_callback(None)
    return [statement for statement in statements if statement.lstrip().startswith(("SELECT", "WITH"))]


def plan_of(store: Store, statement: str) -> list[str]:
    """SQLite's plan, with tables by their names where the statement gives them others."""
    names = {alias: table for table, alias in re.findall(r"(\w+) AS (\w+)", statement)}
    with store.read() as connection:
        lines = [row[3] for row in raw_connection(connection).execute(f"EXPLAIN QUERY PLAN {statement}")]
    return [
        re.sub(r"^(SCAN|SEARCH) (\w+)", lambda found: f"{found[1]} {names.get(found[2], found[2])}", line)
        for line in lines
    ]


def is_scan_of_much(line: str) -> bool:
    """Whether a line of a plan reads a whole table, or a virtual one (an R*Tree) without a condition."""
    found = re.match(r"SCAN (?:\d+ )?(CONSTANT ROWS?|\(subquery|\w+)(.*)", line)
    if found is None or found[1] in SMALL or found[1] == "(subquery":
        return False
    return not re.search(r"VIRTUAL TABLE INDEX 2:\w", found[2])

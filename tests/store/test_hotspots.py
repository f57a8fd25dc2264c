"""What hotspots are worked out from: sums of cells, days that were heard, places, and whether anything has changed."""

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from appliance.clock import rfc3339
from appliance.job.counting import count_events
from appliance.model.intake import DeviceReport, Intake
from appliance.store.engine import Store
from appliance.store.intake.batch import Recorder
from appliance.store.risk.hotspots import (
    fetch_heard_days,
    fetch_known_resolutions,
    fetch_points,
    fetch_stamp,
    fetch_sub_period_counts,
)
from appliance.store.settled.counts import fetch_cell_counts, fetch_daily_counts
from tests.conftest import NOW, make_event
from tests.store.test_settle import UTC_HOURS

TODAY = NOW.date()
FIRST = TODAY - timedelta(days=9)


def told(recorder: Recorder, *numbers: int) -> None:
    """Events four hours apart going back from now, at three places, of two types."""
    events = [
        make_event(
            event_id=f"e{n}",
            event_type="fire" if n % 4 == 0 else "motion",
            event_timestamp=rfc3339(NOW - timedelta(hours=4 * n)),
            longitude=47.97 + 0.05 * (n % 3),
        )
        for n in numbers
    ]
    recorder.record(Intake(events=events))


@pytest.fixture
def filled(store: Store, recorder: Recorder) -> Store:
    """Sixty events, of which two thirds are counted."""
    told(recorder, *range(40))
    count_events(store, UTC_HOURS)
    told(recorder, *range(40, 60))
    return store


@pytest.mark.parametrize("resolution", [6, 7, 8, 9])
@pytest.mark.parametrize("types", [(), ("fire",), ("fire", "motion"), ("flood",)])
def test_sums_of_cells_are_those_of_their_days(filled: Store, resolution: int, types: tuple[str, ...]) -> None:
    asked: dict[str, Any] = {"resolution": resolution, "hours": UTC_HOURS, "types": types}
    half = FIRST + timedelta(days=4)
    with filled.read() as connection:
        whole = fetch_cell_counts(connection, from_day=FIRST, to_day=TODAY, **asked)
        daily = fetch_daily_counts(connection, from_day=FIRST, to_day=TODAY, **asked)
        parts = fetch_sub_period_counts(
            connection, [(FIRST, half), (half + timedelta(days=1), TODAY)], resolution=resolution,
            hours=UTC_HOURS, types=types,
        )  # fmt: skip
    expected: dict[int, int] = {}
    for _, cell, count in daily:
        expected[cell] = expected.get(cell, 0) + count
    assert dict(whole) == expected and dict(parts[0] + parts[1]) == expected
    assert sum(expected.values()) == {("fire",): 15, ("flood",): 0}.get(types, 58)


def test_days_are_heard_whether_their_events_are_counted_or_not(filled: Store) -> None:
    with filled.read() as connection:
        heard = fetch_heard_days(connection, FIRST - timedelta(days=9), TODAY + timedelta(days=2), UTC_HOURS)
        later = fetch_heard_days(connection, TODAY, TODAY, UTC_HOURS)
    assert heard == {TODAY - timedelta(days=n) for n in range(11)}
    assert later == {TODAY}


def test_places_are_those_of_the_newest_events_of_a_type(filled: Store) -> None:
    def points(limit: int, types: tuple[str, ...] = (), last: date = TODAY) -> Any:
        with filled.read() as connection:
            return fetch_points(connection, first=FIRST, last=last, hours=UTC_HOURS, types=types, limit=limit)

    few = points(3)
    assert few.lng.tolist() == pytest.approx([47.97, 48.02, 48.07])
    assert (few.more, few.since) == (True, NOW - timedelta(hours=8))
    every = points(1_000)
    assert (len(every.lng), every.more) == (58, False)  # two are older than the first day
    assert len(points(1_000, ("fire",)).lng) == 15
    none = points(5, ("flood",))
    assert (len(none.lng), none.since, none.more) == (0, None, False)


def test_an_event_without_a_place_has_none(store: Store, recorder: Recorder) -> None:
    unplaced = msgspec.structs.replace(make_event(), longitude=None, latitude=None)
    recorder.record(Intake(events=[unplaced]))
    with store.read() as connection:
        found = fetch_points(connection, first=FIRST, last=TODAY, hours=UTC_HOURS, types=(), limit=5)
    assert len(found.lng) == 0


def test_the_stamp_moves_with_events_and_not_with_what_devices_say_of_themselves(
    store: Store, recorder: Recorder
) -> None:
    def stamp() -> object:
        with store.read() as connection:
            return fetch_stamp(connection)

    empty = stamp()
    told(recorder, 1)
    one = stamp()
    assert one != empty
    recorder.record(Intake(reports=[DeviceReport(source="cam1", family="frigate", seen_at=NOW)]))
    count_events(store, UTC_HOURS)
    assert stamp() == one
    recorder.record(Intake(events=[make_event(event_id="e1", rev=1, longitude=48.5)]))
    assert stamp() != one


def test_resolutions_are_those_counted_and_those_on_the_map(filled: Store) -> None:
    with filled.write() as connection:
        for ordinal, resolution in enumerate((9, 9, 11)):
            connection.exec_driver_sql(
                "INSERT INTO h3_cells (h3_index, resolution, ordinal, centre_longitude, centre_latitude, rev, geom) "
                "VALUES (?, ?, ?, 0, 0, 1, GeomFromText('MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)))', 4326))",
                (ordinal + 1, resolution, ordinal),
            )
    with filled.read() as connection:
        assert fetch_known_resolutions(connection) == {7, 8, 9, 11}

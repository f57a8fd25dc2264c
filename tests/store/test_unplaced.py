"""Events whose device has no place yet: kept, counted in no cell, and placed later."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.hours import SiteHours
from appliance.model.event import Event
from appliance.model.intake import Intake
from appliance.spatial.cells import cell_of, to_hex
from appliance.store.engine import Store
from appliance.store.event.pages import EventFilter, StoredEvent, fetch_events, place_events
from appliance.store.intake.batch import Recorder
from appliance.store.settled.counts import ensure_counts, fetch_daily_counts
from appliance.store.settled.tally import Tally
from tests.store.checks import assert_sound, event_at, totals

HERE = (47.97, 29.37)
DAY = date(2026, 11, 21)
UTC_HOURS = SiteHours(ZoneInfo("UTC"))


def events(store: Store, wanted: EventFilter | None = None) -> list[StoredEvent]:
    with store.read() as connection:
        return fetch_events(connection, wanted or EventFilter(), cursor=None, limit=100).items


def counted(store: Store, resolution: int = 8) -> int:
    with store.read() as connection:
        rows = fetch_daily_counts(connection, resolution=resolution, from_day=DAY, to_day=DAY, hours=UTC_HOURS)
    return sum(row[2] for row in rows)


def place(store: Store, source: str = "agency/cam7", limit: int = 2_000) -> int:
    with store.write() as connection:
        return place_events(connection, source, *HERE, Tally(UTC_HOURS, (7, 8)), limit)


def test_an_event_without_a_place_is_kept_and_counts_nowhere(store: Store, recorder: Recorder) -> None:
    assert recorder.record(Intake(events=[event_at(None)])).outcomes == ["stored"]
    (event,) = events(store)
    assert (event.h3_index, event.longitude, event.latitude) == (None, None, None)
    assert (counted(store), counted(store, resolution=9)) == (0, 0)
    assert_sound(store)


def test_no_box_holds_an_event_without_a_place(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[event_at(None), event_at(HERE, event_id="placed")]))
    found = events(store, EventFilter(bbox=(-180.0, -90.0, 180.0, 90.0)))
    assert [event.event_id for event in found] == ["placed"]


def test_a_place_given_later_counts_what_waited_for_it(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[event_at(None, event_id=f"e{n}") for n in range(3)]))
    recorder.record(Intake(events=[event_at(None, source="agency/cam8")]))
    assert (place(store), counted(store)) == (3, 3)
    placed = [event for event in events(store) if event.source == "agency/cam7"]
    cell = to_hex(cell_of(lat=HERE[1], lng=HERE[0], resolution=10))
    assert {(event.h3_index, event.longitude, event.latitude) for event in placed} == {(cell, *HERE)}
    assert totals(store, "placed") == {"": 3}
    assert_sound(store)


def test_placing_goes_in_bounded_steps(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[event_at(None, event_id=f"e{n}") for n in range(5)]))
    assert [place(store, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert counted(store) == 5
    assert_sound(store)


def test_an_event_that_was_placed_is_still_known_when_it_is_redelivered(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[event_at(None)]))
    place(store)
    assert recorder.record(Intake(events=[event_at(None), event_at(HERE)])).outcomes == ["duplicate"] * 2
    assert counted(store) == 1
    assert_sound(store)


@pytest.mark.parametrize(
    ("first", "correction", "place_of", "count"),
    [
        (None, None, (None, None), 0),
        (None, HERE, HERE, 1),
        (HERE, None, HERE, 1),  # a correction that tells no place does not take away the one that is known
        (HERE, (48.5, 29.0), (48.5, 29.0), 1),
    ],
)
def test_a_correction_may_bring_a_place_and_never_takes_one_away(
    store: Store,
    recorder: Recorder,
    first: tuple[float, float] | None,
    correction: tuple[float, float] | None,
    place_of: tuple[float | None, float | None],
    count: int,
) -> None:
    recorder.record(Intake(events=[event_at(first)]))
    corrected: Event = event_at(correction, rev=1, event_type="intrusion")
    assert recorder.record(Intake(events=[corrected])).outcomes == ["corrected"]
    (event,) = events(store)
    assert ((event.longitude, event.latitude), event.event_type) == (place_of, "intrusion")
    assert counted(store) == count
    assert_sound(store)


def test_counters_cut_anew_leave_out_what_has_no_place(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[event_at(None), event_at(HERE, event_id="placed")]))
    with store.write() as connection:
        ensure_counts(connection, SiteHours(ZoneInfo("Asia/Kuwait")), (8,))
    assert counted(store) == 1
    assert_sound(store, "Asia/Kuwait")

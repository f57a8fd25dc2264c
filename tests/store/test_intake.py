"""Writing what came in: once, whole, counted, and with its counters in the same transaction."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.aggregate.hours import SiteHours
from appliance.clock import HOUR_US, day_bounds, site_hour, to_us
from appliance.job.counting import count_events
from appliance.model.intake import CommandAnswer, DeviceReport, Fix, Intake, Reading, Rejection
from appliance.spatial.cells import cell_of
from appliance.store.engine import Store
from appliance.store.event.pages import EventFilter, fetch_events, place_events
from appliance.store.intake.batch import Recorder
from appliance.store.settled.counts import ensure_counts, fetch_daily_counts
from appliance.store.settled.tally import Tally
from tests.conftest import NOW, TORONTO, examples, make_event, make_recorder
from tests.store.checks import assert_sound, event_at, totals


def test_an_event_is_stored_with_its_three_times(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event()]))
    with store.read() as connection:
        (event,) = fetch_events(connection, EventFilter(), cursor=None, limit=10).items
    assert event.event_timestamp == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert event.received_at == event.recorded_at == NOW
    assert (event.longitude, event.latitude) == (47.97, 29.37)


def test_the_same_identity_with_other_content_is_a_duplicate(store: Store, recorder: Recorder) -> None:
    first = recorder.record(Intake(events=[make_event(), make_event(severity=0.5)]))
    again = recorder.record(Intake(events=[make_event(event_type="intrusion")]))
    assert (first.outcomes, again.outcomes) == (["stored", "duplicate"], ["duplicate"])
    assert (first.differing, again.differing) == (1, 1)
    assert recorder.record(Intake(events=[make_event()])).differing == 0
    assert totals(store) == {"received": 4, "stored": 1, "duplicate": 3}


def test_the_same_id_from_another_source_is_another_event(store: Store, recorder: Recorder) -> None:
    events = [make_event(), make_event(source="agency/cam8")]
    assert recorder.record(Intake(events=events)).outcomes == ["stored", "stored"]


def test_a_higher_revision_corrects_and_moves_its_count(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event()]))
    moved = make_event(rev=1, event_timestamp="2026-11-20T10:00:00Z", event_type="intrusion")
    assert recorder.record(Intake(events=[moved])).outcomes == ["corrected"]
    late = recorder.record(Intake(events=[make_event()]))
    assert (late.outcomes, late.differing) == (["duplicate"], 0)  # told before the correction
    assert recorder.record(Intake(events=[make_event(rev=1)])).outcomes == ["duplicate"]
    with store.read() as connection:
        (event,) = fetch_events(connection, EventFilter(), cursor=None, limit=10).items
    assert (event.event_type, event.rev) == ("intrusion", 1)
    assert totals(store) == {"received": 4, "stored": 1, "folded": 1, "duplicate": 2}
    assert_sound(store)


def test_events_without_an_id_are_told_apart_by_content(store: Store, recorder: Recorder) -> None:
    events = [make_event(event_id=None, value=value) for value in (1, 2, 1)]
    assert recorder.record(Intake(events=events)).outcomes == ["stored", "stored", "duplicate"]


def test_nothing_of_an_intake_is_written_when_one_part_cannot_be(store: Store, recorder: Recorder) -> None:
    poisoned = make_event(event_id="e2", value=1.0)
    broken = Rejection(topic="t", payload=b"{}", reason=b"not text")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        recorder.record(Intake(events=[poisoned], rejections=[broken]))
    assert totals(store) == {}


def test_a_packed_point_is_what_spatialite_makes(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event()]))
    with store.read() as connection:
        row = connection.exec_driver_sql(
            "SELECT geom = MakePoint(47.97, 29.37, 4326), ST_X(geom), ST_SRID(geom) FROM events"
        ).one()
    assert tuple(row) == (1, 47.97, 4326)


def test_days_and_hours_are_the_sites_own(store: Store) -> None:
    with store.write() as connection:
        ensure_counts(connection, SiteHours(TORONTO), (7, 8))
    recorder = make_recorder(store, NOW, zone="America/Toronto")
    recorder.record(Intake(events=[make_event(event_timestamp="2026-11-21T04:30:00Z")]))  # 23:30 the evening before
    count_events(store, SiteHours(TORONTO))
    with store.read() as connection:
        row = connection.exec_driver_sql("SELECT day, hour FROM event_counts WHERE resolution = 8").one()
    assert tuple(row) == ("2026-11-20", to_us(datetime(2026, 11, 21, 4, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("zone", "instant", "hour"),
    [
        ("Asia/Kolkata", "2026-11-21T10:05:00+00:00", "2026-11-21T09:30:00+00:00"),  # 15:35 local began 15:00
        ("America/Toronto", "2026-11-01T05:30:00+00:00", "2026-11-01T05:00:00+00:00"),  # the first 01:30
        ("America/Toronto", "2026-11-01T06:30:00+00:00", "2026-11-01T06:00:00+00:00"),  # the second 01:30
    ],
)
def test_an_hour_begins_by_the_sites_clock(zone: str, instant: str, hour: str) -> None:
    us = to_us(datetime.fromisoformat(instant))
    assert site_hour(us, ZoneInfo(zone)) == to_us(datetime.fromisoformat(hour))
    assert SiteHours(ZoneInfo(zone)).place(us)[1] == to_us(datetime.fromisoformat(hour))


def test_a_day_of_a_clock_change_has_23_or_25_hours() -> None:
    lengths = []
    for day in ("2026-03-08", "2026-11-01", "2026-06-01"):
        start, end = day_bounds(datetime.fromisoformat(day).date(), TORONTO)
        lengths.append((to_us(end) - to_us(start)) // HOUR_US)
    assert lengths == [23, 25, 24]


def test_counts_are_cut_anew_when_zone_or_resolutions_change(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event(event_timestamp="2026-11-21T02:00:00Z")]))
    with store.write() as connection:
        assert ensure_counts(connection, SiteHours(TORONTO), (9,)) is True
        assert ensure_counts(connection, SiteHours(TORONTO), (9,)) is False
    with store.read() as connection:
        rows = connection.exec_driver_sql("SELECT resolution, day, h3_index FROM event_counts").all()
    assert rows == [(9, "2026-11-20", cell_of(lat=29.37, lng=47.97, resolution=9))]


def test_a_resolution_that_is_not_counted_is_counted_from_the_events(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event(event_id=f"e{n}", longitude=47.9 + n / 500) for n in range(40)]))
    day = date(2026, 11, 21)
    hours = SiteHours(ZoneInfo("UTC"))
    with store.read() as connection:
        counted = fetch_daily_counts(connection, resolution=8, from_day=day, to_day=day, hours=hours)
        finer = fetch_daily_counts(connection, resolution=9, from_day=day, to_day=day, hours=hours)
        other = fetch_daily_counts(connection, resolution=9, from_day=day, to_day=day, hours=hours, types=["x"])
    assert sum(row[2] for row in counted) == sum(row[2] for row in finer) == 40
    assert len(finer) > len(counted)
    assert other == []


def reading(value: float, *, seconds: int = 0) -> Reading:
    return Reading(
        device="a/b", metric="co2", observed_at=NOW - timedelta(seconds=seconds), received_at=NOW, value=value
    )


def fix(seconds: int) -> Fix:
    at = NOW - timedelta(seconds=seconds)
    return Fix(device="a/b", observed_at=at, received_at=NOW, longitude=47.97, latitude=29.37)


def test_every_item_ends_in_exactly_one_term(store: Store, recorder: Recorder) -> None:
    receipt = recorder.record(
        Intake(
            events=[make_event(), make_event(), make_event(rev=1)],  # stored, duplicate, folded
            readings=[reading(1.0), reading(1.0), reading(2.0)],  # stored, duplicate, stored
            fixes=[fix(1), fix(2), fix(1)],  # stored, stored, duplicate
            reports=[DeviceReport(source="a/b", family="native", seen_at=NOW, items=4)],  # folded
            answers=[CommandAnswer(device="a/b", outcome="done", received_at=NOW)],  # folded
            rejections=[Rejection(topic="t", payload=b"{", reason="not JSON")],  # quarantined
            refused=2,  # shed
            folded={"retained": 3, "state": 1},  # folded
            duplicates=5,  # duplicate
        )
    )
    assert (receipt.readings_stored, receipt.readings_duplicate) == (2, 1)
    assert (receipt.fixes_stored, receipt.fixes_duplicate) == (2, 1)
    assert totals(store, "folded") == {"correction": 1, "state": 5, "answer": 1, "retained": 3}
    assert totals(store, "stored") == {"": 1, "reading": 2, "position": 2}
    assert totals(store) == {
        "received": 26, "stored": 5, "folded": 10, "duplicate": 8, "quarantined": 1, "shed": 2,
    }  # fmt: skip
    assert_sound(store)


def test_an_intake_without_items_still_teaches(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(reports=[DeviceReport(source="a/b", family="native", seen_at=NOW)]))
    recorder.record(Intake())
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT source FROM devices").all() == [("a/b",)]
    assert totals(store) == {}


@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 8), st.integers(0, 72), st.none() | st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
            st.integers(0, 2),
        ),
        max_size=25,
    ),
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, -0.0, 1.5, 2.0])), max_size=12),
    st.lists(st.integers(0, 3), max_size=6),
    st.integers(0, 3),
)  # fmt: skip
def test_balance_counters_and_series_hold_after_any_intake(
    store: Store,
    events: list[tuple[int, int, tuple[float, float] | None, int]],
    readings: list[tuple[int, float]],
    fixes: list[int],
    extra: int,
) -> None:
    intake = Intake(
        events=[
            event_at(place, event_id=f"e{n}", event_timestamp=1_795_000_000 + hours * 3600, rev=rev)
            for n, hours, place, rev in events
        ],
        readings=[reading(value, seconds=seconds) for seconds, value in readings],
        fixes=[fix(seconds) for seconds in fixes],
        reports=[DeviceReport(source=f"a/{extra}", family="native", seen_at=NOW, items=extra)],
        refused=1,
        folded={"retained": extra},
        duplicates=extra,
    )
    make_recorder(store, NOW).record(intake)
    assert_sound(store)
    with store.write() as connection:
        tally = Tally(SiteHours(ZoneInfo("UTC")), (7, 8))
        assert place_events(connection, "agency/cam7", 47.97, 29.37, tally, limit=3) <= 3
    assert_sound(store)

"""Settling: wherever the marks stand, each event is known once, found where it is, and counted exactly."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.aggregate.hours import SiteHours
from appliance.errors import Corrupt, NoRoom, NotFound
from appliance.job.counting import count_events
from appliance.model.intake import Intake, Rejection
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.event import writer as event_writer
from appliance.store.event.pages import fetch_event, place_events
from appliance.store.intake import batch as intake
from appliance.store.intake.batch import Recorder
from appliance.store.settled import settle
from appliance.store.settled.counts import ensure_counts, fetch_daily_counts
from appliance.store.settled.settle import (
    delete_events,
    drop_segments,
    fetch_counted,
    fetch_marks,
    settle_counts,
    settle_index,
    tally_uncounted,
    write_tallied,
)
from appliance.store.settled.tally import Tally
from tests.conftest import NOW, examples, make_event, make_recorder, wait_for
from tests.empty_store import put_store
from tests.store.checks import assert_sound, event_at, totals

HERE = (47.97, 29.37)
UTC_HOURS = SiteHours(ZoneInfo("UTC"))


def index(store: Store, limit: int = 100) -> int:
    with store.write() as connection:
        return settle_index(connection, limit)


def delete(store: Store, *keys: int, uncount: bool = False) -> int:
    with store.write() as connection:
        tally = Tally(UTC_HOURS, (7, 8))
        deleted = delete_events(connection, tally, keys, uncount=uncount)
        tally.write(connection)
        return deleted


def counted(store: Store, resolution: int = 8) -> int:
    with store.read() as connection:
        rows = fetch_daily_counts(
            connection,
            resolution=resolution,
            from_day=(NOW - timedelta(days=9)).date(),
            to_day=NOW.date(),
            hours=UTC_HOURS,
        )
    return sum(row[2] for row in rows)


@pytest.fixture(params=[False, True], ids=["at once", "beside"])
def settling(store: Store, request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """A recorder that indexes before it returns, and one that does it in a thread."""
    made = make_recorder(store, NOW, beside=request.param)
    yield made
    made.close()


@pytest.mark.parametrize("when", ["in the tail", "settled"])
def test_an_event_is_known_again_wherever_it_lies(store: Store, recorder: Recorder, when: str) -> None:
    recorder.record(Intake(events=[make_event(event_id=name) for name in ("b", "d")]))
    if when == "settled":
        assert index(store) == 2
    outcomes = recorder.record(
        Intake(events=[make_event(event_id=name) for name in ("a", "b", "c", "d", "e")])
    ).outcomes
    assert outcomes == ["stored", "duplicate", "stored", "duplicate", "stored"]
    with store.read() as connection:
        assert fetch_event(connection, "agency/cam7", "b").event_id == "b"
        with pytest.raises(NotFound):
            fetch_event(connection, "agency/cam7", "f")
    assert_sound(store)


def test_what_another_writer_stored_or_settled_is_known(store: Store, recorder: Recorder) -> None:
    other = make_recorder(store, NOW)
    recorder.record(Intake(events=[make_event(event_id="a")]))
    assert other.record(Intake(events=[make_event(event_id="a")])).outcomes == ["duplicate"]
    other.record(Intake(events=[make_event(event_id="b")]))
    index(store)
    assert recorder.record(Intake(events=[make_event(event_id="b")])).outcomes == ["duplicate"]
    assert_sound(store)


def test_what_was_taken_back_is_new_again(store: Store, recorder: Recorder) -> None:
    broken = Rejection(topic="t", payload=b"{}", reason=b"not text")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        recorder.record(Intake(events=[make_event()], rejections=[broken]))
    assert recorder.record(Intake(events=[make_event()])).outcomes == ["stored"]
    assert_sound(store)


def test_the_writer_settles_when_the_tail_has_grown(
    store: Store, settling: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "INDEX_ROWS", 10)
    monkeypatch.setattr(event_writer, "MAX_UNCOUNTED", 20)
    for start in range(0, 40, 5):
        ids = [f"e{n:02}" for n in range(max(0, start - 1), start + 5)]  # the last one again
        outcomes = settling.record(Intake(events=[make_event(event_id=name) for name in ids])).outcomes
        assert outcomes == ["duplicate"] * (len(ids) - 5) + ["stored"] * 5
    settling.close()
    with store.read() as connection:
        assert fetch_marks(raw_connection(connection)) == (40, 30)  # as much at a time as was indexed
    assert counted(store) == 40  # with those that wait
    assert_sound(store)


def test_a_store_that_cannot_be_written_while_settling_is_settled_later(
    store: Store, settling: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_writer, "INDEX_ROWS", 2)
    monkeypatch.setattr(intake, "SETTLE_AGAIN_S", 0.0)

    def fail(connection: object) -> int:
        raise NoRoom("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(event_writer, "settle_index", fail)
        assert settling.record(Intake(events=[make_event(event_id=n) for n in "abc"])).outcomes == ["stored"] * 3
        wait_for(lambda: "indexed later: the disk is full" in caplog.text, what="the warning")
    settling.record(Intake(events=[make_event(event_id="d")]))
    settling.close()
    with store.read() as connection:
        assert fetch_marks(raw_connection(connection)).indexed == 4
    assert_sound(store)


def test_a_fault_while_settling_beside_stops_the_next_record(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_writer, "INDEX_ROWS", 2)
    recorder = make_recorder(store, NOW, beside=True)
    with monkeypatch.context() as patched:
        patched.setattr(event_writer, "settle_index", lambda _connection: 1 / 0)
        recorder.record(Intake(events=[make_event(event_id=name) for name in "ab"]))
        with pytest.raises(ZeroDivisionError):
            recorder.record(Intake(events=[make_event(event_id="c")]))
    assert recorder.record(Intake(events=[make_event(event_id="c")])).outcomes == ["stored"]
    recorder.close()
    assert_sound(store)


def test_each_resolution_is_counted_as_far_as_it_is_and_catches_up_with_the_others(
    store: Store, recorder: Recorder
) -> None:
    recorder.record(Intake(events=[event_at(HERE, event_id=f"e{n}") for n in range(3)]))
    assert count_events(store, UTC_HOURS, only={8}) == 3
    recorder.record(Intake(events=[event_at(HERE, event_id=f"e{n}") for n in range(3, 5)]))
    with store.read() as connection:
        assert fetch_counted(raw_connection(connection)) == {7: 0, 8: 3}
    assert (counted(store, 7), counted(store, 8)) == (5, 5)
    recorder.record(Intake(events=[event_at((48.5, 29.9), event_id="e1", rev=1)]))
    assert delete(store, 3, uncount=True) == 1
    assert (counted(store, 7), counted(store, 8)) == (4, 4)
    assert_sound(store)
    with store.write() as connection:
        assert settle_counts(connection, Tally(UTC_HOURS, (7, 8))).resolutions == (7,)
    count_events(store, UTC_HOURS)
    with store.read() as connection:
        assert fetch_counted(raw_connection(connection)) == {7: 5, 8: 5}
    assert (counted(store, 7), counted(store, 8)) == (4, 4)
    assert_sound(store)


@pytest.mark.parametrize("change", ["corrected", "deleted", "counted by another", "none"])
def test_what_was_tallied_without_a_lock_counts_only_if_nothing_was_amended_meanwhile(
    store: Store, recorder: Recorder, change: str
) -> None:
    recorder.record(Intake(events=[event_at(HERE, event_id=f"e{n}") for n in range(3)]))
    tally = Tally(UTC_HOURS, (7, 8))
    with store.read() as connection:
        found = tally_uncounted(connection, tally)
    rows = tally.take()
    if change == "corrected":
        recorder.record(Intake(events=[event_at((48.5, 29.9), event_id="e1", rev=1)]))
    elif change == "deleted":
        delete(store, 2, uncount=True)
    elif change == "counted by another":
        count_events(store, UTC_HOURS)
    recorder.record(Intake(events=[event_at(HERE, event_id="new")]))  # which amends nothing
    for resolution in (7, 8):
        with store.write() as connection:
            assert write_tallied(connection, found, resolution, rows[resolution]) == (change == "none")
    count_events(store, UTC_HOURS)
    assert counted(store) == (3 if change == "deleted" else 4)
    assert_sound(store)


def test_events_deleted_by_age_leave_their_counts(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event(event_id=f"e{n}") for n in range(4)]))
    with pytest.raises(Corrupt, match="not rolled up"):
        delete(store, 1)
    index(store)
    count_events(store, UTC_HOURS)
    assert delete(store, 1, 2, 77) == 2
    assert counted(store) == 4
    assert totals(store, "purged") == {"": 2}
    assert recorder.record(Intake(events=[make_event(event_id="e3")])).outcomes == ["duplicate"]
    assert_sound(store)


@pytest.mark.parametrize("settled", [False, True])
def test_events_that_were_wrong_take_their_counts_with_them(store: Store, recorder: Recorder, settled: bool) -> None:
    recorder.record(Intake(events=[make_event(event_id=f"e{n}") for n in range(4)]))
    if settled:
        index(store)
        count_events(store, UTC_HOURS)
    assert delete(store, 1, 2, uncount=True) == 2
    assert counted(store) == 2
    assert recorder.record(Intake(events=[make_event(event_id="e0")])).outcomes == ["stored"]
    assert_sound(store)


def test_the_counters_of_deleted_events_outlive_a_change_of_zone(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event(event_timestamp="2026-11-21T02:00:00Z", event_id="old")]))
    recorder.record(Intake(events=[make_event(event_id="new")]))
    index(store)
    count_events(store, UTC_HOURS)
    delete(store, 1)
    toronto = SiteHours(ZoneInfo("America/Toronto"))
    with store.write() as connection:
        assert ensure_counts(connection, toronto, (8, 9))
    with store.read() as connection:
        days = (NOW - timedelta(days=3)).date(), NOW.date()
        rows = fetch_daily_counts(connection, resolution=8, from_day=days[0], to_day=days[1], hours=toronto)
    assert sorted((row[0], row[2]) for row in rows) == [("2026-11-20", 1), ("2026-11-21", 1)]
    assert_sound(store, "America/Toronto")


def test_a_segment_without_events_leaves_the_index(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event(event_id="a"), make_event(event_id="b")]))
    with store.write() as connection:  # as if many events lay between
        connection.exec_driver_sql(f"UPDATE events SET event_pk = {1 << settle.SEGMENT_BITS} WHERE event_id = 'b'")
        connection.exec_driver_sql(f"UPDATE sqlite_sequence SET seq = {1 << settle.SEGMENT_BITS} WHERE name = 'events'")
    index(store)
    count_events(store, UTC_HOURS)
    with store.write() as connection:
        assert drop_segments(connection, 10) == 0
    delete(store, 1)
    with store.write() as connection:
        assert drop_segments(connection, 10) == 1
        assert connection.exec_driver_sql("SELECT segment FROM event_cells").all() == [(1,)]


PLACES = st.none() | st.tuples(st.sampled_from([47.97, -179.999, 12.5]), st.sampled_from([29.37, 89.9, 0.0]))
STEPS = st.one_of(
    st.tuples(
        st.just("record"),
        st.integers(0, 1),
        st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2), PLACES, st.integers(0, 40)), max_size=6),
    ),
    st.tuples(st.just("index"), st.integers(1, 5), st.just([])),
    st.tuples(st.just("count"), st.sampled_from([0, 7, 8]), st.just([])),
    st.tuples(st.just("place"), st.integers(1, 3), st.just([])),
    st.tuples(st.just("delete"), st.integers(1, 12), st.just([])),
)


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=14))
def test_any_history_of_writers_settling_placing_and_deleting_is_sound(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, int, list[tuple[int, int, object, int]]]],
) -> None:
    store = Store(put_store(tmp_path_factory.mktemp("history") / FILE_NAME, counted=(7, 8)))
    recorders = [make_recorder(store, NOW), make_recorder(store, NOW)]
    revisions: dict[str, int] = {}
    keys: dict[int, str] = {}
    for what, number, events in steps:
        if what == "record":
            expected, intake = [], []
            for n, rev, place, hours in events:
                name = f"e{n}"
                at = datetime(2026, 11, 20, tzinfo=UTC) + timedelta(hours=hours)
                intake.append(event_at(place, event_id=name, rev=rev, event_timestamp=at.isoformat()))  # type: ignore[arg-type]
                known = revisions.get(name)
                expected.append("stored" if known is None else "corrected" if rev > known else "duplicate")
                revisions[name] = max(rev, known if known is not None else rev)
                if known is None:
                    keys[max(keys, default=0) + 1] = name
            assert recorders[number].record(Intake(events=intake)).outcomes == expected
        elif what == "index":
            index(store, number)
        elif what == "count":
            count_events(store, UTC_HOURS, only={number} if number else None)
        elif what == "place":
            with store.write() as connection:
                place_events(connection, "agency/cam7", *HERE, Tally(UTC_HOURS, (7, 8)), limit=number)
        elif number in keys and keys[number] in revisions and delete(store, number, uncount=True):
            del revisions[keys[number]]
    assert_sound(store)
    assert counted(store, 7) == counted(store, 8)
    count_events(store, UTC_HOURS)
    with store.read() as connection:
        assert len(set(fetch_counted(raw_connection(connection)).values())) == 1
    assert_sound(store)
    store.close()

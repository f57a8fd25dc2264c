"""Readings: once each however often they come, and two at one instant are two."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected, Unavailable
from appliance.model.intake import Intake, Reading, Receipt, Rejection
from appliance.store.engine import Store, raw_connection
from appliance.store.intake.batch import Recorder
from appliance.store.measured import readings
from appliance.store.measured.readings import MAX_KNOWN, ReadingPage, fetch_readings, remember
from tests.conftest import NOW, examples, make_recorder
from tests.store.checks import assert_sound, totals

US = timedelta(microseconds=1)


def reading(value: float = 21.5, *, at: datetime = NOW, **members: Any) -> Reading:
    given = {"device": "shelly/1", "metric": "temperature", "unit": "Cel", **members}
    return Reading(observed_at=at, received_at=NOW, value=value, **given)


def record(store: Store, *values: float, at: datetime = NOW) -> Receipt:
    return make_recorder(store, NOW).record(Intake(readings=[reading(value, at=at) for value in values]))


def fetch(store: Store, **wanted: Any) -> ReadingPage:
    with store.read() as connection:
        return fetch_readings(connection, **{"limit": 1_000, **wanted})


def stored(store: Store) -> list[tuple[int, float]]:
    """(microseconds after `NOW`, value), oldest first."""
    return [((item.observed_at - NOW) // US, item.value) for item in reversed(fetch(store).items)]


def test_a_reading_comes_back_as_it_went_in(store: Store, recorder: Recorder) -> None:
    told = reading(-3.25, metric="temperature.outdoor", clock_quality="missing")
    recorder.record(Intake(readings=[told]))
    assert fetch(store).items == [told]


def test_the_same_value_at_the_same_instant_is_a_duplicate(store: Store) -> None:
    first, again = record(store, 21.5, 21.5), record(store, 21.5)
    assert (first.readings_stored, first.readings_duplicate) == (1, 1)
    assert (again.readings_stored, again.readings_duplicate) == (0, 1)
    assert stored(store) == [(0, 21.5)]


@pytest.mark.parametrize("order", [(3.0, 1.0, 2.0), (1.0, 2.0, 3.0)])
def test_other_values_at_the_same_instant_stand_beside_one_another_in_whatever_order(
    store: Store, order: tuple[float, ...]
) -> None:
    for value in order:
        record(store, value)
    assert stored(store) == [(0, 1.0), (0, 2.0), (0, 3.0)]
    assert record(store, *order).readings_duplicate == 3
    assert len(stored(store)) == 3
    assert_sound(store)


def test_a_page_may_end_among_the_values_of_one_instant(store: Store) -> None:
    record(store, 1.0, 2.0, 3.0)
    first = fetch(store, limit=2)
    rest = fetch(store, limit=2, cursor=first.next_cursor)
    assert [item.value for item in (*first.items, *rest.items)] == [3.0, 2.0, 1.0]
    assert rest.next_cursor is None


def test_device_metric_and_unit_make_a_series_of_their_own(store: Store, recorder: Recorder) -> None:
    others = [reading(), reading(device="shelly/2"), reading(metric="humidity"), reading(unit="[degF]")]
    assert recorder.record(Intake(readings=others)).readings_stored == 4
    assert {item.observed_at for item in fetch(store).items} == {NOW}


def test_a_value_that_is_no_number_is_an_error_and_nothing_is_written(store: Store, recorder: Recorder) -> None:
    with pytest.raises(Exception, match="NOT NULL"):
        recorder.record(Intake(readings=[reading(1.0), reading(float("nan"))]))
    assert (stored(store), totals(store)) == ([], {})


def test_a_series_of_a_transaction_that_was_taken_back_is_not_remembered(store: Store, recorder: Recorder) -> None:
    broken = Rejection(topic="t", payload=b"{}", reason=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        recorder.record(Intake(readings=[reading()], rejections=[broken]))
    make_recorder(store, NOW).record(
        Intake(readings=[reading(device="another/1")])
    )  # takes the key that was free again
    recorder.record(Intake(readings=[reading()]))
    assert [item.device for item in fetch(store).items] == ["shelly/1", "another/1"]
    assert_sound(store)


def test_the_memory_of_series_is_bounded() -> None:
    known = {("d", "m", str(n)): n for n in range(MAX_KNOWN)}
    remember(known, {("d", "m", "new"): MAX_KNOWN})
    assert known == {("d", "m", "new"): MAX_KNOWN}


def test_series_are_bounded_and_readings_of_those_beyond_are_shed_and_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "MAX_SERIES", 2)
    names = ["a", "b", "c", "a"]
    make_recorder(store, NOW).record(Intake(readings=[reading(n, metric=name) for n, name in enumerate(names)]))
    assert {item.metric for item in fetch(store).items} == {"a", "b"}
    assert totals(store) == {"received": 4, "stored": 3, "shed": 1}
    assert_sound(store)


def test_readings_are_told_newest_first_a_page_at_a_time(store: Store, recorder: Recorder) -> None:
    told = [
        reading(float(n), at=NOW - timedelta(seconds=n // 2), device=f"shelly/{n % 2}", clock_quality="good")
        for n in range(9)
    ]
    recorder.record(Intake(readings=told))
    pages, cursor = [], None
    while not pages or cursor:
        page = fetch(store, limit=4, cursor=cursor)
        pages.append([item.value for item in page.items])
        cursor = page.next_cursor
    assert pages == [[1.0, 0.0, 3.0, 2.0], [5.0, 4.0, 7.0, 6.0], [8.0]]


def test_readings_are_chosen_by_device_metric_and_a_half_open_time(store: Store, recorder: Recorder) -> None:
    minutes = [NOW - timedelta(minutes=n) for n in range(4)]
    recorder.record(
        Intake(
            readings=[
                *(reading(float(n), at=at) for n, at in enumerate(minutes)),
                reading(50.0, metric="humidity", unit="%"),
                reading(9.0, device="shelly/2"),
            ]
        )
    )
    of_one = fetch(store, device="shelly/1", metric="temperature", from_time=minutes[2], to_time=minutes[0])
    assert [item.value for item in of_one.items] == [1.0, 2.0]
    assert [item.value for item in fetch(store, device="shelly/2").items] == [9.0]
    assert [item.value for item in fetch(store, metric="humidity").items] == [50.0]
    assert fetch(store, device="nobody/1").items == []


@pytest.mark.parametrize("cursor", ["", "x", "1", "1.", ".1", "1.x", f"{2**63}.1", f"1.{2**64}"])
def test_a_cursor_that_no_page_gave_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(Rejected, match="not a cursor"):
        fetch(store, cursor=cursor)


def test_values_are_looked_up_by_time_and_never_by_a_scan_of_another_order(store: Store) -> None:
    with store.read() as connection:
        plan = raw_connection(connection).execute(
            "EXPLAIN QUERY PLAN SELECT value FROM reading_values "
            "WHERE (observed_at, series_pk) IN (VALUES (1, 2), (3, 4))"
        )
        assert "SEARCH reading_values USING PRIMARY KEY (observed_at=? AND series_pk=?)" in str(plan.fetchall())


def test_a_reading_waits_when_the_disk_is_full(store: Store, recorder: Recorder) -> None:
    with store.write() as connection:
        raw_connection(connection).execute("PRAGMA max_page_count = 1")  # as it is now, since it cannot be less
    with pytest.raises(Unavailable, match="full"):
        recorder.record(Intake(readings=[reading(float(n), device=f"d/{n}") for n in range(3_000)]))
    assert stored(store) == []


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 1.0, 2.0, 3.5])), max_size=20), st.integers(0, 20))
def test_batches_of_any_cut_delivered_again_store_nothing_new(
    store: Store, told: list[tuple[int, float]], cut: int
) -> None:
    with store.write() as connection:
        raw_connection(connection).execute("DELETE FROM reading_values")
    batches = [[reading(value, at=NOW + us * US) for us, value in part] for part in (told[:cut], told[cut:])]
    recorder = make_recorder(store, NOW)
    for batch in batches:
        recorder.record(Intake(readings=batch))
    before = stored(store)
    for batch in batches:
        assert recorder.record(Intake(readings=batch)).readings_stored == 0
    assert stored(store) == before
    assert {value for _, value in before} == {value for _, value in told}

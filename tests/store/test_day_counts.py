"""Sums of days, packed or made anew: always what the counters say."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.hours import SiteHours
from appliance.job.counting import Ahead, count_events
from appliance.model.intake import Intake
from appliance.store.engine import Store, raw_connection
from appliance.store.intake.batch import Recorder
from appliance.store.settled import day_changes, day_counts
from appliance.store.settled.changed_days import note_changed
from appliance.store.settled.counts import ensure_counts, fetch_daily_counts
from appliance.store.settled.day_counts import SETTLED, DayCounts, fetch_day_counts, pack_days
from tests.conftest import make_event

HOURS = SiteHours(ZoneInfo("UTC"))
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 9)


@pytest.fixture
def counted(store: Store, recorder: Recorder) -> Store:
    """Nine days with an event each, in three places, of two types."""
    tell(recorder, *(make(n) for n in range(9)))
    count_events(store, HOURS)
    return store


def make(n: int, day: int | None = None) -> dict[str, object]:
    return {
        "event_id": f"e{n}",
        "event_type": ("motion", "theft")[n % 2],
        "event_timestamp": f"2026-11-{1 + (n if day is None else day):02d}T10:00:00Z",
        "longitude": 47.9 + n % 3 / 40,
    }


def tell(recorder: Recorder, *events: dict[str, object]) -> None:
    recorder.record(Intake(events=[make_event(**event) for event in events]))


def sums(store: Store, types: tuple[str, ...] = ()) -> DayCounts:
    """The sums, which must be what the counters say; and are packed."""
    with store.read() as connection:
        found = fetch_day_counts(connection, resolution=8, first=FIRST, last=LAST, types=types)
        plain = fetch_daily_counts(connection, resolution=8, from_day=FIRST, to_day=LAST, hours=HOURS, types=types)
    rows = {
        ((FIRST + timedelta(days=n)).isoformat(), cell, count)
        for n, day in enumerate(found.sums)
        for cell, count in zip(day.cells.tolist(), day.counts.tolist(), strict=True)
    }
    assert rows == set(plain)
    with store.write() as connection:
        assert pack_days(connection, found).unpacked == []
    return found


def test_a_day_is_summed_once_and_the_last_each_time(counted: Store) -> None:
    assert sums(counted).unpacked == list(range(9))
    assert sums(counted).unpacked == [8]


def test_a_late_event_has_its_day_summed_again_and_what_it_was_is_still_known(
    counted: Store, recorder: Recorder
) -> None:
    sums(counted)
    tell(recorder, make(20, day=3))
    count_events(counted, HOURS)
    found = sums(counted)
    assert found.unpacked == [3, 8]
    assert (found.before[3].counts.sum(), found.sums[3].counts.sum()) == (1, 2)
    assert found.held[3] < found.changes[3]


def read(statement: str, store: Store) -> list[tuple[int, ...]]:
    with store.read() as connection:
        return list(raw_connection(connection).execute(statement))


def test_the_sum_of_a_packed_day_follows_what_was_counted_since_without_its_counters(
    counted: Store, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums(counted)
    for n in range(3):
        tell(recorder, make(20 + n, day=3), make(20 + n, day=4))  # the second is the first again, and no event
        count_events(counted, HOURS)
    tell(recorder, {**make(20, day=5), "rev": 1})  # leaves its day
    assert read("SELECT count(*) FROM day_changes WHERE resolution = 8", counted) == [(5,)]
    summed: list[str] = []
    sum_day = day_counts._sum_day

    def note(raw: object, resolution: int, day: str, types: tuple[str, ...]) -> object:
        summed.append(day)
        return sum_day(raw, resolution, day, types)

    monkeypatch.setattr(day_counts, "_sum_day", note)
    found = sums(counted)
    assert (found.unpacked, [int(found.sums[n].counts.sum()) for n in (3, 5)]) == ([3, 5, 8], [3, 2])
    assert summed == ["2026-11-09"]
    assert read("SELECT count(*) FROM day_changes WHERE resolution = 8", counted) == [(0,)]
    sums(counted, ("theft",))
    assert len(summed) > 5  # packed over all types, they say nothing of some


@pytest.mark.parametrize("break_it", ["another changes counters", "too many changes", "a row is lost"])
def test_where_what_was_counted_since_is_not_all_known_the_day_is_summed_anew(
    counted: Store, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, break_it: str
) -> None:
    monkeypatch.setattr(day_changes, "MAX_CHANGES", 2 if break_it == "too many changes" else 32)
    sums(counted)
    for n in range(4):
        tell(recorder, make(20 + n, day=3))
        count_events(counted, HOURS)
    with counted.write() as connection:
        raw = raw_connection(connection)
        if break_it == "another changes counters":
            raw.execute("UPDATE event_counts SET event_count = event_count + 1 WHERE day = '2026-11-04'")
            note_changed(raw, {(8, "2026-11-04")})
        elif break_it == "a row is lost":
            raw.execute("DELETE FROM day_changes WHERE change = (SELECT min(change) FROM day_changes) + 1")
    with counted.read() as connection:
        found = fetch_day_counts(connection, resolution=8, first=FIRST, last=LAST)
    counters = "SELECT sum(event_count) FROM event_counts WHERE resolution = 8 AND day = '2026-11-04'"
    assert [(int(found.sums[3].counts.sum()),)] == read(counters, counted)


def test_a_cell_whose_events_all_leave_it_is_in_its_sum_no_more(counted: Store, recorder: Recorder) -> None:
    before = sums(counted).sums[3].cells.tolist()
    tell(recorder, {**make(3, day=4), "rev": 1})
    assert len(before) == 1
    assert sums(counted).sums[3].cells.tolist() == []


def test_an_event_that_is_not_counted_yet_is_not_in_a_sum(counted: Store, recorder: Recorder) -> None:
    sums(counted)
    tell(recorder, make(20, day=3))
    with counted.read() as connection:
        found = fetch_day_counts(connection, resolution=8, first=FIRST, last=LAST)
    assert found.unpacked == [8]


def test_sums_of_some_types_are_not_taken_for_those_of_all(counted: Store) -> None:
    assert sum(day.counts.sum() for day in sums(counted).sums) == 9
    assert sum(day.counts.sum() for day in sums(counted, ("theft",)).sums) == 4
    assert sum(day.counts.sum() for day in sums(counted).sums) == 9


def test_counters_that_are_cut_anew_are_summed_anew(counted: Store) -> None:
    sums(counted)
    with counted.write() as connection:
        ensure_counts(connection, SiteHours(ZoneInfo("Asia/Kuwait")), (8,))
    assert sums(counted).unpacked == list(range(9))


def ahead(store: Store, last: date = LAST, types: tuple[str, ...] = ()) -> list[tuple[str, int]]:
    """Count, and sum what has settled; the days that are kept, and the change that each holds."""
    count_events(store, HOURS, ahead=Ahead(first=FIRST, last=last, types=types))
    with store.read() as connection:
        return list(raw_connection(connection).execute("SELECT day, change FROM packed_days WHERE resolution = 8"))


def unsettle(recorder: Recorder, store: Store, *, changes: int) -> None:
    """So many changes of the counters, of the last day."""
    for n in range(changes):
        tell(recorder, make(1_000 + n, day=8))
        count_events(store, HOURS)


def test_days_that_have_settled_are_summed_by_whoever_counts_but_not_the_one_that_goes_on(
    counted: Store, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_counts, "PACK_DAYS", 3)
    assert ahead(counted) == []  # all of them changed just now
    unsettle(recorder, counted, changes=SETTLED)
    assert ahead(counted) == [(f"2026-11-{1 + n:02d}", 2) for n in range(8)]  # 7 was counted before
    assert sums(counted).unpacked == [8]


def test_a_day_to_which_late_events_keep_coming_is_not_summed_each_time(counted: Store, recorder: Recorder) -> None:
    unsettle(recorder, counted, changes=SETTLED)
    before = ahead(counted)
    for n in range(SETTLED):
        tell(recorder, make(20 + n, day=3))
        assert ahead(counted) == before
    unsettle(recorder, counted, changes=SETTLED)
    assert ahead(counted) == before  # which tells the run what the day's rows were made from
    assert sums(counted).unpacked == [3, 8]


def test_sums_are_kept_of_the_types_that_a_run_counts(counted: Store, recorder: Recorder) -> None:
    unsettle(recorder, counted, changes=SETTLED)
    ahead(counted)
    ahead(counted, types=("theft",))
    assert sums(counted, ("theft",)).unpacked == [8]


def test_few_are_packed_at_a_time(counted: Store) -> None:
    with counted.read() as connection:
        found = fetch_day_counts(connection, resolution=8, first=FIRST, last=LAST)
    steps = 0
    while found.unpacked:
        with counted.write() as connection:
            found = pack_days(connection, found, limit=3)
        steps += 1
    assert steps == 3  # eight days; the last is not packed
    assert sums(counted).unpacked == [8]

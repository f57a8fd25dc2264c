"""Rows stamped before the time was known get their true one: each once, whatever happens on the way."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.clock import from_us, to_us
from appliance.model.event import ClockQuality, clock_quality
from appliance.model.intake import DeviceReport, Fix, Intake, Reading
from appliance.model.tier import READINGS
from appliance.store.anew.redating import Redater, has_work
from appliance.store.clock.boots import count_waiting, has_waiting
from appliance.store.clock.box_clock import BoxClock
from appliance.store.engine import Store, raw_connection
from appliance.store.measured.late import merge_late
from appliance.store.measured.open_bins import raise_horizon
from appliance.store.risk.runs import fetch_watermark
from appliance.store.settled.settle import fetch_resolutions, settle_counts, settle_index
from appliance.store.settled.tally import Tally
from appliance.wiring_jobs import judge_again, reopen_readings
from tests.board import Board
from tests.conftest import NOW, make_event, make_recorder
from tests.store.checks import assert_sound, totals

HOURS = SiteHours(ZoneInfo("UTC"))
LOST = datetime(1970, 1, 1, 0, 0, 20, tzinfo=UTC)
LATER = NOW + timedelta(days=3)
SECOND = timedelta(seconds=1)


@pytest.fixture
def board(store: Store) -> Board:
    """A machine that has lost the time: the box knew it until NOW, and is off for three days."""
    board = Board(NOW)
    clock = BoxClock(board)
    clock.attach(store)
    clock.stop()
    board.restart(LOST)
    return board


def clock_of(board: Board, store: Store) -> BoxClock:
    clock = BoxClock(board)
    clock.attach(store)
    return clock


def learn(board: Board, clock: BoxClock, truth: datetime = LATER) -> None:
    """A network tells the time."""
    board.wall_us, board.synchronised = to_us(truth), True
    clock.look()


def redate(store: Store, *, limit: int = 1_000, judge: Any = judge_again) -> int:
    """Until nothing is left to do; rows re-dated."""
    done = 0
    while True:
        with store.read() as connection:
            if not has_work(raw_connection(connection)):
                return done
        with store.write() as connection:
            tally = Tally(HOURS, fetch_resolutions(connection))
            done += Redater(connection, tally=tally, judge=judge, reopen=reopen_readings).redate(limit)


def record(store: Store, clock: BoxClock, **intake: Any) -> None:
    make_recorder(store, clock.now()).record(Intake(**intake))


def undated(clock: BoxClock, told: datetime | None = None) -> dict[str, Any]:
    """The times of something that comes in now, with or without a time of its own."""
    quality = clock_quality(told, clock.now(), trusted=clock.trusted(), live=True)
    return {"received_at": clock.now(), "clock_quality": quality, "told": told or clock.now()}


def event(clock: BoxClock, name: str, told: datetime | None = None, **members: object) -> Any:
    times = undated(clock, told)
    event = make_event(event_id=name, **members)
    return msgspec.structs.replace(
        event,
        event_timestamp=times["told"],
        received_at=times["received_at"],
        clock_quality=times["clock_quality"],
    )


def reading(clock: BoxClock, value: float, told: datetime | None = None, device: str = "agency/cam7") -> Reading:
    times = undated(clock, told)
    return Reading(
        device=device,
        metric="temperature",
        value=value,
        observed_at=times["told"],
        received_at=times["received_at"],
        clock_quality=times["clock_quality"],
    )


def fix(clock: BoxClock, longitude: float, told: datetime | None = None) -> Fix:
    times = undated(clock, told)
    return Fix(
        device="agency/cam7",
        longitude=longitude,
        latitude=29.0,
        observed_at=times["told"],
        received_at=times["received_at"],
        clock_quality=times["clock_quality"],
    )


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    with store.read() as connection:
        return [tuple(row) for row in raw_connection(connection).execute(query).fetchall()]


def test_an_event_that_told_no_time_happened_when_it_was_received(store: Store, board: Board) -> None:
    clock = clock_of(board, store)
    record(store, clock, events=[event(clock, "e1")])
    assert rows(store, "SELECT clock_quality FROM events") == [("undated",)]
    board.advance(60)
    learn(board, clock)
    assert redate(store) == 1
    ((us, received, recorded, quality),) = rows(
        store, "SELECT event_timestamp, received_at, recorded_at, clock_quality FROM events"
    )
    assert from_us(us) == from_us(received) == from_us(recorded) == LATER - 60 * SECOND
    assert quality == "missing"
    assert_sound(store)


@pytest.mark.parametrize(
    ("told", "registered", "quality"),
    [
        (LATER - timedelta(minutes=2), True, "good"),
        (LATER + timedelta(hours=1), True, "future"),
        (LATER - timedelta(days=30), True, "ancient"),
        (LATER - timedelta(days=30), False, "good"),  # no device: a file, and history
    ],
)
def test_a_time_that_a_device_told_stays_and_is_judged(
    store: Store, board: Board, told: datetime, registered: bool, quality: ClockQuality
) -> None:
    clock = clock_of(board, store)
    reports = [DeviceReport(source="agency/cam7", family="native", seen_at=clock.now())] if registered else []
    record(
        store,
        clock,
        events=[event(clock, "e1", told)],
        readings=[reading(clock, 1.0, told)],
        fixes=[fix(clock, 1.0, told)],
        reports=reports,
    )
    learn(board, clock)
    assert redate(store) == 3
    for table, column in (
        ("events", "event_timestamp"),
        ("reading_values", "observed_at"),
        ("positions", "observed_at"),
    ):
        found = rows(store, f"SELECT {column}, received_at, clock_quality FROM {table}")
        assert found == [(to_us(told), to_us(LATER), quality)], table


def test_a_device_whose_clock_is_known_to_be_wrong_is_judged_by_that(store: Store, board: Board) -> None:
    clock = clock_of(board, store)
    told = LATER - timedelta(hours=2)
    reports = [DeviceReport(source="agency/cam7", family="native", seen_at=clock.now())]
    record(store, clock, events=[event(clock, "e1", told)], reports=reports)
    with store.write() as connection:
        raw_connection(connection).execute("UPDATE devices SET skew_ms = -7200000")
    learn(board, clock)
    redate(store)
    assert rows(store, "SELECT clock_quality FROM events") == [("ancient",)]


@pytest.mark.parametrize("settled", [True, False])
def test_counters_and_cells_follow_into_the_true_day(store: Store, board: Board, settled: bool) -> None:
    clock = clock_of(board, store)
    record(store, clock, events=[event(clock, f"e{n}") for n in range(5)])
    if settled:
        with store.write() as connection:
            settle_index(connection)
            settle_counts(connection, Tally(HOURS, fetch_resolutions(connection)))
    with store.read() as connection:
        before = fetch_watermark(connection)
    learn(board, clock)
    redate(store, limit=2)
    with store.write() as connection:
        settle_counts(connection, Tally(HOURS, fetch_resolutions(connection)))
    assert_sound(store)
    days = rows(
        store,
        "SELECT day, sum(event_count) FROM event_counts WHERE resolution = 8 GROUP BY day HAVING sum(event_count)",
    )
    assert days == [(LATER.date().isoformat(), 5)]
    with store.read() as connection:
        assert fetch_watermark(connection) > before  # so that a run is due


def test_values_one_of_which_moves_to_where_another_was_all_stay(store: Store, board: Board) -> None:
    clock = clock_of(board, store)
    for _ in range(50):
        record(store, clock, readings=[reading(clock, 20.0)], fixes=[fix(clock, 7.0)])
        board.advance(10)
    learn(board, clock, clock.now() + 100 * SECOND)  # each comes to lie where the tenth after it was
    assert redate(store, limit=7) == 100
    for table in ("reading_values", "positions"):
        found = [us for (us,) in rows(store, f"SELECT observed_at FROM {table} ORDER BY observed_at")]
        assert len(found) == 50 and from_us(found[-1]) == board.wall - 10 * SECOND
        assert {later - earlier for earlier, later in itertools.pairwise(found)} == {10_000_000}


def test_what_falls_on_a_row_that_is_there_is_a_duplicate(store: Store, board: Board) -> None:
    clock = clock_of(board, store)
    record(store, clock, readings=[reading(clock, 20.0)])
    true = reading(clock, 20.0, LATER)
    record(store, clock, readings=[msgspec.structs.replace(true, received_at=LATER, clock_quality="good")])
    learn(board, clock)
    redate(store)
    assert totals(store) == {"received": 2, "stored": 1, "duplicate": 1, "redated": 1}
    assert_sound(store)


def test_a_reading_whose_true_time_is_no_longer_kept_is_late_and_one_that_was_late_is_kept(
    store: Store, board: Board
) -> None:
    """On which side of the horizon a reading lies, only its true time says."""
    clock = clock_of(board, store)
    told = NOW - timedelta(days=30)
    record(store, clock, readings=[reading(clock, 20.0), reading(clock, 21.0, told)])
    assert sorted(rows(store, "SELECT value FROM reading_values")) == [(20.0,), (21.0,)]
    with store.write() as connection:
        raise_horizon(raw_connection(connection), READINGS.raw, to_us(LATER - timedelta(days=1)))
    record(store, clock, readings=[reading(clock, 22.0)])  # the box's clock lags behind what it has thrown away
    assert rows(store, "SELECT value FROM late_readings") == [(22.0,)]
    merge(store)
    assert rows(store, "SELECT merged FROM late_readings") == [(0,)]  # it waits for its time first
    learn(board, clock)
    assert redate(store) == 3
    assert sorted(rows(store, "SELECT value, observed_at FROM reading_values")) == [
        (20.0, to_us(LATER)),
        (22.0, to_us(LATER)),
    ]
    assert rows(store, "SELECT value, observed_at FROM late_readings") == [(21.0, to_us(told))]
    merge(store)
    assert rows(store, "SELECT merged FROM late_readings") == [(1,)]
    assert totals(store)["stored"] == 3


def merge(store: Store) -> None:
    with store.write() as connection:
        merge_late(connection, READINGS, SiteBins(ZoneInfo("UTC")))


def test_a_last_position_is_known_once_its_time_is(store: Store, board: Board) -> None:
    clock = clock_of(board, store)
    reports = [DeviceReport(source="agency/cam7", family="native", seen_at=clock.now())]
    record(store, clock, fixes=[fix(clock, 47.5, LATER)], reports=reports)
    assert rows(store, "SELECT fix_at FROM devices") == [(None,)]
    learn(board, clock)
    redate(store)
    assert rows(store, "SELECT fix_at, fix_longitude FROM devices") == [(to_us(LATER), 47.5)]


def test_rows_of_a_boot_whose_time_is_not_known_wait(store: Store, board: Board) -> None:
    clock = clock_of(board, store)
    record(store, clock, events=[event(clock, "e1")])
    board.advance(5)
    learn(board, clock)
    board.restart(LOST)  # before anything could be re-dated
    clock = clock_of(board, store)
    record(store, clock, events=[event(clock, "e2")])
    assert redate(store) == 1
    with store.read() as connection:
        raw = raw_connection(connection)
        assert (count_waiting(raw), has_waiting(raw), has_work(raw)) == (1, True, False)
    assert rows(store, "SELECT event_id, clock_quality FROM events") == [("e1", "missing"), ("e2", "undated")]


def test_a_boot_that_never_knew_is_estimated_and_says_so(store: Store, board: Board) -> None:
    clock = clock_of(board, store)
    record(store, clock, events=[event(clock, "e1")], readings=[reading(clock, 1.0)])
    board.advance(580)
    clock.stop()
    board.restart(LATER)
    learn(board, clock_of(board, store))
    redate(store)
    ((us, quality),) = rows(store, "SELECT received_at, clock_quality FROM events")
    assert quality == "estimated"
    middle = NOW + (LATER - NOW) / 2
    assert abs(from_us(us) - middle) < timedelta(minutes=10)
    assert rows(store, "SELECT clock_quality FROM reading_values") == [("estimated",)]


def test_a_row_older_than_the_ledger_keeps_its_time_and_waits_no_longer(store: Store, board: Board) -> None:
    clock = clock_of(board, store)
    old = msgspec.structs.replace(event(clock, "e1"), received_at=LOST, event_timestamp=LOST)
    record(store, clock, events=[old])
    learn(board, clock)
    assert redate(store) == 1
    assert rows(store, "SELECT event_timestamp, clock_quality FROM events") == [(to_us(LOST), "estimated")]


class Killed(BaseException):
    """The process is no more."""


@pytest.mark.parametrize("at", range(12))
def test_killed_at_any_row_each_is_redated_once(store: Store, board: Board, at: int) -> None:
    clock = clock_of(board, store)
    for n in range(4):
        told = LATER - timedelta(hours=n)
        record(store, clock, events=[event(clock, f"e{n}", told)], readings=[reading(clock, n, told)])
        record(store, clock, fixes=[fix(clock, n, told)])
        board.advance(60)
    learn(board, clock)
    with pytest.raises(Killed):
        redate(store, limit=3, judge=_killing(at))
    redate(store, limit=3)
    for table in ("events", "reading_values", "positions"):
        found = [from_us(us) for (us,) in rows(store, f"SELECT received_at FROM {table} ORDER BY 1")]
        assert found == [LATER - n * 60 * SECOND for n in (4, 3, 2, 1)]
    assert_sound(store)


def _killing(at: int) -> Callable[..., ClockQuality]:
    asked = 0

    def judge(*arguments: Any) -> ClockQuality:
        nonlocal asked
        asked += 1
        if asked > at:
            raise Killed
        return judge_again(*arguments)

    return judge


def test_a_store_that_knows_the_time_looks_at_empty_indexes_only(store: Store) -> None:
    for query in (
        "SELECT max(received_at) FROM events WHERE clock_quality IN ('untrusted', 'undated') AND received_at < 9",
        "SELECT count(*) FROM positions WHERE clock_quality IN ('untrusted', 'undated')",
        "SELECT max(received_at) FROM reading_values WHERE clock_quality IN ('untrusted', 'undated')",
    ):
        (plan,) = rows(store, f"EXPLAIN QUERY PLAN {query}")
        assert "_undated" in plan[3], plan

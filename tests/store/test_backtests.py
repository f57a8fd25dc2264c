"""The ledger of backtests: asked for once, begun again after a kill, bounded."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.hours import SiteHours
from appliance.errors import Conflict, NotFound
from appliance.job.counting import count_events
from appliance.model.backtest import FEWEST_DAYS, FEWEST_INCIDENTS, Backtest, Part, Report
from appliance.model.intake import Intake
from appliance.store.engine import Store
from appliance.store.forecast.backtests import (
    KEEP,
    MAX_ATTEMPTS,
    MAX_QUEUED,
    alone,
    ask_backtest,
    begin_backtest,
    fail_backtest,
    fetch_backtest,
    fetch_latest,
    finish_backtest,
    is_being_made,
    list_backtests,
    measure_history,
)
from appliance.store.intake.batch import Recorder
from tests.conftest import NOW, make_event

HOURS = SiteHours(ZoneInfo("UTC"))
REPORT = Report(
    reported=Part(
        incidents=900,
        from_day=date(2026, 8, 1),
        to_day=date(2026, 11, 20),
        test_days=37,
        cells=120,
        rows=[],
        calibration=[],
        differences=[],
    )
)


def ask(store: Store, resolution: int = 8, test_days: int = 90) -> Backtest:
    with store.write() as connection:
        return ask_backtest(connection, resolution=resolution, test_days=test_days, now=NOW)


def begin(store: Store, *, queued: bool = True) -> Backtest:
    with store.write() as connection:
        return begin_backtest(connection, resolution=7, test_days=30, now=NOW, queued=queued)


def finish(store: Store, backtest_pk: int) -> None:
    with store.write() as connection:
        finish_backtest(connection, backtest_pk, report=REPORT, version="v1", watermark=5, now=NOW)


def test_the_same_backtest_is_asked_for_once_and_no_more_wait_than_are_useful(store: Store) -> None:
    first = ask(store)
    assert (first.state, first.asked_at, first.made_at, first.report) == ("queued", NOW, None, None)
    assert ask(store) == first
    for n in range(1, MAX_QUEUED):
        assert ask(store, test_days=10 + n).backtest_pk != first.backtest_pk
    with pytest.raises(Conflict, match="is the jobs process running"):
        ask(store, test_days=9)


def test_the_one_that_waited_longest_is_made_and_where_none_waits_a_new_one(store: Store) -> None:
    first, second = ask(store), ask(store, resolution=9)
    begun = begin(store)
    assert (begun.backtest_pk, begun.state, begun.resolution, begun.attempts) == (first.backtest_pk, "running", 8, 1)
    finish(store, begun.backtest_pk)
    assert begin(store).backtest_pk == second.backtest_pk
    finish(store, second.backtest_pk)
    weekly = begin(store)
    assert (weekly.resolution, weekly.test_days, weekly.state) == (7, 30, "running")


def test_what_was_found_comes_back_as_it_was(store: Store) -> None:
    begun = begin(store)
    finish(store, begun.backtest_pk)
    with store.read() as connection:
        done = fetch_backtest(connection, begun.backtest_pk)
        assert done == fetch_latest(connection)
        assert list_backtests(connection)[0].report is None
    assert (done.state, done.made_at, done.version, done.watermark) == ("done", NOW, "v1", 5)
    assert (done.events, done.from_day, done.to_day, done.report) == (
        900, date(2026, 8, 1), date(2026, 11, 20), REPORT
    )  # fmt: skip
    with store.read() as connection, pytest.raises(NotFound, match="99 is not known"):
        fetch_backtest(connection, 99)


def test_one_that_was_cut_off_is_begun_again_but_not_for_ever(store: Store) -> None:
    asked = ask(store)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        begun = begin(store)
        assert (begun.backtest_pk, begun.state, begun.attempts) == (asked.backtest_pk, "running", attempt)
    given_up = begin(store)
    assert (given_up.backtest_pk, given_up.state) == (asked.backtest_pk, "failed")
    assert "too little memory" in given_up.message
    assert begin(store).backtest_pk != asked.backtest_pk


def test_the_last_ones_are_kept_and_the_last_good_one_always(store: Store) -> None:
    good = begin(store, queued=False)
    finish(store, good.backtest_pk)
    for _ in range(KEEP + 5):
        failed = begin(store, queued=False)
        with store.write() as connection:
            fail_backtest(connection, failed.backtest_pk, message="x" * 9_000, now=NOW)
    with store.read() as connection:
        kept = list_backtests(connection)
        latest = fetch_latest(connection)
    assert len(kept) == KEEP + 1 and len(kept[0].message) == 500
    assert latest is not None and latest.backtest_pk == good.backtest_pk


def test_only_one_is_made_at_a_time(store: Store) -> None:
    assert not is_being_made(store)
    with alone(store):
        assert is_being_made(store)
        with pytest.raises(Conflict, match="another backtest"), alone(store):
            pass
    assert not is_being_made(store)


@pytest.mark.parametrize(
    ("days", "each", "enough"),
    [(FEWEST_DAYS, FEWEST_INCIDENTS // FEWEST_DAYS + 1, True), (FEWEST_DAYS - 1, 20, False), (FEWEST_DAYS, 2, False)],
)
def test_history_is_enough_by_days_and_incidents(
    store: Store, recorder: Recorder, days: int, each: int, enough: bool
) -> None:
    with store.read() as connection:
        assert measure_history(connection, HOURS).days == 0
    events = [
        make_event(event_id=f"e{day}-{n}", event_timestamp=(NOW - timedelta(days=day, minutes=n)).isoformat())
        for day in range(days)
        for n in range(each)
    ]
    recorder.record(Intake(events=events))
    with store.read() as connection:
        fires = measure_history(connection, HOURS, types=["fire"])
        found = [measure_history(connection, HOURS)]
    count_events(store, HOURS)
    with store.read() as connection:
        found.append(measure_history(connection, HOURS))
    assert [(one.days, one.is_met) for one in found] == [(days, enough)] * 2
    assert fires.incidents == 0 and not fires.is_met

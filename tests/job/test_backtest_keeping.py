"""The backtest that the box keeps: when it is due, what it finds, patrols' own incidents apart."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.forecast.parameters import CODE_VERSION
from appliance.job.backtest_keeping import AGAIN, EVERY, BacktestDue, make_backtest
from appliance.job.backtesting import fetch_parts
from appliance.job.counting import count_events
from appliance.model.backtest import Backtest
from appliance.model.discovery import Discovery, read_discovery
from appliance.model.event import Event
from appliance.model.intake import Intake
from appliance.store.engine import Store, raw_connection
from appliance.store.forecast.backtests import alone, ask_backtest, begin_backtest, fetch_latest
from appliance.store.intake.batch import Recorder
from appliance.store.settled.counts import fold_counts
from tests.conftest import NOW, make_event

HOURS = SiteHours(ZoneInfo("UTC"))
PATROL = read_discovery(["discovered_by=patrol"])
FIRST = datetime(2026, 9, 1, tzinfo=UTC)


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def history(days: int = 60, *, each: int = 8, by: str = "", start: datetime = FIRST) -> list[Event]:
    """Incidents of every day: most at one place in the evening."""
    rng = random.Random(days * each)
    attributes = {"discovered_by": by} if by else {}

    def at(day: int, n: int) -> datetime:
        return start + timedelta(days=day, hours=19 if n % 4 else rng.randrange(24), minutes=n)

    return [
        make_event(
            event_id=f"{by}{start:%j}-{day}-{n}",
            event_type="stop" if by else "theft",
            event_timestamp=at(day, n).isoformat(),
            latitude=29.37 if n % 4 else 29.3 + rng.random() / 10,
            longitude=47.97 if n % 4 else 47.9 + rng.random() / 10,
            attributes=attributes,
        )
        for day in range(days)
        for n in range(each)
    ]


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def is_due(store: Store, watch: Watch) -> Callable[[], bool]:
    """Asked as if there were five minutes and more between the questions."""
    told = iter(range(0, 10_000_000, 1_000))
    return BacktestDue(
        store, hours=HOURS, types=(), clock=watch, clock_trusted=lambda: True, monotonic=lambda: float(next(told))
    )


def rested(is_due: Callable[[], bool]) -> bool:
    """Whether one is due once nothing has come in for a while."""
    is_due()
    return is_due()


def keep(store: Store, watch: Watch, *, queued: bool = True, discovery: Discovery = PATROL) -> Backtest:
    return make_backtest(
        store, hours=HOURS, types=(), discovery=discovery, clock=watch, resolution=8, test_days=14, queued=queued
    )


def test_the_report_has_every_horizon_and_method_and_says_whether_the_forecast_beats_the_count(
    store: Store, recorder: Recorder, watch: Watch
) -> None:
    recorder.record(Intake(events=history()))
    made = keep(store, watch)
    assert (made.state, made.version, made.watermark, made.made_at) == ("done", CODE_VERSION, 480, NOW)
    assert (made.events, made.from_day, made.to_day) == (480, date(2026, 9, 1), date(2026, 10, 30))
    report = made.report
    assert report is not None and report.discovered is None and report.discovered_incidents == 0
    horizons = ["next_shift", "next_day", "next_7_days"]
    methods = ["last_week", "count_28d", "count_all", "kde", "composite", "calibrated"]
    assert [(row.horizon, row.method, row.area) for row in report.reported.rows] == [
        (horizon, method, area) for horizon in horizons for method in methods for area in (0.01, 0.02, 0.05)
    ]
    assert [one.horizon for one in report.reported.calibration] == horizons
    rates = {(row.horizon, row.method, row.area): row.hit_rate or 0.0 for row in report.reported.rows}
    assert len(report.reported.differences) == 9
    for one in report.reported.differences:
        ours, base = (rates[one.horizon, method, one.area] for method in ("calibrated", "count_all"))
        assert one.difference == pytest.approx(ours - base)
        beyond = abs(one.difference) > 2 * one.standard_error
        assert one.verdict == ("same" if not beyond else "better" if one.difference > 0 else "worse")


def test_what_patrols_discovered_is_tested_apart(store: Store, recorder: Recorder, watch: Watch) -> None:
    recorder.record(Intake(events=history()))
    alone_report = keep(store, watch).report
    recorder.record(Intake(events=history(by="patrol", each=6)))
    for _ in range(2):
        for rules in (PATROL, read_discovery(["event_type=stop"])):
            report = keep(store, watch, discovery=rules).report
            assert report is not None and alone_report is not None
            assert report.reported == alone_report.reported
            assert report.discovered_incidents == 360
            assert report.discovered is not None and report.discovered.incidents == 360
        count_events(store, HOURS)  # and once more by the counters


def test_too_few_discoveries_are_counted_and_not_tested(store: Store, recorder: Recorder, watch: Watch) -> None:
    recorder.record(Intake(events=[*history(), *history(20, by="patrol", each=3)]))
    report = keep(store, watch).report
    assert report is not None and report.discovered is None and report.discovered_incidents == 60
    assert report.reported.incidents == 480


def test_of_events_that_are_gone_nobody_knows_who_discovered_them_and_the_report_says_so(
    store: Store, recorder: Recorder
) -> None:
    recorder.record(Intake(events=history(3, by="patrol")))
    count_events(store, HOURS)
    with store.write() as connection:
        raw = raw_connection(connection)
        gone = raw.execute("SELECT DISTINCT hour FROM event_counts WHERE day = '2026-09-01'").fetchall()
        raw.execute(
            "DELETE FROM events WHERE event_timestamp < ?", (int((FIRST + timedelta(days=1)).timestamp() * 1e6),)
        )
        raw.executemany("INSERT INTO purged_hours VALUES (?)", gone)
        while fold_counts(connection, SiteBins(HOURS.zone), before=int(NOW.timestamp() * 1e6)).more:
            pass
    found = fetch_parts(store, resolution=8, hours=HOURS, types=(), discovery=PATROL)
    assert (found.reported.total, found.discovered.total, found.known_from) == (8, 16, date(2026, 9, 2))
    by_type = fetch_parts(store, resolution=8, hours=HOURS, types=(), discovery=read_discovery(["event_type=stop"]))
    assert (by_type.reported.total, by_type.discovered.total, by_type.known_from) == (0, 24, None)


def test_today_is_not_over_and_takes_no_part(store: Store, recorder: Recorder, watch: Watch) -> None:
    recorder.record(Intake(events=history(60, start=NOW.replace(hour=0) - timedelta(days=59))))
    made = keep(store, watch)
    assert (made.to_day, made.events) == (date(2026, 11, 21), 59 * 8)


def test_a_short_history_fails_with_what_is_missing(store: Store, recorder: Recorder, watch: Watch) -> None:
    recorder.record(Intake(events=history(10)))
    made = keep(store, watch)
    assert (made.state, made.report) == ("failed", None)
    assert made.message == "not enough history yet: 80 incidents over 10 days, at least 300 over 42 are needed"


def test_the_weekly_one_waits_for_history_and_then_comes_every_week_that_brought_something(
    store: Store, recorder: Recorder, watch: Watch, is_due: Callable[[], bool]
) -> None:
    assert not is_due()
    recorder.record(Intake(events=history(20)))
    assert not rested(is_due)
    recorder.record(Intake(events=history(60)))
    assert not is_due()  # more may come at any moment: it is being imported
    assert is_due()
    keep(store, watch)
    assert not is_due()
    watch.now += EVERY
    assert not is_due()  # nothing new came in
    recorder.record(Intake(events=[make_event(event_id="new")]))
    assert is_due()
    watch.now -= timedelta(hours=1)
    assert not is_due()


def test_after_a_failure_a_day_passes_and_a_forecast_that_changed_is_tested_anew(
    store: Store, recorder: Recorder, watch: Watch, is_due: Callable[[], bool]
) -> None:
    recorder.record(Intake(events=history(10)))
    keep(store, watch)
    recorder.record(Intake(events=history(60)))
    assert not rested(is_due)
    watch.now += AGAIN
    assert is_due()
    keep(store, watch)
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE backtests SET version = 'older' WHERE state = 'done'")
    watch.now += AGAIN
    assert is_due()


def test_a_history_that_was_imported_since_is_not_left_for_a_week(
    store: Store, recorder: Recorder, watch: Watch, is_due: Callable[[], bool]
) -> None:
    recorder.record(Intake(events=history(60)))
    keep(store, watch)
    recorder.record(Intake(events=history(30, each=9)))
    watch.now += AGAIN
    assert not rested(is_due)
    recorder.record(Intake(events=history(50, each=7, start=FIRST - timedelta(days=100))))
    assert rested(is_due)


def test_one_that_was_asked_for_is_due_at_once_and_also_with_a_clock_that_cannot_be_believed(
    store: Store, recorder: Recorder, watch: Watch
) -> None:
    recorder.record(Intake(events=history()))
    due = BacktestDue(store, hours=HOURS, types=(), clock=watch, clock_trusted=lambda: False, monotonic=lambda: 0.0)
    assert not due()
    with store.write() as connection:
        asked = ask_backtest(connection, resolution=7, test_days=10, now=NOW)
    assert due()
    with alone(store):
        assert not due()  # somebody is at it
    made = keep(store, watch)
    assert (made.backtest_pk, made.state, made.resolution) == (asked.backtest_pk, "done", 7)
    assert not due()


def test_one_that_was_cut_off_is_due_again(store: Store, watch: Watch, is_due: Callable[[], bool]) -> None:
    with store.write() as connection:
        begin_backtest(connection, resolution=8, test_days=14, now=NOW, queued=True)
    assert is_due()
    keep(store, watch)
    with store.read() as connection:
        ended = fetch_latest(connection, states=("failed",))
    assert ended is not None and ended.attempts == 2 and not is_due()

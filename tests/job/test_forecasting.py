"""The forecast as the jobs process makes it: what it writes, what it leaves alone, and how it is done again."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.hours import SiteHours
from appliance.job import forecasting
from appliance.store.engine import Store
from appliance.store.forecast.slices import fetch_cell_forecast, fetch_forecast
from appliance.store.risk.picture import fetch_calibrated_risk, fetch_scored_days
from appliance.store.settled.counts import ensure_counts
from tests.conftest import NOW
from tests.job.site import TODAY, Site

TOMORROW = TODAY + timedelta(days=1)
TYPES = ("", "theft", "fire", "assault")
BEFORE = NOW - timedelta(days=3)


@pytest.fixture
def site(store: Store) -> Site:
    """Fifty days of events."""
    made = Site(store)
    made.live(50)
    return made


def page(site: Site, day: date = TODAY, **asked: Any) -> Any:
    with site.store.read() as connection:
        return fetch_forecast(connection, **{"day": day, "resolution": 8, "horizon": "next_day", "limit": 100, **asked})


def test_today_tomorrow_and_the_week_are_forecast_at_every_resolution_in_all_and_by_type(site: Site) -> None:
    run = site.forecast()
    assert run is not None and run.rows_changed > 0 and run.message == ""
    windows = [("2026-11-22", "next_day"), ("2026-11-23", "next_day"), ("2026-11-22", "next_7_days")]
    assert set(site.slices()) == {(r, *window, name) for r in (7, 8) for window in windows for name in TYPES}
    found = page(site)
    assert found.offered, found.reason
    assert (found.parameter_version, found.watermark) == (run.parameter_version, run.watermark)
    assert (found.code_version, found.reference) == ("calibrated-2", "density-1")
    assert all(row.low <= row.mean <= row.high + 1 and 0 <= row.risk_score <= 100 for row in found.items)


def test_the_day_of_the_week_is_known(site: Site) -> None:
    site.forecast()
    sunday, monday = page(site).total, page(site, TOMORROW).total
    assert sunday > 1.8 * monday
    assert page(site, horizon="next_7_days").total == pytest.approx(2 * sunday + 5 * monday, rel=0.2)


def test_the_risk_of_today_and_tomorrow_stands_beside_the_classic_and_is_announced(site: Site) -> None:
    site.forecast()
    rows = site.rows("SELECT DISTINCT resolution, day, profile FROM risk_scores ORDER BY 1, 2")
    days = ("2026-11-22", "2026-11-23")
    assert rows == [(resolution, day, "calibrated") for resolution in (7, 8) for day in days]
    assert site.rows("SELECT resolution, day FROM outbox WHERE kind = 'risk_scores' ORDER BY 1, 2") == [
        row[:2] for row in rows
    ]
    with site.store.read() as connection:
        risk = fetch_calibrated_risk(connection, day=TOMORROW, resolution=8, bbox=None, after_cell=0, limit=100)
        assert fetch_scored_days(connection) is None  # the timeline of the map is the classic picture's
    forecast = page(site, TOMORROW).items
    assert [(row.h3_index, row.risk_score, row.risk_level) for row in risk.items] == [
        (row.h3_index, row.risk_score, row.risk_level) for row in forecast
    ]
    assert {(row.event_count, row.flagged, row.coverage) for row in risk.items} == {(0, False, "observed")}


def test_a_second_run_writes_nothing_and_gives_no_revision(site: Site) -> None:
    site.forecast()
    before = site.slices(), site.rows("SELECT rev FROM site")
    again = site.forecast()
    assert again is not None and again.rows_changed == 0
    assert (site.slices(), site.rows("SELECT rev FROM site")) == before


def test_what_comes_in_today_changes_nothing_and_what_comes_late_does(site: Site) -> None:
    site.forecast()
    seen = page(site)
    site.record(NOW, NOW)
    today = site.forecast()
    assert today is not None and today.rows_changed == 0
    assert page(site) == seen  # with the watermark it was made from
    site.record(*[BEFORE] * 30, place=11)
    late = site.forecast()
    assert late is not None and late.rows_changed > 0
    assert page(site).watermark == seen.watermark + 32
    assert page(site).total > seen.total


def test_a_run_is_the_same_whether_it_came_early_or_late_in_the_day(site: Site) -> None:
    site.now = datetime.fromisoformat("2026-11-22T00:05:00Z")
    site.forecast()
    early = site.slices()
    site.now = datetime.fromisoformat("2026-11-22T23:59:59Z")
    run = site.forecast()
    assert run is not None and run.rows_changed == 0
    assert site.slices() == early


def test_killed_half_way_it_is_due_and_done_again_as_from_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = forecasting.write_outlook, []

    def killed(*given: Any) -> bool:
        if len(written) == 7:
            raise KeyboardInterrupt
        written.append(given)
        return write(*given)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(forecasting, "write_outlook", killed)
        site.forecast()
    assert (len(site.slices()), site.why()) == (7, "a new day")
    site.forecast()
    after, risk = site.slices(), site.rows("SELECT resolution, day, h3_index, risk_score FROM risk_scores")
    with site.store.write() as connection:
        for table in ("forecasts", "forecast_grids", "forecast_scores", "forecast_parameters", "forecast_checks"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    site.forecast()
    assert site.slices() == after
    assert site.rows("SELECT resolution, day, h3_index, risk_score FROM risk_scores") == risk
    assert site.why() == ""


@pytest.mark.parametrize("step", [0, 1, 2, 3, 9])
def test_it_ends_between_two_steps_when_it_is_asked_to_and_is_done_again(site: Site, step: int) -> None:
    turns = iter([False] * step + [True])
    assert site.forecast(stopping=lambda: next(turns)) is None
    assert site.rows("SELECT * FROM forecast_runs") == []
    assert site.forecast() is not None
    assert len(site.slices()) == 2 * 3 * 4


def test_cells_are_written_a_few_thousand_at_a_time_and_those_that_left_go(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.forecast()
    whole = site.rows("SELECT h3_index, day, risk_score FROM risk_scores WHERE resolution = 8 ORDER BY 1, 2")
    with site.store.write() as connection:
        connection.exec_driver_sql("DELETE FROM forecast_scores")
        connection.exec_driver_sql(
            "INSERT INTO forecast_scores SELECT 8, '2026-11-22', n, p, 1, 'low', 1, 1 FROM (SELECT 5 AS n UNION SELECT "
            "9000000000000000000), (SELECT 'calibrated' AS p UNION SELECT 'another')"
        )
    monkeypatch.setattr(forecasting, "CELLS_A_TRANSACTION", 3)
    site.forecast()
    rows = "SELECT h3_index, day, risk_score FROM risk_scores WHERE resolution = 8 AND profile = ? ORDER BY 1, 2"
    assert site.rows(rows, "calibrated") == whole
    assert [row[0] for row in site.rows(rows, "another")] == [5, 9_000_000_000_000_000_000]


def test_slices_of_days_long_past_go_and_so_do_their_cells(site: Site) -> None:
    site.forecast()
    site.now = NOW + timedelta(days=5)
    site.record(NOW + timedelta(days=4), latitude=29.5)
    site.forecast()
    assert {day for _, day, *_ in site.slices()} == {"2026-11-22", "2026-11-23", "2026-11-27", "2026-11-28"}
    assert len(site.rows("SELECT * FROM forecast_grids")) == 4
    site.now = NOW + timedelta(days=9)
    site.forecast()
    assert {day for _, day, *_ in site.slices()} == {"2026-11-27", "2026-11-28", "2026-12-01", "2026-12-02"}
    assert len(site.rows("SELECT * FROM forecast_grids")) == 2


def test_a_young_site_is_given_the_plain_count_and_told_why(store: Store) -> None:
    site = Site(store)
    site.live(10)
    site.forecast()
    found = page(site)
    assert (found.offered, found.method) == (False, "count_all")
    assert "21 days are needed" in found.reason
    assert found.total == pytest.approx(site.rows("SELECT count(*) FROM events")[0][0] / 10)


def test_a_site_without_a_whole_day_has_no_forecast_and_says_so(store: Store) -> None:
    site = Site(store)
    site.record(NOW)
    run = site.forecast()
    assert run is not None and run.message == "no event happened on a whole day yet"
    assert site.slices() == {}
    assert "nothing has been forecast yet" in page(site).reason
    assert site.why() == ""


def test_an_event_dated_long_ago_or_ahead_makes_no_history(site: Site) -> None:
    site.forecast()
    before = site.slices()
    site.record(datetime.fromisoformat("1999-01-01T00:00:00Z"), NOW + timedelta(days=30))
    site.forecast()
    assert site.slices() == before


def test_a_resolution_that_is_not_counted_is_forecast_from_the_events(site: Site) -> None:
    finer = Site(site.store, patrol_resolution=9, resolutions=(7, 8))
    finer.forecast()
    assert {key[0] for key in finer.slices()} == {7, 8, 9}
    with site.store.read() as connection:
        cell = int(page(site, resolution=9).items[0].h3_index, 16)
        rows = fetch_cell_forecast(connection, cell, TODAY)
    assert [(row.horizon, row.event_type) for row in rows] == [
        (horizon, name) for horizon in ("next_7_days", "next_day") for name in sorted(TYPES)
    ]
    assert rows[4] == page(site, resolution=9).items[0]


def test_types_and_severity_weigh_in_the_risk_and_not_in_what_is_expected(site: Site) -> None:
    site.forecast()
    plain = page(site)
    heavy = Site(site.store, type_weights={"fire": 50.0}, severity_weight=2.0)
    heavy.forecast()
    weighed = page(heavy)
    assert [row.mean for row in weighed.items] == [row.mean for row in plain.items]
    assert all(one.risk_score > other.risk_score for one, other in zip(weighed.items, plain.items, strict=True))


def test_only_the_types_that_count_are_forecast(store: Store) -> None:
    site = Site(store, types=("fire",))
    site.live(30)
    site.forecast()
    assert {key[3] for key in site.slices()} == {"", "fire"}
    assert page(site).total == pytest.approx(page(site, event_type="fire").total)


@pytest.mark.parametrize("today", ["2026-03-08", "2026-03-09", "2026-11-01", "2026-11-02"])
def test_days_of_23_and_25_hours_are_days(tmp_path: Any, store: Store, today: str) -> None:
    day = date.fromisoformat(today)
    site = Site(store, zone="America/Toronto")
    with store.write() as connection:
        ensure_counts(connection, SiteHours(ZoneInfo("America/Toronto")), (7, 8))
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("America/Toronto"))
    site.live(30, until=day)
    site.now = midnight + timedelta(hours=12)
    site.record(midnight - timedelta(seconds=1), midnight, place=5)
    run = site.forecast()
    assert run is not None and run.day == day
    assert page(site, day).watermark == run.watermark
    late = site.rows("SELECT sum(event_count) FROM event_counts WHERE resolution = 8 AND day < ?", today)
    learned = site.rows("SELECT learned_days, learned_until FROM forecast_parameters")
    assert learned == [(30, today)]
    assert late[0][0] == site.rows("SELECT count(*) FROM events")[0][0] - 1

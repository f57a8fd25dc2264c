"""The risk of assets from events to rows and alerts: what is written, when it is computed again, what is told."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from appliance.clock import rfc3339
from appliance.forecast.scale import risk_score
from appliance.job import asset_risk
from appliance.job.asset_risk import AssetRisks
from appliance.job.schedule import Jobs
from appliance.model.alert import Alert, AlertFilter
from appliance.model.asset import AssetChange, AssetRisk
from appliance.model.device_change import read_change
from appliance.model.intake import Intake
from appliance.model.settings import Risk
from appliance.spatial.cells import cell_of
from appliance.store.alerts import change_alert, fetch_alerts
from appliance.store.asset import risk as store_asset_risk
from appliance.store.asset.registry import fetch_asset, put_asset
from appliance.store.asset.risk import fetch_asset_risk, is_due
from appliance.store.engine import Store
from appliance.store.risk.runs import insert_run
from tests.conftest import NOW, make_event, make_recorder

TODAY = NOW.date()
PLACE = {"type": "Point", "coordinates": [47.97, 29.37]}
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")


class Site:
    """A box's jobs with a clock of its own."""

    def __init__(self, store: Store, *, zone: ZoneInfo = UTC_ZONE, types: tuple[str, ...] = ()) -> None:
        self.store, self.now, self.recorded = store, NOW, 0
        self.forecast: dict[date, float] = {}
        risk = Risk(types=types)
        self.assets = AssetRisks(
            store, risk=risk, zone=zone, clock=lambda: self.now, scale=risk_score, means=self.means
        )
        self.jobs = Jobs(store, risk=risk, zone=zone, clock=lambda: self.now, report=lambda _: None, assets=self.assets)

    def means(
        self, _connection: sa.Connection, resolution: int, day: date, cells: Sequence[int]
    ) -> Mapping[int, float] | None:
        mean = self.forecast.get(day)
        return None if mean is None else {cell_of(lat=29.37, lng=47.97, resolution=resolution): mean, cells[0]: mean}

    def events(self, how_many: int, at: datetime, *, lng: float = 47.97, event_type: str = "motion") -> None:
        made = [
            make_event(
                event_id=f"e{self.recorded + n}", event_timestamp=rfc3339(at), longitude=lng, event_type=event_type
            )
            for n in range(how_many)
        ]
        self.recorded += how_many
        make_recorder(self.store, NOW).record(Intake(events=made))

    def put(self, asset_id: str = "s1", **members: Any) -> None:
        with self.store.write() as connection:
            put_asset(connection, asset_id, read_change(members, AssetChange), resolutions=(7, 8))

    def run(self) -> None:
        """Perform what is due, as the jobs process does."""
        self.jobs.queue_due()
        while self.jobs.perform_next():
            pass

    def rows(self, asset_id: str = "s1") -> dict[date, AssetRisk]:
        with self.store.read() as connection:
            found = fetch_asset_risk(connection, asset_id, from_day=TODAY - 60 * DAY, to_day=TODAY + 60 * DAY)
        return {row.day: row for row in found}

    def alerts(self, **wanted: Any) -> list[Alert]:
        with self.store.read() as connection:
            return fetch_alerts(connection, AlertFilter(**wanted))[0]

    def revisions(self) -> list[int]:
        with self.store.read() as connection:
            return [rev for (rev,) in connection.exec_driver_sql("SELECT rev FROM asset_risk ORDER BY day")]


@pytest.fixture
def site(store: Store) -> Site:
    return Site(store)


def share_of_the_cell(site: Site) -> float:
    """Which part of the cell of the events lies in the footprint."""
    with site.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT h3_index, share FROM asset_cells").all()
    return float({row[0]: row[1] for row in rows}[cell_of(lat=29.37, lng=47.97, resolution=8)])


def test_an_asset_has_its_share_of_what_its_cells_expect(site: Site) -> None:
    for back in range(1, 29):
        site.events(1, NOW - back * DAY)  # one a day, in one cell of resolution 8
    site.events(3, NOW)
    site.put(geometry=PLACE, buffer_m=100)
    site.run()
    with site.store.read() as connection:
        asset = fetch_asset(connection, "s1", today=TODAY.isoformat())
    share = share_of_the_cell(site)
    today = site.rows()[TODAY]
    assert asset.resolution == 8 and asset.today == today
    assert asset.area_km2 == pytest.approx(0.0314, rel=0.01)
    assert today.expected_events == pytest.approx(share, abs=1e-6)
    assert (today.basis, today.basis_days, today.coverage, today.watched) == ("counts_28d", 28, "observed", 1.0)
    assert (today.observed_events, today.observed_whole) == (3, True)
    assert today.risk_score == pytest.approx(20 * (3 + math.log10(share / asset.area_km2)), abs=0.01)


def test_today_tells_tomorrow_nothing_before_it_is_over(site: Site) -> None:
    for back in range(1, 29):
        site.events(1, NOW - back * DAY)
    site.events(50, NOW)
    site.put(geometry=PLACE)
    site.run()
    rows = site.rows()
    assert rows[TODAY + DAY].basis_days == 27
    assert rows[TODAY + DAY].expected_events == pytest.approx(rows[TODAY].expected_events or 0, rel=1e-3)
    assert rows[TODAY + DAY].observed_events == 0


def test_days_on_which_nothing_was_heard_are_unknown_and_count_for_nothing(site: Site) -> None:
    for back in (1, 2, 5):
        site.events(4, NOW - back * DAY)
    site.put(geometry=PLACE)
    site.run()
    rows = site.rows()
    assert [rows[TODAY - back * DAY].coverage for back in (1, 3, 5)] == ["observed", "unknown", "observed"]
    assert rows[TODAY - 3 * DAY].risk_score is None and rows[TODAY - 3 * DAY].risk_level is None
    assert rows[TODAY - DAY].basis_days == 2  # of 28 days before, two were heard
    first = rows[TODAY - 5 * DAY]
    assert (first.basis, first.expected_events, first.risk_score, first.observed_events) == ("", None, None, 4)


def test_a_forecast_is_taken_where_one_stands_and_stays_when_its_day_is_over(site: Site) -> None:
    site.events(1, NOW - DAY)
    site.put(geometry=PLACE)
    site.forecast = {TODAY: 2.0, TODAY + DAY: 3.0}
    site.run()
    today = site.rows()[TODAY]
    assert (today.basis, today.basis_days) == ("forecast", 0)
    assert site.rows()[TODAY + DAY].expected_events == pytest.approx(1.5 * (today.expected_events or 0), rel=1e-4)
    site.forecast = {}
    site.now += DAY
    site.events(1, site.now)
    site.run()
    rows = site.rows()
    assert (rows[TODAY].basis, rows[TODAY].expected_events) == ("forecast", today.expected_events)
    assert rows[TODAY + DAY].basis == "counts_28d"  # it is today, and no forecast stands any more


def test_what_is_in_the_footprint_is_told_from_what_is_in_its_cells(site: Site) -> None:
    site.events(2, NOW, lng=47.97)
    site.events(5, NOW, lng=47.9715)  # 146 m away, in the same cell
    site.put(geometry=PLACE, buffer_m=100)
    site.run()
    assert site.rows()[TODAY].observed_events == 2


def test_late_data_is_taken_up_and_only_what_changed_is_written(site: Site) -> None:
    for back in range(1, 20):
        site.events(1, NOW - back * DAY)
    site.put(geometry=PLACE)
    site.run()
    before, revisions = site.rows(), site.revisions()
    site.events(1, NOW - 3 * DAY)
    site.run()
    after = site.rows()
    assert {TODAY - day for day in after if after[day] != before[day]} == {n * DAY for n in (3, 2, 1, 0, -1)}
    assert after[TODAY - 3 * DAY].observed_events == 2
    assert sum(a != b for a, b in zip(revisions, site.revisions(), strict=True)) == 5
    site.run()
    with site.store.read() as connection:
        assert not is_due(connection)


def test_an_event_that_moved_within_its_cell_is_found_again_the_next_day(site: Site) -> None:
    site.events(1, NOW - DAY)
    site.put(geometry=PLACE)
    site.run()
    assert site.rows()[TODAY - DAY].observed_events == 1
    moved = make_event(event_id="e0", event_timestamp=rfc3339(NOW - DAY), longitude=47.972, rev=1)
    make_recorder(site.store, NOW).record(Intake(events=[moved]))
    site.run()
    assert site.rows()[TODAY - DAY].observed_events == 1
    site.now += DAY
    site.run()
    assert site.rows()[TODAY - DAY].observed_events == 0


def test_a_changed_asset_is_computed_without_a_run(site: Site) -> None:
    site.events(4, NOW - DAY)
    site.events(1, NOW)
    site.put(geometry=PLACE, buffer_m=100)
    site.run()
    small = site.rows()[TODAY]
    site.put(buffer_m=2_000)
    assert not site.jobs.perform_next()  # no run was waiting
    large = site.rows()[TODAY]
    assert (large.expected_events or 0) > 20 * (small.expected_events or 1)
    with site.store.read() as connection:
        assert fetch_asset(connection, "s1", today=TODAY.isoformat()).cells > 7


def test_days_are_the_sites_own(store: Store) -> None:
    site = Site(store, zone=ZoneInfo("Asia/Kuwait"))
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE site SET timezone = 'Asia/Kuwait'")
    make_recorder(store, NOW, zone="Asia/Kuwait").record(
        Intake(events=[make_event(event_timestamp="2026-11-21T21:30:00Z")])
    )
    site.put(geometry=PLACE)
    site.run()
    assert site.rows()[TODAY].observed_events == 1  # half past midnight there
    assert site.rows()[TODAY - DAY].observed_events == 0


def test_only_the_types_that_count_count(store: Store) -> None:
    site = Site(store, types=("fire",))
    for event_type in ("fire", "motion", "motion"):
        site.events(1, NOW - DAY, event_type=event_type)
        site.events(1, NOW, event_type=event_type)
    site.put(geometry=PLACE)
    site.run()
    today = site.rows()[TODAY]
    assert (today.observed_events, today.expected_events) == (1, pytest.approx(share_of_the_cell(site), abs=1e-6))


def test_more_events_than_are_looked_at_are_at_least_so_many(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_asset_risk, "MAX_OBSERVED", 5)
    site.events(3, NOW)
    site.events(4, NOW - DAY)
    site.events(4, NOW - 2 * DAY)
    site.put(geometry=PLACE)
    site.run()
    rows = site.rows()
    assert [(rows[TODAY - n * DAY].observed_events, rows[TODAY - n * DAY].observed_whole) for n in range(4)] == [
        (3, True), (2, False), (0, False), (0, True),
    ]  # fmt: skip


def test_a_risk_over_the_threshold_alerts_once_and_is_over_well_below_it(site: Site) -> None:
    site.events(1, NOW)
    site.put(geometry=PLACE, name="North", criticality=5, settings={"threshold": 60, "hysteresis": 10})

    def turn(mean: float) -> list[tuple[str, str]]:
        """Let the forecast be so, and the next event come in."""
        site.forecast = {TODAY: mean}
        site.now += timedelta(minutes=2)
        site.events(1, NOW)
        site.run()
        return [(one.state, one.severity) for one in site.alerts()]

    low, middle, high = 0.05, 0.3, 2.0  # scores of 33, 54 and 65
    assert turn(low) == []
    assert turn(high) == [("open", "critical")]
    (alert,) = site.alerts()
    assert (alert.kind, alert.subject, alert.title) == ("asset_risk", "s1", "North: a risk of 69 today")
    assert alert.detail["threshold"] == 60 and alert.detail["risk_score"] == site.rows()[TODAY].risk_score
    assert turn(middle) == [("open", "critical")]
    assert site.alerts()[0].detail["risk_score"] == site.rows()[TODAY].risk_score
    assert turn(low) == [("closed", "critical")]
    assert turn(middle) == [("closed", "critical")]
    assert turn(high) == [("open", "critical"), ("closed", "critical")]


def test_what_a_person_has_closed_stays_closed_until_it_is_over(site: Site) -> None:
    site.put(geometry=PLACE, settings={"threshold": 10})
    site.events(1, NOW)
    site.forecast = {TODAY: 1.0}
    site.run()
    with site.store.write() as connection:
        change_alert(connection, site.alerts()[0].alert_id, state="closed", note=None, who="amal", now=NOW)
    site.forecast = {TODAY: 2.0}
    site.events(1, NOW)
    site.run()
    assert [one.state for one in site.alerts()] == ["closed"]


def test_another_threshold_counts_at_once_and_a_muted_asset_is_silent(site: Site) -> None:
    site.put(geometry=PLACE)
    site.events(1, NOW)
    site.forecast = {TODAY: 0.3}
    site.run()
    assert site.alerts() == []
    site.put(settings={"threshold": 40})
    site.run()
    assert [one.severity for one in site.alerts(state="open")] == ["warning"]
    site.put(settings={"muted": True})
    site.run()
    assert [one.state for one in site.alerts()] == ["closed"]


def test_a_blind_day_neither_raises_nor_ends_an_alert(site: Site) -> None:
    site.put(geometry=PLACE, settings={"threshold": 40})
    site.events(1, NOW)
    site.forecast = {TODAY + n * DAY: 0.3 for n in range(3)}
    site.run()
    site.now += DAY  # not one event has come in
    site.forecast = {TODAY + n * DAY: 0.0 for n in range(3)}
    site.run()
    assert site.rows()[TODAY + DAY].coverage == "unknown"
    assert [one.state for one in site.alerts()] == ["open"]


def test_a_process_killed_between_two_assets_computes_the_rest_next_time(site: Site) -> None:
    site.events(1, NOW)
    for name in ("a", "b", "c"):
        site.put(name, geometry=PLACE)
    site.run()
    site.events(1, NOW)
    asked = iter([False, False, True])
    jobs = Jobs(site.store, risk=Risk(), zone=UTC_ZONE, clock=lambda: NOW, report=lambda _: None)
    jobs.queue_due()
    while jobs.perform_next():
        pass
    site.assets.perform_due(lambda: next(asked))
    assert [site.rows(name)[TODAY].observed_events for name in ("a", "b", "c")] == [2, 2, 1]
    site.assets.perform_due()
    assert site.rows("c")[TODAY].observed_events == 2


def test_assets_give_way_to_a_run_that_somebody_asks_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.events(1, NOW)
    site.run()
    for name in ("a", "b", "c"):
        site.put(name, geometry=PLACE)
    find = asset_risk.find_cells

    def asked_for_meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(asset_risk, "find_cells", find)
        with site.store.write() as connection:
            insert_run(connection, resolution=8, from_day=TODAY, to_day=TODAY, now=NOW)
        return find(*args)

    monkeypatch.setattr(asset_risk, "find_cells", asked_for_meanwhile)
    assert not site.jobs.perform_next()
    assert [len(site.rows(name)) > 0 for name in ("a", "b", "c")] == [True, False, False]
    assert site.jobs.perform_next()  # the run
    assert not site.jobs.perform_next()
    assert all(site.rows(name) for name in ("a", "b", "c"))


def test_what_a_person_changes_meanwhile_is_not_overwritten(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.events(1, NOW)
    site.put(geometry=PLACE)
    find = asset_risk.find_cells

    def slow(*args: Any) -> Any:
        monkeypatch.setattr(asset_risk, "find_cells", find)
        site.put(buffer_m=900)
        return find(*args)

    monkeypatch.setattr(asset_risk, "find_cells", slow)
    site.run()
    assert site.rows() == {}
    site.run()
    with site.store.read() as connection:
        assert fetch_asset(connection, "s1", today=TODAY.isoformat()).area_km2 == pytest.approx(2.545, rel=0.01)
        assert not is_due(connection)


def test_the_past_is_bounded_and_what_goes_is_counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_asset_risk, "MAX_DAYS_KEPT", 10)
    site.events(1, NOW)
    site.put(geometry=PLACE)
    site.run()
    assert min(site.rows()) == TODAY - 8 * DAY
    with site.store.read() as connection:
        gone = connection.exec_driver_sql("SELECT items FROM item_totals WHERE term = 'asset_days_let_go'").scalar()
    assert gone == 19

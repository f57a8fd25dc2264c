"""Cells judged hour by hour: a quiet site is left alone, a burst is found as its hour ends, late events find theirs."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.anomaly.counts import RATE
from appliance.anomaly.telling import explain
from appliance.clock import HOUR_US, from_us, rfc3339, to_us
from appliance.job.judging_cells import judge_cells
from appliance.model.alert import AlertFilter
from appliance.model.anomaly import Anomaly, AnomalyChange
from appliance.model.intake import Intake
from appliance.spatial.cells import cell_of, centre, children, to_hex
from appliance.store.alerts import fetch_alerts
from appliance.store.anomaly.labels import label_anomaly
from appliance.store.anomaly.ledger import AnomalyFilter, fetch_anomalies, fetch_cell_anomalies
from appliance.store.engine import Store, raw_connection
from appliance.store.settled.counts import ensure_counts
from tests.conftest import NOW, TORONTO, make_event, make_recorder

HOUR = timedelta(hours=1)
UTC_ZONE = ZoneInfo("UTC")
CELL = cell_of(lat=29.37, lng=47.97, resolution=8)
COARSE = cell_of(lat=29.37, lng=47.97, resolution=7)
TEN_PAST = datetime(2026, 11, 22, 12, 10, tzinfo=UTC)


def neighbourhood(how_many: int) -> list[int]:
    """Cells of resolution 8, with `CELL` among them."""
    found = [CELL]
    lng, lat = centre(CELL)
    n = 0
    while len(found) < how_many:
        n += 1
        cell = cell_of(lat=lat + 0.02 * (n // 40), lng=lng + 0.02 * (n % 40), resolution=8)
        if cell not in found:
            found.append(cell)
    return found


class Site:
    """A store whose counters tell of weeks, and a job with the test's clock."""

    def __init__(self, store: Store, *, zone: ZoneInfo = UTC_ZONE, resolutions: Iterable[int] = (8,)) -> None:
        self.store, self.zone, self.bins = store, zone, SiteBins(zone)
        self.resolutions = tuple(resolutions)
        if zone.key != "UTC":
            with store.write() as connection:
                ensure_counts(connection, SiteHours(zone), (7, 8))

    def count(self, cell: int, rows: list[tuple[datetime, str, int]]) -> None:
        """Counters as if so many events of a type had been counted in the hour of an instant."""
        hours = [(self.bins.hour_of(to_us(at)), event_type, events) for at, event_type, events in rows]
        with self.store.write() as connection:
            self._count(connection, [(8, hour.day, cell, hour.start, name, n) for hour, name, n in hours])

    def fill(self, cells: list[int], *, weeks: int, until: datetime, a_day: float, seed: int = 1) -> None:
        """Poisson counts, all of them between 8 and 24 of the site's clock, for so many weeks until an instant."""
        rng = np.random.default_rng(seed)
        hours = list(self.bins.hours(to_us(until - timedelta(weeks=weeks)), to_us(until)))
        with self.store.write() as connection:
            for hour in hours:
                if from_us(hour.start).astimezone(self.zone).hour < 8:
                    continue
                drawn = rng.poisson(a_day / 16, size=len(cells))
                self._count(
                    connection,
                    [(8, hour.day, cells[n], hour.start, "motion", int(drawn[n])) for n in np.flatnonzero(drawn)],
                )

    def happen(self, how_many: int, at: datetime, *, name: str = "e", **members: Any) -> None:
        """Real events, a second apart."""
        events = [
            make_event(event_id=f"{name}{n}", event_timestamp=rfc3339(at + timedelta(seconds=n)), **members)
            for n in range(how_many)
        ]
        make_recorder(self.store, NOW, zone=self.zone.key).record(Intake(events=events))

    def judge(self, now: datetime = TEN_PAST) -> int:
        return judge_cells(self.store, bins=self.bins, resolutions=self.resolutions, types=(), now=now)

    def anomalies(self, **wanted: Any) -> list[Anomaly]:
        with self.store.read() as connection:
            return fetch_anomalies(connection, AnomalyFilter(**wanted), limit=1_000).items

    def alerts(self) -> list[str]:
        with self.store.read() as connection:
            return [alert.title for alert in fetch_alerts(connection, AlertFilter(), limit=100)[0]]

    @staticmethod
    def _count(connection: Any, rows: list[tuple[Any, ...]]) -> None:
        raw_connection(connection).executemany(
            "INSERT INTO event_counts VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET event_count = event_count + excluded.event_count",
            rows,
        )


@pytest.fixture
def site(store: Store) -> Site:
    """Sixty cells with half an event a day, for five weeks up to now."""
    made = Site(store)
    made.fill(neighbourhood(60), weeks=5, until=NOW, a_day=0.5)
    return made


def test_a_burst_is_found_when_its_hour_has_ended_and_says_why(site: Site) -> None:
    site.happen(9, NOW - HOUR)
    assert site.judge() == 1
    (one,) = site.anomalies()
    assert (one.kind, one.h3_index, one.resolution, one.state) == ("cell_count", to_hex(CELL), 8, "open")
    assert (one.started_at, one.last_at) == (NOW - HOUR, NOW)
    assert one.observed >= 9 and one.expected is not None and one.expected < 0.1
    assert one.probability is not None and one.probability < 1e-6
    words = explain(one, ZoneInfo("Asia/Kuwait"))
    assert words.startswith(f"{one.observed:.0f} events between 14:00 and 15:00 on 2026-11-22 where 0.0")
    assert "1 of 60 cells flagged at a false-discovery rate of 10 %, by 35 days before" in words
    (title,) = site.alerts()
    assert title.startswith(f"{one.observed:.0f} events between 11:00 and 12:00")


def test_a_single_event_in_a_cell_that_never_had_one_is_no_anomaly(site: Site) -> None:
    site.happen(1, NOW - HOUR, longitude=47.0, latitude=29.0)
    assert site.judge() == 0


def test_an_hour_is_judged_once_and_a_burst_that_goes_on_is_one_incident(site: Site) -> None:
    site.happen(9, NOW - HOUR)
    assert (site.judge(), site.judge(), site.judge(TEN_PAST + HOUR / 2)) == (1, 0, 0)
    site.happen(12, NOW, name="more")
    assert site.judge(TEN_PAST + HOUR) == 0
    (one,) = site.anomalies()
    assert (one.started_at, one.last_at) == (NOW - HOUR, NOW + HOUR)
    assert one.observed >= 12
    assert site.judge(TEN_PAST + 30 * HOUR) == 0, "the day that ends with each of these hours holds it"
    site.happen(9, NOW + 60 * HOUR, name="anew")
    assert site.judge(TEN_PAST + 61 * HOUR) == 1
    assert len(site.anomalies()) == 2


def test_late_events_find_their_anomaly_and_sound_no_alarm(site: Site) -> None:
    site.judge()
    quiet = site.anomalies()
    assert quiet == []
    site.happen(9, NOW - 20 * HOUR)
    assert site.judge(TEN_PAST + HOUR) == 1
    (one,) = site.anomalies()
    assert one.started_at == NOW - 20 * HOUR
    assert site.alerts() == []


def test_late_events_change_the_numbers_of_what_was_found_and_nothing_sounds_again(site: Site) -> None:
    site.happen(9, NOW - HOUR)
    site.judge()
    (before,) = site.anomalies()
    with site.store.write() as connection:
        label_anomaly(connection, before.id, AnomalyChange(state="acknowledged"), who="amal", now=NOW)
    site.happen(5, NOW - HOUR + timedelta(minutes=30), name="late")
    assert site.judge(TEN_PAST + HOUR / 4) == 0
    (after,) = site.anomalies()
    assert (after.id, after.state, after.observed) == (before.id, "acknowledged", before.observed + 5)
    assert after.rev > before.rev
    assert len(site.alerts()) == 1


def test_events_of_more_than_two_days_ago_are_too_late(site: Site) -> None:
    site.judge()
    site.happen(9, NOW - 60 * HOUR)
    assert site.judge(TEN_PAST + HOUR) == 0


def test_what_was_missed_while_the_box_was_off_is_judged_and_only_the_last_hours_sound(site: Site) -> None:
    lng, lat = centre(neighbourhood(60)[7])
    site.happen(9, NOW - 20 * HOUR)
    site.happen(9, NOW - HOUR, name="now", longitude=lng, latitude=lat)
    assert site.judge() == 2
    assert len(site.alerts()) == 1


def test_without_two_weeks_of_past_nothing_is_judged(store: Store) -> None:
    site = Site(store)
    site.fill(neighbourhood(20), weeks=1, until=NOW, a_day=0.5)
    site.happen(30, NOW - HOUR)
    assert site.judge() == 0
    assert site.anomalies() == []


def test_a_burst_of_one_type_is_found_among_many_of_another(store: Store) -> None:
    site, rng = Site(store), np.random.default_rng(4)
    rows = [
        (NOW - (n + 1) * HOUR, event_type, int(rng.poisson(mean)))
        for n in range(5 * 7 * 24)
        for event_type, mean in (("motion", 12), ("fire", 0.2))
    ]
    site.count(CELL, rows)
    site.happen(8, NOW - HOUR, event_type="fire")
    site.judge()
    (one,) = [one for one in site.anomalies() if one.event_type == "fire"]
    assert one.observed >= 8
    assert "fire events between 11:00 and 12:00" in explain(one, ZoneInfo("UTC"))


def test_a_coarse_cell_that_is_flagged_for_a_fine_one_is_listed_and_does_not_sound(store: Store) -> None:
    site = Site(store, resolutions=(7, 8))
    site.fill(neighbourhood(60), weeks=5, until=NOW, a_day=0.5)
    with store.write() as connection:
        raw_connection(connection).execute(
            "INSERT INTO event_counts SELECT 7, day, ?, hour, event_type, event_count FROM event_counts "
            "WHERE h3_index = ?",
            (COARSE, CELL),
        )
    assert CELL in children(COARSE)
    site.happen(9, NOW - HOUR)
    assert site.judge() == 2
    assert {one.resolution for one in site.anomalies()} == {7, 8}
    assert len(site.alerts()) == 1


def test_false_labels_raise_the_bar_of_a_cell(site: Site) -> None:
    site.happen(6, NOW - HOUR)
    assert site.judge() == 1
    (one,) = site.anomalies()
    for n in range(4):
        with site.store.write() as connection:
            raw_connection(connection).execute(
                "INSERT INTO anomalies (kind, subject, family, started_at, last_at, found_at, score, observed, bar, "
                "detail_json, version, rev) SELECT kind, subject, family, ?, 1, found_at, score, observed, bar, "
                "detail_json, version, rev FROM anomalies WHERE anomaly_id = ?",
                (n, one.id),
            )
            label_anomaly(connection, one.id + 1 + n, AnomalyChange(state="false"), who="amal", now=NOW)
    site.happen(1, NOW + 70 * HOUR, name="calm")
    site.happen(3, NOW + 71 * HOUR, name="again")
    assert site.judge(TEN_PAST + 72 * HOUR) == 0
    site.happen(25, NOW + 74 * HOUR, name="worse")
    assert site.judge(TEN_PAST + 75 * HOUR) == 1
    assert site.anomalies()[0].bar == pytest.approx(2.4, abs=0.2)


def test_a_quiet_site_raises_no_more_than_the_stated_rate_hour_by_hour(store: Store) -> None:
    """Four hundred cells, two weeks of hours, nothing happens: a flag in a thousand cell days at most."""
    site, cells, days = Site(store), neighbourhood(400), 14
    site.fill(cells, weeks=7, until=NOW + timedelta(days=days), a_day=0.2, seed=7)
    found = sum(site.judge(TEN_PAST + timedelta(days=day)) for day in range(2, days + 1, 2))
    assert found <= RATE * len(cells) * days
    assert found == len(site.anomalies())


def test_the_nights_that_change_the_clock_are_judged_by_the_hours_that_the_clock_shows(store: Store) -> None:
    """In Toronto on 2026-11-01 the hour from 1 to 2 comes twice; both are of the same hour of the week, and judged."""
    site = Site(store, zone=TORONTO)
    midday = datetime(2026, 11, 1, 17, 0, tzinfo=UTC)
    site.fill(neighbourhood(60), weeks=5, until=midday, a_day=0.5)
    first, again = datetime(2026, 11, 1, 5, 0, tzinfo=UTC), datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
    for n, hour in enumerate((first, again)):
        lng, lat = centre(neighbourhood(60)[3 * n + 1])
        site.happen(7, hour, name=f"dst{n}", longitude=lng, latitude=lat)
    assert site.judge(midday + timedelta(minutes=10)) == 2
    windows = {tuple(one.detail["window"]) for one in site.anomalies()}
    assert windows == {(to_us(hour), to_us(hour) + HOUR_US) for hour in (first, again)}
    words = sorted(explain(one, TORONTO)[:50] for one in site.anomalies())
    assert all("between 01:00 and" in text for text in words)
    with store.read() as connection:
        hours = raw_connection(connection).execute("SELECT count(*) FROM judged_hours").fetchone()[0]
    assert hours == 48


def test_the_anomalies_of_a_cell_for_whoever_explains_it(site: Site) -> None:
    site.happen(9, NOW - HOUR)
    site.judge()
    with site.store.read() as connection:
        assert len(fetch_cell_anomalies(connection, CELL, NOW - 2 * HOUR, NOW)) == 1
        assert fetch_cell_anomalies(connection, CELL, NOW + HOUR, NOW + 2 * HOUR) == []
        assert fetch_cell_anomalies(connection, COARSE, NOW - 2 * HOUR, NOW) == []

"""Values and positions judged as they come: found once, however late, through kills, within bounds."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from appliance.anomaly.watch import Sign, is_loud, site_bar
from appliance.errors import Unavailable
from appliance.job import watching
from appliance.model.anomaly import AnomalyChange
from appliance.model.device_change import NewWindow
from appliance.model.intake import Intake, Reading
from appliance.store.anomaly.labels import fetch_thresholds, label_anomaly
from appliance.store.device.maintenance import insert_window
from appliance.store.engine import Store, raw_connection
from tests.conftest import NOW
from tests.job.watched import MINUTE, START, Site, noise, of_now, quiet_then


@pytest.fixture
def site(store: Store) -> Site:
    return Site(store)


def test_a_value_beyond_anything_before_is_an_anomaly_with_its_why_and_an_alert(site: Site) -> None:
    values = quiet_then(60.0)
    site.measure(values, since=of_now(values))
    site.judge()
    (one,) = site.anomalies()
    assert (one.kind, one.device, one.metric, one.state) == ("series", "a/b", "noise", "open")
    assert (one.observed, one.started_at, one.last_at) == (60.0, NOW, NOW)
    assert one.expected == pytest.approx(20.0, abs=0.2)
    assert one.score > 0.5 and one.probability is not None and one.probability < 1e-4
    assert site.alerts() == ["series/a/b/noise"]


def test_an_incident_that_goes_on_is_one_row_that_lasts_longer_and_one_alert(site: Site) -> None:
    values = quiet_then(*[60.0 + n % 3 for n in range(15)])
    site.measure(values[:2_005], since=of_now(values))
    site.judge()
    (first,) = site.anomalies()
    site.measure(values[2_005:], since=of_now(values) + 2_005 * MINUTE)
    site.judge()
    site.watching.write()
    (one,) = site.anomalies()
    assert (one.id, one.started_at) == (first.id, first.started_at)
    assert first.last_at < one.last_at <= NOW
    assert len(site.alerts()) == 1


def test_what_is_found_of_hours_long_past_sounds_no_alarm(site: Site) -> None:
    site.measure(quiet_then(60.0), since=START)
    site.judge()
    assert len(site.anomalies()) == 1
    assert site.alerts() == []


def test_values_that_come_late_and_out_of_order_are_each_judged_once(site: Site) -> None:
    values = noise(1_200)
    order = [*range(600), *range(900, 1_200), *range(600, 900)]
    judged: list[float] = []
    original = watching.judge_sample

    def count(watch: Any, metric: str, at_s: float, value: float, **more: Any) -> Any:
        judged.append(value)
        return original(watch, metric, at_s, value, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "judge_sample", count)
        for first in range(0, 1_200, 100):
            readings = [
                Reading(device="a/b", metric="noise", observed_at=START + n * MINUTE, received_at=NOW, value=values[n])
                for n in order[first : first + 100]
            ]
            site.recorder.record(Intake(readings=readings))
            site.recorder.record(Intake(readings=readings[:50]))  # delivered again
            site.judge()
    assert sorted(judged) == sorted(values)
    assert len(judged) == 1_200


@pytest.mark.parametrize("after", [1, 3, 5, 6])
def test_a_process_that_is_killed_judges_nothing_twice_and_misses_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Two series, one of which finds something: the other's state is older than what was found, and goes on as if."""
    monkeypatch.setattr(watching, "STEP_ROWS", 500)
    wild = quiet_then(60.0, *noise(300, seed=3), 95.0, *noise(90, seed=4))
    calm = noise(len(wild), seed=2)
    whole = _judged_alone(site, wild, calm)
    with site.store.write() as connection:
        for table in ("anomalies", "watch_states", "fresh_rows", "reading_values", "alerts"):
            raw_connection(connection).execute(f"DELETE FROM {table}")
        raw_connection(connection).execute("UPDATE watch_cursor SET judged = 0")
    _measure_both(site, wild, calm)
    site.start()
    for _ in range(after):
        site.watching.step()
    site.start()  # killed: what was not written is gone
    site.judge()
    found = [(one.started_at, one.observed, one.device) for one in site.anomalies()]
    assert found == whole
    assert len(found) == len(set(found)) >= 1


def _judged_alone(site: Site, wild: list[float], calm: list[float]) -> list[Any]:
    _measure_both(site, wild, calm)
    site.judge()
    return [(one.started_at, one.observed, one.device) for one in site.anomalies()]


def _measure_both(site: Site, wild: list[float], calm: list[float]) -> None:
    for first in range(0, len(wild), 250):
        for device, values in (("a/wild", wild), ("a/calm", calm)):
            site.measure(values[first : first + 250], since=START + first * MINUTE, device=device)


def test_states_are_written_seldom_and_only_those_that_changed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.measure(noise(100), device="a/one")
    site.measure(noise(100), device="a/two")
    site.judge()
    assert site.rows("SELECT * FROM watch_states") == []
    site.watching.stop()
    written = site.rows("SELECT subject, judged FROM watch_states ORDER BY subject")
    assert [judged for _, judged in written] == [2, 2]
    assert site.rows("SELECT judged FROM watch_cursor") == [(2,)]
    site.start()
    site.measure(noise(10), since=NOW - 10 * MINUTE, device="a/two")
    site.judge()
    site.watching.stop()
    assert site.rows("SELECT judged FROM watch_states ORDER BY subject") == [(2,), (3,)]
    assert site.rows("SELECT recorded FROM fresh_rows") == [(3,)], "the newest number stays"
    before = site.rows("PRAGMA data_version")
    site.judge()
    site.watching.stop()
    assert site.rows("PRAGMA data_version") == before


def test_a_store_that_cannot_be_written_loses_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    values = quiet_then(60.0)
    site.measure(values, since=of_now(values))

    def full(*_: Any, **__: Any) -> Any:
        raise Unavailable("writing the store: the disk is full; free space on it")

    with monkeypatch.context() as broken:
        broken.setattr("appliance.job.watching.write_states", full)
        site.watching.tend()
    assert "disk is full" in site.watching.error
    assert site.anomalies() == []
    site.watching.tend()
    assert site.watching.error == ""
    assert len(site.anomalies()) == 1


def test_a_value_that_stays_equal_far_beyond_its_habit_is_stuck_until_it_changes(site: Site) -> None:
    values = [20.0 + n // 5 % 5 / 10 for n in range(4_000)] + [21.7] * 200
    site.measure(values, since=of_now(values), metric="temperature")
    site.judge()
    site.watching.write()
    (one,) = site.anomalies(kind="stuck")
    assert one.started_at == NOW - 199 * MINUTE
    assert one.last_at == NOW
    assert one.detail["value"] == 21.7
    site.measure([20.0, 21.7], since=NOW + MINUTE, metric="temperature")
    site.judge()
    site.watching.write()
    assert [again.last_at for again in site.anomalies(kind="stuck")] == [NOW]


def test_a_step_that_nature_does_not_make_is_impossible_on_any_channel(site: Site) -> None:
    site.measure([20.0, 20.1, 55.0, 20.1], since=NOW - 3 * MINUTE, metric="temperature.probe1")
    site.judge()
    (one,) = site.anomalies()
    assert (one.kind, one.metric, one.expected, one.observed) == ("impossible", "temperature.probe1", 20.1, 55.0)


def test_a_position_that_no_unit_could_have_reached_is_one_incident_there_and_back(site: Site) -> None:
    site.move((0, 47.97, 29.37), (10, 47.971, 29.37), (20, 48.5, 29.37), (30, 47.973, 29.37), (40, 47.974, 29.37))
    site.judge()
    (one,) = site.anomalies()
    assert (one.kind, one.device) == ("impossible_move", "car/1")
    assert one.detail["distance_m"] == pytest.approx(51_300, rel=0.01)


def test_a_device_in_maintenance_is_not_judged(site: Site) -> None:
    with site.store.write() as connection:
        insert_window(
            connection,
            NewWindow(scope="site", subject="", from_time=NOW - MINUTE, to_time=NOW + 60 * MINUTE),
            now=NOW,
        )
    values = quiet_then(60.0)
    site.measure(values, since=of_now(values))
    site.judge()
    assert site.anomalies() == []


def test_a_total_is_judged_by_what_it_grows_by(site: Site) -> None:
    rng, total, values = random.Random(5), 0.0, []
    for _ in range(3_000):
        total += rng.choice([0.01, 0.02, 0.03])
        values.append(round(total, 3))
    values.append(total + 40.0)
    site.measure(values, since=of_now(values), metric="energy")
    site.judge()
    assert [(one.kind, round(one.observed)) for one in site.anomalies()] == [("series", 40)]


def test_labels_raise_the_bar_of_their_series_and_it_comes_back(store: Store) -> None:
    """The same step each time: heard at first, not once people said four times that there was nothing, and a year
    later again.
    """
    site = Site(store)
    values = quiet_then(24.5)
    site.measure(values, since=of_now(values))
    site.judge()
    (one,) = site.anomalies()
    for n in range(4):
        with store.write() as connection:
            raw_connection(connection).execute(
                "INSERT INTO anomalies (kind, subject, family, started_at, last_at, found_at, score, observed, bar, "
                "detail_json, version, rev) SELECT kind, subject, family, ?, 1, found_at, score, observed, bar, "
                "detail_json, version, rev FROM anomalies WHERE anomaly_id = ?",
                (n, one.id),
            )
            label_anomaly(connection, one.id + 1 + n, AnomalyChange(state="false"), who="amal", now=NOW)
        with store.read() as connection:
            own = fetch_thresholds(connection, one.id, now=NOW)[1]
        assert (own.subject, own.false_count, own.version) == ("series/a/b/noise", n + 1, n + 1)
        assert own.decades == pytest.approx(0.5 * (n + 1))
    heard = {}
    for later in (timedelta(), timedelta(days=365)):
        with store.write() as connection:  # a series that begins anew, judged by the bar of its name
            for table in ("anomalies", "watch_states", "reading_values"):
                raw_connection(connection).execute(f"DELETE FROM {table}")
        site.start()
        site.now = NOW + later
        site.measure(values, since=of_now(values) + later)
        site.judge()
        heard[later.days] = [(each.observed, round(each.bar, 1)) for each in site.anomalies()]
    assert heard == {0: [], 365: [(24.5, 0.0)]}


def test_a_site_of_many_series_asks_for_more_from_each() -> None:
    assert site_bar(10 * 1_440) == pytest.approx(0.68, abs=0.01)
    assert site_bar(300 * 1_440) == pytest.approx(2.16, abs=0.01)
    assert (site_bar(0), site_bar(1e12)) == (0.0, 2.5)


def test_more_series_than_are_watched_at_once_wait_and_are_counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MAX_HELD", 3)
    for n in range(5):
        site.measure(noise(10), device=f"a/{n}")
    site.judge()
    site.watching.stop()
    assert site.rows("SELECT items FROM item_totals WHERE term = 'unjudged'") == [(20,)]
    assert len(site.rows("SELECT * FROM watch_states")) == 3
    site.now += timedelta(hours=2)  # those are silent now
    site.measure(noise(10), since=START + timedelta(hours=2), device="a/4")
    site.judge()
    site.watching.stop()
    assert len(site.rows("SELECT * FROM watch_states")) == 4


def test_the_notes_of_what_is_new_are_bounded_and_what_goes_unseen_is_counted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.store.measured.fresh_rows.MAX_NOTES", 4)
    for n in range(6):
        site.measure(noise(7), since=START + timedelta(hours=n))
    assert site.rows("SELECT count(*) FROM fresh_rows") == [(4,)]
    assert site.rows("SELECT reason, items FROM item_totals WHERE term = 'unjudged'") == [("reading_values", 14)]


def test_a_state_that_cannot_be_read_begins_anew(site: Site) -> None:
    site.measure(noise(100))
    site.judge()
    site.watching.stop()
    with site.store.write() as connection:
        raw_connection(connection).execute("UPDATE watch_states SET state = x'00'")
    site.start()
    site.measure(noise(100), since=NOW - 100 * MINUTE)
    site.judge()
    assert site.watching.error == ""


def test_a_time_that_is_far_ahead_is_passed_over_where_the_box_knows_the_time(site: Site) -> None:
    values = quiet_then(60.0)
    site.measure(values, since=NOW + timedelta(days=300))
    site.judge()
    assert site.anomalies() == []
    site.measure(values, since=of_now(values))
    site.judge()
    assert len(site.anomalies()) == 1


def test_chance_alone_finds_no_more_at_a_site_than_is_stated(site: Site) -> None:
    """Twenty quiet series over two days: one a day for the whole site, and no alarm."""
    for n in range(20):
        site.measure(noise(3_000, seed=n), since=NOW - 2_999 * MINUTE, device=f"a/{n}")
    site.judge()
    assert len(site.anomalies()) <= 4
    assert site.alerts() == []


@pytest.mark.parametrize(("decades", "loud"), [(3.4, False), (4.0, False), (5.0, True)])
def test_what_comes_by_chance_more_than_once_a_week_is_listed_and_sounds_no_alarm(decades: float, loud: bool) -> None:
    sign = Sign("series", True, 0.6, 1.0, 0.0, 10.0**-decades, 0.0, {})
    assert is_loud(sign, 10 * 1_440) is loud
    assert is_loud(sign._replace(kind="stuck", probability=None), 1e9)


def test_the_hours_of_a_series_are_the_sites_over_the_night_that_changes_the_clock(store: Store) -> None:
    site, offsets = Site(store, zone="America/Toronto"), []
    original = watching.judge_sample

    def listen(*given: Any, offset_s: float, **more: Any) -> Any:
        offsets.append(offset_s / 3_600)
        return original(*given, offset_s=offset_s, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "judge_sample", listen)
        site.measure([1.0, 2.0, 3.0, 4.0], since=datetime(2026, 11, 1, 5, 15, tzinfo=UTC), every=15 * MINUTE)
        site.judge()
    assert offsets == [-4.0, -4.0, -4.0, -5.0]

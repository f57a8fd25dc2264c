"""History: each value in exactly one bin of every step, whatever is rolled up, has gone or waits to be merged."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.aggregate.bins import MINUTE_US
from appliance.aggregate.moments import Moments
from appliance.aggregate.steps import STEPS, Step, choose_step
from appliance.clock import HOUR_US
from appliance.model.tier import READINGS
from appliance.store.engine import Store, raw_connection
from appliance.store.measured.history import History, fetch_kept_from, find_series
from appliance.store.measured.open_bins import ALWAYS
from tests.conftest import examples
from tests.store.test_tiers import (
    MORE_NIGHTS,
    NIGHTS,
    SERIES,
    TABLES,
    Site,
    Told,
    at,
    from_scratch,
    local,
    moves,
    quick,
    site,
)

__all__ = ["quick", "site"]  # fixtures


def history(site: Site, step: Step, device: str, start: int, end: int) -> list[tuple[int, int, str, Moments]]:
    with site.store.read() as connection:
        raw = raw_connection(connection)
        series = find_series(raw, device, "t")
        if not series:
            return []
        found = History(raw, READINGS, site.bins, series[0][0]).find(step, start, end)
        return [(one[0], one[1], one[2], one[3][0]) for one in found]


def assert_history_is_told(site: Site, told: Sequence[Told], start: int, end: int) -> None:
    """Of every step, as far back as it is kept."""
    with site.store.read() as connection:
        kept = fetch_kept_from(raw_connection(connection), READINGS)
    for device in SERIES:
        of_one = [one for one in told if one[1] == device]
        days = from_scratch(of_one, lambda us: local(us, site.zone).date().isoformat())
        found = history(site, "day", device, start, end)
        assert {(site.bins.day_of(one[0]), device): one[3] for one in found} == days
        hours = from_scratch(of_one, lambda us: site.bins.hour_of(us).start)
        found = history(site, "hour", device, start, end)
        assert {(one[0], device): one[3] for one in found} == {k: v for k, v in hours.items() if k[0] >= kept["hour"]}
        minutes = from_scratch(of_one, lambda us: us - us % MINUTE_US)
        found = history(site, "minute", device, start, end)
        assert {(one[0], device): one[3] for one in found} == {
            key: one for key, one in minutes.items() if key[0] >= kept["minute"]
        }
        found = history(site, "raw", device, start, end)
        assert [(one[0], one[3].lowest) for one in found] == sorted(
            {(us, value) for us, _, value in of_one if us >= kept["raw"]}
        )


def test_an_hour_is_told_while_it_lasts_and_says_from_where(site: Site) -> None:
    start = at("2026-11-21T10:00:00Z")
    site.record([(start, "shelly/1", 1.0), (start + HOUR_US, "shelly/1", 3.0), (start + HOUR_US + 1, "shelly/1", 5.0)])
    site.roll_up(start + HOUR_US)
    told = [
        (tier, one.count, one.mean) for _, _, tier, one in history(site, "hour", "shelly/1", start, start + 3 * HOUR_US)
    ]
    assert told == [("hour", 1, 1.0), ("raw", 2, 4.0)]
    day = history(site, "day", "shelly/1", start, start + HOUR_US)
    assert [(one[2], one[3].count) for one in day] == [("hour", 3)]
    assert [at("2026-11-21T05:00:00Z"), at("2026-11-22T05:00:00Z")] == list(day[0][:2])


def test_where_tiers_meet_nothing_is_missing_and_nothing_counts_twice(site: Site) -> None:
    start = at("2026-11-01T00:00:00Z")
    told = [(start + n * 25 * MINUTE_US, "shelly/1", float(n)) for n in range(400)]
    end = start + 400 * 25 * MINUTE_US
    site.record(told[::2])
    site.roll_up(end)
    site.purge(rows=end - 24 * HOUR_US, minutes=end - 48 * HOUR_US, hours=end - 72 * HOUR_US)
    site.record(told[1::2])  # half of it late, most of that older than its rows, some older than its hours
    assert_history_is_told(site, told, start, end)
    site.roll_up(end + 48 * HOUR_US)
    assert_history_is_told(site, told, start, end)
    with site.store.read() as connection:
        kept = fetch_kept_from(raw_connection(connection), READINGS)
    assert start < kept["hour"] < kept["minute"] < kept["raw"] < end


@pytest.mark.parametrize(
    ("span_h", "age_h", "expected"),
    [
        (1.0, 1.0, "raw"),
        (1.1, 2.0, "minute"),
        (25.0, 30.0, "minute"),
        (25.1, 30.0, "hour"),
        (1.0, 30.0, "minute"),  # its rows are gone
        (1.0, 60.0, "hour"),  # and its minutes
        (1.0, 2_000.0, "day"),
        (1_501.0, 1_600.0, "day"),
    ],
)
def test_the_step_is_as_fine_as_can_be_shown_and_is_kept(span_h: float, age_h: float, expected: str) -> None:
    now = at("2026-11-21T12:00:00Z")
    kept: dict[Step, int] = {
        "raw": now - 24 * HOUR_US, "minute": now - 48 * HOUR_US, "hour": now - 1_700 * HOUR_US, "day": ALWAYS,
    }  # fmt: skip
    start = now - round(age_h * HOUR_US)
    assert choose_step(start, start + round(span_h * HOUR_US), kept) == expected
    assert expected in STEPS


BETWEEN = "observed_at >= 1 AND observed_at < 2"


@pytest.mark.parametrize(
    ("query", "plan"),
    [
        ("value_count FROM reading_minutes WHERE minute = 1 AND series_pk = 2", "(minute=? AND series_pk=?)"),
        ("value_count FROM reading_hours WHERE hour = 1 AND series_pk = 2", "(hour=? AND series_pk=?)"),
        ("value_count FROM reading_days WHERE day = '1' AND series_pk = 2", "(day=? AND series_pk=?)"),
        (
            f"value FROM reading_values WHERE {BETWEEN} AND (3 IS NULL OR series_pk = 3) ORDER BY observed_at",
            "PRIMARY KEY (observed_at>? AND observed_at<?)",
        ),
        (
            f"value FROM late_readings WHERE merged = 0 AND {BETWEEN} AND series_pk = 3 ORDER BY observed_at",
            "late_readings_waiting",
        ),
    ],
)
def test_no_table_is_read_through_for_a_page(site: Site, query: str, plan: str) -> None:
    with site.store.read() as connection:
        assert plan in str(raw_connection(connection).execute(f"EXPLAIN QUERY PLAN SELECT {query}").fetchall())


@pytest.mark.parametrize(
    ("zone", "night"),
    [*NIGHTS[:1], *(pytest.param(*night, marks=pytest.mark.deep) for night in (NIGHTS + MORE_NIGHTS)[1:])],
)
@settings(max_examples=examples(40), suppress_health_check=list(HealthCheck))
@given(st.lists(moves, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_each_value_is_told_once_at_every_moment(
    quick: Store, zone: str, night: str, rounds: list[Any], chance: Any
) -> None:
    for table in ("reading_values", "late_readings", "reading_repeats", "open_bins", "horizons", *TABLES):
        with quick.write() as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")
    site, start, told = Site(quick, ZoneInfo(zone)), at(night), list[Told]()
    for said, now_h, rows_h, minutes_h, hours_h in rounds:
        fresh = [
            (start + minute * MINUTE_US + second * 1_000_000, device, value) for minute, second, device, value in said
        ]
        site.record([*fresh, *chance.sample(told, min(len(told), 4))])
        told += fresh
        if chance.random() < 0.7:
            site.roll_up(start + now_h * HOUR_US)
            site.purge(
                rows=start + min(rows_h, now_h) * HOUR_US,
                minutes=start + min(minutes_h, now_h) * HOUR_US,
                hours=start + min(hours_h, now_h) * HOUR_US,
            )
    assert_history_is_told(site, told, start - 12 * HOUR_US, start + 72 * HOUR_US)

"""Tiers: bins equal a computation from scratch, whatever comes late, twice or out of order, whatever has gone."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.aggregate.bins import MINUTE_US, SiteBins
from appliance.aggregate.moments import Moments, moments_of
from appliance.clock import HOUR_US, from_us, to_us
from appliance.model.intake import Intake, Reading
from appliance.model.tier import READINGS, Width
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.file import sqlite
from appliance.store.measured.late import merge_late
from appliance.store.measured.open_bins import fetch_horizon, fetch_open
from appliance.store.measured.tiers import fetch_bins, ladder_tier, roll_up_days, roll_up_hours
from appliance.store.retention.steps import purge_hours, purge_minutes, purge_repeats, purge_rows
from tests.conftest import NOW, examples, make_recorder
from tests.empty_store import put_store
from tests.store.checks import assert_sound, totals

TORONTO = ZoneInfo("America/Toronto")
SERIES = ("shelly/1", "shelly/2")
Told = tuple[int, str, float]
"""Instant in microseconds, device, value."""

Scratch = dict[tuple[Any, str], Moments]
"""(start of the bin or ISO day, device) -> moments."""


class Site:
    """A store with its tiers in one zone, moved on as the jobs process does, in steps as small as can be."""

    def __init__(self, store: Store, zone: ZoneInfo) -> None:
        self.store, self.bins, self.zone = store, SiteBins(zone), zone

    def record(self, told: Iterable[Told]) -> None:
        readings = [
            Reading(device=device, metric="t", observed_at=from_us(us), received_at=NOW, value=value)
            for us, device, value in told
        ]
        make_recorder(self.store, NOW).record(Intake(readings=readings))

    def roll_up(self, now: int) -> int:
        while self.step(lambda connection: merge_late(connection, READINGS, self.bins, limit=2)):
            pass
        return roll_up_hours(self.store, READINGS, self.bins, now) + roll_up_days(self.store, READINGS, self.bins, now)

    def purge(self, *, rows: int, minutes: int, hours: int) -> None:
        for purge in (
            lambda connection: purge_rows(connection, READINGS, self.bins, before=rows, limit=3),
            lambda connection: purge_minutes(connection, READINGS, before=minutes, limit=3),
            lambda connection: purge_hours(connection, READINGS, self.bins, before=hours, limit=3),
        ):
            while self.step(purge).more:
                pass

    def step(self, work: Callable[[Any], Any]) -> Any:
        with self.store.write() as connection:
            return work(connection)

    def kept(self, width: Width) -> Scratch:
        with self.store.read() as connection:
            raw = raw_connection(connection)
            names = dict(raw.execute("SELECT series_pk, device FROM reading_series").fetchall())
            start, end = ("", "9999") if width == "day" else (-(2**62), 2**62)
            found = fetch_bins(raw, READINGS, ladder_tier(READINGS, width), start, end)
            return {(bin_, names[key]): one[0] for (bin_, key), one in found.items()}

    def horizon(self, table: str) -> int:
        with self.store.read() as connection:
            return fetch_horizon(raw_connection(connection), table)


def local(us: int, zone: ZoneInfo) -> datetime:
    return from_us(us).astimezone(zone)


def from_scratch(told: Iterable[Told], start: Callable[[int], Any]) -> Scratch:
    """Every distinct value once, gathered by whatever its bin is called."""
    found: defaultdict[tuple[Any, str], list[tuple[int, float]]] = defaultdict(list)
    for us, device, value in sorted(set(told)):
        found[start(us), device].append((us, value))
    return {key: moments_of(samples) for key, samples in found.items()}


def by_local_hour(found: Scratch, zone: ZoneInfo) -> Scratch:
    """Hours by what the clock on the wall showed, and its offset: not by how the store cuts them."""
    return {(wall(us, zone), device): one for (us, device), one in found.items()}


def wall(us: int, zone: ZoneInfo) -> Any:
    at = local(us, zone)
    return at.date(), at.hour, at.utcoffset()


def assert_equal_to_scratch(site: Site, told: Sequence[Told], now: int) -> None:
    """Of what has ended each tier holds exactly what a computation from scratch finds, as far back as it is kept."""
    ended_hour, ended_day = site.bins.hour_of(now).start, site.bins.day_of(now)
    minutes = from_scratch((one for one in told if one[0] < ended_hour), lambda us: us - us % MINUTE_US)
    kept_from = site.horizon("reading_minutes")
    assert site.kept("minute") == {key: one for key, one in minutes.items() if key[0] >= kept_from}
    kept_from = site.horizon("reading_hours")
    hours = from_scratch(
        (one for one in told if one[0] < ended_hour and site.bins.hour_of(one[0]).start >= kept_from),
        lambda us: wall(us, site.zone),
    )
    assert by_local_hour(site.kept("hour"), site.zone) == hours
    days = from_scratch(told, lambda us: local(us, site.zone).date().isoformat())
    assert site.kept("day") == {key: one for key, one in days.items() if key[0] < ended_day}


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store that does not wait for the disk: a property commits some ten thousand times."""
    monkeypatch.setattr(sqlite, "PRAGMAS", (*sqlite.PRAGMAS, "PRAGMA synchronous = OFF"))
    made = Store(put_store(tmp_path / FILE_NAME))
    yield made
    made.close()


@pytest.fixture
def site(quick: Store) -> Site:
    return Site(quick, TORONTO)


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text))


def test_a_night_in_which_the_clock_is_set_back_worked_by_hand(site: Site) -> None:
    site.record(
        [
            (at("2026-11-01T03:59:30Z"), "shelly/1", 1.0),  # 23:59:30 of the day before
            (at("2026-11-01T04:00:00Z"), "shelly/1", 2.0),  # 00:00 EDT
            (at("2026-11-01T05:10:10Z"), "shelly/1", 4.0),  # 01:10 EDT
            (at("2026-11-01T05:10:50Z"), "shelly/1", 6.0),
            (at("2026-11-01T06:10:20Z"), "shelly/1", 8.0),  # 01:10 EST, again
            (at("2026-11-02T04:59:59Z"), "shelly/1", 16.0),  # 23:59:59 EST
            (at("2026-11-02T05:00:00Z"), "shelly/1", 32.0),
        ]
    )
    site.roll_up(at("2026-11-03T12:00Z"))
    hours = {from_us(key[0]).isoformat()[:16]: (one.count, one.mean) for key, one in site.kept("hour").items()}
    assert hours == {
        "2026-11-01T03:00": (1, 1.0), "2026-11-01T04:00": (1, 2.0), "2026-11-01T05:00": (2, 5.0),
        "2026-11-01T06:00": (1, 8.0), "2026-11-02T04:00": (1, 16.0), "2026-11-02T05:00": (1, 32.0),
    }  # fmt: skip
    days = {key[0]: (one.count, one.mean, one.lowest, one.highest) for key, one in site.kept("day").items()}
    assert days == {
        "2026-10-31": (1, 1.0, 1.0, 1.0), "2026-11-01": (5, 7.2, 2.0, 16.0), "2026-11-02": (1, 32.0, 32.0, 32.0),
    }  # fmt: skip
    assert len(site.kept("minute")) == 6


def test_an_hour_waits_until_it_has_ended(site: Site) -> None:
    site.record([(at("2026-11-21T10:59:59Z"), "shelly/1", 1.0)])
    assert site.roll_up(at("2026-11-21T10:59:59.999999Z")) == 0
    assert site.roll_up(at("2026-11-21T11:00:00Z")) == 2
    assert site.kept("day") == {}


def test_what_changes_nothing_writes_nothing_and_what_is_late_changes_its_bins_only(site: Site) -> None:
    told = [(at("2026-11-19T10:00:00Z") + n * 7 * MINUTE_US, "shelly/1", float(n)) for n in range(60)]
    site.record(told)
    now = at("2026-11-21T12:00Z")
    site.roll_up(now)
    before = {width: site.kept(width) for width in ("minute", "hour", "day")}
    site.record(told)
    assert site.roll_up(now) == 0
    late = (at("2026-11-19T11:30:30Z"), "shelly/1", 100.0)
    site.record([late])
    assert site.roll_up(now) == 3
    for width, kept in before.items():
        changed = {key for key, one in site.kept(width).items() if kept.get(key) != one}
        assert (
            changed
            == {
                "minute": {(at("2026-11-19T11:30:00Z"), "shelly/1")},
                "hour": {(at("2026-11-19T11:00:00Z"), "shelly/1")},
                "day": {("2026-11-19", "shelly/1")},
            }[width]
        )
    assert_equal_to_scratch(site, [*told, late], now)


def test_a_value_taken_away_leaves_its_bins(site: Site) -> None:
    from appliance.store.measured.open_bins import mark_written

    gone = at("2026-11-19T10:00:00Z")
    site.record([(gone, "shelly/1", 1.0), (gone + 3 * HOUR_US, "shelly/1", 2.0)])
    now = at("2026-11-21T12:00Z")
    site.roll_up(now)
    with site.store.write() as connection:
        raw = raw_connection(connection)
        raw.execute("DELETE FROM reading_values WHERE observed_at = ?", (gone,))
        mark_written(raw, READINGS, [gone])
    site.roll_up(now)
    assert_equal_to_scratch(site, [(gone + 3 * HOUR_US, "shelly/1", 2.0)], now)


def test_a_process_killed_between_two_steps_leaves_nothing_undone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [(at("2026-11-19T10:00:00Z") + n * 20 * MINUTE_US, "shelly/1", float(n)) for n in range(12)]
    now = at("2026-11-21T12:00Z")
    whole = site.store.write
    site.record(told)
    for steps in range(1, 40):
        left = iter(range(steps))

        def write(left: Any = left) -> Any:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return whole()

        monkeypatch.setattr(site.store, "write", write)
        try:
            site.roll_up(now)
        except KeyboardInterrupt:
            monkeypatch.setattr(site.store, "write", whole)
            site.record([(told[0][0], "shelly/2", float(steps))])
            told.append((told[0][0], "shelly/2", float(steps)))
            continue
        break
    else:
        pytest.fail("it was killed each time")
    monkeypatch.setattr(site.store, "write", whole)
    assert_equal_to_scratch(site, told, now)
    with site.store.read() as connection:
        raw = raw_connection(connection)
        assert (fetch_open(raw, READINGS, "quarter"), fetch_open(raw, READINGS, "day")) == ([], [])


def test_a_value_that_comes_when_its_row_would_be_gone_is_merged_and_its_repeat_is_a_duplicate(site: Site) -> None:
    first = (at("2026-11-01T10:00:00Z"), "shelly/1", 1.0)
    now = at("2026-11-21T12:00Z")
    site.record([first])
    site.roll_up(now)
    site.purge(rows=now - 48 * HOUR_US, minutes=now - 48 * HOUR_US, hours=now - 480 * HOUR_US)
    late = (first[0] + MINUTE_US, "shelly/1", 5.0)
    site.record([first, late])
    site.record([late])
    assert (totals(site.store, "stored"), totals(site.store, "duplicate")) == ({"reading": 3}, {"": 1})
    site.roll_up(now)
    site.record([first, late])
    site.roll_up(now)
    assert_equal_to_scratch(site, [first, late], now)
    assert (totals(site.store, "stored"), totals(site.store, "duplicate")) == ({"reading": 2}, {"": 4})
    assert_sound(site.store, "UTC")


def test_digests_go_with_time_and_with_them_what_is_known_of_repeats(site: Site) -> None:
    old, now = (at("2026-11-01T10:00:00Z"), "shelly/1", 1.0), at("2026-11-21T12:00Z")
    site.record([old])
    site.roll_up(now)
    site.purge(rows=now, minutes=now, hours=now)
    site.record([(old[0] + 1, "shelly/1", 2.0)])
    site.roll_up(now)
    with site.store.write() as connection:
        assert purge_repeats(connection, READINGS, before=old[0], received_before=to_us(NOW)).deleted == 0
        found = purge_repeats(connection, READINGS, before=now, received_before=to_us(NOW) + 1)
    assert (found.deleted, found.more) == (2, False)


def test_rows_stay_until_their_bins_are_computed(site: Site) -> None:
    told = [(at("2026-11-01T10:00:00Z"), "shelly/1", 1.0), (at("2026-11-01T12:00:00Z"), "shelly/1", 2.0)]
    now = at("2026-11-21T12:00Z")
    site.record(told[:1])
    site.roll_up(now)
    site.record(told[1:])
    with site.store.write() as connection:
        step = purge_rows(connection, READINGS, site.bins, before=now)
    assert step.deleted == 1
    assert step.waits == "readings since 2026-11-01T12:00:00Z are not rolled up"
    site.roll_up(now)
    assert_equal_to_scratch(site, told, now)


def test_hours_stay_until_their_day_is_computed_and_their_rows_are_gone(site: Site) -> None:
    first, now = at("2026-11-01T10:00:00Z"), at("2026-11-21T12:00Z")
    site.record([(first, "shelly/1", 1.0)])
    roll_up_hours(site.store, READINGS, site.bins, now)

    def purge() -> Any:
        return site.step(lambda connection: purge_hours(connection, READINGS, site.bins, before=now))

    assert (purge().deleted, purge().waits) == (0, "")
    site.step(lambda connection: purge_rows(connection, READINGS, site.bins, before=now))
    assert (purge().deleted, purge().waits) == (0, "hours of readings since 2026-11-01 are not rolled up to days")
    site.roll_up(now)
    assert (purge().deleted, purge().waits) == (1, "")
    assert_equal_to_scratch(site, [(first, "shelly/1", 1.0)], now)


NIGHTS = [
    ("America/Toronto", "2026-11-01T04:00Z"),  # back
    ("America/Toronto", "2026-03-08T05:00Z"),  # forward
]
MORE_NIGHTS = [
    ("UTC", "2026-11-21T00:00Z"),
    ("Asia/Kathmandu", "2026-11-20T18:15Z"),
    ("Australia/Lord_Howe", "2026-10-03T13:30Z"),  # half an hour forward
    ("Australia/Lord_Howe", "2026-04-04T13:00Z"),  # half an hour back
    ("Pacific/Chatham", "2026-04-04T11:15Z"),
    ("America/St_Johns", "2010-11-06T02:30Z"),  # at a minute past midnight, into the day before
]
TABLES = [tier.table for tier in READINGS.tiers]
values = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.1, 21.5, 1e15, -1e-9]))
telling = st.lists(st.tuples(st.integers(-600, 4200), st.integers(0, 59), st.sampled_from(SERIES), values), max_size=12)
moves = st.tuples(telling, st.integers(0, 96), st.integers(0, 96), st.integers(0, 96), st.integers(0, 96))


@pytest.mark.parametrize(
    ("zone", "night"), [*NIGHTS, *(pytest.param(*night, marks=pytest.mark.deep) for night in MORE_NIGHTS)]
)
@settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(st.lists(moves, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_each_tier_equals_a_computation_from_scratch(
    quick: Store, zone: str, night: str, rounds: list[Any], chance: Any
) -> None:
    """Rounds of telling (some of it again), rolling up at some hour, and taking away what is older than some hour."""
    for table in ("reading_values", "late_readings", "reading_repeats", "open_bins", "horizons", *TABLES):
        with quick.write() as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")
    site, start, told = Site(quick, ZoneInfo(zone)), at(night), []
    for said, now_h, rows_h, minutes_h, hours_h in rounds:
        fresh = [
            (start + minute * MINUTE_US + second * 1_000_000, device, value) for minute, second, device, value in said
        ]
        again = chance.sample(told, min(len(told), 4))
        delivered = [*fresh, *again]
        chance.shuffle(delivered)
        site.record(delivered)
        told += fresh
        site.roll_up(start + now_h * HOUR_US)
        site.purge(
            rows=start + min(rows_h, now_h) * HOUR_US,
            minutes=start + min(minutes_h, now_h) * HOUR_US,
            hours=start + min(hours_h, now_h) * HOUR_US,
        )
    end = start + 120 * HOUR_US
    site.roll_up(end)
    assert_equal_to_scratch(site, told, end)

"""Retention: what is old goes in small steps; what is pinned, not rolled up or not acknowledged stays."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.clock import rfc3339, to_us
from appliance.errors import Conflict, NotFound
from appliance.job.cleaning import Cleaned, clean
from appliance.job.counting import count_events
from appliance.model.event import Event
from appliance.model.intake import Fix, Intake
from appliance.model.settings import Retention
from appliance.model.settings_text import read_settings
from appliance.store.engine import Store, raw_connection
from appliance.store.event import pins
from appliance.store.event.pins import fetch_pins, pin_events, unpin_events
from appliance.store.forecast.scores import DayScores, write_scores
from appliance.store.intake.batch import Recorder
from appliance.store.outbox import acknowledge, next_batch
from appliance.store.retention import events as event_retention
from appliance.store.retention.events import purge_events
from appliance.store.retention.steps import purge_positions, shrink
from appliance.store.risk.runs import insert_run
from appliance.store.settled.counts import DailyRow, ensure_counts, fetch_daily_counts
from appliance.store.settled.settle import settle_index
from appliance.store.settled.tally import Tally
from tests.conftest import NOW, make_event, make_recorder
from tests.serve.conftest import make_jobs
from tests.store.checks import assert_sound, event_at, totals

UTC = SiteBins(ZoneInfo("UTC"))
DAY = timedelta(days=1)
HERE = (47.97, 29.37)


def rows(store: Store, table: str) -> int:
    with store.read() as connection:
        return int(raw_connection(connection).execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def record(store: Store, *names: str, at: datetime = NOW, **members: Any) -> None:
    """Events that came in at an instant."""
    events: list[Event] = [event_at(HERE, event_id=name, **members) for name in names]
    make_recorder(store, at).record(Intake(events=events))


def clean_up(store: Store, now: datetime = NOW, *, centre: bool = False, **keep: int) -> Cleaned:
    return clean(store, retention=Retention(**keep), bins=UTC, now=to_us(now), centre=centre, rest=lambda _: False)


def names(store: Store) -> list[str]:
    with store.read() as connection:
        found = raw_connection(connection).execute("SELECT event_id FROM events ORDER BY event_pk")
        return [row[0] for row in found]


def keys(store: Store) -> dict[str, int]:
    with store.read() as connection:
        return dict(raw_connection(connection).execute("SELECT event_id, event_pk FROM events").fetchall())


def counted(store: Store) -> int:
    with store.read() as connection:
        total = raw_connection(connection).execute("SELECT sum(event_count) FROM event_counts WHERE resolution = 8")
        return int(total.fetchone()[0])


def test_events_go_by_when_they_came_and_their_counts_stay(store: Store) -> None:
    record(store, "imported", at=NOW - 10 * DAY, event_timestamp="2001-01-01T00:00:00Z")
    record(store, "old", at=NOW - 10 * DAY)
    assert clean_up(store).deleted["events"] == 0
    assert (
        clean_up(store, NOW + 354 * DAY).deleted["events"] == 0
    )  # the first that came is young: no later one is older
    assert clean_up(store, NOW + 356 * DAY).deleted["events"] == 2
    assert (names(store), rows(store, "event_keys"), counted(store)) == ([], 0, 2)
    assert totals(store, "purged") == {"": 2}
    assert_sound(store)


@pytest.mark.parametrize("zone", ["UTC", "America/Toronto", "Asia/Kathmandu"])
def test_hours_of_days_without_events_become_one_and_the_days_stay_exact(store: Store, zone: str) -> None:
    bins, hours = SiteBins(ZoneInfo(zone)), SiteHours(ZoneInfo(zone))
    with store.write() as connection:
        ensure_counts(connection, hours, (7, 8))
    recorder = Recorder(store, hours=hours, resolutions=(7, 8), quarantine_rows=9, clock=lambda: NOW - 200 * DAY)
    old = [event_at(HERE, event_id=f"e{n}", event_timestamp=rfc3339(NOW - (200 + n / 40) * DAY)) for n in range(200)]
    recorder.record(Intake(events=old))
    count_events(store, hours)
    with store.read() as connection:
        before = daily(connection, hours)
    kept = clean(
        store,
        retention=Retention(events_days=100, hourly_days=90),
        bins=bins,
        now=to_us(NOW),
        centre=False,
        rest=lambda _: False,
    )
    assert (kept.deleted["events"], kept.deleted["event_counts by hour"] > 200) == (200, True)
    with store.read() as connection:
        assert daily(connection, hours) == before
        raw = raw_connection(connection)
        shapes = "SELECT count(*), count(DISTINCT day), (SELECT count(*) FROM purged_hours) FROM event_counts"
        many, days, purged = raw.execute(f"{shapes} WHERE resolution = 8").fetchone()
    assert many == days == purged == 6
    recorder.record(
        Intake(events=[event_at(HERE, event_id="late", event_timestamp=old[0].event_timestamp.isoformat())])
    )
    count_events(store, hours)
    assert_sound(store, zone)
    with store.write() as connection:
        assert ensure_counts(connection, SiteHours(ZoneInfo("Europe/Berlin")), (7, 8))
        assert sum(row[2] for row in daily(connection, SiteHours(ZoneInfo("Europe/Berlin")))) == 2 * 201


def daily(connection: Any, hours: SiteHours) -> list[DailyRow]:
    """What is counted at the two resolutions, whatever the hours."""
    span = {"from_day": (NOW - 300 * DAY).date(), "to_day": NOW.date(), "hours": hours}
    return [row for r in (7, 8) for row in sorted(fetch_daily_counts(connection, resolution=r, **span))]


def test_events_for_ever_are_kept_for_ever(store: Store) -> None:
    record(store, "old", at=NOW - 5_000 * DAY)
    assert "events" not in clean_up(store, events_days=0).deleted
    assert names(store) == ["old"]


def test_a_quiet_box_settles_what_is_to_go(store: Store) -> None:
    record(store, "old", at=NOW - 400 * DAY)
    record(store, "new")
    cleaned = clean_up(store)
    assert (cleaned.deleted["events"], cleaned.waits, names(store)) == (1, [], ["new"])
    record(store, "old", "new")  # what is deleted is forgotten, what is kept is known
    assert names(store) == ["new", "old"]
    assert_sound(store)


def test_events_that_are_not_rolled_up_stay_and_it_is_said_since_when(store: Store) -> None:
    record(store, "e1", "e2", at=NOW - 400 * DAY)
    with store.write() as connection:
        settle_index(connection)
        step, last = purge_events(connection, Tally(SiteHours(UTC.zone), ()), before=to_us(NOW))
    assert (step.deleted, last) == (0, 0)
    assert step.waits == "events since 2025-10-18T12:00:00Z are not rolled up"


def test_an_event_whose_place_cannot_be_read_holds_up_events_only_and_is_told_of(store: Store) -> None:
    record(store, "broken", at=NOW - 400 * DAY)
    with store.write() as connection:
        raw_connection(connection).execute("UPDATE events SET geom = x'00'")
    make_recorder(store, NOW).record(
        Intake(fixes=[Fix(device="a/b", observed_at=NOW - 40 * DAY, received_at=NOW, longitude=1.0, latitude=2.0)])
    )
    cleaned = clean_up(store)
    assert (names(store), cleaned.deleted["positions"], cleaned.finished) == (["broken"], 1, True)
    assert any("are not rolled up" in text for text in cleaned.waits)


def test_pinned_events_stay_and_those_around_them_go(store: Store) -> None:
    record(store, *(f"e{n:04}" for n in range(1_200)), at=NOW - 400 * DAY)
    pinned = [keys(store)[name] for name in ("e0000", "e0007", "e1100")]
    with store.write() as connection:
        assert pin_events(connection, "case-7", pinned, now=NOW) == 3
        assert pin_events(connection, "case-7", pinned[:1], now=NOW) == 0
        assert pin_events(connection, "case-8", pinned[:1], now=NOW) == 1
        assert [pin.event_pk for pin in fetch_pins(connection, "case-7")] == pinned
    assert clean_up(store).deleted["events"] == 1_197
    assert names(store) == ["e0000", "e0007", "e1100"]
    with store.write() as connection:
        assert unpin_events(connection, "case-7") == 3
    assert clean_up(store).deleted["events"] == 2
    assert names(store) == ["e0000"]
    with store.write() as connection:
        assert unpin_events(connection, "case-8", pinned) == 1
    assert clean_up(store).deleted["events"] == 1
    assert_sound(store)


def test_the_index_of_deleted_events_goes_although_a_pinned_one_lies_below(store: Store) -> None:
    record(store, "pinned", at=NOW - 400 * DAY)
    with store.write() as connection:
        pin_events(connection, "case", [1], now=NOW)
        raw_connection(connection).execute("UPDATE sqlite_sequence SET seq = 70000 WHERE name = 'events'")
    record(store, "gone", at=NOW - 399 * DAY)
    with store.write() as connection:
        raw_connection(connection).execute("UPDATE sqlite_sequence SET seq = 140000 WHERE name = 'events'")
    record(store, "new")
    with store.write() as connection:
        settle_index(connection)
    assert rows(store, "event_cells") == 3
    clean_up(store)
    assert (names(store), rows(store, "event_cells"), rows(store, "event_segments")) == (["pinned", "new"], 2, 2)


def test_pins_are_of_events_that_are_there_and_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    record(store, "e1", "e2")
    with store.write() as connection:
        with pytest.raises(NotFound, match="event 9"):
            pin_events(connection, "case", [1, 9], now=NOW)
        assert fetch_pins(connection, "case") == []
        monkeypatch.setattr(pins, "MAX_PINS", 1)
        with pytest.raises(Conflict, match="1 pins"):
            pin_events(connection, "case", [1, 2], now=NOW)


def test_an_event_recorded_without_a_clock_is_as_old_as_what_came_after_it(store: Store) -> None:
    record(store, "undated", at=datetime.fromisoformat("1970-01-01T00:01:00Z"))
    with store.write() as connection:
        raw_connection(connection).execute("UPDATE events SET clock_quality = 'untrusted'")
    record(store, "after", at=NOW - 300 * DAY)
    assert clean_up(store).deleted["events"] == 0
    assert clean_up(store, NOW + 100 * DAY).deleted["events"] == 2


def test_many_events_of_no_known_age_hold_the_others_up_and_it_is_said(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_retention, "MAX_DOUBTFUL", 2)
    record(store, "a", "b", at=NOW - 300 * DAY)
    with store.write() as connection:
        raw_connection(connection).execute("UPDATE events SET clock_quality = 'untrusted'")
    record(store, "after", at=NOW - 300 * DAY)
    done = clean_up(store, NOW + 100 * DAY)
    assert done.deleted["events"] == 0
    assert done.waits == ["events: 2 in a row were recorded without a clock, and how old they are is not known"]


def scored(store: Store) -> None:
    """A run over four months, so that there are slices of risk."""
    for day in (0, 60, 100):
        make_recorder(store, NOW).record(
            Intake(events=[make_event(event_id=f"d{day}", event_timestamp=(NOW - day * DAY).isoformat())])
        )
    jobs = make_jobs(store)
    with store.write() as connection:
        insert_run(connection, resolution=8, from_day=(NOW - 120 * DAY).date(), to_day=NOW.date(), now=NOW)
    while jobs.perform_next():
        pass


def slices(store: Store) -> list[str]:
    with store.read() as connection:
        return [row[0] for row in raw_connection(connection).execute("SELECT DISTINCT day FROM outbox WHERE day <> ''")]


def test_risk_goes_with_its_entry_in_the_outbox_once_the_centre_has_it(store: Store) -> None:
    scored(store)
    before = min(slices(store))
    cleaned = clean_up(store, centre=True, risk_days=98)
    assert cleaned.deleted["risk"] == 0
    assert cleaned.waits == [f"risk of days since {before} (66 slices) is not acknowledged by the centre"]
    while batch := next_batch(store, site_id="box", batch_rows=1_000):
        acknowledge(store, batch.seq, NOW)
    cleaned = clean_up(store, centre=True, risk_days=98)
    assert cleaned.waits == []
    assert min(slices(store)) == (NOW - 98 * DAY).date().isoformat()
    with store.read() as connection:
        raw = raw_connection(connection)
        for table in ("cell_aggregates", "risk_scores", "anomaly_flags"):
            assert raw.execute(f"SELECT min(day) FROM {table}").fetchone()[0] == min(slices(store))


def test_without_a_centre_nothing_waits_for_it(store: Store) -> None:
    scored(store)
    cleaned = clean_up(store, risk_days=98)
    assert (cleaned.waits, min(slices(store))) == ([], (NOW - 98 * DAY).date().isoformat())


def test_scores_that_only_the_forecast_has_go_after_some_weeks_once_the_centre_has_them(store: Store) -> None:
    scored(store)
    days = [(NOW - n * DAY).date().isoformat() for n in (1, 35, 36, 60)]
    for resolution in (8, 9):
        for day in days:
            found = DayScores(resolution=resolution, day=day, profile="calibrated", scores={5: (1.0, "low")})
            with store.write() as connection:
                write_scores(connection, found)

    def kept(profile: str, resolution: int) -> list[str]:
        with store.read() as connection:
            found = raw_connection(connection).execute(
                "SELECT DISTINCT day FROM risk_scores WHERE profile = ? AND resolution = ? ORDER BY day DESC",
                (profile, resolution),
            )
            return [row[0] for row in found]

    classic = kept("composite", 8)
    clean_up(store, centre=True)
    assert kept("calibrated", 9) == days
    while batch := next_batch(store, site_id="box", batch_rows=1_000):
        acknowledge(store, batch.seq, NOW)
    cleaned = clean_up(store, centre=True)
    assert (cleaned.deleted["risk of patrol cells"], cleaned.waits) == (2, [])
    assert (kept("calibrated", 9), kept("calibrated", 8), kept("composite", 8)) == (days[:2], days, classic)


def test_positions_go_by_when_they_were_observed_a_few_at_a_time(store: Store) -> None:
    fixes = [
        Fix(device="a/b", observed_at=NOW - n * DAY, received_at=NOW, longitude=1.0, latitude=2.0) for n in range(40)
    ]
    make_recorder(store, NOW).record(Intake(fixes=fixes))
    with store.write() as connection:
        step = purge_positions(connection, before=to_us(NOW - 30 * DAY), limit=5)
    assert (step.deleted, step.more) == (5, True)
    clean_up(store)
    assert rows(store, "positions") == 31


def test_the_file_gives_back_what_it_does_not_need_and_keeps_a_twentieth(store: Store) -> None:
    with store.write() as connection:
        raw = raw_connection(connection)
        raw.execute("CREATE TABLE ballast (b BLOB)")
        raw.executemany("INSERT INTO ballast VALUES (?)", [(bytes(40_000),)] * 500)
        raw.execute("DELETE FROM ballast")
    steps = 1
    while _shrink(store):
        steps += 1
    with store.read() as connection:
        free = raw_connection(connection).execute("PRAGMA freelist_count").fetchone()[0]
    assert free == 2_048
    assert steps == 12  # some 3,000 pages, 256 at a time


def _shrink(store: Store) -> bool:
    with store.write() as connection:
        return shrink(connection)


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        ("events_days = -1", "retention.events_days cannot be -1"),
        ("minute_hours = 0", "retention.minute_hours cannot be 0"),
        ("risk_days = 90", "retention.risk_days cannot be 90"),
        ("reading_days = 3", "did you mean readings_days"),
    ],
)
def test_what_cannot_be_kept_to_is_refused(toml: str, reason: str) -> None:
    with pytest.raises(Exception, match=reason):
        read_settings(f"[retention]\n{toml}", {})

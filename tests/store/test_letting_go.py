"""Rows that go for want of room: the oldest first, a batch at a time, counted, and nothing that is still needed."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.job.counting import count_events
from appliance.model.intake import Fix, Intake, Reading, Rejection
from appliance.store.engine import Store, raw_connection
from appliance.store.event.pins import pin_events
from appliance.store.retention import letting_go
from appliance.store.retention.letting_go import let_go_events, let_go_positions, let_go_quarantine, let_go_readings
from appliance.store.settled.settle import settle_index
from tests.conftest import NOW, make_event, make_recorder
from tests.store.checks import assert_sound, totals

UTC_HOURS = SiteHours(ZoneInfo("UTC"))
UTC_BINS = SiteBins(ZoneInfo("UTC"))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letting_go, "BATCH", 3)


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def count(store: Store, table: str) -> int:
    with store.read() as connection:
        found: int = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
    return found


def test_the_oldest_readings_go_in_batches_until_none_is_older(store: Store) -> None:
    values = [
        Reading(device="d", metric="m", observed_at=ago(hours), received_at=NOW, value=hours) for hours in range(10)
    ]
    make_recorder(store, NOW).record(Intake(readings=values))
    gone = [let_go_readings(store, ago(4), bins=UTC_BINS) for _ in range(3)]
    assert gone == [3, 2, 0]
    with store.read() as connection:
        left = [row[0] for row in raw_connection(connection).execute("SELECT value FROM readings ORDER BY value")]
    assert left == [0, 1, 2, 3, 4]
    assert totals(store, "let_go")["readings"] == 5
    assert_sound(store)


def test_many_readings_of_one_instant_go_together(store: Store) -> None:
    values = [Reading(device="d", metric="m", observed_at=ago(9), received_at=NOW, value=n) for n in range(10)]
    make_recorder(store, NOW).record(Intake(readings=values))
    assert [let_go_readings(store, ago(1), bins=UTC_BINS) for _ in range(2)] == [10, 0]


def test_positions_likewise(store: Store) -> None:
    fixes = [
        Fix(device="truck", observed_at=ago(hours), received_at=NOW, longitude=47.9, latitude=29.3)
        for hours in range(5)
    ]
    make_recorder(store, NOW).record(Intake(fixes=fixes))
    assert let_go_positions(store, ago(2.5)) == 2
    assert (count(store, "positions"), totals(store, "let_go")["positions"]) == (3, 2)


def test_what_nobody_understood_goes_by_when_it_came_last_and_counts_as_evicted(store: Store) -> None:
    for hours in (9, 8, 1):
        make_recorder(store, ago(hours)).record(
            Intake(rejections=[Rejection(topic="t", payload=b"{" * hours, reason="not JSON")])
        )
    assert [let_go_quarantine(store, ago(2)) for _ in range(2)] == [2, 0]
    assert count(store, "quarantine") == 1
    assert totals(store, "quarantine_evicted")[""] == 2
    assert_sound(store)


def fill_events(store: Store) -> None:
    events = [
        make_event(event_id=f"e{hours:02}", event_timestamp=ago(hours).isoformat()) for hours in (1, 30, 31, 32, 33, 34)
    ]
    make_recorder(store, NOW).record(Intake(events=events))


def settle(store: Store) -> None:
    count_events(store, UTC_HOURS)
    with store.write() as connection:
        settle_index(connection)


def let_go(store: Store, *, acknowledged_only: bool = False) -> int:
    return let_go_events(store, ago(24), hours=UTC_HOURS, acknowledged_only=acknowledged_only)


def test_an_event_that_is_not_counted_yet_stays(store: Store) -> None:
    fill_events(store)
    assert let_go(store) == 0
    settle(store)
    assert [let_go(store) for _ in range(3)] == [3, 2, 0]
    assert count(store, "events") == 1
    assert totals(store, "let_go")["events"] == 5
    assert_sound(store)


def test_the_counts_of_events_that_went_stay(store: Store) -> None:
    fill_events(store)
    settle(store)
    with store.read() as connection:
        before = connection.exec_driver_sql("SELECT sum(event_count) FROM event_counts").scalar_one()
    while let_go(store):
        pass
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT sum(event_count) FROM event_counts").scalar_one() == before == 12


def test_what_a_case_holds_stays_and_what_has_no_time_to_believe(store: Store) -> None:
    fill_events(store)
    with store.write() as connection:
        raw = raw_connection(connection)
        raw.execute("UPDATE events SET clock_quality = 'untrusted' WHERE event_id = 'e30'")
    settle(store)
    with store.write() as connection:
        key = raw_connection(connection).execute("SELECT event_pk FROM events WHERE event_id = 'e34'").fetchone()[0]
        pin_events(connection, "case-1", [key], now=NOW)
    while let_go(store):
        pass
    with store.read() as connection:
        left = {row[0] for row in raw_connection(connection).execute("SELECT event_id FROM events")}
    assert left == {"e01", "e30", "e34"}


def test_a_day_that_the_centre_has_not_been_told_of_keeps_its_events(store: Store) -> None:
    fill_events(store)
    settle(store)
    day = ago(33).date().isoformat()
    with store.write() as connection:
        raw_connection(connection).execute("INSERT INTO outbox VALUES ('risk_scores', 8, ?, 5, 4)", (day,))
    assert let_go(store, acknowledged_only=True) == 0
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE outbox SET acked_rev = 5")
    assert let_go(store, acknowledged_only=True) == 3

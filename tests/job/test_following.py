"""Following the events: activity by hour, plates that are looked for; exact after kills, late and undated events."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.bins import SiteBins
from appliance.clock import from_us, rfc3339, to_us
from appliance.errors import Conflict
from appliance.job import following
from appliance.job.following import EventFollower
from appliance.model.event import Event
from appliance.model.intake import Intake
from appliance.model.iot import NewWatchEntry
from appliance.model.native import read_event
from appliance.store.alerts import fetch_alerts
from appliance.store.audit import fetch_audit
from appliance.store.engine import Store, raw_connection
from appliance.store.iot.activity import fetch_activity, fetch_followed
from appliance.store.iot.watch_list import delete_watch_entry, fetch_hits, hash_wanted, insert_watch_entry
from firmware_bridge.plate import hash_plate
from tests.conftest import NOW, TORONTO, make_event, make_recorder
from tests.store.registry import change, hear, square, zone

KEY = b"k" * 32
UTC_ZONE = ZoneInfo("UTC")
CAM = "frigate/gate"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything gathered is worth a write."""
    monkeypatch.setattr(following, "FLUSH_S", 0.0)
    yield


def follower(store: Store, *, zone: ZoneInfo = UTC_ZONE, now: datetime = NOW) -> EventFollower:
    return EventFollower(store, bins=SiteBins(zone), clock=lambda: now)


def follow_all(store: Store, **given: object) -> EventFollower:
    one = follower(store, **given)  # type: ignore[arg-type]
    while one.step():
        pass
    return one


def record(store: Store, *events: Event) -> None:
    make_recorder(store, NOW).record(Intake(events=list(events)))


def motion(n: int, *, minutes_ago: float = 0.0, source: str = CAM, **members: object) -> Event:
    at = rfc3339(NOW - timedelta(minutes=minutes_ago))
    return make_event(event_id=f"m{n}", event_timestamp=at, source=source, **members)


def plate(text: str, n: int, *, minutes_ago: float = 0.0, rev: int = 0, source: str = CAM) -> Event:
    return make_event(
        event_id=f"p{n}",
        event_type="plate_read",
        event_timestamp=rfc3339(NOW - timedelta(minutes=minutes_ago)),
        source=source,
        rev=rev,
        attributes={"plate_hash": hash_plate(text, KEY), "score": 0.9},
    )


def want(store: Store, text: str, label: str = "stolen van", **given: object) -> int:
    entry = NewWatchEntry(label=label, plate=text, **given)  # type: ignore[arg-type]
    with store.write() as connection:
        return insert_watch_entry(
            connection,
            plate_hash=hash_wanted(entry, KEY, now=NOW),
            label=entry.label,
            reason=entry.reason,
            expires_at=entry.expires_at,
            who="amal",
            now=NOW,
        ).id


def activity(store: Store, source: str = CAM) -> dict[datetime, tuple[int, int]]:
    with store.read() as connection:
        rows = raw_connection(connection).execute(
            "SELECT hour, motions, plates FROM device_activity WHERE source = ?", (source,)
        )
        found = {from_us(hour): (motions, plates) for hour, motions, plates in rows}
        told = fetch_activity(connection, start=0, end=to_us(NOW + timedelta(days=1)))
    assert dict(zip(map(from_us, told.hours.tolist()), told.of(source).tolist(), strict=True)).items() >= {
        (hour, motions) for hour, (motions, _) in found.items()
    }
    return found


def alerts(store: Store) -> list[tuple[str, str, str]]:
    with store.read() as connection:
        return [(one.kind, one.subject, one.state) for one in fetch_alerts(connection)[0]]


def hits(store: Store) -> list[tuple[str, str]]:
    with store.read() as connection:
        return [(hit.event_id, hit.zone) for hit in fetch_hits(connection).items]


def test_detections_are_counted_by_device_and_hour_of_the_site(store: Store) -> None:
    hear(store, CAM)
    record(
        store,
        motion(1),
        motion(2, minutes_ago=20),
        motion(3, minutes_ago=70, event_type="object_detection"),
        motion(4, event_type="fire"),
        plate("KWT 1", 1),
    )
    follow_all(store)
    assert activity(store) == {NOW: (1, 1), NOW - timedelta(hours=1): (1, 0), NOW - timedelta(hours=2): (1, 0)}


def test_a_source_that_is_no_device_is_in_no_baseline(store: Store) -> None:
    record(store, motion(1, source="import"))
    follow_all(store)
    assert activity(store, "import") == {}


def test_late_events_go_to_their_own_hour_and_nothing_is_counted_twice(store: Store) -> None:
    hear(store, CAM)
    record(store, motion(1))
    one = follow_all(store)
    one.step()
    record(store, motion(2, minutes_ago=300), motion(1))
    follow_all(store)
    assert activity(store) == {NOW: (1, 0), NOW - timedelta(hours=5): (1, 0)}


def test_what_was_not_written_when_it_was_killed_is_looked_at_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FLUSH_S", 3_600.0)
    hear(store, CAM)
    follow_all(store)
    record(store, motion(1), motion(2))
    killed = follower(store)
    killed.step()
    assert activity(store) == {}  # it lies in memory alone
    monkeypatch.setattr(following, "FLUSH_S", 0.0)
    follow_all(store)
    assert activity(store) == {NOW: (2, 0)}
    with store.read() as connection:
        assert fetch_followed(connection).event_pk == 2


def test_a_kill_within_the_transaction_leaves_neither_counts_nor_cursor(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(store, CAM)
    follow_all(store)
    want(store, "KWT 4711")
    record(store, motion(1), plate("KWT 4711", 1))

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(following, "raise_alert", die)
        follow_all(store)
    assert (activity(store), hits(store), alerts(store)) == ({}, [], [])
    follow_all(store)
    assert (activity(store), len(hits(store)), len(alerts(store))) == ({NOW: (1, 1)}, 1, 1)


def test_another_zone_of_the_site_cuts_the_hours_anew(store: Store) -> None:
    hear(store, CAM)
    record(store, motion(1, minutes_ago=90), motion(2))
    follow_all(store)
    follow_all(store, zone=ZoneInfo("Asia/Kolkata"))
    half = timedelta(minutes=30)
    assert activity(store) == {NOW - half: (1, 0), NOW - timedelta(hours=2) + half: (1, 0)}
    with store.read() as connection:
        assert fetch_followed(connection).timezone == "Asia/Kolkata"


def test_events_without_a_time_are_counted_once_they_have_it(store: Store) -> None:
    hear(store, CAM)
    record(store, motion(1), motion(2, minutes_ago=600))
    with store.write() as connection:
        raw_connection(connection).execute("UPDATE events SET clock_quality = 'undated' WHERE event_id = 'm2'")
    follow_all(store)
    assert activity(store) == {NOW: (1, 0)}
    with store.write() as connection:
        raw_connection(connection).execute(
            "UPDATE events SET clock_quality = 'missing', event_timestamp = ? WHERE event_id = 'm2'", (to_us(NOW),)
        )
    follow_all(store)
    assert activity(store) == {NOW: (2, 0)}


def test_a_read_of_a_wanted_plate_is_a_hit_and_an_alarm_in_its_zone(store: Store) -> None:
    hear(store, CAM)
    zone(store, "gate", square(47.9, 29.3, 0.2))
    change(store, CAM, longitude=47.97, latitude=29.37)
    entry = want(store, "KWT 4711")
    record(store, plate("kwt-4711", 1), plate("KWT 4712", 2))
    follow_all(store)
    assert hits(store) == [("p1", "gate")]
    assert alerts(store) == [("watch_list", f"watchlist/{entry}/gate", "open")]


def test_the_zone_of_a_read_whose_source_is_no_device_is_where_it_was(store: Store) -> None:
    zone(store, "gate", square(47.9, 29.3, 0.2))
    want(store, "KWT 4711")
    record(store, plate("KWT 4711", 1, source="toll"))
    follow_all(store)
    assert hits(store) == [("p1", "gate")]


def test_a_plate_that_a_camera_corrects_later_is_matched_then(store: Store) -> None:
    hear(store, CAM)
    want(store, "KWT 4711")
    one = follow_all(store)
    record(store, plate("KWT 4J11", 1))
    one.step()
    record(store, plate("KWT 4711", 1, rev=2))
    one.step()
    assert hits(store) == [("p1", "")]
    one.step()
    assert len(hits(store)) == 1


def test_history_is_noted_and_sounds_no_alarm(store: Store) -> None:
    hear(store, CAM)
    want(store, "KWT 4711")
    record(store, plate("KWT 4711", 1, minutes_ago=600))
    follow_all(store)
    assert (len(hits(store)), alerts(store)) == (1, [])


def test_what_is_over_or_taken_off_is_not_matched_and_its_alarms_are_closed(store: Store) -> None:
    hear(store, CAM)
    entry = want(store, "KWT 4711")
    want(store, "KWT 1", "van 2", expires_at=NOW + timedelta(minutes=1))
    record(store, plate("KWT 4711", 1))
    follow_all(store)
    with store.write() as connection:
        delete_watch_entry(connection, entry, who="amal", now=NOW)
    record(store, plate("KWT 4711", 2), plate("KWT 1", 3))
    follow_all(store, now=NOW + timedelta(hours=2))
    assert len(hits(store)) == 1
    assert alerts(store) == [("watch_list", f"watchlist/{entry}/{CAM}", "closed")]
    with store.read() as connection:
        actions = [(one.who, one.action) for one in fetch_audit(connection)]
    assert actions == [("amal", "watchlist.remove"), ("amal", "watchlist.add"), ("amal", "watchlist.add")]


def test_an_alarm_that_nothing_was_added_to_for_six_hours_is_closed(store: Store) -> None:
    hear(store, CAM)
    want(store, "KWT 4711")
    record(store, plate("KWT 4711", 1))
    follow_all(store)
    record(store, motion(1))
    follow_all(store, now=NOW + timedelta(hours=7))
    assert [state for *_, state in alerts(store)] == ["closed"]


def test_hits_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.store.iot.watch_list.KEEP_HITS", 3)
    hear(store, CAM)
    want(store, "KWT 4711")
    record(store, *[plate("KWT 4711", n) for n in range(7)])
    follow_all(store)
    assert [event for event, _ in hits(store)] == ["p6", "p5", "p4"]


def test_a_night_that_sets_the_clock_keeps_its_hours_apart(store: Store) -> None:
    hear(store, CAM)
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # 01:30 in Toronto, and an hour later again
    events = [
        read_event(
            {"event_id": f"d{n}", "event_type": "motion", "event_timestamp": rfc3339(first + timedelta(hours=n))},
            source=CAM,
            received_at=NOW,
            unplaced=True,
        )
        for n in range(2)
    ]
    record(store, *events)
    follow_all(store, zone=TORONTO)
    assert activity(store) == {first - timedelta(minutes=30): (1, 0), first + timedelta(minutes=30): (1, 0)}


def test_a_step_of_many_events_is_bounded_and_says_that_there_is_more(store: Store) -> None:
    hear(store, CAM)
    follow_all(store)
    record(store, *[motion(n) for n in range(4_100)])
    one = follower(store)
    assert one.step() is True
    assert one.step() is False
    assert activity(store) == {NOW: (4_100, 0)}


def test_where_somebody_drove_is_forgotten_after_ninety_days(store: Store) -> None:
    hear(store, CAM)
    want(store, "KWT 4711")
    record(store, plate("KWT 4711", 1), plate("KWT 4711", 2, minutes_ago=60 * 24 * 10))
    follow_all(store)
    assert len(hits(store)) == 2
    record(store, motion(1))
    follow_all(store, now=NOW + timedelta(days=85))
    assert [event for event, _ in hits(store)] == ["p1"]


def test_an_entry_that_is_over_makes_room_for_the_same_plate(store: Store) -> None:
    first = want(store, "KWT 4711", expires_at=NOW + timedelta(minutes=1))
    with pytest.raises(Conflict, match=f"as entry {first}, 'stolen van'"):
        want(store, "KWT-4711", "again")
    with store.write() as connection:
        raw_connection(connection).execute("UPDATE watch_list SET expires_at = ?", (to_us(NOW),))
    assert want(store, "KWT-4711", "again") > first


def test_a_full_list_is_refused_with_its_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.store.iot.watch_list.MAX_ENTRIES", 2)
    want(store, "A 1")
    want(store, "A 2")
    with pytest.raises(Conflict, match="has 2 entries"):
        want(store, "A 3")

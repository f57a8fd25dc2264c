"""Quarantine: kept, counted, bounded so that what is rare stays, and sealed where it may hold a number plate."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from appliance.aggregate.hours import SiteHours
from appliance.errors import Conflict, NotFound, Rejected
from appliance.model.intake import Intake, Reading, Rejection
from appliance.store.audit import fetch_audit
from appliance.store.engine import Store, raw_connection
from appliance.store.intake.batch import Recorder
from appliance.store.quarantine import (
    MAX_PAYLOAD,
    Quarantined,
    QuarantineFilter,
    delete_quarantined,
    drop_quarantined,
    fetch_quarantine,
    fetch_quarantine_ids,
    fetch_quarantine_kinds,
    fetch_quarantined,
)
from appliance.store.sealing import Sealer
from appliance.store.topic_filter import read_filter
from tests.conftest import NOW, make_event
from tests.store.checks import assert_sound, totals

KEY = b"0123456789abcdef0123456789abcdef"
PLATE = b'{"plate": "Q7-ZX4401K", "score": "QQhighQQ"}'


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    return Sealer(tmp_path / "daily")


def recorder_of(
    store: Store, *, now: datetime = NOW, rows: int = 100, size: int = 10**6, sealer: Sealer | None = None,
    plate_key: bytes = KEY,
) -> Recorder:  # fmt: skip
    return Recorder(
        store, hours=SiteHours(ZoneInfo("UTC")), resolutions=(7, 8), quarantine_rows=rows, quarantine_bytes=size,
        clock=lambda: now,
        sealer=sealer, plate_key=plate_key if sealer else b"",
    )  # fmt: skip


def reject(recorder: Recorder, payload: bytes, reason: str = "r", *, sealed: bool = False) -> None:
    recorder.record(Intake(rejections=[Rejection(topic="t", payload=payload, reason=reason, sealed=sealed)]))


def entries(store: Store, sealer: Sealer | None = None) -> list[Quarantined]:
    with store.read() as connection:
        return fetch_quarantine(connection, sealer=sealer)


def payloads(store: Store) -> list[bytes]:
    return [entry.payload for entry in entries(store)]


def test_the_same_garbage_again_only_counts(store: Store, recorder: Recorder) -> None:
    rubbish = Rejection(topic="hexpost/v1/a/b/event", payload=b"{", reason="not JSON")
    for _ in range(3):
        recorder.record(Intake(rejections=[rubbish]))
    (entry,) = entries(store)
    assert (entry.topic, entry.payload, entry.reason, entry.count) == ("hexpost/v1/a/b/event", b"{", "not JSON", 3)
    assert entry.seal == ""
    assert totals(store) == {"received": 3, "quarantined": 3}


def test_it_is_bounded_by_entries_and_what_leaves_is_counted(store: Store) -> None:
    recorder = recorder_of(store, rows=5)
    for n in range(8):
        reject(recorder, b"%d" % n)
    assert payloads(store) == [b"7", b"6", b"5", b"4", b"3"]
    assert totals(store) == {"received": 8, "quarantined": 8, "quarantine_evicted": 3}
    assert_sound(store)


def test_it_is_bounded_by_bytes(store: Store) -> None:
    recorder = recorder_of(store, size=250)
    for n in range(4):
        reject(recorder, b"%d" % n * 100)
    assert payloads(store) == [b"3" * 100, b"2" * 100]
    assert totals(store)["quarantine_evicted"] == 2


def test_a_payload_is_cut_to_what_is_kept_and_still_told_apart_whole(store: Store, recorder: Recorder) -> None:
    for end in (b"a", b"b"):
        reject(recorder, bytes(MAX_PAYLOAD) + end)
    assert [len(payload) for payload in payloads(store)] == [MAX_PAYLOAD] * 2


def test_a_flood_of_one_mistake_does_not_wash_away_what_is_rare(store: Store) -> None:
    recorder = recorder_of(store, rows=6)
    reject(recorder, b"rare", "no such unit")
    for n in range(50):
        reject(recorder, b"%d" % n, "not JSON")
    assert payloads(store) == [b"49", b"48", b"47", b"46", b"45", b"rare"]


def test_mistakes_that_differ_only_in_their_values_are_one_kind(store: Store) -> None:
    recorder = recorder_of(store, rows=6)
    for n in range(2):
        reject(recorder, b"rare%d" % n, "no such unit")
    for n in range(50):
        reject(recorder, b"%d" % n, f"$[{n}].latitude: 'a{n}' or {n}.5 is not between -90 and 90")
    assert [payload for payload in payloads(store) if payload.startswith(b"rare")] == [b"rare1", b"rare0"]


def test_among_kinds_as_frequent_the_oldest_goes(store: Store) -> None:
    for n, reason in enumerate(("a", "b", "c", "d")):
        reject(recorder_of(store, now=NOW + timedelta(seconds=n), rows=3), b"x", reason)
    assert [entry.reason for entry in entries(store)] == ["d", "c", "b"]


def test_what_came_again_lately_counts_as_new(store: Store) -> None:
    for n, payload in enumerate((b"first", b"second", b"third", b"first", b"fourth")):
        reject(recorder_of(store, now=NOW + timedelta(seconds=n), rows=3), payload)
    assert payloads(store) == [b"fourth", b"third", b"first"]


def test_a_batch_larger_than_the_room_keeps_its_newest(store: Store) -> None:
    batch = [Rejection(topic="t", payload=b"%d" % n, reason="r") for n in range(500)]
    recorder_of(store, rows=3).record(Intake(rejections=batch))
    assert payloads(store) == [b"499", b"498", b"497"]
    assert totals(store) == {"received": 500, "quarantined": 500, "quarantine_evicted": 497}


def test_what_may_hold_a_plate_lies_in_the_file_sealed(store: Store, sealer: Sealer) -> None:
    reject(recorder_of(store, sealer=sealer), PLATE, "$.score: 'QQhighQQ' is not a number", sealed=True)
    (entry,) = entries(store, sealer)
    assert (entry.payload, entry.seal, entry.reason) == (PLATE, "opened", "$.score: … is not a number")
    with store.read() as connection:
        day, kept = connection.exec_driver_sql("SELECT sealed_day, payload FROM quarantine").one()
    assert day == "2026-11-22" and b"Q7-ZX4401K" not in kept
    store.close()
    files = [file.read_bytes() for file in store.path.parent.glob("hexpost.db*")]
    assert not any(b"Q7-ZX4401K" in file or b"QQhighQQ" in file for file in files)


def test_without_a_sealer_an_entry_stays_closed(store: Store, sealer: Sealer) -> None:
    reject(recorder_of(store, sealer=sealer), PLATE, sealed=True)
    (entry,) = entries(store)
    assert (entry.payload, entry.seal) == (b"", "closed")
    with store.read() as connection:
        assert fetch_quarantined(connection, entry.id, sealer=sealer).payload == PLATE


def test_once_the_key_is_destroyed_it_says_so(store: Store, sealer: Sealer) -> None:
    reject(recorder_of(store, sealer=sealer), PLATE, sealed=True)
    sealer.destroy_before((NOW + timedelta(days=1)).date())
    (entry,) = entries(store, sealer)
    assert (entry.payload, entry.seal, entry.count) == (b"", "destroyed", 1)


def test_one_that_does_not_open_does_not_hide_the_others(store: Store, sealer: Sealer) -> None:
    recorder = recorder_of(store, sealer=sealer)
    reject(recorder, PLATE, sealed=True)
    with store.write() as connection:
        raw_connection(connection).execute("UPDATE quarantine SET payload = x'00112233'")
    reject(recorder, b"{")
    assert [(entry.payload, entry.seal) for entry in entries(store, sealer)] == [(b"{", ""), (b"", "damaged")]


def test_the_same_plate_again_only_counts_also_on_another_day(store: Store, sealer: Sealer) -> None:
    for day in range(2):
        reject(recorder_of(store, now=NOW + timedelta(days=day), sealer=sealer), PLATE, sealed=True)
    (entry,) = entries(store, sealer)
    assert (entry.payload, entry.count) == (PLATE, 2)


def test_a_digest_does_not_tell_a_plate_to_somebody_who_guesses_it(
    store: Store, sealer: Sealer, tmp_path: Path
) -> None:
    def digest(key: bytes, *, sealed: bool) -> bytes:
        with store.write() as connection:
            raw_connection(connection).execute("DELETE FROM quarantine")
        reject(recorder_of(store, sealer=sealer, plate_key=key), PLATE, sealed=sealed)
        with store.read() as connection:
            found: bytes = connection.exec_driver_sql("SELECT digest FROM quarantine").scalar_one()
        return found

    ours = digest(KEY, sealed=True)
    assert ours == digest(KEY, sealed=True)
    assert ours not in {digest(bytes(32), sealed=True), digest(KEY, sealed=False)}


def test_where_nobody_gave_a_sealer_nothing_of_a_plate_is_kept(store: Store, sealer: Sealer) -> None:
    recorder = recorder_of(store)
    reject(recorder, PLATE, sealed=True)
    reject(recorder, PLATE.replace(b"Q7", b"Q8"), sealed=True)
    (entry,) = entries(store, sealer)
    assert (entry.payload, entry.seal, entry.count) == (b"", "destroyed", 2)
    assert totals(store) == {"received": 2, "quarantined": 2}


@pytest.mark.parametrize("key", [b"", b"short", bytes(65)])
def test_a_sealer_without_a_proper_key_is_a_mistake(store: Store, sealer: Sealer, key: bytes) -> None:
    with pytest.raises(ValueError, match="plate key"):
        recorder_of(store, sealer=sealer, plate_key=key)


def test_an_entry_can_be_dropped(store: Store, recorder: Recorder) -> None:
    reject(recorder, b"{")
    (entry,) = entries(store)
    with store.write() as connection:
        delete_quarantined(connection, entry.id)
        with pytest.raises(NotFound):
            delete_quarantined(connection, entry.id)
        with pytest.raises(NotFound):
            fetch_quarantined(connection, entry.id)


def reading(value: float) -> Reading:
    return Reading(device="a/b", metric="co2", observed_at=NOW, received_at=NOW, value=value)


class TestRetried:
    """An entry whose message is understood now leaves quarantine, and the balance goes on holding."""

    @pytest.mark.parametrize(
        ("count", "intake", "balance"),
        [
            (1, Intake(readings=[reading(1)]), {"received": 1, "stored": 1}),
            (3, Intake(readings=[reading(1)]), {"received": 3, "stored": 1, "duplicate": 2}),
            (3, Intake(events=[make_event(event_id=f"e{n}") for n in range(4)]),
             {"received": 6, "stored": 4, "duplicate": 2}),
            (2, Intake(folded={"nothing to keep": 1}), {"received": 2, "folded": 1, "duplicate": 1}),
            (1, Intake(), {}),  # nothing came out of it: so nothing was received
            (4, Intake(readings=[reading(1), reading(1)]), {"received": 5, "stored": 1, "duplicate": 4}),
            (2, Intake(readings=[reading(1)], rejections=[Rejection(topic="t", payload=b"7", reason="r")]),
             {"received": 3, "stored": 1, "duplicate": 1, "quarantined": 1}),
        ],
    )  # fmt: skip
    def test_the_balance_holds(
        self, store: Store, recorder: Recorder, count: int, intake: Intake, balance: dict[str, int]
    ) -> None:
        for _ in range(count):
            reject(recorder, b"{")
        (entry,) = entries(store)
        recorder.record(msgspec.structs.replace(intake, retried={entry.id: entry.count}))
        assert totals(store) == balance
        assert entry.id not in [left.id for left in entries(store)]
        assert_sound(store)

    def test_many_entries_may_leave_in_one_intake(self, store: Store, recorder: Recorder) -> None:
        for payload in (b"a", b"b", b"b"):
            reject(recorder, payload)
        retried = {entry.id: entry.count for entry in entries(store)}
        recorder.record(Intake(readings=[reading(1), reading(2)], retried=retried))
        assert totals(store) == {"received": 3, "stored": 2, "duplicate": 1}
        assert_sound(store)

    @pytest.mark.parametrize("what", ["dropped", "evicted", "came again"])
    def test_one_that_changed_meanwhile_makes_the_whole_a_conflict(self, store: Store, what: str) -> None:
        recorder = recorder_of(store, rows=2)
        for payload in (b"first", b"second"):
            reject(recorder, payload)
        second, first = entries(store)
        if what == "dropped":
            with store.write() as connection:
                delete_quarantined(connection, first.id)
        else:
            reject(recorder, b"third" if what == "evicted" else b"first")
        before = totals(store)
        with pytest.raises(Conflict, match=f"entry {first.id} changed while it was retried"):
            recorder.record(Intake(readings=[reading(1)], retried={second.id: 1, first.id: 1}))
        assert totals(store) == before
        assert second.id in [entry.id for entry in entries(store)]
        assert_sound(store)

    def test_what_was_evicted_or_dropped_stays_counted_as_quarantined(self, store: Store) -> None:
        recorder = recorder_of(store, rows=2)
        for payload in (b"a", b"b", b"c"):
            reject(recorder, payload)
        newest, older = entries(store)
        with store.write() as connection:
            delete_quarantined(connection, older.id)
        recorder.record(Intake(readings=[reading(1)], retried={newest.id: 1}))
        assert totals(store) == {"received": 3, "stored": 1, "quarantined": 2, "quarantine_evicted": 1}
        assert_sound(store)


@pytest.mark.parametrize(
    ("wanted", "topics"),
    [
        ("a/+/c", "a/b/c a//c"),
        ("a/#", "a a/b a/b/c a//c"),
        ("+/b", "a/b"),
        ("#", "a a/b a/b/c a//c b"),
        ("$SYS/#", "$SYS/up"),
        ("+/up", ""),
        ("a.b", ""),
        ("a/b", "a/b"),
    ],
)
def test_a_topic_filter_names_what_a_subscription_to_it_would_bring(wanted: str, topics: str) -> None:
    named = read_filter(wanted)
    assert " ".join(filter(named, ["a", "a/b", "a/b/c", "a//c", "b", "$SYS/up"])) == topics


@pytest.mark.parametrize("wrong", ["", "a/#/b", "a#", "a/b+", "+a/b", "##", "a\0b", "x" * 70_000])
def test_what_is_no_topic_filter_is_refused(wrong: str) -> None:
    with pytest.raises(Rejected):
        read_filter(wrong)


@pytest.fixture
def various(store: Store) -> Store:
    """Five entries of two kinds on four topics, a second apart; the first came three times."""
    told = [("z/a", "$.x: 1 is not between 2 and 3"), ("z/b", "$.x: 7 is not between 2 and 3"), ("y/a", "not JSON")]
    told += [("z/c/d", "not JSON"), ("z/a", "$.x: 1 is not between 2 and 3"), ("z/a", "not JSON")]
    told += [("z/a", "$.x: 1 is not between 2 and 3")]
    for n, (topic, reason) in enumerate(told):
        recorder_of(store, now=NOW + timedelta(seconds=n)).record(
            Intake(rejections=[Rejection(topic=topic, payload=b"p", reason=reason)])
        )
    return store


@pytest.mark.parametrize(
    ("wanted", "topics"),
    [
        (QuarantineFilter(), ["z/a", "z/c/d", "y/a", "z/b", "z/a"]),
        (QuarantineFilter(topic="z/+"), ["z/a", "z/b", "z/a"]),
        (QuarantineFilter(kind="not JSON"), ["z/a", "z/c/d", "y/a"]),
        (QuarantineFilter(reason="NOT BETWEEN"), ["z/b", "z/a"]),
        (QuarantineFilter(topic="z/#", kind="not JSON"), ["z/a", "z/c/d"]),
    ],
)
def test_entries_are_found_by_topic_kind_and_words(various: Store, wanted: QuarantineFilter, topics: list[str]) -> None:
    with various.read() as connection:
        found = fetch_quarantine(connection, wanted)
        page = fetch_quarantine(connection, wanted, before_id=found[0].id, limit=1)
    assert [entry.topic for entry in found] == topics
    assert [entry.topic for entry in page] == topics[1:2]


def test_kinds_are_added_up_the_latest_first(various: Store) -> None:
    with various.read() as connection:
        first, second = fetch_quarantine_kinds(connection)
    assert (first.kind, first.entries, first.count) == ("$.x: … is not between … and …", 2, 4)
    assert (first.first_seen, first.last_seen) == (NOW, NOW + timedelta(seconds=6))
    assert (second.kind, second.entries, second.count) == ("not JSON", 3, 3)


def test_ids_are_told_in_the_order_in_which_messages_first_came(various: Store) -> None:
    with various.read() as connection:
        every = fetch_quarantine_ids(connection, None)
        assert every == sorted(every) and len(every) == 5
        assert fetch_quarantine_ids(connection, every[3:0:-2]) == [every[1], every[3]]
        assert len(fetch_quarantine_ids(connection, None, QuarantineFilter(topic="z/+"))) == 3
        with pytest.raises(NotFound, match="entry 999 is not there"):
            fetch_quarantine_ids(connection, [every[0], 999])


def test_who_drops_entries_is_written_down_with_it_or_not_at_all(various: Store) -> None:
    with various.write() as connection:
        every = fetch_quarantine_ids(connection, None)
        assert drop_quarantined(connection, every[:2], who="amal", at=NOW) == 2
    with pytest.raises(NotFound), various.write() as connection:
        drop_quarantined(connection, [every[2], every[0]], who="amal", at=NOW)
    with various.read() as connection:
        assert fetch_quarantine_ids(connection, None) == every[2:]
        (written,) = fetch_audit(connection)
    assert (written.who, written.action, written.detail) == (
        "amal", "quarantine.drop", {"entries": 2, "ids": every[:2]},
    )  # fmt: skip


def test_a_preview_is_one_line_that_does_nothing_to_a_terminal(store: Store, recorder: Recorder) -> None:
    reject(recorder, b"a\n\x1b[2J\xff\xe2\x80\xae" + b"x" * 1000)
    (entry,) = entries(store)
    assert entry.preview.startswith("a··[2J\\xff·xxx") and len(entry.preview) == 200
    assert not entry.cut

"""A mended mapping reaches back: what was decoded wrongly is amended, and nothing else is touched."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.clock import to_us
from appliance.ingest.native_form import raw_events
from appliance.model.native import read_event
from appliance.store.archive.manifest import sealed_files
from appliance.store.audit import fetch_audit
from appliance.store.engine import raw_connection
from appliance.store.measured.open_bins import raise_horizon
from appliance.store.risk.runs import fetch_watermark
from appliance.wiring import archive_folder, open_archive_sealer, open_recorder
from tests.reprocess.conftest import MakeSite
from tests.reprocess.site import MENDED, Site, alarm, level, native, raw, where
from tests.store.archive.messages import HOUR
from tests.store.checks import totals

DAY = [level(1, 1500), alarm(2, 50), alarm(3, on=False), level(4, 1700), native(5), where(6), native(7, value=3.5)]


def test_what_a_wrong_mapping_made_is_made_anew_as_if_it_had_been_right(make_site: MakeSite) -> None:
    site, right = make_site(), make_site(MENDED)
    site.hear(*DAY)
    right.hear(*DAY)
    assert site.query("SELECT value FROM readings WHERE metric = 'level' ORDER BY 1") == [(15.0,), (17.0,)]
    site.map(MENDED)
    report = site.reprocess()
    assert (report.messages, report.refused, report.untrusted) == (7, 0, 0)
    events, readings, positions = report.events, report.readings, report.positions
    assert (events.before, events.kept, events.changed, events.added, events.removed) == (3, 2, 1, 0, 0)
    assert (readings.before, readings.kept, readings.added, readings.removed) == (3, 1, 2, 2)
    assert (positions.before, positions.added) == (0, 1)
    assert site.content() == right.content()
    site.check()


def test_an_event_keeps_its_key_and_an_equal_one_its_time_of_recording_too(site: Site) -> None:
    site.hear(*DAY)
    before = {(source, name): rest for source, name, *rest in site.identities()}
    site.map(MENDED)
    site.board.advance(3600)
    site.reprocess()
    after = {(source, name): rest for source, name, *rest in site.identities()}
    assert {name: key for name, (key, _) in after.items()} == {name: key for name, (key, _) in before.items()}
    assert [name for name in after if after[name] != before[name]] == [("cart/c1", "s2.tilt")]


def test_a_dry_run_tells_the_same_and_does_nothing(site: Site) -> None:
    site.hear(*DAY)
    site.map(MENDED)
    before = site.content(), site.identities()
    dry = site.reprocess(dry_run=True)
    assert (site.content(), site.identities()) == before and dry.done is None
    report = site.reprocess()
    assert (report.events, report.readings, report.positions, report.quarantine) == (
        dry.events,
        dry.readings,
        dry.positions,
        dry.quarantine,
    )
    assert report.done is not None and report.done.events_changed == dry.events.changed == 1


def test_once_more_changes_nothing(site: Site) -> None:
    site.hear(*DAY)
    site.map(MENDED)
    site.reprocess()
    before = site.content(), site.identities(), totals(site.store)
    report = site.reprocess()
    assert (report.events.kept, report.events.changed, report.events.added, report.events.removed) == (3, 0, 0, 0)
    assert (site.content(), site.identities(), totals(site.store)) == before


def test_what_lay_in_quarantine_is_stored_and_the_balance_holds(site: Site) -> None:
    site.hear(*DAY, where(8), raw(9, "cart/c1/where", b"not json"))
    assert totals(site.store)["quarantined"] == 3
    site.map(MENDED)
    report = site.reprocess()
    assert (report.quarantine, report.refused) == (2, 1)
    assert totals(site.store)["quarantined"] == 1 and totals(site.store, "stored")["position"] == 2
    assert [row[0] for row in site.query("SELECT payload FROM quarantine")] == [b"not json"]
    site.check()


def test_an_entry_of_which_messages_came_at_other_times_keeps_those(site: Site) -> None:
    early = msgspec.structs.replace(where(6), received_at=HOUR - timedelta(hours=3))
    site.hear(early)
    site.hear(where(6))
    site.map(MENDED)
    site.reprocess()
    assert site.query("SELECT count FROM quarantine") == [(1,)]
    site.reprocess(HOUR - timedelta(hours=4))
    assert site.query("SELECT count FROM quarantine") == []
    site.check()


def test_what_was_retried_from_quarantine_is_the_same_event_as_from_the_archive(site: Site) -> None:
    from appliance.wiring_bridge import retry_quarantine

    untimed = raw(6, "cart/c1/where", {"at": [47.9, 29.3]})
    site.hear(untimed)
    site.map(MENDED)
    retry_quarantine(site.box, site.store, who="cli:test")
    before = site.content()
    report = site.reprocess()
    assert (report.positions.kept, report.positions.added) == (1, 0)
    assert site.content() == before
    site.check()


def test_an_event_that_decoding_does_not_give_any_more_goes(site: Site) -> None:
    site.hear(*DAY)
    site.content()  # counted, so that the count must be taken back
    site.map(MENDED.replace('active = "$.on"', 'active = "$.off"'))
    report = site.reprocess()
    assert report.events.removed == 1 and report.done is not None and report.done.events_removed == 1
    assert [row[0] for row in site.query("SELECT event_id FROM events ORDER BY 1")] == ["e5", "e7"]
    site.check()


def test_an_event_that_is_told_elsewhere_moves_in_index_and_counts(make_site: MakeSite) -> None:
    turned = (
        MENDED.replace('"$.at[0]"', '"$.at[9]"').replace('"$.at[1]"', '"$.at[0]"').replace('"$.at[9]"', '"$.at[1]"')
    )
    site, right = make_site(MENDED), make_site(turned)
    for one in (site, right):
        one.hear(*DAY)
    assert site.content()["counts"] != right.content()["counts"]
    site.map(turned)
    assert site.reprocess().events.changed == 1
    assert site.content() == right.content()
    site.check()


def test_only_what_was_received_in_the_range_is_touched(site: Site) -> None:
    site.hear(level(1, 100), level(4000, 200), level(8000, 300))
    site.map(MENDED)
    report = site.reprocess(HOUR + timedelta(seconds=4000), HOUR + timedelta(seconds=8000))
    assert (report.messages, report.readings.before) == (1, 1)
    assert site.query("SELECT value FROM readings ORDER BY observed_at") == [(1.0,), (0.2,), (3.0,)]


def test_rows_of_messages_that_the_archive_does_not_have_stay_and_are_told(site: Site, tmp_path: Path) -> None:
    site.hear(level(1, 100))
    folder = archive_folder(site.box)
    folder.rename(tmp_path / "aside")
    folder.write_bytes(b"in the way")
    site.recorder = open_recorder(site.box, site.store)  # that of a process which never could write there
    site.hear(level(2, 200), native(3))
    folder.unlink()
    (tmp_path / "aside").rename(folder)
    site.hear(level(4, 400))
    site.map(MENDED)
    report = site.reprocess()
    assert (report.messages, report.unread.missed) == (2, 2)
    assert (report.readings.uncovered, report.events.uncovered) == (1, 1)
    assert site.query("SELECT value FROM readings ORDER BY observed_at") == [(0.1,), (2.0,), (0.4,)]
    site.check()


def test_what_todays_mapping_refuses_stays_as_it_was(site: Site) -> None:
    site.hear(*DAY)
    before = site.content()
    site.map(MENDED.replace('id = "$.seq"', 'id = "$.seq"\nrequire = ["$.nothing"]'))
    report = site.reprocess()
    assert report.refused == 2 and report.events.uncovered == 1
    assert site.content()["events"] == before["events"]


def test_a_file_that_is_damaged_costs_its_hour_and_no_other(site: Site) -> None:
    site.hear(level(1, 100))
    site.hear(level(4000, 200))
    site.reprocess(dry_run=True)
    damaged, _ = sealed_files(archive_folder(site.box))
    (archive_folder(site.box) / damaged.file).write_bytes(b"PAR1")
    site.map(MENDED)
    report = site.reprocess()
    assert len(report.unread.faults) == 1 and report.readings.uncovered == 1
    assert site.query("SELECT value FROM readings ORDER BY observed_at") == [(1.0,), (0.2,)]


def test_a_message_that_came_while_the_time_was_not_known_is_left_out(site: Site) -> None:
    site.hear(level(1, 100, clock_quality="untrusted"), level(2, 200))
    site.map(MENDED)
    report = site.reprocess()
    assert (report.untrusted, report.readings.uncovered) == (1, 1)
    assert site.query("SELECT value FROM readings ORDER BY observed_at") == [(1.0,), (0.2,)]


def test_destroyed_plates_stay_as_the_hashes_that_they_were(site: Site) -> None:
    site.hear(native(1, attributes={"plate": "12-34567"}), level(2, 200))
    site.reprocess(dry_run=True)
    open_archive_sealer(site.box).destroy_before((HOUR + timedelta(days=1)).date())
    before = site.content()["events"]
    site.map(MENDED)
    report = site.reprocess()
    assert (report.unread.destroyed, report.events.uncovered, report.readings.removed) == (1, 1, 1)
    assert site.content()["events"] == before


def test_plates_that_are_kept_sealed_are_not_news(make_site: MakeSite) -> None:
    site = make_site(MENDED, security={"keep_plates_days": 3})
    site.hear(native(1))
    with site.store.write() as connection:
        connection.exec_driver_sql('UPDATE events SET attributes_json = \'{"plate_sealed":"x"}\'')
    assert site.reprocess().events.kept == 1


def test_a_correction_and_its_first_report_are_one_event(make_site: MakeSite) -> None:
    site, right = make_site(), make_site(MENDED)
    for one in (site, right):
        one.hear(native(1, event_id="e", value=1.0), native(2, event_id="e", value=2.0, rev=1))
        one.hear(native(3, event_id="e", value=9.0))
    assert site.reprocess().events.kept == 1
    assert site.content() == right.content()


def test_a_correction_that_came_after_the_range_stands(site: Site) -> None:
    site.hear(native(1, event_id="e", value=1.0))
    site.hear(native(4000, event_id="e", value=2.0, rev=1))
    before = site.content()
    report = site.reprocess(HOUR, HOUR + timedelta(hours=1))
    assert (report.events.before, report.events.added, report.events.changed) == (0, 0, 0)
    assert site.content() == before


def test_uploads_and_files_are_read_again_as_well(site: Site) -> None:
    events = [
        read_event(
            {"event_type": "crash", "event_timestamp": HOUR, "longitude": 47.9, "latitude": 29.3, "event_id": f"u{n}"},
            source="import/crashes",
            received_at=HOUR,
        )
        for n in range(3)
    ]
    site.upload(events, raw_events(events, "file"))
    with site.store.write() as connection:
        connection.exec_driver_sql("UPDATE events SET severity = 1 WHERE event_id = 'u1'")
    report = site.reprocess()
    assert (report.events.kept, report.events.changed) == (2, 1)
    assert site.query("SELECT DISTINCT severity FROM events") == [(None,)]


def test_a_state_that_was_told_before_the_range_is_no_news_in_it(site: Site) -> None:
    before = alarm(-7200)
    site.hear(before)
    site.hear(alarm(5))  # still tilted: no event
    assert site.query("SELECT count(*) FROM events") == [(1,)]
    report = site.reprocess()
    assert (report.messages, report.events.added) == (1, 0)
    assert site.query("SELECT count(*) FROM events") == [(1,)]


def test_a_device_that_was_moved_since_leaves_its_old_events_where_they_happened(site: Site) -> None:
    site.hear(level(0, 100))
    site.register("cart/c1", 20.0, 40.0)
    site.hear(alarm(1, at=None))
    before = site.content()
    assert before["events"][0][9] is not None
    site.register("cart/c1", 10.0, 50.0)
    assert site.reprocess().events.kept == 1
    assert site.content() == before


def test_a_run_and_the_audit_log_learn_of_it(site: Site) -> None:
    site.hear(*DAY)
    with site.store.read() as connection:
        before = fetch_watermark(connection)
    site.map(MENDED)
    site.reprocess()
    with site.store.read() as connection:
        assert fetch_watermark(connection) > before
        (entry,) = fetch_audit(connection)
    assert (entry.who, entry.action) == ("cli:test", "archive.reprocess")
    assert json.loads(json.dumps(entry.detail))["events_changed"] == 1


def test_what_retention_has_rolled_up_does_not_come_back(site: Site) -> None:
    from appliance.store.settled.settle import delete_events, settle_index
    from appliance.store.settled.tally import Tally

    site.hear(*DAY)
    before = site.content()["counts"]
    with site.store.write() as connection:
        settle_index(connection)
        keys = [row[2] for row in site.identities()]
        delete_events(connection, Tally(site.box.hours(), (7, 8)), keys, uncount=False)
    report = site.reprocess()
    assert (report.events.rolled_up, report.events.added) == (3, 0)
    assert site.content()["counts"] == before and site.query("SELECT count(*) FROM events") == [(0,)]


def test_an_event_that_is_pinned_to_a_case_stays(site: Site) -> None:
    site.hear(*DAY)
    with site.store.write() as connection:
        connection.exec_driver_sql("INSERT INTO pinned_events SELECT event_pk, 'case-1', 0 FROM events")
    site.map(MENDED.replace('active = "$.on"', 'active = "$.off"'))
    report = site.reprocess()
    assert (report.events.removed, report.events.uncovered) == (0, 1)
    assert site.query("SELECT count(*) FROM events") == [(3,)]


def test_readings_that_are_rolled_up_and_gone_stay_so(site: Site) -> None:
    site.hear(level(1, 100), level(4000, 200))
    with site.store.write() as connection:
        raise_horizon(raw_connection(connection), "reading_values", to_us(HOUR + timedelta(hours=1)))
        connection.exec_driver_sql("DELETE FROM reading_values WHERE value = 1.0")
        connection.exec_driver_sql("DELETE FROM open_bins")
    site.map(MENDED)
    report = site.reprocess()
    assert (report.readings.rolled_up, report.readings.removed, report.readings.added) == (1, 1, 1)
    assert site.query("SELECT value FROM reading_values UNION ALL SELECT value FROM late_readings") == [(0.2,)]
    assert site.query("SELECT bin FROM open_bins") == [(to_us(HOUR + timedelta(hours=1)),)]


@pytest.mark.parametrize("left", ["reprocess.db", "reprocess.db-journal"])
def test_nothing_is_left_of_it_and_what_a_killed_one_left_is_in_nobodys_way(site: Site, left: str) -> None:
    site.hear(*DAY)
    site.reprocess(dry_run=True)
    folder = archive_folder(site.box)
    (folder / "reprocess.db").write_bytes(b"half a file")
    site.map(MENDED)
    assert site.reprocess().events.changed == 1
    assert not (folder / left).exists()


def test_a_site_of_long_ago_is_empty(site: Site) -> None:
    report: Any = site.reprocess(HOUR - timedelta(days=400), HOUR - timedelta(days=300))
    assert (report.messages, report.events.before) == (0, 0)

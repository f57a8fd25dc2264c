"""A store of the first schema, with what it holds, becomes one of the newest and loses nothing."""

import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.hours import SiteHours
from appliance.clock import from_us, to_us
from appliance.errors import Conflict
from appliance.model.intake import DeviceReport, Intake, Reading, Rejection
from appliance.spatial.cells import EVENT_RESOLUTION, cell_of
from appliance.spatial.geometry import point_blob
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.event.pages import EventFilter, fetch_events
from appliance.store.file import migrations, sqlite
from appliance.store.quarantine import fetch_quarantine
from appliance.store.settled.tally import ADD_COUNT, Tally
from tests.conftest import NOW, make_event, make_recorder
from tests.store.checks import assert_sound, event_at, totals

ROWS = 300
US = to_us(NOW)


@pytest.fixture
def first_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of schema 0001 with events, a device that is off, garbage and its totals."""
    only = tmp_path / "migration"
    only.mkdir()
    shutil.copy(migrations.FOLDER / "0001_house.sql", only)
    path = tmp_path / FILE_NAME
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "FOLDER", only)
        migrations.migrate(path, timezone="UTC")
    store = Store(path)
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE site SET resolutions = '7,8'")
        tally = Tally(SiteHours(ZoneInfo("UTC")), (7, 8))
        for n in range(ROWS):
            lng, us = 47.0 + n / 500, US - n * 60_000_000
            tally.add(us=us, lng=lng, lat=29.0, event_type="motion")
            connection.exec_driver_sql(
                "INSERT INTO events (event_id, source, event_type, event_timestamp, received_at, recorded_at, "
                "clock_quality, h3_index, severity, value, attributes_json, rev, geom) "
                "VALUES (?, 'agency/cam7', 'motion', ?, ?, ?, 'good', ?, 0.5, NULL, '{\"a\":1}', 0, ?)",
                (f"e{n}", us, us, us, cell_of(lat=29.0, lng=lng, resolution=EVENT_RESOLUTION), point_blob(lng, 29.0)),
            )
        rows = [(*key, count) for key, count in tally.counts.items()]
        raw_connection(connection).executemany(ADD_COUNT, rows)
        for statement in (
            f"INSERT INTO item_totals VALUES ('received', '', {ROWS + 3}), ('stored', '', {ROWS}), "
            "('folded', 'state', 2), ('quarantined', '', 1)",
            f"INSERT INTO devices VALUES ('agency/cam7', 'offline', {US}, 5, {US}), ('agency/cam8', 'online', 6, 6, 7)",
            f"INSERT INTO quarantine VALUES (1, 't', x'7b7b', 'not JSON', x'00', 1, {US}, {US})",
        ):
            connection.exec_driver_sql(statement)
    store.close()
    return path


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite.connect(path)
    found: list[tuple[object, ...]] = connection.execute(query).fetchall()
    connection.close()
    return found


def test_what_was_gone_before_there_were_profiles_was_of_the_classic_one(first_store: Path) -> None:
    connection = sqlite.connect(first_store)
    connection.execute(
        "INSERT INTO tombstones VALUES ('risk_scores', 8, '2026-11-21', 5, 7), ('anomaly_flags', 8, '2026-11-21', 5, 8)"
    )
    connection.close()
    migrations.migrate(first_store, timezone="UTC")
    assert rows(first_store, "SELECT kind, h3_index, profile, rev FROM tombstones ORDER BY rev") == [
        ("risk_scores", 5, "composite", 7),
        ("anomaly_flags", 5, "", 8),
    ]


EVENTS = (
    "SELECT event_pk, event_id, source, event_type, event_timestamp, received_at, recorded_at, clock_quality, "
    "h3_index, severity, value, attributes_json, rev, geom FROM events ORDER BY event_pk"
)


def test_every_event_is_kept_byte_for_byte(first_store: Path) -> None:
    before = rows(first_store, EVENTS)
    assert migrations.migrate(first_store, timezone="UTC")[0] == "0002_field"
    assert len(before) == ROWS and rows(first_store, EVENTS) == before
    assert migrations.migrate(first_store, timezone="UTC") == []


def test_a_migrated_store_is_sound_and_goes_on_recording(first_store: Path) -> None:
    migrations.migrate(first_store, timezone="UTC")
    store = Store(first_store)
    assert_sound(store)
    again = make_event(event_id="e0")
    fresh = event_at(None, event_id="unplaced")
    reading = Reading(device="agency/cam7", metric="temperature", observed_at=NOW, received_at=NOW, value=1.0)
    intake = Intake(events=[again, fresh, make_event(event_id="new")], readings=[reading])
    assert make_recorder(store, NOW).record(intake).outcomes == ["duplicate", "stored", "stored"]
    assert_sound(store)
    assert totals(store)["stored"] == ROWS + 3
    with store.read() as connection:
        box = EventFilter(bbox=(47.0, 28.9, 47.1005, 29.1))
        assert len(fetch_events(connection, box, cursor=None, limit=100).items) == 51
        newest = connection.exec_driver_sql("SELECT max(event_pk) FROM events").scalar_one()
    assert newest > ROWS  # keys go on, so that a live stream resumes where it was
    store.close()


def test_known_devices_keep_their_state_and_wait_for_approval(first_store: Path) -> None:
    migrations.migrate(first_store, timezone="UTC")
    columns = "source, registration, state, cause, state_at, first_seen, last_seen, geom"
    assert rows(first_store, f"SELECT {columns} FROM devices ORDER BY source") == [
        ("agency/cam7", "pending", "offline", "will", US, 5, US, None),
        ("agency/cam8", "pending", "online", "", 6, 6, 7, None),
    ]
    store = Store(first_store)
    report = DeviceReport(source="agency/cam7", family="native", seen_at=NOW, state="online")
    make_recorder(store, NOW).record(Intake(reports=[report]))
    store.close()
    query = "SELECT family, state, first_seen FROM devices WHERE source = 'agency/cam7'"
    assert rows(first_store, query) == [("native", "online", 5)]


def test_quarantine_is_kept_and_counts_in_its_bounds(first_store: Path) -> None:
    migrations.migrate(first_store, timezone="UTC")
    store = Store(first_store)
    make_recorder(store, NOW, quarantine_rows=1).record(
        Intake(rejections=[Rejection(topic="t", payload=b"{", reason="not JSON")])
    )
    with store.read() as connection:
        (entry,) = fetch_quarantine(connection)
    store.close()
    assert (entry.payload, entry.last_seen) == (b"{", from_us(US))


def test_a_first_start_that_was_cut_off_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()  # the name reached the disk, and nothing else
    migrations.migrate(tmp_path / FILE_NAME, timezone="UTC")
    connection = sqlite.connect(tmp_path / FILE_NAME)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == migrations.known_migrations()[-1][0]
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    connection.close()


def test_an_older_program_refuses_a_newer_store(first_store: Path) -> None:
    connection = sqlite.connect(first_store)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    with pytest.raises(Conflict, match="schema 9999"):
        migrations.migrate(first_store, timezone="UTC")

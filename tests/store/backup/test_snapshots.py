"""A snapshot before a migration: taken of what is there, the two newest kept, never in the way."""

from pathlib import Path

import pytest

from appliance.model.intake import Intake
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file import migrations, snapshots, sqlite
from tests.conftest import NOW, make_event, make_recorder


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of migrations that may get one more."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for _, file in migrations.known_migrations():
        (folder / file.name).write_text(file.read_text())
    monkeypatch.setattr(migrations, "FOLDER", folder)
    return folder


def add_migration(folder: Path, number: int) -> None:
    (folder / f"{number}_more.sql").write_text(f"CREATE TABLE more_{number} (one INTEGER);\n")


def schema_of(path: Path) -> int:
    connection = sqlite.connect_to_read(path)
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return version


def test_the_store_as_it_was_is_kept_before_its_schema_changes(tmp_path: Path, store: Store, newer: Path) -> None:
    make_recorder(store, NOW).record(Intake(events=[make_event()]))
    before = schema_of(store.path)
    add_migration(newer, 9001)
    assert migrations.migrate(store.path, timezone="UTC") == ["9001_more"]
    (snapshot,) = (tmp_path / "snapshots").iterdir()
    assert snapshot.name == f"schema-{before:04}.db"
    assert schema_of(snapshot) == before
    kept = Store(snapshot, read_only=True)
    with kept.read() as connection:
        assert connection.exec_driver_sql("SELECT event_id FROM events").scalar_one() == "e1"
    kept.close()


def test_two_stay(tmp_path: Path, store: Store, newer: Path) -> None:
    for number in (9001, 9002, 9003, 9004):
        add_migration(newer, number)
        migrations.migrate(store.path, timezone="UTC")
    assert sorted(file.name for file in (tmp_path / "snapshots").iterdir()) == ["schema-9002.db", "schema-9003.db"]


def test_a_new_store_and_one_that_is_up_to_date_are_not_copied(tmp_path: Path) -> None:
    migrations.migrate(tmp_path / FILE_NAME, timezone="UTC")
    migrations.migrate(tmp_path / FILE_NAME, timezone="UTC")
    assert not (tmp_path / "snapshots").exists()


def test_without_room_the_migration_goes_on_and_says_so(
    store: Store,
    newer: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(snapshots, "RESERVE_BYTES", 1 << 60)
    add_migration(newer, 9001)
    assert migrations.migrate(store.path, timezone="UTC") == ["9001_more"]
    assert list((tmp_path / "snapshots").iterdir()) == []
    assert "MB are needed" in caplog.text

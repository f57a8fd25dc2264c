"""A backup put back: onto a new box, over a store that is there, killed half-way; what is refused."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.errors import Conflict, Corrupt, Forbidden, NotFound
from appliance.model.intake import Intake
from appliance.store.backup.manifest import read_manifest, write_hashes
from appliance.store.backup.restoring import HALF, Restored, choose_backup, restore_backup
from appliance.store.backup.taking import Wish, take_backup
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file import dbapi
from appliance.store.intake.batch import Recorder
from tests.conftest import NOW, make_event, make_recorder
from tests.store.checks import assert_sound

PASSPHRASE = "a donkey under the palm"


@pytest.fixture
def backup(store: Store, recorder: Recorder, tmp_path: Path) -> Path:
    """Fifty events, a mapping and a key, backed up; the store goes on."""
    recorder.record(Intake(events=[make_event(event_id=f"e{n:02}") for n in range(50)]))
    for name in ("mappings/gauge.toml", "secrets/tokens.key"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    (tmp_path / "drive").mkdir()
    wish = Wish(site_id="souq", folder=tmp_path / "drive", now=NOW, passphrase=PASSPHRASE)
    made = take_backup(store, wish).folder
    recorder.record(Intake(events=[make_event(event_id="later")]))
    return made


@pytest.fixture
def new_box(tmp_path: Path) -> Path:
    return tmp_path / "new box"


def restore(backup: Path, data: Path, **options: object) -> Restored:
    return restore_backup(backup, data, timezone="UTC", now=NOW + timedelta(hours=1), **options)  # type: ignore[arg-type]


def event_ids(data: Path) -> set[str]:
    store = Store(data / FILE_NAME)
    with store.read() as connection:
        found = {row[0] for row in connection.exec_driver_sql("SELECT event_id FROM events")}
    store.close()
    return found


def site_row(path: Path) -> tuple[str, int]:
    store = Store(path)
    with store.read() as connection:
        store_id, epoch = connection.exec_driver_sql("SELECT store_id, epoch FROM site").one()
    store.close()
    return store_id, epoch


def test_a_new_box_has_what_the_old_one_had_and_goes_on(backup: Path, new_box: Path) -> None:
    done = restore(backup, new_box, passphrase=PASSPHRASE)
    assert (done.epoch, done.aside) == (2, "")
    assert event_ids(new_box) == {f"e{n:02}" for n in range(50)}
    assert (new_box / "mappings/gauge.toml").read_text() == "mappings/gauge.toml"
    assert (new_box / "secrets/tokens.key").read_text() == "secrets/tokens.key"
    store = Store(new_box / FILE_NAME)
    make_recorder(store, NOW).record(Intake(events=[make_event(event_id="e00"), make_event(event_id="new")]))
    assert_sound(store)
    store.close()
    assert len(event_ids(new_box)) == 51


def test_the_restored_store_is_another_one_with_an_epoch_above(backup: Path, new_box: Path, store: Store) -> None:
    restore(backup, new_box)
    old, new = site_row(store.path), site_row(new_box / FILE_NAME)
    assert old[0] != new[0]
    assert (old[1], new[1]) == (1, 2)


def test_a_bare_file_can_be_put_back_and_says_that_its_hash_is_not_known(backup: Path, new_box: Path) -> None:
    done = restore(backup / FILE_NAME, new_box)
    assert "hash could not be checked" in done.notes[0]
    assert len(event_ids(new_box)) == 50


def test_a_store_that_is_there_is_not_touched_unless_forced_and_then_moved_aside(
    backup: Path, store: Store, tmp_path: Path
) -> None:
    store.close()
    with pytest.raises(Conflict, match="--force"):
        restore(backup, tmp_path)
    assert "later" in event_ids(tmp_path)
    done = restore(backup, tmp_path, force=True)
    assert "later" not in event_ids(tmp_path)
    assert "later" in event_ids(Path(done.aside))


def test_the_newest_of_the_site_is_meant_or_the_newest_before_an_instant(store: Store, backup: Path) -> None:
    drive = backup.parent
    newer = take_backup(store, Wish(site_id="souq", folder=drive, now=NOW + timedelta(days=1))).folder
    take_backup(store, Wish(site_id="other", folder=drive, now=NOW + timedelta(days=2)))
    assert choose_backup(drive, "souq", None) == newer
    assert choose_backup(drive, "souq", NOW + timedelta(hours=2)) == backup
    assert choose_backup(backup, "whoever", None) == backup
    with pytest.raises(Conflict, match="backups of other, souq, none of third"):
        choose_backup(drive, "third", None)
    with pytest.raises(NotFound, match="mounted"):
        choose_backup(drive.parent, "souq", None)


def test_one_that_was_changed_is_refused_and_nothing_is_left(backup: Path, new_box: Path) -> None:
    content = bytearray((backup / FILE_NAME).read_bytes())
    content[len(content) // 2] ^= 4
    (backup / FILE_NAME).write_bytes(content)
    with pytest.raises(Corrupt, match="not what was written"):
        restore(backup, new_box)
    assert not (new_box / FILE_NAME).exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"a shopping list\n" * 500, "a database of somebody else"],
    ids=["empty, as a full drive leaves it", "text", "another program's"],
)
def test_a_file_that_holds_no_store_is_refused_and_nothing_is_left(
    content: bytes | str, new_box: Path, tmp_path: Path
) -> None:
    file = tmp_path / "found.db"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        other = dbapi.connect(str(file))
        other.execute("CREATE TABLE accounts (name TEXT)")
        other.close()
    with pytest.raises(Corrupt, match="holds no store of Hexpost"):
        restore(file, new_box)
    assert list(new_box.iterdir()) == []


def test_a_damaged_one_with_fitting_hashes_is_refused_too(backup: Path, new_box: Path) -> None:
    raw = Store(backup / FILE_NAME)
    with raw.write() as connection:
        connection.exec_driver_sql("DELETE FROM events WHERE event_id = 'e07'")
    raw.close()
    write_hashes(backup)
    with pytest.raises(Corrupt, match="does not hold"):
        restore(backup, new_box)
    assert not (new_box / FILE_NAME).exists()


def test_an_older_program_refuses_what_a_newer_one_wrote(backup: Path, new_box: Path) -> None:
    manifest = msgspec.structs.replace(read_manifest(backup), schema=9_999)
    (backup / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    write_hashes(backup)
    with pytest.raises(Conflict, match="install the newer Hexpost"):
        restore(backup, new_box)


def test_the_wrong_passphrase_restores_nothing_and_none_leaves_the_keys_sealed(backup: Path, new_box: Path) -> None:
    with pytest.raises(Forbidden):
        restore(backup, new_box, passphrase="something else entirely")
    assert not (new_box / FILE_NAME).exists()
    done = restore(backup, new_box)
    assert any("--passphrase-file" in words for words in done.notes)
    assert not (new_box / "secrets" / "tokens.key").exists()


CHILD = """
import os, signal, sys
from datetime import datetime, UTC
from pathlib import Path
from appliance.store.backup import restoring
def die(*_given, **_named):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(restoring, sys.argv[3], die)
restoring.restore_backup(Path(sys.argv[1]), Path(sys.argv[2]), timezone="UTC", now=datetime(2026, 11, 22, tzinfo=UTC))
"""


@pytest.mark.parametrize("moment", ["hash_file", "migrate", "close_file", "_move_aside", "sync_folder"])
def test_a_restore_that_is_killed_leaves_no_store_or_a_whole_one_and_can_be_done_again(
    backup: Path, new_box: Path, moment: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(backup), str(new_box), moment], check=False, env=dict(os.environ)
    )
    assert done.returncode == -9
    there = (new_box / FILE_NAME).exists()
    assert there is (moment == "sync_folder")
    if not there:
        restore(backup, new_box)
    assert len(event_ids(new_box)) == 50
    assert not (new_box / HALF).exists()

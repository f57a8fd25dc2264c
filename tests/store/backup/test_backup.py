"""Backups: whole, checked and hashed, taken while the box writes; what half of one counts for, how long they stay."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.errors import Conflict, Corrupt, Forbidden, NotFound, Rejected, Unavailable
from appliance.model.intake import Intake
from appliance.store.backup.ledger import BackupState, fetch_backup_state
from appliance.store.backup.manifest import Backup, check_hashes, folder_name, list_backups, list_overdue, read_manifest
from appliance.store.backup.secrets_box import open_keys, seal_keys
from appliance.store.backup.taking import Wish, newest_before, take_backup
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file import copying, sqlite
from appliance.store.intake.batch import Recorder
from tests.conftest import NOW, make_event, make_recorder
from tests.store.checks import assert_sound

PASSPHRASE = "a donkey under the palm"


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    folder = tmp_path / "drive"
    folder.mkdir()
    return folder


@pytest.fixture
def wish(drive: Path) -> Callable[..., Wish]:
    def make(**members: object) -> Wish:
        return msgspec.structs.replace(Wish(site_id="souq/7", folder=drive, now=NOW), **members)

    return make


def state(store: Store) -> BackupState:
    with store.read() as connection:
        return fetch_backup_state(connection)


def test_a_backup_is_a_store_of_one_file_with_a_manifest_and_hashes_that_sha256sum_reads(
    store: Store, recorder: Recorder, wish: Callable[..., Wish]
) -> None:
    recorder.record(Intake(events=[make_event(event_id=f"e{n}") for n in range(50)]))
    backup = take_backup(store, wish())
    assert backup.folder.name == "hexpost-souq%2F7-20261122T120000Z"
    assert sorted(file.name for file in backup.folder.iterdir()) == ["SHA256SUMS", FILE_NAME, "manifest.json"]
    manifest = read_manifest(backup.folder)
    assert (manifest.rows["events"], manifest.taken_at, manifest.last_event_pk) == (50, NOW, 50)
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=backup.folder, check=True)
    copy = Store(backup.folder / FILE_NAME)
    assert_sound(copy)
    copy.close()
    assert list_backups(backup.folder.parent, "souq/7") == [msgspec.structs.replace(backup, taken_at=NOW)]
    assert state(store) == BackupState(last_at=NOW, folder=str(backup.folder), bytes=manifest.bytes)


def test_what_a_new_box_needs_goes_along_and_no_secret_in_clear(
    store: Store, tmp_path: Path, wish: Callable[..., Wish]
) -> None:
    for name, content in {
        "mappings/gauge.toml": b"[family]",
        "firmware/abc.bin": b"image",
        "secrets/tokens.key": b"T" * 32,
        "secrets/plates.key": b"P" * 32,
        "secrets/daily/2026-11-22.key": b"D" * 32,
        "secrets/firmware-keys/maker.pub": b"public",
        "basemaps/kuwait.pmtiles": b"map",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    config = tmp_path / "hexpost.toml"
    config.write_text('[sync]\nurl = "postgresql://box:geheim123@centre/db"\n')
    folder = take_backup(store, wish(config=config, passphrase=PASSPHRASE)).folder
    assert (folder / "mappings/gauge.toml").read_bytes() == b"[family]"
    assert (folder / "firmware/abc.bin").read_bytes() == b"image"
    assert (folder / "firmware-keys/maker.pub").read_bytes() == b"public"
    assert (folder / "config.toml").read_text() == '[sync]\nurl = "postgresql://box@centre/db"\n'
    assert read_manifest(folder).basemaps == {"kuwait.pmtiles": 3}
    everything = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert [word for word in (b"TTTT", b"PPPP", b"DDDD", b"geheim123", PASSPHRASE.encode()) if word in everything] == []
    sealed = (folder / "secrets.sealed").read_bytes()
    assert open_keys(sealed, PASSPHRASE) == {"tokens.key": b"T" * 32, "plates.key": b"P" * 32}
    with pytest.raises(Forbidden, match="passphrase"):
        open_keys(sealed, PASSPHRASE + "s")


def test_without_a_passphrase_the_keys_are_left_out_and_the_backup_says_what_that_means(
    store: Store, tmp_path: Path, wish: Callable[..., Wish]
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "tokens.key").write_bytes(b"T" * 32)
    folder = take_backup(store, wish()).folder
    assert not (folder / "secrets.sealed").exists()
    assert any("log in again" in words for words in read_manifest(folder).left_out)
    with pytest.raises(Rejected, match="fewer than 12"):
        seal_keys({}, "short")


def test_a_copy_is_one_moment_of_the_store_while_others_write_and_writers_never_wait(
    store: Store, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_recorder(store, NOW), make_recorder(store, NOW)
    first.record(Intake(events=[make_event(event_id=f"a{n:05}") for n in range(2_000)]))
    monkeypatch.setattr(copying, "STEP_PAGES", 8)
    steps = []

    def write_meanwhile(done: int, total: int) -> None:
        steps.append((done, total))
        second.record(Intake(events=[make_event(event_id=f"b{len(steps):05}")]))  # would raise if it had to wait

    copying.copy_file(store.path, drive / FILE_NAME, progress=write_meanwhile)
    assert len(steps) > 20
    assert {total for _, total in steps} == {steps[0][1]}  # never begun again
    copy = Store(drive / FILE_NAME)
    with copy.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one() == 2_000
    assert_sound(copy)
    copy.close()
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one() == 2_000 + len(steps)


def test_a_copy_keeps_to_its_pace(store: Store, drive: Path) -> None:
    waited: list[float] = []
    size = copying.copy_file(store.path, drive / FILE_NAME, pace_bytes_s=100_000, pause=waited.append)
    assert max(waited) == pytest.approx(size / 100_000, rel=0.2)


def test_a_box_that_writes_faster_than_is_copied_is_not_held_up(
    store: Store, recorder: Recorder, wish: Callable[..., Wish], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.record(Intake(events=[make_event()]))
    monkeypatch.setattr(copying, "MAX_WAL_BYTES", 0)
    with pytest.raises(Unavailable, match="writes faster"):
        take_backup(store, wish())
    assert list(wish().folder.iterdir()) == []


def test_one_without_room_says_how_much_is_needed(store: Store, wish: Callable[..., Wish], tmp_path: Path) -> None:
    store.close()
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.truncate(1 << 43)  # sparse: 8 TB
    with pytest.raises(Unavailable, match=r"too much for a copy on the card .*store.backup_folder"):
        take_backup(store, wish())


def test_a_drive_that_is_not_there_is_named_and_remembered(
    store: Store, wish: Callable[..., Wish], tmp_path: Path
) -> None:
    with pytest.raises(Unavailable, match="plugged in and mounted"):
        take_backup(store, wish(folder=tmp_path / "gone"))
    assert "plugged in" in state(store).error
    take_backup(store, wish())
    assert state(store).error == ""


def test_a_drive_that_goes_in_the_middle_leaves_nothing_that_counts(
    store: Store, wish: Callable[..., Wish], drive: Path
) -> None:
    def pull_out(_done: int, _total: int) -> None:
        for half in drive.glob(".hexpost-*"):
            half.rename(drive.parent / "pulled out")

    with pytest.raises(Unavailable, match="Nothing half counts"):
        take_backup(store, wish(), progress=pull_out)
    assert list_backups(drive) == []
    assert state(store).error != ""


def test_a_store_that_is_damaged_makes_no_backup_that_counts(
    store: Store, recorder: Recorder, wish: Callable[..., Wish]
) -> None:
    recorder.record(Intake(events=[make_event(event_id=f"e{n:04}") for n in range(500)]))
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE item_totals SET items = items + 1 WHERE term = 'stored'")
    with pytest.raises(Corrupt, match="balance"):
        take_backup(store, wish())
    assert list(wish().folder.iterdir()) == []


def test_two_at_once_are_one(store: Store, wish: Callable[..., Wish]) -> None:
    refused: list[str] = []

    def again(_done: int, _total: int) -> None:
        with pytest.raises(Conflict) as error:
            take_backup(store, wish())
        refused.append(str(error.value))

    take_backup(store, wish(), progress=again)
    assert refused
    assert "another backup" in refused[0]


CHILD = """
import sys, os, signal
from datetime import datetime, UTC
from pathlib import Path
from appliance.store.backup import taking
from appliance.store.file import copying
from appliance.store.engine import Store
copying.STEP_PAGES = 4
steps = 0
def kill_at(done, total):
    global steps
    steps += 1
    if str(steps) == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[3] == "hashing":
    taking.write_hashes = lambda folder: os.kill(os.getpid(), signal.SIGKILL)
store = Store(Path(sys.argv[1]))
now = datetime(2026, 11, 22, 11, tzinfo=UTC)
taking.take_backup(store, taking.Wish(site_id="souq/7", folder=Path(sys.argv[2]), now=now), progress=kill_at)
"""


@pytest.mark.parametrize("moment", ["1", "20", "hashing"])
def test_one_that_is_killed_counts_for_nothing_and_is_cleared_away_by_the_next(
    store: Store, wish: Callable[..., Wish], drive: Path, moment: str
) -> None:
    argv = [sys.executable, "-c", CHILD, str(store.path), str(drive), moment]
    done = subprocess.run(argv, check=False, env=dict(os.environ))
    assert done.returncode == -9
    assert len(list(drive.iterdir())) == 1
    assert list_backups(drive) == []
    backup = take_backup(store, wish())
    assert list(drive.iterdir()) == [backup.folder]
    check_hashes(backup.folder)


@pytest.mark.parametrize("damage", ["flipped", "missing", "sums cut", "sums gone", "manifest"])
def test_a_backup_that_is_not_what_was_written_is_refused(store: Store, wish: Callable[..., Wish], damage: str) -> None:
    folder = take_backup(store, wish()).folder
    if damage == "flipped":
        content = bytearray((folder / FILE_NAME).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / FILE_NAME).write_bytes(content)
    elif damage == "missing":
        (folder / FILE_NAME).unlink()
    elif damage == "sums cut":
        (folder / "SHA256SUMS").write_text((folder / "SHA256SUMS").read_text().splitlines()[0] + "\n")
    elif damage == "sums gone":
        (folder / "SHA256SUMS").unlink()
    else:
        (folder / "manifest.json").write_text("{")
    with pytest.raises((Corrupt, Unavailable), match=r"backup .*hexpost-souq"):
        check_hashes(folder)


def test_old_ones_go_and_the_newest_never(tmp_path: Path) -> None:
    made = [
        Backup(
            folder=tmp_path / folder_name("s", NOW - timedelta(days=days)),
            site_id="s",
            taken_at=NOW - timedelta(days=days),
        )
        for days in (40, 41, 50, 60)
    ]
    assert list_overdue(made, now=NOW, keep_days=30) == made[1:]
    assert list_overdue(made, now=NOW, keep_days=45) == made[2:]
    assert list_overdue(made, now=NOW, keep_days=90, keep=2) == made[2:]
    assert list_overdue([], now=NOW, keep_days=30) == []


def test_on_the_card_two_stay_and_other_sites_are_left_alone(
    store: Store, wish: Callable[..., Wish], drive: Path
) -> None:
    other = take_backup(store, wish(site_id="other", now=NOW - timedelta(days=300)))
    made = [take_backup(store, wish(now=NOW + timedelta(days=n))) for n in range(4)]
    assert [one.folder for one in list_backups(drive, "souq/7")] == [made[3].folder, made[2].folder]
    assert [one.folder for one in list_backups(drive, "other")] == [other.folder]
    assert newest_before(drive, "souq/7", NOW + timedelta(days=2, hours=5)).folder == made[2].folder
    with pytest.raises(NotFound, match="or before"):
        newest_before(drive, "souq/7", datetime(2026, 1, 1, tzinfo=UTC))


def test_a_copy_can_be_read_from_a_drive_that_cannot_be_written(store: Store, wish: Callable[..., Wish]) -> None:
    folder = take_backup(store, wish()).folder
    before = sorted(folder.iterdir())
    copy = Store(folder / FILE_NAME, read_only=True)
    with copy.read() as connection:
        assert connection.exec_driver_sql("SELECT epoch FROM site").scalar_one() == 1
    copy.close()
    assert sorted(folder.iterdir()) == before
    digest = hashlib.sha256((folder / FILE_NAME).read_bytes()).hexdigest()
    assert f"{digest}  {FILE_NAME}" in (folder / "SHA256SUMS").read_text()


def test_writing_never_stops_for_a_backup(store: Store, wish: Callable[..., Wish]) -> None:
    recorder, stop, written = make_recorder(store, NOW), threading.Event(), []

    def write() -> None:
        while not stop.is_set():
            written.append(recorder.record(Intake(events=[make_event(event_id=f"w{len(written):06}")])))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup = take_backup(store, wish())
    finally:
        stop.set()
        writer.join()
    assert written
    assert_sound(store)
    raw = sqlite.connect_to_read(backup.folder / FILE_NAME)
    assert raw.execute("SELECT count(*) FROM events").fetchone()[0] <= len(written)
    raw.close()

"""Sealing: spool files become files that are never changed again, once, wherever the process is killed."""

import json
import multiprocessing
import random
import shutil
import signal
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from appliance.errors import Corrupt, Unavailable
from appliance.store.archive import hours
from appliance.store.archive.manifest import archive_lock, hash_file, read_manifest, sealed_files
from appliance.store.archive.read import Unread
from appliance.store.archive.seal import seal_spools
from appliance.store.archive.spool import SPOOL, list_spools
from appliance.store.archive.state import fetch_archive_state, verify_archive
from appliance.store.archive.writer import Archive
from appliance.store.sealing import Sealer
from tests.conftest import wait_for
from tests.store.archive.killing import AFTER, seal_and_die, seal_on, write_on
from tests.store.archive.messages import HOUR, Counted, archived, message, messages

forked = multiprocessing.get_context("forkserver")
forked.set_forkserver_preload(["tests.store.archive.killing"])


def fill(folder: Path, sealer: Sealer) -> int:
    """Two hours from two processes, with a plate and a gap; how many messages."""
    first = Archive(folder / SPOOL, sealer=sealer, count_missed=Counted())
    second = Archive(folder / SPOOL, sealer=sealer, count_missed=Counted())
    first.append(messages(0, 40))
    second.append(messages(40, 50))
    first.append([message(50, payload=b'{"plate":"12-34567","n":50}')])
    first.append([message(n, at=HOUR + timedelta(hours=1, seconds=n)) for n in range(51, 60)])
    return 60


def numbers(folder: Path, sealer: Sealer) -> list[int]:
    return sorted(json.loads(one.payload)["n"] for one in archived(folder, sealer))


def test_an_hour_that_is_over_becomes_a_file_and_this_one_waits(archive: Archive, folder: Path, sealer: Sealer) -> None:
    archive.append(messages(0, 10))
    archive.append([message(10, at=HOUR + timedelta(hours=1))])
    report = seal_spools(folder, now=HOUR + timedelta(hours=1, minutes=5))
    assert (report.files, report.rows) == (1, 10)
    assert [str(f.relative_to(folder)) for f in folder.rglob("*.parquet")] == ["2026/11/21/10.parquet"]
    assert [file.name[:11] for file in list_spools(folder / SPOOL)] == ["20261121T11"]
    assert archived(folder, sealer) == messages(0, 10)
    assert seal_spools(folder, now=HOUR + timedelta(hours=2)).rows == 1


def test_the_manifest_tells_what_a_file_holds(archive: Archive, folder: Path) -> None:
    archive.append([message(0, clock_quality="untrusted"), message(1), message(2, payload=b'{"plate":1}')])
    seal_spools(folder, now=AFTER)
    (file,) = sealed_files(folder)
    path = folder / file.file
    assert (file.rows, file.first, file.last) == (3, HOUR, HOUR + timedelta(seconds=2))
    assert (file.untrusted, file.sealed, file.missed, file.torn_bytes) == (1, 1, 0, 0)
    assert (file.bytes, file.sha256) == (path.stat().st_size, hash_file(path))
    assert pq.read_metadata(path).row_group(0).column(1).compression == "ZSTD"


def test_what_comes_late_for_an_hour_lies_beside_it(archive: Archive, folder: Path, sealer: Sealer) -> None:
    archive.append(messages(0, 3))
    seal_spools(folder, now=AFTER)
    archive.append(messages(3, 5))
    seal_spools(folder, now=AFTER)
    archive.append(messages(5, 6))
    seal_spools(folder, now=AFTER)
    assert [file.file[11:] for file in sealed_files(folder)] == ["10.parquet", "10-1.parquet", "10-2.parquet"]
    assert archived(folder, sealer) == messages(0, 6)


def test_files_of_several_processes_are_one_hour(folder: Path, sealer: Sealer) -> None:
    count = fill(folder, sealer)
    report = seal_spools(folder, now=AFTER)
    assert (report.files, report.rows) == (2, count)
    assert numbers(folder, sealer) == list(range(count))
    assert list_spools(folder / SPOOL) == []


def test_rows_are_written_in_groups_that_fit_into_memory(
    archive: Archive, folder: Path, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hours, "GROUP_BYTES", 10_000)
    for n in range(10):
        archive.append([message(n, payload=b'{"n":%d,"pad":"%s"}' % (n, b"x" * 4_000))])
    seal_spools(folder, now=AFTER)
    assert pq.read_metadata(folder / "2026/11/21/10.parquet").num_row_groups == 4
    assert numbers(folder, sealer) == list(range(10))


def test_a_torn_end_is_cut_off_and_told(archive: Archive, folder: Path, sealer: Sealer) -> None:
    archive.append(messages(0, 3))
    with list_spools(folder / SPOOL)[0].open("ab") as file:
        file.write(b"\x40\x00\x00\x00half of")
    seal_spools(folder, now=AFTER)
    assert archived(folder, sealer) == messages(0, 3)
    assert sealed_files(folder)[0].torn_bytes == 11


def test_a_file_in_which_nothing_is_whole_is_only_removed(archive: Archive, folder: Path) -> None:
    archive.append(messages(0, 1))
    list_spools(folder / SPOOL)[0].write_bytes(b"\x40\x00")
    assert seal_spools(folder, now=AFTER).files == 0
    assert list_spools(folder / SPOOL) == [] and sealed_files(folder) == []


def test_what_is_missing_is_told_by_its_hour(archive: Archive, folder: Path, tmp_path: Path, sealer: Sealer) -> None:
    blocked = tmp_path / "secrets"
    blocked.write_bytes(b"in the way")
    archive.append([message(0, payload=b'{"plate":1}'), message(1)])
    blocked.unlink()
    archive.append([message(2)])
    seal_spools(folder, now=AFTER)
    (file,) = sealed_files(folder)
    assert (file.rows, file.missed, file.missed_from, file.missed_to) == (1, 2, HOUR, HOUR + timedelta(seconds=1))
    unread = Unread(faults=[])
    archived(folder, sealer, unread)
    assert unread.missed == 2
    assert "2 messages are missing" in verify_archive(folder).detail


def test_plates_whose_key_is_destroyed_read_as_destroyed_and_not_as_an_error(
    archive: Archive, folder: Path, sealer: Sealer
) -> None:
    held = message(1, payload=b'{"plate":"12-34567"}')
    archive.append([message(0), held, message(2)])
    seal_spools(folder, now=AFTER)
    assert archived(folder, sealer) == [message(0), held, message(2)]
    sealer.destroy_before((HOUR + timedelta(days=1)).date())
    unread = Unread(faults=[])
    assert archived(folder, sealer, unread) == [message(0), message(2)]
    assert (unread.destroyed, unread.faults) == (1, [])
    assert verify_archive(folder).holds


@pytest.mark.parametrize("damage", ["gone", "changed", "extra", "manifest"])
def test_verify_says_what_is_not_as_it_was_written(archive: Archive, folder: Path, damage: str) -> None:
    archive.append(messages(0, 10))
    seal_spools(folder, now=AFTER)
    assert verify_archive(folder).holds
    file = folder / "2026/11/21/10.parquet"
    match damage:
        case "gone":
            file.unlink()
        case "changed":
            content = bytearray(file.read_bytes())
            content[100] ^= 1
            file.write_bytes(content)
        case "extra":
            shutil.copy(file, file.with_name("12.parquet"))
        case _:
            (file.parent / "manifest.json").write_bytes(b"{")
    finding = verify_archive(folder)
    expected = {"gone": "missing", "changed": "hash differs", "extra": "no manifest", "manifest": "damaged"}
    assert not finding.holds and expected[damage] in finding.detail


def test_a_damaged_file_is_told_while_the_others_are_read(folder: Path, sealer: Sealer) -> None:
    fill(folder, sealer)
    seal_spools(folder, now=AFTER)
    (folder / "2026/11/21/10.parquet").write_bytes(b"PAR1 no more")
    unread = Unread(faults=[])
    assert len(archived(folder, sealer, unread)) == 9
    assert len(unread.faults) == 1 and "10.parquet cannot be read" in unread.faults[0]


def test_a_damaged_manifest_holds_up_its_own_day_and_no_other(archive: Archive, folder: Path, sealer: Sealer) -> None:
    archive.append(messages(0, 3))
    archive.append([message(3, at=HOUR + timedelta(days=1))])
    day = folder / "2026/11/21"
    day.mkdir(parents=True)
    (day / "manifest.json").write_bytes(b"{")
    with pytest.raises(Corrupt, match=r"2026/11/21.*damaged"):
        seal_spools(folder, now=AFTER + timedelta(days=2))
    assert [file.file for file in read_manifest(folder / "2026/11/22").files] == ["2026/11/22/10.parquet"]
    (day / "manifest.json").unlink()
    seal_spools(folder, now=AFTER + timedelta(days=2))
    assert archived(folder, sealer) == [*messages(0, 3), message(3, at=HOUR + timedelta(days=1))]


def test_two_do_not_seal_at_once(archive: Archive, folder: Path) -> None:
    archive.append(messages(0, 3))
    with archive_lock(folder), pytest.raises(Unavailable, match="another process"):
        seal_spools(folder, now=AFTER)
    assert seal_spools(folder, now=AFTER).rows == 3


def test_the_state_adds_up(folder: Path, sealer: Sealer) -> None:
    assert fetch_archive_state(folder).files == 0
    fill(folder, sealer)
    before = fetch_archive_state(folder)
    assert (before.spool_files, before.spool_since) == (3, HOUR) and before.spool_bytes > 1_000
    seal_spools(folder, now=AFTER)
    state = fetch_archive_state(folder)
    assert (state.files, state.rows, state.spool_files, state.spool_since) == (2, 60, 0, None)
    assert state.bytes == sum(file.stat().st_size for file in folder.rglob("*.parquet"))


@pytest.mark.deep
def test_a_kill_at_any_step_of_sealing_loses_and_doubles_nothing(tmp_path: Path, sealer: Sealer) -> None:
    pristine = tmp_path / "pristine"
    count = fill(pristine, sealer)
    for step in range(200):
        folder = tmp_path / "archive"
        shutil.copytree(pristine, folder)
        process = forked.Process(target=seal_and_die, args=(folder, step))
        process.start()
        process.join(60)
        killed = process.exitcode == -signal.SIGKILL
        assert killed or process.exitcode == 0
        seal_spools(folder, now=AFTER)
        assert numbers(folder, sealer) == list(range(count)), step
        assert verify_archive(folder).holds and list_spools(folder / SPOOL) == [], step
        shutil.rmtree(folder)
        if not killed:
            break
    assert step > 30 and not killed  # every step there is was tried


@pytest.mark.deep
def test_writers_and_sealers_killed_at_any_instant_keep_what_was_durable_once(
    folder: Path, tmp_path: Path, sealer: Sealer
) -> None:
    chance, first = random.Random(7), 0
    sure: set[int] = set()
    for _ in range(30):
        here, there = forked.Pipe(duplex=False)
        writing = forked.Process(target=write_on, args=(folder, tmp_path / "secrets" / "archive", first, there))
        sealing = forked.Process(target=seal_on, args=(folder,))
        for process in (writing, sealing):
            process.start()
        there.close()
        durable, wanted = first, first + 3 * chance.randint(1, 80)
        while durable < wanted:
            durable = here.recv()
        for process in (writing, sealing) if chance.random() < 0.5 else (sealing, writing):
            process.kill()
            process.join(60)
        while here.poll():
            try:
                durable = here.recv()
            except EOFError:
                break
        sure.update(range(first, durable))
        first = durable + 3  # the batch after may be there or not
    wait_for(lambda: seal_spools(folder, now=AFTER, everything=True).waiting == 0, what="all is sealed")
    found = numbers(folder, sealer)
    assert len(found) == len(set(found)) and sure <= set(found)
    assert verify_archive(folder).holds

"""Forgetting: whole hours, the oldest first, by age and size; never by a clock that cannot be trusted."""

import multiprocessing
import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.store.archive.manifest import sealed_files
from appliance.store.archive.retire import retire_files
from appliance.store.archive.seal import seal_spools
from appliance.store.archive.state import verify_archive
from appliance.store.archive.writer import Archive
from tests.store.archive.killing import retire_and_die
from tests.store.archive.messages import HOUR, message

forked = multiprocessing.get_context("forkserver")
forked.set_forkserver_preload(["tests.store.archive.killing"])
PLENTY = 1 << 40
NOW = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)


def fill(archive: Archive, folder: Path, hours: list[datetime], quality: str = "good") -> None:
    for n, hour in enumerate(hours):
        archive.append([message(n, at=hour, payload=b"x" * 100, clock_quality=quality)])
    seal_spools(folder, now=NOW)


def retire(folder: Path, *, days: int = 7, size: int = PLENTY, now: datetime = NOW, trusted: bool = True) -> int:
    return retire_files(folder, keep_days=days, max_bytes=size, now=now, clock_trusted=trusted).files


def names(folder: Path) -> list[str]:
    told = [file.file for file in sealed_files(folder)]
    assert told == sorted(str(file.relative_to(folder)) for file in folder.rglob("*.parquet"))
    return told


def test_an_hour_goes_when_its_last_message_may_be_too_old(archive: Archive, folder: Path) -> None:
    fill(archive, folder, [HOUR - timedelta(hours=1), HOUR])
    assert retire(folder, now=HOUR + timedelta(days=7, minutes=-1)) == 0
    assert retire(folder, now=HOUR + timedelta(days=7)) == 1
    assert names(folder) == ["2026/11/21/10.parquet"]
    assert verify_archive(folder).holds


def test_a_day_that_is_empty_leaves_no_folder(archive: Archive, folder: Path) -> None:
    fill(archive, folder, [HOUR, HOUR + timedelta(days=30)])
    assert retire(folder, now=HOUR + timedelta(days=30)) == 1
    assert [path.name for path in (folder / "2026").iterdir()] == ["12"]


def test_the_oldest_make_room_when_there_is_too_much(archive: Archive, folder: Path) -> None:
    fill(archive, folder, [HOUR + timedelta(hours=n) for n in range(5)])
    room = sum(file.bytes for file in sealed_files(folder)[-2:])
    assert retire(folder, size=room, trusted=False) == 3
    assert names(folder) == ["2026/11/21/13.parquet", "2026/11/21/14.parquet"]


def test_nothing_goes_by_age_while_the_time_is_not_known(archive: Archive, folder: Path) -> None:
    fill(archive, folder, [HOUR])
    assert retire(folder, now=NOW + timedelta(days=4_000), trusted=False) == 0
    assert names(folder) == ["2026/11/21/10.parquet"]


def test_what_came_with_a_wrong_clock_ages_from_when_the_time_was_known(archive: Archive, folder: Path) -> None:
    fill(archive, folder, [datetime(1970, 1, 1, 3, tzinfo=UTC)], quality="untrusted")
    assert retire(folder, now=datetime(1970, 1, 9, tzinfo=UTC), trusted=False) == 0
    assert retire(folder, now=NOW) == 0
    assert retire(folder, now=NOW + timedelta(days=6)) == 0
    assert retire(folder, now=NOW + timedelta(days=7)) == 1


@pytest.mark.deep
def test_a_kill_at_any_step_of_deleting_is_made_good_by_the_next(
    archive: Archive, folder: Path, tmp_path: Path
) -> None:
    fill(archive, folder, [HOUR + timedelta(hours=n) for n in (0, 1, 20, 167)])
    for step in range(200):
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        process = forked.Process(target=retire_and_die, args=(copy, step))
        process.start()
        process.join(60)
        assert process.exitcode in (0, -signal.SIGKILL)
        retire(copy, days=1)
        assert names(copy) == ["2026/11/28/09.parquet"] and verify_archive(copy).holds, step
        shutil.rmtree(copy)
        if process.exitcode == 0:
            break
    assert step > 10 and process.exitcode == 0

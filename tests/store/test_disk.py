"""The disk: a ballast that is really there, and a store that gets out of a full disk by itself."""

import os
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.hours import SiteHours
from appliance.errors import NoRoom
from appliance.model.intake import Intake
from appliance.model.space import HOLD_S, Step
from appliance.store.disk_watch import DiskWatch
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.file import durable
from appliance.store.file.disk import ERRORS_WORDS, Ballast
from appliance.store.settled.counts import ensure_counts
from tests.conftest import NOW, make_event, make_recorder
from tests.empty_store import put_store
from tests.store.checks import assert_sound
from tests.store.disks import MIB, eat, free_bytes, needs_mount, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 48) as folder:
        yield folder


@pytest.fixture
def full_store(disk: Path) -> Iterator[Store]:
    """A store on the small disk, with its ballast; in use, so that its log has its place already."""
    made = Store(put_store(disk / FILE_NAME), ballast=Ballast(disk, 3 * MIB))
    with made.write() as connection:
        ensure_counts(connection, SiteHours(ZoneInfo("UTC")), (7, 8))
    yield made
    made.close()


def test_the_ballast_takes_its_room_for_real_and_gives_it_back(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path, 2 * MIB)
    assert (ballast.size(), ballast.release()) == (0, False)
    assert ballast.make()
    assert ballast.size() == ballast.path.stat().st_size == 2 * MIB
    space = ballast.space(reusable=5)
    assert (space.ballast, space.ballast_wanted, space.reusable) == (2 * MIB, 2 * MIB, 5)
    assert ballast.release()
    assert ballast.size() == 0 and not ballast.path.exists()


def test_a_ballast_that_a_kill_cut_short_is_made_whole(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path, 2 * MIB)
    ballast.path.write_bytes(bytes(MIB))
    assert ballast.make()
    assert ballast.size() == 2 * MIB


@needs_mount
def test_on_a_small_disk_the_ballast_is_a_sixteenth(disk: Path) -> None:
    ballast = Ballast(disk, 64 * MIB)
    assert ballast.make()
    assert ballast.size() == 3 * MIB


@needs_mount
def test_a_ballast_there_is_no_room_for_is_given_up_whole(disk: Path) -> None:
    eat(disk, leave=MIB)
    ballast = Ballast(disk, 3 * MIB)
    assert not ballast.make()
    assert (ballast.size(), free_bytes(disk)) == (0, MIB)


@needs_mount
def test_before_a_part_starts_a_full_disk_is_given_breath(disk: Path) -> None:
    ballast = Ballast(disk, 3 * MIB)
    ballast.make()
    ballast.breathe()
    assert ballast.size() == 3 * MIB
    eat(disk)
    ballast.breathe()
    assert free_bytes(disk) == 3 * MIB


@needs_mount
def test_a_write_that_finds_no_room_opens_the_ballast_and_the_same_write_succeeds_then(full_store: Store) -> None:
    folder = full_store.path.parent
    ballast = Ballast(folder, 3 * MIB)
    ballast.make()
    recorder = make_recorder(full_store, NOW)
    recorder.record(Intake(events=[make_event(event_id="before")]))
    eat(folder)
    written = refused = 0
    while not refused:
        batch = [make_event(event_id=f"{written}-{n}", attributes={"t": "x" * 400}) for n in range(100)]
        try:
            recorder.record(Intake(events=batch))
            written += 1
        except NoRoom as error:
            refused += 1
            assert "free space" in str(error)
    assert ballast.size() == 0
    assert recorder.record(Intake(events=batch)).outcomes == ["stored"] * 100
    assert_sound(full_store)


@needs_mount
def test_a_store_whose_every_byte_is_taken_still_answers_and_goes_on_when_there_is_room(full_store: Store) -> None:
    folder = full_store.path.parent
    recorder, batches = make_recorder(full_store, NOW), 0
    hog = eat(folder)
    with pytest.raises(NoRoom):
        while True:
            batch = [make_event(event_id=f"{batches}-{n}", attributes={"t": "x" * 400}) for n in range(100)]
            recorder.record(Intake(events=batch))
            batches += 1
    with full_store.read() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one()
    assert kept == batches * 100
    hog.unlink()
    recorder.record(Intake(events=batch))
    assert_sound(full_store)


@needs_mount
def test_the_watch_sees_the_room_outside_and_inside_the_store(full_store: Store) -> None:
    folder, at = full_store.path.parent, [0.0]
    ballast = Ballast(folder, 3 * MIB)
    ballast.make()
    watch = DiskWatch(full_store, ballast, lambda: at[0])
    assert watch.look() is Step.NORMAL
    hog = eat(folder, leave=3 * MIB)
    assert watch.look() is Step.NORMAL  # it looked within the second
    at[0] += 1.0
    assert watch.look() is Step.CRITICAL
    hog.unlink()
    at[0] += 1.0
    assert watch.look() is Step.CRITICAL
    at[0] += HOLD_S
    assert watch.look() is Step.NORMAL
    with full_store.write() as connection:
        raw = raw_connection(connection)
        raw.execute("CREATE TABLE filler (x BLOB)")
        raw.execute("INSERT INTO filler VALUES (zeroblob(?))", (8 * MIB,))
    with full_store.write() as connection:
        connection.exec_driver_sql("DROP TABLE filler")
    assert watch.measure().reusable == pytest.approx(8 * MIB, rel=0.05)


@pytest.mark.parametrize(("options", "gave_up"), [("rw,errors=remount-ro", False), ("rw,emergency_ro", True)])
def test_a_file_system_that_gave_up_by_itself_counts_as_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, gave_up: bool
) -> None:
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"20 1 0:1 / / rw,relatime - tmpfs tmpfs ro\n"
        f"21 20 {os.major(device)}:{os.minor(device)} / /data rw,relatime shared:1 - ext4 /dev/mmcblk0p2 {options}\n"
    )
    monkeypatch.setattr(durable, "MOUNTS", mounts)
    assert durable.is_read_only(tmp_path) is gave_up


def test_a_disk_that_refused_a_write_is_asked_again_until_one_is_taken(store: Store) -> None:
    at = [0.0]
    watch = DiskWatch(store, Ballast(store.path.parent, 0), lambda: at[0])
    store.trouble = ERRORS_WORDS
    with store.write():
        pass
    assert store.trouble, "a commit of nothing proves nothing"
    watch.look()
    assert (store.trouble, watch.trouble) == ("", "")
    assert "disk_error" not in watch.words

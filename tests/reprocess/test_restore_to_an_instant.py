"""A restore to an instant: the newest backup before it, and what came in after that from the raw archive."""

from datetime import timedelta
from pathlib import Path

import pytest

from appliance.errors import Conflict, NotFound, Rejected
from appliance.model.settings import Settings
from appliance.store.backup.taking import Wish, take_backup
from appliance.store.clock.box_clock import BoxClock
from appliance.store.file.pulse import PulseWriter
from appliance.wiring import Box, archive_folder
from appliance.wiring_care import restore
from tests.board import Board
from tests.reprocess.conftest import MakeSite
from tests.reprocess.site import MENDED, NOW, Site, alarm, level, native, where
from tests.store.archive.messages import HOUR


def take(site: Site, folder: Path, n: int) -> Path:
    folder.mkdir(exist_ok=True)
    return take_backup(site.store, Wish(site_id="box", folder=folder, now=HOUR + timedelta(seconds=n))).folder


def new_box(folder: Path) -> Box:
    return Box(settings=Settings(), data=folder, time=BoxClock(Board(NOW)))


def test_what_is_there_equals_what_was_stored_at_that_instant(make_site: MakeSite, tmp_path: Path) -> None:
    old = make_site(MENDED)
    old.hear(native(1), level(2, 10.0), alarm(3), where(4))
    take(old, tmp_path / "drive", 5)
    old.hear(native(6), level(7, 11.0), where(8))
    take(old, tmp_path / "drive", 3_000)
    old.hear(native(3_001), alarm(3_002, on=False), level(3_003, 12.0), where(3_004))
    then = old.content()
    old.hear(native(3_010), level(3_011, 99.0), alarm(3_012), where(3_013))
    box = new_box(tmp_path / "new")
    done = restore(box, tmp_path / "drive", until=HOUR + timedelta(seconds=3_010), archive=archive_folder(old.box))
    assert done.replayed is not None
    assert done.replayed.unread.faults == []
    new = make_site(MENDED, folder=box.data)
    assert new.content() == then
    new.check()


def test_an_instant_before_every_backup_and_one_to_come_are_refused(make_site: MakeSite, tmp_path: Path) -> None:
    old = make_site(MENDED)
    take(old, tmp_path / "drive", 100)
    box = new_box(tmp_path / "new")
    with pytest.raises(NotFound, match="or before"):
        restore(box, tmp_path / "drive", until=HOUR)
    with pytest.raises(Rejected, match="future"):
        restore(box, tmp_path / "drive", until=NOW + timedelta(days=1))


def test_while_a_part_runs_nothing_is_put_back(make_site: MakeSite, tmp_path: Path) -> None:
    old = make_site(MENDED)
    take(old, tmp_path / "drive", 100)
    box = new_box(tmp_path / "new")
    PulseWriter(box.run_dir, "bridge").beat({})
    with pytest.raises(Conflict, match="bridge of this box is running"):
        restore(box, tmp_path / "drive")

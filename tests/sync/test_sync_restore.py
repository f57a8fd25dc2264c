"""A box replaced by its backup, before a real centre: the old one is fenced off, the new one carries on."""

import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from appliance.errors import Conflict
from appliance.store.backup.restoring import restore_backup
from appliance.store.backup.taking import Wish, take_backup
from appliance.store.engine import FILE_NAME
from sync.pump import DrainReport, Pump
from sync.upstream_postgres import PostgresUpstream
from tests.sync.box import CELLS, DAY, NEXT_DAY, NOW, SITE, Box
from tests.sync.postgres import Server
from tests.sync.test_sync_upstream import PostgresCentre

A, B, C, *_ = CELLS


@pytest.fixture
def url(server: Server, database: str) -> str:
    return server.url(database)


@pytest.fixture
def replace(tmp_path: Path) -> Callable[[Path], Box]:
    """A new box with a backup put back onto it."""

    def make(backup: Path) -> Box:
        data = tmp_path / f"new {backup.name}"
        restore_backup(backup, data, timezone="Asia/Kuwait", now=NOW)
        return Box(data / FILE_NAME)

    return make


def back_up(box: Box, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return take_backup(box.store, Wish(site_id=SITE.id, folder=folder, now=NOW)).folder


def drain(box: Box, url: str) -> DrainReport:
    return Pump(site=SITE, outbox=box, upstream=PostgresUpstream(url), chance=lambda: 0.5).drain(threading.Event())


def count_at_centre(url: str, day: str) -> dict[int, int]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT h3_index, event_count FROM hexpost.cell_aggregates WHERE day = %s", (day,))
        return dict(rows.fetchall())


def test_the_new_box_carries_on_and_the_old_one_is_refused(
    box: Box, url: str, tmp_path: Path, replace: Callable[[Path], Box]
) -> None:
    box.find(DAY, {A: 1, B: 2})
    drain(box, url)
    new = replace(back_up(box, tmp_path / "drive"))
    box.find(DAY, {A: 7, B: 2, C: 1})
    drain(box, url)  # the old box goes on for a while
    assert count_at_centre(url, DAY)[A] == 7

    new.find(DAY, {A: 9, B: 2})
    new.find(NEXT_DAY, {C: 4})
    assert drain(new, url).finished
    assert PostgresCentre(url).contents(SITE.id) == new.contents()
    assert count_at_centre(url, DAY) == {A: 9, B: 2}

    box.find(DAY, {A: 100})
    with pytest.raises(Conflict, match=r"epoch 2"):
        drain(box, url)
    assert count_at_centre(url, DAY) == {A: 9, B: 2}
    new.find(DAY, {A: 10, B: 2})
    drain(new, url)
    assert PostgresCentre(url).contents(SITE.id) == new.contents()
    assert drain(new, url) == DrainReport(finished=True)


def test_a_backup_older_than_the_epoch_of_the_centre_still_begins_above_it(
    box: Box, url: str, tmp_path: Path, replace: Callable[[Path], Box]
) -> None:
    box.find(DAY, {A: 1})
    drain(box, url)
    backup = back_up(box, tmp_path / "drive")
    second, third = replace(backup), None
    second.find(DAY, {A: 2})
    drain(second, url)
    third = replace(back_up_again(backup, tmp_path))  # from the same old backup, though the centre is further
    third.find(DAY, {A: 3})
    drain(third, url)
    assert count_at_centre(url, DAY) == {A: 3}
    with pytest.raises(Conflict):
        drain(second, url)
    assert third.position().epoch == 3


def back_up_again(backup: Path, tmp_path: Path) -> Path:
    """The same backup under another name, as on a second drive."""
    copy = tmp_path / "second" / backup.name
    copy.parent.mkdir()
    backup.rename(copy)
    return copy.rename(copy.with_name("hexpost-kuwait-1-20261122T060001Z"))


def test_two_boxes_from_one_backup_do_not_take_turns(
    box: Box, url: str, tmp_path: Path, replace: Callable[[Path], Box]
) -> None:
    box.find(DAY, {A: 1})
    drain(box, url)
    backup = back_up(box, tmp_path / "drive")
    first = replace(backup)
    second = replace(back_up_again(backup, tmp_path))
    first.find(DAY, {A: 5})
    drain(first, url)
    second.find(DAY, {A: 6})
    drain(second, url)
    for _ in range(3):
        first.find(DAY, {A: 50})
        with pytest.raises(Conflict):
            drain(first, url)
        assert drain(second, url).finished
    assert count_at_centre(url, DAY) == {A: 6}

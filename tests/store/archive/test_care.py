"""The jobs process starts a child when something is to be sealed, and says what went wrong."""

import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.job.archiving import ArchiveCare
from appliance.store.archive.spool import SPOOL, close_file, is_sealing_due, list_spools
from appliance.store.archive.writer import Archive
from tests.conftest import wait_for
from tests.store.archive.messages import HOUR, messages


def child(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_an_hour_is_sealed_five_minutes_after_it_is_over(archive: Archive, folder: Path) -> None:
    spool = folder / SPOOL
    assert not is_sealing_due(spool, HOUR)
    archive.append(messages(0, 1))
    assert not is_sealing_due(spool, HOUR + timedelta(minutes=64, seconds=59))
    assert is_sealing_due(spool, HOUR + timedelta(minutes=65))
    assert is_sealing_due(spool, HOUR - timedelta(days=4_000))  # a clock that jumped keeps nothing open
    close_file(list_spools(spool)[0])
    assert is_sealing_due(spool, HOUR)


def test_it_is_started_when_it_is_due_and_once_an_hour(tmp_path: Path) -> None:
    due = [False]
    care = ArchiveCare(child(f"open({str(tmp_path / 'ran')!r}, 'a').write('x')"), lambda: due[0])
    assert care.tend() and not care.tend()
    due[0] = True
    assert care.tend()
    assert (tmp_path / "ran").read_text() == "xx" and care.error == ""


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (child("import sys; print('x', file=sys.stderr); sys.exit('hexpost: the disk is full')"), "disk is full"),
        (child("import os; os.kill(os.getpid(), 9)"), "sealing ended with -9"),
        (["/nowhere/hexpost"], "starting /nowhere/hexpost"),
    ],
)
def test_what_went_wrong_is_told_until_it_goes_right(command: list[str], error: str) -> None:
    care = ArchiveCare(command, lambda: True)
    assert care.tend() and error in care.error
    care._command = child("pass")
    assert care.tend() and care.error == ""


def test_a_child_that_runs_is_ended_with_the_jobs(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    care = ArchiveCare(child(f"open({str(begun)!r}, 'w'); import threading; threading.Event().wait()"), lambda: True)
    working = threading.Thread(target=care.tend)
    working.start()
    wait_for(begun.exists, what="the child to begin")
    care.stop()
    working.join(20)
    assert not working.is_alive() and care.error == "" and not care.tend()

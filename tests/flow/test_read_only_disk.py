"""A disk that is mounted read-only: nothing is recorded and that is said; what is stored is still shown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = """
import subprocess, sys
from pathlib import Path
from appliance.errors import Unavailable
from appliance.model.intake import Intake
from appliance.model.settings import Settings
from appliance.store.totals import fetch_facts
from appliance.wiring import Box, open_recorder, open_store, open_to_read
from tests.conftest import make_event
disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True)
box = Box(settings=Settings(), data=disk / "data")
store = open_store(box)
open_recorder(box, store).record(Intake(events=[make_event()]))
store.close()
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
try:
    open_store(box)
except Unavailable as error:
    print("refused:", error)
store = open_to_read(box)
with store.read() as connection:
    print("events:", fetch_facts(connection).events)
try:
    open_recorder(box, store).record(Intake(events=[make_event(event_id="lost?")]))
    print("acknowledged")
except Unavailable as error:
    print("not recorded:", error)
store.close()
subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
store = open_to_read(box)
open_recorder(box, store).record(Intake(events=[make_event(event_id="again")]))
with store.read() as connection:
    print("events:", fetch_facts(connection).events)
store.close()
"""


@pytest.mark.flow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_on_a_read_only_disk_the_store_is_read_and_nothing_is_taken_for_recorded(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", CHILD, str(disk)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    refused, before, lost, after = done.stdout.splitlines()
    assert "is read-only" in refused
    assert "mounted for writing again" in refused
    assert before == "events: 1"
    assert lost.startswith("not recorded: ")
    assert after == "events: 2"

"""Processes of the archive that are killed, for the tests: at a step that is named, or at any instant."""

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.store.archive.retire import retire_files
from appliance.store.archive.seal import seal_spools
from appliance.store.archive.spool import SPOOL
from appliance.store.archive.writer import Archive
from appliance.store.sealing import Sealer
from tests.store.archive.messages import Counted, message

AFTER = datetime(2026, 11, 21, 12, 5, tzinfo=UTC)
STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "fcntl.flock"}


def die_at_step(step: int, within: str) -> None:
    """End this process with SIGKILL at the so-manieth thing that it asks of the file system within a folder."""
    left = [step]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in STEPS and (event == "fcntl.flock" or within in str(arguments[0])):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def seal_and_die(folder: Path, step: int) -> None:
    """Seal everything, and be killed at a step."""
    die_at_step(step, str(folder))
    seal_spools(folder, now=AFTER)


def retire_and_die(folder: Path, step: int) -> None:
    """Delete all that is a day old, a week later, and be killed at a step."""
    die_at_step(step, str(folder))
    retire_files(folder, keep_days=1, max_bytes=1 << 40, now=datetime(2026, 11, 28, tzinfo=UTC), clock_trusted=True)


def write_on(folder: Path, secrets: Path, first: int, told: Any) -> None:
    """Archive message after message, in batches of three; after each say how many are durable."""
    archive = Archive(folder / SPOOL, sealer=Sealer(secrets), count_missed=Counted())
    while True:
        archive.append([message(n, at=datetime.now(UTC)) for n in range(first, first + 3)])
        first += 3
        told.send(first)


def seal_on(folder: Path) -> None:
    """Seal everything there is, again and again."""
    while True:
        seal_spools(folder, now=datetime.now(UTC), everything=True)

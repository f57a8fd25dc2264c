"""The daily backup: due a day after the last one that counts, made by a process of its own.

It is a child so that it can be killed at any instant and gives its memory back. Called by `schedule`.
"""

import contextlib
import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from appliance.errors import HexpostError
from appliance.store.backup.ledger import fetch_backup_state
from appliance.store.engine import Store
from appliance.store.salvage.ledger import fetch_salvage

log = logging.getLogger(__name__)

EVERY = timedelta(days=1)
AGAIN_S = 3_600.0  # after one that failed
TIMEOUT_S = 6 * 3_600.0  # a child that takes longer hangs


def is_backup_due(store: Store, now: datetime, *, clock_trusted: bool) -> bool:
    """Whether the last backup is a day old; one from the future was made by a wrong clock and counts for nothing.

    With no clock to trust only the first one is due.
    """
    with store.read() as connection:
        last = fetch_backup_state(connection).last_at
    return last is None or (clock_trusted and not timedelta() <= now - last < EVERY)


def is_salvage_due(store: Store) -> bool:
    """Whether something of a store that was lost is still to be put back."""
    with store.read() as connection:
        return fetch_salvage(connection, unfinished=True) is not None


class Child:
    """A command that is started when it is due, one at a time, and not at once again after it failed."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        is_due: Callable[[], bool],
        *,
        again_s: float = AGAIN_S,
        niceness: int = 0,
    ) -> None:
        """`niceness` is by how much everything else goes first, 0..19."""
        self.name = name
        self._niceness = niceness
        self._command = list(command)
        self._is_due = is_due
        self._again_s = again_s
        self._not_before = float("-inf")
        self._running: subprocess.Popen[str] | None = None
        self._stopped = threading.Event()
        self.error = ""

    def tend(self) -> bool:
        """Run the command if it is due; whether it was. What went wrong stands in `error` until it goes right."""
        try:
            if self._stopped.is_set() or time.monotonic() < self._not_before or not self._is_due():
                return False
        except HexpostError as error:
            self.error = str(error)
            return False
        self.error = self._run()
        if self.error:
            self._not_before = time.monotonic() + self._again_s
            log.error("%s: %s", self.name, self.error)
        return True

    def stop(self) -> None:
        """End what runs: what it did not finish counts for nothing or is gone on with."""
        self._stopped.set()
        if self._running is not None:
            self._running.kill()

    def _run(self) -> str:
        try:
            self._running = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            if self._niceness:
                with contextlib.suppress(ProcessLookupError):  # it is done already
                    os.setpriority(os.PRIO_PROCESS, self._running.pid, self._niceness)
            _, told = self._running.communicate(timeout=TIMEOUT_S)
        except OSError as error:
            return f"starting {self._command[0]}: {error}"
        except subprocess.TimeoutExpired:
            self.stop()
            return f"took more than {TIMEOUT_S / 3600:.0f} hours and was ended; is the disk failing?"
        if self._running.returncode == 0 or self._stopped.is_set():
            return ""
        lines = told.strip().splitlines()
        return lines[-1].removeprefix("hexpost: ") if lines else f"ended with {self._running.returncode}"

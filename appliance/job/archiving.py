"""The archive looked after: a process of its own seals what is due and deletes what is over its time, then ends.

pyarrow takes 60 MB, which the jobs process would keep for ever; the child gives them back. Called by `schedule` once a
minute; nothing is started while nothing is due.
"""

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)

EVERY_S = 3_600.0  # what is over its time is looked for, whether there is something to seal or not
TIMEOUT_S = 3_600.0  # a child that takes longer hangs


class ArchiveCare:
    """Starts the child when it is due.

    command  seals and deletes, and says on standard error what went wrong
    is_due   whether something is to be sealed
    """

    def __init__(self, command: Sequence[str], is_due: Callable[[], bool]) -> None:
        self._command = list(command)
        self._is_due = is_due
        self._ran_at = float("-inf")
        self._child: subprocess.Popen[str] | None = None
        self._stopped = threading.Event()
        self.error = ""

    def tend(self) -> bool:
        """Run the child if it is due; whether it was. What went wrong stands in `error` until it goes right."""
        if self._stopped.is_set() or not (self._is_due() or time.monotonic() - self._ran_at >= EVERY_S):
            return False
        self._ran_at = time.monotonic()
        error = self._run()
        if error and error != self.error:
            log.error("the archive: %s", error)
        self.error = error
        return True

    def stop(self) -> None:
        """End a child that runs: it may be killed at any instant, and what it did not finish is done next time."""
        self._stopped.set()
        if self._child is not None:
            self._child.kill()

    def _run(self) -> str:
        try:
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
        except OSError as error:
            return f"starting {self._command[0]}: {error}"
        try:
            _, told = self._child.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
            return f"sealing took more than {TIMEOUT_S:.0f} s and was ended; is the disk failing?"
        if self._child.returncode == 0 or self._stopped.is_set():
            return ""
        lines = told.strip().splitlines()
        return lines[-1] if lines else f"sealing ended with {self._child.returncode}"

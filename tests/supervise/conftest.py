"""What the tests of supervision share: waiting for a condition, a free port, and children that obey."""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

# Says READY when it starts, ends with 0 on SIGTERM, and does what its first argument adds.
OBEDIENT = """
import os, signal, sys, threading
from appliance.cli.supervisor.sd_notify import Notifier
notifier = Notifier(os.environ)
done = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: done.set())
notifier.ready("at work")
print("started", flush=True)
{body}
done.wait()
notifier.stopping()
print("stopped", flush=True)
"""

Until = Callable[[Callable[[], bool]], None]
Obedient = Callable[..., tuple[str, ...]]


@pytest.fixture
def until() -> Until:
    """Wait for a condition, at most 20 s."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20.0
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            threading.Event().wait(0.01)

    return wait


@pytest.fixture
def port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def obedient() -> Obedient:
    """The argv of a child that says it is ready and stops when asked; `body` is run in between."""

    def argv(body: str = "") -> tuple[str, ...]:
        return (sys.executable, "-c", OBEDIENT.format(body=body))

    return argv


@pytest.fixture(autouse=True)
def _repository_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children import what the test imports."""
    import appliance

    root = str(Path(appliance.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")])))

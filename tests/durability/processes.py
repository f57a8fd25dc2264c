"""Mosquitto as `hexpost run` configures it, and the bridge, each a process that can be killed and frozen."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from appliance.cli.broker import Mosquitto, find_broker, mosquitto_config
from appliance.model.settings import Mqtt
from appliance.store.engine import FILE_NAME
from appliance.store.file.pulse import read_pulses, run_directory
from tests.conftest import free_port, wait_for

ROOT = Path(__file__).parents[2]
STOP_S = 120  # the jobs end a run of the risk that they have begun


class Process:
    """A program that comes back; `kills` counts how often it was taken."""

    def __init__(self, argv: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self.argv = argv
        self.log = log
        self.kills = 0
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns at once."""
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(list(self.argv), stdout=log, stderr=log, env=self.environment)

    @property
    def pid(self) -> int:
        """Its number while it runs.

        raises  AssertionError  it has ended by itself, with the end of its log
        """
        assert self._running is not None
        assert self._running.poll() is None, self.log.read_text(errors="replace")[-3000:]
        return self._running.pid

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._running is not None
        self._running.wait()
        self.kills += 1

    def freeze(self) -> None:
        """Stop it in its tracks; nobody is told."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """A clean end, as a service manager asks for it."""
        if self._running is not None and self._running.poll() is None:
            self.thaw()
            self._running.terminate()
            self._running.wait(timeout=STOP_S)


class Site:
    """A broker and a bridge in a folder of their own; a context manager that leaves neither running.

    `jobs` is there to be started by who wants it.
    """

    def __init__(self, folder: Path, *, bridge: Sequence[str] = (), environment: dict[str, str] | None = None) -> None:
        """`bridge` is what is run in place of `hexpost bridge`, `environment` what is added for it."""
        self.folder, self.port = folder, free_port()
        self.data, self.config = folder / "data", folder / "hexpost.toml"
        self.file = self.data / FILE_NAME
        self.config.write_text(
            f'[site]\nid = "ledger"\n[mqtt]\nport = {self.port}\n'
            "[store]\nquarantine_rows = 100000\nballast_mb = 1\n[risk]\nevery_s = 3\n"
        )
        options = ["--config", str(self.config), "--data", str(self.data)]
        hexpost = [sys.executable, "-m", "appliance.cli"]
        spoiled = [sys.executable, *bridge] if bridge else hexpost
        self.bridge = Process([*spoiled, "bridge", *options], folder / "bridge.log", environment)
        self.jobs = Process([*hexpost, "jobs", *options], folder / "jobs.log")
        self.broker = self._broker()

    def _broker(self) -> Process:
        found = find_broker(os.environ["PATH"])
        assert isinstance(found, Mosquitto), "these tests need the Debian package mosquitto"
        state, config = self.folder / "broker", self.folder / "mosquitto.conf"
        state.mkdir()
        text = mosquitto_config(Mqtt(port=self.port), state, None, is_root=os.geteuid() == 0)
        config.write_text(text, encoding="utf-8")
        return Process([str(found.path), "-c", str(config)], self.folder / "broker.log")

    def __enter__(self) -> "Site":
        """Start both, up to the point where the broker keeps what comes for the bridge."""
        self.start_broker()
        self.bridge.start()
        wait_for(self.has_session, deadline_s=60, what=f"a session of the bridge; see {self.bridge.log}")
        return self

    def __exit__(self, *_exc: object) -> None:
        for process in (self.jobs, self.bridge, self.broker):
            process.stop()

    def start_broker(self) -> None:
        """Start the broker and wait until it listens."""
        self.broker.start()
        wait_for(self._listens, what="the broker to listen")

    def _listens(self) -> bool:
        assert self.broker.pid
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def has_session(self) -> bool:
        """Whether the bridge that runs says that the broker has taken it in."""
        try:
            return self._pulse() == (self.bridge.pid, "up")
        except (msgspec.DecodeError, KeyError):
            return False

    def _pulse(self) -> tuple[int, str]:
        pulse = read_pulses(run_directory(self.data, {})).get("bridge")
        return (pulse.pid, str(pulse.state["broker"])) if pulse else (0, "")

    def hexpost(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Any:
        """What a command says in JSON; `environment` is added for it.

        raises  AssertionError  it failed, with what it said
        """
        options = ["--config", str(self.config), "--data", str(self.data), "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "appliance.cli", *arguments, *options],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        )
        assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
        return msgspec.json.decode(done.stdout)

"""The path of ingest: a backlog drained by `hexpost bridge`, against a subscriber that only counts and acknowledges.

    python -m benchmarks.ingest            # BENCH_MESSAGES=200000 single events, then as many in messages of 100

Bridge and jobs are processes of their own with their defaults: every family, archive, acknowledgements on `ack` topics,
each batch committed and synced before it is acknowledged, counters following. CPU seconds are those of both
(`/proc/<pid>/stat`), from the first stored event to the last, so that starting does not count; the reference is drained
from the same Mosquitto in the same run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from appliance.model.settings import Mqtt
from appliance.store.engine import FILE_NAME
from appliance.store.file import dbapi
from benchmarks.broker import batch_messages, broker, drain_bare, publish_backlog, single_messages, subscribe

MESSAGES = int(os.environ.get("BENCH_MESSAGES", "200000"))
BATCH = 100
TICKS = os.sysconf("SC_CLK_TCK")


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    """What draining took: events, CPU seconds, wall seconds, bytes that the process had written to disk."""

    events: int
    cpu_s: float
    wall_s: float
    written: int


class BridgeProcess:
    """`hexpost bridge` on a folder, and `hexpost jobs` beside it from the first start to the end."""

    def __init__(self, folder: Path, port: int) -> None:
        self.data = folder / "data"
        config = folder / "hexpost.toml"
        config.write_text(f'[mqtt]\nurl = "mqtt://127.0.0.1:{port}"\n')
        self._options = ("--config", str(config), "--data", str(self.data))
        self.process: subprocess.Popen[bytes] | None = None
        self._jobs: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again."""
        self.process = self._run("bridge")
        self._jobs = self._jobs or self._run("jobs")

    def stop(self) -> None:
        """End it cleanly; its session stays with the broker."""
        _end(self.process)

    def close(self) -> None:
        """End both."""
        self.stop()
        _end(self._jobs)

    def _run(self, part: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "appliance.cli", part, *self._options]
        return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stored(self) -> int:
        """Events in the store; 0 while there is none."""
        path = self.data / FILE_NAME
        if not path.exists():
            return 0
        connection = dbapi.connect(f"file:{path}?mode=ro")
        try:
            row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
            return int(row[0]) if row else 0
        except dbapi.Error:
            return 0
        finally:
            connection.close()

    def spent(self) -> tuple[float, int]:
        """(CPU seconds, bytes written) of both so far."""
        assert self.process is not None and self._jobs is not None
        cpu, written = zip(*(_spent(process.pid) for process in (self.process, self._jobs)), strict=True)
        return sum(cpu), sum(written)

    def drain(self, events: int, *, keep: bool = False) -> Drained:
        """Start it and watch until so many events more are stored; stop it then, unless it is to be kept."""
        before = self.stored()
        self.start()
        while (first := self.stored()) <= before:
            time.sleep(0.02)
        (cpu, written), wall = self.spent(), time.monotonic()
        while (now := self.stored()) < before + events:
            if time.monotonic() - wall > 900:
                sys.exit(f"the bridge stored {now - before} of {events}")
            time.sleep(0.05)
        (cpu_end, written_end), wall_end = self.spent(), time.monotonic()
        if not keep:
            self.stop()
        return Drained(events=now - first, cpu_s=cpu_end - cpu, wall_s=wall_end - wall, written=written_end - written)


def _spent(pid: int) -> tuple[float, int]:
    proc = Path(f"/proc/{pid}")
    fields = (proc / "stat").read_text().rpartition(")")[2].split()
    written = next(line for line in (proc / "io").read_text().splitlines() if line.startswith("write_bytes"))
    return (int(fields[11]) + int(fields[12])) / TICKS, int(written.split()[1])


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.terminate()
        process.wait()


def first_contact(bridge: BridgeProcess) -> None:
    """Let the bridge make its session, so that the broker keeps a backlog for it."""
    bridge.start()
    marker = bridge.data / FILE_NAME
    until = time.monotonic() + 30
    while not marker.exists() and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(3)
    bridge.stop()


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="hexpost-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        settings = Mqtt(port=18_900 + os.getpid() % 1000)
        bridge = BridgeProcess(folder, settings.port)
        with broker(folder, settings) as address:
            first_contact(bridge)
            for name, messages, events in (
                ("single events", single_messages(MESSAGES), 1),
                (f"{BATCH} events a message", batch_messages(MESSAGES, BATCH), BATCH),
            ):
                subscribe(address, "bare")
                sent = publish_backlog(address, messages)
                bare_cpu, bare_wall = drain_bare(address, "bare", sent)
                drained = bridge.drain(sent * events)
                per_cpu, bare_per_cpu = drained.events / drained.cpu_s, sent * events / bare_cpu
                print(f"{name}: {sent:,} messages, {drained.written / drained.events:,.0f} bytes written an event")
                print(f"  bridge {per_cpu:10,.0f} events/CPU-s {drained.events / drained.wall_s:10,.0f} events/s wall")
                print(f"  bare   {bare_per_cpu:10,.0f}              {sent * events / bare_wall:10,.0f}")
                print(f"  ratio  {per_cpu / bare_per_cpu:10.2f}")
    finally:
        bridge.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

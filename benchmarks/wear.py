"""What is written to the card: bytes for each byte that the file grows, and bytes a day at a steady trickle.

    python -m benchmarks.wear          # WEAR_ROWS=1000000 events in the store, WEAR_MESSAGES=60000, WEAR_SECONDS=240

Bytes are the kernel's (`write_bytes` of `/proc/<pid>/io`) of `hexpost bridge` and `hexpost jobs` with their defaults,
the archive's spool and what their children wrote among them. First the two are left alone until they have nothing more
to write: what a store that came with a million events makes them compute (risk, forecast) comes once, and is told
apart. What still waits in the write-ahead log at the end is counted once more, as a checkpoint
would write it. The reference is plain SQLite with a live index on (source, id) and on (cell, time), batches of 500: 49
bytes a byte of growth on 300,000 rows.
"""

import itertools
import os
import shutil
import socket
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from appliance.aggregate.hours import SiteHours
from appliance.model.intake import Intake
from appliance.model.native import read_event
from appliance.model.settings import Mqtt, Risk
from appliance.store.engine import FILE_NAME, Store
from appliance.store.intake.batch import Recorder
from benchmarks.broker import broker, made_events, publish_backlog, single_messages
from benchmarks.ingest import BridgeProcess, first_contact
from firmware_bridge.address import Address
from firmware_bridge.mqtt import wire

ROWS = int(os.environ.get("WEAR_ROWS", "1000000"))
MESSAGES = int(os.environ.get("WEAR_MESSAGES", "60000"))
SECONDS = int(os.environ.get("WEAR_SECONDS", "240"))
RATE = 20  # events a second of the trickle
CALM_S, CALM_WITHIN_S, LOOK_S, LITTLE = 70.0, 600.0, 5.0, 200_000  # more than a minute: a run is made each minute


def fill(data: Path, rows: int) -> None:
    """Put so many events into the store."""
    store = Store(data / FILE_NAME)
    recorder = Recorder(
        store,
        hours=SiteHours(ZoneInfo("UTC")),
        resolutions=Risk().counted,
        quarantine_rows=100,
        clock=lambda: datetime.now(UTC),
    )
    now = datetime.now(UTC)
    events = made_events(rows, seed=7)
    while chunk := list(itertools.islice(events, 5_000)):
        intake = [read_event(event, source=f"agency/{device}", received_at=now) for device, event in chunk]
        recorder.record(Intake(events=intake))
    store.close()


def sizes(data: Path) -> tuple[int, int]:
    """(bytes of the file, bytes in its write-ahead log)."""
    log = data / f"{FILE_NAME}-wal"
    return (data / FILE_NAME).stat().st_size, log.stat().st_size if log.exists() else 0


def calm_down(bridge: BridgeProcess) -> int:
    """Wait until both processes have written next to nothing for a while; how many bytes they wrote until then."""
    begun = written = bridge.spent()[1]
    quiet, until = 0.0, time.monotonic() + CALM_WITHIN_S
    while quiet < CALM_S and time.monotonic() < until:
        time.sleep(LOOK_S)
        now = bridge.spent()[1]
        quiet = quiet + LOOK_S if now - written < LITTLE else 0.0
        written = now
    return written - begun


def trickle(address: Address, seconds: int) -> None:
    """Publish a steady few events a second."""
    level = wire.MQTT_3_1_1
    with socket.create_connection((address.host, address.port)) as link:
        link.sendall(
            wire.encode_connect(
                level=level, client_id="trickle", keepalive_s=600, session_s=0, receive_maximum=100,
                will=wire.Will("bench/gone", b""), username=None, password=None,
            )
        )  # fmt: skip
        begun = time.monotonic()
        for n, (topic, payload) in enumerate(single_messages(seconds * RATE, seed=9)):
            time.sleep(max(0.0, begun + n / RATE - time.monotonic()))
            link.sendall(wire.encode_publish(topic, payload, level=level))
        link.sendall(wire.BYE)


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="hexpost-bench-", dir=os.environ.get("BENCH_DIR")))
    settings = Mqtt(port=18_900 + os.getpid() % 1000)
    bridge = BridgeProcess(folder, settings.port)
    try:
        with broker(folder, settings) as address:
            first_contact(bridge)
            fill(bridge.data, ROWS)
            bridge.start()
            print(f"what {ROWS:,} events that came at once made it write: {calm_down(bridge) / 1e6:.0f} MB")
            bridge.stop()
            before, _ = sizes(bridge.data)
            publish_backlog(address, single_messages(MESSAGES))
            drained = bridge.drain(MESSAGES, keep=True)
            written = drained.written + calm_down(bridge)
            after, waiting = sizes(bridge.data)
            growth = after - before
            ratio = (written + waiting) / growth
            print(f"full speed: {MESSAGES:,} events on {ROWS:,}: {ratio:.1f} bytes a byte of growth")
            each = (written + waiting) / MESSAGES
            print(f"            {each:,.0f} bytes an event, {growth / MESSAGES:,.0f} of growth")
            begun, (_, at_start) = time.monotonic(), bridge.spent()
            trickle(address, SECONDS)
            took, (_, at_end) = time.monotonic() - begun, bridge.spent()
            print(f"{RATE} events/s: {(at_end - at_start) / took * 86_400 / 1e9:.1f} GB a day")
    finally:
        bridge.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

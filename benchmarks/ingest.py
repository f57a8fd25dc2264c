"""The path of ingest: durable writes of the bridge against plain SQLite, and an import against `executemany`.

    python -m benchmarks.ingest

References in the same run: (a) a bare paho subscriber that only counts and acknowledges the same backlog from the same
Mosquitto; (b) `executemany` of the same rows into a table with the same indexes, plain SQLite with the same pragmas.
CPU seconds, so that other work on the machine disturbs less; every figure is also given as a ratio.
"""

import gzip
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import paho.mqtt.client as mqtt

from appliance.aggregate.hours import SiteHours
from appliance.cli.broker import Mosquitto, find_broker, mosquitto_config
from appliance.ingest.files import ReadOptions, decode_lines, read_rows
from appliance.model.event import Event
from appliance.model.intake import Intake
from appliance.model.settings import Mqtt
from appliance.store import sqlite
from appliance.store.engine import Store
from appliance.store.field import StoreField
from appliance.store.intake import Recorder
from appliance.store.migrations import migrate
from appliance.wiring import built_in_mappings
from firmware_bridge.bridge import Bridge
from firmware_bridge.canonical import Surroundings
from firmware_bridge.client import Address, BrokerClient
from firmware_bridge.decode import Decoder
from firmware_bridge.family.catalogue import build_families
from firmware_bridge.field import Field
from firmware_bridge.gather import Gatherer
from firmware_bridge.inbound import Memory
from firmware_bridge.topic import PREFIX

MESSAGES = int(os.environ.get("BENCH_MESSAGES", "30000"))
INCIDENTS = Path(__file__).parents[1] / "appliance" / "cli" / "demo_data" / "toronto_incidents.csv.gz"
UTC_HOURS = ZoneInfo("UTC")


@contextmanager
def broker(folder: Path) -> Iterator[Address]:
    """A Mosquitto as `hexpost run` configures it."""
    found = find_broker(os.environ["PATH"])
    if not isinstance(found, Mosquitto):
        sys.exit("benchmarks.ingest needs mosquitto")
    settings = Mqtt(port=18_900 + os.getpid() % 1000)
    config = folder / "mosquitto.conf"
    config.write_text(mosquitto_config(settings, folder, None, is_root=os.geteuid() == 0))
    process = subprocess.Popen([str(found.path), "-c", str(config)], stderr=subprocess.DEVNULL)
    time.sleep(1)
    try:
        yield Address(host="127.0.0.1", port=settings.port)
    finally:
        process.terminate()
        process.wait()


def publish_backlog(address: Address, how_many: int) -> None:
    """Spread-out single events, published at QoS 1 while nobody listens."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(500)
    client.connect(address.host, address.port)
    client.loop_start()
    start = datetime(2026, 11, 1, tzinfo=UTC)
    infos = []
    for n in range(how_many):
        event = {
            "event_id": f"cam{n % 50}-{n:08d}",
            "event_type": ("motion", "intrusion", "crowd")[n % 3],
            "event_timestamp": (start + timedelta(seconds=n * 40)).isoformat(),
            "longitude": 47.5 + (n * 7919 % 10_000) / 10_000,
            "latitude": 29.0 + (n * 104_729 % 10_000) / 10_000,
            "severity": 0.5,
            "attributes": {"zone": "gate"},
        }
        infos.append(client.publish(f"{PREFIX}/agency/cam{n % 50}/event", json.dumps(event), qos=1))
        if len(infos) > 5_000:
            infos.pop(0).wait_for_publish()
    for info in infos:
        info.wait_for_publish()
    client.disconnect()
    client.loop_stop()


def subscribe(address: Address, client_id: str) -> None:
    """Make a session that the broker keeps a queue for."""
    client = _link(address, client_id, lambda _count: None)
    time.sleep(1)
    client.disconnect()
    client.loop_stop()


def drain_bare(address: Address) -> tuple[float, float]:
    """(CPU seconds, wall seconds) of a subscriber that only counts and acknowledges."""
    done = threading.Event()
    cpu, wall = time.process_time(), time.monotonic()
    client = _link(address, "bare", lambda count: done.set() if count == MESSAGES else None)
    done.wait(300)
    spent = time.process_time() - cpu, time.monotonic() - wall
    client.disconnect()
    client.loop_stop()
    return spent


class NoDownlink:
    """Nothing is asked of anybody."""

    def tick(self) -> None:
        """Nothing is due."""


def drain_bridge(address: Address, store: Store, recorder: Recorder, stored: Callable[[], int]) -> tuple[float, float]:
    """(CPU seconds, wall seconds) of the bridge until everything is stored and synced."""
    stop = threading.Event()
    health = (f"{PREFIX}/out/bench/health", b"{}")
    client = BrokerClient(
        address,
        client_id="hexpost-bridge",
        filters=("#",),
        receive_maximum=2_000,
        will=health,
        birth=health,
        clock=lambda: datetime.now(UTC),
    )
    field = Field(
        StoreField(store, lambda: datetime.now(UTC)),
        clock=lambda: datetime.now(UTC),
        clock_trusted=lambda: True,
        monotonic=time.monotonic,
        alert=lambda _words: None,
    )
    field.start()
    around = Surroundings(standing=field.standing, judge=field.judge, plate_key=b"k" * 32)
    bridge = Bridge(
        client,
        recorder,
        decoder=Decoder(build_families(built_in_mappings()), zone=UTC),
        gatherer=Gatherer(around, memory=Memory()),
        field=field,
        downlink=NoDownlink(),
        reload=lambda: None,
        batch_items=500,
        batch_ms=50,
        clock=lambda: datetime.now(UTC),
        clock_trusted=lambda: True,
        report=lambda _state: None,
    )
    cpu, wall = time.process_time(), time.monotonic()
    thread = threading.Thread(target=bridge.run, args=(stop,))
    thread.start()
    while stored() < MESSAGES and time.monotonic() - wall < 300:
        time.sleep(0.2)
    spent = time.process_time() - cpu, time.monotonic() - wall
    stop.set()
    thread.join()
    return spent


def _link(address: Address, client_id: str, count: Callable[[int], None]) -> mqtt.Client:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, manual_ack=True)
    counter = itertools.count(1)

    def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        client.ack(message.mid, message.qos)
        count(next(counter))

    client.on_message = on_message
    client.connect(address.host, address.port)
    client.subscribe([(topic_filter, 1) for topic_filter in ("hexpost/v1/+/+/event",)])
    client.loop_start()
    return client


def recorder_into(folder: Path) -> tuple[Store, Recorder]:
    """A fresh store and its recorder."""
    migrate(folder / "hexpost.db", timezone="UTC")
    store = Store(folder / "hexpost.db")
    recorder = Recorder(
        store,
        hours=SiteHours(UTC_HOURS),
        resolutions=(7, 8),
        quarantine_rows=100,
        clock=lambda: datetime.now(UTC),
    )
    return store, recorder


def import_rows(folder: Path) -> tuple[int, float]:
    """(rows, CPU seconds) of reading the carried incidents and storing them."""
    store, recorder = recorder_into(folder)
    cpu = time.process_time()
    with gzip.open(INCIDENTS, "rb") as file:
        options = ReadOptions(source="bench", received_at=datetime.now(UTC))
        rows = read_rows("csv", decode_lines(iter(lambda: file.read(1 << 20), b"")), options)
        total = 0
        while chunk := list(itertools.islice(rows, 2_000)):
            total += len(chunk)
            recorder.record(Intake(events=[item for _, item in chunk if isinstance(item, Event)]))
    spent = time.process_time() - cpu
    store.close()
    return total, spent


def plain_rows(folder: Path, source: Path) -> tuple[int, float]:
    """(rows, CPU seconds) of `executemany` of the very rows that the import made, with the same indexes."""
    reader = sqlite.connect(source)
    rows = reader.execute(
        "SELECT event_id, source, event_type, event_timestamp, received_at, recorded_at, clock_quality, h3_index, "
        "severity, value, attributes_json, rev, geom FROM events"
    ).fetchall()
    reader.close()
    plain = sqlite.driver().connect(str(folder / "plain.db"), isolation_level=None)
    plain.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE e (k INTEGER PRIMARY KEY, a TEXT, b TEXT, "
        "c TEXT, d INTEGER, e INTEGER, f INTEGER, g TEXT, h INTEGER, i REAL, j REAL, l TEXT, m INTEGER, n BLOB);"
        "CREATE UNIQUE INDEX e1 ON e (b, a); CREATE INDEX e2 ON e (d); CREATE INDEX e3 ON e (h, d);"
    )
    cpu = time.process_time()
    for start in range(0, len(rows), 2_000):
        plain.execute("BEGIN")
        plain.executemany(f"INSERT INTO e VALUES (NULL{', ?' * 13})", rows[start : start + 2_000])
        plain.execute("COMMIT")
    spent = time.process_time() - cpu
    plain.close()
    return len(rows), spent


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="hexpost-bench-"))
    try:
        imported = folder / "imported"
        rows, import_cpu = import_rows(imported)
        plain, plain_cpu = plain_rows(folder, imported / "hexpost.db")
        print(f"import  {rows / import_cpu:10,.0f} rows/CPU-s   plain executemany {plain / plain_cpu:10,.0f}", end="")
        print(f"   ratio {rows / import_cpu / (plain / plain_cpu):.2f}")
        store, recorder = recorder_into(folder / "bridge")
        with broker(folder) as address:
            for client_id in ("bare", "hexpost-bridge"):
                subscribe(address, client_id)
            publish_backlog(address, MESSAGES)
            bare_cpu, bare_wall = drain_bare(address)

            def stored() -> int:
                with store.read() as connection:
                    return int(connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one())

            cpu, wall = drain_bridge(address, store, recorder, stored)
        store.close()
        print(f"bridge  {MESSAGES / cpu:10,.0f} msg/CPU-s    bare subscriber   {MESSAGES / bare_cpu:10,.0f}", end="")
        print(f"   ratio {bare_cpu / cpu:.2f}")
        print(f"        {MESSAGES / wall:10,.0f} msg/s wall   bare subscriber   {MESSAGES / bare_wall:10,.0f}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

"""What the raw archive costs: appending against writing the same bytes to a file; Parquet against raw; reprocessing.

    python -m benchmarks.archive [--messages 200000] [--batch 500]

Messages are single native events as devices send them, and one in a thousand names a number plate. CPU and wall time
are of this process; "bare" opens a file, writes each batch's payloads in one call and syncs it, as the spool does.
"""

import argparse
import os
import random
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import msgspec

from appliance.model.intake import Intake, RawMessage
from appliance.model.settings import Settings
from appliance.store.archive.seal import seal_spools
from appliance.store.archive.spool import SPOOL
from appliance.store.archive.writer import Archive
from appliance.store.sealing import Sealer
from appliance.wiring import Box, open_recorder, open_store
from appliance.wiring_archive import reprocess
from firmware_bridge.decode import Decoder

BEGUN = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
PLATE_EVERY = 1_000  # messages
AFTER = BEGUN + timedelta(days=1)


def main() -> None:
    """Measure and print a small table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=500)
    given = parser.parse_args()
    batches = make_batches(given.messages, given.batch)
    raw_bytes = sum(len(one.payload) + len(one.topic) for batch in batches for one in batch)
    print(f"{given.messages:,} messages in batches of {given.batch}, {raw_bytes / given.messages:.0f} bytes each")
    with tempfile.TemporaryDirectory(dir=".") as place:
        folder = Path(place)
        archive = Archive(folder / "archive" / SPOOL, sealer=Sealer(folder / "keys"), count_missed=print)
        bare = measure(lambda: write_bare(folder / "bare", batches), given.messages)
        ours = measure(lambda: append(archive, batches), given.messages)
        row("bare file", *bare)
        row("archive", *ours)
        row("difference", *(mine - theirs for mine, theirs in zip(ours, bare, strict=True)))
        spool_bytes = sum(file.stat().st_size for file in (folder / "archive" / SPOOL).iterdir())
        begun = time.process_time()
        report = seal_spools(folder / "archive", now=AFTER)
        cpu = time.process_time() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"spool {spool_bytes / raw_bytes:.2f} bytes a raw byte; Parquet {report.bytes / raw_bytes:.2f}")
        print(f"sealed {report.rows / cpu:,.0f} messages/CPU-s; peak {peak} MB with this benchmark's own messages")
    measure_reprocessing(batches[: 40_000 // given.batch])


def make_batches(count: int, batch: int) -> list[list[RawMessage]]:
    """Native events of 200 cameras, three milliseconds apart."""
    chance = random.Random(7)
    messages = (make_message(n, chance) for n in range(count))
    return [list(islice(messages, batch)) for _ in range(count // batch)]


def make_message(n: int, chance: random.Random) -> RawMessage:
    """The nth message."""
    at = BEGUN + timedelta(milliseconds=3 * n)
    attributes: dict[str, object] = {"zone": "gate", "score": round(chance.random(), 4)}
    if n % PLATE_EVERY == 0:
        attributes["plate"] = "x"
    told = {
        "event_id": f"cam{n % 200}-{n:09}",
        "event_type": chance.choice(["motion", "object_detection", "line_crossing"]),
        "event_timestamp": at,
        "longitude": round(47.9 + chance.random() / 5, 6),
        "latitude": round(29.3 + chance.random() / 5, 6),
        "severity": round(chance.random(), 2),
        "attributes": attributes,
    }
    return RawMessage(topic=f"hexpost/v1/city/cam{n % 200}/event", payload=msgspec.json.encode(told), received_at=at)


def write_bare(path: Path, batches: Sequence[Sequence[RawMessage]]) -> None:
    """The same bytes, written and synced as often."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for batch in batches:
        os.write(descriptor, b"".join([one.payload for one in batch]))
        os.fdatasync(descriptor)
    os.close(descriptor)


def append(archive: Archive, batches: Sequence[Sequence[RawMessage]]) -> None:
    """As the recorder does."""
    for batch in batches:
        archive.append(batch)


def measure(work: Callable[[], None], messages: int) -> tuple[float, float]:
    """Microseconds a message: CPU, wall."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return (time.process_time() - cpu) / messages * 1e6, (time.perf_counter() - wall) / messages * 1e6


def measure_reprocessing(batches: Sequence[Sequence[RawMessage]]) -> None:
    """Decode an archive anew of which every event differs, and once more when none does."""
    with tempfile.TemporaryDirectory(dir=".") as place:
        box = Box(settings=Settings(), data=Path(place))
        store = open_store(box)
        decoder, recorder = Decoder([], zone=UTC), open_recorder(box, store)
        for batch in batches:
            events = [
                event
                for one in batch
                for event in decoder.decode(one.topic, one.payload, received_at=one.received_at).events
            ]
            recorder.record(Intake(events=events, raw=batch))
        with store.write() as connection:
            connection.exec_driver_sql("UPDATE events SET severity = 0.123")
        for name in ("every event differs", "nothing differs"):
            begun = time.perf_counter()
            report = reprocess(box, store, start=BEGUN, end=AFTER, who="benchmark")
            took = time.perf_counter() - begun
            print(f"reprocess, {name}: {report.messages / took:,.0f} messages/s, {report.events.changed:,} changed")
        store.close()


def row(name: str, cpu: float, wall: float) -> None:
    """One line."""
    print(f"{name:12}{cpu:8.2f} us CPU{wall:8.2f} us wall a message")


if __name__ == "__main__":
    main()

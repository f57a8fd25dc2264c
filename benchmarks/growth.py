"""How each figure falls off as the store grows: ten thousand events, a hundred thousand, a million, ten million.

    python -m benchmarks.growth [--upto 10000000]

One store grows through `Recorder`, and beside it a plain SQLite table with live indexes on (source, id), time and
(cell, time), filled by `executemany` in transactions of as many rows. At each size, in CPU seconds of this process:
what the next events cost from JSON to the commit, one a message and a hundred a message, against the plain rows in
memory; bytes that the kernel wrote for each byte of growth, while they were stored; the radius query of
`benchmarks.queries` (500 m, up to 1,000 results); and what retention deletes.
"""

import argparse
import itertools
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.job.counting import count_events
from appliance.model.event import Event
from appliance.model.intake import Intake, RawMessage
from appliance.spatial.cells import EVENT_RESOLUTION, cell_of
from appliance.spatial.geometry import point_blob
from appliance.spatial.shape import Disc
from appliance.store.engine import FILE_NAME, Store
from appliance.store.event.near import fetch_events_in
from appliance.store.event.pages import EventFilter
from appliance.store.file.migrations import migrate
from appliance.store.intake.batch import Recorder
from appliance.store.retention.events import purge_events
from appliance.store.settled.counts import ensure_counts
from appliance.store.settled.settle import settle_index
from appliance.store.settled.tally import Tally
from firmware_bridge.canonical import Surroundings
from firmware_bridge.decode import Decoder
from firmware_bridge.gather import Gatherer

HOURS = SiteHours(ZoneInfo("UTC"))
RESOLUTIONS = (7, 8)
BATCH = 2_000
PROBE = 60_000  # events stored at each size, to see what they cost
QUERIES = 100
PURGED = 20_000
DEVICES = 200
WEST, SOUTH, SIZE_DEGREES = 47.5, 29.0, 0.3
PLAIN = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY;
CREATE TABLE e (k INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT, d INTEGER, e INTEGER, f INTEGER, g TEXT, h INTEGER,
i REAL, j REAL, l TEXT, m INTEGER, n BLOB);
CREATE UNIQUE INDEX e1 ON e (b, a); CREATE INDEX e2 ON e (d); CREATE INDEX e3 ON e (h, d);
"""


class Feed:
    """Events of two hundred devices over a city, 50 ms apart, in any of the forms that are needed."""

    def __init__(self) -> None:
        self._chance = random.Random(1)
        self._start = datetime.now(UTC) - timedelta(days=30)
        self._numbers = itertools.count()

    def members(self) -> tuple[str, dict[str, object]]:
        """(device, native event)."""
        n, chance = next(self._numbers), self._chance
        device = f"cam{chance.randrange(DEVICES)}"
        return device, {
            "event_id": f"{device}-{n:09d}",
            "event_type": ("motion", "intrusion", "crowd")[n % 3],
            "event_timestamp": (self._start + timedelta(milliseconds=n * 50)).isoformat(),
            "longitude": round(WEST + chance.random() * SIZE_DEGREES, 6),
            "latitude": round(SOUTH + chance.random() * SIZE_DEGREES, 6),
            "severity": 0.5,
            "attributes": {"zone": "gate"},
        }

    def events(self, how_many: int) -> list[Event]:
        """As the store takes them."""
        now = datetime.now(UTC)
        found = []
        for _ in range(how_many):
            device, members = self.members()
            when = datetime.fromisoformat(str(members.pop("event_timestamp")))
            whole: dict[str, Any] = {**members, "event_timestamp": when}
            found.append(Event(source=f"agency/{device}", received_at=now, **whole))
        return found

    def messages(self, how_many: int, size: int) -> Iterator[tuple[str, bytes]]:
        """Topic and payload with `size` events of one device each, `how_many` events in all."""
        for _ in range(how_many // size):
            device, first = self.members()
            items = [first, *(self.members()[1] for _ in range(size - 1))]
            yield f"hexpost/v1/agency/{device}/event", msgspec.json.encode(items if size > 1 else first)


def plain_rows(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    """The rows that a plain table holds of these events."""
    rows = []
    for one in events:
        assert one.longitude is not None and one.latitude is not None
        us, cell = to_us(one.event_timestamp), cell_of(lat=one.latitude, lng=one.longitude, resolution=EVENT_RESOLUTION)
        rows.append(
            (one.event_id, one.source, one.event_type, us, us, us, one.clock_quality, cell, one.severity, one.value,
             '{"zone":"gate"}', one.rev, point_blob(one.longitude, one.latitude))
        )  # fmt: skip
    return rows


def written() -> int:
    """Bytes that the kernel has written for this process."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


class Growing:
    """The store and the plain table, growing side by side."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        migrate(self._path, timezone="UTC")
        self._store = Store(self._path)
        with self._store.write() as connection:
            ensure_counts(connection, HOURS, RESOLUTIONS)
        self._recorder = Recorder(
            self._store, hours=HOURS, resolutions=RESOLUTIONS, quarantine_rows=100, clock=lambda: datetime.now(UTC)
        )
        self._decoder = Decoder((), zone=UTC)
        around = Surroundings(standing=lambda _source: None, judge=lambda *_: "good", plate_key=b"k" * 32)
        self._gatherer = Gatherer(around, memory=self._decoder.memory)
        self._plain = sqlite3.connect(str(folder / "plain.db"), isolation_level=None)
        self._plain.executescript(PLAIN)
        self._feed = Feed()
        self.rows = 0

    def grow(self, to: int) -> None:
        """Fill both up to so many events."""
        while self.rows < to:
            events = self._feed.events(min(BATCH, to - self.rows))
            self._recorder.record(Intake(events=events))
            self._insert_plain(plain_rows(events))
            self.rows += len(events)
        count_events(self._store, HOURS)

    def measure(self) -> str:
        """A row of the table."""
        at = self.rows
        single, wear = self._take_in(1)
        hundred, _ = self._take_in(100)
        rows = plain_rows(self._feed.events(PROBE))
        begun = time.process_time()
        self._insert_plain(rows)
        plain = (time.process_time() - begun) / PROBE * 1e6
        query = quantiles((self._query(n) for n in range(QUERIES)), n=20)
        figures = (single, hundred, plain, plain / single, wear, query[9], query[18], self._purge())
        return f"{at:>12,} " + " ".join(f"{figure:>9.2f}" for figure in figures)

    def _take_in(self, size: int) -> tuple[float, float]:
        """(CPU microseconds an event, bytes written a byte of growth) from JSON to the commit."""
        now, messages = datetime.now(UTC), list(self._feed.messages(PROBE, size))
        wrote, grew, begun = written(), self._size(), time.process_time()
        for start in range(0, len(messages), BATCH // size):
            for topic, payload in messages[start : start + BATCH // size]:
                arrival = RawMessage(topic=topic, payload=payload, received_at=now)
                self._gatherer.add(arrival, self._decoder.decode(topic, payload, received_at=now))
            self._recorder.record(self._gatherer.take([]))
        spent = time.process_time() - begun
        os.sync()
        self.rows += PROBE
        return spent / PROBE * 1e6, (written() - wrote) / (self._size() - grew)

    def _size(self) -> int:
        return self._path.stat().st_size

    def _insert_plain(self, rows: list[tuple[Any, ...]]) -> None:
        for start in range(0, len(rows), BATCH):
            self._plain.execute("BEGIN")
            self._plain.executemany(f"INSERT INTO e VALUES (NULL{', ?' * 13})", rows[start : start + BATCH])
            self._plain.execute("COMMIT")

    def _query(self, seed: int) -> float:
        """CPU milliseconds of one radius query."""
        chance = random.Random(seed)
        lng, lat = (low + SIZE_DEGREES * (0.05 + 0.9 * chance.random()) for low in (WEST, SOUTH))
        begun = time.process_time()
        with self._store.read() as connection:
            fetch_events_in(connection, Disc(lng=lng, lat=lat, radius_m=500), EventFilter(), cursor=None, limit=1_000)
        return (time.process_time() - begun) * 1e3

    def _purge(self) -> float:
        """CPU microseconds that it takes to delete an event by age."""
        count_events(self._store, HOURS)
        with self._store.write() as connection:
            settle_index(connection)
        purge, deleted = partial(purge_events, tally=Tally(HOURS, ()), before=to_us(datetime.now(UTC))), 0
        begun = time.process_time()
        while deleted < min(PURGED, self.rows):
            with self._store.write() as connection:
                deleted += purge(connection)[0].deleted
        self.rows -= deleted
        return (time.process_time() - begun) / deleted * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upto", type=int, default=10_000_000)
    given = parser.parse_args()
    print("      events  us/event  100 a msg     plain     ratio  bytes/b  query p50       p95  us purged", flush=True)
    with tempfile.TemporaryDirectory(prefix="hexpost-growth-", dir=os.environ.get("BENCH_DIR")) as folder:
        growing, size = Growing(Path(folder)), 10_000
        while size <= given.upto:
            growing.grow(size)
            print(growing.measure(), flush=True)
            size *= 10


if __name__ == "__main__":
    main()

"""Retention of a million events while another process ingests at half its full speed: what a commit takes.

    python -m benchmarks.retention [--events 1000000] [--batch 500]

The store holds that many events which are too old and a tenth of that which is not. A process of its own stores new
ones through `Recorder`: first as fast as it can, then at half that rate, alone, then while the clean-up deletes.
"""

import argparse
import multiprocessing
import multiprocessing.synchronize
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.job.cleaning import clean
from appliance.model.event import Event
from appliance.model.intake import Intake
from appliance.model.settings import Retention
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file.migrations import migrate
from appliance.store.intake.batch import Recorder
from appliance.store.settled.counts import ensure_counts

UTC_ZONE = ZoneInfo("UTC")
RESOLUTIONS = (7, 8)
ALONE_S, FULL_S = 20.0, 5.0
OLD = timedelta(days=400)
FILL_BATCH = 5_000
BOUND_MS = 250.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hexpost-retention-") as folder:
        path = Path(folder) / FILE_NAME
        now = datetime.now(UTC)
        migrate(path, timezone="UTC")
        store = Store(path)
        with store.write() as connection:
            ensure_counts(connection, SiteHours(UTC_ZONE), RESOLUTIONS)
        fill(store, now - OLD, given.events, first=0)
        fill(store, now, given.events // 10, first=given.events)
        size = path.stat().st_size
        print(f"{given.events:,} events to go, {size / 1e6:,.0f} MB", flush=True)
        rate = run_ingest(path, given.batch, first=2 * given.events, rate=None, seconds=FULL_S)[0]
        print(f"full speed  {rate:10,.0f} events/s; from here on half of that", flush=True)
        tell("alone", run_ingest(path, given.batch, first=3 * given.events, rate=rate / 2, seconds=ALONE_S))
        found, deleted, took_s = while_cleaning(store, path, given.batch, 4 * given.events, rate / 2, now)
        tell("with the clean-up", found)
        print(f"deleted     {deleted:10,} rows in {took_s:.0f} s; {path.stat().st_size / 1e6:,.0f} MB are left")
        bound = percentile(found[1], 99)
        print(f"p99 {bound:.0f} ms, bound {BOUND_MS:.0f} ms: {'held' if bound < BOUND_MS else 'NOT HELD'}")
        store.close()


def fill(store: Store, at: datetime, how_many: int, *, first: int) -> None:
    """Events that came in at an instant."""
    recorder = make_recorder(store, at)
    for start in range(first, first + how_many, FILL_BATCH):
        recorder.record(Intake(events=[event(n, at) for n in range(start, min(start + FILL_BATCH, first + how_many))]))


def rest(seconds: float) -> bool:
    """Let others write; nothing ends the clean-up."""
    time.sleep(seconds)
    return False


def while_cleaning(
    store: Store, path: Path, batch: int, first: int, rate: float, now: datetime
) -> tuple[tuple[float, list[float]], int, float]:
    """What ingest saw while the clean-up ran, what that deleted, and how long it took."""
    context = multiprocessing.get_context("spawn")
    stop, told = context.Event(), context.Queue()
    ingest = context.Process(target=_ingest, args=(path, batch, first, rate, None, stop, told))
    ingest.start()
    told.get()  # it has begun
    begun = time.monotonic()
    cleaned = clean(
        store,
        retention=Retention(),
        bins=SiteBins(UTC_ZONE),
        now=to_us(now),
        centre=False,
        rest=rest,
    )
    took_s = time.monotonic() - begun
    stop.set()
    found = told.get()
    ingest.join()
    return found, sum(cleaned.deleted.values()), took_s


def run_ingest(path: Path, batch: int, *, first: int, rate: float | None, seconds: float) -> tuple[float, list[float]]:
    """(events a second, milliseconds of each commit) of a process that stores events for some seconds."""
    context = multiprocessing.get_context("spawn")
    told, never = context.Queue(), context.Event()
    process = context.Process(target=_ingest, args=(path, batch, first, rate, seconds, never, told))
    process.start()
    told.get()
    found: tuple[float, list[float]] = told.get()
    process.join()
    return found


def _ingest(
    path: Path,
    batch: int,
    first: int,
    rate: float | None,
    seconds: float | None,
    stop: multiprocessing.synchronize.Event,
    told: Any,
) -> None:
    """Store batch after batch, at a rate or as fast as it goes, for some seconds or until it is stopped."""
    store = Store(path)
    recorder = make_recorder(store, datetime.now(UTC))
    recorder.record(Intake(events=[event(first, datetime.now(UTC))]))
    told.put("begun")
    begun = due = time.monotonic()
    took_ms: list[float] = []
    while not stop.is_set() and (seconds is None or time.monotonic() - begun < seconds):
        at = datetime.now(UTC)
        events = [event(first + 1 + len(took_ms) * batch + n, at) for n in range(batch)]
        before = time.monotonic()
        recorder.record(Intake(events=events))
        after = time.monotonic()
        took_ms.append((after - before) * 1_000)
        if rate is not None:
            due = max(due + batch / rate, after - 1.0)
            time.sleep(max(0.0, due - after))
    told.put((len(took_ms) * batch / (time.monotonic() - begun), took_ms))
    store.close()


def make_recorder(store: Store, at: datetime) -> Recorder:
    """A recorder whose clock stands still."""
    return Recorder(store, hours=SiteHours(UTC_ZONE), resolutions=RESOLUTIONS, quarantine_rows=100, clock=lambda: at)


def event(n: int, at: datetime) -> Event:
    """One of fifty cameras; places spread out, since equal ones hide what an index costs."""
    return Event(
        event_id=f"e{n:09d}",
        source=f"agency/cam{n % 50}",
        event_type=("motion", "intrusion", "crowd")[n % 3],
        event_timestamp=at,
        received_at=at,
        longitude=47.5 + (n * 7_919 % 10_000) / 10_000,
        latitude=29.0 + (n * 104_729 % 10_000) / 10_000,
        severity=0.5,
        attributes={"zone": "gate"},
    )


def percentile(values: list[float], which: int) -> float:
    """A percentile, by linear interpolation."""
    return statistics.quantiles(values, n=100, method="inclusive")[which - 1]


def tell(name: str, found: tuple[float, list[float]]) -> None:
    """Print what a run saw."""
    rate, took_ms = found
    print(
        f"{name:18} {rate:8,.0f} events/s   commit of a batch, ms: p50 {percentile(took_ms, 50):.1f}   "
        f"p99 {percentile(took_ms, 99):.1f}   max {max(took_ms):.1f}   ({len(took_ms):,} commits)",
        flush=True,
    )


if __name__ == "__main__":
    main()

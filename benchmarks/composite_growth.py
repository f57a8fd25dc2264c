"""How a composite run grows with cells and days: from nothing, an update of the day, the next day.

    python -m benchmarks.composite_growth [--cells 1000,5000,20000] [--days 30,90,365]

Counters are tallied as events of 0.2 a cell and day would be, without the events. Measured of each size, in seconds of
CPU and (wall): a run of all; one after an event more in each tenth cell on the last day; one after an event more in
each cell; the run of the interval that ends a day later, with an event in each cell on the new day; and the most memory
that the process took meanwhile.
"""

import argparse
import os
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.job.risk_run import perform_run
from appliance.spatial.cells import cell_of
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file.migrations import migrate
from appliance.store.risk.runs import insert_run
from appliance.store.settled.counts import ensure_counts
from appliance.store.settled.tally import Tally

RESOLUTION, A_DAY = 8, 0.2
HOURS = SiteHours(ZoneInfo("UTC"))
LAST = date(2026, 11, 26)
NOW = datetime(2026, 11, 27, tzinfo=UTC)
STEP_DEGREES = 0.008


class Counted:
    """A store of counters."""

    def __init__(self, folder: Path, cells: int) -> None:
        migrate(folder / FILE_NAME, timezone="UTC")
        self.store = Store(folder / FILE_NAME)
        with self.store.write() as connection:
            ensure_counts(connection, HOURS, (RESOLUTION,))
        self.cells = some_cells(cells)
        self._chance = np.random.default_rng(3)

    def fill(self, days: int) -> None:
        """Counts of so many days and the seven before."""
        for back in range(days + 7):
            counts = self._chance.poisson(A_DAY, len(self.cells))
            self.add(LAST - timedelta(days=back), {self.cells[n]: int(counts[n]) for n in np.flatnonzero(counts)})

    def add(self, day: date, counts: dict[int, int]) -> None:
        """So many events more at noon of a day."""
        hour = to_us(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
        tally = Tally(HOURS, (RESOLUTION,))
        for cell, count in counts.items():
            tally.counts[RESOLUTION, day.isoformat(), cell, hour, "motion"] += count
        with self.store.write() as connection:
            tally.write(connection)

    def run(self, days: int, last: date) -> str:
        """CPU and wall seconds of a run."""
        first = last - timedelta(days=days - 1)
        with self.store.write() as connection:
            asked = insert_run(connection, resolution=RESOLUTION, from_day=first, to_day=last, now=NOW)
        wall, cpu = time.perf_counter(), time.process_time()
        perform_run(self.store, asked, hours=HOURS, types=(), clock=lambda: NOW)
        return f"{time.process_time() - cpu:8.2f} ({time.perf_counter() - wall:6.2f})"


def some_cells(how_many: int) -> list[int]:
    """Cells of a square country."""
    found: dict[int, None] = {}
    side = 0
    while len(found) < how_many:
        side += 1
        for n in range(side):
            for lng, lat in ((n, side - 1), (side - 1, n)):
                place = {"lng": 40 + lng * STEP_DEGREES, "lat": 20 + lat * STEP_DEGREES}
                found[cell_of(**place, resolution=RESOLUTION)] = None
    return list(found)[:how_many]


def measure(folder: Path, cells: int, days: int) -> str:
    """A row of the table."""
    counted = Counted(folder, cells)
    counted.fill(days)
    forget_peak()
    figures = [counted.run(days, LAST)]
    counted.add(LAST, dict.fromkeys(counted.cells[::10], 1))
    figures.append(counted.run(days, LAST))
    counted.add(LAST, dict.fromkeys(counted.cells, 1))
    figures.append(counted.run(days, LAST))
    counted.add(LAST + timedelta(days=1), dict.fromkeys(counted.cells, 1))
    figures.append(counted.run(days, LAST + timedelta(days=1)))
    counted.store.close()
    return f"{cells:>7,} {days:>5} {'  '.join(figures)}  {peak_mb():6.0f}"


def forget_peak() -> None:
    """Have the kernel note the most memory from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """The most memory that the process had since then."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default="1000,5000,20000")
    parser.add_argument("--days", default="30,90,365")
    given = parser.parse_args()
    print(
        f"{'cells':>7} {'days':>5} {'all':>17}  {'tenth':>17}  {'each cell':>17}  {'next day':>17}  {'MB':>6}",
        flush=True,
    )
    for cells in map(int, given.cells.split(",")):
        for days in map(int, given.days.split(",")):
            with tempfile.TemporaryDirectory(prefix="hexpost-growth-", dir=os.environ.get("BENCH_DIR")) as folder:
                print(measure(Path(folder), cells, days), flush=True)


if __name__ == "__main__":
    main()

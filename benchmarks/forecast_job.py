"""What the daily forecast costs on a box: through the store, beside the core alone on the same events.

    python -m benchmarks.forecast_job [--cells 20000] [--days 90] [--a-day 0.02] [--types 6]

A store of its own is filled with counters of made-up events (uneven cells, so many events a cell and day), and each
step is a process of its own, so that its peak memory is its own: the first run of a day (learning, check, 27 slices,
risk scores), the same again, and again after one late event; then learning and forecasting alone, from arrays.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.forecast.grid import Grid
from appliance.forecast.history import History
from appliance.forecast.learn import learn
from appliance.forecast.outlook import WINDOWS, calibrated_window, site_of
from appliance.job.forecasting import perform_forecast
from appliance.model.settings import Risk
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.file.migrations import migrate
from appliance.store.settled.counts import ensure_counts
from benchmarks.backtest import made_up

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 0, 5, tzinfo=UTC)
RISK = Risk(patrol_resolution=9, resolutions=(7, 8))
HOURS = SiteHours(ZoneInfo("UTC"))


def main() -> None:
    """Fill a store, then measure each step in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--a-day", type=float, default=0.02)
    parser.add_argument("--types", type=int, default=6)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        run_step(given.step, given.store, given.cells, given.days, given.a_day)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        events = fill(path, given.cells, given.days, given.a_day, given.types)
        print(f"{given.cells:,} cells x {given.days} days, {events:,} events of {given.types} types")
        for step in ("first", "again", "late", "core"):
            print(f"  {step:<6} {measure(step, path, given)}")


def measure(step: str, path: Path, given: argparse.Namespace) -> str:
    """One step in a process of its own, in words."""
    asked = [f"--cells={given.cells}", f"--days={given.days}", f"--a-day={given.a_day}"]
    command = [sys.executable, "-m", "benchmarks.forecast_job", "--step", step, "--store", str(path), *asked]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout)
    words = f"{told['cpu_s']:.2f} s CPU, {told['wall_s']:.2f} s, peak {told['peak_mb']} MB"
    return f"{words}, {told['rows']:,} rows written, {told['written_mb']:.1f} MB" if told["rows"] is not None else words


def run_step(step: str, path: Path, cells: int, days: int, a_day: float) -> None:
    """Do it and tell what it took."""
    given = laid_out(cells, days, a_day) if step == "core" else None
    store = Store(path)
    if step == "late":
        add_late(store)
    cpu, wall, written = time.process_time(), time.monotonic(), bytes_written()
    rows = None
    if given is not None:
        forecast_alone(*given)
    else:
        run = perform_forecast(store, risk=RISK, hours=HOURS, clock=lambda: NOW)
        rows = run.rows_changed if run else 0
    told = {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.monotonic() - wall,
        "peak_mb": peak_mb(),
        "rows": rows,
        "written_mb": (bytes_written() - written) / 1e6,
    }
    print(json.dumps(told))


def forecast_alone(grid: Grid, history: History) -> None:
    """The core: learning, and the three windows at one resolution."""
    parameters = learn(grid, history)
    site = site_of(grid, history)
    for horizon, lead_days in WINDOWS:
        calibrated_window(site, parameters, horizon, TODAY, lead_days)


def laid_out(cells: int, days: int, a_day: float) -> tuple[Grid, History]:
    """The events as arrays."""
    return made_up(cells, days, a_day)


def fill(path: Path, cells: int, days: int, a_day: float, types: int) -> int:
    """Counters of the same events at resolution 9, with types; the classic resolutions play no part here."""
    migrate(path, timezone="UTC")
    store, rng = Store(path), np.random.default_rng(4)
    grid, history = laid_out(cells, days, a_day)
    with store.write() as connection:
        ensure_counts(connection, HOURS, RISK.counted)
        rows = []
        for shift in range(history.shifts):
            day = TODAY - timedelta(days=days - shift // 3)
            hour = to_us(datetime(day.year, day.month, day.day, 8 * (shift % 3) + 2, tzinfo=UTC))
            place, count = history.of(shift)
            kinds = rng.geometric(0.4, len(place)) % types
            rows += [
                (9, day.isoformat(), cell, hour, f"type {kind}", number)
                for cell, kind, number in zip(grid.cells[place].tolist(), kinds.tolist(), count.tolist(), strict=True)
            ]
        raw_connection(connection).executemany("INSERT INTO event_counts VALUES (?, ?, ?, ?, ?, ?)", rows)
    store.close()
    return int(history.count.sum())


def add_late(store: Store) -> None:
    """One event more, three days ago."""
    with store.write() as connection:
        raw = raw_connection(connection)
        raw.execute(
            "UPDATE event_counts SET event_count = event_count + 1 WHERE (resolution, day, h3_index, hour, event_type) "
            "IN (SELECT resolution, day, h3_index, hour, event_type FROM event_counts WHERE resolution = 9 "
            "AND day = ? LIMIT 1)",
            ((TODAY - timedelta(days=3)).isoformat(),),
        )


def peak_mb() -> int:
    """Of this program; what getrusage tells may be the peak of who started it."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) // 1024


def bytes_written() -> int:
    """By this process so far, also what is not on the disk yet."""
    text = Path("/proc/self/io").read_text()
    return int(text.split("wchar: ")[1].split()[0])


if __name__ == "__main__":
    main()

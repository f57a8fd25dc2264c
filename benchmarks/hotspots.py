"""Hotspots: how often they err where nothing gathers or changes, what they find, and what they cost.

    python -m benchmarks.hotspots [--sites 200] [--cells 20000] [--points 50000] [--seed 1]

False discoveries are told as the share of simulated sites (217 cells, nine weeks) in which anything at all is found,
which is to be at most 5 %; beside ours stand Gi* with the normal distribution and growth by the plain binomial test.
Found is the share of cells with a planted rise. The cost is of a whole answer from a store that has counters of 90
days for so many cells, against Gi* by 999 random permutations, which can show no probability under 0.001; and of
DBSCAN against all pairs measured, on a tenth of the points and scaled by the square. Everything in one run.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, timedelta
from functools import partial
from math import erfc, sqrt
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from appliance.aggregate.hours import SiteHours
from appliance.clock import day_bounds, to_us
from appliance.hotspot.change import Burstiness, change
from appliance.hotspot.discovery import adjusted
from appliance.hotspot.gi import gi_star
from appliance.hotspot.neighbourhood import disks, sums
from appliance.hotspot.points import dbscan
from appliance.hotspot.verdict import EMERGING, SHARE, History, judge
from appliance.serve.hotspot.report import make_report, question
from appliance.spatial.cells import cell_of, disk
from appliance.spatial.geodesic import vectors
from appliance.spatial.view import EARTH_RADIUS_M
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.file.migrations import migrate
from appliance.store.settled.counts import ensure_counts

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Counts = Callable[[np.random.Generator, tuple[int, int]], Ints]

SITE_STEPS, WEEKS, DAYS = 8, 9, 90
LAST = date(2026, 11, 21)
PERMUTATIONS, MEASURED = 999, 20
GATHERINGS = 100  # cells that are busy with their neighbours
CALM = Burstiness(of_class=np.array([1e-6]))
PROCESSES: dict[str, Counts] = {
    "Poisson, mean 0.05": lambda draw, shape: draw.poisson(0.05, shape),
    "Poisson, mean 0.5": lambda draw, shape: draw.poisson(0.5, shape),
    "Poisson, cells differ, mean 2": lambda draw, shape: draw.poisson(draw.gamma(1.0, 2.0, (shape[0], 1)), shape),
    "bursts of 3, mean 0.5": lambda draw, shape: draw.negative_binomial(0.3, 0.3 / 0.8, shape),
    "bursts, mean 20": lambda draw, shape: draw.negative_binomial(3.0, 3.0 / 23.0, shape),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sites", type=int, default=200, help="simulated for each row (default 200)")
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw = np.random.default_rng(options.seed)
    print_false(draw, options.sites)
    print_found(draw, options.sites)
    print_cells(draw, options.cells)
    print_points(draw, options.points)
    print(f"\npeak memory of all this: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def print_false(draw: np.random.Generator, sites: int) -> None:
    """How many sites on which nothing happens have a discovery."""
    cells = cells_around(SITE_STEPS)
    near = disks(cells)
    print(f"{'sites with any false discovery':34}{'Gi*':>8}{'Gi* normal':>12}{'change':>8}{'binomial':>10}")
    for name, counts_of in PROCESSES.items():
        wrong = np.zeros(4)
        for _ in range(sites):
            counts = counts_of(draw, (len(cells), WEEKS)).astype(np.int64)
            verdict = judge(history_of(cells, counts))
            z = gi_star(counts[:, -1], near).z_score
            by_normal = np.array([erfc(abs(value) / sqrt(2)) for value in z.tolist()])
            binomial = adjusted(by_binomial(counts))
            for n, q_value in enumerate((verdict.gi_q, adjusted(by_normal), verdict.growth.q_value, binomial)):
                wrong[n] += bool((q_value <= SHARE).any()) and (n != 0 or bool(verdict.gi.z_score.any()))
        shares = wrong / sites
        print(f"{name:34}{shares[0]:8.3f}{shares[1]:12.3f}{shares[2]:8.3f}{shares[3]:10.3f}")


def print_found(draw: np.random.Generator, sites: int) -> None:
    """How much of a planted rise is found, by how busy the cell was."""
    cells = cells_around(SITE_STEPS)
    print(f"\n{'usual a week, then':24}" + "".join(f"{times:>8}x" for times in (2, 4, 8)) + "   found as emerging")
    for mean in (0.5, 2.0, 8.0):
        line = ""
        for times in (2, 4, 8):
            found = 0
            for _ in range(sites):
                counts = draw.poisson(mean, (len(cells), WEEKS))
                counts[100, -1] = draw.poisson(mean * times)
                found += int(judge(history_of(cells, counts.astype(np.int64))).kind[100] == EMERGING)
            line += f"{found / sites:9.2f}"
        print(f"{mean:<24}{line}")


def print_cells(draw: np.random.Generator, count: int) -> None:
    """The whole answer of a store, and its parts."""
    steps = next(k for k in range(1, 400) if 3 * k * (k + 1) + 1 >= count)
    cells = cells_around(steps)[:count]
    hours = SiteHours(ZoneInfo("UTC"))
    with tempfile.TemporaryDirectory() as folder:
        store = filled_store(Path(folder), cells, draw, hours)
        ask = question(
            first=LAST - timedelta(days=DAYS // 9 - 1), last=LAST, resolution=8, types=(), method="cells",
            reference_days=DAYS - DAYS // 9, radius_m=300.0, min_events=5, fine=True,
            now=day_bounds(LAST + timedelta(days=1), hours.zone)[0].astimezone(UTC), zone=hours.zone,
        )  # fmt: skip
        with store.read(120.0) as connection:
            began = time.perf_counter()
            report = make_report(connection, ask, hours)
            whole = time.perf_counter() - began
        store.close()
    values = draw.poisson(draw.gamma(0.4, 5.0, len(cells))).astype(np.int64)
    near = disks(cells)
    exact = clock(lambda: gi_star(values, near))
    random = clock(lambda: permuted(draw, values, near, MEASURED)) / MEASURED * PERMUTATIONS
    print(f"\n{len(cells):,} cells x {DAYS} days: {whole:.2f} s an answer, {sum(report.found.values()):,} hotspots")
    print(f"Gi* exact {exact:.3f} s, by {PERMUTATIONS} permutations {random:.2f} s: {random / exact:.0f} times quicker")


def print_points(draw: np.random.Generator, count: int) -> None:
    """DBSCAN of points gathered like a city's, and of points at few places."""
    for name, wide in (("a city", 0.15), ("a few streets", 0.01)):
        middle = draw.normal(0, wide, (200, 2))
        place = middle[draw.integers(0, 200, count)] + draw.normal(0, wide / 50, (count, 2))
        lng, lat = place[:, 0] - 79.4, place[:, 1] + 43.7
        ours = clock(partial(dbscan, lng, lat, radius_m=150.0, min_events=8))
        few = count // 10
        pairs = clock(partial(all_pairs, lng[:few], lat[:few], 150.0)) * 100
        print(f"{count:,} points of {name}: {ours:.2f} s, all pairs {pairs:.1f} s: {pairs / ours:.0f} times quicker")


def history_of(cells: Ints, counts: Ints) -> History:
    """Whole weeks, watched throughout."""
    lengths = np.full(counts.shape[1], 7.0)
    return History(cells=cells, counts=counts, exposure=lengths[None, :], lengths=lengths)


def by_binomial(counts: Ints) -> Floats:
    """Two-sided p of the plain conditional test."""
    days = np.full(len(counts), 7.0)
    more, fewer = change(
        counts[:, -1],
        counts[:, :-1].sum(axis=1),
        period_days=days,
        reference_days=days * (counts.shape[1] - 1),
        bursts=CALM,
    )
    found: Floats = np.minimum(2 * np.minimum(more, fewer), 1.0)
    return found


def permuted(draw: np.random.Generator, values: Ints, near: Ints, times: int) -> Ints:
    """How often random permutations reach each cell's sum."""
    total = sums(values, near)
    reached = np.zeros(len(values), np.int64)
    for _ in range(times):
        reached += sums(draw.permutation(values), near) >= total
    return reached


def all_pairs(lng: Floats, lat: Floats, radius_m: float) -> int:
    """What every DBSCAN without an index begins with: how many are near each."""
    at, square = vectors(lng, lat), (2 * np.sin(radius_m / EARTH_RADIUS_M / 2)) ** 2
    return sum(int((((at - one) ** 2).sum(axis=1) <= square).sum()) for one in at)


def clock(work: Callable[[], object]) -> float:
    """Seconds, the least of three."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def cells_around(steps: int) -> Ints:
    """All cells within so many steps of one, ascending."""
    found = reached = {cell_of(lat=43.7, lng=-79.4, resolution=8)}
    for _ in range(steps):
        reached = {other for cell in reached for other in disk(cell)} - found
        found = found | reached
    return np.array(sorted(found), dtype=np.int64)


def filled_store(folder: Path, cells: Ints, draw: np.random.Generator, hours: SiteHours) -> Store:
    """A store with counters of `DAYS` days; cells differ as those of a city do, and some neighbourhoods are busy."""
    migrate(folder / FILE_NAME, timezone=hours.zone.key)
    store = Store(folder / FILE_NAME)
    rate = draw.gamma(0.4, 1.0, len(cells))
    rate[disks(cells)[draw.integers(0, len(cells), GATHERINGS)]] += 3.0
    with store.write() as connection:
        ensure_counts(connection, hours, (8,))
        for n in range(DAYS):
            day = LAST - timedelta(days=n)
            start, counts = to_us(day_bounds(day, hours.zone)[0]), draw.poisson(rate)
            rows = [
                (8, day.isoformat(), cell, start + 3_600_000_000 * (cell % 24), "motion", count)
                for cell, count in zip(cells.tolist(), counts.tolist(), strict=True)
                if count
            ]
            raw_connection(connection).executemany("INSERT INTO event_counts VALUES (?, ?, ?, ?, ?, ?)", rows)
    return store


if __name__ == "__main__":
    main()

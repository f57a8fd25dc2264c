"""The backtest on every incident set of the fieldkit, and what the forecast costs by cells.

    python -m benchmarks.backtest [NAME...] [--test-days 90] [--earlier PERIODS] [--cost]

A NAME is part of a set's; without any, all are run, and the means over those that are not odd follow. The error beside
a difference is the bootstrap's over windows (of a week's, blocks of seven). With --earlier 1, 2, ... the sets end so
many test periods before their last day, as far as enough is left of them. With --cost: learning and forecasting made-up
sites, and the plain decayed counts of the same in Python beside them.
"""

import argparse
import math
import resource
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import numpy as np

from appliance.errors import Rejected
from appliance.forecast.grid import Floats, Grid, grid_around
from appliance.forecast.history import HORIZONS, SHIFTS, History, history_of
from appliance.forecast.incidents import Incidents
from appliance.forecast.learn import learn
from appliance.forecast.metrics import AREAS, standard_error
from appliance.forecast.past import HALF_LIVES_DAYS
from appliance.forecast.predict import Site, forecast_cells
from appliance.forecast.rolling import CALIBRATED, Trial, split_of
from appliance.job.backtesting import perform_backtest
from appliance.spatial.cells import cell_of, disk
from benchmarks.incident_sets import SETS, IncidentSet, read_set

BASE = "count_all"
BLOCKS = {"next_7_days": 7}
FEWEST_DAYS, FEWEST_EVENTS = 45, 60
"""A set with fewer days, or fewer events in its test, says nothing and is passed over."""
Compared = tuple[Floats, Floats, Floats]
"""Hit rates of the base and of the forecast, and the standard error of their difference, at each area."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--test-days", type=int, default=90)
    parser.add_argument("--earlier", type=int, default=0)
    parser.add_argument("--cost", action="store_true")
    given = parser.parse_args()
    if given.cost:
        print_costs()
        return
    found: dict[str, list[tuple[Compared, IncidentSet]]] = {name: [] for name in HORIZONS}
    for chosen in SETS:
        if given.names and not any(name.casefold() in chosen.name.casefold() for name in given.names):
            continue
        started = time.process_time()
        try:
            incidents = read_set(chosen)
            cut_back(incidents, given.earlier, given.test_days)
            trials, tested = perform_backtest(incidents, test_days=given.test_days)
        except Rejected as rejected:
            print(f"\n{chosen.name}: {rejected}")
            continue
        if (given.earlier and incidents.days() < FEWEST_DAYS) or sum(trials[0].events) < FEWEST_EVENTS:
            print(f"\n{chosen.name}: too little")
            continue
        print(
            f"\n{chosen.name}: {trials[0].cells:,} cells, {tested} days, {time.process_time() - started:.1f} s CPU "
            f"{f'(not in the means: {chosen.odd})' if chosen.odd else ''}"
        )
        for trial in trials:
            print_trial(trial)
            found[trial.horizon].append((compare(trial), chosen))
    print_means(found)


def cut_back(incidents: Incidents, periods: int, test_days: int) -> None:
    """Leave out the last test period, and the one before it..."""
    for _ in range(periods):
        first, days = incidents.span()
        incidents.drop_from(first + timedelta(days=split_of(days, test_days) // SHIFTS))


def compare(trial: Trial) -> Compared:
    """The forecast and the all-history count."""
    ours, base = (np.array(trial.methods[name].hits, np.float64) for name in (CALIBRATED, BASE))
    events, rng = np.array(trial.events, np.float64), np.random.default_rng(1)
    block = BLOCKS.get(trial.horizon, 1)
    errors = [
        standard_error(ours[:, at] - base[:, at], events, block=block, rng=rng, draws=1_000) for at in range(len(AREAS))
    ]
    total = max(float(events.sum()), 1.0)
    return base.sum(axis=0) / total, ours.sum(axis=0) / total, np.array(errors)


def print_trial(trial: Trial) -> None:
    """One horizon of one set."""
    rows, calibration = list(trial.rows()), trial.calibration()
    print(f"  {trial.horizon}: {sum(trial.events):,} events in {len(trial.events)} windows")
    for method in trial.methods:
        own = [row for row in rows if row.method == method]
        rates, pais, peis = ([getattr(row, name) for row in own] for name in ("hit_rate", "pai", "pei"))
        score = "" if own[0].log_score is None else f"  log score {own[0].log_score:.6f}"
        print(f"    {method:<11} {_slashed(rates)}  PAI {_slashed(pais, 1)}  PEI* {_slashed(peis)}{score}")
    base, ours, errors = compare(trial)
    steps = [more / error if error else 0.0 for more, error in zip(ours - base, errors, strict=True)]
    print(f"    difference {_slashed(ours - base, 4)} (SE {_slashed(errors, 4)}; {_slashed(steps, 1)} of them)")
    print(
        f"    within the 90 % interval {calibration.coverage:.3f}, busiest twentieth {calibration.busy_coverage:.3f}; "
        f"{calibration.expected:,.0f} expected, {calibration.happened:,} came"
    )


def print_means(found: dict[str, list[tuple[Compared, IncidentSet]]]) -> None:
    """Over the sets that are not odd: the mean of hit rates, and the mean of what each set gained."""
    for horizon, of_horizon in found.items():
        usual = [compared for compared, chosen in of_horizon if not chosen.odd]
        if len(usual) < 2:
            continue
        base, ours, errors = (np.array([compared[at] for compared in usual]) for at in range(3))
        gain, spread = 100 * (ours / base - 1), 100 * errors / base
        error_of_mean = np.sqrt((spread**2).sum(axis=0)) / len(usual)
        relative = 100 * (ours.mean(axis=0) / base.mean(axis=0) - 1)
        print(
            f"\n{horizon}, mean of {len(usual)} sets: {BASE} {_slashed(base.mean(axis=0))}, {CALIBRATED} "
            f"{_slashed(ours.mean(axis=0))}: {_slashed(relative, 1)} %; mean of each set's gain "
            f"{_slashed(gain.mean(axis=0), 1)} % (SE {_slashed(error_of_mean, 1)})"
        )


def print_costs() -> None:
    """CPU seconds and memory by cells and days, and plain Python for the decayed counts alone."""
    for cells, days, a_day in (
        (5_000, 90, 0.02),
        (20_000, 90, 0.02),
        (20_000, 90, 0.5),
        (40_000, 90, 0.02),
        (20_000, 360, 0.02),
    ):
        grid, history = made_up(cells, days, a_day)
        started = time.process_time()
        parameters = learn(grid, history)
        learned = time.process_time()
        site = Site(grid, history.first_day.weekday())
        for shift in range(history.shifts):
            site.add(*history.of(shift))
        for horizon in HORIZONS:
            forecast_cells(site, parameters, horizon).interval()
        done = time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{grid.size:,} cells, {days} days, {int(history.count.sum()):,} events: "
            f"learning {learned - started:.2f} s, three forecasts with "
            f"intervals {done - learned:.2f} s CPU, peak so far {peak} MB"
        )
        if cells == 20_000 and days == 90:
            started = time.process_time()
            plain_decays(grid, history)
            print(f"  plain Python, the six decayed counts alone, once: {time.process_time() - started:.2f} s CPU")


def made_up(cells: int, days: int, a_day: float) -> tuple[Grid, History]:
    """Uneven cells around Toronto with so many events each a day."""
    seen = [cell_of(lat=43.7, lng=-79.4, resolution=9)]
    known = set(seen)
    for cell in seen:
        if len(seen) >= cells * 0.98:
            break
        fresh = [near for near in disk(cell) if near not in known]
        known.update(fresh)
        seen += fresh
    grid, rng = grid_around(seen), np.random.default_rng(1)
    rate = rng.gamma(0.3, 1.0, grid.size)
    events = int(grid.size * days * a_day)
    return grid, history_of(
        grid,
        first_day=date(2026, 1, 5),
        days=days,
        cells=grid.cells[rng.choice(grid.size, events, p=rate / rate.sum())],
        day=rng.integers(0, days, events),
        hour=rng.integers(0, 24, events),
    )


def plain_decays(grid: Grid, history: History) -> list[list[float]]:
    """Each cell's count at each half-life, day by day, without arrays."""
    shrink = [math.exp2(-1 / (SHIFTS * days)) for days in HALF_LIVES_DAYS]
    counts = [[0.0] * len(shrink) for _ in range(grid.size)]
    for shift in range(history.shifts):
        new = dict(zip(*(column.tolist() for column in history.of(shift)), strict=True))
        for place, decayed in enumerate(counts):
            more = new.get(place, 0)
            counts[place] = [(value + more) * by for value, by in zip(decayed, shrink, strict=True)]
    return counts


def _slashed(values: Sequence[float | None] | Floats, digits: int = 3) -> str:
    def texts() -> Iterator[str]:
        for value in values:
            yield "-" if value is None else f"{value:.{digits}f}"

    return "/".join(texts())


if __name__ == "__main__":
    main()

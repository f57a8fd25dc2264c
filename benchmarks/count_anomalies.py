"""Count anomalies on simulated cells: false flags where nothing changes, delay where a burst is planted.

    python -m benchmarks.count_anomalies [--cells 2000] [--seed 1]

Cells have a mean of 0.05 to 0.5 events a day and an uneven week, and days may vary beyond chance; the baseline is
learned from the eight weeks before each week judged. Every hour of the last four weeks is judged, and the 24 hours that
end with it; "without FDR" is what a site of few cells would see. The composite's z >= 2 is computed over the last 90
days of the same counts. "Found" means flagged within 24 hours of the burst's beginning; the composite knows a day only
when it has ended, and is given that.
"""

import argparse
import time
from collections.abc import Iterator
from statistics import median

import numpy as np
from numpy.typing import NDArray

from appliance.anomaly.counts import DAY_HOURS, RATE, SHARE, WEEK_HOURS, CountBaseline, fit_baseline, judge_counts
from appliance.score.composite import FLAG_Z, z_score

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

MEANS = (0.05, 0.1, 0.2, 0.5)
LEARNED_WEEKS = 8
PAST_WEEKS, JUDGED_WEEKS, COMPOSITE_DAYS = 9, 4, 90
WEEKS = PAST_WEEKS + JUDGED_WEEKS
JUDGED_FROM = PAST_WEEKS * WEEK_HOURS
BURSTS = ((3, 2), (4, 6), (6, 6), (6, 24), (10, 24))
"""Events planted, and the hours over which they fall."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cells", type=int, default=2_000, help="cells of each mean (default 2,000)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw = np.random.default_rng(options.seed)
    print(f"stated: at most {RATE} false flags a cell and day\n")
    print(f"{'events a day':>12}{'days vary':>11}{'ours':>12}{'without FDR':>13}{'composite z >= 2':>18}")
    for vary in (0.0, 0.5):
        for mean in MEANS:
            hourly = simulate(draw, np.full(options.cells, mean), vary)
            ours, few = (cell_days(judge_hourly(hourly, share=share)).mean() for share in (SHARE, 1.0))
            print(f"{mean:12}{vary:11}{ours:12.6f}{few:13.6f}{composite(hourly).mean():18.6f}")
    print(f"\n{'events a day':>12}{'burst':>16}{'found, ours':>13}{'median delay':>14}{'composite, next day':>21}")
    for mean in MEANS:
        for events, hours in BURSTS:
            print_burst(draw, mean, events, hours, options.cells)
    print_speed(draw)


def simulate(draw: np.random.Generator, mean: NDArray[np.float64], vary: float = 0.0) -> Ints:
    """(c, weeks * 168) events an hour; quiet nights, a busier weekend; each day's rate by a gamma factor."""
    hour = np.arange(WEEK_HOURS)
    week = (1.0 + 0.8 * np.sin(2 * np.pi * (hour % 24 - 10) / 24)) * np.where(hour >= 5 * DAY_HOURS, 1.5, 1.0)
    rate = mean[:, None] / DAY_HOURS * np.tile(week / week.mean(), WEEKS)[None, :]
    if vary:
        rate = rate * np.repeat(draw.gamma(1 / vary, vary, (len(mean), WEEKS * 7)), DAY_HOURS, axis=1)
    hourly: Ints = draw.poisson(rate)
    return hourly


def baselines(hourly: Ints, judged_weeks: int) -> Iterator[tuple[int, CountBaseline]]:
    """For each of the last weeks, its first hour and the baseline of the eight weeks before it."""
    weeks = hourly.shape[1] // WEEK_HOURS
    for week in range(weeks - judged_weeks, weeks):
        past = hourly[:, (week - LEARNED_WEEKS) * WEEK_HOURS : week * WEEK_HOURS]
        by_hour = past.reshape(len(past), LEARNED_WEEKS, WEEK_HOURS).sum(axis=1)
        yield week * WEEK_HOURS, fit_baseline(by_hour, past.reshape(len(past), -1, DAY_HOURS).sum(axis=2))


def judge_hourly(hourly: Ints, *, judged_weeks: int = JUDGED_WEEKS, share: float = SHARE) -> Flags:
    """(c, hours judged) flagged by the run at the end of each hour, of that hour or the 24 that end with it."""
    judged_from = hourly.shape[1] - judged_weeks * WEEK_HOURS
    flagged = np.zeros((len(hourly), judged_weeks * WEEK_HOURS), dtype=np.bool_)
    running = np.cumsum(np.pad(hourly, ((0, 0), (1, 0))), axis=1)
    for begin, baseline in baselines(hourly, judged_weeks):
        for end in range(begin + 1, begin + WEEK_HOURS + 1):
            hour, day = (
                judge_counts(
                    baseline,
                    running[:, end] - running[:, end - hours],
                    from_hour=(end - hours) % WEEK_HOURS,
                    hours=hours,
                    share=share,
                )
                for hours in (1, DAY_HOURS)
            )
            np.logical_or(hour.flagged, day.flagged, out=flagged[:, end - 1 - judged_from])
    return flagged


def cell_days(flagged: Flags) -> Flags:
    """(c, days) whether any run of the day flagged the cell."""
    days: Flags = np.logical_or.reduce(flagged.reshape(len(flagged), -1, DAY_HOURS), axis=2)
    return days


def composite(hourly: Ints) -> Flags:
    """(c, days judged) z >= 2 of a day's count over the 90 days of the run."""
    daily = hourly.reshape(len(hourly), -1, DAY_HOURS).sum(axis=2)[:, -COMPOSITE_DAYS:]
    flagged: Flags = (z_score(daily) >= FLAG_Z)[:, -JUDGED_WEEKS * 7 :]
    return flagged


def print_burst(draw: np.random.Generator, mean: float, events: int, hours: int, cells: int) -> None:
    """Plant a burst in one cell of forty, at any hour of the third week judged, and say who found it."""
    hourly = simulate(draw, np.full(cells, mean))
    struck = np.arange(0, cells, 40)
    begins = JUDGED_FROM + 2 * WEEK_HOURS + draw.integers(0, WEEK_HOURS - DAY_HOURS, len(struck))
    for cell, begin in zip(struck, begins, strict=True):
        np.add.at(hourly[cell], begin + draw.integers(0, hours, events), 1)
    flagged, by_day = judge_hourly(hourly), composite(hourly)
    delays, found_by_day = [], 0
    for cell, begin in zip(struck, begins - JUDGED_FROM, strict=True):
        found = np.flatnonzero(flagged[cell, begin : begin + DAY_HOURS])
        delays += [int(found[0]) + 1] if len(found) else []
        found_by_day += bool(by_day[cell, begin // DAY_HOURS : (begin + hours - 1) // DAY_HOURS + 1].any())
    shown = f"{median(delays):.0f} h" if delays else "-"
    print(f"{mean:12}{f'{events} in {hours} h':>16}{len(delays) / len(struck):13.2f}{shown:>14}"
          f"{found_by_day / len(struck):21.2f}")  # fmt: skip


def print_speed(draw: np.random.Generator) -> None:
    """CPU time of one run over 20,000 cells: the baseline learned anew, an hour and a day judged."""
    hourly = simulate(draw, draw.gamma(0.5, 1.0, 20_000))
    past = hourly[:, -LEARNED_WEEKS * WEEK_HOURS :]
    by_hour = past.reshape(20_000, LEARNED_WEEKS, WEEK_HOURS).sum(axis=1)
    by_day = past.reshape(20_000, -1, DAY_HOURS).sum(axis=2)
    started = time.process_time()
    baseline = fit_baseline(by_hour, by_day)
    fitted = time.process_time()
    judge_counts(baseline, by_hour[:, 5], from_hour=5, hours=1)
    judge_counts(baseline, by_day[:, -1], from_hour=144, hours=DAY_HOURS)
    judged = time.process_time()
    print(f"\n20,000 cells: baseline {fitted - started:.3f} s, an hour and a day judged {judged - fitted:.3f} s")


if __name__ == "__main__":
    main()

"""The composite profile: the classic risk score, exactly as its users know it.

For cell c and day d with n events: growth = (n - previous) / previous, where previous is the mean of the seven days
before d; where that is 0, growth is 1 if n > 0 and else 0. raw = 0.5 n + 0.3 growth + 0.2 rolling, with rolling the
mean of the seven days ending with d. The score is raw, min-max scaled to 0..100 over every cell and day of the run.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Counts = NDArray[np.integer[Any]]

WINDOW_DAYS = 7
COUNT_WEIGHT, GROWTH_WEIGHT, ROLLING_WEIGHT = 0.5, 0.3, 0.2
LEVEL_BOUNDS = (25.0, 50.0, 75.0)  # low <= 25 < medium <= 50 < high <= 75 < critical
BLOCK = 2_000  # cells measured at a time, so that what it takes is some megabytes
FLAG_Z = 2.0 - 1e-9  # a deviation of exactly two is flagged whatever the last bit of the division says


class Composite(msgspec.Struct, frozen=True, kw_only=True):
    """What a run says of its c cells and d days; every array is (c, d)."""

    event_count: Ints
    rolling_7d_avg: Floats
    growth_rate: Floats
    risk_score: Floats
    risk_level: Ints
    z_score: Floats
    flagged: NDArray[np.bool_]


class DayScore(msgspec.Struct, frozen=True, kw_only=True):
    """What one day's counts and those of the seven before it say, whatever the run; every array is (c,)."""

    event_count: Ints
    rolling_7d_avg: Floats
    growth_rate: Floats
    raw: Floats


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What a run's scores and deviations are measured by: the extremes of raw, and of each cell's counts the mean and
    the population standard deviation, (c,)."""

    low: float
    high: float
    mean: Floats
    spread: Floats


def score_composite(counts: Ints) -> Composite:
    """Score one run.

    counts   (c, 7 + d) int64  events a day; the first seven columns are the days before the interval
    returns  Composite         arrays (c, d); `risk_level` indexes `model.risk.LEVELS`
    """
    n = counts[:, WINDOW_DAYS:]
    rolling = rolling_mean(counts)
    growth = growth_rate(n, rolling[:, :-1])
    score = min_max(raw_score(n, growth, rolling[:, 1:]))
    z = z_score(n)
    return Composite(
        event_count=n,
        rolling_7d_avg=rolling[:, 1:],
        growth_rate=growth,
        risk_score=score,
        risk_level=risk_level(score),
        z_score=z,
        flagged=z >= FLAG_Z,
    )


def score_day(counts: Counts) -> DayScore:
    """Score one day of a run, as `score_composite` does.

    counts  (c, 8) of any integers  events of the seven days before it and the day
    """
    previous, rolling = (counts[:, n : n + WINDOW_DAYS].sum(axis=1) for n in (0, 1))
    return _score_windows(counts[:, WINDOW_DAYS].astype(np.int64), previous, rolling)


def measure_run(counts: Counts) -> Baseline:
    """What the scores of a run are measured by, in little memory.

    counts  (c, 7 + d) of any integers  as for `score_composite`
    """
    raws = [extremes(one.raw) for one in _score_days(counts)] if len(counts) else []
    parts = [baseline(counts[start : start + BLOCK, WINDOW_DAYS:]) for start in range(0, len(counts), BLOCK)]
    return Baseline(
        low=min((low for low, _ in raws), default=0.0),
        high=max((high for _, high in raws), default=0.0),
        mean=np.concatenate([np.zeros(0), *(mean for mean, _ in parts)]),
        spread=np.concatenate([np.zeros(0), *(spread for _, spread in parts)]),
    )


def _score_days(counts: Counts) -> Iterator[DayScore]:
    """The days of a run, one after the other: a window of seven is the one before it, a day further."""
    previous = counts[:, :WINDOW_DAYS].sum(axis=1)
    for day in range(counts.shape[1] - WINDOW_DAYS):
        n = counts[:, day + WINDOW_DAYS].astype(np.int64)
        rolling = previous + n - counts[:, day]
        yield _score_windows(n, previous, rolling)
        previous = rolling


def _score_windows(n: Ints, previous: Ints, rolling: Ints) -> DayScore:
    """One day by its events and the sums of the seven days before it and of those ending with it; all (c,)."""
    before, mean = previous / float(WINDOW_DAYS), rolling / float(WINDOW_DAYS)
    growth = growth_rate(n, before)
    return DayScore(event_count=n, rolling_7d_avg=mean, growth_rate=growth, raw=raw_score(n, growth, mean))


def raw_score(n: Ints, growth: Floats, rolling: Floats) -> Floats:
    """The weighted sum that is the score before it is scaled; any shape."""
    return COUNT_WEIGHT * n + GROWTH_WEIGHT * growth + ROLLING_WEIGHT * rolling


def rolling_mean(counts: Ints) -> Floats:
    """Means over every seven consecutive days.

    counts   (c, 7 + d) int64
    returns  (c, 1 + d) float64  column k is the mean of columns k..k+6
    """
    total = np.cumsum(np.pad(counts, ((0, 0), (1, 0))), axis=1)
    means: Floats = (total[:, WINDOW_DAYS:] - total[:, :-WINDOW_DAYS]) / float(WINDOW_DAYS)
    return means


def growth_rate(n: Ints, previous: Floats) -> Floats:
    """Relative change of each day against the mean of the seven days before it; both (c, d)."""
    started = (n > 0).astype(np.float64)
    growth: Floats = np.divide(n - previous, previous, out=started, where=previous > 0)
    return growth


def min_max(value: Floats) -> Floats:
    """Rescale one run to 0..100; any shape, any unit, finite; all 0 when every value is the same or there is none."""
    return rescale(value, *extremes(value))


def extremes(value: Floats) -> tuple[float, float]:
    """The least and the greatest of a run's raw values; 0 and 0 of none."""
    return (float(value.min()), float(value.max())) if value.size else (0.0, 0.0)


def rescale(value: Floats, low: float, high: float) -> Floats:
    """Raw values to 0..100 between the extremes of their run; any shape; all 0 where these are the same."""
    if low == high:
        return np.zeros_like(value, dtype=np.float64)
    scaled: Floats = (value - low) / (high - low) * 100.0
    return scaled


def risk_level(score: Floats) -> Ints:
    """Index into `LEVELS` of each unrounded score; a bound belongs to the level below it."""
    return np.searchsorted(np.array(LEVEL_BOUNDS), score, side="left")


def baseline(n: Counts) -> tuple[Floats, Floats]:
    """Mean and population standard deviation (two-pass) of each cell's days; (c, d) to twice (c,)."""
    if n.size == 0:
        return np.zeros(len(n)), np.zeros(len(n))
    n = np.ascontiguousarray(n)  # the last bit of a sum depends on how it lies in memory
    mean = n.mean(axis=1)
    spread: Floats = np.sqrt(((n - mean[:, np.newaxis]) ** 2).mean(axis=1))
    return mean, spread


def z_score(n: Ints) -> Floats:
    """Deviation of each day from its cell's mean in population standard deviations; (c, d); 0 where nothing varies."""
    mean, spread = (one[:, np.newaxis] for one in baseline(n))
    deviation = n - mean
    z: Floats = np.divide(deviation, spread, out=np.zeros_like(deviation), where=spread > 0)
    return z

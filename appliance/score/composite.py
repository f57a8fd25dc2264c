"""The composite profile: the classic risk score, exactly as its users know it.

For cell c and day d with n events: growth = (n - previous) / previous, where previous is the mean of the seven days
before d; where that is 0, growth is 1 if n > 0 and else 0. raw = 0.5 n + 0.3 growth + 0.2 rolling, with rolling the
mean of the seven days ending with d. The score is raw, min-max scaled to 0..100 over every cell and day of the run.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WINDOW_DAYS = 7
COUNT_WEIGHT, GROWTH_WEIGHT, ROLLING_WEIGHT = 0.5, 0.3, 0.2
LEVEL_BOUNDS = (25.0, 50.0, 75.0)  # low <= 25 < medium <= 50 < high <= 75 < critical
FLAG_Z = 2.0 - 1e-9  # a deviation of exactly two is flagged whatever the last bit of the division says


class Composite(msgspec.Struct, frozen=True, kw_only=True):
    """What a run says of its c cells and d days; every array is (c, d), but those of the cells' baselines (c,).

    `low` and `high` are the raw values that became 0 and 100.
    """

    event_count: Ints
    rolling_7d_avg: Floats
    growth_rate: Floats
    raw: Floats
    risk_score: Floats
    risk_level: Ints
    z_score: Floats
    flagged: NDArray[np.bool_]
    mean: Floats
    spread: Floats
    low: float
    high: float


def score_composite(counts: Ints) -> Composite:
    """Score one run.

    counts   (c, 7 + d) int64  events a day; the first seven columns are the days before the interval
    returns  Composite         arrays (c, d); `risk_level` indexes `model.risk.LEVELS`
    """
    n = counts[:, WINDOW_DAYS:]
    rolling = rolling_mean(counts)
    growth = growth_rate(n, rolling[:, :-1])
    raw = COUNT_WEIGHT * n + GROWTH_WEIGHT * growth + ROLLING_WEIGHT * rolling[:, 1:]
    low, high = extremes(raw)
    score = rescale(raw, low, high)
    mean, spread = baseline(n)
    z = _deviation(n, mean, spread)
    return Composite(
        event_count=n,
        rolling_7d_avg=rolling[:, 1:],
        growth_rate=growth,
        raw=raw,
        risk_score=score,
        risk_level=risk_level(score),
        z_score=z,
        flagged=z >= FLAG_Z,
        mean=mean,
        spread=spread,
        low=low,
        high=high,
    )


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


def baseline(n: Ints) -> tuple[Floats, Floats]:
    """Mean and population standard deviation (two-pass) of each cell's days; (c, d) to twice (c,)."""
    if n.size == 0:
        return np.zeros(len(n)), np.zeros(len(n))
    mean = n.mean(axis=1)
    spread: Floats = np.sqrt(((n - mean[:, np.newaxis]) ** 2).mean(axis=1))
    return mean, spread


def z_score(n: Ints) -> Floats:
    """Deviation of each day from its cell's mean in population standard deviations; (c, d); 0 where nothing varies."""
    return _deviation(n, *baseline(n))


def _deviation(n: Ints, mean: Floats, spread: Floats) -> Floats:
    deviation, spread = n - mean[:, np.newaxis], spread[:, np.newaxis]
    z: Floats = np.divide(deviation, spread, out=np.zeros_like(deviation), where=spread > 0)
    return z

"""Whether a cell's events in a period are more, or fewer, than its own past lets expect.

Two rates are compared by what is certain, the number of events of both together: of n events, so many fall into the
period as into its share of the watched days, if the rate has not changed (the conditional test). For plain Poisson
counts that is a binomial. Events come in bursts, so a count varies by a factor `spread` beyond Poisson (negative
binomial with variance proportional to the mean), and the number that falls into the period is beta-binomial: alpha
and beta are the days of each, times rate / (spread - 1). The spread is measured on the blocks of the reference, among
cells of like activity, and believed one standard error greater than it was found.
Called by `hotspot.verdict`.
Source: Przyborowski and Wilenski, Biometrika 31 (1940); for the conditional law of such counts J. G. Skellam, J. R.
Stat. Soc. B 10 (1948).
"""

from collections.abc import Callable
from math import lgamma

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SPREAD_LEAST = 1.0 + 1e-4
"""Below, the beta-binomial is the binomial to more digits than count, and loses its own to rounding."""
SPREAD_ALONE = 1.5
"""Taken for the spread where the reference has no two blocks to measure it on."""
KNOWN_BLOCKS = 200.0
"""Blocks at which a class of activity is believed as much as all classes together."""
PRECISE = 1e-10
"""A sum ends with the first term that is smaller than this share of it."""

_lgamma: Callable[..., Floats] = np.vectorize(lgamma, otypes=[np.float64])


def spread(counts: Ints, exposure: Floats) -> Floats:
    """How many times the variance of each cell's blocks is that of Poisson counts.

    counts    (c, b) int64    events in each block of the reference
    exposure  (c, b) float64  days of it that the cell was watched
    returns   (c,) float64    1 or more
    """
    days, events = exposure.sum(axis=1), counts.sum(axis=1)
    blocks = (exposure > 0).sum(axis=1) - 1
    usable = (events > 0) & (blocks > 0)
    if not usable.any():
        return np.full(len(counts), SPREAD_ALONE)
    share = exposure / np.where(days > 0, days, 1.0)[:, None]
    mean = events[:, None] * share
    beyond = np.where(usable, ((counts - mean) ** 2).sum(axis=1), 0.0)
    poisson = np.where(usable, (mean * (1.0 - share)).sum(axis=1), 0.0)
    activity = np.log2(events + 1.0).astype(np.int64)
    held = np.bincount(activity, weights=np.where(usable, blocks, 0))
    of_class = _ratio(np.bincount(activity, weights=beyond), np.bincount(activity, weights=poisson))
    overall = float(beyond.sum() / poisson.sum())
    mixed = (of_class * held + overall * KNOWN_BLOCKS) / (held + KNOWN_BLOCKS)
    sure = np.minimum(held + KNOWN_BLOCKS, held.sum())
    typical = poisson.sum() / held.sum()  # of rare events the variance itself varies more
    found: Floats = (np.maximum(mixed, 1.0) * (1.0 + np.sqrt((2.0 + 1.0 / typical) / sure)))[activity]
    return found


def expected_events(reference: Ints, reference_days: Floats, period_days: Floats) -> Floats:
    """(c,) float64  events in the period at the rate of the reference; 0 where that was not watched."""
    found: Floats = reference * _ratio(period_days, reference_days)
    return found


def change(
    period: Ints, reference: Ints, *, period_days: Floats, reference_days: Floats, spread: Floats
) -> tuple[Floats, Floats]:
    """How likely so much growth, and so much decline, is without any change.

    period, reference            (c,) int64    events
    period_days, reference_days  (c,) float64  watched
    spread                       (c,) float64  as `spread` gives it
    returns  two (c,) float64: P(so many or more in the period), P(so many or fewer); 1 on the side that is no surprise,
             where one of both was not watched, and where nothing happened
    """
    events = period + reference
    more, fewer = np.ones(len(events)), np.ones(len(events))
    use = np.flatnonzero((events > 0) & (period_days > 0) & (reference_days > 0))
    if len(use):
        days = period_days[use] + reference_days[use]
        density = events[use] / days / (np.maximum(spread[use], SPREAD_LEAST) - 1.0)
        a, b = density * period_days[use], density * reference_days[use]
        more[use] = upper_tail(period[use], events[use], a, b)
        fewer[use] = upper_tail(reference[use], events[use], b, a)
    return more, fewer


def upper_tail(count: Ints, of: Ints, a: Floats, b: Floats) -> Floats:
    """P(X >= count) of a beta-binomial.

    count, of  (c,) int64    0 <= count <= of
    a, b       (c,) float64  above 0
    returns    (c,) float64  to about nine digits, also far out; where the count is no more than the mean: 1, not worked
                             out
    """
    tail = np.ones(len(count))
    far = np.flatnonzero(count * (a + b) > of * a)
    k, n, a, b = count[far].astype(np.float64), of[far].astype(np.float64), a[far], b[far]
    total, term, going = np.ones(len(far)), np.ones(len(far)), np.flatnonzero(k < n)
    log_first = _log_probability(k, n, a, b)
    while len(going):
        j, left = k[going], n[going] - k[going]
        term[going] *= left / (j + 1.0) * (j + a[going]) / (left - 1.0 + b[going])
        total[going] += term[going]
        k[going] += 1.0
        going = going[(left > 1.0) & (term[going] > PRECISE * total[going])]
    tail[far] = np.minimum(np.exp(log_first) * total, 1.0)
    return tail


def _log_probability(k: Floats, n: Floats, a: Floats, b: Floats) -> Floats:
    found: Floats = (
        _lgamma(n + 1) - _lgamma(k + 1) - _lgamma(n - k + 1)
        + _lgamma(k + a) - _lgamma(a) + _lgamma(n - k + b) - _lgamma(b) - _lgamma(n + a + b) + _lgamma(a + b)
    )  # fmt: skip
    return found


def _ratio(top: Floats, bottom: Floats) -> Floats:
    found: Floats = np.divide(top, bottom, out=np.zeros(np.broadcast(top, bottom).shape), where=bottom > 0)
    return found

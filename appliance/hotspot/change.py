"""Whether a cell's events in a period are more, or fewer, than its own past lets expect.

Two rates are compared by what is certain, the number of events of both together: of n events, so many fall into the
period as into its share of the watched days, if the rate has not changed (the conditional test). For plain Poisson
counts that is a binomial. Events come in bursts, so it is taken for beta-binomial, as it is for counts whose rate
differs from block to block (gamma): alpha and beta are the days of period and reference, times a concentration.

How bursty events are is measured on the blocks of the reference. Given its n events, a cell's sum of squares around
its mean exceeds that of a multinomial by a factor that grows with n (Dirichlet-multinomial), so what is measured is
the excess for each pair of events, not a ratio of variance to mean, which in quiet cells comes out near 1 however
bursty they are. It is told as `burst`, by which the variance of a block exceeds its mean: 0 for Poisson counts. Cells
of like activity are measured together, a class of few cells is drawn towards all, and each is believed one standard
error greater than it was found.
Called by `hotspot.verdict`.
Source: Przyborowski and Wilenski, Biometrika 31 (1940); J. E. Mosimann, "On the compound multinomial distribution",
Biometrika 49 (1962).
"""

from collections.abc import Callable
from math import lgamma

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BURST_LEAST, BURST_MOST = 1e-4, 1e4
"""Below, the beta-binomial is the binomial to more digits than count, and loses its own to rounding."""
BURST_ALONE = 1.0
"""Taken where the reference has no two blocks to measure it on."""
KNOWN_BLOCKS = 200.0
"""Blocks at which a class of activity is believed as much as all classes together."""
HALVINGS = 40
PRECISE = 1e-10
"""A sum ends with the first term that is smaller than this share of it."""

_lgamma: Callable[..., Floats] = np.vectorize(lgamma, otypes=[np.float64])


class Burstiness(msgspec.Struct, frozen=True, kw_only=True):
    """`burst` of each class of activity, by the whole binary logarithm of one more than a cell's events."""

    of_class: Floats

    def of(self, events: Floats) -> Floats:
        """(c,) float64 for cells that are to have so many events in the reference."""
        activity = np.log2(events + 1.0).astype(np.int64)
        found: Floats = self.of_class[np.minimum(activity, len(self.of_class) - 1)]
        return found


def measure_bursts(counts: Ints, exposure: Floats) -> Burstiness:
    """How bursty events are.

    counts    (c, b) int64    events in each block of the reference
    exposure  (c, b) float64  days of it that the cell was watched
    """
    events, days = counts.sum(axis=1), exposure.sum(axis=1)
    share = exposure / np.where(days > 0, days, 1.0)[:, None]
    room = 1.0 - (share**2).sum(axis=1)
    usable = (events > 1) & (days > 0) & (room > 1e-9)
    if not usable.any():
        return Burstiness(of_class=np.full(1, BURST_ALONE))
    n: Floats = events[usable].astype(np.float64)
    room, share = room[usable], share[usable]
    excess = ((counts[usable] - n[:, None] * share) ** 2).sum(axis=1) - n * room
    activity = np.log2(n + 1.0).astype(np.int64)
    pairs, found = _summed(activity, n * room * (n - 1.0)), _summed(activity, excess)
    mean = _ratio(_summed(activity, n), _summed(activity, np.ones(len(n))))
    blocks = _summed(activity, ((exposure[usable] > 0).sum(axis=1) - 1) * (n - 1.0) / n)
    overall = _solve(found, pairs, mean)
    own = np.array([_solve(found[k : k + 1], pairs[k : k + 1], mean[k : k + 1]) for k in range(len(pairs))])
    mixed = (own * blocks + overall * KNOWN_BLOCKS) / (blocks + KNOWN_BLOCKS)
    sure = np.minimum(blocks + KNOWN_BLOCKS, blocks.sum())
    rare = float(exposure[usable].shape[1] / n.mean())  # of rare events the excess itself varies more
    error = (1.0 + mixed) * np.sqrt((2.0 + rare) / np.maximum(sure, 1.0))
    return Burstiness(of_class=np.clip(mixed + error, BURST_LEAST, BURST_MOST))


def _summed(group: Ints, values: Floats) -> Floats:
    found: Floats = np.bincount(group, weights=values).astype(np.float64)
    return found


def _solve(excess: Floats, pairs: Floats, mean: Floats) -> float:
    """The burst under which so much excess is expected; classes of (k,) sums over pairs of events and mean events."""
    low, high, wanted = 0.0, BURST_MOST, float(excess.sum())
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        if float((pairs * _ratio(np.full(len(mean), middle), middle + mean)).sum()) < wanted:
            low = middle
        else:
            high = middle
    return low


def expected_events(reference: Ints, reference_days: Floats, period_days: Floats) -> Floats:
    """(c,) float64  events in the period at the rate of the reference; 0 where that was not watched."""
    found: Floats = reference * _ratio(period_days, reference_days)
    return found


def change(
    period: Ints, reference: Ints, *, period_days: Floats, reference_days: Floats, bursts: Burstiness
) -> tuple[Floats, Floats]:
    """How likely so much growth, and so much decline, is without any change.

    period, reference            (c,) int64    events
    period_days, reference_days  (c,) float64  watched
    bursts                       as measured on the reference
    returns  two (c,) float64: P(so many or more in the period), P(so many or fewer); 1 on the side that is no surprise,
             where one of both was not watched, and where nothing happened
    """
    events = period + reference
    more, fewer = np.ones(len(events)), np.ones(len(events))
    use = np.flatnonzero((events > 0) & (period_days > 0) & (reference_days > 0))
    if len(use):
        share = reference_days[use] / (period_days[use] + reference_days[use])
        concentration = events[use] / bursts.of(events[use] * share)
        a, b = concentration * (1.0 - share), concentration * share
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

"""The law of a forecast count: negative binomial, that is Poisson whose rate is itself uncertain (gamma).

By mean m and size r: variance m + m * m / r, and Poisson where r is infinite. Everything is summed up from P(0) by the
ratio of neighbouring probabilities, so cells cost as many steps as they have events; the logarithm of a probability
takes the rest of a long sum at once, by Stirling's series.
"""

import numpy as np

from appliance.forecast.grid import Floats, Ints

_LARGEST_SIZE = 1e9  # more differs from Poisson by less than rounding
_STEPS = 24  # summed one by one; from there on Stirling's series is exact to rounding
_MOST = 1_000_000  # events of one cell and window; a sum does not go further


def size_of(mean: Floats, *, clumping: float, unevenness: float) -> Floats:
    """The size with which the variance is mean * (1 + clumping + unevenness * mean)."""
    excess = clumping + unevenness * mean
    return np.minimum(mean / np.maximum(excess, mean / _LARGEST_SIZE + 1e-300), _LARGEST_SIZE)


def log_probability(count: Ints, mean: Floats, size: Floats) -> Floats:
    """The logarithm of the probability of each count; where the mean is 0, 0 for none and minus infinity for any."""
    found = np.where((mean > 0) | (count == 0), _log_of_none(mean, size), -np.inf)
    at = np.flatnonzero((count >= 1) & (mean > 0))
    for k in range(1, min(int(count.max(initial=0)), _STEPS) + 1):
        at = at[count[at] >= k]
        found[at] += np.log((size[at] + (k - 1)) / (k * (1 + size[at] / mean[at])))
    at = at[count[at] > _STEPS]
    rest = (count[at] - _STEPS).astype(np.float64)
    found[at] += _log_gamma_between(size[at] + _STEPS, rest) - rest * np.log1p(size[at] / mean[at])
    found[at] -= _log_gamma_between(np.full(len(at), _STEPS + 1.0), rest)
    return found


def cumulative(count: Ints, mean: Floats, size: Floats) -> tuple[Floats, Floats]:
    """(probability of fewer, probability of at most so many) for each count."""
    term = np.exp(_log_of_none(mean, size))
    below, upto = np.zeros_like(mean), term.copy()
    ratio = mean / (mean + size + 1e-300)
    at = np.flatnonzero(count >= 1)
    for k in range(1, min(int(count.max(initial=0)), _MOST) + 1):
        at = at[count[at] >= k]
        term[at] *= (size[at] + (k - 1)) / k * ratio[at]
        below[at] = upto[at]
        upto[at] = np.minimum(upto[at] + term[at], 1.0)
    return below, upto


def quantile(probability: float, mean: Floats, size: Floats) -> Ints:
    """The least count whose cumulative probability is at least this one; `probability` in 0..1, 1 excluded."""
    term = np.exp(_log_of_none(mean, size))
    total, found = term.copy(), np.zeros(len(mean), np.int64)
    ratio = mean / (mean + size + 1e-300)
    at = np.flatnonzero(total < probability)
    k = 0
    while len(at) and k < _MOST:
        k += 1
        term[at] *= (size[at] + (k - 1)) / k * ratio[at]
        total[at] += term[at]
        found[at] = k
        # Where terms no longer add to the sum, rounding keeps it below the probability; the tail has been reached.
        at = at[(total[at] < probability) & ((k < mean[at]) | (term[at] > 1e-18))]
    return found


def randomised_pit(count: Ints, mean: Floats, size: Floats, uniform: Floats) -> Floats:
    """The probability integral transform of each count, uniform on 0..1 where the law is right.

    uniform  (n,) random numbers in 0..1, one a count
    Source: Brockwell, "Universal residuals: a multivariate transformation" (2007); Czado, Gneiting and Held,
    "Predictive model assessment for count data" (2009).
    """
    below, upto = cumulative(count, mean, size)
    found: Floats = below + uniform * (upto - below)
    return found


def _log_gamma_between(start: Floats, step: Floats) -> Floats:
    """The logarithm of gamma at start + step, less that at start; both far above 1.

    Written so that large, nearly equal numbers are not subtracted. Source: Abramowitz and Stegun, 6.1.41.
    """
    end = start + step
    found: Floats = (start - 0.5) * np.log1p(step / start) + step * (np.log(end) - 1)
    for factor, power in ((12.0, 1), (-360.0, 3), (1260.0, 5), (-1680.0, 7)):
        found += (end**-power - start**-power) / factor
    return found


def _log_of_none(mean: Floats, size: Floats) -> Floats:
    return np.where(mean > 0, -size * np.log1p(mean / np.maximum(size, 1e-300)), 0.0)

"""Getis-Ord Gi*: whether a cell and its neighbours together hold more than so many cells would by chance.

The weights are one for a cell and each neighbour that is in the set, so a cell at the edge of the set has fewer. The
z score is the usual one. The probability is not taken from the normal distribution, which for a mean of a fraction of
an event calls one disk in hundreds a hotspot by chance: it is that of the sum of k values drawn from all cells' values
without replacement, worked out exactly. That is the permutation test of Gi* with every permutation counted, so it is
as fine as the correction for thousands of cells needs it to be, and no random numbers are involved.
Called by `hotspot.verdict`, once a sub-period.
Source: J. K. Ord and A. Getis, "Local Spatial Autocorrelation Statistics", Geographical Analysis 27 (1995), eq. 14;
L. Anselin, "Local Indicators of Spatial Association", the same journal, on permutation.
"""

from math import comb

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.hotspot.neighbourhood import DISK, Ints, sizes, sums

Floats = NDArray[np.float64]

STEPS = 2_048
"""Sums up to here are told apart one by one. Greater ones go in equal steps, values rounded so that no probability
comes out smaller than it is."""


class LocalSums(msgspec.Struct, frozen=True, kw_only=True):
    """Gi* of c cells.

    cells      (c,) int64    in the disk, itself included
    total      (c,) int64    the sum over the disk
    expected   (c,) float64  what as many cells hold on the mean
    z_score    (c,) float64  0 where all values are equal, or the disk is all there is
    p_value    (c,) float64  two-sided, exact; of sums above `STEPS` an upper bound
    """

    cells: Ints
    total: Ints
    expected: Floats
    z_score: Floats
    p_value: Floats


def gi_star(values: Ints, near: Ints) -> LocalSums:
    """Gi* with the exact probability of its sum.

    values   (c,) int64    0 or more, events of each cell
    near     (c, 7) int64  as `neighbourhood.disks` gives them
    returns  LocalSums
    """
    n, k, total = len(values), sizes(near), sums(values, near)
    mean = float(values.mean()) if n else 0.0
    expected = k.astype(np.float64) * mean
    variance = float((values.astype(np.float64) ** 2).mean()) - mean * mean if n else 0.0
    scale = np.sqrt(max(variance, 0.0) * (n * k - k * k) / max(n - 1, 1))
    z_score = np.divide(total - expected, scale, out=np.zeros(n), where=scale > 0)
    return LocalSums(cells=k, total=total, expected=expected, z_score=z_score, p_value=_two_sided(values, total, k))


def _two_sided(values: Ints, total: Ints, k: Ints) -> Floats:
    """Twice the smaller tail, at most 1."""
    if not len(values):
        return np.ones(0)
    most = int(np.sort(values)[-DISK:].sum())
    step = -(-most // STEPS) if most else 1
    upper = _at_least(-(-values // step), total // step, k)  # more in each cell, less in the sum
    lower = _at_most(values // step, -(-total // step), k)
    p_value: Floats = np.minimum(2.0 * np.minimum(upper, lower), 1.0)
    return p_value


def _at_least(values: Ints, total: Ints, k: Ints) -> Floats:
    """P(sum of k drawn >= total) for each (total, k); (c,) float64."""
    return _tails(values, total, k, upward=True)


def _at_most(values: Ints, total: Ints, k: Ints) -> Floats:
    return _tails(values, total, k, upward=False)


def _tails(values: Ints, total: Ints, k: Ints, *, upward: bool) -> Floats:
    ways = _ways(values)
    ways = ways[:, ::-1].cumsum(axis=1)[:, ::-1] if upward else ways.cumsum(axis=1)
    all_ways = np.array([comb(len(values), drawn) for drawn in range(len(ways))], dtype=np.float64)
    at = np.minimum(total, ways.shape[1] - 1)
    p_value: Floats = np.minimum(ways[k, at] / all_ways[k], 1.0)
    return p_value


def _ways(values: Ints) -> Floats:
    """In how many ways some of the cells can be drawn with each sum.

    returns  (8, s) float64  [j, s]: the number of sets of j cells whose values add up to s; the coefficients of the
             product of (1 + x y^v) over all cells, taken up to x^7. All terms are positive, so small ones are exact.
    """
    distinct, counts = np.unique(values, return_counts=True)
    most = int(np.sort(values)[-DISK:].sum())
    ways = np.zeros((DISK + 1, most + 1))
    ways[0, 0] = 1.0
    for value, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        before = ways.copy()
        for drawn in range(1, min(DISK, count) + 1):
            reach = value * drawn
            if reach > most:
                break
            ways[drawn:, reach:] += comb(count, drawn) * before[: DISK + 1 - drawn, : most + 1 - reach]
    return ways

"""The upper tail of the negative binomial, for arrays, from numpy alone.

Parametrised by mean and size: the variance is mean + mean^2 / size, and as the size grows it becomes Poisson. Called by
`anomaly.counts`.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHIFT = 8
MAX_TERMS = 20_000
PRECISE = 1e-10
"""A sum ends with the first term that is smaller than this share of it."""


def log_gamma(x: Floats) -> Floats:
    """ln of the gamma function of positive numbers, to about 1e-12: Stirling's series, eight steps further up."""
    shifted = x + SHIFT
    below = np.log(np.prod([x + step for step in range(SHIFT)], axis=0))
    inverse = 1.0 / (shifted * shifted)
    series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / shifted
    found: Floats = (shifted - 0.5) * np.log(shifted) - shifted + 0.5 * np.log(2 * np.pi) + series - below
    return found


def log_probability(count: Ints, mean: Floats, size: Floats) -> Floats:
    """ln P(N = count); all (n,); mean and size above 0."""
    n = count.astype(np.float64)
    found: Floats = (
        log_gamma(n + size) - log_gamma(size) - log_gamma(n + 1.0)
        - size * np.log1p(mean / size) + n * (np.log(mean) - np.log(size + mean))
    )  # fmt: skip
    return found


def mid_p(count: Ints, mean: Floats, size: Floats) -> Floats:
    """P(N > count) + P(N = count) / 2: as if ties were broken by the toss of a coin.

    count    (n,) int64
    mean     (n,) float64  above 0
    size     (n,) float64  above 0
    returns  (n,) float64  0..1, exact in the far tail; where the count is no more than the mean: 1, not worked out
    """
    p = np.ones(len(count))
    far = np.flatnonzero(count > mean)
    if not len(far):
        return p
    n, size, mean = count[far].astype(np.float64), size[far], mean[far]
    odds = mean / (size + mean)
    term, total = np.ones(len(far)), np.full(len(far), 0.5)
    for step in range(MAX_TERMS):
        term = term * odds * (n + step + size) / (n + step + 1.0)
        total += term
        if (term <= PRECISE * total).all():
            break
    p[far] = np.minimum(np.exp(log_probability(count[far], mean, size)) * total, 1.0)
    return p

"""How many of many small probabilities to believe: Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995).

The control holds for independent tests, and for those that rise together (Benjamini and Yekutieli, Ann. Stat. 29,
2001), as sums over disks that overlap do. Called by `hotspot.verdict`.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def adjusted(p_value: Floats) -> Floats:
    """The least share of false discoveries at which each test would be believed.

    p_value  (n,) float64  0..1, of everything that was looked at, remarkable or not
    returns  (n,) float64  0..1; believing those at most `share` keeps the expected share of false ones at most `share`
    """
    n = len(p_value)
    order = np.argsort(p_value, kind="stable")
    scaled = p_value[order] * n / np.arange(1, n + 1)
    q_value = np.empty(n)
    q_value[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q_value

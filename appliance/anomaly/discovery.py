"""How many of many small probabilities to believe: Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995).

Called by `anomaly.counts`, once a run over all its cells.
"""

import numpy as np
from numpy.typing import NDArray


def discover(p_value: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """Which to flag so that of all flags at most a share is expected to be false.

    p_value  (n,) float64  0..1, of everything that was looked at, remarkable or not
    share    0..1
    returns  (n,) bool     the k smallest, k the greatest for which the k-th smallest is at most share * k / n
    """
    n = len(p_value)
    ordered = np.sort(p_value)
    enough = np.flatnonzero(ordered <= share * np.arange(1, n + 1) / max(n, 1))
    if not len(enough):
        return np.zeros(n, dtype=np.bool_)
    flagged: NDArray[np.bool_] = p_value <= ordered[enough[-1]]
    return flagged

"""How surprising a count is, as a share 0..1: the one map from a tail probability that all parts use.

One night in a hundred is what happens by itself some three times a year to each camera, so it says nothing; one in a
million says all there is to say. Between them the share grows with the order of magnitude.
"""

from math import log10

NOTHING_AT, ALL_AT = 1e-2, 1e-6


def share_of(p_value: float) -> float:
    """0 at a probability of one in a hundred or more, 1 at one in a million or less, linear in its logarithm."""
    if p_value >= NOTHING_AT:
        return 0.0
    if p_value <= ALL_AT:
        return 1.0
    return log10(NOTHING_AT / p_value) / log10(NOTHING_AT / ALL_AT)

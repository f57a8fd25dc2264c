"""How much a read of a watched plate still says, as time passes."""

HALF_LIFE_S = 1_800.0
OVER_S = 6 * 3_600.0
"""After twelve half-lives it says nothing."""


def share_of_hit(age_s: float) -> float:
    """1 at the read, half of it after half an hour, 0 from six hours on; a read from the future counts as now."""
    if age_s >= OVER_S:
        return 0.0
    return float(0.5 ** (max(0.0, age_s) / HALF_LIFE_S))

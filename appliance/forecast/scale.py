"""From expected events to 0..100, the same everywhere and always: decades of events per square kilometre and day.

0 is one event per km2 in a thousand days or fewer, 100 is a hundred a day or more, and twenty points are a factor of
ten. So a score compares between days, sites and resolutions, and 25, 50 and 75 keep their meaning: about one event per
km2 in two months, in three days, and five to six a day.
"""

import numpy as np

from appliance.forecast.grid import Floats

REFERENCE = "density-1"
"""Named in every result; another scale gets another name."""

_LOWEST, _HIGHEST = 1e-3, 1e2
_POINTS_A_DECADE = 20.0


def risk_score(events_a_day: Floats, area_km2: Floats) -> Floats:
    """The score of each cell; both arguments (n,), area above 0."""
    density = np.clip(events_a_day / area_km2, _LOWEST, _HIGHEST)
    found: Floats = _POINTS_A_DECADE * np.log10(density / _LOWEST)
    return found

"""What the forecast has to beat: plain counts and a kernel density. Called by `rolling`."""

from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from appliance.forecast.grid import Floats, Grid, Ints
from appliance.forecast.history import SHIFTS, WEEK_SHIFTS, History

KDE_DAYS = 60
KDE_STEPS = 2
"""Times that counts are spread over the cell and its six neighbours alike: the kernel of two is close to a Gaussian
whose standard deviation is 0.93 of the distance between cells."""


class Instant(msgspec.Struct, frozen=True, kw_only=True):
    """When a score is asked for: at the beginning of a shift, knowing what came before."""

    grid: Grid
    history: History
    shift: int


Rival = Callable[[Instant], Floats | Ints]
"""The score of each cell; only their order counts."""


def count_back(shifts: int) -> Rival:
    """The events of so many shifts before the instant."""
    return lambda now: now.history.sum_of(now.grid, now.shift - shifts, now.shift)


def count_all(now: Instant) -> Ints:
    """All events before the instant."""
    return now.history.sum_of(now.grid, 0, now.shift)


def density(now: Instant) -> Ints:
    """A kernel density of the events of 60 days, times a constant; in whole numbers, so that equal cells stay equal."""
    found = now.history.sum_of(now.grid, now.shift - KDE_DAYS * SHIFTS, now.shift)
    for _ in range(KDE_STEPS):
        found = np.append(found, 0)[now.grid.disk[:-1]].sum(axis=1)
    return found


RIVALS: Mapping[str, Rival] = {
    "last_week": count_back(WEEK_SHIFTS),
    "count_28d": count_back(4 * WEEK_SHIFTS),
    "count_all": count_all,
    "kde": density,
}
RATE_SHIFTS = {"count_28d": 4 * WEEK_SHIFTS, "count_all": None}
"""Methods whose count, divided by the shifts that it covers (None: all), is a Poisson rate."""


def plain_rate(count: Ints, shifts: int) -> Floats:
    """Events a shift by a count alone: half an event more in each cell, so that none is impossible, and the total
    kept; (n,)."""
    more = count.astype(np.float64) + 0.5
    found: Floats = more * (max(float(count.sum()), 0.5) / float(more.sum()) / max(shifts, 1))
    return found

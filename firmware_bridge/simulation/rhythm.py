"""When things happen: how lively each hour of the day is, and arrivals that follow it.

An inhomogeneous Poisson process, drawn by thinning: candidates at the highest rate, each kept with the share that its
moment deserves. Source: Lewis and Shedler, Simulation of nonhomogeneous Poisson processes by thinning, 1979.
"""

import math
from collections.abc import Callable, Mapping

from firmware_bridge.simulation.chance import Chance

HOURS = 24
_SHAPES: Mapping[str, tuple[int, ...]] = {
    "street": (3, 2, 1, 1, 1, 2, 5, 11, 14, 10, 9, 10, 12, 11, 10, 11, 13, 16, 15, 12, 9, 8, 6, 4),
    "building": (1, 1, 1, 1, 1, 1, 4, 12, 18, 16, 14, 15, 16, 15, 15, 14, 13, 9, 4, 3, 2, 2, 1, 1),
    "night": (16, 18, 17, 12, 7, 3, 2, 2, 2, 3, 3, 4, 4, 4, 4, 4, 5, 6, 8, 9, 11, 13, 15, 16),
    "even": (1,) * HOURS,
}


def day_rhythm(name: str) -> tuple[float, ...]:
    """(24,) how lively each hour is, 1 being the day's mean.

    name    one of `RHYTHMS`
    raises  KeyError  it is none of them
    """
    shape = _SHAPES[name]
    return tuple(HOURS * weight / sum(shape) for weight in shape)


def next_arrival(
    chance: Chance, now_s: float, *, rate_per_s: float, factor: Callable[[float], float], highest: float
) -> float:
    """When the next one comes, in seconds on the same scale as `now_s`; infinity where none ever does.

    rate_per_s  arrivals a second where `factor` is 1
    factor      of a moment: how much livelier it is than the mean, never above `highest`
    """
    most_per_s = rate_per_s * highest
    if most_per_s <= 0:
        return math.inf
    at_s = now_s
    while True:
        at_s += chance.expovariate(most_per_s)
        if chance.random() * highest < factor(at_s):
            return at_s


RHYTHMS = tuple(_SHAPES)

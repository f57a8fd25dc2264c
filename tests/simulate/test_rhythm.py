"""When things happen: the hours of the day, and arrivals that follow them."""

import math
import random
from collections import Counter
from itertools import pairwise

import pytest

from firmware_bridge.simulation.rhythm import RHYTHMS, day_rhythm, next_arrival

DAY_S = 86_400


@pytest.mark.parametrize("name", RHYTHMS)
def test_a_day_has_24_hours_and_their_mean_is_one(name: str) -> None:
    rhythm = day_rhythm(name)
    assert len(rhythm) == 24
    assert sum(rhythm) / 24 == pytest.approx(1.0)
    assert min(rhythm) > 0


def arrivals(name: str, rate_per_s: float, days: int) -> list[float]:
    """Arrivals of some days."""
    rhythm, chance = day_rhythm(name), random.Random(7)
    found: list[float] = []
    at_s = 0.0
    while True:
        at_s = next_arrival(
            chance,
            at_s,
            rate_per_s=rate_per_s,
            factor=lambda moment_s: rhythm[int(moment_s // 3600) % 24],
            highest=max(rhythm),
        )
        if at_s >= days * DAY_S:
            return found
        found.append(at_s)


@pytest.mark.parametrize("name", RHYTHMS)
def test_each_hour_has_the_arrivals_that_its_rhythm_asks(name: str) -> None:
    days, per_hour = 20, 30.0
    found = arrivals(name, per_hour / 3600, days)
    assert len(found) == pytest.approx(days * 24 * per_hour, rel=0.03)
    counted = Counter(int(at_s // 3600) % 24 for at_s in found)
    for hour, factor in enumerate(day_rhythm(name)):
        expected = days * per_hour * factor
        assert abs(counted[hour] - expected) < 4.5 * math.sqrt(expected), f"hour {hour}"


def test_arrivals_have_no_memory() -> None:
    found = arrivals("even", 1 / 60, 10)
    gaps = [later - earlier for earlier, later in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    spread = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert spread == pytest.approx(mean, rel=0.05)  # as exponential gaps have it; regular ones would have none


def test_without_a_rate_nothing_ever_comes() -> None:
    never = next_arrival(random.Random(1), 0.0, rate_per_s=0.0, factor=lambda _: 1.0, highest=1.0)
    assert never == math.inf

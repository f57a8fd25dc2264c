"""The tail of a stream: its probabilities are those of the stream, and one wild number does not blind it."""

import numpy as np
import pytest

from appliance.anomaly.tail import Tail


def learned(numbers: np.ndarray) -> Tail:
    tail = Tail()
    for number in numbers.tolist():
        tail.learn(number, 0.8)
    return tail


@pytest.mark.parametrize("draw", ["normal", "exponential", "laplace"])
def test_its_threshold_is_near_the_98_per_cent_quantile(draw: str) -> None:
    numbers = getattr(np.random.default_rng(1), draw)(size=20_000)
    assert np.mean(numbers > learned(numbers).threshold) == pytest.approx(0.02, abs=0.008)


@pytest.mark.parametrize("draw", ["normal", "exponential", "laplace"])
def test_three_decades_are_reached_about_once_in_a_thousand(draw: str) -> None:
    numbers = getattr(np.random.default_rng(2), draw)(size=50_000)
    tail = learned(numbers[:10_000])
    reached = 0
    for number in numbers[10_000:].tolist():
        reached += tail.surprise(number) >= 3.0
        tail.learn(number, 0.8)
    assert 4 <= reached <= 80  # 40 expected of 40,000


def test_below_the_threshold_nothing_is_surprising_and_above_it_more_is_more() -> None:
    tail = learned(np.random.default_rng(3).normal(size=2_000))
    assert tail.surprise(tail.threshold) == 0.0
    decades = [tail.surprise(tail.threshold + excess) for excess in (0.1, 0.5, 1.0, 5.0, 1e6)]
    assert decades == sorted(decades) and decades[0] > 1.69


def test_one_wild_number_does_not_hide_the_next() -> None:
    tail = learned(np.random.default_rng(4).normal(size=5_000))
    tail.learn(1e9, 0.8)
    assert tail.surprise(20.0) > 4.0


def test_a_tail_that_has_seen_nothing_is_surprised_by_nothing() -> None:
    assert Tail().surprise(1e9) == 0.0

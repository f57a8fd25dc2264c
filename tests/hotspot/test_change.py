"""Growth and decline against a cell's own past: worked by hand, against the definition, with and without bursts."""

from math import exp, lgamma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.hotspot.change import Burstiness, change, expected_events, measure_bursts, upper_tail
from tests.conftest import examples

CALM = Burstiness(of_class=np.array([1e-6]))


def both(period: int, reference: int, *, days: float = 7.0, before: float = 56.0, bursts: Burstiness = CALM) -> tuple:
    more, fewer = change(
        np.array([period]),
        np.array([reference]),
        period_days=np.array([days]),
        reference_days=np.array([before]),
        bursts=bursts,
    )
    return float(more[0]), float(fewer[0])


def test_five_events_after_eight_quiet_weeks_are_one_ninth_to_the_fifth() -> None:
    more, fewer = both(5, 0)
    assert more == pytest.approx(9**-5, rel=1e-3)
    assert fewer == 1.0


def test_none_after_a_busy_time_is_eight_ninths_to_so_many() -> None:
    more, fewer = both(0, 40)
    assert fewer == pytest.approx((8 / 9) ** 40, rel=1e-3)
    assert more == 1.0


def test_what_is_usual_is_no_surprise_and_so_is_what_was_not_watched() -> None:
    assert both(4, 32) == (1.0, 1.0)
    assert both(0, 0) == (1.0, 1.0)
    assert both(9, 0, before=0.0) == (1.0, 1.0)
    assert both(0, 9, days=0.0) == (1.0, 1.0)
    usual = expected_events(np.array([32, 32]), np.array([56.0, 0.0]), np.array([7.0, 7.0]))
    assert usual.tolist() == [4.0, 0.0]


def test_the_tail_of_even_odds_is_worked_by_hand() -> None:
    # With a = b = 1 every number from 0 to n is equally likely: P(X >= 9 of 10) = 2/11.
    one = np.ones(1)
    assert upper_tail(np.array([9]), np.array([10]), one, one)[0] == pytest.approx(2 / 11)
    assert upper_tail(np.array([10]), np.array([10]), one, one)[0] == pytest.approx(1 / 11)
    assert upper_tail(np.array([5]), np.array([10]), one, one)[0] == 1.0


@settings(max_examples=examples(200))
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.01, 500), st.floats(0.01, 500))
def test_the_tail_is_the_sum_of_its_terms(count: int, others: int, a: float, b: float) -> None:
    n = count + others
    terms = [
        exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + lgamma(k + a) + lgamma(n - k + b) - lgamma(n + a + b)
            + lgamma(a + b) - lgamma(a) - lgamma(b))
        for k in range(count, n + 1)
    ]  # fmt: skip
    found = float(upper_tail(np.array([count]), np.array([n]), np.array([a]), np.array([b]))[0])
    assert found == pytest.approx(1.0 if count * (a + b) <= n * a else min(sum(terms), 1.0), rel=1e-6)


@pytest.mark.parametrize(("mean", "size", "burst"), [(4.0, None, 0.0), (4.0, 2.0, 2.0), (0.5, 0.3, 1.67)])
def test_bursts_are_measured_as_they_were_made(mean: float, size: float | None, burst: float) -> None:
    random = np.random.default_rng(3)
    shape = (3_000, 8)
    counts = (
        random.poisson(mean, shape) if size is None else random.negative_binomial(size, size / (size + mean), shape)
    )
    events = counts.sum(axis=1)
    found = measure_bursts(counts.astype(np.int64), np.full(shape, 7.0)).of(events.astype(float))
    typical = float(np.average(found, weights=events))
    assert burst <= typical <= 1.6 * burst + 0.3  # never less than it is, and not much more


def test_a_burst_makes_the_same_growth_less_surprising() -> None:
    calm, _ = both(8, 16)
    bursty, _ = both(8, 16, bursts=Burstiness(of_class=np.array([2.0])))
    assert calm < 0.005
    assert bursty > 0.02


def test_without_two_blocks_to_measure_on_events_are_taken_for_bursty() -> None:
    assert measure_bursts(np.array([[5], [9]]), np.full((2, 1), 7.0)).of(np.array([5.0])).tolist() == [1.0]
    assert measure_bursts(np.zeros((3, 8), np.int64), np.full((3, 8), 7.0)).of(np.array([0.0])).tolist() == [1.0]

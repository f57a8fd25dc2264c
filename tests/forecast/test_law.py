"""The negative binomial law against what it is by definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.forecast import law

MEANS, SIZES = st.floats(1e-4, 30), st.floats(0.05, 1e4)


def plain_probability(count: int, mean: float, size: float) -> float:
    """By gamma functions."""
    log = math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1)
    return math.exp(log + size * math.log(size / (size + mean)) + count * math.log(mean / (size + mean)))


@given(st.integers(0, 40), MEANS, SIZES)
def test_probabilities_are_those_of_the_definition(count: int, mean: float, size: float) -> None:
    found = law.log_probability(np.array([count]), np.array([mean]), np.array([size]))
    assert math.exp(found[0]) == pytest.approx(plain_probability(count, mean, size), rel=1e-6, abs=1e-12)


@given(st.integers(20, 5_000), st.floats(0.5, 3_000), st.floats(0.05, 1e5))
def test_logarithms_of_large_counts_are_those_of_the_definition(count: int, mean: float, size: float) -> None:
    found = law.log_probability(np.array([count]), np.array([mean]), np.array([size]))[0]
    log = math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1)
    log += size * -math.log1p(mean / size) - count * math.log1p(size / mean)
    assert found == pytest.approx(log, rel=1e-9, abs=1e-6)


def test_large_counts_without_scatter_are_poisson_to_many_digits() -> None:
    count, mean = np.array([25, 300, 900]), np.full(3, 300.0)
    found = law.log_probability(count, mean, np.full(3, 1e9))
    poisson = [k * math.log(300.0) - 300.0 - math.lgamma(k + 1) for k in count.tolist()]
    assert found == pytest.approx(poisson, abs=1e-3)  # of a size of 1e9, not of an infinite one


@given(st.integers(0, 40), MEANS, SIZES)
def test_cumulative_probabilities_are_sums(count: int, mean: float, size: float) -> None:
    below, upto = law.cumulative(np.array([count]), np.array([mean]), np.array([size]))
    terms = [plain_probability(k, mean, size) for k in range(count + 1)]
    assert upto[0] == pytest.approx(sum(terms), rel=1e-6, abs=1e-9)
    assert below[0] == pytest.approx(sum(terms[:-1]), rel=1e-6, abs=1e-9)


@given(st.floats(0.01, 0.99), MEANS, SIZES)
def test_a_quantile_is_the_least_count_that_reaches_it(probability: float, mean: float, size: float) -> None:
    mean_of, size_of = np.array([mean]), np.array([size])
    found = law.quantile(probability, mean_of, size_of)
    below, upto = law.cumulative(found, mean_of, size_of)
    assert below[0] < probability + 1e-9 and upto[0] >= probability - 1e-9


def test_without_scatter_it_is_poisson() -> None:
    mean = np.array([0.3, 4.0])
    size = law.size_of(mean, clumping=0.0, unevenness=0.0)
    found = np.exp(law.log_probability(np.array([1, 2]), mean, size))
    assert found == pytest.approx([0.3 * math.exp(-0.3), 8 * math.exp(-4.0)], rel=1e-6)


def test_the_variance_is_what_clumping_and_unevenness_say() -> None:
    mean = np.array([0.5, 2.0])
    size = law.size_of(mean, clumping=0.3, unevenness=0.2)
    assert (mean + mean**2 / size).tolist() == pytest.approx([0.5 * (1.3 + 0.1), 2.0 * (1.3 + 0.4)])


def test_where_nothing_is_expected_nothing_is_certain_and_anything_impossible() -> None:
    zero = np.zeros(2)
    assert law.log_probability(np.array([0, 1]), zero, law.size_of(zero, clumping=0.1, unevenness=0.1)).tolist() == [
        0.0,
        -math.inf,
    ]
    assert law.quantile(0.95, zero, zero).tolist() == [0, 0]


def test_randomised_pit_of_counts_from_the_law_is_uniform() -> None:
    rng = np.random.default_rng(11)
    mean = rng.gamma(1.0, 1.0, 40_000)
    size = law.size_of(mean, clumping=0.4, unevenness=0.3)
    count = rng.poisson(rng.gamma(size, mean / size))
    pit = law.randomised_pit(count, mean, size, rng.random(len(mean)))
    shares, _ = np.histogram(pit, bins=10, range=(0, 1))
    assert np.abs(shares / len(mean) - 0.1).max() < 0.006

"""Sums without rounding: whatever the order, whatever the size, rounded once at the end."""

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from appliance.aggregate.exact import Exact, decode_exact, deviation, divide, encode_exact, sums
from appliance.aggregate.moments import Moments, from_row, merge, moments_of, to_row
from tests.conftest import examples

finite = st.floats(allow_nan=False, allow_infinity=False)
samples = st.lists(st.tuples(st.integers(-(2**53), 2**53), finite), min_size=1, max_size=12)


def fraction(number: Exact) -> Fraction:
    return Fraction(number.numerator, 2**number.scale)


@settings(max_examples=examples(300))
@given(st.lists(finite, max_size=12))
def test_sums_are_those_of_fractions(values: list[float]) -> None:
    total, squares = sums(values)
    assert fraction(total) == sum(map(Fraction, values))
    assert fraction(squares) == sum(Fraction(value) ** 2 for value in values)


@settings(max_examples=examples(300))
@given(finite, finite)
def test_a_sum_of_sums_is_exact_and_survives_being_stored(one: float, other: float) -> None:
    total = sums([one])[0] + sums([other])[0]
    assert fraction(total) == Fraction(one) + Fraction(other)
    assert decode_exact(encode_exact(total)) == total
    assert total == sums([other, one])[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 2.138089935299395),  # squares of differences: 32; 32/7
        ([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16], math.sqrt(30)),  # naive float sums of squares give 0 or worse
        ([21.5, 21.5], 0.0),
        ([1e300, -1e300], 1.4142135623730951e300),  # its square is beyond a float
        ([1e-300, -1e-300], 1.4142135623730951e-300),  # its square is below one
        ([3.0], None),
    ],
)
def test_the_deviation_of_a_sample(values: list[float], expected: float | None) -> None:
    assert deviation(len(values), *sums(values)) == (None if expected is None else pytest.approx(expected, rel=1e-15))


@settings(max_examples=examples(300))
@given(st.lists(finite, min_size=2, max_size=9))
def test_the_deviation_is_right_to_the_last_digits(values: list[float]) -> None:
    mean = sum(map(Fraction, values)) / len(values)
    variance = sum((Fraction(value) - mean) ** 2 for value in values) / (len(values) - 1)
    found = deviation(len(values), *sums(values))
    assert found is not None
    assume(math.isfinite(found) and found > 1e-300)
    assert abs(Fraction(found) ** 2 / variance - 1) < Fraction(1, 2**51)


def test_a_mean_beyond_floats_is_infinite_and_not_an_error() -> None:
    total, _ = sums([1.7e308, 1.7e308])
    assert divide(total, 1) == math.inf
    assert divide(total, 2) == 1.7e308


@settings(max_examples=examples(300))
@given(st.lists(samples, min_size=1, max_size=4), st.randoms())
def test_merging_bins_in_any_order_is_taking_all_at_once(parts: list[list[tuple[int, float]]], chance: object) -> None:
    at_once = moments_of([sample for part in parts for sample in part])
    chance.shuffle(parts)  # type: ignore[attr-defined]
    merged = merge(map(moments_of, parts))
    assert merged == at_once
    assert from_row(to_row(merged)) == at_once


def test_a_bin_worked_by_hand() -> None:
    told = [(30, 4.0), (10, 1.5), (20, -2.0), (30, 6.5), (10, 1.0)]
    # 4 + 1.5 - 2 + 6.5 + 1 = 11; 16 + 2.25 + 4 + 42.25 + 1 = 65.5
    # Of two at one instant the least is first, the greatest last.
    assert moments_of(told) == Moments(5, Exact(11, 0), Exact(131, 1), -2.0, 6.5, (10, 1.0), (30, 6.5))
    assert moments_of(told).mean == 2.2
    assert moments_of(told).deviation == pytest.approx(math.sqrt((65.5 - 11**2 / 5) / 4))

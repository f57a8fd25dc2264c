"""Waiting for a centre that is away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.backoff import LONGEST_S, delay_s


@pytest.mark.parametrize(
    ("failures", "chance", "expected_s"),
    [
        (1, 0.0, 0.5),
        (1, 0.5, 0.75),
        (2, 0.0, 1.0),
        (4, 0.0, 4.0),
        (9, 0.0, 128.0),
        (10, 0.0, 150.0),
        (10_000, 0.0, 150.0),
    ],
)
def test_the_wait_doubles_up_to_its_limit(failures: int, chance: float, expected_s: float) -> None:
    assert delay_s(failures, chance) == expected_s


@given(st.integers(1, 10**9), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_nothing_and_never_longer_than_the_longest(failures: int, chance: float) -> None:
    assert 0.5 <= delay_s(failures, chance) <= LONGEST_S

"""What labels teach: a bar that rises, comes back, and never silences anything for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.anomaly.feedback import FAMILY_MOST, HALF_LIFE_S, MOST, fade, learn

DAY = 86_400.0


@pytest.mark.parametrize(
    ("labels", "now", "expected"),
    [
        ([], 0.0, 0.0),
        ([(0.0, True)], 0.0, 0.5),
        ([(0.0, True)], HALF_LIFE_S, 0.25),
        ([(0.0, True), (0.0, True)], 0.0, 1.0),
        ([(0.0, True), (HALF_LIFE_S, True)], HALF_LIFE_S, 0.75),
        ([(0.0, True)] * 9, 0.0, 2.0),
        ([(0.0, True), (1.0, False)], 1.0, 0.0),
        ([(0.0, False)] * 9 + [(0.0, True)], 0.0, 0.5),  # real ones of before do not make it deaf to the next word
        ([(1.0, False), (0.0, True)], 1.0, 0.0),  # in any order
        ([(99.0, True)], 0.0, 0.5),  # of a clock that was set back since
    ],
)
def test_each_label_moves_the_bar_of_its_subject(labels: list[tuple[float, bool]], now: float, expected: float) -> None:
    assert learn(labels, now) == pytest.approx(expected, abs=1e-6)


def test_a_family_moves_less() -> None:
    assert learn([(0.0, True)], 0.0, family=True) == pytest.approx(0.1)
    assert learn([(0.0, True)] * 50, 0.0, family=True) == FAMILY_MOST


labels = st.lists(st.tuples(st.floats(0, 1_000 * DAY), st.booleans()), max_size=30)


@given(labels, st.booleans())
def test_it_stays_within_its_bounds(taught: list[tuple[float, bool]], family: bool) -> None:
    assert 0.0 <= learn(taught, 1_000 * DAY, family=family) <= (FAMILY_MOST if family else MOST)


@given(labels)
def test_whatever_was_said_is_forgotten_within_a_year(taught: list[tuple[float, bool]]) -> None:
    assert learn(taught, 1_000 * DAY + 8 * HALF_LIFE_S) == 0.0


@given(labels, st.floats(0, 1_000 * DAY))
def test_one_more_false_one_never_lowers_the_bar(taught: list[tuple[float, bool]], at: float) -> None:
    now = 1_000 * DAY
    assert learn([*taught, (at, True)], now) >= learn(taught, now) - 1e-9


def test_a_clock_that_is_set_back_raises_nothing() -> None:
    assert fade(0.5, -DAY) == 0.5

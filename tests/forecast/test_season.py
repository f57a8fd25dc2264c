"""How a cell's hours of the week are pooled with what lies around it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from appliance.forecast.season import by_shift, multipliers, pooled, shares, site_shares

COUNTS = arrays(np.float64, (6, 4), elements=st.integers(0, 40).map(float))
STRENGTHS = st.tuples(*[st.sampled_from([4.0, 64.0, 1e6])] * 3)


def test_shares_of_a_cell_are_its_own_drawn_to_its_neighbourhood_and_the_site() -> None:
    own = np.array([[8.0], [0], [0], [0], [0], [0]])
    flat = np.ones((6, 1)) * 99
    found = shares((own, own), flat, (8.0, 8.0))
    # Of the neighbourhood: (8 / 6 + 8) / 16 = 7 / 12; of the cell: (8 * 7 / 12 + 8) / 16 = 19 / 24.
    assert found[0, 0] == pytest.approx(19 / 24)
    assert found.sum() == pytest.approx(1.0)


def test_the_week_is_divided_twice_and_the_mean_serves() -> None:
    """One cell has three events on weekday nights, the other three by day; nothing around them counts."""
    own, none = np.zeros((6, 2)), np.zeros((6, 2))
    own[0, 0] = own[1, 1] = 3.0
    found = multipliers((own, none, none), class_strengths=(3.0, 1e6, 1e6), shift_strengths=(3.0, 1e6, 1e6))
    # The site: 4, 4, 1, 1, 1 and 1 of 12. By classes (4 / 12 + 1) / 2 of 4 / 12 is twice as much; by shifts
    # (5 / 12 + 1) / 2 of 5 / 12 is 1.7. On a weekend's night nothing was seen: a half, and 1.7.
    assert found[:, 0].tolist() == pytest.approx([1.85, 0.5, 0.5, 1.1, 0.5, 0.5])


@given(COUNTS, COUNTS, COUNTS, STRENGTHS)
def test_shares_are_probabilities_and_over_the_week_a_cell_keeps_its_events(
    own: np.ndarray, near: np.ndarray, district: np.ndarray, strengths: tuple[float, float, float]
) -> None:
    levels = (own, near, district)
    site = own.sum(axis=1)[:, None]
    assert shares(levels, site, strengths).sum(axis=0) == pytest.approx(np.ones(4))
    found = multipliers(levels, class_strengths=strengths, shift_strengths=strengths)
    assert (found > 0).all()
    assert (site_shares(site) * found).sum(axis=0) == pytest.approx(np.ones(4))


@given(COUNTS, STRENGTHS)
def test_where_nothing_is_seen_every_hour_is_the_site_s(
    seen: np.ndarray, strengths: tuple[float, float, float]
) -> None:
    seen[:, 0] = 0.0
    none = np.zeros_like(seen)
    found = multipliers((seen, none, none), class_strengths=strengths, shift_strengths=strengths)
    assert found[:, 0] == pytest.approx(np.ones(6))


def test_weekdays_and_weekends_together_are_three_shifts() -> None:
    assert by_shift(np.arange(6.0)[:, None])[:, 0].tolist() == [3, 5, 7]


def test_each_level_has_its_strength() -> None:
    one = np.ones(3)
    with pytest.raises(ValueError, match="zip"):
        pooled(one / 3, [one, one], [3 * one, 3 * one], (1.0,))

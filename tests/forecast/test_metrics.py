"""The figures of a backtest, by hand, and properties that hold whatever the counts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.forecast import metrics

TEN = np.arange(10, dtype=np.int64)
AREAS = (0.1, 0.2, 0.5)


def test_hits_are_the_events_in_the_cells_ranked_first() -> None:
    score = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    count = np.array([1, 0, 2, 0, 0, 3, 0, 0, 0, 0])
    assert metrics.hits(score, count, TEN, AREAS).tolist() == [1, 1, 3]
    assert metrics.best_hits(count, AREAS).tolist() == [3, 5, 6]


def test_a_worked_row() -> None:
    """Of 6 events 3 lay in 5 of 10 cells, which could have held all 6."""
    assert metrics.hit_rate(3, 6) == 0.5
    assert metrics.pai(3, 6, 5, 10) == 1.0
    assert metrics.pei(3, 6) == 0.5


def test_without_events_there_is_no_rate() -> None:
    assert metrics.hit_rate(0, 0) is None
    assert metrics.pai(0, 0, 1, 10) is None
    assert metrics.pei(0, 0) is None


@pytest.mark.parametrize(("cells", "area", "watched"), [(100, 0.01, 1), (149, 0.01, 1), (151, 0.01, 2), (3, 0.01, 1)])
def test_a_share_of_the_area_is_a_whole_number_of_cells_and_at_least_one(cells: int, area: float, watched: int) -> None:
    assert metrics.cells_watched(cells, area) == watched


def test_equal_scores_are_ordered_by_the_cell_and_not_by_its_place() -> None:
    cells = np.arange(1_000, 1_100, dtype=np.int64)
    order = metrics.tie_breaks(cells)
    assert sorted(order.tolist()) == list(range(100))
    assert order.tolist() != list(range(100))
    turned = metrics.tie_breaks(cells[::-1].copy())
    assert turned[::-1].tolist() == order.tolist()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=60))
def test_no_ranking_finds_more_than_was_possible_and_the_whole_area_finds_all(rows: list[tuple[int, int]]) -> None:
    score, count = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    areas = (*metrics.AREAS, 1.0)
    found = metrics.hits(score, count, np.arange(len(rows)), areas)
    assert (found <= metrics.best_hits(count, areas)).all()
    assert found[-1] == count.sum()
    assert metrics.hits(count, count, np.arange(len(rows)), areas).tolist() == metrics.best_hits(count, areas).tolist()


def test_the_bootstrap_error_of_a_mean_is_that_of_statistics() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=400)
    error = metrics.standard_error(values, np.ones(400), block=1, rng=rng, draws=2_000)
    assert error == pytest.approx(values.std() / math.sqrt(400), rel=0.1)

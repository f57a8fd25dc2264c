"""Daily counts as one array: by cells, by days, and beside another."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.aggregate.days import DaySums, cells_of, lay_out, lay_out_beside
from tests.conftest import examples

DAYS = st.lists(st.dictionaries(st.integers(1, 40), st.integers(1, 1_000)), max_size=6)


def sums_of(days: Sequence[dict[int, int]]) -> list[DaySums]:
    """Days of cell -> events, as they are stored."""
    return [
        DaySums(cells=np.array(sorted(day), np.int64), counts=np.array([day[cell] for cell in sorted(day)], np.int32))
        for day in days
    ]


@settings(max_examples=examples(100))
@given(DAYS)
def test_the_cells_are_those_of_any_day_once_and_ascending(days: list[dict[int, int]]) -> None:
    assert cells_of(sums_of(days)).tolist() == sorted({cell for day in days for cell in day})


@settings(max_examples=examples(100))
@given(DAYS, st.sets(st.integers(1, 40)))
def test_a_cell_has_its_count_of_each_day_and_zero_where_nothing_happened(
    days: list[dict[int, int]], wanted: set[int]
) -> None:
    cells = np.array(sorted(wanted), np.int64)
    expected = [[day.get(cell, 0) for day in days] for cell in sorted(wanted)]
    assert lay_out(cells, sums_of(days)).tolist() == expected


@settings(max_examples=examples(100))
@given(DAYS, st.data())
def test_laid_out_beside_another_it_is_as_laid_out_alone(days: list[dict[int, int]], data: st.DataObject) -> None:
    known = sums_of(days)
    fresh = sums_of([data.draw(st.dictionaries(st.integers(1, 40), st.integers(1, 1_000))) for _ in days])
    mixed = [data.draw(st.sampled_from(pair)) for pair in zip(known, fresh, strict=True)]
    cells = cells_of([*known, *fresh])
    counts = lay_out(cells, known)
    before = counts.copy()
    assert lay_out_beside(counts, cells, mixed, known).tolist() == lay_out(cells, mixed).tolist()
    assert np.array_equal(counts, before)

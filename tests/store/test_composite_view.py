"""Scores that follow from counts and extremes: the same to the last bit, of another revision only if they changed."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from appliance.model.risk import LEVELS
from appliance.score.composite import extremes, raw_score, rescale, risk_level
from appliance.store.cells import ensure_cells
from appliance.store.engine import Store, raw_connection
from appliance.store.forecast.scores import DayScores, write_scores
from appliance.store.revisions import last_revision
from appliance.store.risk.judged import Judged, fetch_judged, write_judged
from appliance.store.risk.rows import compare_rows
from tests.conftest import examples
from tests.sync.box import CELLS

DAY = "2026-11-21"
Rows = list[tuple[int, float, float]]


def judge(store: Store, rows: Rows, low: float, high: float) -> int:
    """A day whose cells have these counts is scaled between two extremes; the last revision there was before."""
    cells = CELLS[: len(rows)]
    now = Judged(baseline_id=1, cells="some", changes="1", low=low, high=high, cell_count=len(rows))
    with store.write() as connection:
        ensure_cells(connection, 8, cells)
        before = last_revision(connection)
        compare_rows(connection, 1, 8, DAY, list(zip(cells, rows, strict=True)))
        write_judged(connection, 1, 8, DAY, now=now, before=fetch_judged(connection, 8, [DAY]).get(DAY))
    return before


def scores(store: Store) -> list[tuple[float, str, int]]:
    """Score, level and revision of each cell."""
    with store.read() as connection:
        return list(
            raw_connection(connection).execute(
                f"SELECT risk_score, risk_level, rev FROM risk_scores WHERE resolution = 8 AND day = '{DAY}' "
                "ORDER BY h3_index"
            )
        )


COUNTS = st.integers(0, 100_000)
MEANS = st.integers(0, 700_000).map(lambda events: events / 7)
GROWTH = st.floats(-1, 1e6, allow_nan=False)
FIXTURE = [HealthCheck.function_scoped_fixture]


@given(st.lists(st.tuples(COUNTS, MEANS, GROWTH), min_size=1, max_size=30))
@example([(0, 1 / 7, -1.0), (1, 0.3, 5e-324), (3, 3 / 7, 0.1 + 0.2), (0, 0.0, 0.0)])
@example([(2, 2.0, 0.0), (2, 2.0, 0.0)])
@settings(max_examples=examples(150), suppress_health_check=FIXTURE)
def test_the_view_gives_the_score_of_the_definition_to_the_last_bit(store: Store, rows: Rows) -> None:
    n, rolling, growth = (np.array(column) for column in zip(*rows, strict=True))
    raw = raw_score(n.astype(np.int64), growth, rolling)
    low, high = extremes(raw)
    expected = rescale(raw, low, high)
    judge(store, rows, low, high)
    found = scores(store)
    assert [row[0] for row in found] == expected.tolist()
    assert [row[1] for row in found] == [LEVELS[level] for level in risk_level(expected).tolist()]


def raised(*raws: float) -> Rows:
    """Rows with these raw scores."""
    return [(int(2 * raw), 0.0, 0.0) for raw in raws]


STEPS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([1.0, 1.5, 2.0])), min_size=2, max_size=6)


@given(STEPS)
@example([(1.0, 1.0), (0.0, 1.0), (1.0, 1.0), (1.0, 2.0), (1.0, 1.0)])
@settings(max_examples=examples(100), suppress_health_check=FIXTURE)
def test_a_score_that_changes_has_a_higher_revision_and_one_that_stands_has_the_same(
    store: Store, steps: list[tuple[float, float]]
) -> None:
    """Three cells with raw scores of 0.5, 1 and 1.5, or as near as the extremes let them be.

    Where both extremes move, a score between them may be the same again and is told again.
    """
    last: tuple[float, float] | None = None
    old: list[tuple[float, str, int]] = []
    was: Rows = []
    for low, high in steps:
        rows = raised(*(min(max(raw, low), high) for raw in (0.5, 1.0, 1.5)))
        before = judge(store, rows, low, high)
        found = scores(store)
        assert len({rev for _, _, rev in found}) == len(found)
        for n, (score, _, rev) in enumerate(found):
            if last is None:
                continue
            if rows[n] != was[n] or score != old[n][0]:
                assert rev > before
            elif (low != last[0]) + (high != last[1]) < 2:
                assert rev == old[n][2]
        last, old, was = (low, high), found, rows


MOVES = {  # raw scores of three cells are 1, 2 and 3; which of them have another score by a move of the extremes
    "nothing moves": ((1.0, 3.0), (1.0, 3.0), ""),
    "the highest rises": ((1.0, 3.0), (1.0, 4.0), "bc"),
    "the highest falls": ((1.0, 4.0), (1.0, 3.0), "bc"),
    "the lowest falls": ((1.0, 3.0), (0.0, 3.0), "ab"),
    "the lowest rises": ((0.0, 3.0), (1.0, 3.0), "ab"),
    "both move": ((1.0, 3.0), (0.0, 4.0), "abc"),
}


@pytest.mark.parametrize("name", MOVES)
def test_only_scores_that_an_extreme_moves_have_another_revision(store: Store, name: str) -> None:
    before, after, changed = MOVES[name]
    rows: Rows = [(2, 0.0, 0.0), (4, 0.0, 0.0), (6, 0.0, 0.0)]
    judge(store, rows, *before)
    first = scores(store)
    judge(store, rows, *after)
    second = scores(store)
    assert "".join(cell for n, cell in enumerate("abc") if first[n][2] != second[n][2]) == changed


def test_a_cell_that_is_alone_and_meets_a_lower_one_rises_from_0_to_100(store: Store) -> None:
    judge(store, [(2, 0.0, 0.0)], 1.0, 1.0)
    ((score, level, rev),) = scores(store)
    assert (score, level) == (0.0, "low")
    judge(store, [(2, 0.0, 0.0), (0, 0.0, 0.0)], 0.0, 1.0)
    (score, level, later), _ = scores(store)
    assert (score, level, later > rev) == (100.0, "critical", True)


def test_a_cell_that_is_new_has_a_revision_above_all_before_though_its_ordinal_is_beyond_theirs(store: Store) -> None:
    judge(store, [(2, 0.0, 0.0), (4, 0.0, 0.0)], 0.0, 4.0)
    before = judge(store, [(2, 0.0, 0.0), (4, 0.0, 0.0), (3, 0.0, 0.0)], 0.0, 4.0)
    revs = [row[2] for row in scores(store)]
    assert max(revs[:2]) <= before < revs[2]


def test_scores_of_other_profiles_stand_beside_with_revisions_of_their_own(store: Store) -> None:
    rows: Rows = [(2, 0.0, 0.0), (4, 0.0, 0.0)]
    judge(store, rows, 1.0, 2.0)
    with store.write() as connection:
        told = {CELLS[0]: (40.0, "medium"), CELLS[1]: (80.0, "critical")}
        write_scores(connection, DayScores(resolution=8, day=DAY, profile="calibrated", scores=told))
    judge(store, rows, 1.0, 3.0)
    found = scores(store)
    assert sorted(row[:2] for row in found) == [(0.0, "low"), (40.0, "medium"), (50.0, "medium"), (80.0, "critical")]
    assert len({row[2] for row in found}) == 4

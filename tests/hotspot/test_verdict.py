"""What a cell is called: planted cases among chance, the rate of false ones, and days on which nothing was heard."""

from math import sqrt

import msgspec
import numpy as np
import pytest

from appliance.hotspot.growth import find_growth
from appliance.hotspot.neighbourhood import disks
from appliance.hotspot.verdict import EMERGING, FADING, HOT, NOTHING, PERSISTENT, History, Verdict, judge
from tests.hotspot.grids import around, weeks

CELLS = around(8)  # 217 cells
WEEKS = 9
SIMULATIONS = 200


def chance(seed: int, mean: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, (len(CELLS), WEEKS))


def clump(n: int) -> list[int]:
    """A cell and its neighbours, as rows; the clumps of 20, 60, 100 and 180 lie apart."""
    return [row for row in disks(CELLS)[n].tolist() if row >= 0]


def kinds_of(verdict: Verdict, rows: list[int]) -> list[int]:
    return verdict.kind[rows].tolist()


def test_each_kind_is_found_where_it_was_planted_and_nowhere_else() -> None:
    counts = chance(4)
    emerging, persistent, fading, hot = 100, clump(20), clump(180), clump(60)
    counts[emerging, -1] = 9
    counts[persistent] += 12
    counts[fading, :-1] += 12
    counts[fading, -1] = 0
    counts[hot, -1] += 9
    counts[hot, :4] += 9
    verdict = judge(weeks(CELLS, counts))
    assert verdict.kind[emerging] == EMERGING
    assert set(kinds_of(verdict, persistent)) == {PERSISTENT}
    assert set(kinds_of(verdict, fading)) == {FADING}
    assert set(kinds_of(verdict, hot)) == {HOT}  # they were so before now and then: neither new nor lasting
    assert 0 < verdict.hot_sub_periods[hot].min() <= verdict.hot_sub_periods[hot].max() < 7
    planted = {emerging, *hot, *persistent, *fading}
    near = {row for one in planted for row in disks(CELLS)[one].tolist()}
    assert set(np.flatnonzero(verdict.kind != NOTHING).tolist()) <= near
    assert set(verdict.kind[sorted(set(range(217)) - planted)].tolist()) <= {NOTHING, HOT, PERSISTENT}  # by neighbours


def test_what_is_told_of_a_cell_are_its_numbers() -> None:
    counts = chance(4)
    counts[100] = [1, 0, 2, 0, 1, 1, 0, 1, 12]
    found = judge(weeks(CELLS, counts))
    assert (found.events[100], found.growth.expected[100]) == (12, pytest.approx(6 / 8))
    assert found.growth.p_value[100] < 1e-6 <= found.growth.q_value[100] * 0.05
    assert found.growth.q_value[100] == pytest.approx(2 * found.growth.p_value[100] * found.growth.looked_at[100])
    assert found.watched == len(CELLS)
    assert found.growth.looked_at[100] == int((counts.sum(axis=1) >= 5).sum())


def test_two_neighbours_that_rise_together_know_of_each_other() -> None:
    counts = chance(4)
    pair = clump(100)[:2]
    counts[pair, -1] = 10
    found = judge(weeks(CELLS, counts))
    assert kinds_of(found, pair) == [EMERGING, EMERGING]
    assert found.alike[pair].tolist() == [1, 1]


def test_a_rise_spread_over_neighbours_is_found_where_no_cell_shows_it_alone() -> None:
    counts, spread = chance(4, mean=1.0), clump(100)
    counts[spread, -1] = [4, 5, 4, 3, 4, 5, 4]
    found = judge(weeks(CELLS, counts))
    assert found.kind[100] == EMERGING and found.growth.together[100]
    assert kinds_of(found, spread) == [EMERGING] * 7 and found.growth.together[spread].all()
    assert (found.growth.around_events[100], found.growth.around_cells[100]) == (29, 7)
    assert found.growth.around_expected[100] == pytest.approx(counts[spread, :-1].sum() / 8)
    alone = counts.copy()
    alone[spread[1:], -1] = 1
    assert judge(weeks(CELLS, alone)).kind[100] != EMERGING


def test_a_cell_that_rises_by_itself_does_not_lend_its_rise_to_its_neighbours() -> None:
    counts = chance(4)
    counts[100, -1] = 40
    counts[clump(100)[1:], -1] = 1
    found = judge(weeks(CELLS, counts))
    assert found.kind[100] == EMERGING and not found.growth.together.any()
    assert EMERGING not in kinds_of(found, clump(100)[1:])


def test_two_events_are_never_emerging_however_quiet_it_was() -> None:
    counts = np.zeros((len(CELLS), WEEKS), np.int64)
    counts[5, -1] = 2
    counts[9, -1] = 30
    assert judge(weeks(CELLS, counts)).kind[5] != EMERGING
    assert judge(weeks(CELLS, counts)).kind[9] == EMERGING


def test_an_ordinary_cell_that_falls_silent_is_no_fading_hotspot() -> None:
    counts = np.random.default_rng(2).poisson(20.0, (len(CELLS), WEEKS))
    counts[100, -1] = 0
    found = judge(weeks(CELLS, counts))
    assert found.growth.q_value[100] <= 0.05
    assert found.kind[100] == NOTHING


@pytest.mark.parametrize(
    ("mean", "size"),
    [(0.3, None), (2.0, None), (2.0, 2.0), (0.5, 0.3), (10.0, 3.0)],
    ids=["few", "some", "bursts", "rare bursts", "many bursts"],
)
def test_where_nothing_changes_no_more_than_five_in_a_hundred_sites_have_an_emerging_or_fading_cell(
    mean: float, size: float | None
) -> None:
    random, near, false = np.random.default_rng(11), disks(CELLS), 0
    rates = random.gamma(1.0, mean, (len(CELLS), 1)).clip(0.01)  # cells differ, and that is not change
    for _ in range(SIMULATIONS):
        shape = (len(CELLS), WEEKS)
        gamma = 1.0 if size is None else random.gamma(size, 1.0 / size, shape)
        counts = random.poisson(rates * gamma, shape)
        found = find_growth(counts, np.full(shape, 7.0), near, np.ones(len(CELLS), np.bool_), 0.05)
        false += bool((found.q_value <= 0.05).any())
    assert false / SIMULATIONS <= 0.05 + 2.5 * sqrt(0.05 * 0.95 / SIMULATIONS)


def test_a_week_in_which_nothing_was_heard_is_no_week_without_events() -> None:
    counts = np.full((len(CELLS), WEEKS), 4)
    counts[:, 2:5] = 0
    history = weeks(CELLS, counts)
    blind = history.exposure.copy()
    blind[0, 2:5] = 0.0
    found = judge(msgspec.structs.replace(history, exposure=blind))
    assert (found.growth.expected == 4.0).all() and (found.sub_periods == 6).all()
    assert (judge(history).growth.expected == 2.5).all()  # what the same counts mean where somebody watched


def test_a_cell_that_was_not_watched_is_unknown_and_no_part_of_what_the_others_are_held_against() -> None:
    counts = chance(4)
    counts[100, -1] = 9
    history = weeks(CELLS, counts)
    exposure = np.broadcast_to(history.exposure, counts.shape).copy()
    exposure[100, -1] = 3.0  # of seven days
    exposure[101] = 0.0
    found = judge(msgspec.structs.replace(history, exposure=exposure))
    assert found.unknown[[100, 101]].all() and found.unknown.sum() == 2
    assert kinds_of(found, [100, 101]) == [NOTHING, NOTHING]
    assert (found.gi.p_value[100], found.growth.p_value[100], found.watched) == (1.0, 1.0, len(CELLS) - 2)
    assert np.isnan(found.growth.expected[101])


def test_a_cell_watched_for_most_of_the_period_is_held_against_as_many_days() -> None:
    counts = np.full((len(CELLS), WEEKS), 4)
    counts[100, -1] = 2
    history = weeks(CELLS, counts)
    exposure = np.broadcast_to(history.exposure, counts.shape).copy()
    exposure[100, -1] = 3.5
    found = judge(msgspec.structs.replace(history, exposure=exposure))
    assert found.growth.expected[100] == 2.0
    assert found.gi.total[100] == 28  # its two events in half a week are four in a whole one, like its neighbours'


def test_without_a_past_there_is_gathering_but_no_change() -> None:
    counts = np.zeros((len(CELLS), WEEKS), np.int64)
    counts[:, -1] = chance(4)[:, -1]
    counts[clump(20), -1] += 8
    history = weeks(CELLS, counts)
    exposure = history.exposure.copy()
    exposure[0, :-1] = 0.0
    found = judge(msgspec.structs.replace(history, exposure=exposure))
    assert set(kinds_of(found, clump(20))) == {HOT}
    assert np.isnan(found.growth.expected).all() and not found.growth.looked_at.any()


def test_nothing_at_all_is_judged_as_nothing() -> None:
    found = judge(weeks(CELLS[:0], np.zeros((0, WEEKS), np.int64)))
    assert len(found.kind) == 0 and len(found.growth.looked_at) == 0
    with pytest.raises(ValueError, match="cells"):
        judge(History(cells=CELLS, counts=np.zeros((3, 2)), exposure=np.ones((1, 2)), lengths=np.ones(2)))

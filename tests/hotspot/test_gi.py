"""Getis-Ord Gi*: worked by hand, its probability against counting every draw, and how often it errs by chance."""

import itertools
from math import erfc, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.hotspot import gi
from appliance.hotspot.discovery import adjusted
from appliance.hotspot.gi import gi_star
from appliance.hotspot.neighbourhood import disks
from tests.conftest import examples
from tests.hotspot.grids import CENTRE, around, ring

SIMULATIONS = 300


def test_a_disk_of_seven_worked_by_hand() -> None:
    # Centre 4, one neighbour 3, the other five 0: n = 7, mean 1, mean square 25/7, variance 18/7.
    cells, walk = around(1), ring()
    values = np.array([{CENTRE: 4, walk[0]: 3}.get(cell, 0) for cell in cells.tolist()])
    found = gi_star(values, disks(cells))
    at = {cell: n for n, cell in enumerate(cells.tolist())}
    own, far, middle = at[walk[0]], at[walk[3]], at[CENTRE]
    # The neighbour with 3 has four cells in its disk: itself, the centre and two of the ring.
    # z = (7 - 4) / sqrt(18/7 * (7*4 - 4*4) / 6) = 3 / sqrt(36/7)
    assert (found.cells[own], found.total[own], found.expected[own]) == (4, 7, 4.0)
    assert found.z_score[own] == pytest.approx(sqrt(7) / 2)
    # Four drawn of seven hold both that are not 0 in C(5,2) of C(7,4) draws: 10/35; twice that, two-sided.
    assert found.p_value[own] == pytest.approx(20 / 35)
    # Across the centre 4 of 4 expected: P(4 or more) = 20/35, P(4 or fewer) = 25/35, so nothing at all.
    assert (found.total[far], found.z_score[far], found.p_value[far]) == (4, 0.0, 1.0)
    # The centre's disk is everything there is.
    assert (found.cells[middle], found.z_score[middle], found.p_value[middle]) == (7, 0.0, 1.0)


def test_cells_that_are_all_alike_and_no_cells_have_nothing_to_say() -> None:
    cells = around(2)
    found = gi_star(np.full(19, 3), disks(cells))
    assert not found.z_score.any() and (found.p_value == 1.0).all()
    assert len(gi_star(np.zeros(0, np.int64), disks(cells[:0])).p_value) == 0
    lone = gi_star(np.array([5]), disks(cells[:1]))
    assert (lone.z_score[0], lone.p_value[0]) == (0.0, 1.0)


@settings(max_examples=examples(60))
@given(st.lists(st.integers(0, 6), min_size=2, max_size=10), st.integers(1, 2_048))
def test_the_probability_is_that_of_all_draws_counted(values: list[int], steps: int) -> None:
    array, before = np.array(values), gi.STEPS
    k = np.arange(1, min(len(values), 7) + 1)
    total = np.array([sum(values[:drawn]) for drawn in k])
    for drawn, wanted in zip(k.tolist(), total.tolist(), strict=True):
        sums = [sum(some) for some in itertools.combinations(values, drawn)]
        upper = sum(one >= wanted for one in sums) / len(sums)
        lower = sum(one <= wanted for one in sums) / len(sums)
        exact = min(2 * min(upper, lower), 1.0)
        assert gi._two_sided(array, np.array([wanted]), np.array([drawn]))[0] == pytest.approx(exact)
        try:
            gi.STEPS = steps
            coarse = gi._two_sided(array, np.array([wanted]), np.array([drawn]))[0]
        finally:
            gi.STEPS = before
        assert coarse >= exact * (1 - 1e-12)  # in steps it is never too small


@pytest.mark.parametrize(
    ("mean", "size", "bell"),
    [(0.05, None, False), (0.3, None, False), (0.5, 0.3, False), (20.0, None, True)],
    ids=["rare", "few", "bursts", "many"],
)
def test_where_nothing_gathers_no_more_than_five_in_a_hundred_sites_have_a_hotspot(
    mean: float, size: float | None, bell: bool
) -> None:
    random, cells = np.random.default_rng(7), around(8)
    near, exact, normal = disks(cells), 0, 0
    for _ in range(SIMULATIONS):
        values = (
            random.poisson(mean, 217) if size is None else random.negative_binomial(size, size / (size + mean), 217)
        )
        found = gi_star(values, near)
        exact += bool((adjusted(found.p_value) <= 0.05).any())
        by_normal = np.array([erfc(abs(z) / sqrt(2)) for z in found.z_score.tolist()])
        normal += bool((adjusted(by_normal) <= 0.05).any())
    slack = 2.5 * sqrt(0.05 * 0.95 / SIMULATIONS)
    assert exact / SIMULATIONS <= 0.05 + slack
    if not bell:  # which is why the probability is not taken from the z score
        assert normal / SIMULATIONS > 0.05 + slack


def test_a_planted_gathering_is_found_and_nothing_else() -> None:
    random, cells = np.random.default_rng(1), around(8)
    values = random.poisson(0.4, 217)
    planted = [int(np.searchsorted(cells, cell)) for cell in (CENTRE, *ring()[:2])]
    values[planted] += 5
    found = gi_star(values, disks(cells))
    hot = set(np.flatnonzero(adjusted(found.p_value) <= 0.05).tolist())
    assert set(planted) <= hot
    reach = set(disks(cells)[planted].ravel().tolist())  # a disk that holds a planted cell may be hot with it
    assert hot <= reach and (found.z_score[list(hot)] > 0).all()


def test_busy_sites_are_judged_in_steps_that_change_little() -> None:
    random, cells = np.random.default_rng(5), around(8)
    values = random.poisson(900, 217)
    values[0] = 1_500
    assert int(np.sort(values)[-7:].sum()) > gi.STEPS
    found = gi_star(values, disks(cells))
    assert found.p_value[0] < 0.05
    assert np.median(found.p_value) > 0.3

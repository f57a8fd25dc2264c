"""Counts of cells against their hour of the week: bursts are found, quiet cells are left alone."""

from itertools import pairwise
from math import comb, exp, factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.anomaly.counts import FLOOR, RATE, CountBaseline, CountVerdict, Ints, fit_baseline, judge_counts
from appliance.anomaly.discovery import discover
from appliance.anomaly.negative_binomial import log_gamma, log_probability, mid_p

WEEKS = 8


def floats(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float64)


def drawn(rate: np.ndarray, seed: int, weeks: int = WEEKS) -> Ints:
    """(c, hours) events an hour of cells with so many a day; nights are quiet."""
    hour = np.arange(weeks * 168) % 24
    by_hour = (hour >= 8) * 1.5 / 24
    return np.random.default_rng(seed).poisson(rate[:, None] * by_hour[None, :])


def fit(hourly: Ints) -> CountBaseline:
    weeks = hourly.reshape(len(hourly), -1, 168)
    return fit_baseline(weeks.sum(axis=1), hourly.reshape(len(hourly), -1, 24).sum(axis=2))


def judge_day(baseline: CountBaseline, count: Ints) -> CountVerdict:
    return judge_counts(baseline, count, from_hour=0, hours=24)


@pytest.fixture(scope="module")
def rate() -> np.ndarray:
    """As cells of a city: most quiet, few busy."""
    return np.random.default_rng(0).gamma(0.4, 2.0, size=1_000)


@pytest.fixture(scope="module")
def baseline(rate: np.ndarray) -> CountBaseline:
    return fit(drawn(rate, seed=1))


def test_a_cell_of_few_events_is_drawn_towards_all_and_a_busy_one_is_its_own() -> None:
    rate = np.random.default_rng(8).gamma(4.0, 0.05, size=1_000)
    rate[0] = 50.0
    alike = drawn(rate[1:], seed=1)
    plain = alike.sum(axis=1) / (WEEKS * 7)
    # by theory 56 days of 56 + 20, which the prior is worth
    assert ((fit(alike).rate - rate[1:]) ** 2).mean() < 0.8 * ((plain - rate[1:]) ** 2).mean()
    hourly = drawn(rate, seed=1)
    assert fit(hourly).rate[0] == pytest.approx(hourly[0].sum() / (WEEKS * 7), rel=0.01)


def test_the_profile_is_the_sites_where_a_cell_has_none_of_its_own(baseline: CountBaseline) -> None:
    assert baseline.profile.sum(axis=1) == pytest.approx(1.0)
    night, day = baseline.profile[:, 2:6].mean(), baseline.profile[:, 12:16].mean()
    assert night < 0.05 * day


def test_a_cell_with_a_week_of_its_own_keeps_it() -> None:
    hourly = drawn(np.full(200, 6.0), seed=2)
    hourly[0] = np.roll(hourly[0], 12) * 3  # the one that is awake at night
    own = fit(hourly).profile[0].reshape(7, 24)
    assert own[:, :4].mean() > own[:, 12:16].mean()


@pytest.mark.parametrize("mean", [0.05, 0.1, 0.2, 0.5])
@pytest.mark.parametrize("cells", [20, 2_000])
def test_quiet_cells_are_flagged_less_often_than_stated(mean: float, cells: int) -> None:
    hourly = drawn(np.full(2_000, mean), seed=3, weeks=WEEKS + 4)
    flags = 0
    for first in range(0, 2_000, cells):
        block = hourly[first : first + cells]
        learned = fit(block[:, : WEEKS * 168])
        for day in range(WEEKS * 7, (WEEKS + 4) * 7):
            count = block[:, day * 24 : day * 24 + 24].sum(axis=1)
            flags += judge_counts(learned, count, from_hour=day % 7 * 24, hours=24).flagged.sum()
    assert flags / (2_000 * 28) <= RATE


@pytest.mark.parametrize(("mean", "events"), [(0.05, 4), (0.1, 4), (0.2, 5), (0.5, 6)])
def test_a_burst_in_a_quiet_cell_is_flagged_on_its_day(mean: float, events: int) -> None:
    learned = fit(drawn(np.full(2_000, mean), seed=4))
    count = np.zeros(2_000, dtype=np.int64)
    count[7] = events
    assert np.flatnonzero(judge_day(learned, count).flagged).tolist() == [7]


def test_a_burst_at_a_quiet_hour_is_flagged_where_the_same_at_a_busy_one_is_not() -> None:
    learned = fit(drawn(np.full(500, 24.0), seed=5))
    count = np.zeros(500, dtype=np.int64)
    count[3] = 5
    assert judge_counts(learned, count, from_hour=3, hours=1).flagged[3]
    assert not judge_counts(learned, count, from_hour=12, hours=1).flagged.any()


def test_a_single_event_is_never_flagged_however_quiet_the_cell() -> None:
    learned = fit(np.zeros((50, WEEKS * 168), dtype=np.int64))
    count = np.zeros(50, dtype=np.int64)
    count[0] = FLOOR - 1
    verdict = judge_day(learned, count)
    assert verdict.p_value.min() == 1.0 and not verdict.flagged.any()


def test_cells_whose_days_vary_beyond_chance_are_given_room() -> None:
    draw = np.random.default_rng(6)
    restless = np.repeat(draw.gamma(1.0, 1.0, (400, WEEKS * 7)), 24, axis=1)
    steady, varying = fit(drawn(np.full(400, 5.0), seed=7)), fit(draw.poisson(restless * 5.0 / 24))
    count = np.full(400, 18)
    assert judge_day(steady, count).flagged.all()
    assert not judge_day(varying, count).flagged.any()


def test_the_window_may_pass_the_end_of_the_week(baseline: CountBaseline) -> None:
    count = np.zeros(1_000, dtype=np.int64)
    around = judge_counts(baseline, count, from_hour=160, hours=24).expected
    hours = [judge_counts(baseline, count, from_hour=(160 + n) % 168, hours=1).expected for n in range(24)]
    assert around == pytest.approx(np.sum(hours, axis=0))


@pytest.mark.parametrize("shape", [((3, 168), (3, 8)), ((3, 24), (3, 7)), ((3, 168), (2, 7)), ((3, 168), (3, 0))])
def test_shapes_that_do_not_fit_are_refused(shape: tuple[tuple[int, int], tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="fitting a baseline"):
        fit_baseline(np.zeros(shape[0], dtype=np.int64), np.zeros(shape[1], dtype=np.int64))


def test_a_site_without_cells_has_no_anomalies() -> None:
    learned = fit_baseline(np.zeros((0, 168), dtype=np.int64), np.zeros((0, 7), dtype=np.int64))
    assert judge_day(learned, np.zeros(0, dtype=np.int64)).flagged.shape == (0,)


def test_mid_p_of_a_poisson_count_worked_by_hand() -> None:
    mean, most = 0.5, 1e6  # as good as Poisson
    beyond = 1 - sum(exp(-mean) * mean**n / factorial(n) for n in range(4))
    expected = beyond + 0.5 * exp(-mean) * mean**3 / factorial(3)
    assert mid_p(np.array([3]), floats(mean), floats(most))[0] == pytest.approx(expected, rel=1e-5)


@given(st.integers(0, 60), st.floats(0.01, 50.0), st.integers(1, 30))
def test_the_tail_agrees_with_plain_sums(count: int, mean: float, size: int) -> None:
    chance = size / (size + mean)
    plain = [comb(n + size - 1, n) * chance**size * (1 - chance) ** n for n in range(4_000)] if count > mean else []
    found = mid_p(np.array([count]), floats(mean), floats(size))[0]
    assert found == (pytest.approx(0.5 * plain[count] + sum(plain[count + 1 :]), rel=1e-6) if plain else 1.0)


def test_probabilities_sum_to_one_and_log_gamma_knows_factorials() -> None:
    n = np.arange(3_000)
    assert np.exp(log_probability(n, np.full(3_000, 7.0), np.full(3_000, 0.8))).sum() == pytest.approx(1.0)
    numbers = floats(*range(1, 21))
    assert np.exp(log_gamma(numbers)) == pytest.approx([factorial(n - 1) for n in range(1, 21)], rel=1e-10)


def test_a_far_tail_is_not_rounded_to_nothing() -> None:
    p = [mid_p(np.array([n]), floats(0.1), floats(1e6))[0] for n in (10, 20, 40)]
    assert all(0.0 < later < earlier for earlier, later in pairwise(p))


@pytest.mark.parametrize(
    ("p_value", "expected"),
    [
        ([], []),
        ([0.2], [False]),
        ([0.1], [True]),
        ([0.02, 0.9, 0.9, 0.9, 0.9], [True, False, False, False, False]),
        ([0.05, 0.05, 0.9, 0.9], [True, True, False, False]),
        ([0.07, 0.03, 0.06, 0.9], [True, True, True, False]),
        ([1.0, 1.0], [False, False]),
    ],
)
def test_discoveries_worked_by_hand(p_value: list[float], expected: list[bool]) -> None:
    assert discover(floats(*p_value), 0.1).tolist() == expected

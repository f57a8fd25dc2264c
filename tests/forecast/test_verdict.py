"""Whether the forecast is offered, and when its parameters are said to have drifted."""

import msgspec
import numpy as np
import pytest

from appliance.forecast.history import SHIFTS
from appliance.forecast.parameters import HorizonParameters, Parameters
from appliance.forecast.past import PARTS
from appliance.forecast.verdict import HORIZONS_CHECKED, Figures, check, check_split, drift, refusal
from tests.forecast.sites import draw, from_counts, patch

GRID = patch(6)
RATES = np.random.default_rng(5).gamma(0.5, 0.15, GRID.size)
FIGURES = Figures(
    horizon="next_day",
    windows=28,
    events=400,
    log_score=-0.10,
    plain_log_score=-0.11,
    coverage=0.90,
    coverage_error=0.002,
    busy_coverage=0.91,
    busy_coverage_error=0.02,
    hit_rate=0.40,
    plain_hit_rate=0.41,
    hit_error=0.01,
)


def having(**changes: float) -> Figures:
    return msgspec.structs.replace(FIGURES, **changes)


@pytest.mark.parametrize(("days", "tested"), [(300, 28), (84, 28), (60, 20), (21, 7), (20, None), (0, None)])
def test_the_last_four_weeks_are_held_against_what_came_or_a_third(days: int, tested: int | None) -> None:
    split = check_split(days)
    assert (None if split is None else days - split // SHIFTS) == tested


def test_a_forecast_is_offered_where_it_knows_what_a_plain_count_does_not() -> None:
    rng, busy = np.random.default_rng(6), np.where(np.arange(120) % 7 >= 5, 3.0, 1.0)
    quieter = np.where(np.arange(120) < 60, 1.0, 0.4)  # and weekends are busier
    rates = RATES * (busy * quieter)[:, None, None] / SHIFTS
    history = from_counts(GRID, rng.poisson(np.repeat(rates, SHIFTS, axis=1)))
    found = check(GRID, history, split=92 * SHIFTS, parameters=None)
    assert [figures.horizon for figures in found] == list(HORIZONS_CHECKED)
    assert [(figures.windows, refusal(figures), drift(figures)) for figures in found] == [(28, "", ""), (22, "", "")]
    assert all(0.87 < figures.coverage < 0.93 for figures in found)
    assert all(figures.events > 20 and figures.hit_rate > 0.05 for figures in found)


def parameters_that_scatter(clumping: float, part: str = "own_all") -> Parameters:
    weights = tuple(float(name == part) for name in PARTS)
    own = HorizonParameters(weights=weights, clumping=clumping, unevenness=0.0)
    return Parameters(horizons=dict.fromkeys(("next_shift", *HORIZONS_CHECKED), own))


def test_a_forecast_worse_than_the_plain_count_is_refused_and_says_by_how_much() -> None:
    history = draw(GRID, RATES, 120)
    day, _ = check(GRID, history, split=92 * SHIFTS, parameters=parameters_that_scatter(0.0, "even"))
    assert "the plain count foretold better" in refusal(day)
    assert f"{day.plain_log_score:.6f} against {day.log_score:.6f}" in refusal(day)


def test_parameters_that_no_longer_fit_are_found_to_have_drifted() -> None:
    rng = np.random.default_rng(8)
    rates = RATES * 6
    calm, wild = draw(GRID, rates, 92), rng.gamma(0.15, 1 / 0.15, (28, 1, GRID.size)) * rates / SHIFTS
    counts = np.stack([calm.sum_of(GRID, shift, shift + 1) for shift in range(calm.shifts)])
    after = rng.poisson(np.repeat(wild, SHIFTS, axis=1))
    history = from_counts(GRID, np.concatenate([counts.reshape(92, SHIFTS, -1), after]))
    day, _ = check(GRID, history, split=92 * SHIFTS, parameters=parameters_that_scatter(0.0))
    assert "of counts in the 90 % interval, outside 87% to 93%" in drift(day)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"coverage": 0.86}, "86.0% of counts in the 90 % interval, outside 87% to 93%"),
        ({"coverage": 0.86, "coverage_error": 0.01}, ""),  # could be chance
        ({"coverage": 0.95}, "95.0% of counts"),
        ({"busy_coverage": 0.70}, "70.0% of counts of the busiest cells"),
        ({"busy_coverage": 0.78}, ""),
        ({"hit_rate": 0.30}, "hit rate 0.300, below 95% of the plain count's"),
        ({"hit_rate": 0.385, "hit_error": 0.02}, ""),
        ({"hit_rate": 0.60}, ""),
        ({"coverage": 0.5, "events": 19}, ""),  # of so few nothing is said
    ],
)
def test_drift_is_what_lies_beyond_a_bound_by_more_than_chance(changes: dict[str, float], words: str) -> None:
    assert words in drift(having(**changes)) if words else drift(having(**changes)) == ""


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (None, "too little history"),
        (having(events=19), "19 events in the last 28 days are too few"),
        (having(log_score=-0.11), "foretold better"),
        (FIGURES, ""),
    ],
)
def test_what_cannot_be_shown_to_be_better_is_not_offered(figures: Figures | None, words: str) -> None:
    assert words in refusal(figures) if words else refusal(figures) == ""

"""Crowds and incidents: nothing is found in noise, a planted tie with its lag, and little data is told as such."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.iot.correlation import (
    LEAST_INCIDENTS,
    Association,
    associate,
    effective_hours,
    interval_of,
    moved_correlations,
    ranks,
    without_week,
)
from tests.conftest import examples

Floats = NDArray[np.float64]


def wander(rng: np.random.Generator, n: int, memory: float) -> Floats:
    """An autocorrelated series of variance 1."""
    steps, found = rng.normal(size=n) * math.sqrt(1 - memory**2), np.zeros(n)
    for t in range(1, n):
        found[t] = memory * found[t - 1] + steps[t]
    return found


def site(
    rng: np.random.Generator, *, days: int, tie: float = 0.0, lag_h: int = 3, memory: float = 0.9, types: int = 3
) -> list[Association]:
    """Crowds and incidents with one rhythm of the day and the week; those of type 0 follow the crowd's own ups."""
    n = days * 24
    hour = np.arange(n)
    week = hour % 168
    rhythm = 1.5 + np.sin(2 * np.pi * hour / 24) + 0.5 * (week >= 120)
    ups = wander(rng, n, memory)
    crowd = 100 * rhythm * np.exp(0.4 * ups)
    crowd[rng.random(n) < 0.1] = np.nan  # a counter that fails now and then
    counts = {}
    for kind in range(types):
        mood = 0.4 * wander(rng, n, memory) + (tie * np.roll(ups, lag_h) if kind == 0 else 0.0)
        counts[f"type {kind}"] = rng.poisson(0.15 * rhythm * np.exp(mood))
    return associate(crowd, counts, watched=np.ones(n, dtype=np.bool_), hour_of_week=week)


@pytest.mark.parametrize(("days", "memory"), [(28, 0.9), (60, 0.9), (60, 0.98), (60, 0.0)])
def test_of_sites_without_a_tie_at_most_one_in_twenty_is_told_one(days: int, memory: float) -> None:
    rng, sites = np.random.default_rng(11), examples(300)
    told = sum(any(one.verdict == "associated" for one in site(rng, days=days, memory=memory)) for _ in range(sites))
    assert told <= sites * 0.05 + 2 * math.sqrt(sites * 0.05 * 0.95)


@pytest.mark.parametrize("lag_h", [0, 3, -5, 20])
def test_a_planted_tie_is_found_with_its_lag(lag_h: int) -> None:
    rng = np.random.default_rng(5)
    found = [site(rng, days=60, tie=0.8, lag_h=lag_h)[0] for _ in range(10)]
    right = [
        one
        for one in found
        if one.event_type == "type 0" and one.verdict == "associated" and abs((one.lag_h or 0) - lag_h) <= 1
    ]
    assert len(right) >= 8
    for one in right:
        assert one.rho is not None and one.interval is not None and one.effective_hours is not None
        assert 0.0 < one.interval[0] < one.rho < one.interval[1]
        assert one.effective_hours < one.hours
        assert "larger crowds than usual" in one.words


def test_a_common_rhythm_of_the_week_alone_is_no_tie() -> None:
    n = 60 * 24
    hour = np.arange(n)
    rhythm = 2.0 + np.sin(2 * np.pi * hour / 24)
    rng = np.random.default_rng(3)
    counts = {"theft": rng.poisson(0.3 * rhythm)}
    (one,) = associate(
        100 * rhythm + rng.normal(size=n), counts, watched=np.ones(n, dtype=np.bool_), hour_of_week=hour % 168
    )
    assert one.verdict == "not shown"


@pytest.mark.parametrize(
    ("days", "incidents", "told", "words"),
    [
        (20, 500, 1.0, "20 days of hours; 28 are needed"),
        (40, LEAST_INCIDENTS - 1, 1.0, "29 incidents; 30 are needed"),
        (40, 500, 0.1, "hours with a crowd reading; 336 are needed"),
    ],
)
def test_little_data_is_told_as_such_and_gives_no_coefficient(
    days: int, incidents: int, told: float, words: str
) -> None:
    n, rng = days * 24, np.random.default_rng(1)
    crowd = np.where(np.arange(n) < told * n, 50.0 + rng.normal(size=n), np.nan)
    counts = np.bincount(rng.integers(0, n, incidents), minlength=n)
    (one,) = associate(crowd, {"theft": counts}, watched=np.ones(n, dtype=np.bool_), hour_of_week=np.arange(n) % 168)
    assert (one.verdict, one.rho, one.p_value, one.interval) == ("insufficient data", None, None, None)
    assert words in one.words


def test_hours_in_which_the_box_did_not_listen_are_in_neither_series() -> None:
    n, rng = 60 * 24, np.random.default_rng(2)
    watched = np.ones(n, dtype=np.bool_)
    watched[200:300] = False
    counts = rng.poisson(0.2, n)
    (one,) = associate(rng.random(n), {"theft": counts}, watched=watched, hour_of_week=np.arange(n) % 168)
    assert one.incidents == counts[watched].sum()
    assert one.hours <= n - 100


def test_every_lag_is_the_plain_correlation_of_what_is_known() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=60), rng.normal(size=60)
    x_known, y_known = rng.random(60) < 0.8, rng.random(60) < 0.9
    found = moved_correlations(x, x_known, y, y_known)
    for lag in (0, 1, 7, 59):
        moved, moved_known = np.roll(y, -lag), np.roll(y_known, -lag)
        both = x_known & moved_known
        assert found[lag] == pytest.approx(np.corrcoef(x[both], moved[both])[0, 1])


def test_ranks_share_what_is_equal() -> None:
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_the_weeks_course_is_taken_away() -> None:
    week = np.arange(168 * 20) % 168
    left = without_week(10.0 + (week % 24).astype(np.float64), np.ones(len(week), dtype=np.bool_), week)
    assert np.abs(left).max() < 0.7


def test_autocorrelated_hours_count_for_less() -> None:
    rng = np.random.default_rng(6)
    smooth, rough = [wander(rng, 2_000, memory) for memory in (0.95, 0.0)]
    assert effective_hours(smooth, smooth, 2_000) < 200
    assert effective_hours(rough, smooth, 2_000) > 1_500


def test_the_interval_by_hand() -> None:
    # z = atanh(0.5); half = 1.96 * sqrt(1.06 / 100) for one thing searched among 103 independent hours
    low, high = interval_of(0.5, 103.0, 1)
    half = 1.959964 * math.sqrt(1.06 / 100)
    assert (low, high) == pytest.approx((math.tanh(math.atanh(0.5) - half), math.tanh(math.atanh(0.5) + half)))
    assert interval_of(0.5, 103.0, 49)[0] < low

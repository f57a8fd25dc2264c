"""The risk of an asset: by hand-worked numbers, and what is not known is never low."""

import math

import numpy as np
import pytest

from appliance.forecast.scale import risk_score
from appliance.model.risk import LEVELS
from appliance.score.asset import BASIS_DAYS, expected_by_count, is_alerting, score_asset, watched_share


def test_a_cell_expects_the_mean_of_28_days_and_a_footprint_its_share() -> None:
    counts = np.zeros((2, BASIS_DAYS + 1), np.int64)
    counts[0, 0] = 28  # a day before the second day's basis
    counts[0, 5] = 14
    counts[1, :] = 2
    expected, days = expected_by_count(counts, np.ones_like(counts, bool), np.array([0.25, 0.5]))
    assert expected.tolist() == [0.25 * 42 / 28 + 0.5 * 2, 0.25 * 14 / 28 + 0.5 * 2]
    assert days.tolist() == [28, 28]


def test_a_day_that_nobody_watched_is_not_a_quiet_one() -> None:
    counts = np.full((1, BASIS_DAYS), 3, np.int64)
    known = np.ones_like(counts, bool)
    counts[0, :20], known[0, :20] = 0, False
    expected, days = expected_by_count(counts, known, np.array([1.0]))
    assert (expected.tolist(), days.tolist()) == ([3.0], [8])


def test_where_nothing_is_known_nothing_is_expected_and_nothing_is_low() -> None:
    counts = np.zeros((2, BASIS_DAYS), np.int64)
    expected, days = expected_by_count(counts, np.zeros_like(counts, bool), np.array([1.0, 0.5]))
    assert np.isnan(expected).all() and days.tolist() == [0]
    scores = score_asset(expected, np.array([1.0]), 1.0, risk_score)
    assert np.isnan(scores.risk_score).all() and np.isnan(scores.probability).all()
    assert scores.risk_level.tolist() == [-1]


def test_a_cell_that_is_known_speaks_beside_one_that_is_not() -> None:
    counts = np.full((2, BASIS_DAYS), 4, np.int64)
    known = np.ones_like(counts, bool)
    known[1] = False
    expected, days = expected_by_count(counts, known, np.array([0.5, 1.0]))
    assert (expected.tolist(), days.tolist()) == ([2.0], [28])


def test_a_score_says_how_dense_events_are_to_be_and_a_probability_whether_there_is_one() -> None:
    expected = np.array([0.0, 0.01, 0.1, 1.0])
    scores = score_asset(expected, np.ones(4), 0.1, risk_score)
    assert scores.risk_score.tolist() == pytest.approx([0.0, 40.0, 60.0, 80.0])
    assert [LEVELS[level] for level in scores.risk_level] == ["low", "medium", "high", "critical"]
    assert scores.probability.tolist() == pytest.approx([1 - math.exp(-mean) for mean in expected])


def test_a_footprint_is_unknown_where_less_than_half_of_it_is_watched() -> None:
    known = np.array([[True, True, False], [True, False, False]])
    watched = watched_share(known, np.array([1.0, 3.0]))
    assert watched.tolist() == [1.0, 0.25, 0.0]
    scores = score_asset(np.ones(3), watched, 4.0, risk_score)
    assert np.isnan(scores.risk_score).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("score", "before", "alerting"),
    [(75.0, False, True), (74.9, False, False), (74.9, True, True), (70.1, True, True), (70.0, True, False),
     (70.1, False, False), (None, True, True), (None, False, False)],
)  # fmt: skip
def test_an_alert_begins_at_the_threshold_and_ends_well_below_it(
    score: float | None, before: bool, alerting: bool
) -> None:
    assert is_alerting(score, before=before, threshold=75, hysteresis=5) is alerting

"""The expected total of a site: its level, times the hour of the week as far as that can be told."""

import numpy as np
import pytest

from appliance.forecast.learn import learn
from appliance.forecast.level import LEVEL_HALF_LIVES_DAYS, WEEKDAY_WEEKS, Level
from tests.forecast.sites import from_counts, patch


def test_a_shift_of_the_week_is_drawn_to_its_slot_of_the_day_by_so_many_weeks() -> None:
    level = Level(0)
    for _ in range(4):
        for shift in range(21):
            level.add(8 if shift == 0 else 1)
    factors = level.factors()
    # Mean 28 / 21; nights have 56 events in 28 shifts, and two more of the mean: (56 + 8 / 3) / 30 = 1.9556 a shift.
    slot = (56 + 2 * 28 / 21) / 30
    for row, weeks in enumerate(WEEKDAY_WEEKS):
        assert factors[row, 0] == pytest.approx((32 + weeks * slot) / (4 + weeks) / (28 / 21))
    assert factors[-1, 0] == pytest.approx(factors[-1, 3], rel=1e-4)


def test_what_is_expected_has_the_level_that_was_seen_whatever_the_half_life() -> None:
    level = Level(3)
    for _ in range(300):
        level.add(5)
    found = level.expect(21)
    assert found.shape == (len(WEEKDAY_WEEKS), len(LEVEL_HALF_LIVES_DAYS), 21)
    assert found == pytest.approx(np.full(found.shape, 5.0))
    assert Level(0).expect(2).tolist() == np.zeros((len(WEEKDAY_WEEKS), len(LEVEL_HALF_LIVES_DAYS), 2)).tolist()


def test_one_burst_among_few_events_is_no_habit_of_its_weekday() -> None:
    grid, rng = patch(1), np.random.default_rng(3)
    counts = rng.poisson(0.7 / 3 / grid.size, (500, 3, grid.size))
    counts[150, 1, 0] += 400
    burst = learn(grid, from_counts(grid, counts)).horizons["next_shift"]
    assert WEEKDAY_WEEKS[burst.weekday_weeks] == 1e6
    weekly = np.where(np.arange(500) % 7 == 4, 30.0, 3.0)[:, None, None] / 3 / grid.size
    kept = learn(grid, from_counts(grid, rng.poisson(weekly, (500, 3, grid.size)))).horizons["next_shift"]
    assert WEEKDAY_WEEKS[kept.weekday_weeks] < 1e6

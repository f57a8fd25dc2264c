"""The backtest: what each method is told, what is counted, and a tiny one worked by hand."""

import numpy as np
import pytest

from appliance.forecast.history import SHIFTS
from appliance.forecast.parameters import Parameters
from appliance.forecast.rivals import RIVALS, Instant, count_all, count_back, density, plain_rate
from appliance.forecast.rolling import Trial, backtest, split_of
from tests.forecast.sites import draw, from_counts, patch


def test_a_tiny_backtest_by_hand() -> None:
    """One cell of seven has an event every morning: whoever counts finds it in the next day, and in a third of the
    shifts; and 1 % of seven cells is one cell."""
    grid = patch(0)
    counts = np.zeros((30, SHIFTS, grid.size), np.int64)
    counts[:, 0, 3] = 1
    shift, day, week = backtest(grid, from_counts(grid, counts), first=20 * SHIFTS, rivals={"count_all": count_all})
    assert (len(shift.events), len(day.events), len(week.events)) == (30, 10, 4)
    assert (sum(shift.events), sum(day.events), sum(week.events)) == (10, 10, 28)
    for trial in (shift, day, week):
        for row in trial.rows():
            assert (row.hit_rate, row.pai, row.pei) == (1.0, pytest.approx(7.0), 1.0)
            assert row.log_score is not None and -1.0 < row.log_score < 0.0


def test_rows_are_every_method_and_area_and_log_scores_only_where_a_rate_is_given() -> None:
    grid = patch(2)
    trials = backtest(grid, draw(grid, np.full(grid.size, 0.2), 40), first=30 * SHIFTS, rivals=RIVALS)
    rows = [row for trial in trials for row in trial.rows()]
    assert {row.horizon for row in rows} == {"next_shift", "next_day", "next_7_days"}
    assert {row.method for row in rows} == {"last_week", "count_28d", "count_all", "kde", "calibrated"}
    assert len(rows) == 3 * 5 * 3 and {row.area for row in rows} == {0.01, 0.02, 0.05}
    rated = {row.method for row in rows if row.log_score is not None}
    assert rated == {"count_28d", "count_all", "calibrated"}


def test_no_method_is_told_what_comes_after() -> None:
    grid = patch(2)
    history = draw(grid, np.full(grid.size, 0.3), 40)
    shift = 20 * SHIFTS + 1
    counts = np.stack([history.sum_of(grid, s, s + 1) for s in range(history.shifts)])
    counts[shift:] = counts[shift:][::-1] + 5
    other = from_counts(grid, counts.reshape(-1, SHIFTS, grid.size))
    for rival in RIVALS.values():
        told = [rival(Instant(grid=grid, history=h, shift=shift)).tolist() for h in (history, other)]
        assert told[0] == told[1]


def test_counts_look_back_as_far_as_they_say() -> None:
    grid = patch(0)
    counts = np.zeros((40, SHIFTS, grid.size), np.int64)
    counts[:, 1, 0] = 1
    now = Instant(grid=grid, history=from_counts(grid, counts), shift=35 * SHIFTS)
    assert count_back(7 * SHIFTS)(now).tolist()[0] == 7
    assert count_all(now).tolist()[0] == 35


def test_the_kernel_spreads_an_event_over_two_rings() -> None:
    grid = patch(4)
    counts = np.zeros((61, SHIFTS, grid.size), np.int64)
    middle = int(np.flatnonzero((grid.disk[:-1] < grid.size).all(axis=1))[0])
    counts[60, 0, middle] = 1
    spread = density(Instant(grid=grid, history=from_counts(grid, counts), shift=61 * SHIFTS))
    assert spread[middle] == 7 and spread.max() == 7
    assert sorted(spread[grid.disk[middle]].tolist()) == [4] * 6 + [7]  # ways there in two steps


def test_the_plain_rate_keeps_the_total_and_calls_nothing_impossible() -> None:
    rate = plain_rate(np.array([6, 0, 0]), 3)
    assert rate.sum() == pytest.approx(2.0)
    assert rate.tolist() == pytest.approx([2 * 6.5 / 7.5, 2 * 0.5 / 7.5, 2 * 0.5 / 7.5])


def test_simulated_days_are_calibrated_and_the_forecast_beats_the_count_where_days_differ() -> None:
    grid = patch(6)
    rates = np.random.default_rng(3).gamma(0.6, 0.3, grid.size)
    history = draw(grid, rates, 150, by_shift=(1, 2, 6))
    trials = backtest(grid, history, first=110 * SHIFTS, rivals={"count_all": count_all})
    for trial in trials:
        found = trial.calibration()
        assert 0.88 <= found.coverage <= 0.92
        assert found.expected == pytest.approx(found.happened, rel=0.1)
    rows = {(row.method, row.horizon): row for row in trials[0].rows()}
    ours, plain = rows["calibrated", "next_shift"].log_score, rows["count_all", "next_shift"].log_score
    assert ours is not None and plain is not None and ours > plain


def test_a_short_history_is_tested_on_its_last_third_and_a_week_that_does_not_fit_is_left_out() -> None:
    assert split_of(730, 90) == 640 * SHIFTS
    assert split_of(10, 90) == 7 * SHIFTS
    grid = patch(1)
    trials: list[Trial] = backtest(
        grid,
        draw(grid, np.full(grid.size, 0.3), 10),
        first=7 * SHIFTS,
        rivals={"count_all": count_all},
        parameters=Parameters(),
    )
    assert [trial.horizon for trial in trials] == ["next_shift", "next_day"]

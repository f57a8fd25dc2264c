"""The forecast on made-up sites whose truth is known."""

from datetime import date

import msgspec
import numpy as np
import pytest

from appliance.forecast.grid import grid_around, grid_of, places_of
from appliance.forecast.history import HORIZONS, History, history_of, origins
from appliance.forecast.learn import learn, mixture_weights
from appliance.forecast.parameters import DEFAULT_WEIGHTS, Parameters
from appliance.forecast.past import PARTS, Past, class_of
from appliance.forecast.predict import EVERY, Forecast, Site, forecast_cells
from appliance.forecast.scale import risk_score
from appliance.spatial.cells import cell_of, disk, parent
from tests.forecast.sites import MONDAY, draw, from_counts, patch


def site_after(history: History, grid: object) -> Site:
    site = Site(grid, history.first_day.weekday())
    for shift in range(history.shifts):
        site.add(*history.of(shift))
    return site


def test_the_area_is_every_cell_with_an_event_and_its_neighbours() -> None:
    cell = cell_of(lat=29.37, lng=47.97, resolution=9)
    grid = grid_around([cell, cell])
    assert grid.cells.tolist() == sorted(disk(cell))
    at = int(places_of(grid, np.array([cell]))[0])
    assert sorted(grid.disk[at].tolist()) == list(range(7))
    assert (grid.disk == 7).sum() == 7 * 1 + 6 * 3  # the last row, and three outer neighbours of each of six


def test_cells_of_one_parent_two_resolutions_up_are_one_district() -> None:
    grid = patch(6)
    above = np.array([parent(cell, 7) for cell in grid.cells.tolist()])
    assert len(set(above.tolist())) > 1
    same = grid.district[:, None] == grid.district[None, :]
    assert np.array_equal(same, above[:, None] == above[None, :])
    assert sorted(set(grid.district.tolist())) == list(range(len(set(above.tolist()))))
    coarsest = grid_around([cell_of(lat=29.37, lng=47.97, resolution=1)])
    assert [parent(cell, 0) for cell in coarsest.cells.tolist()] == [
        parent(int(coarsest.cells[np.flatnonzero(coarsest.district == at)[0]]), 0) for at in coarsest.district.tolist()
    ]


def test_an_event_counts_in_the_shift_that_the_clock_shows() -> None:
    grid = grid_of([cell_of(lat=29.37, lng=47.97, resolution=9)])
    hours = np.array([0, 7, 8, 23, 23], np.int64)
    history = history_of(
        grid,
        first_day=MONDAY,
        days=2,
        cells=np.repeat(grid.cells, 5),
        day=np.array([0, 0, 0, 0, 5], np.int64),
        hour=hours,
    )
    assert [history.of(shift)[1].sum() for shift in range(6)] == [2, 1, 1, 0, 0, 0]
    assert history.sum_of(grid, -5, 2).tolist() == [3]


def test_windows_begin_at_every_shift_or_day_and_end_within_the_history() -> None:
    assert list(origins("next_shift", 4, 9)) == [4, 5, 6, 7, 8]
    assert list(origins("next_day", 4, 12)) == [6, 9]
    assert list(origins("next_7_days", 0, 25)) == [0, 3]


def test_weekday_and_weekend_shifts_are_classes_of_their_own() -> None:
    monday = MONDAY.weekday()
    assert [class_of(shift, monday) for shift in (0, 2, 14, 15, 20, 21)] == [0, 2, 2, 3, 5, 0]
    assert class_of(0, date(2026, 3, 7).weekday()) == 3


def test_each_part_of_the_past_is_a_probability_over_the_cells() -> None:
    grid = patch()
    past = site_after(draw(grid, np.full(grid.size, 0.05), 40), grid).past
    densities = past.densities(EVERY)
    assert densities.shape == (len(PARTS), grid.size)
    assert (densities >= 0).all()
    assert densities.sum(axis=1) == pytest.approx(np.ones(len(PARTS)), abs=1e-9)


def test_decays_stay_right_however_long_the_history() -> None:
    """Two years at a half-life of a day are 800 doublings: the weights are taken back before they overflow."""
    grid = patch(1)
    past, none = Past(grid), np.zeros(0, np.int64)
    for shift in range(3 * 800):
        past.add(np.array([shift % 2]) if shift % 3 == 0 else none, np.array([1]) if shift % 3 == 0 else none, 0)
    own = past.densities(EVERY)[0]
    # One event a day, in turn: cell 1 had the last one, cell 0 that of the day before.
    assert own[1] == pytest.approx(2 * own[0], rel=1e-6)


def test_the_weights_of_a_mixture_are_those_it_was_drawn_from() -> None:
    rng = np.random.default_rng(2)
    densities = rng.dirichlet(np.full(50, 0.3), 3).T  # (50 cells, 3 parts)
    truth = np.array([0.6, 0.3, 0.1])
    cells = rng.choice(50, 20_000, p=densities @ truth)
    found = mixture_weights(densities[cells].T, np.ones(len(cells)), np.ones(3))
    assert found == pytest.approx(truth, abs=0.03)


def test_without_events_the_weights_are_the_prior() -> None:
    found = mixture_weights(np.ones((2, 0)), np.ones(0), np.array([3.0, 1.0]))
    assert found.tolist() == pytest.approx([0.75, 0.25])


def test_planted_rates_are_recovered_and_better_than_by_counting() -> None:
    grid = patch(6)
    rng = np.random.default_rng(4)
    rates = rng.gamma(0.5, 0.2, grid.size)
    history = draw(grid, rates, 200)
    parameters = learn(grid, history)
    forecast = forecast_cells(site_after(history, grid), parameters, "next_day")
    counted = history.sum_of(grid, 0, history.shifts) / 200
    assert forecast.mean.sum() == pytest.approx(rates.sum(), rel=0.1)
    assert np.corrcoef(forecast.mean, rates)[0, 1] > 0.97
    assert ((forecast.mean - rates) ** 2).sum() < 1.1 * ((counted - rates) ** 2).sum()
    assert parameters.horizons["next_day"].clumping < 0.1


def test_the_hour_of_the_day_is_learned_from_cells_that_keep_their_own() -> None:
    grid = patch(5)
    rates = np.full(grid.size, 0.3)
    early, late = np.arange(grid.size) % 2 == 0, np.arange(grid.size) % 2 == 1
    rng = np.random.default_rng(6)
    counts = np.stack(
        [rng.poisson(rates * np.where(early, a, b), (180, grid.size)) for a, b in ((0.8, 0.1), (0.1, 0.1), (0.1, 0.8))],
        axis=1,
    )
    history = from_counts(grid, counts)
    site, parameters = site_after(history, grid), learn(grid, history)
    morning = forecast_cells(site, parameters, "next_shift").mean
    assert morning[early].mean() > 4 * morning[late].mean()
    day = forecast_cells(site, parameters, "next_day").mean
    assert day[early].mean() == pytest.approx(day[late].mean(), rel=0.15)


def test_strengths_are_low_where_cells_differ_and_high_where_they_are_alike() -> None:
    grid, rng = patch(5), np.random.default_rng(7)
    own_hours = np.where(np.arange(grid.size)[:, None] % 2 == 0, [0.8, 0.1, 0.1], [0.1, 0.1, 0.8])
    differ = rng.poisson(0.3 * own_hours.T[None], (120, 3, grid.size))
    alike = rng.poisson(0.1, (120, 3, grid.size))
    different, same = learn(grid, from_counts(grid, differ)), learn(grid, from_counts(grid, alike))
    assert different.shift_strengths[0] <= 16.0
    assert same.shift_strengths[0] >= 64.0
    assert different.class_strengths[0] <= 16.0
    assert same.class_strengths[0] >= 64.0


def test_parameters_of_an_older_version_can_still_be_read() -> None:
    older = msgspec.json.encode(
        {"code_version": "calibrated-1", "own_strength": 64.0, "near_strength": 8.0, "events": 9}
    )
    found = msgspec.json.decode(older, type=Parameters)
    assert (found.code_version, found.events, found.class_strengths) == (
        "calibrated-1",
        9,
        Parameters().class_strengths,
    )


def test_the_pit_of_simulated_days_is_within_the_interval_nine_times_in_ten() -> None:
    grid = patch(5)
    rates = np.random.default_rng(8).gamma(1.0, 1.5, grid.size)
    history = draw(grid, rates, 150)
    forecast = forecast_cells(site_after(history, grid), learn(grid, history), "next_day")
    low, high = forecast.interval(0.9)
    days = np.random.default_rng(9).poisson(rates, (300, grid.size))
    assert 0.88 <= ((days >= low) & (days <= high)).mean() <= 0.99


def test_the_same_whatever_the_order_in_which_events_are_told() -> None:
    grid = patch(3)
    history = draw(grid, np.full(grid.size, 0.1), 60)
    rng = np.random.default_rng(1)
    shift = np.repeat(np.arange(history.shifts), np.diff(history.start))
    shift, place = (np.repeat(at, history.count) for at in (shift, history.place))
    order = rng.permutation(len(place))
    again = history_of(
        grid_of(rng.permutation(grid.cells).tolist()),
        first_day=MONDAY,
        days=60,
        cells=grid.cells[place[order]],
        day=shift[order] // 3,
        hour=shift[order] % 3 * 8,
    )
    for name in ("place", "count", "start"):
        assert np.array_equal(getattr(again, name), getattr(history, name))
    assert learn(grid, again) == learn(grid, history)


def test_a_site_without_a_past_expects_nothing_and_has_the_default_parameters() -> None:
    grid = patch(1)
    history = from_counts(grid, np.zeros((3, 3, grid.size), np.int64))
    assert learn(grid, history) == Parameters()
    forecast = forecast_cells(site_after(history, grid), Parameters(), "next_7_days")
    assert forecast.mean.tolist() == [0.0] * grid.size
    assert [edge.tolist() for edge in forecast.interval()] == [[0] * grid.size] * 2


def test_a_week_is_seven_days_and_a_day_three_shifts() -> None:
    grid = patch(3)
    site = site_after(draw(grid, np.full(grid.size, 0.2), 90), grid)
    shift, day, week = (forecast_cells(site, Parameters(), horizon).mean.sum() for horizon in HORIZONS)
    assert day == pytest.approx(3 * shift, rel=0.25)
    assert week == pytest.approx(7 * day, rel=0.1)


def test_parameters_are_stored_as_json_and_have_a_version_of_their_content() -> None:
    grid = patch(3)
    learned = learn(grid, draw(grid, np.full(grid.size, 0.2), 60))
    stored = msgspec.json.decode(msgspec.json.encode(learned), type=Parameters)
    assert stored == learned and stored.version == learned.version
    assert learned.version != Parameters().version
    assert sum(DEFAULT_WEIGHTS) == pytest.approx(1.0)


def test_a_forecast_names_what_made_it() -> None:
    grid = patch(1)
    forecast: Forecast = forecast_cells(Site(grid, 0), Parameters(), "next_day")
    assert (forecast.code, forecast.parameters, forecast.reference) == (
        "calibrated-2",
        Parameters().version,
        "density-1",
    )


def test_the_scale_is_decades_of_events_a_km2_and_day_anywhere() -> None:
    events = np.array([0.0, 0.001, 0.01, 0.1, 100.0, 1e6])
    assert risk_score(events, np.ones(6)).tolist() == pytest.approx([0, 0, 20, 40, 100, 100])
    assert risk_score(events, np.ones(6)).tolist() == pytest.approx(risk_score(events / 7, np.ones(6) / 7).tolist())

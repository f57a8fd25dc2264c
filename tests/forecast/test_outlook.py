"""The forecast by resolution, type and window: parts add up to their whole, and counts lie in their intervals."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest

from appliance.forecast import law
from appliance.forecast.history import SHIFTS
from appliance.forecast.mix import MAX_TYPES, OTHERS, mix_of
from appliance.forecast.outlook import (
    WINDOWS,
    Outlook,
    Window,
    areas_of,
    calibrated_window,
    outlooks_of,
    plain_window,
    site_of,
)
from appliance.forecast.parameters import Parameters
from appliance.forecast.predict import forecast_cells
from appliance.forecast.scale import risk_score
from appliance.spatial.cells import parent
from tests.forecast.sites import MONDAY, draw, from_counts, patch

TODAY = MONDAY + timedelta(days=40)
GRID = patch(6)
RATES = np.random.default_rng(2).gamma(0.4, 0.5, GRID.size)
HISTORY = draw(GRID, RATES, 40, by_shift=(1, 2, 4))
NO_WEIGHTS: dict[str, float] = {}


def counts_of(*types: tuple[str, float]) -> Counter[tuple[int, str]]:
    """So many events of each type as its share of a cell's says, of all that came."""
    total = HISTORY.sum_of(GRID, 0, HISTORY.shifts)
    return Counter(
        {(cell, name): round(count * share) for cell, count in zip(GRID.cells.tolist(), total.tolist(), strict=True)
         for name, share in types if round(count * share)}
    )  # fmt: skip


def slices(weights: dict[str, float] = NO_WEIGHTS, window: Window | None = None) -> dict[tuple[int, str], Outlook]:
    """Every slice of a window, by resolution and type."""
    mix = mix_of(GRID, counts_of(("theft", 0.6), ("fire", 0.3), ("assault", 0.1)), weights)
    window = window or calibrated_window(site_of(GRID, HISTORY), Parameters(), "next_day", TODAY, 0)
    return {
        (area.resolution, found.event_type): found
        for area in areas_of(GRID, (7, 8, 9))
        for found in outlooks_of(window, area, mix)
    }


def test_a_cell_expects_what_its_children_do_in_all_and_of_each_type() -> None:
    found = slices()
    assert {name for _, name in found} == {"", "theft", "fire", "assault"}
    for (resolution, name), outlook in found.items():
        fine = found[9, name]
        sums: Counter[int] = Counter()
        for cell, mean in zip(fine.cells.tolist(), fine.mean.tolist(), strict=True):
            sums[parent(cell, resolution)] += mean
        assert outlook.cells.tolist() == sorted(sums)
        assert outlook.mean == pytest.approx([sums[cell] for cell in sorted(sums)])


def test_types_add_up_to_all_events() -> None:
    found = slices()
    for resolution in (7, 8, 9):
        whole = found[resolution, ""].mean
        assert sum(found[resolution, name].mean for name in ("theft", "fire", "assault")) == pytest.approx(whole)


def test_the_fine_cells_are_the_forecast_itself() -> None:
    forecast = forecast_cells(site_of(GRID, HISTORY), Parameters(), "next_day")
    found = slices()[9, ""]
    low, high = forecast.interval()
    assert found.mean == pytest.approx(forecast.mean)
    assert (found.low.tolist(), found.high.tolist()) == (low.tolist(), high.tolist())


def test_nine_counts_in_ten_lie_within_the_interval_of_a_coarser_cell_too() -> None:
    window = Window(horizon="next_7_days", day=TODAY, method="calibrated", mean=RATES * 7, unevenness=0.1)
    outlook = slices(window=window)[8, ""]
    size = law.size_of(outlook.mean, clumping=0.0, unevenness=0.1)
    below, _ = law.cumulative(outlook.low, outlook.mean, size)
    _, upto = law.cumulative(outlook.high, outlook.mean, size)
    assert ((upto - below)[outlook.mean > 0] >= 0.9).all()


def test_a_type_is_all_events_thinned() -> None:
    outlook = slices()[7, "fire"]
    whole = slices()[7, ""]
    rng = np.random.default_rng(4)
    size = law.size_of(whole.mean, clumping=Parameters().horizons["next_day"].clumping,
                       unevenness=Parameters().horizons["next_day"].unevenness)  # fmt: skip
    rates = rng.gamma(size, whole.mean / size, (20_000, len(size)))
    counts = rng.binomial(rng.poisson(rates), outlook.mean / whole.mean)
    inside = ((counts >= outlook.low) & (counts <= outlook.high)).mean(axis=0)
    assert (inside >= 0.89).all()


def test_tomorrow_begins_where_today_ends() -> None:
    weekend = np.zeros((42, SHIFTS, GRID.size), np.int64)
    weekend[:, 0, 3] = [5 if day % 7 >= 5 else 1 for day in range(42)]
    site = site_of(GRID, from_counts(GRID, weekend[:40]))  # the next day is a Saturday, the one after a Sunday
    friday = site_of(GRID, from_counts(GRID, weekend[:39]))

    def total(at: object, lead: int) -> float:
        return float(calibrated_window(at, Parameters(), "next_day", TODAY, lead).mean.sum())

    assert total(friday, 1) == pytest.approx(total(friday, 0) * 2.5, rel=0.35)
    assert total(site, 0) > 2 * total(friday, 0)
    week = calibrated_window(site, Parameters(), "next_7_days", TODAY, 0)
    assert week.mean.sum() == pytest.approx(15, rel=0.25)


def test_windows_are_today_tomorrow_and_the_week_from_today() -> None:
    site = site_of(GRID, HISTORY)
    days = [calibrated_window(site, Parameters(), name, TODAY, lead).day for name, lead in WINDOWS]
    assert days == [TODAY, TODAY + timedelta(days=1), TODAY]


def test_the_plain_count_spreads_what_came_evenly_over_time() -> None:
    plain = plain_window(GRID, HISTORY, "next_7_days", TODAY, 0)
    came = HISTORY.sum_of(GRID, 0, HISTORY.shifts)
    assert plain.mean.sum() == pytest.approx(came.sum() * 7 / 40)
    assert np.argmax(plain.mean) == np.argmax(came)
    assert (plain.mean > 0).all()


def test_risk_is_the_expected_count_until_types_weigh_otherwise() -> None:
    plain, heavy, found = slices(), slices({"fire": 10.0, "theft": 0.0}), slices()[8, ""]
    area = next(area for area in areas_of(GRID, (8,)))
    assert found.score == pytest.approx(risk_score(found.mean, area.area_km2), abs=0.0051)
    harm = 10 * found_mean(heavy, "fire") + found_mean(heavy, "assault")
    assert heavy[8, ""].score == pytest.approx(risk_score(harm, area.area_km2), abs=0.0051)
    assert heavy[8, ""].mean == pytest.approx(plain[8, ""].mean)  # what is expected does not change
    assert heavy[8, "theft"].score.max() == 0


def found_mean(found: dict[tuple[int, str], Outlook], name: str) -> np.ndarray:
    return found[8, name].mean


def test_a_week_of_the_same_days_has_the_score_of_one() -> None:
    day = Window(horizon="next_day", day=TODAY, method="calibrated", mean=RATES)
    week = Window(horizon="next_7_days", day=TODAY, method="calibrated", mean=RATES * 7)
    assert slices(window=week)[8, ""].score == pytest.approx(slices(window=day)[8, ""].score)


def test_a_cell_that_saw_little_has_the_mix_around_it_and_one_that_saw_much_its_own() -> None:
    cells = GRID.cells.tolist()
    counts = Counter({(cell, name): 40 for cell in cells[:60] for name in ("theft", "fire")})
    counts = Counter({**counts, (cells[0], "theft"): 400, (cells[0], "fire"): 1, (cells[70], "theft"): 1})
    mix = mix_of(GRID, counts, NO_WEIGHTS)
    theft = mix.share[mix.types.index("theft")]
    assert mix.share.sum(axis=0) == pytest.approx(1.0)
    assert theft[0] > 0.9
    assert 0.4 < theft[70] < 0.75


def test_types_are_bounded_and_the_rest_go_together_with_their_own_weight() -> None:
    counts = Counter({(int(GRID.cells[0]), f"t{n:02}"): 100 - n for n in range(40)})
    mix = mix_of(GRID, counts, {"t39": 1_000.0})
    assert mix.types == (*(f"t{n:02}" for n in range(MAX_TYPES)), OTHERS)
    rest = [100 - n for n in range(MAX_TYPES, 40)]
    assert mix.weight[-1] == pytest.approx((sum(rest) - 61 + 61 * 1_000) / sum(rest))
    assert mix.share.sum(axis=0) == pytest.approx(1.0)


def test_a_site_without_events_has_one_mix_without_a_name() -> None:
    mix = mix_of(GRID, {}, NO_WEIGHTS)
    assert mix.types == (OTHERS,)
    assert mix.share.tolist() == [[1.0] * GRID.size]

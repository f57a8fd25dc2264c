"""What a backtest is given: bounded, told once, and of days without hours only the day."""

from datetime import date

import pytest

from appliance.errors import Rejected
from appliance.forecast.history import SHIFTS
from appliance.forecast.incidents import NO_HOUR, Incidents
from appliance.spatial.cells import cell_of, disk

CELL = cell_of(lat=29.37, lng=47.97, resolution=9)
DAY = date(2026, 3, 2).toordinal()


def test_the_area_is_of_the_days_before_the_test_and_what_lies_elsewhere_is_not_counted() -> None:
    incidents = Incidents()
    far = cell_of(lat=29.5, lng=47.9, resolution=9)
    for day in range(9):
        incidents.add(CELL, DAY + day, 9)
    incidents.add(far, DAY + 8, 9)
    grid, history = incidents.laid_out(6 * SHIFTS)
    assert grid.cells.tolist() == sorted(disk(CELL))
    assert (history.first_day, history.shifts) == (date(2026, 3, 2), 9 * SHIFTS)
    assert history.sum_of(grid, 0, 9 * SHIFTS).sum() == 9


def test_counters_of_busy_cells_take_no_more_room_than_those_of_quiet_ones() -> None:
    incidents = Incidents()
    for day in range(9):
        incidents.add(CELL, DAY + day, 9, 400_000_000)
        incidents.add(CELL, DAY + day, 10, 1)
    grid, history = incidents.laid_out(6 * SHIFTS)
    assert incidents.total == history.sum_of(grid, 0, 9 * SHIFTS).sum() == 9 * 400_000_001


def test_a_row_told_twice_is_one_incident_and_rows_without_identity_are_all_their_own() -> None:
    incidents = Incidents()
    for identity in (5, 7, 5, 0, 0, -3, 5):
        incidents.add(CELL, DAY, 9, identity=identity)
    assert incidents.drop_duplicates() == 2
    assert incidents.total == 5


def test_incidents_without_an_hour_spread_over_the_shifts_as_the_others_do() -> None:
    incidents = Incidents()
    for day in range(20):
        incidents.add(CELL, DAY + day, 2, 1)
        incidents.add(CELL, DAY + day, 20, 3)
    for day in range(20, 220):
        incidents.add(CELL, DAY + day, NO_HOUR)
    _, history = incidents.laid_out(220 * SHIFTS)
    by_slot = [sum(int(history.of(s)[1].sum()) for s in range(slot, history.shifts, 3)) for slot in range(3)]
    assert by_slot == pytest.approx([20 + 50, 0, 60 + 150], abs=1)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ((), "no incidents"),
        ((0, 3), "span 4 days, from 2026-03-02 to 2026-03-05: fewer than the 6"),
        ((-40_000, 0), "more than the 36,600"),
    ],
)
def test_what_cannot_be_tested_says_why(days: tuple[int, ...], said: str) -> None:
    incidents = Incidents()
    for day in days:
        incidents.add(CELL, DAY + day, 9)
    with pytest.raises(Rejected, match=said):
        incidents.span()


def test_what_happened_from_a_day_on_is_left_out() -> None:
    incidents = Incidents()
    for day, count in ((date(2026, 3, 1), 1), (date(2026, 3, 2), 2), (date(2026, 3, 3), 4)):
        incidents.add(5, day.toordinal(), 12, count)
    assert incidents.drop_from(date(2026, 3, 2)) == 6
    assert (incidents.total, incidents.days(), incidents.first_day()) == (1, 1, date(2026, 3, 1))
    assert incidents.drop_from(date(2026, 4, 1)) == 0

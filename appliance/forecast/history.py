"""What happened at a site as forecasts read it: counts per cell and shift.

A shift is eight hours of the site's clock, beginning at 0, 8 and 16. Shifts are numbered from the first one of day 0;
shift s lies in day s // 3. The summer-time night has a shift of seven hours, and one of nine: their events count in
the shift that the clock shows.
"""

from collections.abc import Iterator
from datetime import date

import msgspec
import numpy as np

from appliance.forecast.grid import Grid, Ints, places_of

SHIFTS = 3  # a day
SHIFT_HOURS = 8
WEEK_SHIFTS = 7 * SHIFTS

HORIZONS = {"next_shift": 1, "next_day": SHIFTS, "next_7_days": WEEK_SHIFTS}
"""Name to length in shifts. A day and a week begin with a day; all begin at the instant of the forecast."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Counts per cell of a grid and shift, where there are any.

    first_day  the day of shift 0
    shifts     how many shifts the history spans, with those in which nothing happened
    place      (m,) int64  where the cell stands in the grid
    count      (m,) int64  events, at least 1
    start      (shifts + 1,) int64  rows start[s] to start[s + 1] are those of shift s
    """

    first_day: date
    shifts: int
    place: Ints
    count: Ints
    start: Ints

    def of(self, shift: int) -> tuple[Ints, Ints]:
        """(places, counts) of one shift."""
        rows = slice(self.start[shift], self.start[shift + 1])
        return self.place[rows], self.count[rows]

    def sum_of(self, grid: Grid, start: int, end: int) -> Ints:
        """(n,) int64 events of each cell in the shifts start to end, end not included; before 0 there are none."""
        rows = slice(self.start[max(start, 0)], self.start[max(end, 0)])
        total = np.zeros(grid.size, np.int64)
        np.add.at(total, self.place[rows], self.count[rows])
        return total


def history_of(
    grid: Grid, *, first_day: date, days: int, cells: Ints, day: Ints, hour: Ints, count: Ints | None = None
) -> History:
    """Count events; those in no cell of the grid, or not within the days, are left out.

    cells, day, hour  (e,) int64  cell, day from `first_day`, and hour 0..23 of the site's clock of each event
    count             (e,) int    how many there were; None: one
    """
    place = places_of(grid, cells)
    shift = day * SHIFTS + hour // SHIFT_HOURS
    shifts = days * SHIFTS
    inside = (place < grid.size) & (shift >= 0) & (shift < shifts)
    key, at = np.unique(shift[inside] * max(grid.size, 1) + place[inside], return_inverse=True)
    total = np.bincount(at, weights=None if count is None else count[inside], minlength=len(key))
    shift_of, place_of = np.divmod(key, max(grid.size, 1))
    return History(
        first_day=first_day,
        shifts=shifts,
        place=place_of,
        count=total.astype(np.int64),
        start=np.searchsorted(shift_of, np.arange(shifts + 1)).astype(np.int64),
    )


def origins(horizon: str, first: int, last: int) -> Iterator[int]:
    """The shifts at which a forecast of a horizon begins, so that its end is not after the shift `last`.

    A shift's at every shift, a day's and a week's at every beginning of a day.
    """
    length = HORIZONS[horizon]
    step = 1 if length == 1 else SHIFTS
    begin = first if step == 1 else -(-first // SHIFTS) * SHIFTS
    yield from range(begin, last - length + 1, step)

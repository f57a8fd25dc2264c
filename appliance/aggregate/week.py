"""Counts of cells by hour of the week and by day, as arrays. Called by `job.judging_cells`."""

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
WEEK_HOURS = 168


class WeekTable(msgspec.Struct, frozen=True, kw_only=True):
    """The past of c cells over d days.

    cells    (c,)      ascending H3 cells
    by_hour  (c, 168)  events by hour of the week, counted from the first day's midnight
    by_day   (c, d)    events by day
    """

    cells: Ints
    by_hour: Ints
    by_day: Ints


def tabulate_weeks(rows: Ints, cells: Ints, *, days: int, place: Callable[[int], tuple[int, int]]) -> WeekTable:
    """Lay rows out.

    rows     (n, 3)  cell, instant of the hour, events; a cell that is not among `cells` is left out
    cells    (c,)    ascending
    place    (day from 0, hour of that day 0..23) of an hour's instant; a day outside is left out
    returns  WeekTable
    """
    hours, which = np.unique(rows[:, 1], return_inverse=True)
    placed = np.array([place(int(hour)) for hour in hours], dtype=np.int64).reshape(-1, 2)
    day, hour = placed[which, 0], placed[which, 1]
    at = np.searchsorted(cells, rows[:, 0])
    inside = (day >= 0) & (day < days) & (at < len(cells))
    inside[inside] &= cells[at[inside]] == rows[inside, 0]
    by_hour = np.zeros((len(cells), WEEK_HOURS), dtype=np.int64)
    by_day = np.zeros((len(cells), days), dtype=np.int64)
    np.add.at(by_hour, (at[inside], day[inside] % 7 * 24 + hour[inside]), rows[inside, 2])
    np.add.at(by_day, (at[inside], day[inside]), rows[inside, 2])
    return WeekTable(cells=cells, by_hour=by_hour, by_day=by_day)


def sum_window(rows: Ints, cells: Ints, *, start: int, end: int) -> Ints:
    """(c,) events of each cell in the hours that begin in [start, end); `rows` as above."""
    inside = (rows[:, 1] >= start) & (rows[:, 1] < end)
    at = np.searchsorted(cells, rows[inside, 0])
    known = at < len(cells)
    known[known] &= cells[at[known]] == rows[inside, 0][known]
    counts = np.zeros(len(cells), dtype=np.int64)
    np.add.at(counts, at[known], rows[inside, 2][known])
    return counts

"""Daily counts as one array: cells by days, zeros where nothing happened."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

LOOKBACK_DAYS = 7
"""Days before a run's interval that its windows reach into, and that decide which cells take part."""


class DaySums(msgspec.Struct, frozen=True, kw_only=True):
    """Events of a day in the cells that have any.

    cells   (k,) int64  ascending
    counts  (k,) int32
    """

    cells: NDArray[np.int64]
    counts: NDArray[np.int32]


class DailyCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Events of a run's cells.

    cells    (c,) int64       ascending H3 cells: those with any event in the interval or the lookback before it
    counts   (c, 7 + d) int64  events a day, from `LOOKBACK_DAYS` before `from_day` to `to_day`
    """

    from_day: date
    to_day: date
    cells: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def days(self) -> list[date]:
        """The days of the interval, without the lookback."""
        return [self.from_day + timedelta(days=n) for n in range((self.to_day - self.from_day).days + 1)]


def spread_counts(rows: Iterable[tuple[str, int, int]], *, from_day: date, to_day: date) -> DailyCounts:
    """Lay (ISO day, cell, events) out as an array; rows outside lookback and interval are left out.

    raises  ValueError  to_day is before from_day
    """
    if to_day < from_day:
        raise ValueError(f"the interval ends {to_day}, before it begins {from_day}")
    first = from_day - timedelta(days=LOOKBACK_DAYS)
    width = (to_day - first).days + 1
    column = {(first + timedelta(days=n)).isoformat(): n for n in range(width)}
    inside = [(cell, column[day], events) for day, cell, events in rows if day in column]
    table = np.array(inside, dtype=np.int64).reshape(-1, 3)
    cells, row = np.unique(table[:, 0], return_inverse=True)
    counts = np.zeros((len(cells), width), dtype=np.int64)
    np.add.at(counts, (row, table[:, 1]), table[:, 2])
    return DailyCounts(from_day=from_day, to_day=to_day, cells=cells, counts=counts)


def cells_of(sums: Sequence[DaySums]) -> NDArray[np.int64]:
    """The cells that have events on any of these days, ascending."""
    every = np.sort(np.concatenate([np.zeros(0, np.int64), *(day.cells for day in sums)]), kind="stable")  # merges them
    return every[np.append(True, every[1:] != every[:-1])] if len(every) else every


def lay_out(cells: NDArray[np.int64], sums: Sequence[DaySums]) -> NDArray[np.int32]:
    """Lay sums of days out on these cells, ascending; (c, days) int32. What lies in other cells is left out.

    A day's counts lie together in memory: they are laid out, compared and scored day by day.
    """
    counts = np.zeros((len(cells), len(sums)), dtype=np.int32, order="F")
    for column, day in enumerate(sums):
        _lay_day(counts[:, column], cells, day)
    return counts


def lay_out_beside(
    counts: NDArray[np.int32], cells: NDArray[np.int64], sums: Sequence[DaySums], of: Sequence[DaySums]
) -> NDArray[np.int32]:
    """As `lay_out`, where most of the sums are those `of` which `counts` were laid out."""
    other = counts.copy(order="K")
    for column, (day, known) in enumerate(zip(sums, of, strict=True)):
        if day is not known:
            other[:, column] = 0
            _lay_day(other[:, column], cells, day)
    return other


def _lay_day(counts: NDArray[np.int32], cells: NDArray[np.int64], day: DaySums) -> None:
    at = np.searchsorted(cells, day.cells)
    here = at < len(cells)
    here[here] = cells[at[here]] == day.cells[here]
    counts[at[here]] = day.counts[here]

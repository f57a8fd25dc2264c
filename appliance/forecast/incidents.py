"""Incidents as a backtest needs them: each one's cell, day and hour, 25 bytes apiece. Filled by who reads."""

from array import array
from datetime import date

import numpy as np
from numpy.typing import NDArray

from appliance.errors import Rejected
from appliance.forecast.grid import Grid, Ints, grid_around
from appliance.forecast.history import SHIFT_HOURS, SHIFTS, History, history_of

MAX_INCIDENTS = 10_000_000
MAX_CELLS = 300_000
MAX_DAYS = 36_600
MIN_DAYS = 6
NO_HOUR = -1
"""Of a day whose hours are no longer told apart."""


class Incidents:
    """Grows by `add`; bounded."""

    def __init__(self) -> None:
        self._cell, self._day, self._hour, self._count = array("q"), array("i"), array("b"), array("i")
        self._identity = array("q")
        self.total = 0

    def add(self, cell: int, day: int, hour: int, count: int = 1, *, identity: int = 0) -> None:
        """Incidents in a cell, on a day (proleptic ordinal) and at an hour (0..23 or `NO_HOUR`) of the site's clock.

        identity  a 64-bit hash by which a row told twice is known; 0: it is not

        raises  Rejected  more than can be held
        """
        if len(self._cell) >= MAX_INCIDENTS:
            raise Rejected(
                f"a backtest holds at most {MAX_INCIDENTS:,} incidents: give it fewer years, or one type at a time"
            )
        self._cell.append(cell)
        self._day.append(day)
        self._hour.append(hour)
        self._count.append(count)
        self._identity.append(identity)
        self.total += count

    def days(self) -> int:
        """How many days there are from the first incident to the last."""
        return max(self._day) - min(self._day) + 1 if self._day else 0

    def drop_duplicates(self) -> int:
        """Keep the first of those with the same identity; how many incidents went."""
        identity = np.frombuffer(self._identity, np.int64)
        _, first = np.unique(identity, return_index=True)
        keep = np.zeros(len(identity), np.bool_)
        keep[first] = True
        return self._keep(keep | (identity == 0))

    def drop_before(self, day: date) -> int:
        """Leave out what happened before this day; how many incidents went."""
        return self._keep(np.frombuffer(self._day, np.int32) >= day.toordinal())

    def drop_from(self, day: date) -> int:
        """Leave out what happened on this day or later; how many incidents went."""
        return self._keep(np.frombuffer(self._day, np.int32) < day.toordinal())

    def _keep(self, keep: NDArray[np.bool_]) -> int:
        went = int(np.frombuffer(self._count, np.int32)[~keep].sum())
        for name in ("_cell", "_day", "_hour", "_count", "_identity"):
            held: array[int] = getattr(self, name)
            kept = np.frombuffer(held, held.typecode)[keep]
            setattr(self, name, array(held.typecode, kept.tobytes()))
        self.total -= went
        return went

    def first_day(self) -> date | None:
        """The first day with an incident; None where there is none."""
        return date.fromordinal(min(self._day)) if self._day else None

    def span(self) -> tuple[date, int]:
        """The first day, and how many there are to the last.

        raises  Rejected  none, too few or too many days
        """
        if not self._day:
            raise Rejected("there are no incidents to test with; see --map, --type, --discovered and --part")
        first, last = min(self._day), max(self._day)
        days = last - first + 1
        if not MIN_DAYS <= days <= MAX_DAYS:
            wrong = "fewer than" if days < MIN_DAYS else "more than"
            limit = MIN_DAYS if days < MIN_DAYS else MAX_DAYS
            raise Rejected(
                f"the incidents span {days:,} days, from {date.fromordinal(first)} to {date.fromordinal(last)}: "
                f"{wrong} the {limit:,} of a backtest; look at their times: see --time-format, and --from and --to to "
                "leave out what a slip put into another age"
            )
        return date.fromordinal(first), days

    def laid_out(self, split: int, span: tuple[date, int] | None = None) -> tuple[Grid, History]:
        """The area, every cell with an incident before the shift `split` and its neighbours, and what happened in it.

        span    the first day and how many there are; None: those of the incidents
        raises  Rejected  as `span`, or the area is too large
        """
        first_day, days = span or self.span()
        cell, count = np.frombuffer(self._cell, np.int64), np.frombuffer(self._count, np.int32)
        day = np.frombuffer(self._day, np.int32).astype(np.int64) - first_day.toordinal()
        hour = _with_hours(np.frombuffer(self._hour, np.int8).astype(np.int64), count)
        seeds = np.unique(cell[day * SHIFTS + hour // SHIFT_HOURS < split]).tolist()
        if len(seeds) > MAX_CELLS:
            raise Rejected(
                f"incidents lie in {len(seeds):,} cells, more than the {MAX_CELLS:,} of a forecast: "
                f"choose a coarser resolution"
            )
        grid = grid_around(seeds)
        return grid, history_of(
            grid,
            first_day=first_day,
            days=days,
            cells=cell,
            day=day,
            hour=hour,
            count=count.astype(np.int64),
        )


def _with_hours(hour: Ints, count: np.ndarray[tuple[int], np.dtype[np.int32]]) -> Ints:
    """Hours for those that have none, spread as the others are: so they tell nothing about any cell's hours."""
    unknown = hour == NO_HOUR
    if not unknown.any():
        return hour
    known = np.bincount(hour[~unknown], weights=count[~unknown], minlength=24) + 1e-9
    edges = np.cumsum(known) / known.sum()
    # Steps of the golden ratio fill 0..1 evenly, and come out the same every time.
    spread = (np.arange(int(unknown.sum())) * 0.6180339887498949) % 1.0
    filled = hour.copy()
    filled[unknown] = np.minimum(np.searchsorted(edges, spread, side="right"), 23)
    return filled

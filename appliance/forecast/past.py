"""What the past says about where the next event falls: fourteen answers, kept up to date event by event.

Each answer is a probability over the cells. Six are decayed counts of the cell itself, with half-lives from one day to
for ever; six the same over the cell and its neighbours (near repeats in space and time); one the long-run count two
rings wide; and one the same for every cell that is known: in which, or beside which, anything ever happened. The
forecast is a mixture of them (`forecast.learn` has the weights): the even one is the shrinkage of an empirical-Bayes
estimate, the wide ones are its prior.

Instead of making old counts smaller every shift, new ones are given a larger weight; only the proportions matter.
Called by `learn` and `predict`. Sources: Mohler et al., "Self-exciting point process modeling of crime" (2011), for the
idea of triggered and background events; the decays and the way they are mixed are our own.
"""

import numpy as np
from numpy.typing import NDArray

from appliance.forecast.grid import Floats, Grid, Ints
from appliance.forecast.history import SHIFTS

HALF_LIVES_DAYS = (1.0, 4.0, 14.0, 60.0, 240.0, 36_500.0)
"""The last is as good as for ever."""
PARTS = (
    *(f"own_{days:g}d" for days in HALF_LIVES_DAYS[:-1]),
    "own_all",
    *(f"near_{days:g}d" for days in HALF_LIVES_DAYS[:-1]),
    "near_all",
    "wide_all",
    "even",
)
CLASSES = 2 * SHIFTS
"""Of shifts: three on a weekday, three on a day of the weekend (Saturday and Sunday)."""

_GROWTH = np.exp2(1 / (SHIFTS * np.array(HALF_LIVES_DAYS)))
_HUGE = 1e100
_K = len(HALF_LIVES_DAYS)


def class_of(shift: int, first_weekday: int) -> int:
    """0..5; `first_weekday` is that of shift 0, Monday 0."""
    day, slot = divmod(shift, SHIFTS)
    return SHIFTS * ((first_weekday + day) % 7 >= 5) + slot


class Past:
    """A site's history up to an instant. One user; grows by `add`."""

    def __init__(self, grid: Grid) -> None:
        n = grid.size
        self.grid = grid
        self._own, self._near = np.zeros((_K, n + 1)), np.zeros((_K, n + 1))
        self._wide = np.zeros(n + 1)
        self._season, self._near_season = np.zeros((CLASSES, n + 1)), np.zeros((CLASSES, n + 1))
        self._district_season = np.zeros((CLASSES, int(grid.district.max(initial=0)) + 1))
        self._weight = np.ones(_K)
        self._own_total, self._near_total = np.zeros(_K), np.zeros(_K)
        self._wide_total = self._known = 0.0
        self._degree = (grid.disk < n).sum(axis=1).astype(np.float64)
        self._stale = SHIFTS

    def add(self, place: Ints, count: Ints, shift_class: int) -> None:
        """Take in the events of the next shift, and move on to its end."""
        if len(place):
            disk = self.grid.disk[place]
            near, times = disk.ravel(), np.repeat(count, disk.shape[1]).astype(np.float64)
            for k, weight in enumerate(self._weight.tolist()):
                np.add.at(self._own[k], place, weight * count)
                np.add.at(self._near[k], near, weight * times)
            wide = self.grid.disk[near]
            np.add.at(self._wide, wide.ravel(), np.repeat(times, wide.shape[1]))
            np.add.at(self._season[shift_class], place, count)
            np.add.at(self._near_season[shift_class], near, times)
            np.add.at(self._district_season[shift_class], self.grid.district[place], count)
            self._own_total += self._weight * count.sum()
            self._near_total += self._weight * (count * self._degree[place]).sum()
        self._weight *= _GROWTH
        self._stale += 1
        for k in np.flatnonzero(self._weight > _HUGE).tolist():
            for array in (self._own, self._near, self._own_total, self._near_total):
                array[k] /= self._weight[k]
            self._weight[k] = 1.0

    def densities(self, place: Ints | slice) -> Floats:
        """(14, m) what each part says of these cells; over all cells of the grid each sums to 1, or to 0 of no past.

        Those of two rings and of the even part are counted anew once a day.
        """
        if self._stale >= SHIFTS:
            known = self._near[-1, :-1] > 0
            self._known, self._wide_total, self._stale = float(known.sum()), float(self._wide[:-1][known].sum()), 0
        n = self.grid.size
        own, near, wide = self._own[:, :n][:, place], self._near[:, :n][:, place], self._wide[:n][place]
        known = near[-1] > 0
        return np.concatenate(
            [
                own / np.maximum(self._own_total, 1e-300)[:, None],
                near / np.maximum(self._near_total, 1e-300)[:, None],
                (wide * known / max(self._wide_total, 1.0))[None],
                (known / max(self._known, 1.0))[None],
            ]
        )

    def seasons(self, place: Ints | slice) -> tuple[Floats, Floats, Floats]:
        """(6, m) each: events by class of shifts in these cells, in each and its neighbours, in each one's district."""
        n = self.grid.size
        return (
            self._season[:, :n][:, place],
            self._near_season[:, :n][:, place],
            self._district_season[:, self.grid.district[place]],
        )

    def is_known(self, place: Ints) -> NDArray[np.bool_]:
        """Of which cells the past says anything: an event in them or beside them."""
        known: NDArray[np.bool_] = self._near[-1][place] > 0
        return known

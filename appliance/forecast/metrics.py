"""How good a ranking of cells was, and how good a forecast.

All sums run over the windows of a backtest: hits and events are added up before they are divided.
"""

import numpy as np

from appliance.forecast.grid import Floats, Ints

AREAS = (0.01, 0.02, 0.05)
"""Shares of the cells that are watched."""


def cells_watched(cells: int, area: float) -> int:
    """How many cells that share is: rounded, and at least one."""
    return min(max(1, round(area * cells)), cells)


def tie_breaks(cells: Ints) -> Ints:
    """(n,) an order of the cells by a fixed hash of their number: among equal scores the lower comes first.

    Neighbouring cells have neighbouring numbers; by these a method that leaves many cells equal would get a patch.
    """
    mixed = cells.astype(np.uint64)
    for shift, factor in ((33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53), (33, 1)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    order = np.empty(len(cells), np.int64)
    order[np.argsort(mixed, kind="stable")] = np.arange(len(cells))
    return order


def hits(score: Floats | Ints, count: Ints, ties: Ints, areas: tuple[float, ...] = AREAS) -> Ints:
    """(areas,) events in the cells with the highest scores, of each share of the cells; all arguments (n,)."""
    ranked = np.cumsum(count[np.lexsort((ties, -score))])
    return np.array([ranked[cells_watched(len(count), area) - 1] for area in areas], np.int64)


def best_hits(count: Ints, areas: tuple[float, ...] = AREAS) -> Ints:
    """(areas,) the most events that so many cells could have held."""
    ranked = np.cumsum(np.sort(count)[::-1])
    return np.array([ranked[cells_watched(len(count), area) - 1] for area in areas], np.int64)


def hit_rate(hit: float, events: float) -> float | None:
    """The share of events that fell into the watched cells; None without events.

    Source: Bowers, Johnson and Pease, "Prospective hot-spotting" (2004).
    """
    return hit / events if events else None


def pai(hit: float, events: float, watched: int, cells: int) -> float | None:
    """The predictive accuracy index: the hit rate by the share of the area that was watched; 1 is what chance finds.

    Source: Chainey, Tompson and Uhlig, "The utility of hotspot mapping for predicting spatial patterns of crime"
    (2008).
    """
    return hit / events / (watched / cells) if events else None


def pei(hit: float, possible: float) -> float | None:
    """The prediction efficiency index PEI*: hits by the most that the same area could have held; at most 1.

    Source: Hunt, "Do crime hot spots move?" (2016); National Institute of Justice, forecasting challenge (2017).
    """
    return hit / possible if possible else None


def standard_error(values: Floats, weights: Floats, *, block: int, rng: np.random.Generator, draws: int = 400) -> float:
    """The standard error of sum(values) / sum(weights) over windows, by a bootstrap of blocks of them.

    values, weights  (w,) of each window in their order, as the difference of hits and the events
    block            windows that stay together, since they overlap or resemble each other
    Source: Künsch, "The jackknife and the bootstrap for general stationary observations" (1989).
    """
    windows = len(values)
    block = min(block, windows)
    starts = rng.integers(0, windows - block + 1, (draws, -(-windows // block)))
    rows = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, :windows]
    return float((values[rows].sum(axis=1) / np.maximum(weights[rows].sum(axis=1), 1e-300)).std())

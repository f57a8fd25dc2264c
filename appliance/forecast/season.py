"""When in the week: how a cell's events spread over the classes of shifts, pooled with what lies around it.

A cell's shares are its own counts, drawn towards those of its neighbourhood by so many events, those towards its
district's, and those towards the site's; the strengths are learned (`forecast.learn`). The week is divided twice: into
the six classes, and into three shifts whatever the day. The first says more, the second rests on more events, and few
cells have enough for either alone: so the mean of the two serves. Called by `learn`, `predict` and, for types instead
of shifts, `mix`.
"""

from collections.abc import Sequence

import numpy as np

from appliance.forecast.grid import Floats
from appliance.forecast.history import SHIFTS

Strengths = Sequence[float]
"""Events by which each level is drawn to the next: of the cell, its neighbourhood, its district."""


def pooled(usual: Floats, counts: Sequence[Floats], totals: Sequence[Floats], strengths: Strengths) -> Floats:
    """The probability of a class by its counts at each level, of all classes' `totals` there.

    usual    the site's; the arrays of `counts` and `totals` are of its shape, or go together with it
    raises   ValueError  not as many strengths as levels
    """
    found = usual
    for count, total, strength in reversed(list(zip(counts, totals, strengths, strict=True))):
        found = (strength * found + count) / (strength + total)
    return found


def shares(levels: Sequence[Floats], site: Floats, strengths: Strengths) -> Floats:
    """The probabilities of the classes for an event of each cell.

    levels   (k, m) each: events of the cell, then of wider and wider surroundings
    site     (k, m) or (k, 1)  of all cells
    returns  (k, m)  columns sum to 1
    """
    return pooled(site_shares(site), levels, [level.sum(axis=0) for level in levels], strengths)


def site_shares(site: Floats) -> Floats:
    """The site's own, with one event more in each class, so that none is impossible."""
    found: Floats = (site + 1) / (site.sum(axis=0) + len(site))
    return found


def by_shift(classes: Floats) -> Floats:
    """(6, m) -> (3, m): weekdays and weekends together."""
    found: Floats = classes[:SHIFTS] + classes[SHIFTS:]
    return found


def multipliers(levels: Sequence[Floats], *, class_strengths: Strengths, shift_strengths: Strengths) -> Floats:
    """(6, m) how much likelier an event falls into a cell in each class of shifts than over the whole week.

    levels  (6, m) each, of all cells of the site; weighed by the site's shares, a cell's mean is 1
    """
    usual = site_shares(levels[0].sum(axis=1)[:, None])
    found = _relative(usual, levels, class_strengths)
    found += np.tile(_relative(by_shift(usual), [by_shift(level) for level in levels], shift_strengths), (2, 1))
    return np.maximum(found / 2, 1e-9)


def _relative(usual: Floats, levels: Sequence[Floats], strengths: Strengths) -> Floats:
    return pooled(usual, levels, [level.sum(axis=0) for level in levels], strengths) / usual

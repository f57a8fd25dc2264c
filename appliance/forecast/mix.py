"""Of which types a cell's events are: its own past, drawn towards its neighbourhood's, and that towards the site's.

A type's forecast is the cell's forecast times the type's share there. So types add up to all events exactly, a rare
type needs no model of its own (where a cell has seen little, the long-run mix around it stands), and a site with many
types costs no more than one with few. The strengths of the pooling are those under which each event's type would have
been foretold best by all the others (leave one out). Called by `outlook`.
"""

import itertools
from collections.abc import Mapping

import msgspec
import numpy as np

from appliance.forecast.grid import Floats, Grid, places_of
from appliance.forecast.season import shares, site_shares

MAX_TYPES = 8
"""Types with a forecast of their own: those with the most events. The others are one more, without a name."""
OTHERS = ""
STRENGTHS = (2.0, 8.0, 32.0, 128.0, 512.0, 2_048.0, 1e6)


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of types in n cells.

    types   the t most frequent ones, then `OTHERS` where there are more
    share   (t, n) at least 0, columns sum to 1
    weight  (t,) the harm of one event of each
    """

    types: tuple[str, ...]
    share: Floats
    weight: Floats


def mix_of(grid: Grid, counts: Mapping[tuple[int, str], int], weights: Mapping[str, float]) -> Mix:
    """The mix by events of each (cell, type) so far; those of no cell of the grid are left out.

    weights  harm of one event of a type; 1 where a type has none
    """
    totals: dict[str, int] = {}
    for (_, event_type), count in counts.items():
        totals[event_type] = totals.get(event_type, 0) + count
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    named, rest = ranked[:MAX_TYPES], ranked[MAX_TYPES:]
    types = (*named, OTHERS) if rest or not named else tuple(named)
    own = _table(grid, counts, types)
    near = np.stack([np.append(row, 0.0)[grid.disk[:-1]].sum(axis=1) for row in own])
    site = own.sum(axis=1)[:, None]
    own_strength, near_strength = _strengths(own, near, site)
    share = shares((own, near), site, (own_strength, near_strength))
    return Mix(types=types, share=share, weight=_weights(types, rest, totals, weights))


def _table(grid: Grid, counts: Mapping[tuple[int, str], int], types: tuple[str, ...]) -> Floats:
    row_of = {name: row for row, name in enumerate(types)}
    others = row_of.get(OTHERS, 0)
    rows = np.array([row_of.get(event_type, others) for _, event_type in counts], np.int64)
    places = places_of(grid, np.array([cell for cell, _ in counts], np.int64))
    found = np.zeros((len(types), grid.size + 1))
    np.add.at(found, (rows, places), np.array(list(counts.values()), np.float64))
    return found[:, :-1]


def _weights(
    types: tuple[str, ...], rest: list[str], totals: Mapping[str, int], weights: Mapping[str, float]
) -> Floats:
    """Of the others the mean weight of their events."""
    events = sum(totals[name] for name in rest)
    others = sum(totals[name] * weights.get(name, 1.0) for name in rest) / events if events else 1.0
    return np.array([others if name == OTHERS else weights.get(name, 1.0) for name in types])


def _strengths(own: Floats, near: Floats, site: Floats) -> tuple[float, float]:
    """Source: leave-one-out likelihood, Stone, "Cross-validatory choice and assessment" (1974)."""
    seen = own > 0
    count, of_cell = own[seen], np.broadcast_to(own.sum(axis=0), own.shape)[seen]
    around, of_near = near[seen], np.broadcast_to(near.sum(axis=0), own.shape)[seen]
    usual = np.broadcast_to(site_shares(site), own.shape)[seen]

    def likelihood(strengths: tuple[float, float]) -> float:
        mine, theirs = strengths
        nearby = (theirs * usual + around - 1) / (theirs + of_near - 1)
        return float((count * np.log((mine * nearby + count - 1) / (mine + of_cell - 1))).sum())

    return max(itertools.product(STRENGTHS, STRENGTHS), key=likelihood)

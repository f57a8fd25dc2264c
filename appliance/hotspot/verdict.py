"""What each cell of a site is in a period: emerging, persistent, fading, hot, or nothing beyond chance.

The period is the last of several sub-periods; those before it are the reference. The rules, the first that holds:

emerging    the cell's events in the period are more than its own reference lets expect, by itself or together with its
            neighbours (`growth`), and at least `LEAST_EVENTS`
fading      they are fewer, likewise, the reference lets expect at least `LEAST_EXPECTED`, and over the reference as a
            whole the cell was a hotspot by Gi*
persistent  a hotspot by Gi* (`gi`) in the period and in at least `LASTING` of all sub-periods, of which there are at
            least `LEAST_SUB_PERIODS`
hot         a hotspot by Gi* in the period, but neither new nor of long standing

Of all that is called so, the expected share of false ones is at most `share` (`discovery`). A cell that was watched for
less than half of a sub-period takes no part in it, and one not watched in the period is unknown.
Called by `serve.hotspot.report`.
"""

from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.hotspot.discovery import adjusted
from appliance.hotspot.gi import LocalSums, gi_star
from appliance.hotspot.growth import Growth, find_growth
from appliance.hotspot.neighbourhood import ABSENT, disks, within

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Values = TypeVar("Values", Ints, Floats)

SHARE = 0.05
LEAST_SUB_PERIODS = 4
LASTING = 0.75
LEAST_WATCHED = 0.5

KINDS = ("emerging", "fading", "persistent", "hot")
EMERGING, FADING, PERSISTENT, HOT = range(4)
NOTHING = -1


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in c cells during b sub-periods, the last of which is the period.

    cells     (c,) int64      ascending, of one resolution: all that had an event
    counts    (c, b) int64    events
    exposure  (c, b) float64  days that the cell was watched; (1, b) where all were alike
    lengths   (b,) float64    days of each sub-period, watched or not
    heard     (b,) float64    days on which anything was heard of the site; where it is empty all cells are alike
    """

    cells: Ints
    counts: Ints
    exposure: Floats
    lengths: Floats
    heard: Floats = msgspec.field(default_factory=lambda: np.zeros(0))

    @property
    def of_site(self) -> Floats:
        """(b,) days on which anything was heard of the site."""
        return self.heard if len(self.heard) else self.exposure[0]

    def of_cell(self, place: int | None) -> Floats:
        """(b,) days that a cell was watched; those of the site for None."""
        found: Floats = self.of_site if place is None else self.exposure[min(place, len(self.exposure) - 1)]
        return found


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is found of c cells, each member (c,) but the last.

    kind             int64    an index of `KINDS`, or `NOTHING`
    unknown          bool     not watched for half of the period
    events           int64    in the period
    growth           Growth   against the reference, by itself or with its neighbours
    gi               LocalSums of the period; z 0 and p 1 of unknown cells
    gi_q             float64
    hot_sub_periods  int64    sub-periods in which it was a hotspot by Gi*
    sub_periods      int64    sub-periods in which it was watched
    alike            int64    neighbours of the same kind
    watched          cells in which Gi* was looked at
    """

    kind: Ints
    unknown: Bools
    events: Ints
    growth: Growth
    gi: LocalSums
    gi_q: Floats
    hot_sub_periods: Ints
    sub_periods: Ints
    alike: Ints
    watched: int


class _Local(msgspec.Struct, frozen=True, kw_only=True):
    """Gi* of one sub-period laid out over all cells."""

    sums: LocalSums
    q_value: Floats
    watched: Bools
    hot: Bools


def judge(history: History, *, share: float = SHARE) -> Verdict:
    """Judge every cell.

    raises  ValueError  shapes that do not fit together
    """
    cells, blocks = history.counts.shape
    if len(history.cells) != cells or history.lengths.shape != (blocks,) or not blocks:
        raise ValueError(f"{len(history.cells)} cells, {history.lengths.shape} lengths, {history.counts.shape} counts")
    exposure = np.broadcast_to(history.exposure, history.counts.shape)
    near = disks(history.cells)
    local = [
        _local(history.counts[:, n], exposure[:, n], float(history.lengths[n]), near, share) for n in range(blocks)
    ]
    now, watched_blocks = local[-1], np.stack([one.watched for one in local]).sum(axis=0)
    hot_blocks = np.stack([one.hot for one in local]).sum(axis=0)
    growth = find_growth(history.counts, exposure, near, now.watched, share)
    known = exposure[:, :-1].sum(axis=1)
    before = _local(history.counts[:, :-1].sum(axis=1), known, float(known.max(initial=0.0)), near, share)
    found = growth.q_value <= share
    lasting = (hot_blocks >= np.ceil(LASTING * watched_blocks)) & (watched_blocks >= LEAST_SUB_PERIODS)
    kind = np.select(
        [found & growth.rises, found & ~growth.rises & before.hot, now.hot & lasting, now.hot],
        [EMERGING, FADING, PERSISTENT, HOT],
        NOTHING,
    ).astype(np.int64)
    return Verdict(
        kind=kind,
        unknown=~now.watched,
        events=history.counts[:, -1],
        growth=growth,
        gi=now.sums,
        gi_q=now.q_value,
        hot_sub_periods=hot_blocks,
        sub_periods=watched_blocks,
        alike=_alike(kind, near),
        watched=int(now.watched.sum()),
    )


def _local(counts: Ints, exposure: Floats, length: float, near: Ints, share: float) -> _Local:
    """Gi* among the cells that were watched for at least half of a sub-period."""
    cells = len(counts)
    watched = exposure >= LEAST_WATCHED * length if length > 0 else exposure > 0
    days = exposure[watched]
    values = counts[watched]
    if len(days) and days.min() < days.max():
        values = np.rint(values * days.max() / days).astype(np.int64)
    found = gi_star(values, within(near, watched))
    q_value, hot = np.ones(cells), np.zeros(cells, np.bool_)
    q_value[watched] = adjusted(found.p_value)
    hot[watched] = (q_value[watched] <= share) & (found.z_score > 0)
    laid = LocalSums(
        cells=_laid(found.cells, watched, 0),
        total=_laid(found.total, watched, 0),
        expected=_laid(found.expected, watched, 0.0),
        z_score=_laid(found.z_score, watched, 0.0),
        p_value=_laid(found.p_value, watched, 1.0),
    )
    return _Local(sums=laid, q_value=q_value, watched=watched, hot=hot)


def _laid(values: Values, chosen: Bools, otherwise: float) -> Values:
    whole: Values = np.full(len(chosen), otherwise, dtype=values.dtype)
    whole[chosen] = values
    return whole


def _alike(kind: Ints, near: Ints) -> Ints:
    of_neighbour = np.append(kind, NOTHING)[near[:, 1:]]
    same = (of_neighbour == kind[:, None]) & (near[:, 1:] != ABSENT) & (kind != NOTHING)[:, None]
    found: Ints = same.sum(axis=1)
    return found

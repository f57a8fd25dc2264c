"""What each cell of a site is in a period: emerging, persistent, fading, hot, or nothing beyond chance.

The period is the last of several sub-periods; those before it are the reference. The rules, the first that holds:

emerging    the cell's events in the period are more than its own reference lets expect (`change`), among the
            discoveries of the run, and at least `LEAST_EVENTS`
fading      they are fewer, the reference lets expect at least `LEAST_EXPECTED`, and over the reference as a whole the
            cell was a hotspot by Gi*
persistent  a hotspot by Gi* (`gi`) in the period and in at least `LASTING` of all sub-periods, of which there are at
            least `LEAST_SUB_PERIODS`
hot         a hotspot by Gi* in the period, but neither new nor of long standing

A discovery is what remains when the expected share of false ones among all cells looked at is at most `share`
(`discovery`). Change is looked at in cells with at least `LEAST_BOTH` events in period and reference together, a
number that the test is conditional on, so that choosing by it biases nothing. A cell that was watched for less than
half of a sub-period takes no part in it, and one not watched in the period is unknown.
Called by `serve.hotspot_report`.
"""

from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.hotspot.change import change, expected_events, measure_bursts
from appliance.hotspot.discovery import adjusted
from appliance.hotspot.gi import LocalSums, gi_star
from appliance.hotspot.neighbourhood import ABSENT, disks, within

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Values = TypeVar("Values", Ints, Floats)

SHARE = 0.05
LEAST_EVENTS = 3
LEAST_EXPECTED = 3.0
LEAST_BOTH = 5
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
    """

    cells: Ints
    counts: Ints
    exposure: Floats
    lengths: Floats


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is found of c cells, each member (c,) but the last two.

    kind             int64    an index of `KINDS`, or `NOTHING`
    unknown          bool     not watched for half of the period
    events           int64    in the period
    expected         float64  in the period at the rate of the reference; NaN where that was not watched
    change_p         float64  two-sided; 1 where it was not looked at
    change_q         float64  the share of false discoveries at which it would be believed
    gi               LocalSums of the period; z 0 and p 1 of unknown cells
    gi_q             float64
    hot_sub_periods  int64    sub-periods in which it was a hotspot by Gi*
    sub_periods      int64    sub-periods in which it was watched
    alike            int64    neighbours of the same kind
    looked_at        cells in which change was looked at
    watched          cells in which Gi* was looked at
    """

    kind: Ints
    unknown: Bools
    events: Ints
    expected: Floats
    change_p: Floats
    change_q: Floats
    gi: LocalSums
    gi_q: Floats
    hot_sub_periods: Ints
    sub_periods: Ints
    alike: Ints
    looked_at: int
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
    more, p_value, expected, tested = _changes(history.counts, exposure, now.watched)
    q_value = np.ones(cells)
    q_value[tested] = adjusted(p_value[tested])
    before = _local(history.counts[:, :-1].sum(axis=1), exposure[:, :-1].sum(axis=1), 1.0, near, share)
    lasting = (hot_blocks >= np.ceil(LASTING * watched_blocks)) & (watched_blocks >= LEAST_SUB_PERIODS)
    kind = np.select(
        [(q_value <= share) & more, (q_value <= share) & ~more & before.hot, now.hot & lasting, now.hot],
        [EMERGING, FADING, PERSISTENT, HOT],
        NOTHING,
    ).astype(np.int64)
    return Verdict(
        kind=kind,
        unknown=~now.watched,
        events=history.counts[:, -1],
        expected=expected,
        change_p=p_value,
        change_q=q_value,
        gi=now.sums,
        gi_q=now.q_value,
        hot_sub_periods=hot_blocks,
        sub_periods=watched_blocks,
        alike=_alike(kind, near),
        looked_at=int(tested.sum()),
        watched=int(now.watched.sum()),
    )


def _changes(counts: Ints, exposure: Floats, watched: Bools) -> tuple[Bools, Floats, Floats, Bools]:
    """(whether there are more than expected, two-sided p, expected, whether it was looked at)."""
    period, reference = counts[:, -1], counts[:, :-1].sum(axis=1)
    period_days, reference_days = exposure[:, -1], exposure[:, :-1].sum(axis=1)
    tested = watched & (reference_days > 0) & (period + reference >= LEAST_BOTH)
    expected = expected_events(reference, reference_days, period_days)
    more, fewer = change(
        period,
        reference,
        period_days=period_days,
        reference_days=reference_days,
        bursts=measure_bursts(counts[:, :-1], exposure[:, :-1]),
    )
    rises = more < fewer
    enough = np.where(rises, period >= LEAST_EVENTS, expected >= LEAST_EXPECTED)
    p_value = np.where(tested & enough, np.minimum(2.0 * np.minimum(more, fewer), 1.0), 1.0)
    return rises, p_value, np.where(reference_days > 0, expected, np.nan), tested


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

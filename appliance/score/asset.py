"""The risk of a critical asset on a day: what is to be expected in its footprint, and what that means.

A cell's events are taken to lie evenly in it, so a footprint has its share of them. Where no forecast stands, a cell is
to expect the mean of the 28 days before, of those on which it was observed: a day that nobody watched is not a quiet
one. Counts are taken as Poisson, which is a little too sure of an event where events come in bursts.
"""

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.score.composite import Floats, Ints, risk_level

BASIS_DAYS = 28
WATCHED = 0.5  # of the footprint, or the asset is unknown

Flags = NDArray[np.bool_]
Scale = Callable[[Floats, Floats], Floats]
"""(events a day, km2), each (n,), to scores 0..100."""


class AssetScores(msgspec.Struct, frozen=True, kw_only=True):
    """What d days of an asset come to, each (d,); NaN (level -1) where it is not known."""

    probability: Floats
    risk_score: Floats
    risk_level: Ints


def expected_by_count(counts: Ints, known: Flags, share: Floats) -> tuple[Floats, Ints]:
    """What each day is to expect by the days before it.

    counts   (c, 27 + d) int64  events a day, from 28 days before the first day to the day before the last
    known    (c, 27 + d) bool   whether the cell was observed
    share    (c,) float64       which part of the cell lies in the footprint
    returns  (d,) float64 events, NaN where no cell has a known day; (d,) int64 known days of the cell that has most
    """
    total = _window_sums(np.where(known, counts, 0))
    days = _window_sums(known.astype(np.int64))
    mean = np.divide(total, days, out=np.zeros(total.shape), where=days > 0)
    expected = np.where((days > 0).any(axis=0), share @ mean, np.nan)
    return expected, days.max(axis=0, initial=0)


def watched_share(known: Flags, area_km2: Floats) -> Floats:
    """(d,) which part of a footprint was observed.

    known     (c, d) bool
    area_km2  (c,) float64  of the footprint in each cell, above 0
    """
    share: Floats = area_km2 @ known / area_km2.sum()
    return share


def score_asset(expected: Floats, watched: Floats, area_km2: float, scale: Scale) -> AssetScores:
    """Judge d days of an asset.

    expected  (d,) events in the footprint, NaN where that is not known
    watched   (d,) which part of it was observed: below `WATCHED` nothing is said of the day
    area_km2  of the footprint, above 0
    """
    known = np.isfinite(expected) & (watched >= WATCHED)
    events = np.where(known, expected, 0.0)
    score = scale(events, np.full(len(events), area_km2))
    return AssetScores(
        probability=np.where(known, -np.expm1(-events), np.nan),
        risk_score=np.where(known, score, np.nan),
        risk_level=np.where(known, risk_level(score), -1),
    )


def is_alerting(score: float | None, *, before: bool, threshold: float, hysteresis: float) -> bool:
    """Whether an asset alerts: from when its score reaches the threshold until it is `hysteresis` below.

    While the score is not known it stays as it is.
    """
    if score is None:
        return before
    return score >= threshold or (before and score > threshold - hysteresis)


def _window_sums(values: Ints) -> Ints:
    """(c, 27 + d) to (c, d): sums over every 28 consecutive columns."""
    total = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    sums: Ints = total[:, BASIS_DAYS:] - total[:, :-BASIS_DAYS]
    return sums

"""Motion between two and five at night, against the camera's own nights.

Nights are counted by the site's clock; the night in which it is set is two or four hours long, so counts are compared
by the hours they were counted in. A camera's rate is gamma with its own nights as evidence and half an event as prior,
and what its nights vary beyond chance is measured on them too; the next night is then negative binomial. With fewer
than `LEAST_NIGHTS` watched nights nothing is said.

A night on which the camera was down says nothing of how quiet it was, so it is no part of the baseline: known outages
are told by the caller; and a camera that mostly tells of something and told of nothing from noon to noon was not
watching either.
"""

from collections.abc import Callable, Sequence
from statistics import median

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.iot.surprise import share_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Tail = Callable[[Ints, Floats, Floats], Floats]
"""(count, mean, size) -> upper tail of the negative binomial, mid-p; as `anomaly.negative_binomial.mid_p` is."""

FROM_HOUR, TO_HOUR = 2, 5
NIGHTS = 28
"""Nights before the one that is judged that make the baseline."""
LEAST_NIGHTS = 7
LEAST_COUNT = 3
"""Fewer events are a cat, whatever the probability."""
TALKATIVE = 5.0
"""Median of the events from noon to noon from which a day without any was not watched: by chance it is one in 148."""
SIZE_MOST = 1e6


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """What a camera counted in one night.

    count    events from two to five
    around   events from the noon before to the noon after, `count` among them
    hours    how long the window was: 3, in a night that sets the clock 2 or 4; less where it is not over
    watched  False where it is known that nothing was watched: the camera was not there, or an outage held
    """

    count: int
    around: int
    hours: float
    watched: bool = True


class NightVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of one camera's night.

    s         0..1; None with too few nights
    expected  events; None with too few nights
    p_value   of so many or more; 1 where there are no more than expected
    nights    that make the baseline
    """

    s: float | None
    count: int
    expected: float | None
    p_value: float | None
    nights: int


def judge_night(tonight: Night, before: Sequence[Night], tail: Tail) -> NightVerdict:
    """Judge a night by those before it; as `judge_nights` judges many."""
    return judge_nights([(tonight, before)], tail)[0]


def judge_nights(cases: Sequence[tuple[Night, Sequence[Night]]], tail: Tail) -> list[NightVerdict]:
    """Judge a night of each camera by those before it.

    cases    (the night, which says nothing where it was not watched; the nights before it, in any order) of each
    returns  a verdict of each, in their order
    """
    baselines = [_baseline(tonight, before) for tonight, before in cases]
    many = [
        n
        for n, (baseline, (tonight, _)) in enumerate(zip(baselines, cases, strict=True))
        if baseline.expected is not None and tonight.count >= LEAST_COUNT
    ]
    p_values = np.ones(len(cases))
    if many:
        p_values[many] = tail(
            np.array([cases[n][0].count for n in many]),
            np.array([baselines[n].expected for n in many], dtype=np.float64),
            np.array([baselines[n].size for n in many]),
        )
    return [
        NightVerdict(
            s=share_of(float(p)) if baseline.expected is not None else None,
            count=tonight.count,
            expected=baseline.expected,
            p_value=float(p) if baseline.expected is not None else None,
            nights=baseline.nights,
        )
        for baseline, (tonight, _), p in zip(baselines, cases, p_values, strict=True)
    ]


def zone_share(verdicts: Sequence[NightVerdict]) -> float | None:
    """0..1 of a zone with these cameras; None where none can be judged.

    The smallest probability times the number of cameras judged (Bonferroni): with fifty cameras one of them has a rare
    night each night.
    """
    judged = [verdict.p_value for verdict in verdicts if verdict.p_value is not None]
    return share_of(min(1.0, min(judged) * len(judged))) if judged else None


class _Baseline(msgspec.Struct, frozen=True):
    """Of so many nights; `expected` is None where nothing can be said."""

    nights: int
    expected: float | None
    size: float


def _baseline(tonight: Night, before: Sequence[Night]) -> _Baseline:
    known = _watched(before)
    if len(known) < LEAST_NIGHTS or not tonight.watched or tonight.hours <= 0.0:
        return _Baseline(len(known), None, 0.0)
    counts = np.array([night.count for night in known], dtype=np.float64)
    hours = np.array([night.hours for night in known])
    strength = float(counts.sum()) + 0.5
    size = 1.0 / (1.0 / strength + _spread(counts, hours))
    return _Baseline(len(known), strength / float(hours.sum()) * tonight.hours, min(size, SIZE_MOST))


def _watched(before: Sequence[Night]) -> list[Night]:
    known = [night for night in before if night.watched and night.hours > 0.0]
    if known and median(night.around for night in known) >= TALKATIVE:
        return [night for night in known if night.around]
    return known


def _spread(counts: Floats, hours: Floats) -> float:
    """How much nights vary beyond chance, as the variance of a factor on the rate; by moments, not below 0."""
    mean = counts.sum() / hours.sum() * hours
    squares = float((mean**2).sum())
    if squares == 0.0:
        return 0.0
    beyond = float(((counts - mean) ** 2).sum()) * len(counts) / (len(counts) - 1) - float(counts.sum())
    return max(0.0, beyond / squares)

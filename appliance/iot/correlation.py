"""What crowds have to do with incidents at a place: one leading the other by so many hours, and whether it is more than
chance and habit.

Both series are by the hour of one place. From each the usual course of the week is taken (the mean of that hour of the
week, drawn towards that hour of the day where weeks are few): that there are both crowds and thefts on Saturday evening
is known without a box. What is left is ranked, and Spearman's coefficient taken for every lag from -24 to 24 hours.

Searching 49 lags of several types finds something in any noise. So the largest coefficient of each type is compared
with the largest of all types and lags when the incidents are moved against the crowds by a whole number of days (a
circle, further than the lags reach): such a move keeps each series as it is, its autocorrelation, its bursts and the
days' rhythm, and breaks only what one has to do with the other. The p value is the share of moves that do as well, the
data themselves counted as one: over all lags and types together it is at or below 0.05 in one of twenty places where
nothing is to be found. With n days there are n - 3 moves, so 28 days can only just reach 0.05.

The interval is that of Fisher's z with the effective number of hours (Bartlett: what is autocorrelated counts for
less), and holds for all lags and types searched at once (Bonferroni).
"""

from collections.abc import Mapping
from math import atanh, sqrt, tanh
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MAX_LAG_H = 24
DAY_H, WEEK_H = 24, 168
LEAST_DAYS = 28
LEAST_CROWD_H = 14 * DAY_H
"""Hours with a crowd reading before anything is said."""
LEAST_INCIDENTS = 30
MAX_TYPES = 20
LEVEL = 0.05
HABIT_WEEKS = 4.0
"""Weeks of an hour of the week that weigh as much as the hour of the day."""
SPEARMAN = 1.06
"""The variance of z of a rank correlation, over that of a product-moment one. Source: Fieller et al., 1957."""

Verdict = Literal["associated", "not shown", "insufficient data"]


class Association(msgspec.Struct, frozen=True, kw_only=True):
    """What the crowds of a place have to do with one type of incident there.

    lag_h        hours by which the crowd comes before the incidents; below 0: after them
    rho          Spearman's coefficient at that lag, of what is left when the week's course is taken away
    interval     of rho, 95 % for all lags and types searched at once
    p_value      corrected for all lags and types searched, and for autocorrelation
    rho_at_once  at lag 0
    hours        of which both are known; effective_hours: as many independent ones would tell as much
    """

    event_type: str
    verdict: Verdict
    incidents: int
    hours: int
    words: str
    lag_h: int | None = None
    rho: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    rho_at_once: float | None = None
    effective_hours: float | None = None


def associate(crowd: Floats, counts: Mapping[str, Ints], *, watched: Bools, hour_of_week: Ints) -> list[Association]:
    """Every type with what was found, the most certain first; types with too little data after them.

    crowd         (n,) float64  of each hour, oldest first; NaN where nobody told
    counts        type -> (n,) int64  incidents of each hour; the most frequent `MAX_TYPES` of them that have enough
    watched       (n,) bool  False where the box did not listen: the hour is in neither series
    hour_of_week  (n,) int64  0..167, site time
    raises        ValueError  shapes that do not fit together
    """
    n = len(crowd)
    if any(len(of_type) != n for of_type in [watched, hour_of_week, *counts.values()]):
        raise ValueError("associating crowd and incidents: the series differ in length")
    known = watched & np.isfinite(crowd)
    totals = {name: int(of_type[watched].sum()) for name, of_type in counts.items()}
    lacking = _lacking(n, int(known.sum()))
    enough = [] if lacking else [name for name in counts if totals[name] >= LEAST_INCIDENTS]
    chosen = sorted(enough, key=lambda name: (-totals[name], name))[:MAX_TYPES]
    found = _associations(crowd, counts, chosen, known, watched, hour_of_week) if chosen else []
    rest = [
        Association(
            event_type=name,
            verdict="insufficient data",
            incidents=totals[name],
            hours=int(known.sum()),
            words=lacking
            or f"{totals[name]} incidents; {LEAST_INCIDENTS} are needed, of the {MAX_TYPES} commonest types",
        )
        for name in sorted(counts.keys() - set(chosen), key=lambda name: (-totals[name], name))
    ]
    return [*sorted(found, key=lambda one: (one.p_value or 0.0, -abs(one.rho or 0.0))), *rest]


def without_week(values: Floats, known: Bools, hour_of_week: Ints) -> Floats:
    """(n,) the values less their usual course over the week; 0 where they are not known."""
    hours = hour_of_week % DAY_H
    of_day = _means(values, known, hours, DAY_H, float(values[known].mean()), 1.0)
    weeks = np.bincount(hour_of_week[known], minlength=WEEK_H).astype(np.float64)
    sums = np.bincount(hour_of_week[known], weights=values[known], minlength=WEEK_H)
    expected = (sums + HABIT_WEEKS * np.tile(of_day, WEEK_H // DAY_H)) / (weeks + HABIT_WEEKS)
    left: Floats = np.where(known, values - expected[hour_of_week], 0.0)
    return left


def ranks(values: Floats) -> Floats:
    """(n,) ranks from 1, the mean of them where values are equal."""
    _, where, how_many = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(how_many)
    of_value: Floats = (last - (how_many - 1) / 2.0)[where]
    return of_value


def moved_correlations(x: Floats, x_known: Bools, y: Floats, y_known: Bools) -> Floats:
    """(n,) the correlation of x with y moved back by k hours in a circle: of x at t with y at t + k, k = 0 … n - 1.

    Hours that are not known are left out of each; 0 where one of the two does not vary.
    """
    x_mask, y_mask = x_known.astype(np.float64), y_known.astype(np.float64)
    x, y = np.where(x_known, x, 0.0), np.where(y_known, y, 0.0)
    n = len(x)
    f = {name: np.fft.rfft(of) for name, of in (("m", x_mask), ("x", x), ("xx", x * x))}
    g = {name: np.fft.rfft(of) for name, of in (("m", y_mask), ("y", y), ("yy", y * y))}

    def cross(of_x: str, of_y: str) -> Floats:
        crossed: Floats = np.fft.irfft(np.conj(f[of_x]) * g[of_y], n)
        return crossed

    pairs = np.maximum(cross("m", "m"), 1.0)
    x_mean, y_mean = cross("x", "m") / pairs, cross("m", "y") / pairs
    covariance = cross("x", "y") / pairs - x_mean * y_mean
    variance = (cross("xx", "m") / pairs - x_mean**2) * (cross("m", "yy") / pairs - y_mean**2)
    found: Floats = np.where(variance > 1e-9, covariance / np.sqrt(np.maximum(variance, 1e-9)), 0.0)
    return np.clip(found, -1.0, 1.0)


def effective_hours(x: Floats, y: Floats, hours: int) -> float:
    """How many independent hours tell as much as these do: n / (1 + 2 Σ ρx(j) ρy(j)), j up to three days.

    Not more than there are, not less than 4. Source: Bartlett, 1946; Pyper and Peterman, 1998.
    """
    n = len(x)
    lags = np.arange(1, min(3 * DAY_H, n // 5) + 1)
    inflation = 1.0 + 2.0 * float(((1.0 - lags / n) * _autocorrelation(x)[lags] * _autocorrelation(y)[lags]).sum())
    return float(min(max(hours / max(inflation, 1.0), 4.0), hours))


def interval_of(rho: float, effective: float, searched: int) -> tuple[float, float]:
    """An interval of a rank correlation that holds for all that was searched, at 95 %."""
    half = NormalDist().inv_cdf(1.0 - LEVEL / (2.0 * searched)) * sqrt(SPEARMAN / max(effective - 3.0, 1.0))
    middle = atanh(min(max(rho, -0.999999), 0.999999))
    return tanh(middle - half), tanh(middle + half)


def _lacking(n: int, known: int) -> str:
    if n < LEAST_DAYS * DAY_H:
        return f"{n // DAY_H} days of hours; {LEAST_DAYS} are needed"
    if known < LEAST_CROWD_H:
        return f"{known} hours with a crowd reading; {LEAST_CROWD_H} are needed"
    return ""


def _means(values: Floats, known: Bools, group: Ints, groups: int, middle: float, weight: float) -> Floats:
    held = np.bincount(group[known], minlength=groups)
    sums = np.bincount(group[known], weights=values[known], minlength=groups)
    means: Floats = (sums + weight * middle) / (held + weight)
    return means


def _ranked(values: Floats, known: Bools, hour_of_week: Ints) -> Floats:
    """Ranks of what is left without the week, centred; 0 where not known."""
    left = without_week(values, known, hour_of_week)
    found = np.zeros(len(values))
    found[known] = ranks(left[known])
    found[known] -= found[known].mean()
    return found


def _autocorrelation(x: Floats) -> Floats:
    n = len(x)
    spectrum = np.abs(np.fft.rfft(x - x.mean(), 2 * n)) ** 2
    found: Floats = np.fft.irfft(spectrum)[:n]
    return found / found[0] if found[0] > 0.0 else np.zeros(n)


def _associations(
    crowd: Floats, counts: Mapping[str, Ints], names: list[str], known: Bools, watched: Bools, hour_of_week: Ints
) -> list[Association]:
    x = _ranked(crowd, known, hour_of_week)
    ys = {name: _ranked(counts[name].astype(np.float64), watched, hour_of_week) for name in names}
    moved = {name: moved_correlations(x, known, y, watched) for name, y in ys.items()}
    lags = np.arange(-MAX_LAG_H, MAX_LAG_H + 1)
    bases = np.arange(2 * DAY_H, len(x) - 2 * DAY_H + 1, DAY_H)  # no lag of theirs is a lag of the data's own
    around = bases[:, None] + lags
    chance = np.max([np.abs(of_type)[around].max(axis=1) for of_type in moved.values()], axis=0)
    found = []
    for name in names:
        of_lag = moved[name][lags]
        best = int(np.argmax(np.abs(of_lag)))
        rho, lag = float(of_lag[best]), int(lags[best])
        p_value = float((1 + (chance >= abs(rho) - 1e-12).sum()) / (1 + len(bases)))
        hours = int((known & np.roll(watched, -lag)).sum())
        effective = effective_hours(x, ys[name], hours)
        interval = interval_of(rho, effective, len(lags) * len(names))
        shown = p_value <= LEVEL and interval[0] * interval[1] > 0.0
        incidents = int(counts[name][watched].sum())
        found.append(
            Association(
                event_type=name,
                verdict="associated" if shown else "not shown",
                incidents=incidents,
                hours=hours,
                words=_words(name, rho, lag, p_value, shown=shown, incidents=incidents, hours=hours),
                lag_h=lag,
                rho=rho,
                interval=interval,
                p_value=p_value,
                rho_at_once=float(of_lag[MAX_LAG_H]),
                effective_hours=effective,
            )
        )
    return found


def _words(name: str, rho: float, lag: int, p_value: float, *, shown: bool, incidents: int, hours: int) -> str:
    when = "in the same hour as" if lag == 0 else f"{abs(lag)} h {'before' if lag > 0 else 'after'}"
    basis = f"{incidents} incidents over {hours} hours, p {p_value:.3f} for all that was searched"
    if not shown:
        return f"no tie between crowds and {name} beyond chance and the week's course; strongest {rho:+.2f}, {basis}"
    sense = "larger" if rho > 0 else "smaller"
    return f"{sense} crowds than usual come {when} more {name} than usual ({rho:+.2f}; {basis})"

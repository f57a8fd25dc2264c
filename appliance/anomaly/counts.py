"""More events in a cell than its hour of the week lets expect: a count model over all cells of a site.

A cell's rate is gamma, with a prior taken from all cells by moments, so that a cell of few events is judged by its
neighbours' habits and a busy one by its own (empirical Bayes). When in the week its events fall is likewise its own
profile drawn towards the site's, as strongly as the cells resemble each other. What days vary beyond chance is measured
among cells of like activity. Together the next count is negative binomial; its tail is taken with half of the
probability of the count itself (mid-p).

A cell is flagged when all of these hold: its count is at least `FLOOR`, so that a single event in a quiet cell is never
an anomaly; its probability is at most that of `RATE`, whatever the number of cells; and it is among the discoveries of
the run (`anomaly.discovery`), whatever the number of runs.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.anomaly.discovery import discover
from appliance.anomaly.negative_binomial import mid_p

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WEEK_HOURS, DAY_HOURS = 168, 24
FLOOR = 3
"""The fewest events that can be an anomaly."""
SHARE = 0.1
"""Of the flags of a run, the share that is expected to be false."""
RATE = 0.001
"""False flags of a cell and day that are stood for, whatever the number of cells, where each hour is judged as it ends
and the 24 that end with it: neighbouring days share most of their events, and are worth some eight apart."""
PROBABILITY = {1: RATE / 2 / DAY_HOURS, DAY_HOURS: RATE / 2 / 8}
"""The greatest probability of a flag, by the hours of the window."""
ALIKE_MOST = 10_000.0
"""Events for which the site's profile stands at most."""
SPREAD_MOST = 10.0
KNOWN_CELL_DAYS = 2_000.0
"""Cell days at which a class of activity is believed as much as all classes together."""
LEAST = 1e-9


class CountBaseline(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of c cells.

    rate     (c,)      events a day
    profile  (c, 168)  share of a week's events in each hour of the week; rows sum to 1
    size     (c,)      of the negative binomial
    """

    rate: Floats
    profile: Floats
    size: Floats


class CountVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a run says of c cells in one window.

    expected  (c,) float64  events
    p_value   (c,) float64  mid-p of so many or more; 1 where the count is below the floor or no more than expected
    flagged   (c,) bool
    """

    expected: Floats
    p_value: Floats
    flagged: NDArray[np.bool_]


def fit_baseline(by_hour: Ints, by_day: Ints) -> CountBaseline:
    """Learn from the past, which ends before the windows that are judged by it.

    by_hour  (c, 168) int64  events by hour of the week, all weeks together
    by_day   (c, d) int64    the same events by day, d a multiple of 7, 7 or more
    returns  CountBaseline
    raises   ValueError      shapes that do not fit together
    """
    cells, days = by_day.shape
    if by_hour.shape != (cells, WEEK_HOURS) or days < 7 or days % 7:
        raise ValueError(f"fitting a baseline: {by_hour.shape} hours of the week and {by_day.shape} days do not fit")
    events = by_hour.sum(axis=1).astype(np.float64)
    strength, prior_days = _rate_prior(events, days)
    rate = (strength + events) / (prior_days + days)
    profile = _profile(by_hour, events)
    spread = _spread(by_day, events, profile)
    size = 1.0 / (1.0 / (strength + events) + spread)
    return CountBaseline(rate=rate, profile=profile, size=size)


def judge_counts(
    baseline: CountBaseline, count: Ints, *, from_hour: int, hours: int, share: float = SHARE
) -> CountVerdict:
    """Judge one window of all cells.

    count      (c,) int64  events in the window
    from_hour  0..167, the hour of the week it begins with, counted as in the baseline
    hours      1 or 24
    share      of the run's flags, how many may be false
    returns    CountVerdict
    """
    window = np.arange(from_hour, from_hour + hours) % WEEK_HOURS
    expected = baseline.rate * 7.0 * baseline.profile[:, window].sum(axis=1)
    p_value = np.ones(len(count))
    many = np.flatnonzero(count >= FLOOR)
    p_value[many] = mid_p(count[many], np.maximum(expected[many], LEAST), baseline.size[many])
    flagged = discover(p_value, share) & (p_value <= PROBABILITY[hours])
    return CountVerdict(expected=expected, p_value=p_value, flagged=flagged)


def _rate_prior(events: Floats, days: int) -> tuple[float, float]:
    """Shape and rate (in days) of the gamma that the cells' rates are drawn from, by moments."""
    if not events.any():
        return 0.5, 0.5 * days  # a site without events: as if each cell had had half of one
    mean, beyond = float(events.mean()), float(events.var()) - float(events.mean())
    strength = mean * mean / beyond if beyond > 0.0 else ALIKE_MOST
    strength = min(strength, ALIKE_MOST)
    return strength, strength * days / mean


def _profile(by_hour: Ints, events: Floats) -> Floats:
    """Each cell's own week, drawn towards the site's by as many events as the cells are alike (Dirichlet, moments)."""
    site = by_hour.sum(axis=0) + 1.0
    site = (np.roll(site, 1) + 2.0 * site + np.roll(site, -1)) / 4.0
    site /= site.sum()
    active = events > 1.0
    n = events[active]
    mass = float(n.sum())
    excess = 1.0
    if mass:
        chi = ((by_hour[active] - n[:, None] * site) ** 2 / site).sum(axis=1) / n / (WEEK_HOURS - 1)
        excess = float(chi.mean())
    alike = (float(n.mean()) - excess) / (excess - 1.0) if excess > 1.0 else ALIKE_MOST
    alike = min(max(alike, 1.0), ALIKE_MOST)
    shares: Floats = (by_hour + alike * site) / (events[:, None] + alike)
    return shares


def _spread(by_day: Ints, events: Floats, profile: Floats) -> Floats:
    """(c,) how much days vary beyond chance, as the variance of a factor on the rate; of cells of like activity."""
    cells, days = by_day.shape
    of_weekday = profile.reshape(cells, 7, DAY_HOURS).sum(axis=2)
    mean = np.tile(of_weekday, days // 7) * (events * 7.0 / days)[:, None]
    beyond = ((by_day - mean) ** 2).sum(axis=1) * days / (days - 1.0) - events
    squares = (mean**2).sum(axis=1)
    activity = np.log2(events + 1.0).astype(np.int64)
    held = np.bincount(activity).astype(np.float64) * days
    top, bottom = np.bincount(activity, weights=beyond), np.bincount(activity, weights=squares)
    overall = float(beyond.sum()) / max(float(squares.sum()), LEAST)
    own = np.divide(top, bottom, out=np.full(len(top), overall), where=bottom > LEAST)
    mixed = (own * held + overall * KNOWN_CELL_DAYS) / (held + KNOWN_CELL_DAYS)
    spread: Floats = np.clip(mixed, 0.0, SPREAD_MOST)[activity]
    return spread

"""What labels teach: how far the bar of a subject stands above the standard, in decades of improbability.

Each `false` raises the bar of its subject by half a decade and that of its family by a tenth; each `explained` lowers
both by as much, never below the standard. A bar stands at most two decades above it for a subject and half a decade
for a family, and what was learned halves in 30 days. So one label asks for an event three times as rare, four or more
for one a hundred times as rare, and a sensor that nobody labels any more is heard again as at first within a season: no
number of labels silences anything for ever. Computed from the labels themselves, so that one that is corrected is as if
it had been right. Called by `store.anomaly.labels`.
"""

from collections.abc import Iterable

STEP, FAMILY_STEP = 0.5, 0.1
MOST, FAMILY_MOST = 2.0, 0.5
HALF_LIFE_S = 30 * 86_400.0
NONE = 0.01
"""Decades that are as good as none."""
RULE = "1"
"""Version of these numbers."""

Taught = tuple[float, bool]
"""When, as Unix time in seconds; and whether the anomaly was false."""


def learn(labels: Iterable[Taught], now_s: float, *, family: bool = False) -> float:
    """The decades above the standard that labels have taught, at an instant.

    labels   of one subject or family, in any order; those after `now_s` count as if of now
    returns  0..MOST, for a family 0..FAMILY_MOST
    """
    step, most = (FAMILY_STEP, FAMILY_MOST) if family else (STEP, MOST)
    decades, since = 0.0, None
    for at_s, false in sorted((min(at_s, now_s), false) for at_s, false in labels):
        if since is not None:
            decades = fade(decades, at_s - since)
        decades, since = min(max(decades + (step if false else -step), 0.0), most), at_s
    return fade(decades, now_s - since) if since is not None else 0.0


def fade(decades: float, seconds: float) -> float:
    """What is left of a raised bar after so long; as good as none is none."""
    left = decades * 0.5 ** (max(seconds, 0.0) / HALF_LIFE_S)
    return left if left >= NONE else 0.0

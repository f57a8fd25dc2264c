"""One incident is one alarm: when a surprise is flagged, and when it only belongs to what is already known.

An incident opens with the first surprise of `ALARM` decades, which is flagged. What it opened with may grow for a few
values. After that the bar for another flag stands above the greatest surprise of the incident, and comes down to
`ALARM` while the series is quiet; when it has come down the incident is over. Quiet is counted in values, or in days
where values come seldom. Kept by `anomaly.series`.
"""

from typing import NamedTuple

import msgspec

ALARM = 3.3
"""Decades of surprise that open an incident: with ten tails watched, a value in a few thousand does by chance."""
AGAIN = 1.5
"""Decades above the greatest surprise at which the bar stands at first."""
UNFOLD = 20
"""Values in which what an incident opened with may still grow."""
HOLD_VALUES, HOLD_S = 300, 3 * 86_400.0
"""What ends an incident: so many values in a row without a surprise, or so many seconds."""
DAMPENED = 0.45
"""What is left of a surprise within an incident, at most of `ALARM`, so that its score stays below the threshold."""
DIGITS = 6


class Verdict(NamedTuple):
    """What is said of one value.

    score    0..1, to six digits; 0.5 at the threshold of the flag
    flagged  an alarm is due
    """

    score: float
    flagged: bool


NOTHING = Verdict(0.0, False)


class Incident(msgspec.Struct, kw_only=True):
    """The incident that is open, if one is; mutable, of constant size."""

    quiet_left: int = 0
    quiet_until_s: float = 0.0
    values: int = 0
    peak: float = 0.0


def decide(incident: Incident, surprise: float, at_s: float, *, alarm: float = ALARM) -> Verdict:
    """Flag a surprise (decades) or hold it back; the incident is changed in place.

    alarm  decades that open an incident: the standard, or more where labels or many series have raised the bar
    """
    if incident.quiet_left and incident.values >= UNFOLD and at_s >= incident.quiet_until_s:
        incident.quiet_left = 0
    if not incident.quiet_left:
        flagged = surprise >= alarm
        incident.peak = surprise
    else:
        incident.values += 1
        flagged = incident.values > UNFOLD and surprise >= _bar(incident, alarm)
        incident.peak = max(incident.peak, surprise)
    if flagged:
        incident.values = 0
    if surprise >= alarm:
        incident.quiet_left, incident.quiet_until_s = HOLD_VALUES, at_s + HOLD_S
    elif incident.quiet_left:
        incident.quiet_left -= 1
    held_back = incident.quiet_left and not flagged
    return Verdict(_score(min(surprise, alarm) * DAMPENED if held_back else surprise, alarm), flagged)


def goes_on(incident: Incident) -> bool:
    """Whether the value that was judged last belongs to an incident, and is not merely the quiet after it."""
    return incident.quiet_left == HOLD_VALUES


def surprise_of(score: float, *, alarm: float = ALARM) -> float:
    """The decades of a verdict that was not held back; as exact as six digits of the score are."""
    return alarm * float((score / max(1.0 - score, 10.0**-DIGITS)) ** (1 / 3))


def _bar(incident: Incident, alarm: float) -> float:
    return alarm + (incident.peak + AGAIN - alarm) * incident.quiet_left / HOLD_VALUES


def _score(surprise: float, alarm: float) -> float:
    """0 for what is no surprise, a half at the threshold, near 1 far beyond; a power, so that it does not saturate."""
    cube = (surprise / alarm) ** 3
    return round(cube / (1.0 + cube), DIGITS)

"""How many events the whole area is to expect: the level of the last days, times the hour of the week.

Kept for several half-lives at once; which of them serves a site and horizon is learned. Called by `learn`, `predict`.
"""

import numpy as np

from appliance.forecast.grid import Floats
from appliance.forecast.history import SHIFTS, WEEK_SHIFTS

LEVEL_HALF_LIVES_DAYS = (7.0, 28.0, 90.0, 365.0, 3_650.0)
_WEEKS, _SLOTS = 4.0, 2.0  # weeks by which a shift of the week is drawn to its slot; slots to the mean

_DECAY = np.exp2(-1 / (SHIFTS * np.array(LEVEL_HALF_LIVES_DAYS)))


class Level:
    """The totals of a site's shifts up to an instant; `add` moves on by one."""

    def __init__(self, first_weekday: int) -> None:
        self._first = first_weekday * SHIFTS
        self._shift = 0
        self._events, self._spans = np.zeros(WEEK_SHIFTS), np.zeros(WEEK_SHIFTS)
        self._seen, self._expected = np.zeros(len(_DECAY)), np.zeros(len(_DECAY))

    def add(self, events: int) -> None:
        """Take in the total of the next shift."""
        at = (self._first + self._shift) % WEEK_SHIFTS
        factor = self.factors()[at]
        self._seen = self._seen * _DECAY + events
        self._expected = self._expected * _DECAY + factor
        self._events[at] += events
        self._spans[at] += 1
        self._shift += 1

    def factors(self) -> Floats:
        """(21,) events of each shift of the week, Monday's first, as multiples of the mean shift's."""
        mean = self._events.sum() / max(self._spans.sum(), 1.0)
        if mean == 0:
            return np.ones(WEEK_SHIFTS)
        events, spans = self._events.reshape(7, SHIFTS), self._spans.reshape(7, SHIFTS)
        slot = (events.sum(axis=0) + _SLOTS * mean) / (spans.sum(axis=0) + _SLOTS)
        found: Floats = ((events + _WEEKS * slot) / (spans + _WEEKS)).ravel() / mean
        return found

    def expect(self, shifts: int) -> Floats:
        """(half-lives, shifts) events of each of the next shifts, by each half-life; 0 while nothing has been seen."""
        at = (self._first + self._shift + np.arange(shifts)) % WEEK_SHIFTS
        rate = self._seen / np.maximum(self._expected, 1e-9)
        return np.outer(rate, self.factors()[at])

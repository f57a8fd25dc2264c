"""How many events the whole area is to expect: the level of the last days, times the hour of the week.

Kept for several half-lives, and for several opinions how much days of the week differ, at once; which of them serve a
site and horizon is learned. Called by `learn`, `predict`.
"""

import numpy as np

from appliance.forecast.grid import Floats
from appliance.forecast.history import SHIFTS, WEEK_SHIFTS

LEVEL_HALF_LIVES_DAYS = (7.0, 28.0, 90.0, 365.0, 3_650.0)
WEEKDAY_WEEKS = (4.0, 16.0, 64.0, 1e6)
"""Weeks by which a shift of the week is drawn to its slot of the day; the last leaves every day alike. One burst of
events at a single hour stands out for years among few events, and tells nothing about that weekday."""
_SLOTS = 2.0  # slots by which a slot of the day is drawn to the mean

_DECAY = np.exp2(-1 / (SHIFTS * np.array(LEVEL_HALF_LIVES_DAYS)))


class Level:
    """The totals of a site's shifts up to an instant; `add` moves on by one."""

    def __init__(self, first_weekday: int) -> None:
        self._first = first_weekday * SHIFTS
        self._shift = 0
        self._events, self._spans = np.zeros(WEEK_SHIFTS), np.zeros(WEEK_SHIFTS)
        self._seen, self._expected = np.zeros(len(_DECAY)), np.zeros((len(WEEKDAY_WEEKS), len(_DECAY)))

    def add(self, events: int) -> None:
        """Take in the total of the next shift."""
        at = (self._first + self._shift) % WEEK_SHIFTS
        factor = self.factors()[:, at]
        self._seen = self._seen * _DECAY + events
        self._expected = self._expected * _DECAY + factor[:, None]
        self._events[at] += events
        self._spans[at] += 1
        self._shift += 1

    def factors(self) -> Floats:
        """(weekday weeks, 21) events of each shift of the week, Monday's first, as multiples of the mean shift's."""
        mean = self._events.sum() / max(self._spans.sum(), 1.0)
        if mean == 0:
            return np.ones((len(WEEKDAY_WEEKS), WEEK_SHIFTS))
        events, spans = self._events.reshape(7, SHIFTS), self._spans.reshape(7, SHIFTS)
        slot = (events.sum(axis=0) + _SLOTS * mean) / (spans.sum(axis=0) + _SLOTS)
        weeks = np.array(WEEKDAY_WEEKS)[:, None, None]
        found: Floats = ((events + weeks * slot) / (spans + weeks)).reshape(len(WEEKDAY_WEEKS), WEEK_SHIFTS) / mean
        return found

    def expect(self, shifts: int) -> Floats:
        """(weekday weeks, half-lives, shifts) events of each of the next shifts; 0 while nothing has been seen."""
        at = (self._first + self._shift + np.arange(shifts)) % WEEK_SHIFTS
        rate = self._seen / np.maximum(self._expected, 1e-9)
        found: Floats = rate[:, :, None] * self.factors()[:, None, at]
        return found

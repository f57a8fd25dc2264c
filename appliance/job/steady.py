"""APScheduler kept steady while the system clock leaps: it plans by that clock, and cannot be given another.

Set back ten years, it would wait ten years for each job; set ahead, it would write down every missed time of an
interval before it throws all but one away, which for one every two seconds is more than a box has memory. So what is
due next is always counted from now (`Every`), and when the system clock has moved against the steady one all jobs are
planned anew (`LeapWatch`, `plan_anew`). What goes by the time of day asks the box's own clock and the ledger of chores.
Called by `schedule`.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.base import BaseTrigger

LEAP_S = 2.0  # less is slewing


class Every(BaseTrigger):  # type: ignore[misc]
    """At once, and then again so many seconds after the last time; what was missed is not made up for."""

    def __init__(self, seconds: float) -> None:
        self.period = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """As APScheduler asks it: always after `now`, but for the first time."""
        return now if previous_fire_time is None else now + self.period


class LeapWatch:
    """Notices that the system clock was set. `wall` and `monotonic` tell seconds."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._offset_s = wall() - monotonic()

    def has_leapt(self) -> bool:
        """Whether it was, since the last time this was asked."""
        before, self._offset_s = self._offset_s, self._wall() - self._monotonic()
        return abs(self._offset_s - before) > LEAP_S


def plan_anew(scheduler: BaseScheduler) -> None:
    """Let every job be due now, whatever the clock said when it was planned."""
    for job in scheduler.get_jobs():
        scheduler.reschedule_job(job.id, trigger=job.trigger)

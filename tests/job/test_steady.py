"""Jobs on schedule while the system clock leaps."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from appliance.job.steady import Every, LeapWatch, plan_anew
from tests.conftest import NOW, wait_for

YEARS = timedelta(days=3652)


@pytest.fixture
def scheduler() -> Iterator[BackgroundScheduler]:
    made = BackgroundScheduler(timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None})
    made.start()
    yield made
    made.shutdown(wait=True)


@pytest.mark.parametrize("leap", [YEARS, -YEARS, timedelta(hours=1), timedelta()])
def test_what_is_due_next_lies_one_period_from_now_however_the_clock_leapt(leap: timedelta) -> None:
    every = Every(2)
    assert every.get_next_fire_time(None, NOW) == NOW
    assert every.get_next_fire_time(NOW, NOW + leap) == NOW + leap + timedelta(seconds=2)


def test_after_a_leap_ahead_a_job_is_done_once_and_not_for_each_time_missed(scheduler: BackgroundScheduler) -> None:
    done = threading.Semaphore(0)
    job = scheduler.add_job(done.release, Every(3_600))
    assert done.acquire(timeout=10)
    # Ten years of a job each two seconds: were each written down, this would take gigabytes.
    job.trigger.period = timedelta(seconds=2)
    job.modify(next_run_time=datetime.now(UTC) - YEARS)
    assert done.acquire(timeout=10)
    due = scheduler.get_job(job.id).next_run_time
    assert due <= datetime.now(UTC) + timedelta(seconds=3)


def test_after_a_leap_back_a_job_does_not_wait_for_years(scheduler: BackgroundScheduler) -> None:
    done = threading.Semaphore(0)
    job = scheduler.add_job(done.release, Every(3_600))
    assert done.acquire(timeout=10)
    job.modify(next_run_time=datetime.now(UTC) + YEARS)  # as it was planned before the clock was set back
    plan_anew(scheduler)
    assert done.acquire(timeout=10)
    wait_for(lambda: scheduler.get_job(job.id).next_run_time < datetime.now(UTC) + timedelta(hours=2))


@pytest.mark.parametrize(("by", "leapt"), [(3_600.0, True), (-3e8, True), (3e8, True), (1.0, False), (0.0, False)])
def test_a_leap_is_noticed_once(by: float, leapt: bool) -> None:
    wall, monotonic = 1_000.0, 10.0
    watch = LeapWatch(lambda: wall, lambda: monotonic)
    wall, monotonic = wall + 60 + by, monotonic + 60
    assert watch.has_leapt() is leapt
    assert not watch.has_leapt()

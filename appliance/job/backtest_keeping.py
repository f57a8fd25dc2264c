"""The backtest that the box keeps: due once a week and when someone asked, made by a child of the jobs process.

A child, since a backtest takes a hundred megabytes and more, which the jobs process would keep; its priority is low.
Called by `wiring_jobs` (is one due?) and `cli.backtesting` (make it).
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from appliance.aggregate.hours import SiteHours
from appliance.clock import Clock, site_day, to_us
from appliance.errors import HexpostError
from appliance.forecast.parameters import CODE_VERSION
from appliance.job.backtesting import fetch_parts, report_of
from appliance.model.backtest import Backtest
from appliance.model.discovery import Discovery
from appliance.store.engine import Store
from appliance.store.forecast.backtests import (
    alone,
    begin_backtest,
    fail_backtest,
    fetch_backtest,
    fetch_latest,
    finish_backtest,
    is_being_made,
    measure_history,
)
from appliance.store.risk.runs import fetch_watermark

EVERY = timedelta(days=7)
AGAIN = timedelta(days=1)  # after one that failed
TEST_DAYS = 90
LOOK_S = 30.0  # between looks whether the weekly one is due; those asked for are seen at once
RUSH = 1.01  # by so much more from one look to the next: a history is being imported, and half of it proves nothing
GROWN = 1.5  # by so much more than at the last one: a history was imported, and a week is long to wait
NICENESS = 10  # what comes in and what is looked at go first
AGAIN_S = 45.0  # after a child that was cut off: who asked shall not wait for more than a minute


class BacktestDue:
    """Whether a backtest is to be begun: one is asked for or was cut off, or the weekly one is due."""

    def __init__(
        self,
        store: Store,
        *,
        hours: SiteHours,
        types: Sequence[str],
        clock: Clock,
        clock_trusted: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._hours = hours
        self._types = types
        self._clock = clock
        self._trusted = clock_trusted
        self._monotonic = monotonic
        self._look_at = float("-inf")
        self._watermark = 0  # at the last look

    def __call__(self) -> bool:
        """Whether one is due now."""
        with self._store.read() as connection:
            asked = fetch_latest(connection, states=("queued", "running")) is not None
        if not asked:
            if self._monotonic() < self._look_at:
                return False
            self._look_at = self._monotonic() + LOOK_S
            if not self._is_weekly_due(self._clock()):
                return False
        return not is_being_made(self._store)

    def _is_weekly_due(self, now: datetime) -> bool:
        """A week after the last one, where there is enough history, something new, and a clock to go by."""
        if not self._trusted():
            return False
        with self._store.read() as connection:
            watermark = fetch_watermark(connection)
            before, self._watermark = self._watermark, watermark
            if watermark > before * RUSH:
                return False
            ended = fetch_latest(connection, states=("done", "failed"))
            done = fetch_latest(connection)
            proven = done is not None and done.version == CODE_VERSION
            if done and proven and watermark == done.watermark:
                return False
            if ended and ended.made_at:
                usual = proven and ended.state == "done" and watermark < ended.watermark * GROWN
                if timedelta() <= now - ended.made_at < (EVERY if usual else AGAIN):
                    return False
            return measure_history(connection, self._hours, types=self._types).is_met


def make_backtest(
    store: Store,
    *,
    hours: SiteHours,
    types: Sequence[str],
    discovery: Discovery,
    clock: Clock,
    resolution: int,
    test_days: int = TEST_DAYS,
    queued: bool = False,
) -> Backtest:
    """Make a backtest of the site's own incidents and keep it; with `queued` the one that was asked for, if any.

    One that cannot be made is kept as failed, with the reason.

    raises  Conflict  another one is being made
    """
    with alone(store):
        with store.write() as connection:
            begun = begin_backtest(connection, resolution=resolution, test_days=test_days, now=clock(), queued=queued)
        if begun.state != "running":
            return begun
        try:
            with store.read() as connection:
                watermark = fetch_watermark(connection)
            found = fetch_parts(
                store,
                resolution=begun.resolution,
                hours=hours,
                types=types,
                discovery=discovery,
                before=site_day(to_us(clock()), hours.zone),
            )
            report = report_of(found, test_days=begun.test_days)
        except (HexpostError, MemoryError) as error:
            with store.write() as connection:
                fail_backtest(connection, begun.backtest_pk, message=str(error) or "not enough memory", now=clock())
                return fetch_backtest(connection, begun.backtest_pk)
        with store.write() as connection:
            finish_backtest(
                connection, begun.backtest_pk, report=report, version=CODE_VERSION, watermark=watermark, now=clock()
            )
            return fetch_backtest(connection, begun.backtest_pk)

"""The jobs process: asks for risk runs when there is something new, and performs those asked for, one at a time.

The only user of APScheduler, with `steady`: jobs coalesce, never overlap, and are late rather than lost, also when the
system clock leaps.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from appliance.aggregate.days import LOOKBACK_DAYS
from appliance.aggregate.hours import SiteHours
from appliance.clock import Clock, site_day, to_us
from appliance.errors import HexpostError, Unavailable
from appliance.job.archiving import ArchiveCare
from appliance.job.asset_risk import AssetRisks
from appliance.job.backing_up import Child
from appliance.job.chores import Chores
from appliance.job.counting import Ahead, count_events
from appliance.job.covering import Covering
from appliance.job.iot_watch import IotWatch
from appliance.job.redating import Redating
from appliance.job.risk_run import perform_run
from appliance.job.steady import Every, LeapWatch, plan_anew
from appliance.job.watching import Watching
from appliance.model.risk import Run
from appliance.model.settings import Risk
from appliance.store.engine import Store
from appliance.store.risk.runs import (
    fetch_last_done,
    fetch_queued,
    fetch_watermark,
    insert_run,
    requeue_unfinished,
    update_run,
)
from appliance.store.settled.settle import COUNT_ROWS, count_uncounted

log = logging.getLogger(__name__)

ARCHIVE_S = 60.0  # between looks whether raw messages are to be sealed
CHILD_S = 10.0  # between looks whether a child is due
COVERAGE_S = 5.0  # between looks whether coverage is to be computed
CHORES_S = 20.0  # between looks whether a chore is due
WATCH_S = 2.0  # between looks for values to judge
IOT_S = 5.0  # between looks at new detections, plates and readings
LOOK_S = 0.3  # between looks for a run that someone asked for
RETRY_S = 2.0  # between attempts while the store cannot be written
Report = Callable[[Mapping[str, Any]], None]


class Jobs:
    """Works until it is stopped. Runs are performed on the calling thread; the scheduler only asks for them."""

    def __init__(
        self,
        store: Store,
        *,
        risk: Risk,
        zone: ZoneInfo,
        clock: Clock,
        report: Report,
        archive: ArchiveCare | None = None,
        children: Sequence[Child] = (),
        chores: Chores | None = None,
        redating: Redating | None = None,
        covering: Covering | None = None,
        watching: Watching | None = None,
        iot: IotWatch | None = None,
        assets: AssetRisks | None = None,
    ) -> None:
        """`children` are commands started when they are due, each beside the others."""
        self._store = store
        self._chores = chores
        self._stop = threading.Event()
        self._redating = redating
        self._covering = covering
        self._watching = watching
        self._iot = iot
        self._assets = assets
        self._archive = archive
        self._children = children
        self._risk = risk
        self._hours = SiteHours(zone)
        self._clock = clock
        self._report = report
        self._seen = -1
        self._took_over = False
        self._error = self._waits_for = self._due_error = ""

    def run(self, stop: threading.Event) -> None:
        """Perform what is queued, and see that what is due gets queued; what the store cannot take now waits."""
        self._stop = stop
        scheduler = self._schedule()
        scheduler.start()
        clock = LeapWatch()
        try:
            while not stop.is_set():
                if clock.has_leapt():
                    log.warning("the system clock was set; every job is planned anew")
                    plan_anew(scheduler)
                if not self._turn():
                    stop.wait(LOOK_S if self._took_over else RETRY_S)
                told = {child.name: child.error for child in self._children}
                told |= self._covering.state if self._covering else {}
                self._report(
                    {
                        "error": self._error,
                        "archive_error": self._archive.error if self._archive else "",
                        "watching_error": self._watching.error if self._watching else "",
                        "iot_error": self._iot.error if self._iot else "",
                        **told,
                    }
                )
        finally:
            if self._archive:
                self._archive.stop()
            for child in self._children:
                child.stop()
            scheduler.shutdown(wait=True)
            if self._watching:
                self._watching.stop()

    def _turn(self) -> bool:
        """One turn of the loop; whether there may be more to do at once."""
        try:
            if not self._took_over:
                with self._store.write() as connection:
                    requeue_unfinished(connection)
            redated = self._redating is not None and self._redating.step()
            more = self.perform_next() or redated
        except Unavailable as error:
            if str(error) != self._waits_for:
                log.error("%s; trying again", error)
            self._error = self._waits_for = str(error)
            self._took_over = False  # a run may stand there as running
            return False
        if self._waits_for:
            self._error = self._waits_for = ""
        self._took_over = True
        return more

    def perform_next(self) -> bool:
        """Perform the run that has waited longest; whether there was one.

        The store is only asked when another process has written since the last look.
        """
        version = self._store.data_version()
        if version == self._seen:
            return False
        with self._store.read() as connection:
            run = fetch_queued(connection)
            uncounted = count_uncounted(connection)
        if run is None:
            self._seen = version
            if uncounted >= COUNT_ROWS:
                count_events(self._store, self._hours, ahead=self._ahead())
            self._update_assets()
            return False
        try:
            done = perform_run(
                self._store,
                run,
                hours=self._hours,
                types=self._risk.types,
                clock=self._clock,
                stopping=self._stop.is_set,
            )
            if done.state == "done":
                log.info("run %d: resolution %d, %d rows changed", done.run_id, done.resolution, done.rows_changed)
            self._error = ""
        except HexpostError as error:
            self._fail(run, str(error))
        except Exception as error:
            log.exception("run %d failed", run.run_id)
            self._fail(run, f"{type(error).__name__}: {error}")
        return True

    def _ahead(self) -> Ahead:
        """What the next run of the default interval reads."""
        today = site_day(to_us(self._clock()), self._hours.zone)
        first = today - timedelta(days=self._risk.days - 1 + LOOKBACK_DAYS)
        return Ahead(first=first, last=today, types=self._risk.types)

    def _update_assets(self) -> None:
        """Compute the risk of critical assets where it is due; a mistake in it costs no run."""
        if self._assets is None:
            return
        try:
            changed = self._assets.perform_due(self._must_give_way)
            if changed:
                log.info("critical assets: %d days changed", changed)
        except HexpostError:
            raise
        except Exception as error:
            log.exception("the risk of critical assets")
            self._error = f"critical assets: {type(error).__name__}: {error}"

    def _must_give_way(self) -> bool:
        """Whether the process is to end, or somebody waits for a run: hundreds of assets take a minute at first."""
        if self._stop.is_set():
            return True
        with self._store.read() as connection:
            return fetch_queued(connection) is not None

    def queue_due(self) -> list[Run]:
        """Queue a run of the default interval for each resolution that has not seen all there is; the runs queued."""
        today = site_day(to_us(self._clock()), self._hours.zone)
        queued = []
        with self._store.write() as connection:
            watermark = fetch_watermark(connection)
            for resolution in self._risk.resolutions:
                last = fetch_last_done(connection, resolution, to_day=today)
                if last is None or last.watermark != watermark:
                    from_day = today - timedelta(days=self._risk.days - 1)
                    queued.append(
                        insert_run(
                            connection, resolution=resolution, from_day=from_day, to_day=today, now=self._clock()
                        )
                    )
        return queued

    def _schedule(self) -> BackgroundScheduler:
        scheduler = BackgroundScheduler(
            timezone=self._hours.zone,
            executors={
                "default": ThreadPoolExecutor(1),
                "archive": ThreadPoolExecutor(1),
                "children": ThreadPoolExecutor(max(1, len(self._children))),
                "chores": ThreadPoolExecutor(1),
                "coverage": ThreadPoolExecutor(1),
                "watching": ThreadPoolExecutor(1),
                "iot": ThreadPoolExecutor(1),
            },
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        scheduler.add_job(self._queue_due, Every(self._risk.every_s))
        if self._archive:
            scheduler.add_job(self._archive.tend, Every(ARCHIVE_S), executor="archive")
        for child in self._children:
            scheduler.add_job(child.tend, Every(CHILD_S), executor="children")
        if self._covering:
            scheduler.add_job(self._covering.tend, Every(COVERAGE_S), executor="coverage")
        if self._chores:
            look = partial(self._chores.perform_due, self._stop.wait)
            scheduler.add_job(look, Every(CHORES_S), executor="chores")
        if self._watching:
            scheduler.add_job(self._watching.tend, Every(WATCH_S), args=[self._stop.is_set], executor="watching")
        if self._iot:
            scheduler.add_job(partial(self._iot.look, self._stop.is_set), Every(IOT_S), executor="iot")
        return scheduler

    def _queue_due(self) -> None:
        try:
            self.queue_due()
            self._due_error = ""
        except HexpostError as error:
            if str(error) != self._due_error:
                log.error("looking for due runs: %s; trying again", error)
            self._error = self._due_error = str(error)

    def _fail(self, run: Run, reason: str) -> None:
        self._error = f"run {run.run_id}: {reason}"
        with self._store.write() as connection:
            update_run(connection, run.run_id, state="failed", message=reason, finished_at=to_us(self._clock()))

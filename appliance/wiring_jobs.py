"""What the jobs process is given beside its store: keeper of the disk, chores, re-dating. Only `cli` imports it."""

import math
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from appliance.aggregate.bins import SiteBins
from appliance.clock import from_us, to_us
from appliance.forecast.scale import risk_score
from appliance.job.asset_risk import AssetRisks
from appliance.job.backtest_keeping import BacktestDue
from appliance.job.chores import Chores, Done
from appliance.job.covering import Covering
from appliance.job.disk import DiskKeeper
from appliance.job.due import Rule
from appliance.job.environment import ReadingFollower
from appliance.job.following import EventFollower
from appliance.job.forecast_due import ForecastDue
from appliance.job.iot_watch import IotWatch
from appliance.job.judging_cells import WEEKS_MOST, judge_cells
from appliance.job.redating import Redating
from appliance.job.watching import Watching
from appliance.model.event import ClockQuality
from appliance.model.tier import READINGS
from appliance.store.anomaly.labels import close_quiet_alerts
from appliance.store.archive.retire import retire_files
from appliance.store.clock.boots import has_waiting
from appliance.store.engine import Store, raw_connection
from appliance.store.file.pulse import boot_time_s, is_alive, read_pulses
from appliance.store.forecast.slices import fetch_means
from appliance.store.measured.open_bins import mark_written
from appliance.store.retention.letting_go import let_go_events, let_go_positions, let_go_quarantine, let_go_readings
from appliance.wiring import SILENT_S, Box, archive_folder, open_ballast, open_disk_watch
from firmware_bridge.liveness.skew import KNOWN_AFTER, Skew, judge

QUIET = timedelta(hours=24)  # after which the alert of an anomaly closes by itself


def open_disk_keeper(box: Box, store: Store) -> DiskKeeper:
    """What lets go and keeps the ballast; the jobs process has it."""
    events = partial(let_go_events, hours=box.hours(), acknowledged_only=bool(box.settings.sync.url))
    return DiskKeeper(
        open_disk_watch(box, store),
        open_ballast(box),
        {
            "archive": partial(let_go_archive, box),
            "quarantine": partial(let_go_quarantine, store),
            "readings": partial(let_go_readings, store, bins=SiteBins(box.settings.zone)),
            "positions": partial(let_go_positions, store),
            "events": partial(events, store),
        },
        clock=box.clock,
        clock_trusted=partial(ages_known, box, store),
    )


def open_chores(box: Box, store: Store) -> Chores:
    """What happens at a time of the site's clock; the jobs process has it."""
    return Chores(
        store,
        retention=box.settings.retention,
        zone=box.settings.zone,
        centre=bool(box.settings.sync.url),
        clock=box.clock,
        clock_trusted=partial(ages_known, box, store),
        further={"judge cells": (Rule(minute=5), partial(judge_cells_of, box, store))},
    )


def forecast_due(box: Box, store: Store) -> Callable[[], bool]:
    """Whether a forecast is due; the jobs process asks."""
    return ForecastDue(
        store,
        risk=box.settings.risk,
        hours=box.hours(),
        clock=box.clock,
        clock_trusted=box.clock_trusted,
    )


def judge_cells_of(box: Box, store: Store, now: datetime) -> Done:
    """Judge the cells of the hours that ended; how many anomalies are new. Alerts of what is long over are closed."""
    risk, hourly = box.settings.risk, box.settings.retention.hourly_days
    new = judge_cells(
        store,
        bins=SiteBins(box.settings.zone),
        resolutions=risk.resolutions,
        types=risk.types,
        weeks=min(WEEKS_MOST, hourly // 7) if hourly else WEEKS_MOST,
        now=now,
    )
    with store.write() as connection:
        close_quiet_alerts(connection, before=now - QUIET, now=now)
    return new, ""


def open_watching(box: Box, store: Store) -> Watching:
    """What judges measured values and positions as they come."""
    return Watching(store, zone=box.settings.zone, clock=box.clock, clock_trusted=box.clock_trusted)


def open_iot_watch(box: Box, store: Store) -> IotWatch:
    """What follows detections, plates and readings; the jobs process has it."""
    bins = SiteBins(box.settings.zone)
    return IotWatch(EventFollower(store, bins=bins, clock=box.clock), ReadingFollower(store, clock=box.clock))


def open_backtest_due(box: Box, store: Store) -> BacktestDue:
    """What says whether a backtest is to be begun."""
    return BacktestDue(
        store,
        hours=box.hours(),
        types=box.settings.risk.types,
        clock=box.clock,
        clock_trusted=partial(ages_known, box, store),
    )


def ages_known(box: Box, store: Store) -> bool:
    """Whether anything may be deleted by its age: the time is known, and no row waits for its own."""
    if not box.clock_trusted():
        return False
    with store.read() as connection:
        return not has_waiting(raw_connection(connection))


def open_asset_risks(box: Box, store: Store) -> AssetRisks:
    """What computes the risk of critical assets."""
    return AssetRisks(
        store, risk=box.settings.risk, zone=box.settings.zone, clock=box.clock, scale=risk_score, means=fetch_means
    )


def open_redating(box: Box, store: Store) -> Redating:
    """What gives rows their true time once it is known."""
    return Redating(store, hours=box.hours(), judge=judge_again, reopen=reopen_readings)


def open_covering(box: Box, store: Store) -> Covering:
    """What keeps up to date which cells are watched; the jobs process has it."""
    return Covering(
        store,
        resolutions=box.settings.risk.counted,
        zone=box.settings.zone,
        clock=box.clock,
        heard_to=partial(bridge_heard_to, box),
    )


def bridge_heard_to(box: Box) -> int | None:
    """Until when the bridge is known to have listened, in microseconds; None where it never said anything."""
    pulse, now = read_pulses(box.run_dir).get("bridge"), to_us(box.clock())
    if pulse is None:
        return None
    age_s = pulse.age_s(boot_time_s())
    if is_alive(pulse) and age_s < SILENT_S:
        return now
    return pulse.wall_us if math.isinf(age_s) else now - round(age_s * 1_000_000)


def reopen_readings(raw: Any, times: Iterable[int]) -> None:
    """Have the bins of readings at these instants rolled up again."""
    mark_written(raw, READINGS, times)


def judge_again(observed_us: int, received_us: int, live: bool, skew_ms: float | None) -> ClockQuality:
    """How far a device's time can be believed, as the bridge would have judged it had it known the time."""
    known = Skew(offset_s=skew_ms / 1000, samples=KNOWN_AFTER) if skew_ms is not None else None
    return judge(from_us(observed_us), from_us(received_us), known, trusted=True, live=live)


def let_go_archive(box: Box, before: datetime) -> int:
    """Whole days of the archive that are older; how many files went."""
    folder = archive_folder(box)
    if not folder.exists():
        return 0
    now = box.clock()
    report = retire_files(
        folder, keep_days=(now - before).days, max_bytes=sys.maxsize, now=now, clock_trusted=box.clock_trusted()
    )
    return report.files

"""What the jobs process is given beside its store: keeper of the disk, chores, re-dating. Only `cli` imports it."""

import sys
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

from appliance.aggregate.bins import SiteBins
from appliance.clock import from_us
from appliance.forecast.scale import risk_score
from appliance.job.asset_risk import AssetRisks
from appliance.job.chores import Chores
from appliance.job.disk import DiskKeeper
from appliance.job.redating import Redating
from appliance.model.event import ClockQuality
from appliance.model.tier import READINGS
from appliance.store.archive.retire import retire_files
from appliance.store.boots import has_waiting
from appliance.store.engine import Store, raw_connection
from appliance.store.letting_go import let_go_events, let_go_positions, let_go_quarantine, let_go_readings
from appliance.store.open_bins import mark_written
from appliance.wiring import Box, archive_folder, open_ballast, open_disk_watch
from firmware_bridge.liveness.skew import KNOWN_AFTER, Skew, judge


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
    )


def ages_known(box: Box, store: Store) -> bool:
    """Whether anything may be deleted by its age: the time is known, and no row waits for its own."""
    if not box.clock_trusted():
        return False
    with store.read() as connection:
        return not has_waiting(raw_connection(connection))


def open_asset_risks(box: Box, store: Store) -> AssetRisks:
    """What computes the risk of critical assets."""
    return AssetRisks(store, risk=box.settings.risk, zone=box.settings.zone, clock=box.clock, scale=risk_score)


def open_redating(box: Box, store: Store) -> Redating:
    """What gives rows their true time once it is known."""
    return Redating(store, hours=box.hours(), judge=judge_again, reopen=reopen_readings)


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

"""What the jobs process is given beside its store: the keeper of the disk, the chores. Only `cli` imports it."""

import sys
from datetime import datetime
from functools import partial

from appliance.aggregate.bins import SiteBins
from appliance.job.chores import Chores
from appliance.job.disk import DiskKeeper
from appliance.store.archive.retire import retire_files
from appliance.store.engine import Store
from appliance.store.letting_go import let_go_events, let_go_positions, let_go_quarantine, let_go_readings
from appliance.wiring import Box, archive_folder, open_ballast, open_disk_watch


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
        clock_trusted=box.clock_trusted,
    )


def open_chores(box: Box, store: Store) -> Chores:
    """What happens at a time of the site's clock; the jobs process has it."""
    return Chores(
        store,
        retention=box.settings.retention,
        zone=box.settings.zone,
        centre=bool(box.settings.sync.url),
        clock=box.clock,
        clock_trusted=box.clock_trusted,
    )


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

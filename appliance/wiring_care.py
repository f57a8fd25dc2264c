"""The care of the store put together: restored to an instant, and what was lost merged back. Only `cli` imports it."""

import logging
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from appliance.errors import Conflict, Rejected
from appliance.store.backup.restoring import Restored, choose_backup, restore_backup
from appliance.store.backup.taking import Wish
from appliance.store.device.changes import place_waiting_events
from appliance.store.engine import Store
from appliance.store.salvage.ledger import Salvage, fetch_salvage
from appliance.store.salvage.work import put_back
from appliance.wiring import (
    Box,
    archive_folder,
    backup_folder,
    fetch_pulses,
    open_recorder,
    open_store,
    read_secret_file,
)
from appliance.wiring_archive import ReprocessReport, reprocess

log = logging.getLogger(__name__)

OVERLAP = timedelta(hours=1)  # what was received before a backup and committed after it; what is stored stays once


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore did; `replayed` is what the archive gave from the backup to the instant, None without one."""

    restored: Restored
    replayed: ReprocessReport | None = None


def backup_wish(box: Box, *, folder: Path | None, keep_days: int | None, passphrase_file: str = "") -> Wish:
    """A backup of this box, now; what is not given is as configured.

    raises  Rejected  the passphrase file cannot be read
    """
    store = box.settings.store
    return Wish(
        site_id=box.settings.site.id,
        folder=folder or backup_folder(box),
        config=box.config,
        passphrase=read_secret_file(passphrase_file or store.backup_passphrase_file, "the passphrase file"),
        keep_days=keep_days or store.backup_days,
        now=box.clock(),
        clock_trusted=box.clock_trusted(),
    )


def restore(
    box: Box,
    source: Path,
    *,
    until: datetime | None = None,
    archive: Path | None = None,
    passphrase_file: str = "",
    force: bool = False,
) -> Return:
    """Put a backup back, and with `until` all that was received from it to that instant, from the raw archive.

    archive  where that lies, if not in the data directory already: it is copied there
    raises   Conflict     a part of this box is running, or there is a store and no `force`
    raises   Rejected     `until` is in the future, or a file backs nothing up to go on from
    raises   Corrupt, Unavailable, NotFound, Forbidden  as `restore_backup`
    """
    running = sorted(part for part, pulse in fetch_pulses(box).items() if pulse.get("up"))
    if running:
        raise Conflict(f"restoring to {box.data}: {', '.join(running)} of this box is running; stop Hexpost first")
    if until is not None and until > box.clock():
        raise Rejected(f"{until:%Y-%m-%d %H:%M:%S} UTC is in the future", "--to")
    backup = choose_backup(source, box.settings.site.id, until)
    restored = restore_backup(
        backup,
        box.data,
        timezone=box.settings.site.timezone,
        now=box.clock(),
        passphrase=read_secret_file(passphrase_file, "the passphrase file"),
        force=force,
    )
    if until is None:
        return Return(restored=restored)
    if restored.manifest is None:
        raise Rejected("a bare file does not say when it was taken; name a backup's folder", "--to")
    if archive is not None and archive.resolve() != archive_folder(box).resolve():
        shutil.copytree(archive, archive_folder(box), dirs_exist_ok=True)
    store = open_store(box)
    try:
        start = restored.manifest.taken_at - OVERLAP
        replayed = reprocess(box, store, start=start, end=until, who="system:restore")
    finally:
        store.close()
    return Return(restored=restored, replayed=replayed)


def salvage(box: Box) -> Salvage | None:
    """Put back what is in stores that were lost, until nothing is left to do; the last one, None where there was none.

    raises  Unavailable  the store cannot be written now: it goes on where it was
    """
    store = open_store(box)
    try:
        while True:
            with store.read() as connection:
                found = fetch_salvage(connection, unfinished=True)
                if found is None:
                    return fetch_salvage(connection)
            put_back(
                store,
                open_recorder(box, store),
                found,
                place=lambda source: place_waiting_events(
                    store, source, hours=box.hours(), resolutions=box.settings.risk.counted
                ),
                replay=lambda since, until: _replay(box, store, since, until),
                clock=box.clock,
            )
    finally:
        store.close()


def _replay(box: Box, store: Store, since: datetime | None, until: datetime) -> dict[str, int]:
    """What the raw archive has of the time since a backup; how much of it came back."""
    if not archive_folder(box).exists():
        return {}
    start = since - OVERLAP if since else datetime(2000, 1, 1, tzinfo=UTC)
    report = reprocess(box, store, start=start, end=until, who="system:salvage")
    return {"archive messages": report.messages, "archive events": report.events.added}

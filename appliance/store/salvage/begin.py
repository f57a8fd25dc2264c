"""The start of a store: looked at, set aside where it cannot be used, made anew, and its people put back at once.

Of the processes that start together one does it and the others wait. Called by `wiring.open_store`.
"""

import logging
from datetime import datetime
from pathlib import Path

import msgspec

from appliance.errors import BadDisk, HexpostError
from appliance.store.backup.manifest import check_hashes, list_backups
from appliance.store.engine import FILE_NAME, Store, explained_opening
from appliance.store.file import dbapi
from appliance.store.file.durable import is_read_only
from appliance.store.file.health import REASON, examine, list_unfinished, set_aside, wait_until_unused
from appliance.store.file.migrations import migrate
from appliance.store.salvage.ledger import insert_salvage
from appliance.store.salvage.merge import merge_users, open_source

log = logging.getLogger(__name__)


class BackupFolders(msgspec.Struct, frozen=True, kw_only=True):
    """Where backups of a site may be found, the most likely first."""

    site_id: str
    folders: list[Path]

    def newest_sound(self) -> Path | None:
        """The newest whose hashes hold; None where there is none, or no drive."""
        found = [one for folder in self.folders if folder.is_dir() for one in list_backups(folder, self.site_id)]
        for backup in sorted(found, key=lambda one: one.taken_at, reverse=True):
            try:
                check_hashes(backup.folder)
                return backup.folder
            except HexpostError as error:
                log.error("%s", error)
        return None


def open_sound(path: Path, *, timezone: str, backups: BackupFolders, now: datetime) -> None:
    """See that there is a store at `path` that can be used, up to date.

    raises  Unavailable  the disk cannot be written
    raises  Conflict     the store is newer than this program
    """
    refuse_read_only(path)
    with explained_opening(path):
        migrate(path, timezone=timezone, prepare=lambda: _look(path, backups, now))
    for folder in list_unfinished(path):
        _begin(path, folder, backups, now)


def refuse_read_only(path: Path) -> None:
    """Say so where the disk of a store cannot be written.

    raises  BadDisk
    """
    if path.parent.exists() and is_read_only(path.parent):
        raise BadDisk(
            "opening the store",
            f"the disk of {path.parent} is read-only; nothing can be recorded until it is checked (fsck) and mounted "
            "for writing again; see `dmesg` for why, and replace the card if it happens again",
        )


def _look(path: Path, backups: BackupFolders, now: datetime) -> None:
    reason = examine(path)
    if reason:
        wait_until_unused(path)
    elif not path.exists() and _was_there(path, backups):
        reason = f"{path} is gone"
    if reason:
        set_aside(path, reason, now)


def _was_there(path: Path, backups: BackupFolders) -> bool:
    """Whether there has been a store here: there are backups, or an archive."""
    kept = any(folder.is_dir() and list_backups(folder, backups.site_id) for folder in backups.folders)
    archive = path.parent / "archive"
    return not list_unfinished(path) and (kept or (archive.is_dir() and any(archive.glob("[0-9]*"))))


def _begin(path: Path, folder: Path, backups: BackupFolders, now: datetime) -> None:
    """Write down what is to be put back, and put the people back, so that somebody can log in."""
    store = Store(path)
    try:
        with store.read() as connection:
            known = connection.exec_driver_sql("SELECT 1 FROM salvage WHERE damaged = ?", (str(folder),)).first()
        if known:
            return
        backup = backups.newest_sound()
        reason = (folder / REASON).read_text(encoding="utf-8", errors="replace")
        with store.write() as connection:
            insert_salvage(connection, at=now, reason=reason, damaged=str(folder), backup=str(backup or ""))
            connection.exec_driver_sql("UPDATE site SET claims_epoch = 1")
        for place in (backup, folder):
            source = open_source(place, FILE_NAME) if place else None
            if source is None:
                continue
            try:
                with store.write() as connection:
                    merge_users(connection, source)
            except (HexpostError, dbapi.Error, UnicodeDecodeError) as error:
                log.error("users could not be read from %s: %s", place, error)
            finally:
                source.close()
    finally:
        store.close()

"""A backup put back onto a box: checked, copied beside, opened, brought up to date, and only then made the store.

The restored store is another store than the one that was copied: it gets an id of its own, so that what phones have
cached is void, and begins an epoch at its first greeting of the centre, so that the box it replaces is refused there.
Called by `hexpost restore`, while no part runs.
"""

import contextlib
import secrets
import shutil
from datetime import datetime
from pathlib import Path

import msgspec

from appliance.errors import Conflict, Corrupt, HexpostError, NotFound, Unavailable
from appliance.store import outbox
from appliance.store.backup.manifest import SUMS, Manifest, check_hashes, list_backups, read_manifest
from appliance.store.backup.secrets_box import FILE_NAME as SECRETS
from appliance.store.backup.secrets_box import open_keys
from appliance.store.backup.taking import BESIDE, RESERVE_BYTES, newest_before
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.file import dbapi
from appliance.store.file.copying import close_file
from appliance.store.file.durable import DATA_MODE, free_bytes, hash_file, sync_file, sync_folder, write_durably
from appliance.store.file.migrations import known_migrations, migrate
from appliance.store.verify import verify_copy

HALF = ".restoring.db"
CONFIG = "restored-config.toml"


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was put back.

    backup    where it came from; `manifest` is None where it was a bare file
    epoch     that the store counts its batches in now
    aside     where the store that was there before lies now; '' if there was none
    notes     what a person has to know or do
    """

    backup: str
    manifest: Manifest | None
    epoch: int
    aside: str
    notes: list[str]


def choose_backup(source: Path, site_id: str, until: datetime | None) -> Path:
    """The backup that is meant: the folder or file itself, or of those in a folder the newest of the site.

    until   only those taken at or before this instant
    raises  NotFound  there is none
    raises  Conflict  the folder has backups of other sites only
    """
    if source.is_file() or (source / SUMS).is_file():
        return source
    if until is not None:
        return newest_before(source, site_id, until).folder
    found = list_backups(source)
    of_site = [one for one in found if one.site_id == site_id]
    if of_site:
        return of_site[0].folder
    if found:
        sites = ", ".join(sorted({one.site_id for one in found}))
        raise Conflict(f"{source} has backups of {sites}, none of {site_id}; set site.id, or name one of its folders")
    raise NotFound(f"no backup in {source}; is it the drive's folder, mounted, and named as in `hexpost backup --to`?")


def restore_backup(
    backup: Path, data: Path, *, timezone: str, now: datetime, passphrase: str | None = None, force: bool = False
) -> Restored:
    """Make a backup, a folder or a bare store file, the store of a data directory.

    force   a store that is there is moved aside; it is never deleted
    raises  Conflict     there is a store, or a newer program wrote the backup
    raises  Corrupt      the backup is not what was written, or does not hold
    raises  Forbidden    the passphrase is wrong
    raises  Unavailable  there is no room, or a disk cannot be used
    """
    bare = backup.is_file()
    file = backup if bare else backup / FILE_NAME
    manifest = None if bare else read_manifest(backup)
    if not bare:
        check_hashes(backup)
    _refuse_newer(manifest)
    if (data / FILE_NAME).exists() and not force:
        raise Conflict(f"{data} holds a store already; --force moves it aside, or name another directory with --data")
    try:
        data.mkdir(mode=DATA_MODE, parents=True, exist_ok=True)
        half = _copy(file, data)
        try:
            _refuse_foreign(half, file)
            epoch = _prepare(half, timezone)
        except HexpostError:
            _remove_half(data)
            raise
        notes = [*(manifest.left_out if manifest else ["the file has no manifest, so its hash could not be checked"])]
        if not bare:
            notes += _put_beside(backup, data, passphrase)
        aside = _move_aside(data, now)
        half.rename(data / FILE_NAME)
        sync_folder(data)
    except OSError as error:
        raise Unavailable(
            f"restoring {backup} to {data}: {error}; is the drive there, and may the disk be written?"
        ) from None
    return Restored(backup=str(backup), manifest=manifest, epoch=epoch, aside=aside, notes=notes)


def _refuse_newer(manifest: Manifest | None) -> None:
    newest = known_migrations()[-1][0]
    if manifest is not None and manifest.schema > newest:
        raise Conflict(
            f"the backup has schema {manifest.schema}, this program knows {newest}; install the newer Hexpost first"
        )


def _refuse_foreign(half: Path, file: Path) -> None:
    """An empty file opens as a database that is sound, and would be made a store without anything in it.

    raises  Corrupt
    """
    connection = dbapi.connect(str(half))
    try:
        ours = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'").fetchone()
    except dbapi.Error:
        ours = None
    finally:
        connection.close()
    if ours is None:
        raise Corrupt(f"{file} holds no store of Hexpost; name the folder or the {FILE_NAME} of a backup")


def _remove_half(data: Path) -> None:
    for name in (HALF, f"{HALF}-wal", f"{HALF}-shm", f"{HALF}-journal", Path(HALF).with_suffix(".lock").name):
        (data / name).unlink(missing_ok=True)


def _copy(file: Path, data: Path) -> Path:
    half = data / HALF
    _remove_half(data)  # of a restore that was cut off
    needed = file.stat().st_size + RESERVE_BYTES
    if free_bytes(data) < needed:
        free = free_bytes(data)
        raise Unavailable(f"restoring to {data}: {needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free")
    shutil.copyfile(file, half)
    half.chmod(0o640)
    sync_file(half)
    if hash_file(half) != hash_file(file):
        raise Corrupt(f"the copy of {file} in {data} is not what was read; is the disk failing?")
    return half


def _prepare(half: Path, timezone: str) -> int:
    """Open, check and bring up to date the copy, and make it a store of its own; its epoch.

    raises  Corrupt   it does not hold
    raises  Conflict  a newer program wrote it
    """
    migrate(half, timezone=timezone)
    half.with_suffix(".lock").unlink(missing_ok=True)
    store = Store(half)
    try:
        wrong = [finding for finding in verify_copy(store) if not finding.holds]
        if wrong:
            told = "; ".join(f"{finding.name}: {finding.detail}" for finding in wrong)
            raise Corrupt(f"the backup does not hold ({told}); use an earlier one")
        with store.write() as connection:
            epoch = outbox.begin_epoch(connection, above=0)
            raw_connection(connection).execute(
                "UPDATE site SET store_id = ?, claims_epoch = 1", (secrets.token_hex(8),)
            )
    finally:
        store.close()
    close_file(half)
    return epoch


def _put_beside(backup: Path, data: Path, passphrase: str | None) -> list[str]:
    """Put back what goes with the store, where nothing of that name is; what a person has to know of it."""
    notes = []
    for name in BESIDE:
        _copy_missing(backup / name, data / name)
    _copy_missing(backup / "firmware-keys", data / "secrets" / "firmware-keys")
    if (backup / "config.toml").is_file():
        write_durably(data / CONFIG, (backup / "config.toml").read_bytes())
        notes.append(f"its configuration is in {data / CONFIG}: compare it with the one in force")
    if (backup / SECRETS).is_file():
        if passphrase is None:
            notes.append("the site's keys are sealed in it: restore with --passphrase-file to have them back")
        else:
            folder = data / "secrets"
            folder.mkdir(mode=0o700, exist_ok=True)
            for name, key in open_keys((backup / SECRETS).read_bytes(), passphrase).items():
                write_durably(folder / name, key)
    return notes


def _copy_missing(source: Path, target: Path) -> None:
    for file in sorted(source.rglob("*")) if source.is_dir() else ():
        there = target / file.relative_to(source)
        if file.is_file() and not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, there)
            sync_file(there)


def _move_aside(data: Path, now: datetime) -> str:
    """Move the store that is there, with its WAL, into a folder of its own; its name, '' where there was none."""
    if not (data / FILE_NAME).exists():
        return ""
    aside = data / f"replaced-{now:%Y%m%dT%H%M%SZ}"
    aside.mkdir(mode=0o700, exist_ok=True)
    for end in ("-shm", "-wal", ""):
        with contextlib.suppress(FileNotFoundError):
            (data / f"{FILE_NAME}{end}").rename(aside / f"{FILE_NAME}{end}")
    return str(aside)

"""Taking a backup: copied beside, opened, checked, hashed, and only then under the name by which it counts.

On a drive copies stay for `keep_days`, fewer days where the drive is small; on the card the two newest, and only of a
store that is a small part of it. Called by `hexpost backup` and once a day by the jobs process.
"""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from appliance.errors import Conflict, Corrupt, HexpostError, NotFound, Unavailable
from appliance.store.backup.ledger import insert_backup
from appliance.store.backup.manifest import (
    MANIFEST,
    Backup,
    Manifest,
    folder_name,
    list_backups,
    list_overdue,
    remove_backup,
    remove_halves,
    write_hashes,
)
from appliance.store.backup.secrets_box import FILE_NAME as SECRETS
from appliance.store.backup.secrets_box import read_keys, seal_keys
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.file.copying import close_file, copy_file, unwatched
from appliance.store.file.durable import free_bytes, sync_file, sync_folder
from appliance.store.verify import verify_copy

KEEP_DAYS = 30
CARD_COPIES = 2
CARD_SHARE = 0.2  # of the card: a larger store is not copied onto the card it lies on
RESERVE_BYTES = 64 * 1_048_576  # left free, and room for what goes with the store
COUNTED = ("events", "reading_values", "positions", "devices", "users", "zones", "quarantine", "audit_log")
BESIDE = ("mappings", "firmware")
NO_KEYS = (
    "the site's keys are not in it (no passphrase file was given): people log in again, and plates seen before cannot "
    "be matched with plates seen after"
)
NO_DAY_KEYS = "the keys of single days are never in it: what was sealed under them (number plates) cannot be opened"
NO_MAPS = "basemaps are named and not copied: add them again"
_PASSWORD = re.compile(r"(://[^:/@\s\"']+):[^@/\s\"']+@")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be backed up, and where to.

    folder      a folder that is there, on the drive or on the card
    config      the configuration file, if there is one
    passphrase  seals the site's keys; None: they are left out
    """

    site_id: str
    folder: Path
    config: Path | None = None
    passphrase: str | None = None
    keep_days: int = KEEP_DAYS
    now: datetime
    clock_trusted: bool = True


Progress = Callable[[int, int], None]
"""Told (pages done, pages in all)."""


def take_backup(store: Store, wish: Wish, *, progress: Progress = unwatched) -> Backup:
    """Make a backup that counts, and let go those whose time is over; the ledger says how it went.

    raises  Unavailable  there is no room (saying how much is needed), or the drive is gone
    raises  Corrupt      the copy does not hold, so that the store itself is in doubt
    raises  Conflict     another backup is being made
    """
    with contextlib.nullcontext() if store.read_only else _alone(store.path.with_suffix(".backup-lock")):
        try:
            backup, size = _take(store, wish, progress)
        except (HexpostError, OSError) as error:
            told = error if isinstance(error, HexpostError) else _explain(error, wish.folder)
            _note(store, wish, folder=wish.folder, message=str(told))
            raise told from error
        _note(store, wish, folder=backup.folder, size=size)
    return backup


def is_on_card(folder: Path, data: Path) -> bool:
    """Whether a folder lies on the same file system as the data directory."""
    return folder.stat().st_dev == data.stat().st_dev


def _note(store: Store, wish: Wish, *, folder: Path, size: int = 0, message: str = "") -> None:
    """How it went, for the ledger; a store on a disk that takes no writes has none."""
    if store.read_only:
        return
    with store.write() as connection:
        insert_backup(connection, at=wish.now, folder=str(folder), done=not message, size=size, message=message)


def _take(store: Store, wish: Wish, progress: Progress) -> tuple[Backup, int]:
    if not wish.folder.is_dir():
        raise Unavailable(f"backing up to {wish.folder}: there is no such folder; is the drive plugged in and mounted?")
    data = store.path.parent
    on_card = is_on_card(wish.folder, data)
    remove_halves(wish.folder, wish.site_id)
    _make_room(store, wish, on_card=on_card)
    name = folder_name(wish.site_id, wish.now)
    half, whole = wish.folder / f".{name}.part", wish.folder / name
    if whole.exists():
        raise Conflict(f"{whole} is there already; a backup has one second of its own")
    half.mkdir(mode=0o700)
    try:
        size = copy_file(store.path, half / FILE_NAME, progress=progress)
        left_out = _copy_beside(data, half, wish)
        manifest = _check(half / FILE_NAME, data, wish, size, left_out)
        close_file(half / FILE_NAME)
        (half / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        write_hashes(half)
        _sync(half)
        half.rename(whole)
        sync_folder(wish.folder)
    except BaseException as error:
        if not half.is_dir() and isinstance(error, HexpostError | OSError):
            raise _explain(OSError("it is gone"), wish.folder) from error
        with contextlib.suppress(OSError):
            shutil.rmtree(half)
        raise
    made = list_backups(wish.folder, wish.site_id)
    keep = CARD_COPIES if on_card else None
    for old in list_overdue(made, now=wish.now, keep_days=wish.keep_days, keep=keep):
        remove_backup(old.folder)
    return Backup(folder=whole, site_id=wish.site_id, taken_at=wish.now), size


def _make_room(store: Store, wish: Wish, *, on_card: bool) -> None:
    """Let earlier backups go, never the newest, until there is room for another.

    raises  Unavailable  there is none
    """
    size = store.path.stat().st_size
    needed = size + RESERVE_BYTES
    total = shutil.disk_usage(wish.folder).total
    if on_card and size > CARD_SHARE * total:
        raise Unavailable(
            f"backing up to {wish.folder}: the store has {_gb(size)}, too much for a copy on the card it lies on "
            f"({_gb(total)}); plug in a drive and name it in store.backup_folder, or use --to"
        )
    earlier = list_backups(wish.folder, wish.site_id)[1:]
    while free_bytes(wish.folder) < needed and earlier:
        remove_backup(earlier.pop().folder)
    free = free_bytes(wish.folder)
    if free < needed:
        raise Unavailable(
            f"backing up to {wish.folder}: {_gb(needed)} are needed and {_gb(free)} are free; free "
            f"{_gb(needed - free)} there, or use a larger drive"
        )


def _copy_beside(data: Path, half: Path, wish: Wish) -> list[str]:
    """Copy what a new box needs beside the store; what is left out, in words."""
    for name in BESIDE:
        if (data / name).is_dir():
            shutil.copytree(data / name, half / name, ignore=shutil.ignore_patterns(".*", "*.part"))
    if (data / "secrets" / "firmware-keys").is_dir():  # public keys
        shutil.copytree(data / "secrets" / "firmware-keys", half / "firmware-keys")
    left_out = [NO_DAY_KEYS]
    if wish.config is not None and wish.config.exists():
        text = wish.config.read_text(encoding="utf-8")
        clean = _PASSWORD.sub(r"\1@", text)
        (half / "config.toml").write_text(clean, encoding="utf-8")
        if clean != text:
            left_out.append("passwords in URLs of the configuration are left out: put them back in config.toml")
    left_out.append("files that the configuration names (passwords, certificates) are not copied")
    if wish.passphrase is None:
        left_out.append(NO_KEYS)
    else:
        (half / SECRETS).write_bytes(seal_keys(read_keys(data / "secrets"), wish.passphrase))
    if (data / "basemaps").is_dir():
        left_out.append(NO_MAPS)
    return left_out


def _check(copy: Path, data: Path, wish: Wish, size: int, left_out: list[str]) -> Manifest:
    """Open a copy and look whether it holds.

    raises  Corrupt  naming what does not
    """
    checked = Store(copy)
    try:
        wrong = [finding for finding in verify_copy(checked) if not finding.holds]
        if wrong:
            told = "; ".join(f"{finding.name}: {finding.detail}" for finding in wrong)
            raise Corrupt(f"the copy of {data / FILE_NAME} does not hold ({told}) and was thrown away")
        with checked.read(600.0) as connection:
            raw = raw_connection(connection)
            rows = {table: raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in COUNTED}
            store_id, epoch = raw.execute("SELECT store_id, epoch FROM site").fetchone()
            schema = raw.execute("PRAGMA user_version").fetchone()[0]
            last = raw.execute("SELECT coalesce(max(event_pk), 0) FROM events").fetchone()[0]
    finally:
        checked.close()
    maps = {file.name: file.stat().st_size for file in sorted((data / "basemaps").glob("*")) if file.is_file()}
    return Manifest(
        site_id=wish.site_id,
        store_id=store_id,
        epoch=epoch,
        schema=schema,
        taken_at=wish.now,
        clock_trusted=wish.clock_trusted,
        bytes=size,
        rows=rows,
        last_event_pk=last,
        basemaps=maps,
        left_out=left_out,
    )


def _sync(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            sync_folder(path)
        else:
            sync_file(path)
    sync_folder(folder)


def _explain(error: OSError, folder: Path) -> Unavailable:
    return Unavailable(
        f"backing up to {folder}: {error.strerror or error}; is the drive still there? Nothing half counts as a backup"
    )


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{max(0, size) / 1e6:,.0f} MB"


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Conflict("another backup of this box is being made; `hexpost status` shows when it is done") from None
    finally:
        os.close(descriptor)


def newest_before(folder: Path, site_id: str, instant: datetime) -> Backup:
    """The newest backup of a site that was taken at or before an instant.

    raises  NotFound  there is none
    """
    for backup in list_backups(folder, site_id):
        if backup.taken_at <= instant:
            return backup
    raise NotFound(f"{folder} has no backup of {site_id} from {instant:%Y-%m-%d %H:%M:%S} UTC or before")

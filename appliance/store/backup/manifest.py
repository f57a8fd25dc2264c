"""What a backup is: a folder with a store, what goes with it, a manifest, and the hashes of all of it.

    hexpost-SITE-20261126T023000Z/
        hexpost.db  manifest.json  config.toml  basemaps.json  secrets.sealed  mappings/ firmware/ firmware-keys/
        SHA256SUMS        as `sha256sum -c` reads it; written last

A folder whose name begins with a dot is half a backup and counts for nothing. Names hold no colon: drives are FAT.
"""

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec

from appliance.errors import Corrupt, NotFound, Unavailable
from appliance.store.file.durable import hash_file

MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
STAMP = "%Y%m%dT%H%M%SZ"
MAX_LISTED = 1_000
_NAME = re.compile(r"hexpost-(?P<site>.+)-(?P<stamp>\d{8}T\d{6}Z)")
_SUM = re.compile(r"([0-9a-f]{64})  (.+)")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself.

    taken_at       the moment of the store that it shows
    clock_trusted  whether the box knew the time then
    schema         number of the last migration
    rows           of the tables that people ask for
    basemaps       name -> bytes of maps that were on the box and are not in the backup
    left_out       what is not in it, and what that means
    """

    site_id: str
    store_id: str
    epoch: int
    schema: int
    taken_at: datetime
    clock_trusted: bool = True
    bytes: int
    rows: dict[str, int]
    last_event_pk: int = 0
    basemaps: dict[str, int] = {}
    left_out: list[str] = []


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that counts as a backup, by its name; only `read_manifest` and `check_hashes` look inside."""

    folder: Path
    site_id: str
    taken_at: datetime


def folder_name(site_id: str, taken_at: datetime) -> str:
    """The name of the backup of a site at an instant."""
    return f"hexpost-{quote(site_id, safe='')}-{taken_at.astimezone(UTC):{STAMP}}"


def list_backups(folder: Path, site_id: str | None = None) -> list[Backup]:
    """The backups in a folder, of one site where it is named, the newest first; none where the folder is not there."""
    found = []
    for path in sorted(folder.glob("hexpost-*-*Z"))[-MAX_LISTED:]:
        named = _NAME.fullmatch(path.name)
        if named and (path / SUMS).is_file():
            taken_at = datetime.strptime(named["stamp"], STAMP).replace(tzinfo=UTC)
            found.append(Backup(folder=path, site_id=unquote(named["site"]), taken_at=taken_at))
    wanted = [one for one in found if site_id is None or one.site_id == site_id]
    return sorted(wanted, key=lambda one: one.taken_at, reverse=True)


def read_manifest(backup: Path) -> Manifest:
    """What a backup says of itself.

    raises  NotFound  the folder is no backup
    raises  Corrupt   it cannot be read
    """
    try:
        return msgspec.json.decode((backup / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise NotFound(f"{backup} is no backup: it has no {MANIFEST}") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise Corrupt(f"the backup {backup}: {MANIFEST} cannot be read: {error}; use an earlier one") from None


def write_hashes(backup: Path) -> None:
    """Write the hash of every file of a backup; the caller syncs."""
    files = sorted(file for file in backup.rglob("*") if file.is_file() and file.name != SUMS)
    lines = [f"{hash_file(file)}  {file.relative_to(backup).as_posix()}\n" for file in files]
    (backup / SUMS).write_text("".join(lines), encoding="utf-8")


def check_hashes(backup: Path) -> None:
    """Compare every file of a backup with its hash.

    raises  Corrupt      a file is missing, or is not what was written, naming it
    raises  Unavailable  the drive cannot be read
    """
    try:
        lines = (backup / SUMS).read_text(encoding="utf-8").splitlines()
        for line in lines:
            told = _SUM.fullmatch(line)
            file = backup / (told[2] if told else "")
            if told is None or not file.resolve().is_relative_to(backup.resolve()):
                raise Corrupt(f"the backup {backup}: {SUMS} is damaged; use an earlier one")
            if not file.is_file():
                raise Corrupt(f"the backup {backup}: {told[2]} is missing; use an earlier one")
            if hash_file(file) != told[1]:
                raise Corrupt(f"the backup {backup}: {told[2]} is not what was written; use an earlier one")
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"reading the backup {backup}: {error}; is the drive still there?") from None
    if not any(line.endswith(f"  {MANIFEST}") for line in lines):
        raise Corrupt(f"the backup {backup}: {SUMS} is cut off; use an earlier one")


def remove_backup(backup: Path) -> None:
    """Remove a backup; killed half-way it counts no more.

    raises  OSError
    """
    gone = backup.with_name(f".{backup.name}.gone")
    backup.rename(gone)
    shutil.rmtree(gone)


def remove_halves(folder: Path, site_id: str) -> None:
    """Remove what a backup or a removal that was cut off has left behind; the caller makes sure that none is running.

    raises  OSError
    """
    for half in folder.glob(f".hexpost-{quote(site_id, safe='')}-*Z.*"):
        shutil.rmtree(half, ignore_errors=True)


def list_overdue(backups: list[Backup], *, now: datetime, keep_days: int, keep: int | None = None) -> list[Backup]:
    """Those that go: older than `keep_days`, or beyond the `keep` newest. The newest is never among them."""
    old = now - timedelta(days=keep_days)
    return [one for n, one in enumerate(backups) if n > 0 and (one.taken_at < old or (keep is not None and n >= keep))]

"""What the archive holds, written beside it: one small file a day names each sealed file with its hash.

A file counts when its day's manifest names it. The manifest is replaced whole (written, synced, renamed), so it is
the old or the new one at every instant. It lies with the files and not in the database, which may be lost while they
are not.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from appliance.errors import Corrupt, Unavailable
from appliance.store.archive.spool import sync_folder

FILE_NAME = "manifest.json"
_CHUNK = 1 << 20


class SealedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable Parquet file: messages of one hour of receipt.

    file        within the archive: `2026/11/26/17.parquet`, `17-1.parquet`, ...
    first, last received; None where it only tells of messages that are missing
    missed      messages that could not be archived, received in missed_from..missed_to
    torn_bytes  what followed the last whole batch of its spool files, cut by a power cut or damaged
    untrusted   messages received while the box did not know the time
    sealed      messages that may hold number plates, under the key of their day
    spools      the spool files it was made from
    kept_from   since when its age counts, where its messages do not tell: None until the time is known
    retired     it is being deleted, and no longer counts
    """

    file: str
    hour: datetime
    rows: int
    bytes: int
    sha256: str
    first: datetime | None
    last: datetime | None
    missed: int = 0
    missed_from: datetime | None = None
    missed_to: datetime | None = None
    torn_bytes: int = 0
    untrusted: int = 0
    sealed: int = 0
    spools: list[str] = []
    kept_from: datetime | None = None
    retired: bool = False


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one day, in the order in which they were sealed."""

    files: list[SealedFile] = []


class ArchiveState(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive holds, for status and metrics; `spool_bytes` wait to be sealed since `spool_since`."""

    files: int = 0
    rows: int = 0
    bytes: int = 0
    missed: int = 0
    first: datetime | None = None
    last: datetime | None = None
    spool_files: int = 0
    spool_bytes: int = 0
    spool_since: datetime | None = None


def day_folder(archive: Path, hour: datetime) -> Path:
    """Where the files of an hour's UTC day lie."""
    return archive / f"{hour:%Y}" / f"{hour:%m}" / f"{hour:%d}"


def list_days(archive: Path) -> list[Path]:
    """The folders of all days that have a manifest, the oldest first."""
    return sorted(file.parent for file in archive.glob(f"[0-9]*/[0-9]*/[0-9]*/{FILE_NAME}"))


def read_manifest(day: Path) -> Manifest:
    """The manifest of a day; an empty one where there is none.

    raises  Corrupt      it is not a manifest
    raises  Unavailable  it cannot be read
    """
    file = day / FILE_NAME
    try:
        return msgspec.json.decode(file.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        raise Unavailable(f"reading {file}: {error}") from None
    except msgspec.MsgspecError as error:
        raise Corrupt(f"{file} is damaged: {error}; move {day} away, its files may still be imported") from None


def write_manifest(day: Path, manifest: Manifest) -> None:
    """Replace the manifest of a day durably.

    raises  OSError
    """
    fresh = day / f".{FILE_NAME}"
    with fresh.open("wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        out.flush()
        os.fsync(out.fileno())
    fresh.rename(day / FILE_NAME)
    sync_folder(day)


def sealed_files(archive: Path, start: datetime | None = None, end: datetime | None = None) -> list[SealedFile]:
    """The files that count, by hour; only those that may hold messages received in [start, end).

    raises  Corrupt, Unavailable  as `read_manifest`
    """
    found = []
    for day in list_days(archive):
        date = datetime.strptime("".join(day.parts[-3:]), "%Y%m%d").replace(tzinfo=UTC)
        if (start is None or date + timedelta(days=1) > start) and (end is None or date < end):
            found += [file for file in read_manifest(day).files if not file.retired]
    wanted = [
        file
        for file in found
        if (start is None or (file.last or file.hour) >= start) and (end is None or (file.first or file.hour) < end)
    ]
    return sorted(wanted, key=lambda file: (file.hour, file.first or file.hour))


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def remove_files(archive: Path, day: Path, retired: Sequence[SealedFile]) -> None:
    """Delete files of one day: first they no longer count, then they go, then they are forgotten.

    Killed between, the next call with what the manifest calls retired goes on.
    raises  OSError
    """
    gone = {file.file for file in retired}
    files = [
        msgspec.structs.replace(file, retired=file.retired or file.file in gone) for file in read_manifest(day).files
    ]
    write_manifest(day, Manifest(files=files))
    for file in files:
        if file.retired:
            (archive / file.file).unlink(missing_ok=True)
    sync_folder(day)
    left = [file for file in files if not file.retired]
    if left:
        write_manifest(day, Manifest(files=left))
        return
    shutil.rmtree(day)
    for parent in day.parents[:2]:
        with contextlib.suppress(OSError):  # there is another day
            parent.rmdir()


@contextmanager
def archive_lock(archive: Path, work: str = "seal") -> Iterator[None]:
    """Alone among those who seal and delete (or do other `work`), whatever their process.

    raises  Unavailable  somebody else does, or the folder cannot be written
    """
    try:
        archive.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(archive / f".{work}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Unavailable(f"the archive in {archive}: {error}; free space or remount the disk") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Unavailable(f"{work} in {archive}: another process is at it; try again when it is done") from None
    finally:
        os.close(descriptor)

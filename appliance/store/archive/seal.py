"""Sealing: closed spool files become immutable Parquet files; a kill at any instant loses and doubles nothing.

    1  spool files are closed (renamed); their writers begin others
    2  the messages of an hour are written to a temporary file, synced and read back
    3  it is renamed to `HH.parquet`, or `HH-1.parquet` where there is one
    4  the day's manifest names it, its hash, and the spool files it was made from: now it counts
    5  those spool files are removed

Killed before 4, the spool files are sealed again, over the same name. Killed after, they are named already and only
removed. Run by `hexpost archive seal`, which the jobs process starts every hour: pyarrow's memory is given back with
the process.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from appliance.errors import Corrupt, Unavailable
from appliance.store.archive.hours import write_hour
from appliance.store.archive.manifest import (
    Manifest,
    SealedFile,
    archive_lock,
    day_folder,
    hash_file,
    read_manifest,
    write_manifest,
)
from appliance.store.archive.spool import (
    CLOSED,
    OPEN,
    SPOOL,
    Frame,
    close_file,
    hour_name,
    list_spools,
    read_frames,
    sync_folder,
)


class SealReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was sealed, and how many spool files wait because their process was writing."""

    files: int = 0
    rows: int = 0
    bytes: int = 0
    waiting: int = 0


def seal_spools(archive: Path, *, now: datetime, everything: bool = False) -> SealReport:
    """Seal the spool files of hours that are over; with `everything` also that of this one.

    raises  Unavailable  the disk cannot be written now, or another process seals
    raises  Corrupt      a day's manifest is damaged; other days are sealed first
    """
    spool = archive / SPOOL
    with archive_lock(archive):
        try:
            waiting = _close(spool, keep="" if everything else hour_name(now))
            sealed, damaged = [], None
            closed = [file for file in list_spools(spool) if file.suffix == CLOSED]
            for hour, files in groupby(closed, key=lambda file: file.name[:11]):
                try:
                    sealed.append(_seal_hour(archive, hour, list(files)))
                except Corrupt as error:
                    damaged = error
        except OSError as error:
            raise Unavailable(f"sealing the archive in {archive}: {error}; free space or remount the disk") from None
    if damaged is not None:
        raise damaged
    made = [file for file in sealed if file is not None]
    return SealReport(
        files=len(made), rows=sum(file.rows for file in made), bytes=sum(file.bytes for file in made), waiting=waiting
    )


def _close(spool: Path, *, keep: str) -> int:
    """Close the open files but those of the hour `keep`; how many are held by their writers."""
    held = 0
    for file in list_spools(spool):
        if file.suffix == OPEN and not (keep and file.name.startswith(keep)):
            held += close_file(file) is None
    if spool.exists():
        sync_folder(spool)
    return held


def _seal_hour(archive: Path, hour_text: str, spools: Sequence[Path]) -> SealedFile | None:
    """Seal closed spool files of one hour; None where they are sealed already or hold nothing."""
    hour = datetime.strptime(hour_text, "%Y%m%dT%H").replace(tzinfo=UTC)
    day = day_folder(archive, hour)
    manifest = read_manifest(day)
    named = {name for file in manifest.files for name in file.spools}
    fresh = [file for file in spools if file.name not in named]
    sealed = _write(archive, hour, fresh, manifest) if any(_holds_something(file) for file in fresh) else None
    for file in spools:
        file.unlink()
    sync_folder(archive / SPOOL)
    return sealed


def _write(archive: Path, hour: datetime, spools: Sequence[Path], manifest: Manifest) -> SealedFile:
    day = day_folder(archive, hour)
    _make_folders(archive, day)
    fresh = day / f".{hour:%H}.parquet"
    reader = _SpoolReader(spools)
    written = write_hour(fresh, reader.frames())
    if pq.read_metadata(fresh).num_rows != written.rows:
        raise Unavailable(f"sealing {fresh}: it does not hold what was written; is the disk failing?")
    name = _free_name(archive, day, hour, manifest)
    sealed = SealedFile(
        file=name,
        hour=hour,
        bytes=fresh.stat().st_size,
        sha256=hash_file(fresh),
        torn_bytes=reader.torn_bytes,
        spools=[file.name for file in spools],
        **msgspec.structs.asdict(written),
    )
    fresh.rename(archive / name)
    sync_folder(day)
    write_manifest(day, Manifest(files=[*manifest.files, sealed]))
    return sealed


def _free_name(archive: Path, day: Path, hour: datetime, manifest: Manifest) -> str:
    taken = {file.file for file in manifest.files}
    for n in range(len(taken) + 1):
        name = str((day / f"{hour:%H}{f'-{n}' if n else ''}.parquet").relative_to(archive))
        if name not in taken:
            return name
    raise AssertionError("one of n + 1 names is free of n")


def _make_folders(archive: Path, day: Path) -> None:
    """The folders of a day, each durable before what lies in it."""
    for folder in (day.parent.parent, day.parent, day):
        if not folder.exists():
            folder.mkdir(mode=0o700)
            sync_folder(folder.parent)
    sync_folder(archive)


def _holds_something(spool: Path) -> bool:
    return next(read_frames(spool), None) is not None


class _SpoolReader:
    """Frames of several files, one after the other, and how many bytes at their ends were no frames."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self.torn_bytes = 0

    def frames(self) -> Iterator[Frame]:
        """Every whole frame."""
        for file in self._files:
            whole = 0
            for frame, end in read_frames(file):
                whole = end
                yield frame
            self.torn_bytes += file.stat().st_size - whole

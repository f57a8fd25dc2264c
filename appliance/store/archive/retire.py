"""Forgetting: whole sealed hours, the oldest first, by age and by what the archive may take up on the card.

Age is that of the messages, and of those received while the box did not know the time, that of the first look with a
time to trust. Without one nothing is deleted by age.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from appliance.errors import Unavailable
from appliance.store.archive.manifest import (
    Manifest,
    SealedFile,
    archive_lock,
    list_days,
    read_manifest,
    remove_files,
    write_manifest,
)

HOUR = timedelta(hours=1)


class RetireReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was deleted."""

    files: int = 0
    bytes: int = 0


def retire_files(archive: Path, *, keep_days: int, max_bytes: int, now: datetime, clock_trusted: bool) -> RetireReport:
    """Delete files whose messages are older than `keep_days`, then the oldest until the rest fit into `max_bytes`.

    raises  Unavailable  the disk cannot be written now, or another process seals or deletes
    raises  Corrupt      a day's manifest is damaged
    """
    with archive_lock(archive):
        try:
            if clock_trusted:
                _date(archive, now)
            kept = [(day, file) for day in list_days(archive) for file in read_manifest(day).files]
            kept.sort(key=lambda one: (one[1].hour, one[1].file))
            gone = _due(kept, now - timedelta(days=keep_days) if clock_trusted else None, max_bytes)
            for day, files in gone.items():
                remove_files(archive, day, files)
        except OSError as error:
            raise Unavailable(f"deleting from the archive in {archive}: {error}") from None
    files = [file for of_day in gone.values() for file in of_day if not file.retired]
    return RetireReport(files=len(files), bytes=sum(file.bytes for file in files))


def _due(kept: list[tuple[Path, SealedFile]], before: datetime | None, max_bytes: int) -> dict[Path, list[SealedFile]]:
    """By day, what is too old or too much; and what was being deleted when a process was killed."""
    gone: dict[Path, list[SealedFile]] = defaultdict(list)
    left = sum(file.bytes for _, file in kept)
    for day, file in kept:
        old = before is not None and _ages_from(file) is not None and _ages_from(file) <= before  # type: ignore[operator]
        if file.retired or old or left > max_bytes:
            gone[day].append(file)
            left -= file.bytes
    return gone


def _ages_from(file: SealedFile) -> datetime | None:
    """The instant from which its age counts; None where that is not known yet."""
    if file.untrusted and file.kept_from is None:
        return None
    return max(file.hour + HOUR, file.kept_from or file.hour)


def _date(archive: Path, now: datetime) -> None:
    """Let the age of files that were made without a time to trust count from now."""
    for day in list_days(archive):
        manifest = read_manifest(day)
        dated = [
            msgspec.structs.replace(file, kept_from=now) if file.untrusted and file.kept_from is None else file
            for file in manifest.files
        ]
        if dated != manifest.files:
            write_manifest(day, Manifest(files=dated))

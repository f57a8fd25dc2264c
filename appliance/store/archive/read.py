"""Archived messages read back in the order in which they were archived, a batch at a time; sealed ones opened.

What cannot be had is told and not raised: a file that is damaged or went meanwhile, plates whose key is destroyed.
"""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec

from appliance.errors import Corrupt
from appliance.model.intake import RawMessage
from appliance.store.archive.hours import read_hour
from appliance.store.archive.manifest import sealed_files
from appliance.store.archive.spool import Spooled
from appliance.store.sealing import Sealer


class Unread(msgspec.Struct, kw_only=True):
    """What of an interval is not to be had. Grows while it is read.

    missed     messages that could not be archived when they came
    torn_bytes cut off by a power cut, or damaged, before they were sealed
    destroyed  messages that may have held number plates: the key of their day is gone
    lost_at    when those were received, of the last batch
    faults     files that cannot be read, and why
    """

    missed: int = 0
    torn_bytes: int = 0
    destroyed: int = 0
    lost_at: list[datetime] = []
    faults: list[str] = []


def read_archive(
    archive: Path, *, start: datetime, end: datetime, sealer: Sealer, unread: Unread
) -> Iterator[list[RawMessage]]:
    """The messages received in [start, end), in batches; what is missing among them goes to `unread`.

    raises  Corrupt, Unavailable  a manifest cannot be read
    """
    for file in sealed_files(archive, start, end):
        unread.missed += file.missed
        unread.torn_bytes += file.torn_bytes
        try:
            for batch in read_hour(archive / file.file):
                yield list(open_messages(batch, start=start, end=end, sealer=sealer, unread=unread))
        except FileNotFoundError:
            unread.faults.append(f"{file.file} is gone")
        except Corrupt as error:
            unread.faults.append(str(error))


def read_archive_file(path: Path, *, sealer: Sealer, unread: Unread) -> Iterator[list[RawMessage]]:
    """The messages of one file, wherever it lies.

    raises  Corrupt  it cannot be read
    """
    for batch in read_hour(path):
        yield list(open_messages(batch, start=None, end=None, sealer=sealer, unread=unread))


def open_messages(
    batch: list[Spooled], *, start: datetime | None, end: datetime | None, sealer: Sealer, unread: Unread
) -> Iterator[RawMessage]:
    """Messages of [start, end) as they came."""
    unread.lost_at = []
    for one in batch:
        if (start is not None and one.received_at < start) or (end is not None and one.received_at >= end):
            continue
        payload: bytes | None = one.payload
        if one.sealed_day:
            payload = _open(one, sealer)
        if payload is None:
            unread.destroyed += 1
            unread.lost_at.append(one.received_at)
            continue
        yield RawMessage(payload=payload, **_about(one))


def _open(one: Spooled, sealer: Sealer) -> bytes | None:
    try:
        return sealer.open(date.fromisoformat(one.sealed_day), one.payload)
    except Corrupt:  # sealed by another box, or damaged: as good as destroyed
        return None


def _about(one: Spooled) -> dict[str, Any]:
    return {
        "topic": one.topic,
        "received_at": one.received_at,
        "origin": one.origin,
        "retain": one.retain,
        "redelivered": one.redelivered,
        "clock_quality": one.clock_quality,
    }

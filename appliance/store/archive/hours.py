"""The archive's Parquet files: written once from frames, read back in batches. The only user of pyarrow for them.

pyarrow costs some 60 MB of memory, so long-running processes do not import this: sealing is a process of its own.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from appliance.errors import Corrupt
from appliance.store.archive.spool import Frame, Spooled

GROUP_BYTES = 4 * 1_048_576  # payload of a row group: what writing and reading hold at a time
GROUP_ROWS = 20_000
BATCH_ROWS = 2_000
SCHEMA = pa.schema(
    [
        ("received_at", pa.timestamp("us", tz="UTC")),
        ("topic", pa.string()),
        ("payload", pa.binary()),
        ("origin", pa.string()),
        ("retain", pa.bool_()),
        ("redelivered", pa.bool_()),
        ("clock_quality", pa.string()),
        ("sealed_day", pa.string()),
    ],
    metadata={"hexpost": "archive 1"},
)
_DICTIONARIES = ["topic", "origin", "clock_quality", "sealed_day"]


class Written(msgspec.Struct, kw_only=True):
    """What went into a file. Grows while it is written."""

    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    missed: int = 0
    missed_from: datetime | None = None
    missed_to: datetime | None = None
    untrusted: int = 0
    sealed: int = 0


def write_hour(path: Path, frames: Iterable[Frame]) -> Written:
    """Write a file whole and durably, a row group at a time.

    raises  OSError  it cannot be written
    """
    written = Written()
    with path.open("wb") as out:
        with pq.ParquetWriter(
            out, SCHEMA, compression="zstd", use_dictionary=_DICTIONARIES, write_page_checksum=True
        ) as writer:
            for group in _groups(frames, written):
                writer.write_table(_table(group))
        out.flush()
        os.fsync(out.fileno())
    return written


def read_hour(path: Path) -> Iterator[list[Spooled]]:
    """The messages of a file in order, in batches.

    raises  Corrupt            it is not a file of the archive, or is damaged
    raises  FileNotFoundError  it is gone
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if not is_archive_schema(file.schema_arrow):
                raise Corrupt(f"{path} is Parquet, but not a file of the archive")
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(Spooled.__struct_fields__)):
                columns = [batch.column(name).to_pylist() for name in Spooled.__struct_fields__]
                yield [Spooled(*row) for row in zip(*columns, strict=True)]
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise Corrupt(f"{path} cannot be read: {error}") from None


def is_archive_schema(schema: pa.Schema) -> bool:
    """Whether a Parquet file is one of the archive's: it has all its columns."""
    return set(SCHEMA.names) <= set(schema.names)


def _groups(frames: Iterable[Frame], written: Written) -> Iterator[list[Spooled]]:
    held: list[Spooled] = []
    size = 0
    for frame in frames:
        _count(frame, written)
        held += frame.messages
        size += sum(len(message.payload) for message in frame.messages)
        if size >= GROUP_BYTES or len(held) >= GROUP_ROWS:
            yield held
            held, size = [], 0
    if held:
        yield held


def _count(frame: Frame, written: Written) -> None:
    times = [message.received_at for message in frame.messages]
    written.rows += len(times)
    written.untrusted += sum(message.clock_quality == "untrusted" for message in frame.messages)
    written.sealed += sum(message.sealed_day != "" for message in frame.messages)
    if times:
        written.first = min(filter(None, (written.first, *times)))
        written.last = max(filter(None, (written.last, *times)))
    if frame.missed:
        written.missed += frame.missed
        written.missed_from = min(filter(None, (written.missed_from, frame.missed_from)))
        written.missed_to = max(filter(None, (written.missed_to, frame.missed_to)))


def _table(messages: list[Spooled]) -> pa.Table:
    columns = {
        name: pa.array([getattr(message, name) for message in messages], type=SCHEMA.field(name).type)
        for name in SCHEMA.names
    }
    return pa.table(columns, schema=SCHEMA)

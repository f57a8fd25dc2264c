"""One store file copied while others write it: SQLite's own backup, a megabyte at a time.

A read transaction is held meanwhile, so the copy is one moment of the store and is never begun again because somebody
wrote; writers go on, and the WAL grows by what they write. Past `MAX_WAL_BYTES` the copy is given up.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.errors import Corrupt, Unavailable
from appliance.store.file import dbapi, sqlite
from appliance.store.file.durable import is_read_only, sync_file

STEP_PAGES = 256
MAX_WAL_BYTES = 1_073_741_824
PACE_BYTES_S = 33_554_432  # as quick as a good card reads while it leaves some to the writers


def unwatched(_done: int, _total: int) -> None:
    """Where nobody wants to know how far a copy is."""


def copy_file(
    source: Path,
    target: Path,
    *,
    pace_bytes_s: int = PACE_BYTES_S,
    progress: Callable[[int, int], None] = unwatched,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Copy a store into a new file; its size in bytes. `close_file` then makes it one that needs no other beside it.

    progress  told (pages done, pages in all) after each step; what it raises ends the copy
    raises  Unavailable  the target cannot be written, or the box writes faster than can be copied
    raises  Corrupt      the source cannot be read
    """
    connect = sqlite.connect_to_read if is_read_only(source.parent) else sqlite.connect
    with contextlib.closing(connect(source)) as reader:
        reader.execute("BEGIN")
        page_bytes, pages = _measure(reader, source)
        with contextlib.closing(_new_file(target, page_bytes)) as writer:
            begun, wal = time.monotonic(), source.with_name(f"{source.name}-wal")

            def after_step(remaining: int, total: int) -> None:
                done = total - remaining
                progress(done, total)
                if wal.exists() and wal.stat().st_size > MAX_WAL_BYTES:
                    raise Unavailable(
                        f"copying {source}: the box writes faster than it can be copied to {target.parent}; "
                        "use a quicker drive, or copy when less comes in"
                    )
                ahead_s = done * page_bytes / pace_bytes_s - (time.monotonic() - begun)
                if ahead_s > 0:
                    pause(ahead_s)

            try:
                reader.copy_into(writer, pages=STEP_PAGES, progress=after_step, sleep_s=0.05)
            except dbapi.Error as error:
                raise _explain(error, source, target) from None
    return pages * page_bytes


def close_file(copy: Path) -> None:
    """Put what its WAL holds into a copy that has been looked at, do without one from now on, and sync it.

    raises  Unavailable  it cannot be written
    """
    try:
        with contextlib.closing(dbapi.connect(str(copy))) as connection:
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        sync_file(copy)
    except (OSError, dbapi.Error) as error:
        raise Unavailable(f"writing {copy}: {error}; is the drive still there?") from None


def _measure(reader: Any, source: Path) -> tuple[int, int]:
    try:
        reader.execute("SELECT 1 FROM site").fetchall()  # from here on this moment is seen
        return (
            reader.execute("PRAGMA page_size").fetchone()[0],
            reader.execute("PRAGMA page_count").fetchone()[0],
        )
    except dbapi.Error as error:
        raise Corrupt(f"reading {source}: {error}; restart Hexpost, which sets a damaged file aside") from None


def _new_file(target: Path, page_bytes: int) -> Any:
    """A file without a journal: half of it counts for nothing anyway."""
    try:
        descriptor = target.open("xb")
        descriptor.close()
    except OSError as error:
        raise Unavailable(f"writing {target}: {error.strerror}; is the drive there, and may it be written?") from None
    connection = dbapi.connect(str(target))
    for pragma in (f"page_size = {page_bytes}", "journal_mode = OFF", "synchronous = OFF", "cache_size = -4000"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def _explain(error: Exception, source: Path, target: Path) -> Unavailable | Corrupt:
    text = str(error)
    if "malformed" in text or "not a database" in text:
        return Corrupt(f"reading {source}: {text}; restart Hexpost, which sets a damaged file aside")
    return Unavailable(
        f"copying {source} to {target.parent}: {text}; is the drive still there, has it room, and can its file system "
        "hold a file of that size (FAT32 ends at 4 GB)?"
    )

"""Whether the store's file can be used, looked at before each start; one that cannot is set aside, a new one begins.

The look costs milliseconds whatever the size: the head of the file, the schema, the first and last rows of each table.
What it does not see is seen by the daily backup, which checks its copy whole, or when the damage is met: then a note
(`hexpost.doubt`) is left, every part ends, and the next start looks closely. Nothing is ever deleted that has not been
put back: a damaged file lies in `<data>/quarantine-db/` with its WAL. Called by `salvage.begin`, alone.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import threading
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.errors import Corrupt
from appliance.store.file import dbapi, sqlite
from appliance.store.file.durable import sync_folder, write_durably

log = logging.getLogger(__name__)

FOLDER = "quarantine-db"
REASON, FINISHED = "reason.txt", "finished"
KEEP = 2  # damaged files kept after what is in them was put back
MAGIC = b"SQLite format 3\0"
DOUBT_S = 60.0  # how long a file in doubt is looked at; one that takes longer is taken for damaged
WATCH_S = 1.0  # between looks for a note
LEAVE_S = 30.0  # how long the other parts are given to end
_STEPS = 100_000
_held: Counter[Path] = Counter()  # how often this process uses a file
_DAMAGE = ("malformed", "not a database", "no such table", "no such column", "unsupported file format")


def cast_doubt(path: Path, words: str) -> None:
    """Leave a note that damage was met in the file; the first stands."""
    with contextlib.suppress(OSError), _doubt(path).open("x", encoding="utf-8") as note:
        note.write(words)


def doubt_stamp(path: Path) -> tuple[int, int] | None:
    """What tells one note from another; None where there is none."""
    try:
        status = _doubt(path).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def examine(path: Path) -> str:
    """What is wrong with the file at `path`, in words; '' where nothing is, or it is new.

    A file this process has open is not looked at again: to close any descriptor of a file ends every lock the process
    has on it (POSIX), SQLite's too, and the next process to leave would take the WAL away as if it were the last.
    """
    if _held[path.resolve()]:
        return ""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return ""
    if size == 0:
        return ""  # a first start that was cut off
    return _examine_head(path, size) or _examine_inside(path) or _examine_doubt(path)


def set_aside(path: Path, reason: str, now: datetime) -> Path:
    """Move the file and its WAL away and write down why; the folder they lie in. None may be there: it was lost.

    raises  OSError
    """
    root = path.parent / FOLDER
    folder = root / f"{now:%Y%m%dT%H%M%S%f}Z"
    folder.mkdir(parents=True, mode=0o700)
    write_durably(folder / REASON, reason.encode())
    for end in ("-wal", "-shm", ""):  # the store itself last: killed before, it is looked at again
        with contextlib.suppress(FileNotFoundError):
            path.with_name(f"{path.name}{end}").rename(folder / f"{path.name}{end}")
    sync_folder(folder)
    sync_folder(root)
    sync_folder(path.parent)
    _doubt(path).unlink(missing_ok=True)
    log.error("%s; it is in %s now, a new store records, and what can be read of it is put back", reason, folder)
    return folder


def list_unfinished(path: Path) -> list[Path]:
    """The folders of which not everything has been put back yet, the oldest first."""
    root = path.parent / FOLDER
    return sorted(file.parent for file in root.glob(f"*/{REASON}") if not (file.parent / FINISHED).exists())


def finish(folder: Path) -> None:
    """What was in a folder is put back: it may go when newer ones come.

    raises  OSError
    """
    write_durably(folder / FINISHED, b"")
    done = sorted(file.parent for file in folder.parent.glob(f"*/{FINISHED}"))
    for old in done[:-KEEP]:
        shutil.rmtree(old)


def hold(path: Path) -> int:
    """A descriptor that says, until `let_go`, that this process uses the file."""
    descriptor = os.open(path.with_suffix(".use"), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _held[path.resolve()] += 1
    return descriptor


def let_go(path: Path, descriptor: int) -> None:
    """End a `hold`; the connections to the file are closed by now."""
    _held[path.resolve()] -= 1
    os.close(descriptor)


def wait_until_unused(path: Path, patience_s: float = LEAVE_S) -> bool:
    """Wait for the other processes to let go of the file; whether they did."""
    deadline = time.monotonic() + patience_s
    descriptor = os.open(path.with_suffix(".use"), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() > deadline:
                    log.warning("%s is set aside although another process still has it open", path)
                    return False
                time.sleep(0.1)
    finally:
        os.close(descriptor)


class DoubtWatch(threading.Thread):
    """Ends a part when another one has met damage: the file is set aside only when everybody has let go of it."""

    def __init__(self, path: Path, stop: threading.Event) -> None:
        super().__init__(name="doubt", daemon=True)
        self._path = path
        self._stop_part = stop
        self._known = doubt_stamp(path)  # that one is dealt with at this start
        self._ended = threading.Event()
        self._met = False

    def run(self) -> None:
        """Look once a second."""
        while not self._ended.wait(WATCH_S):
            if doubt_stamp(self._path) not in (None, self._known):
                self._met = True
                self._stop_part.set()
                return

    def end(self) -> None:
        """The part has ended.

        raises  Corrupt  because damage was met, so that it is started again
        """
        self._ended.set()
        if self._met:
            raise Corrupt(
                f"{self._path} is damaged, as another part has found; this part ends so that it can be set aside"
            )


def _doubt(path: Path) -> Path:
    return path.with_suffix(".doubt")


def _examine_head(path: Path, size: int) -> str:
    with path.open("rb") as file:
        head = file.read(100)
    if head[:16] != MAGIC:
        return f"{path} is not a database (its first bytes are not SQLite's)"
    page = int.from_bytes(head[16:18], "big")
    page = 65_536 if page == 1 else page
    if page < 512 or page & (page - 1):
        return f"{path} is damaged (its page size reads {page})"
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists() and wal.stat().st_size:
        return ""  # how long the file should be stands in the WAL
    pages = int.from_bytes(head[28:32], "big")
    if head[24:28] == head[92:96] and size < pages * page:
        return f"{path} is cut off: {size:,} of {pages * page:,} bytes are there"
    return ""


def _examine_inside(path: Path) -> str:
    try:
        with contextlib.closing(sqlite.connect(path)) as connection:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'site'").fetchone() is None:
                made = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
                newborn = made or connection.execute("PRAGMA user_version").fetchone()[0] == 0
                return "" if newborn else f"{path} has lost its schema"
            for table, without_rowid in connection.execute(
                "SELECT name, wr FROM pragma_table_list "
                "WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall():
                _touch(connection, table, bool(without_rowid))
    except dbapi.Error as error:
        if any(word in str(error) for word in _DAMAGE):
            return f"{path} is damaged ({error})"
    except UnicodeDecodeError as error:  # a name in the schema
        return f"{path} is damaged ({error})"
    return ""


def _touch(connection: Any, table: str, without_rowid: bool) -> None:
    """Read the first and the last row of a table, and with them the way down to both."""
    columns = connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,)).fetchall()
    key = ", ".join(f'"{name}" DESC' for (name,) in columns) if without_rowid else "rowid DESC"
    connection.execute(f'SELECT * FROM "{table}" LIMIT 1').fetchall()
    connection.execute(f'SELECT * FROM "{table}" ORDER BY {key} LIMIT 1').fetchall()


def _examine_doubt(path: Path) -> str:
    """Look closely at a file in which damage was met; one that is sound after all is no longer in doubt."""
    note = _doubt(path)
    if not note.exists():
        return ""
    told = note.read_text(encoding="utf-8", errors="replace")
    if "decode" in told:
        return f"{path} is damaged ({told})"  # what stands in the rows, which no check of the file sees
    deadline = time.monotonic() + DOUBT_S
    try:
        with contextlib.closing(sqlite.connect(path)) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except dbapi.Error as error:
        answer = str(error)
    if answer == "ok":
        log.warning("%s was in doubt (%s) and is sound", path, told)
        note.unlink(missing_ok=True)
        return ""
    return f"{path} is damaged ({told or answer})"

"""The store: one SpatiaLite file, opened by each process, read by many threads and written by one at a time.

`open_store` brings the schema up to date and hands out a `Store`; everything else in this room takes a connection
from it. SQLAlchemy Core pools the connections and builds the queries; the hot writes go to the driver itself.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from appliance.errors import BadDisk, Corrupt, HexpostError, NoRoom, Unavailable
from appliance.store.file import dbapi, health, sqlite
from appliance.store.file.disk import ERRORS_WORDS, Ballast, disk_trouble, explain_refusal
from appliance.store.file.durable import free_bytes

log = logging.getLogger(__name__)

FILE_NAME = "hexpost.db"
POOL = 8  # connections kept a process; readers beyond wait
READ_LIMIT_S = 10.0  # a read that takes longer is stopped: a long reader lets the WAL grow without end
_DAMAGED = "{path} is damaged: {text}; the next start sets it aside and puts back what can be read"
_FAILED = ("disk I/O", "readonly", "unable to open")
PROGRESS_STEPS = 20_000  # SQLite virtual machine steps between looks at the clock, about a millisecond
ASK_AGAIN_S = 0.0015  # between two attempts to take the write lock
NO_ROOM_BYTES = 1_048_576  # an I/O error with less free than this is for want of room


class Store:
    """A way to the file. Cheap to pass on; holds no data of its own.

    A write that finds no room on the disk releases the `ballast`, so that the next one may find some. `read_only` is
    for a copy, and for a store on a disk that cannot be written. `trouble` is what the disk answered last, in words,
    and '' again after a commit.
    """

    def __init__(self, path: Path, *, ballast: Ballast | None = None, read_only: bool = False) -> None:
        self.path = path
        self._ballast = ballast
        self.read_only = read_only
        self.trouble = ""
        self._held: int | None = None
        self._connect = sqlite.connect_to_read if read_only else sqlite.connect
        self._engine = sa.create_engine(
            dbapi.URL,
            creator=self._open,
            poolclass=QueuePool,
            pool_size=POOL,
            max_overflow=0,
            pool_timeout=READ_LIMIT_S,
            pool_use_lifo=True,  # the connection used last has the pages in its cache
        )

    @contextmanager
    def read(self, limit_s: float = READ_LIMIT_S) -> Iterator[sa.Connection]:
        """A connection that sees one moment of the store, for at most `limit_s` seconds of SQLite's work.

        raises  Unavailable  the limit is reached
        """
        with self._connection() as connection:
            raw = raw_connection(connection)
            deadline = time.monotonic() + limit_s
            raw.set_progress_handler(lambda: time.monotonic() > deadline, PROGRESS_STEPS)
            try:
                connection.exec_driver_sql("BEGIN")
                yield connection
            finally:
                raw.set_progress_handler(None, 0)
                _end(connection, raw, "ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A connection that alone may write; commits (and syncs) on exit, takes everything back on an exception.

        raises  Unavailable  another process writes for too long
        raises  NoRoom       the disk is full
        raises  BadDisk      the disk is read-only, or answers with errors
        """
        if self.trouble:  # SQLite opens what it may not write to read it, and such a connection would stay in the pool
            self._engine.dispose()
        with self._connection() as connection:
            raw = raw_connection(connection)
            before = raw.total_changes
            _begin_to_write(raw)
            try:
                yield connection
            except BaseException:
                _end(connection, raw, "ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
            if raw.total_changes != before:  # a commit of nothing proves nothing
                self.trouble = ""

    def probe(self) -> bool:
        """Whether the store can be written, by a commit that changes nothing; `trouble` says why not."""
        try:
            with self.write() as connection:
                version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
                connection.exec_driver_sql(f"PRAGMA user_version = {version}")
        except HexpostError:
            return False
        self.trouble = ""
        return True

    def hold(self) -> None:
        """Say, until `close`, that this process uses the file: it is not set aside before everybody has let go."""
        self._held = health.hold(self.path)

    def reusable_bytes(self) -> int:
        """How much of the file holds nothing, since rows are written there before the file grows; less what it is yet
        to grow by, since pages may lie in the WAL alone: then this can be negative.

        raises  Unavailable  the store cannot be read now
        """
        with self.read() as connection:
            raw = raw_connection(connection)
            names = ("freelist_count", "page_count", "page_size")
            free, pages, size = (raw.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
            grown: int = self.path.stat().st_size
        return int(free * size - max(0, pages * size - grown))

    def data_version(self) -> int:
        """A number that changes when another connection commits; asked on one connection kept for it.

        raises  Unavailable  the store cannot be read now
        """
        with self._explained():
            if not hasattr(self, "_watch"):
                self._watch = self._connect(self.path)
            version: int = self._watch.execute("PRAGMA data_version").fetchone()[0]
        return version

    def close(self) -> None:
        """Give every connection back to the system."""
        if hasattr(self, "_watch"):
            self._watch.close()
        self._engine.dispose()
        if self._held is not None:
            health.let_go(self.path, self._held)
            self._held = None

    def _open(self) -> Any:
        if not self.read_only:
            self.trouble = self.trouble or disk_trouble(self.path.parent)
        return self._connect(self.path)

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        with self._explained(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Errors of the driver told in our words."""
        try:
            yield
        except sa.exc.TimeoutError as error:
            raise Unavailable(f"reading the store: all {POOL} connections are busy; try again") from error
        except (sa.exc.DBAPIError, dbapi.Error) as error:  # the hot paths speak to the driver itself
            explained = _explain(getattr(error, "orig", error), self.path)
            if explained is None:
                raise
            if isinstance(explained, NoRoom) and self._ballast is not None and self._ballast.release():
                log.warning("%s; the ballast is released", explained)
            if isinstance(explained, BadDisk) and not self.read_only:
                self.trouble = explained.words
            if isinstance(explained, Corrupt) and not self.read_only:
                health.cast_doubt(self.path, str(getattr(error, "orig", error)))
            raise explained from error
        except UnicodeDecodeError as error:  # nothing was written that is no text
            if not self.read_only:
                health.cast_doubt(self.path, str(error))
            raise Corrupt(_DAMAGED.format(path=self.path, text=error)) from error


@contextmanager
def explained_opening(path: Path) -> Iterator[None]:
    """Why the store at `path` cannot be opened or brought up to date, in our words.

    raises  Unavailable  its folder or the file may not be used, or somebody has held it for too long
    raises  NoRoom       the disk is full
    raises  BadDisk      the disk is read-only, or answers with errors
    raises  Corrupt      the file is no store that can be read
    """
    try:
        yield
    except OSError as error:
        raise explain_refusal(error, f"opening the store at {path}", path.parent) from None
    except dbapi.Error as error:
        explained = _explain(error, path)
        if explained is None:
            raise
        raise explained from error


def raw_connection(connection: sa.Connection) -> Any:
    """The driver's own connection, for the hot paths."""
    return connection.connection.driver_connection


def _begin_to_write(raw: Any) -> None:
    """Take the write lock. It is asked for every millisecond or two, for SQLite soon waits a tenth of a second at a
    time: two processes that write in turn, as bridge and jobs do, then leave it unused half as long as they hold it.

    raises  dbapi.Error, after `BUSY_MS`
    """
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        until = time.monotonic() + sqlite.BUSY_MS / 1000
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
                return
            except dbapi.Error as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(ASK_AGAIN_S)
    finally:
        raw.execute(f"PRAGMA busy_timeout = {sqlite.BUSY_MS}")


def _end(connection: sa.Connection, raw: Any, statement: str) -> None:
    if raw.in_transaction:
        connection.exec_driver_sql(statement)


def _explain(error: object, path: Path) -> HexpostError | None:
    """What a driver's error means for whoever meets it; None for a mistake of ours."""
    text = str(error)
    if "interrupted" in text:
        return Unavailable("reading the store took too long and was stopped; ask for less: fewer days or a smaller box")
    if "locked" in text or "busy" in text:
        return Unavailable(f"writing the store: another process has held {path.name} for too long; try again")
    if "is full" in text or any(word in text for word in _FAILED):
        return _explain_disk(text, path)
    if any(word in text for word in ("malformed", "not a database")):
        return Corrupt(_DAMAGED.format(path=path, text=text))
    return None


def _explain_disk(text: str, path: Path) -> Unavailable:
    trouble = disk_trouble(path.parent)
    if "is full" in text or (not trouble and free_bytes(path.parent) < NO_ROOM_BYTES):
        return NoRoom(f"writing the store at {path}: the disk is full ({text}); free space on it")
    if trouble or "disk I/O" in text or os.access(path, os.W_OK):
        return BadDisk(f"using the store at {path}", trouble or ERRORS_WORDS)
    return Unavailable(f"using the store at {path}: {text}; may this user write there, and is the disk still mounted?")

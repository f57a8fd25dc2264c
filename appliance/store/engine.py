"""The store: one SpatiaLite file, opened by each process, read by many threads and written by one at a time.

`open_store` brings the schema up to date and hands out a `Store`; everything else in this room takes a connection
from it. SQLAlchemy Core pools the connections and builds the queries; the hot writes go to the driver itself.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from appliance.errors import Corrupt, Unavailable
from appliance.store import sqlite

FILE_NAME = "hexpost.db"
POOL = 8  # connections kept a process; readers beyond wait
READ_LIMIT_S = 10.0  # a read that takes longer is stopped: a long reader lets the WAL grow without end
PROGRESS_STEPS = 20_000  # SQLite virtual machine steps between looks at the clock, about a millisecond


class Store:
    """A way to the file. Cheap to pass on; holds no data of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = sa.create_engine(
            "sqlite://",
            module=sqlite.driver(),
            creator=lambda: sqlite.connect(path),
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
        """A connection that alone may write; commits (and syncs) on exit, takes everything back on an exception."""
        with self._connection() as connection:
            raw = raw_connection(connection)
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                _end(connection, raw, "ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    def data_version(self) -> int:
        """A number that changes when another connection commits; asked on one connection kept for it."""
        if not hasattr(self, "_watch"):
            self._watch = sqlite.connect(self.path)
        version: int = self._watch.execute("PRAGMA data_version").fetchone()[0]
        return version

    def close(self) -> None:
        """Give every connection back to the system."""
        if hasattr(self, "_watch"):
            self._watch.close()
        self._engine.dispose()

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except sa.exc.TimeoutError as error:
            raise Unavailable(f"reading the store: all {POOL} connections are busy; try again") from error
        except (sa.exc.DBAPIError, sqlite.driver().DatabaseError) as error:  # the hot paths speak to the driver itself
            explained = _explained(getattr(error, "orig", error), self.path)
            if explained is None:
                raise
            raise explained from error


def raw_connection(connection: sa.Connection) -> Any:
    """The driver's own connection, for the hot paths."""
    return connection.connection.driver_connection


def _end(connection: sa.Connection, raw: Any, statement: str) -> None:
    if raw.in_transaction:
        connection.exec_driver_sql(statement)


def _explained(error: object, path: Path) -> Unavailable | Corrupt | None:
    """What a driver's error means for whoever meets it; None for a mistake of ours."""
    text = str(error)
    if "interrupted" in text:
        return Unavailable("reading the store took too long and was stopped; ask for less: fewer days or a smaller box")
    if "locked" in text or "busy" in text:
        return Unavailable(f"writing the store: another process has held {path.name} for too long; try again")
    if any(word in text for word in ("is full", "disk I/O", "readonly", "unable to open")):
        return Unavailable(f"writing the store at {path}: {text}; free space or remount the disk")
    if "malformed" in text or "not a database" in text:
        return Corrupt(f"{path} is damaged: {text}; restore a backup or move it away")
    return None

"""APSW as a DB-API module: what SQLAlchemy asks of one, and what the store's own statements use.

A row costs APSW a third to a half of what it costs `sqlite3` and its kin to bind and to read. It is SQLite's own
interface and no more: statements commit by themselves unless BEGIN was said, and errors are SQLite's, by their names.

The store's statements go to `Connection.execute`; `AlchemyCursor` is for SQLAlchemy, which wants to know the columns of
an answer without rows. Called by `sqlite` and `engine`, and by whoever opens a file that is no store (yet).
"""

import itertools
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, cast

import apsw
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import SQLiteExecutionContext
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"
sqlite_version = apsw.sqlite_lib_version()
sqlite_version_info = tuple(int(part) for part in sqlite_version.split("."))

Error = apsw.Error
complete_statement = apsw.complete

FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
STATEMENTS = 256  # kept compiled a connection
WAIT_MS = 5_000  # for a lock, until `PRAGMA busy_timeout` says otherwise

_Bindings = Sequence[Any] | Mapping[str, Any]
_NAMES: Mapping[str, str] = {
    "ConstraintError": "IntegrityError",
    "MismatchError": "IntegrityError",
    "SQLError": "OperationalError",
    "BusyError": "OperationalError",
    "LockedError": "OperationalError",
    "FullError": "OperationalError",
    "IOError": "OperationalError",
    "ReadOnlyError": "OperationalError",
    "CantOpenError": "OperationalError",
    "InterruptError": "OperationalError",
    "BindingsError": "ProgrammingError",
}


class Cursor(apsw.Cursor):
    """What a statement of the store's own has found or changed.

    rowcount   rows that the statement, or all those of an `executemany`, changed; of no meaning after a SELECT
    lastrowid  the row that was inserted last
    """

    __slots__ = ("lastrowid", "rowcount")
    lastrowid: int
    rowcount: int

    def fetchmany(self, size: int = 1) -> list[Any]:
        """At most so many rows more."""
        return list(itertools.islice(self, size))


class AlchemyCursor(apsw.Cursor):
    """A cursor as the DB-API has it: what it tells stays, whatever the connection does next."""

    arraysize = 1
    rowcount = -1
    lastrowid = 0
    columns: tuple[tuple[Any, ...], ...] | None = None

    @property
    def description(self) -> Any:  # type: ignore[override]  # APSW's own is gone with the last row
        """(name, None, ...) of each column; None where a statement answers with no rows."""
        return self.columns

    def execute(self, statement: str, values: _Bindings = ()) -> None:  # type: ignore[override]
        """Run a statement."""
        with self._counted():
            super().execute(statement, values)

    def executemany(self, statement: str, rows: Iterable[_Bindings]) -> None:  # type: ignore[override]
        """Run a statement with each set of values."""
        with self._counted():
            super().executemany(statement, rows)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """At most so many rows more."""
        return list(itertools.islice(self, self.arraysize if size is None else size))

    def close(self, force: bool = True) -> None:
        """Let go of it, read to the end or not."""
        super().close(force)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        connection: Any = self.connection
        self.columns = None
        before = connection.total_changes
        yield
        self.rowcount = -1 if self.columns else connection.total_changes - before
        self.lastrowid = connection.last_insert_rowid()


class Connection(apsw.Connection):
    """One connection. Commits each statement by itself unless BEGIN was said."""

    isolation_level: ClassVar[str | None] = None  # what SQLAlchemy reads
    told: Callable[[str], Any] | None = None

    @property
    def total_changes(self) -> int:  # type: ignore[override]
        """Rows changed since it was opened."""
        return super().total_changes()

    def alchemy_cursor(self) -> AlchemyCursor:
        """A cursor for SQLAlchemy."""
        cursor = AlchemyCursor(self)
        cursor.exec_trace = _note_columns
        return cursor

    def execute(self, statement: str, values: _Bindings = ()) -> Cursor:  # type: ignore[override]
        """Run a statement."""
        cursor: Any = super().execute(statement, values)
        cursor.rowcount, cursor.lastrowid = self.changes(), self.last_insert_rowid()
        return cast("Cursor", cursor)

    def executemany(self, statement: str, rows: Iterable[_Bindings]) -> Cursor:  # type: ignore[override]
        """Run a statement with each set of values."""
        before = self.total_changes
        cursor: Any = super().executemany(statement, rows)
        cursor.rowcount, cursor.lastrowid = self.total_changes - before, self.last_insert_rowid()
        return cast("Cursor", cursor)

    def executescript(self, statements: str) -> None:
        """Run statements one after the other."""
        for _ in self.execute(statements):
            pass

    def commit(self) -> None:
        """End a transaction that was begun."""
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        """Take back a transaction that was begun."""
        if self.in_transaction:
            self.execute("ROLLBACK")

    def create_function(self, name: str, arguments: int, function: Any, *, deterministic: bool = False) -> None:
        """Have SQL call a Python function."""
        self.create_scalar_function(name, function, arguments, deterministic=deterministic)

    def set_trace_callback(self, told: Callable[[str], Any] | None) -> None:
        """Tell each statement as it begins, with its values; None: no longer."""
        self.told = told
        self.exec_trace = None if told is None else _tell

    def copy_into(
        self, target: "Connection", *, pages: int, progress: Callable[[int, int], None], sleep_s: float
    ) -> None:
        """Copy this database over another, `pages` at a time.

        progress  told (pages that remain, pages in all) after each step; what it raises ends the copy
        """
        with target.backup("main", self, "main") as backup:
            while not backup.done:
                try:
                    backup.step(pages)
                except (apsw.BusyError, apsw.LockedError):
                    time.sleep(sleep_s)
                progress(backup.remaining, backup.page_count)


class Context(SQLiteExecutionContext):
    """A statement of SQLAlchemy's."""

    def create_default_cursor(self) -> Any:
        """The cursor to run it."""
        return cast("Any", self._dbapi_connection).alchemy_cursor()


class Dialect(SQLiteDialect_pysqlite):
    """SQLite through this module, as SQLAlchemy's `sqlite+apsw`."""

    driver = "apsw"
    execution_ctx_cls = Context
    supports_statement_cache = True
    dbapi_exception_translation_map = _NAMES

    @classmethod
    def import_dbapi(cls) -> Any:
        """This module."""
        return sys.modules[__name__]

    def is_disconnect(self, _error: Any, _connection: Any, _cursor: Any) -> bool:
        """Never: there is no server that could leave."""
        return False


def connect(name: str) -> Any:
    """A `Connection` to the file of that name, made if it is not there; a `file:` URI says more, `:memory:` is none."""
    connection = Connection(name, flags=FLAGS, statementcachesize=STATEMENTS)
    connection.cursor_factory = Cursor
    connection.set_busy_timeout(WAIT_MS)
    return connection


def _note_columns(cursor: Any, _statement: str, _bindings: Any) -> bool:
    cursor.columns = tuple((name, *(None,) * 6) for name, *_ in cursor.get_description()) or None
    told = cursor.connection.told
    if told is not None:
        told(cursor.expanded_sql)
    return True


def _tell(cursor: Any, _statement: str, _bindings: Any) -> bool:
    cursor.connection.told(cursor.expanded_sql)
    return True


URL = "sqlite+apsw://"
registry.register("sqlite.apsw", "appliance.store.file.dbapi", "Dialect")

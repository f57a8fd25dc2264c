"""Reading a store that may be damaged: every row that can be reached, around the pages that cannot.

A table is read forward from its beginning until a page fails, then backward from its end, and what lies between is
halved, and halved again, until what is left is too small to hold a page. So what is lost is what was on the pages.

Where a page of the schema itself is damaged SQLite refuses the whole file, unless its schema may be written: then it
takes what it can read of it. Nothing is written, since the connection may only query.
"""

import contextlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from appliance.store.file import dbapi, sqlite

T = TypeVar("T")
BATCH = 500  # rows a transaction
PROBES = 20_000  # failed reads a table, after which the rest is given up
NARROW = 8  # keys that are not halved any more


def batches(rows: Iterable[T]) -> Iterator[list[T]]:
    """Rows in portions that one transaction may take."""
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch


class Source:
    """A file to read from, damaged or not. `unreadable` counts the gaps by table."""

    def __init__(self, path: Path) -> None:
        """raises  DatabaseError  it cannot be opened at all"""
        self._connection = dbapi.connect(str(path))
        self.unreadable: dict[str, int] = {}
        self._connection.execute("PRAGMA writable_schema = ON")
        sqlite.load_spatialite(self._connection)
        self._connection.execute("PRAGMA query_only = ON")
        self._connection.execute("PRAGMA cell_size_check = ON")
        self._connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        if self.value("SELECT count(*) FROM (SELECT sql FROM sqlite_master)") is None:
            self.count("schema")

    def close(self) -> None:
        """Give the file back."""
        with contextlib.suppress(dbapi.Error):
            self._connection.close()

    def tables(self) -> dict[str, list[str]]:
        """The columns of each table of the file's own."""
        found: dict[str, list[str]] = {}
        rows = self._connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for (table,) in rows:
            columns = self._connection.execute(
                "SELECT name FROM pragma_table_info(?) ORDER BY cid", (table,)
            ).fetchall()
            found[table] = [name for (name,) in columns]
        return found

    def value(self, query: str, default: Any = None) -> Any:
        """One value; `default` where it cannot be read."""
        try:
            row = self._connection.execute(query).fetchone()
        except (dbapi.Error, UnicodeDecodeError):
            return default
        return default if row is None else row[0]

    def row(self, query: str, *values: Any) -> tuple[Any, ...] | None:
        """One row; None where it is not there or cannot be read."""
        try:
            found: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
        except (dbapi.Error, UnicodeDecodeError):
            return None
        return found

    def rows_by_number(
        self, table: str, key: str, columns: str, after: int, where: str = "1"
    ) -> Iterator[tuple[Any, ...]]:
        """(key, *columns) of every row that can be reached whose key, an integer column of the index, is above."""
        if table not in self.tables():
            self.count(table)
            return
        top = self.value(f'SELECT max({key}) FROM "{table}"', (1 << 62))
        self._probes = PROBES
        yield from self._between(table, key, f"SELECT {key}, {columns} FROM {table} WHERE ({where})", after, top)

    def rows(self, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
        """Rows of a small table in no order: forward until a page fails, then backward; some come twice."""
        if table not in self.tables():
            self.count(table)
            return
        for order in ("ASC", "DESC"):
            try:
                yield from self._scan(table, columns, order)
                return
            except (dbapi.Error, UnicodeDecodeError):
                self.count(table)

    def _scan(self, table: str, columns: str, order: str) -> Iterator[tuple[Any, ...]]:
        wr = self._connection.execute("SELECT wr FROM pragma_table_list WHERE name = ?", (table,)).fetchone()[0]
        names = self._connection.execute(
            "SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,)
        ).fetchall()
        key = ", ".join(f'"{name}" {order}' for (name,) in names) if wr else f"rowid {order}"
        yield from self._connection.execute(f'SELECT {columns} FROM "{table}" ORDER BY {key}')

    def _between(self, table: str, key: str, query: str, low: int, high: int) -> Iterator[tuple[Any, ...]]:
        """Rows with low < key <= high."""
        reached = low
        try:
            for row in self._connection.execute(f"{query} AND {key} > ? AND {key} <= ? ORDER BY {key}", (low, high)):
                reached = row[0]
                yield row
            return
        except (dbapi.Error, UnicodeDecodeError):
            self._probes -= 1
        last = high + 1
        try:
            for row in self._connection.execute(
                f"{query} AND {key} > ? AND {key} <= ? ORDER BY {key} DESC", (reached, high)
            ):
                last = row[0]
                yield row
        except (dbapi.Error, UnicodeDecodeError):
            self._probes -= 1
        if last - reached <= NARROW or self._probes <= 0:
            self.count(table)
            return
        middle = (reached + last) // 2
        yield from self._between(table, key, query, reached, middle)
        yield from self._between(table, key, query, middle, last - 1)

    def count(self, table: str, gaps: int = 1) -> None:
        """Something of a table could not be read."""
        self.unreadable[table] = self.unreadable.get(table, 0) + gaps

"""Forward-only migrations: `migration/NNNN_name.sql`, each in one transaction with its record.

Called by `wiring` before a process uses the store, and by `hexpost migrate`. A store newer than this program is
refused: an older program must not write into tables whose meaning it does not know.
"""

import fcntl
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.errors import Conflict
from appliance.store.file import dbapi, sqlite
from appliance.store.file.durable import DATA_MODE
from appliance.store.file.snapshots import take_snapshot

FOLDER = Path(__file__).parent / "migration"


def known_migrations() -> list[tuple[int, Path]]:
    """(number, file), ascending; the number is what `PRAGMA user_version` says once it is applied."""
    return [(int(file.name[:4]), file) for file in sorted(FOLDER.glob("[0-9]*.sql"))]


def migrate(path: Path, *, timezone: str, prepare: Callable[[], None] = lambda: None) -> list[str]:
    """Bring the file at `path` to the newest schema, making it when it is not there; the names applied.

    Processes that start together wait for one another. A store that is there already is copied first.
    prepare  is called when nobody else can be here: the file may be looked at and set aside
    raises   Conflict  the file is newer than this program
    """
    path.parent.mkdir(mode=DATA_MODE, parents=True, exist_ok=True)
    with _alone(path), _prepared(prepare), sqlite_connection(path) as connection:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        newest = known_migrations()[-1][0]
        if version > newest:
            raise Conflict(
                f"{path} has schema {version}, this program knows {newest}; install the newer Hexpost that wrote it"
            )
        if 0 < version < newest:
            take_snapshot(path, version)
        applied = []
        for number, file in known_migrations():
            if number > version:
                _apply(connection, number, file)
                applied.append(file.stem)
        connection.execute(
            "INSERT OR IGNORE INTO site (one, store_id, epoch, timezone, resolutions, rev) VALUES (1, ?, 1, ?, '', 0)",
            (secrets.token_hex(8), timezone),
        )
        return applied


@contextmanager
def sqlite_connection(path: Path) -> Iterator[Any]:
    """A plain connection for the time of a migration; a new file gets incremental vacuum and SpatiaLite's tables."""
    _begin(path)
    connection = sqlite.connect(path)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'spatial_ref_sys'").fetchone():
            connection.execute("SELECT InitSpatialMetaData(1, 'WGS84')")
        yield connection
    finally:
        connection.close()


def _begin(path: Path) -> None:
    """Make the first table where there is none: in a new file, or one whose making was cut off by a power cut."""
    connection = dbapi.connect(str(path))
    try:
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only possible before the first table
            connection.execute("CREATE TABLE schema_migrations (name TEXT PRIMARY KEY) WITHOUT ROWID")
    finally:
        connection.close()


def _apply(connection: Any, number: int, file: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _statements(file.read_text(encoding="utf-8")):
            connection.execute(statement).fetchall()
        connection.execute("INSERT INTO schema_migrations VALUES (?)", (file.stem,))
        connection.execute(f"PRAGMA user_version = {number}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if dbapi.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def _prepared(prepare: Callable[[], None]) -> Iterator[None]:
    prepare()
    yield


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

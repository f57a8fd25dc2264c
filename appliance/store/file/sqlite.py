"""Connections to the store's file: SpatiaLite loaded and the pragmas set, in one place."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from appliance.errors import Unavailable
from appliance.store.file import dbapi
from appliance.store.file.durable import free_bytes

EXTENSION = "mod_spatialite"
BUSY_MS = 15_000  # a writer waits this long for another process's transaction before it gives up
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an acknowledged row survives a power cut; NORMAL lost hundreds
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",  # sorting must not wear the card
    "PRAGMA cache_size = -8000",  # KiB a connection; a Pi has 2 GB for everything
    "PRAGMA journal_size_limit = 67108864",
)
READING_PRAGMAS = tuple(pragma for pragma in PRAGMAS if not any(word in pragma for word in ("journal", "synchronous")))

# A page that changes often is written once a checkpoint: 16 MB of log between two cost a third less than SQLite's 4.
# Where room is scarce the log stays short.
ROOMY_BYTES, ROOMY_PAGES = 1_073_741_824, 4_000


def connect(path: Path) -> Any:
    """A connection with SpatiaLite loaded and the pragmas set. The caller writes its own BEGIN."""
    connection = dbapi.connect(str(path))
    load_spatialite(connection)
    for pragma in PRAGMAS:
        connection.execute(pragma)
    if free_bytes(path.parent) > ROOMY_BYTES:
        connection.execute(f"PRAGMA wal_autocheckpoint = {ROOMY_PAGES}")
    return connection


def connect_to_read(path: Path) -> Any:
    """A connection that cannot write and needs no file made beside: a copy, or a store on a disk that is read-only.

    Where there is no WAL the file is taken for one that nobody changes.
    """
    wal = path.with_name(f"{path.name}-wal")
    how = "mode=ro" if wal.exists() and wal.stat().st_size else "mode=ro&immutable=1"
    connection = dbapi.connect(f"file:{quote(str(path))}?{how}")
    load_spatialite(connection)
    for pragma in READING_PRAGMAS:
        connection.execute(pragma)
    return connection


def load_spatialite(connection: Any) -> None:
    """Load SpatiaLite into one connection.

    raises  Unavailable  the library is not installed, saying which package has it
    """
    connection.enable_load_extension(True)
    try:
        connection.load_extension(EXTENSION)
    except dbapi.Error as error:
        raise Unavailable(
            f"loading SpatiaLite: {error}; install the Debian package libsqlite3-mod-spatialite"
        ) from None
    finally:
        connection.enable_load_extension(False)

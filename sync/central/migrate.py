"""Forward-only migrations of the centre: `migration/NNNN_name.sql`, each in one transaction with its record.

Called by `hexpost central migrate`; `require_schema` by an upstream before it sends. What a server lacks (PostGIS
not installed, no right to create) is said with the remedy.
"""

from pathlib import Path
from typing import Any

import psycopg

from appliance.errors import Conflict, Forbidden, Unavailable

FOLDER = Path(__file__).parent / "migration"
_LOCK = 0x4858_5054  # advisory; any number that every Hexpost agrees on

Connection = psycopg.Connection[Any]


def known_migrations() -> list[Path]:
    """The files, in the order in which they are applied; their stems are their names."""
    return sorted(FOLDER.glob("[0-9]*.sql"))


def migrate(connection: Connection) -> list[str]:
    """Bring the schema `hexpost` of a central database to the newest; the names applied, none when it was so already.

    Two at once wait for one another. `connection` is between transactions.
    raises  Conflict     the schema is newer than this program
            Forbidden    the role may not create what is needed
            Unavailable  PostGIS is not installed on the server
    """
    try:
        _prepare(connection)
        applied = [file.stem for file in known_migrations() if _apply(connection, file)]
    except psycopg.errors.InsufficientPrivilege as error:
        raise Forbidden(
            f"migrating the centre: {error.diag.message_primary}; run it as the owner of the database, and let a "
            "superuser run CREATE EXTENSION postgis there once"
        ) from error
    except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported) as error:
        raise Unavailable(
            f"migrating the centre: {error.diag.message_primary}; install PostGIS for the server's version, "
            "on Debian postgresql-15-postgis-3 or its like"
        ) from error
    return applied


def require_schema(connection: Connection) -> None:
    """Make sure that the centre has the tables this program writes to; newer ones are none of its business.

    raises  Conflict  it lacks some
    """
    with connection.transaction():
        if connection.execute("SELECT to_regclass('hexpost.schema_migrations')").fetchone() == (None,):
            missing = known_migrations()
        else:
            done = _recorded(connection)
            missing = [file for file in known_migrations() if file.stem not in done]
    if missing:
        raise Conflict(f"greeting the centre: it lacks {missing[0].stem}; run `hexpost central migrate` against it")


def _prepare(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute("CREATE SCHEMA IF NOT EXISTS hexpost")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS hexpost.schema_migrations ("
            "name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        newer = _recorded(connection) - {file.stem for file in known_migrations()}
    if newer:
        raise Conflict(
            f"migrating the centre: it has {max(newer)}, which this program does not know; use the newer Hexpost "
            "that made it"
        )


def _apply(connection: Connection, file: Path) -> bool:
    """Apply one migration unless it is recorded; whether it was applied."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if file.stem in _recorded(connection):
            return False
        connection.execute(file.read_bytes())
        connection.execute("INSERT INTO hexpost.schema_migrations (name) VALUES (%s)", (file.stem,))
    return True


def _recorded(connection: Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM hexpost.schema_migrations")}

"""Revisions: a row that the centre must have carries one of a single counter, and the outbox the highest of a slice."""

from typing import Any

import sqlalchemy as sa

from appliance.model.change import Slice
from appliance.store.engine import raw_connection


def take_revisions(connection: sa.Connection, how_many: int) -> int:
    """The first of so many consecutive revisions, now this transaction's own."""
    last: int = (
        raw_connection(connection).execute("UPDATE site SET rev = rev + ? RETURNING rev", (how_many,)).fetchone()[0]
    )
    return last - how_many + 1


def last_revision(connection: sa.Connection) -> int:
    """The highest revision that any row has."""
    rev: int = raw_connection(connection).execute("SELECT rev FROM site").fetchone()[0]
    return rev


def announce(connection: sa.Connection, at: Slice, rev: int) -> None:
    """Rows of a slice have changed, up to this revision: the centre is to have them."""
    raw: Any = raw_connection(connection)
    raw.execute(
        "INSERT INTO outbox (kind, resolution, day, rev) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET rev = max(rev, excluded.rev)",
        (at.kind, at.resolution, at.day, rev),
    )

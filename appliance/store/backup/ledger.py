"""What the store itself remembers of its backups: when the last one was made, and why one was not."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.store.engine import raw_connection

KEEP = 200  # attempts remembered
TEXT_CHARACTERS = 500


class BackupState(msgspec.Struct, frozen=True, kw_only=True):
    """How backups stand. `last_at` is the newest that counts; `error` is why an attempt after it failed, else ''."""

    last_at: datetime | None = None
    folder: str = ""
    bytes: int = 0
    failed_at: datetime | None = None
    error: str = ""

    def age_s(self, now: datetime) -> float | None:
        """Seconds since the last one; None where there is none."""
        return (now - self.last_at).total_seconds() if self.last_at else None


def insert_backup(
    connection: sa.Connection, *, at: datetime, folder: str, done: bool, size: int = 0, message: str = ""
) -> None:
    """Remember an attempt."""
    raw = raw_connection(connection)
    key = raw.execute(
        "INSERT INTO backups (at, folder, done, bytes, message) VALUES (?, ?, ?, ?, ?)",
        (to_us(at), folder, int(done), size, message[:TEXT_CHARACTERS]),
    ).lastrowid
    raw.execute(
        "DELETE FROM backups WHERE backup_pk <= ? AND backup_pk <> (SELECT max(backup_pk) FROM backups WHERE done)",
        (key - KEEP,),
    )


def fetch_backup_state(connection: sa.Connection) -> BackupState:
    """How backups stand."""
    raw = raw_connection(connection)
    done = raw.execute(
        "SELECT backup_pk, at, folder, bytes FROM backups WHERE done ORDER BY backup_pk DESC LIMIT 1"
    ).fetchone()
    failed = raw.execute(
        "SELECT at, message FROM backups WHERE NOT done AND backup_pk > ? ORDER BY backup_pk DESC LIMIT 1",
        (done[0] if done else 0,),
    ).fetchone()
    return BackupState(
        last_at=from_us(done[1]) if done else None,
        folder=done[2] if done else "",
        bytes=done[3] if done else 0,
        failed_at=from_us(failed[0]) if failed else None,
        error=failed[1] if failed else "",
    )

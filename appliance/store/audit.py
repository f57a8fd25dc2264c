"""The audit log: who did what to what, and when. Append only; the newest 100,000 entries stay.

Whatever changes something on somebody's word writes here in the same transaction, so that neither stands without the
other. The tables' own triggers refuse changes, and deletes within the bound.
"""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.model.command import AuditEntry
from appliance.store.clock.boots import fetch_boots
from appliance.store.engine import raw_connection
from appliance.timekeeping import shift_of

KEEP = 100_000  # as the trigger `audit_log_stays` has it; some 20 MB


def insert_audit(
    connection: sa.Connection,
    *,
    who: str,
    action: str,
    subject: str,
    at: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write one entry, and let the one that falls out of the bound go."""
    raw = raw_connection(connection)
    text = msgspec.json.encode(detail or {}).decode()
    cursor = raw.execute(
        "INSERT INTO audit_log (at, who, action, subject, detail_json) VALUES (?, ?, ?, ?, ?)",
        (to_us(at), who, action, subject, text),
    )
    raw.execute("DELETE FROM audit_log WHERE audit_id <= ?", (cursor.lastrowid - KEEP,))


def fetch_audit(
    connection: sa.Connection, *, subject: str | None = None, before: int | None = None, limit: int = 100
) -> list[AuditEntry]:
    """Entries, newest first; of one subject, and older than an id, where asked.

    They stand as they were written; what was written before the time was known is told with its true time.
    """
    boots = fetch_boots(raw_connection(connection))
    rows = raw_connection(connection).execute(
        "SELECT audit_id, at, who, action, subject, detail_json FROM audit_log "
        "WHERE (?1 IS NULL OR subject = ?1) AND (?2 IS NULL OR audit_id < ?2) ORDER BY audit_id DESC LIMIT ?3",
        (subject, before, limit),
    )
    return [
        AuditEntry(
            audit_id=row[0],
            at=from_us(row[1] + shift_of(boots, row[1])),
            who=row[2],
            action=row[3],
            subject=row[4],
            detail=msgspec.json.decode(row[5]),
        )
        for row in rows
    ]

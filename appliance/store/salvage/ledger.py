"""How far putting back has come: a row in the new store for each store that was lost."""

from collections import Counter
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.store.alerts import close_alert, raise_alert
from appliance.store.engine import raw_connection

ALERT = "store_lost"
_COLUMNS = "salvage_pk, begun_at, reason, damaged, backup, position_json, found_json, finished_at"


class Salvage(msgspec.Struct, frozen=True, kw_only=True):
    """One store that was lost.

    reason    in the words of who found it
    damaged   the folder of the damaged file (of a lost one: it holds none); backup: of the newest that holds, or ''
    position  step -> how far; a step that is done stands at -1
    found     what came back and what could not be read, by source and table
    """

    id: int
    begun_at: datetime
    reason: str
    damaged: str
    backup: str
    position: dict[str, int]
    found: dict[str, Any]
    finished_at: datetime | None

    @property
    def balance(self) -> dict[str, dict[str, int]]:
        """What came back, by table whatever it came from; what could not be read, as gaps by source and table."""
        came, lost = Counter[str](), dict[str, int]()
        for name, count in self.found.items():
            if name.endswith("unreadable"):
                lost[name.removesuffix("unreadable").strip(" :")] = int(count)
            elif count:
                came[name.partition(" ")[2]] += int(count)
        return {"put_back": dict(came), "unreadable": lost}

    @property
    def words(self) -> str:
        """For a technician."""
        if self.finished_at is None:
            return f"{self.reason}; a new store records, and what can be read is being put back"
        lost = sum(int(count) for name, count in self.found.items() if name.endswith("unreadable"))
        told = f"; {lost:,} gaps could not be read" if lost else ""
        return f"{self.reason}; what could be read was put back by {self.finished_at:%Y-%m-%d %H:%M} UTC{told}"


def insert_salvage(connection: sa.Connection, *, at: datetime, reason: str, damaged: str, backup: str) -> bool:
    """Begin putting back what was in a folder, once; whether it is new. An alert says so until it is done."""
    cursor = raw_connection(connection).execute(
        "INSERT INTO salvage (begun_at, reason, damaged, backup) SELECT ?, ?, ?, ? "
        "WHERE NOT EXISTS (SELECT 1 FROM salvage WHERE damaged = ?)",
        (to_us(at), reason, damaged, backup, damaged),
    )
    if cursor.rowcount:
        raise_alert(
            connection,
            kind=ALERT,
            subject=damaged,
            severity="critical",
            title=f"{reason}; a new store records, and what can be read is being put back",
            detail={"reason": reason, "damaged": damaged, "backup": backup},
            now=at,
        )
    return bool(cursor.rowcount)


def fetch_salvage(connection: sa.Connection, *, unfinished: bool = False) -> Salvage | None:
    """The oldest that is not finished; else, unless only such are asked for, the newest."""
    raw = raw_connection(connection)
    row = raw.execute(
        f"SELECT {_COLUMNS} FROM salvage WHERE finished_at IS NULL ORDER BY salvage_pk LIMIT 1"
    ).fetchone()
    if row is None and not unfinished:
        row = raw.execute(f"SELECT {_COLUMNS} FROM salvage ORDER BY salvage_pk DESC LIMIT 1").fetchone()
    return None if row is None else _salvage(row)


def update_salvage(
    connection: sa.Connection, key: int, *, position: dict[str, int], found: dict[str, Any], at: datetime | None = None
) -> None:
    """Remember how far it has come; with `at` it is finished, and its alert says what came back and what is lost."""
    raw_connection(connection).execute(
        "UPDATE salvage SET position_json = ?, found_json = ?, finished_at = ? WHERE salvage_pk = ?",
        (msgspec.json.encode(position).decode(), msgspec.json.encode(found).decode(), to_us(at) if at else None, key),
    )
    if at is None:
        return
    done = _salvage(
        raw_connection(connection).execute(f"SELECT {_COLUMNS} FROM salvage WHERE salvage_pk = ?", (key,)).fetchone()
    )
    close_alert(
        connection,
        kind=ALERT,
        subject=done.damaged,
        now=at,
        title=done.words,
        detail={"reason": done.reason, "damaged": done.damaged, "backup": done.backup, **done.balance},
    )


def _salvage(row: tuple[Any, ...]) -> Salvage:
    return Salvage(
        id=row[0],
        begun_at=from_us(row[1]),
        reason=row[2],
        damaged=row[3],
        backup=row[4],
        position=msgspec.json.decode(row[5]),
        found=msgspec.json.decode(row[6]),
        finished_at=from_us(row[7]) if row[7] is not None else None,
    )

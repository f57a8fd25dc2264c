"""The boot ledger: a line for each run of the machine, with the time as it was known then.

A line is written when a boot is first seen, when its time becomes known or moves, every ten minutes, and at a clean
stop; never for a batch. When the time becomes known, the tables with few rows (`STAMPED`) are re-dated in that same
transaction, and boots that ended without knowing it are settled by an estimate; the many rows of events, readings and
positions follow in `redating`. Called by `box_clock`, and by `redating`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.store.engine import raw_connection
from appliance.timekeeping import BUILT_US, DAY_US, SECOND_US, Boot, Evidence, Glance, begin, estimate

KEEP_BOOTS = 1_000  # a reboot a day for three years; what was stamped before the oldest is taken as its
KEEP_STEPS = 500
MAX_COUNTED = 1_000_000
WAITING_TABLES = ("events", "reading_values", "late_readings", "positions")
WAITING = "clock_quality IN ('untrusted', 'undated')"  # in the words of the partial indexes

_COLUMNS = "boot_id, base_us, floor_us, wall_us, seen_us, last_us, offset_us, evidence, known_us, spread_us"

STAMPED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # table, the column by which a row is known to be of the boot, the columns that move with it
    ("devices", "state_at", ("state_at",)),
    ("devices", "first_seen", ("first_seen",)),
    ("devices", "last_seen", ("last_seen",)),
    ("quarantine", "first_seen", ("first_seen",)),
    ("quarantine", "last_seen", ("last_seen",)),
    ("outages", "began_at", ("began_at",)),
    ("outages", "ended_at", ("ended_at",)),
    ("alerts", "raised_at", ("raised_at",)),
    ("alerts", "last_at", ("last_at",)),
    ("alerts", "changed_at", ("changed_at",)),
    ("alerts", "acknowledged_at", ("acknowledged_at",)),
    ("alerts", "closed_at", ("closed_at",)),
    ("device_spans", "from_time", ("from_time",)),
    ("device_spans", "to_time", ("to_time",)),
    ("watch_list", "added_at", ("added_at",)),
    ("maintenance_windows", "from_time", ("from_time", "to_time")),
    ("commands", "created_at", ("created_at", "expires_at")),
    ("commands", "sent_at", ("sent_at",)),
    ("commands", "changed_at", ("changed_at",)),
    ("firmware_images", "added_at", ("added_at",)),
    ("firmware_waves", "created_at", ("created_at",)),
    ("firmware_waves", "finished_at", ("finished_at",)),
    ("firmware_wave_devices", "ordered_at", ("ordered_at",)),
    ("runs", "requested_at", ("requested_at",)),
    ("runs", "finished_at", ("finished_at",)),
    ("backtests", "asked_at", ("asked_at",)),
    ("backtests", "made_at", ("made_at",)),
    ("sync_state", "last_acked_at", ("last_acked_at",)),
    ("users", "created_at", ("created_at",)),
    ("users", "changed_at", ("changed_at",)),
)
"""Where times of the box stand beside events, readings and positions. The audit log stays as it was written."""


def fetch_boot(raw: Any, boot_id: str) -> Boot | None:
    """The line of one boot."""
    row = raw.execute(f"SELECT {_COLUMNS} FROM boots WHERE boot_id = ?", (boot_id,)).fetchone()
    return Boot(**dict(zip(Boot.__struct_fields__, row, strict=True))) if row else None


def fetch_boots(raw: Any) -> list[Boot]:
    """Every line, ascending."""
    rows = raw.execute(f"SELECT {_COLUMNS} FROM boots ORDER BY boot_pk")
    return [Boot(**dict(zip(Boot.__struct_fields__, row, strict=True))) for row in rows]


def write_boots(raw: Any, boots: Sequence[Boot]) -> None:
    """Write the ledger anew, ascending: when lines come back that were lost."""
    raw.execute("DELETE FROM boots")
    marks = ", ".join("?" * len(Boot.__struct_fields__))
    lines = [msgspec.structs.astuple(boot) for boot in boots[-KEEP_BOOTS:]]
    raw.executemany(f"INSERT INTO boots ({_COLUMNS}) VALUES ({marks})", lines)


def count_waiting(raw: Any) -> int:
    """Rows whose time is not known yet; a million of a kind, where there are more."""
    counts = (
        f"(SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {WAITING} LIMIT {MAX_COUNTED}))"
        for table in WAITING_TABLES
    )
    return sum(raw.execute(f"SELECT {' + '.join(counts)}").fetchone())


def has_waiting(raw: Any) -> bool:
    """Whether there are any."""
    exists = (f"EXISTS (SELECT 1 FROM {table} WHERE {WAITING})" for table in WAITING_TABLES)
    return bool(raw.execute(f"SELECT {' OR '.join(exists)}").fetchone()[0])


def insert_boot(connection: sa.Connection, glance: Glance) -> Boot:
    """Begin the line of the boot of this glance, or find the one that another process has begun."""
    raw = raw_connection(connection)
    known = fetch_boot(raw, glance.boot_id)
    if known is not None:
        return known
    boot = begin(glance, _last_time(raw))
    raw.execute(
        f"INSERT INTO boots ({_COLUMNS}) VALUES ({', '.join('?' * len(Boot.__struct_fields__))})",
        msgspec.structs.astuple(boot),
    )
    raw.execute("DELETE FROM boots WHERE boot_pk <= (SELECT max(boot_pk) FROM boots) - ?", (KEEP_BOOTS,))
    return boot


def keep_boot(connection: sa.Connection, boot_id: str, last_us: int) -> None:
    """Note that the boot lasts; `last_us` is CLOCK_BOOTTIME now."""
    raw_connection(connection).execute(
        "UPDATE boots SET last_us = max(last_us, ?) WHERE boot_id = ?", (last_us, boot_id)
    )


def learn_time(connection: sa.Connection, glance: Glance, offset_us: int, evidence: Evidence) -> Boot:
    """Write down the true time of this boot, for the first time or corrected; all or nothing. The line as it is then.

    The first time, what was stamped in it and in boots before it that never knew is re-dated as far as `STAMPED` goes.
    """
    raw = raw_connection(connection)
    before = insert_boot(connection, glance)
    if (before.offset_us, before.evidence) == (offset_us, evidence):
        return before
    known_us = before.known_us if before.known_us is not None else glance.boottime_us
    this = msgspec.structs.replace(
        before,
        offset_us=offset_us,
        evidence=evidence,
        known_us=known_us,
        last_us=max(before.last_us, glance.boottime_us),
    )
    raw.execute(
        "UPDATE boots SET offset_us = ?, evidence = ?, known_us = ?, last_us = ? WHERE boot_id = ?",
        (this.offset_us, this.evidence, this.known_us, this.last_us, this.boot_id),
    )
    raw.execute(
        "INSERT INTO clock_steps (boot_id, boottime_us, offset_us, evidence) VALUES (?, ?, ?, ?)",
        (this.boot_id, glance.boottime_us, offset_us, evidence),
    )
    raw.execute("DELETE FROM clock_steps WHERE step_pk <= (SELECT max(step_pk) FROM clock_steps) - ?", (KEEP_STEPS,))
    if not before.known:
        # The latest first: what is moved must not come to lie where a boot that is still to be moved has its stamps.
        for boot in (this, *reversed(_settle_earlier(raw, this))):
            _redate_stamps(raw, boot)
    return this


def _last_time(raw: Any) -> int | None:
    """The last time that stands in the store as far as it can be believed; no stamp of a later boot may lie before it.

    The ledger's own may be ten minutes old, so the newest rows are asked too; one far ahead of it is not believed.
    """
    row = raw.execute(
        "SELECT boot_id, coalesce(offset_us, base_us) + last_us FROM boots ORDER BY boot_pk DESC LIMIT 1"
    ).fetchone()
    newest: list[int] = [
        us
        for (us,) in (
            raw.execute("SELECT recorded_at FROM events ORDER BY event_pk DESC LIMIT 1").fetchone() or (None,),
            raw.execute(f"SELECT max(received_at) FROM reading_values WHERE {WAITING}").fetchone(),
            raw.execute(f"SELECT max(received_at) FROM positions WHERE {WAITING}").fetchone(),
        )
        if us is not None
    ]
    if row is None:
        return max((us for us in newest if us >= BUILT_US), default=None)
    boot_id, last = str(row[0]), int(row[1])
    stamped = max((us for us in newest if last < us <= last + DAY_US), default=last)
    raw.execute("UPDATE boots SET last_us = last_us + ? WHERE boot_id = ?", (stamped - last, boot_id))
    return stamped + SECOND_US


def _settle_earlier(raw: Any, this: Boot) -> list[Boot]:
    """The boots right before this one that ended without knowing their time, ascending, now with an estimate."""
    boots = fetch_boots(raw)
    earlier = boots[: next(n for n, boot in enumerate(boots) if boot.boot_id == this.boot_id)]
    unknown: list[Boot] = []
    while earlier and not earlier[-1].known:
        unknown.insert(0, earlier.pop())
    if not unknown:
        return []
    before_us = earlier[-1].last_time_us if earlier else unknown[0].base_us
    settled = estimate(before_us, unknown, this.offset_us or 0)
    raw.executemany(
        "UPDATE boots SET offset_us = ?, evidence = ?, spread_us = ? WHERE boot_id = ?",
        [(boot.offset_us, boot.evidence, boot.spread_us, boot.boot_id) for boot in settled],
    )
    return settled


def _redate_stamps(raw: Any, boot: Boot) -> None:
    """Move what was stamped in a boot before its time was known, by the one amount by which all of it is off."""
    span = {"shift": boot.shift_us, "since": boot.stamps_from_us, "until": boot.base_us + boot.last_us + SECOND_US}
    for table, column, moved in STAMPED:
        assignments = ", ".join(f"{name} = {name} + :shift" for name in moved)
        raw.execute(f"UPDATE {table} SET {assignments} WHERE {column} >= :since AND {column} <= :until", span)

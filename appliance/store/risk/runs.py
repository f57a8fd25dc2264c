"""The ledger of analytics runs: what was asked for, what is running, what was found.

A run asked for over HTTP is a row here, which the jobs process picks up; so the web part never computes.
"""

from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.errors import NotFound, Unavailable
from appliance.model.risk import Run
from appliance.store.engine import raw_connection

KEEP_FINISHED = 500  # finished runs remembered
MAX_QUEUED = 20  # requests waiting; more would only repeat the same work

_COLUMNS = (
    "run_id, resolution, from_day, to_day, state, progress, watermark, rows_changed, requested_at, finished_at, message"
)


def insert_run(
    connection: sa.Connection,
    *,
    resolution: int,
    from_day: date,
    to_day: date,
    now: datetime,
    state: Literal["queued", "running"] = "queued",
) -> Run:
    """Ask for a run, or with `running` record one that the caller performs itself; the same request still waiting is
    returned instead of a second one.

    raises  Unavailable  too many are waiting
    """
    raw = raw_connection(connection)
    same = (
        state == "queued"
        and raw.execute(
            f"SELECT {_COLUMNS} FROM runs WHERE state = 'queued' AND resolution = ? AND from_day = ? AND to_day = ?",
            (resolution, from_day.isoformat(), to_day.isoformat()),
        ).fetchone()
    )
    if same:
        return _run(same)
    if raw.execute("SELECT count(*) FROM runs WHERE state = 'queued'").fetchone()[0] >= MAX_QUEUED:
        raise Unavailable(f"asking for a run: {MAX_QUEUED} are waiting already; is the jobs process running?")
    row = raw.execute(
        f"INSERT INTO runs (resolution, from_day, to_day, state, requested_at) VALUES (?, ?, ?, ?, ?) "
        f"RETURNING {_COLUMNS}",
        (resolution, from_day.isoformat(), to_day.isoformat(), state, to_us(now)),
    ).fetchone()
    raw.execute(
        "DELETE FROM runs WHERE state IN ('done', 'failed') AND run_id <= "
        "(SELECT max(run_id) FROM runs) - ? AND run_id NOT IN (SELECT max(run_id) FROM runs WHERE state = 'done' "
        "GROUP BY resolution)",
        (KEEP_FINISHED,),
    )
    return _run(row)


def fetch_run(connection: sa.Connection, run_id: int) -> Run:
    """One run.

    raises  NotFound  there is none with this id, or it is long past
    """
    row = raw_connection(connection).execute(f"SELECT {_COLUMNS} FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    if not row:
        raise NotFound(f"run {run_id} is not known; the last {KEEP_FINISHED} are kept")
    return _run(row)


def fetch_queued(connection: sa.Connection) -> Run | None:
    """The run that has waited longest."""
    row = (
        raw_connection(connection)
        .execute(f"SELECT {_COLUMNS} FROM runs WHERE state = 'queued' ORDER BY run_id LIMIT 1")
        .fetchone()
    )
    return _run(row) if row else None


def fetch_last_done(connection: sa.Connection, resolution: int, *, to_day: date | None = None) -> Run | None:
    """The newest finished run of a resolution, or of those whose interval ends with `to_day`."""
    day = to_day.isoformat() if to_day else None
    row = (
        raw_connection(connection)
        .execute(
            f"SELECT {_COLUMNS} FROM runs WHERE state = 'done' AND resolution = ? AND (? IS NULL OR to_day = ?) "
            "ORDER BY run_id DESC LIMIT 1",
            (resolution, day, day),
        )
        .fetchone()
    )
    return _run(row) if row else None


def fetch_recent_done(connection: sa.Connection) -> list[Run]:
    """The newest twenty finished runs, oldest first; not always in the order in which they finished."""
    rows = (
        raw_connection(connection)
        .execute(f"SELECT {_COLUMNS} FROM runs WHERE state = 'done' ORDER BY run_id DESC LIMIT 20")
        .fetchall()
    )
    return [_run(row) for row in reversed(rows)]


def update_run(connection: sa.Connection, run_id: int, **changes: Any) -> None:
    """Set columns of a run; names are those of the table, instants already in microseconds."""
    names = ", ".join(f"{name} = ?" for name in changes)
    raw_connection(connection).execute(f"UPDATE runs SET {names} WHERE run_id = ?", (*changes.values(), run_id))


def requeue_unfinished(connection: sa.Connection) -> int:
    """Put runs that a killed process left half-way back in the queue; how many there were."""
    cursor = raw_connection(connection).execute(
        "UPDATE runs SET state = 'queued', progress = 0 WHERE state = 'running'"
    )
    return int(cursor.rowcount)


def fetch_watermark(connection: sa.Connection) -> int:
    """How many events were stored, corrected, given a place or time, or reprocessed: what a run can have seen."""
    total: int = (
        raw_connection(connection)
        .execute(
            "SELECT coalesce(sum(items), 0) FROM item_totals "
            "WHERE (term = 'stored' AND reason = '') OR (term = 'folded' AND reason = 'correction') "
            "OR term IN ('placed', 'redated', 'reprocessed')"
        )
        .fetchone()[0]
    )
    return total


def _run(row: tuple[Any, ...]) -> Run:
    finished = from_us(row[9]) if row[9] is not None else None
    return Run(
        run_id=row[0],
        resolution=row[1],
        from_day=date.fromisoformat(row[2]),
        to_day=date.fromisoformat(row[3]),
        state=row[4],
        progress=row[5],
        watermark=row[6],
        rows_changed=row[7],
        requested_at=from_us(row[8]),
        finished_at=finished,
        message=row[10],
    )

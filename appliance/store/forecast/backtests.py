"""The ledger of backtests: what was asked for, what is going on, what was found.

One asked for over HTTP is a row here, which the jobs process has a child of its own take up. The last `KEEP` are kept.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.aggregate.hours import SiteHours
from appliance.clock import from_us, to_us
from appliance.errors import Conflict, NotFound
from appliance.model.backtest import FEWEST_INCIDENTS, Backtest, Enough, Report
from appliance.store.engine import Store, raw_connection
from appliance.store.settled.settle import fetch_counted

KEEP = 60  # rows: more than a year of weekly ones, at some 15 KB
MAX_QUEUED = 5  # requests waiting; more would only repeat the same work
MAX_ATTEMPTS = 3  # one that was cut off so often needs more memory than there is
TEXT_CHARACTERS = 500

_COLUMNS = (
    "backtest_pk, state, resolution, test_days, asked_at, made_at, from_day, to_day, events, version, watermark, "
    "attempts, message"
)
_decode = msgspec.json.Decoder(Report).decode


def ask_backtest(connection: sa.Connection, *, resolution: int, test_days: int, now: datetime) -> Backtest:
    """Ask for a backtest; the same one still waiting or going on is returned instead of a second one.

    raises  Conflict  too many are waiting
    """
    raw = raw_connection(connection)
    same = raw.execute(
        f"SELECT {_COLUMNS} FROM backtests WHERE state IN ('queued', 'running') AND resolution = ? AND test_days = ?",
        (resolution, test_days),
    ).fetchone()
    if same:
        return _backtest(same)
    if raw.execute("SELECT count(*) FROM backtests WHERE state = 'queued'").fetchone()[0] >= MAX_QUEUED:
        raise Conflict(f"asking for a backtest: {MAX_QUEUED} are waiting already; is the jobs process running?")
    return _insert(raw, "queued", resolution, test_days, now)


def begin_backtest(
    connection: sa.Connection, *, resolution: int, test_days: int, now: datetime, queued: bool
) -> Backtest:
    """The backtest to be made now, by who holds `alone`: with `queued` the one that has waited longest, or was cut off,
    and a new one only where none waits. One that was cut off too often comes back as failed.
    """
    raw = raw_connection(connection)
    waiting = (
        queued
        and raw.execute(
            f"SELECT {_COLUMNS} FROM backtests WHERE state IN ('queued', 'running') ORDER BY backtest_pk LIMIT 1"
        ).fetchone()
    )
    found = _backtest(waiting) if waiting else _insert(raw, "running", resolution, test_days, now)
    if found.attempts >= MAX_ATTEMPTS:
        message = f"was begun {found.attempts} times and never came to its end: the box may have too little memory"
        fail_backtest(connection, found.backtest_pk, message=message, now=now)
    else:
        raw.execute(
            "UPDATE backtests SET state = 'running', attempts = attempts + 1 WHERE backtest_pk = ?",
            (found.backtest_pk,),
        )
    return fetch_backtest(connection, found.backtest_pk)


def finish_backtest(
    connection: sa.Connection, backtest_pk: int, *, report: Report, version: str, watermark: int, now: datetime
) -> None:
    """Keep what was found."""
    told = report.reported
    raw_connection(connection).execute(
        "UPDATE backtests SET state = 'done', made_at = ?, from_day = ?, to_day = ?, events = ?, version = ?, "
        "watermark = ?, message = '', report_json = ? WHERE backtest_pk = ?",
        (
            to_us(now),
            told.from_day.isoformat(),
            told.to_day.isoformat(),
            told.incidents,
            version,
            watermark,
            msgspec.json.encode(report).decode(),
            backtest_pk,
        ),
    )
    _trim(connection)


def fail_backtest(connection: sa.Connection, backtest_pk: int, *, message: str, now: datetime) -> None:
    """Note why it could not be made."""
    raw_connection(connection).execute(
        "UPDATE backtests SET state = 'failed', made_at = ?, message = ? WHERE backtest_pk = ?",
        (to_us(now), message[:TEXT_CHARACTERS], backtest_pk),
    )
    _trim(connection)


def fetch_backtest(connection: sa.Connection, backtest_pk: int) -> Backtest:
    """One, with what it found.

    raises  NotFound  there is none of this number, or it is long past
    """
    row = (
        raw_connection(connection)
        .execute(f"SELECT {_COLUMNS}, report_json FROM backtests WHERE backtest_pk = ?", (backtest_pk,))
        .fetchone()
    )
    if not row:
        raise NotFound(f"backtest {backtest_pk} is not known; the last {KEEP} are kept")
    return _backtest(row)


def list_backtests(connection: sa.Connection) -> list[Backtest]:
    """All, the newest first, without what they found."""
    rows = raw_connection(connection).execute(f"SELECT {_COLUMNS} FROM backtests ORDER BY backtest_pk DESC")
    return [_backtest(row) for row in rows]


def fetch_latest(connection: sa.Connection, *, states: Sequence[str] = ("done",)) -> Backtest | None:
    """The last one of these states, with what it found; by its number, since clocks are set."""
    marks = ", ".join("?" * len(states))
    row = (
        raw_connection(connection)
        .execute(
            f"SELECT {_COLUMNS}, report_json FROM backtests WHERE state IN ({marks}) ORDER BY backtest_pk DESC LIMIT 1",
            tuple(states),
        )
        .fetchone()
    )
    return _backtest(row) if row else None


def measure_history(connection: sa.Connection, hours: SiteHours, *, types: Sequence[str] = ()) -> Enough:
    """How much there is to test with, by the counters and the events that have none yet; incidents are counted little
    further than needed. `types` empty means all.
    """
    raw = raw_connection(connection)
    marks = f"AND event_type IN ({', '.join('?' * len(types))})" if types else ""
    resolution = raw.execute("SELECT max(resolution) FROM event_counts").fetchone()[0]
    days = [
        day
        for end in ("min", "max")
        for (day,) in raw.execute(f"SELECT {end}(day) FROM event_counts WHERE resolution = ?", (resolution,))
        if day is not None
    ]
    counted: int = raw.execute(
        "SELECT coalesce(sum(event_count), 0) FROM (SELECT event_count FROM event_counts WHERE resolution = ? "
        f"AND event_count > 0 {marks} LIMIT ?)",
        (resolution, *types, FEWEST_INCIDENTS),
    ).fetchone()[0]
    tail, first, last = raw.execute(
        f"SELECT count(*), min(event_timestamp), max(event_timestamp) FROM events WHERE event_pk > ? {marks}",
        (fetch_counted(raw).get(resolution, 0), *types),
    ).fetchone()
    days += [hours.place(us)[0] for us in (first, last) if us is not None]
    span = (date.fromisoformat(max(days)) - date.fromisoformat(min(days))).days + 1 if days else 0
    return Enough(days=span, incidents=counted + tail)


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """Be the only one who makes a backtest on this store; the kernel frees it however we end.

    raises  Conflict  another one is being made
    """
    descriptor = os.open(_lock_path(store), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Conflict("another backtest of this box is being made; ask again when it is done") from None
    finally:
        os.close(descriptor)


def is_being_made(store: Store) -> bool:
    """Whether somebody makes a backtest right now."""
    try:
        with alone(store):
            return False
    except Conflict:
        return True


def _lock_path(store: Store) -> Path:
    return store.path.with_suffix(".backtest.lock")


def _insert(raw: Any, state: str, resolution: int, test_days: int, now: datetime) -> Backtest:
    row = raw.execute(
        f"INSERT INTO backtests (state, resolution, test_days, asked_at) VALUES (?, ?, ?, ?) RETURNING {_COLUMNS}",
        (state, resolution, test_days, to_us(now)),
    ).fetchone()
    return _backtest(row)


def _trim(connection: sa.Connection) -> None:
    """Let the oldest go; the last one that was done stays, whatever failed since."""
    raw_connection(connection).execute(
        "DELETE FROM backtests WHERE state IN ('done', 'failed') AND backtest_pk <= "
        "(SELECT max(backtest_pk) FROM backtests) - ? "
        "AND backtest_pk NOT IN (SELECT max(backtest_pk) FROM backtests WHERE state = 'done')",
        (KEEP,),
    )


def _backtest(row: tuple[Any, ...]) -> Backtest:
    report = row[13] if len(row) > 13 else None
    return Backtest(
        backtest_pk=row[0],
        state=row[1],
        resolution=row[2],
        test_days=row[3],
        asked_at=from_us(row[4]),
        made_at=from_us(row[5]) if row[5] is not None else None,
        from_day=date.fromisoformat(row[6]) if row[6] else None,
        to_day=date.fromisoformat(row[7]) if row[7] else None,
        events=row[8],
        version=row[9],
        watermark=row[10],
        attempts=row[11],
        message=row[12],
        report=_decode(report) if report else None,
    )

"""The cells' mean and spread of events a day over a run's interval, from which `anomaly_flags` follows.

One more event changes the deviations of all days of its cell; stored that way it changes one row. A set of baselines
belongs to an interval; the days that a run has judged point to it. A day that the next run's interval no longer holds
keeps the set it had.
"""

import itertools
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from appliance.errors import Conflict
from appliance.model.change import Slice
from appliance.model.risk import Run
from appliance.store.engine import raw_connection
from appliance.store.revisions import announce, take_revisions

Floats = NDArray[np.float64]


class Baselines(msgspec.Struct, frozen=True, kw_only=True):
    """A set: cells ascending, and of each the mean, the spread and the revision since which they are so; all (c,)."""

    baseline_id: int
    interval: tuple[str, str]
    cells: NDArray[np.int64]
    mean: Floats
    spread: Floats
    rev: NDArray[np.int64]


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """The set that a run's days are to point to.

    fresh   cells whose mean or spread is another than their days had
    rows    rows of `anomaly_flags` that are others by that now; of a new set none are yet
    is_new  no day points to it yet
    gone    cells that take no part any more: of the set, until `forget_cells`
    """

    baseline_id: int
    fresh: int
    rows: int
    is_new: bool
    gone: list[int]


def fetch_judged_cells(connection: sa.Connection, run: Run) -> list[NDArray[np.int64]]:
    """The cells, ascending, of each set to which days of a run's interval point now."""
    raw = raw_connection(connection)
    sets = [
        raw.execute("SELECT h3_index FROM baselines WHERE baseline_id = ? ORDER BY h3_index", (row[0],)).fetchall()
        for row in _sets_of(raw, run)
    ]
    return [np.fromiter(itertools.chain.from_iterable(rows), dtype=np.int64, count=len(rows)) for rows in sets]


def fetch_baselines(connection: sa.Connection, run: Run) -> list[Baselines]:
    """The sets to which days of a run's interval point now."""
    raw = raw_connection(connection)
    return [_fetch_set(raw, *row) for row in _sets_of(raw, run)]


def write_baselines(
    connection: sa.Connection, run: Run, cells: NDArray[np.int64], mean: Floats, spread: Floats
) -> Written:
    """Store what a run found; a cell keeps its revision where all its days had the same mean and spread."""
    old = fetch_baselines(connection, run)
    interval = (run.from_day.isoformat(), run.to_day.isoformat())
    kept, rev = np.zeros(len(cells), dtype=bool), np.zeros(len(cells), dtype=np.int64)
    if len(old) == 1:
        kept, rev = _kept(old[0], cells, mean, spread)
    raw, fresh = raw_connection(connection), np.flatnonzero(~kept)
    rev[fresh] = take_revisions(connection, len(fresh)) + np.arange(len(fresh)) if len(fresh) else 0
    is_new = not (len(old) == 1 and old[0].interval == interval)
    wanted = np.arange(len(cells)) if is_new else fresh
    baseline_id = _begin_set(raw, run, interval) if is_new else old[0].baseline_id
    raw.executemany(
        "REPLACE INTO baselines (baseline_id, h3_index, mean, spread, rev, run_id) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (baseline_id, *row, run.run_id)
            for row in zip(*(column[wanted].tolist() for column in (cells, mean, spread, rev)), strict=True)
        ],
    )
    days = [] if is_new or not len(fresh) else _days_of(raw, baseline_id)
    for day in days:
        announce(connection, Slice(kind="anomaly_flags", resolution=run.resolution, day=day), int(rev.max()))
    gone = [] if is_new else np.setdiff1d(old[0].cells, cells, assume_unique=True).tolist()
    return Written(baseline_id=baseline_id, fresh=len(fresh), rows=len(fresh) * len(days), is_new=is_new, gone=gone)


def forget_cells(connection: sa.Connection, baseline_id: int, cells: Iterable[int]) -> None:
    """Take cells out of a set, once no day has a row of them."""
    raw_connection(connection).executemany(
        "DELETE FROM baselines WHERE baseline_id = ? AND h3_index = ?", [(baseline_id, cell) for cell in cells]
    )


def require_set(connection: sa.Connection, baseline_id: int) -> None:
    """Days may be pointed to a set.

    raises  Conflict  a run at the same time has taken its days and deleted it
    """
    found = raw_connection(connection).execute("SELECT 1 FROM baseline_sets WHERE baseline_id = ?", (baseline_id,))
    if found.fetchone() is None:
        raise Conflict("scoring: another run came between and took its days; ask for this one again")


def drop_unused(connection: sa.Connection) -> int:
    """Delete the sets to which no day points; how many."""
    raw = raw_connection(connection)
    unused = raw.execute(
        "SELECT baseline_id FROM baseline_sets WHERE baseline_id NOT IN (SELECT baseline_id FROM judged_days)"
    ).fetchall()
    for table in ("baselines", "baseline_sets"):
        raw.executemany(f"DELETE FROM {table} WHERE baseline_id = ?", unused)
    return len(unused)


def _sets_of(raw: Any, run: Run) -> list[tuple[int, str, str]]:
    """(baseline_id, from_day, to_day) of each set to which days of a run's interval point now."""
    found: list[tuple[int, str, str]] = raw.execute(
        "SELECT baseline_id, from_day, to_day FROM baseline_sets WHERE baseline_id IN "
        "(SELECT baseline_id FROM judged_days WHERE resolution = ? AND day BETWEEN ? AND ?)",
        (run.resolution, run.from_day.isoformat(), run.to_day.isoformat()),
    ).fetchall()
    return found


def _fetch_set(raw: Any, baseline_id: int, from_day: str, to_day: str) -> Baselines:
    rows = raw.execute(
        "SELECT h3_index, mean, spread, rev FROM baselines WHERE baseline_id = ? ORDER BY h3_index", (baseline_id,)
    ).fetchall()
    cells, mean, spread, rev = zip(*rows, strict=True) if rows else ((),) * 4
    return Baselines(
        baseline_id=baseline_id,
        interval=(from_day, to_day),
        cells=np.array(cells, dtype=np.int64),
        mean=np.array(mean, dtype=np.float64),
        spread=np.array(spread, dtype=np.float64),
        rev=np.array(rev, dtype=np.int64),
    )


def _kept(
    old: Baselines, cells: NDArray[np.int64], mean: Floats, spread: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which cells have in an old set what they have now, and their revisions there."""
    if not len(old.cells):
        return np.zeros(len(cells), dtype=bool), np.zeros(len(cells), dtype=np.int64)
    at = np.minimum(np.searchsorted(old.cells, cells), len(old.cells) - 1)
    kept = (old.cells[at] == cells) & (old.mean[at] == mean) & (old.spread[at] == spread)
    return kept, old.rev[at].copy()


def _begin_set(raw: Any, run: Run, interval: tuple[str, str]) -> int:
    baseline_id: int = raw.execute(
        "INSERT INTO baseline_sets (resolution, from_day, to_day) VALUES (?, ?, ?) RETURNING baseline_id",
        (run.resolution, *interval),
    ).fetchone()[0]
    return baseline_id


def _days_of(raw: Any, baseline_id: int) -> list[str]:
    """The days that point to a set."""
    rows = raw.execute(
        "SELECT d.day FROM baseline_sets AS s JOIN judged_days AS d ON d.resolution = s.resolution "
        "AND d.day BETWEEN s.from_day AND s.to_day AND d.baseline_id = s.baseline_id WHERE s.baseline_id = ?",
        (baseline_id,),
    )
    return [row[0] for row in rows]

"""What the rows of a day were made from: so a run knows which days it need not look at.

A day that stands here as the run would write it has the rows that the run would write. Where its counters have changed
since, where it was judged by other cells, and where nothing is known, its rows are compared or made anew.
"""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from appliance.model.risk import PROFILE, Run
from appliance.store.engine import raw_connection

RULES = b"composite 1 "  # another number when the same counts give other rows


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A day's rows: of which cells (`digest_cells`), after which changes of the counters, by which set of baselines,
    between which raw extremes they are scaled."""

    baseline_id: int
    cells: str
    changes: str
    low: float
    high: float


def digest_cells(cells: NDArray[np.int64], types: Sequence[str]) -> str:
    """A name for these cells, ascending, with the counts of these types of event."""
    content = RULES + ",".join(sorted(types)).encode() + b" " + cells.astype("<i8").tobytes()
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def fetch_judged(connection: sa.Connection, resolution: int, days: Sequence[str]) -> dict[str, Judged]:
    """Those of consecutive days that have rows."""
    rows = raw_connection(connection).execute(
        "SELECT day, baseline_id, cells, changes, low, high FROM judged_days "
        "WHERE resolution = ? AND day BETWEEN ? AND ?",
        (resolution, days[0], days[-1]),
    )
    return {row[0]: Judged(baseline_id=row[1], cells=row[2], changes=row[3], low=row[4], high=row[5]) for row in rows}


def write_judged(connection: sa.Connection, resolution: int, day: str, now: Judged) -> None:
    """The day's rows are these, from this transaction on."""
    raw_connection(connection).execute(
        "REPLACE INTO judged_days (resolution, day, baseline_id, cells, changes, low, high) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (resolution, day, now.baseline_id, now.cells, now.changes, now.low, now.high),
    )


def find_lost(connection: sa.Connection, run: Run, cells: Mapping[str, int]) -> set[str]:
    """Days of a run's interval that do not have as many rows as they were given: so many of each digest of cells."""
    of = (run.resolution, run.from_day.isoformat(), run.to_day.isoformat())
    raw = raw_connection(connection)
    lost: set[str] = set()
    for table, profile in (("cell_aggregates", ""), ("risk_scores", f"AND profile = '{PROFILE}'")):
        rows = raw.execute(
            f"SELECT j.day, j.cells, (SELECT count(*) FROM {table} AS t WHERE t.resolution = j.resolution "
            f"AND t.day = j.day {profile}) FROM judged_days AS j WHERE j.resolution = ? AND j.day BETWEEN ? AND ?",
            of,
        )
        lost.update(day for day, digest, count in rows if count != cells.get(digest))
    return lost

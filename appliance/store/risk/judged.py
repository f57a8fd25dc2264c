"""What the rows of a day were made from: so a run knows which days it need not look at.

A day that stands here as the run would write it has the rows that the run would write. Where its counters have changed
since, where it was judged by other cells, and where nothing is known, its rows are compared or made anew.

The extremes have revisions of their own, since scores follow from them: one for each cell, by its ordinal. A cell at
the lowest raw score has 0 whatever the highest is, one at the highest 100: it follows the moves of its own only.
"""

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from appliance.model.change import Slice
from appliance.model.risk import Run
from appliance.store.engine import raw_connection
from appliance.store.revisions import announce, take_revisions

_COLUMNS = "baseline_id, cells, changes, low, high, cell_count"  # in the order of `Judged`
RULES = b"composite 1 "  # another number when the same counts give other rows


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A day's rows: of which cells (`digest_cells`; '' where an older program judged it), after which changes of the
    counters, by which set of baselines, between which raw extremes they are scaled, and how many they are."""

    baseline_id: int
    cells: str
    changes: str
    low: float
    high: float
    cell_count: int


def digest_cells(cells: NDArray[np.int64], types: Sequence[str]) -> str:
    """A name for these cells, ascending, with the counts of these types of event."""
    content = RULES + ",".join(sorted(types)).encode() + b" " + cells.astype("<i8").tobytes()
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def fetch_judged(connection: sa.Connection, resolution: int, days: Sequence[str]) -> dict[str, Judged]:
    """Those of consecutive days that have rows."""
    rows = raw_connection(connection).execute(
        f"SELECT day, {_COLUMNS} FROM judged_days WHERE resolution = ? AND day BETWEEN ? AND ?",
        (resolution, days[0], days[-1]),
    )
    return {row[0]: Judged(**dict(zip(Judged.__struct_fields__, row[1:], strict=True))) for row in rows}


def write_judged(
    connection: sa.Connection, run_id: int, resolution: int, day: str, *, now: Judged, before: Judged | None
) -> bool:
    """The day's rows are these, from this transaction on; whether its scores are scaled anew by that."""
    low, high = _moved(before, now)
    scaled, rev, raw = bool(now.cell_count and (low or high)), 0, raw_connection(connection)
    if scaled:
        (last,) = raw.execute("SELECT max(ordinal) FROM h3_cells WHERE resolution = ?", (resolution,)).fetchone()
        rev = take_revisions(connection, last + 1)
        announce(connection, Slice(kind="risk_scores", resolution=resolution, day=day), rev + last)
    raw.execute(
        f"INSERT INTO judged_days (resolution, day, {_COLUMNS}, low_rev, high_rev, run_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        f"({_COLUMNS}) = ({', '.join(f'excluded.{name}' for name in Judged.__struct_fields__)}), "
        "low_rev = max(low_rev, excluded.low_rev), high_rev = max(high_rev, excluded.high_rev), "
        "run_id = max(run_id, excluded.run_id)",
        (resolution, day, *msgspec.structs.astuple(now), rev * low, rev * high, run_id * scaled),
    )
    raw.execute("DELETE FROM legacy_scores WHERE resolution = ? AND day = ?", (resolution, day))
    return scaled


def find_lost(connection: sa.Connection, run: Run) -> set[str]:
    """Days of a run's interval that do not have as many rows as they were given."""
    rows = raw_connection(connection).execute(
        "SELECT j.day FROM judged_days AS j WHERE j.resolution = ? AND j.day BETWEEN ? AND ? AND j.cell_count <> "
        "(SELECT count(*) FROM cell_aggregates AS a WHERE a.resolution = j.resolution AND a.day = j.day)",
        (run.resolution, run.from_day.isoformat(), run.to_day.isoformat()),
    )
    return {row[0] for row in rows}


def _moved(before: Judged | None, now: Judged) -> tuple[bool, bool]:
    """Whether cells at the lowest, and whether those at the highest raw score may have another score by that.

    The highest has 100, but 0 where it is the lowest too.
    """
    if before is None or not before.cells:
        return True, True
    flat = (before.low == before.high) != (now.low == now.high)
    return before.low != now.low, before.high != now.high or flat

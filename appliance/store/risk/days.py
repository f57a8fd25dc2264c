"""Which of a day's rows a run has to write: all that differ, none of a day that is known to stand, and few in between.

Rows are those of counts; what follows from them and from how a day is judged (`risk_scores`, `anomaly_flags`) is not
written. Three cases. What the day's rows were made from is what the run would make them from: none. What they were made
from is known, it being the counts of now or those kept before: the rows that differ follow from that. Anything else:
row is compared with row.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from appliance.aggregate.days import LOOKBACK_DAYS
from appliance.model.change import Slice
from appliance.score.composite import Baseline, DayScore, score_day
from appliance.store.revisions import announce, last_revision
from appliance.store.risk.judged import Judged, write_judged
from appliance.store.risk.rows import Row, compare_rows, write_rows

UNWATCHED = ""  # the changes of a day of which nobody notes when its counts change
FEW = 200  # a day that is only to be pointed elsewhere counts as so many rows


class OtherCells(msgspec.Struct, frozen=True, kw_only=True):
    """How the cells of a run before differ from this one's.

    came  (c,) of the run's cells those that the other had not
    gone  cells that only the other had, ascending
    """

    came: NDArray[np.bool_]
    gone: list[int]


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """A run's counts, what its scores are measured by, and what is known of the rows that are there.

    days      the d days of the interval, ISO
    cells     (c,) ascending
    counts    (c, 7 + d) int32, of seven days before the interval too
    digest    of the run's cells
    changes   which changes of the counts each day's rows hold, or `UNWATCHED`
    before    likewise, as they were at an earlier moment
    differs   (7 + d, c) where these two do
    held      which changes those hold, by day
    known     digest of the cells of a run before -> how they differ
    lost      days that do not have as many rows as they were given
    """

    run_id: int
    resolution: int
    days: Sequence[str]
    cells: NDArray[np.int64]
    counts: NDArray[np.int32]
    measure: Baseline
    digest: str
    changes: Sequence[str]
    before: NDArray[np.int32]
    differs: NDArray[np.bool_]
    held: Sequence[str]
    known: dict[str, OtherCells]
    lost: set[str]


def compare_cells(cells: NDArray[np.int64], before: NDArray[np.int64]) -> OtherCells:
    """How a run's cells differ from those of one before; both ascending."""
    return OtherCells(
        came=np.isin(cells, before, assume_unique=True, invert=True),
        gone=np.setdiff1d(before, cells, assume_unique=True).tolist(),
    )


def where_different(counts: NDArray[np.int32], before: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Of (c, d) counts, at two moments, where they differ; (d, c), for it is asked day by day."""
    return np.ascontiguousarray((counts != before).T)


def wanted(found: Findings, column: int, baseline_id: int) -> Judged:
    """What the day's rows are to be made from."""
    return Judged(
        baseline_id=baseline_id,
        cells=found.digest,
        changes=found.changes[column],
        low=found.measure.low,
        high=found.measure.high,
        cell_count=len(found.cells),
    )


def weigh_day(found: Findings, column: int, judged: Judged | None, baseline_id: int) -> int:
    """About how many rows a day costs; 0 where it stands."""
    if judged is None or not _stands(found, column, judged):
        return max(FEW, len(found.cells))
    if judged == wanted(found, column, baseline_id):
        return 0
    return max(FEW, int(np.count_nonzero(_touched(found, column, judged))))


def write_findings(
    connection: sa.Connection, found: Findings, column: int, judged: Judged | None, baseline_id: int
) -> int:
    """Make the tables say of a day what the run found; how many of its counts and scores are others by that."""
    day, now = found.days[column], wanted(found, column, baseline_id)
    if judged is None or not _stands(found, column, judged):
        every = np.ones(len(found.cells), dtype=bool)
        rows = _rows(found.cells, _score(found.counts, column), every)
        counts = compare_rows(connection, found.run_id, found.resolution, day, rows)
    else:
        counts = 0 if _same_rows(judged, now) else _follow(connection, found, column, judged)
    if judged is None or judged.baseline_id != baseline_id:
        flags = Slice(kind="anomaly_flags", resolution=found.resolution, day=day)
        announce(connection, flags, last_revision(connection))
    scaled = write_judged(connection, found.run_id, found.resolution, day, now=now, before=judged)
    return counts + (max(counts, len(found.cells)) if scaled else counts)


def _stands(found: Findings, column: int, judged: Judged) -> bool:
    """Whether the rows of the day follow from counts that are known, those of now or the ones before."""
    cells_known = judged.cells == found.digest or judged.cells in found.known
    counts_known = judged.changes in (found.changes[column], found.held[column])
    lost = found.days[column] in found.lost
    return judged.changes != UNWATCHED and counts_known and cells_known and not lost


def _same_rows(judged: Judged, now: Judged) -> bool:
    """Whether the same counts of the same cells stand there, however they are judged."""
    return (judged.cells, judged.changes) == (now.cells, now.changes)


def _follow(connection: sa.Connection, found: Findings, column: int, judged: Judged) -> int:
    """Write rows of cells that came or went, or whose counts have changed; how many."""
    came = _came(found, judged)
    gone = [] if judged.cells == found.digest else found.known[judged.cells].gone
    touched = np.flatnonzero(_touched(found, column, judged))
    if not len(touched) and not gone:
        return 0
    score, old = (_score(counts[touched], column) for counts in (found.counts, found.before))
    changed = came[touched] | (old.event_count != score.event_count)
    changed |= (old.rolling_7d_avg != score.rolling_7d_avg) | (old.growth_rate != score.growth_rate)
    rows = _rows(found.cells[touched], score, changed)
    return write_rows(connection, found.run_id, found.resolution, found.days[column], rows, gone)


def _touched(found: Findings, column: int, judged: Judged) -> NDArray[np.bool_]:
    """Cells whose rows may be others than those that stand: they came, or one of the day's counts has changed."""
    came = _came(found, judged)
    if judged.changes == found.changes[column]:
        return came
    different: NDArray[np.bool_] = np.any(found.differs[column : column + LOOKBACK_DAYS + 1], axis=0)
    return came | different


def _came(found: Findings, judged: Judged) -> NDArray[np.bool_]:
    if judged.cells == found.digest:
        return np.zeros(len(found.cells), dtype=bool)
    return found.known[judged.cells].came


def _score(counts: NDArray[np.int32], column: int) -> DayScore:
    return score_day(counts[:, column : column + LOOKBACK_DAYS + 1])


def _rows(cells: NDArray[np.int64], score: DayScore, which: NDArray[np.bool_]) -> list[tuple[int, Row]]:
    arrays = (score.event_count, score.rolling_7d_avg, score.growth_rate)
    rows = zip(*(array[which].tolist() for array in arrays), strict=True)
    return list(zip(cells[which].tolist(), rows, strict=True))

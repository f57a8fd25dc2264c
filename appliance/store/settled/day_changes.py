"""What was counted on a day since its sum was packed (`day_counts`): late events cost a run what they are, and not the
reading of every counter of their days.

Each transaction that counts leaves a row for a day whose sum over all types is packed. A row names the change before
its own, so a chain of them is known to be whole; who changes counters and leaves none breaks the chain, and the day is
summed anew. Called by `tally` and `day_counts`.
"""

import itertools
from collections.abc import Iterable, Sequence
from datetime import date
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np

from appliance.aggregate.days import DaySums
from appliance.store.settled.changed_days import note_changed

MAX_CHANGES = 32  # kept a day; with more its chain is begun anew by the next packing

CountRow = tuple[int, str, int, int, str, int]
"""resolution, day, h3_index, hour, event_type, by how much."""


class DayChange(msgspec.Struct, frozen=True, kw_only=True):
    """What one transaction counted on a day."""

    change: int
    previous: int
    by: DaySums


def note_counted(raw: Any, rows: Sequence[CountRow]) -> None:
    """Counters are changed by these rows, sorted, in this transaction."""
    days = {(row[0], row[1]) for row in rows}
    packed = days & set(raw.execute("SELECT resolution, day FROM packed_days WHERE types = ''"))
    before = {key: _last_change(raw, *key) for key in packed}
    change = note_changed(raw, days)
    if packed:
        _keep(raw, [row for row in rows if (row[0], row[1]) in packed], change, before)


def fetch_day_changes(raw: Any, resolution: int, first: date, last: date) -> dict[str, list[DayChange]]:
    """The changes that are kept of each day that has any, in order; both days inclusive."""
    rows = raw.execute(
        "SELECT day, change, previous, cells, counts FROM day_changes WHERE resolution = ? AND day BETWEEN ? AND ? "
        "ORDER BY day, change",
        (resolution, first.isoformat(), last.isoformat()),
    )
    return {
        day: [DayChange(change=change, previous=previous, by=unpack(*blobs)) for _, change, previous, *blobs in group]
        for day, group in itertools.groupby(rows, key=itemgetter(0))
    }


def follow(sums: DaySums, held: int, changes: Iterable[DayChange], to: int) -> DaySums | None:
    """The sums of change `held` as they are at change `to`; None where what came between is not all known."""
    parts, at = [sums], held
    for one in changes:
        if one.change <= held:
            continue
        if one.previous != at:
            return None
        parts.append(one.by)
        at = one.change
    if at != to:
        return None
    cells, place = np.unique(np.concatenate([part.cells for part in parts]), return_inverse=True)
    counts = np.zeros(len(cells), dtype=np.int32)
    np.add.at(counts, place, np.concatenate([part.counts for part in parts]))
    return DaySums(cells=cells[counts != 0], counts=counts[counts != 0])


def forget_day_changes(raw: Any, days: Iterable[tuple[int, str, int]]) -> None:
    """The sums of these (resolution, day) are packed as they were at this change."""
    raw.executemany("DELETE FROM day_changes WHERE resolution = ? AND day = ? AND change <= ?", days)


def pack(sums: DaySums) -> tuple[bytes, bytes]:
    """Cells and counts as they are stored."""
    return sums.cells.astype("<i8").tobytes(), sums.counts.astype("<i4").tobytes()


def unpack(cells: bytes, counts: bytes) -> DaySums:
    """Sums as they were stored."""
    return DaySums(cells=np.frombuffer(cells, "<i8"), counts=np.frombuffer(counts, "<i4"))


def _last_change(raw: Any, resolution: int, day: str) -> int:
    row = raw.execute("SELECT change FROM changed_days WHERE resolution = ? AND day = ?", (resolution, day)).fetchone()
    return row[0] if row else 0


def _keep(raw: Any, rows: Sequence[CountRow], change: int, before: dict[tuple[int, str], int]) -> None:
    kept = []
    for key, group in itertools.groupby(rows, key=itemgetter(0, 1)):
        by_cell = [
            (cell, sum(row[5] for row in of_cell)) for cell, of_cell in itertools.groupby(group, key=itemgetter(2))
        ]
        cells, counts = np.array(by_cell, dtype=np.int64).T
        kept.append((*key, change, before[key], *pack(DaySums(cells=cells, counts=counts))))
    raw.executemany("INSERT INTO day_changes VALUES (?, ?, ?, ?, ?, ?)", kept)
    raw.execute(
        "DELETE FROM day_changes WHERE (resolution, day) IN "
        "(SELECT resolution, day FROM day_changes GROUP BY resolution, day HAVING count(*) > ?)",
        (MAX_CHANGES,),
    )

"""Writing what a run counted on a day: only what changed, in short transactions, each row with a revision of its own.

`cell_aggregates` is written a few days at a time, so that ingest never waits long; a run that is killed half-way is
simply run again. The composite profile's `risk_scores` and `anomaly_flags` are what follows from the counts, the
extremes in `judged_days` and `baselines`: what changes a row of counts changes theirs. What changed is named in the
outbox by slice.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from appliance.model.change import ChangeKind, Slice
from appliance.model.risk import PROFILE
from appliance.store.engine import raw_connection
from appliance.store.revisions import announce, take_revisions

Row = tuple[int, float, float]
"""event_count, rolling_7d_avg, growth_rate."""
_FOLLOWING: dict[ChangeKind, str] = {"cell_aggregates": "", "risk_scores": PROFILE, "anomaly_flags": ""}
"""What a row of counts is a row of, and of which profile there."""


def compare_rows(
    connection: sa.Connection, run_id: int, resolution: int, day: str, found: Sequence[tuple[int, Row]]
) -> int:
    """Make the counts of a day, as they stand, those of these cells; how many rows differed, and are written."""
    stored = {
        row[0]: row[1:]
        for row in raw_connection(connection).execute(
            "SELECT h3_index, event_count, rolling_7d_avg, growth_rate FROM cell_aggregates "
            "WHERE resolution = ? AND day = ?",
            (resolution, day),
        )
    }
    changed = [(cell, row) for cell, row in found if stored.get(cell) != row]
    gone = sorted(stored.keys() - {cell for cell, _ in found})
    return write_rows(connection, run_id, resolution, day, changed, gone)


def write_rows(
    connection: sa.Connection,
    run_id: int,
    resolution: int,
    day: str,
    changed: Sequence[tuple[int, Row]],
    gone: Sequence[int],
) -> int:
    """Write the counts of a day's cells, ascending, and remove those of other cells; how many of both."""
    if not changed and not gone:
        return 0
    raw = raw_connection(connection)
    rev = take_revisions(connection, len(changed) + len(gone))
    raw.executemany(
        "REPLACE INTO cell_aggregates (resolution, day, h3_index, event_count, rolling_7d_avg, growth_rate, rev, "
        "run_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(resolution, day, cell, *row, rev + n, run_id) for n, (cell, row) in enumerate(changed)],
    )
    raw.executemany(
        "DELETE FROM cell_aggregates WHERE resolution = ? AND day = ? AND h3_index = ?",
        [(resolution, day, cell) for cell in gone],
    )
    for kind, profile in _FOLLOWING.items():
        at = Slice(kind=kind, resolution=resolution, day=day)
        bury(connection, at, gone, rev + len(changed), profile)
        announce(connection, at, rev + len(changed) + len(gone) - 1)
    return len(changed) + len(gone)


def bury(connection: sa.Connection, at: Slice, gone: Sequence[int], rev: int, profile: str) -> None:
    """Leave tombstones, from this revision on, of rows that are there no more, where the centre may have them.

    profile  whose rows they were; '' where the table has none
    """
    if not gone:
        return
    raw = raw_connection(connection)
    told = raw.execute(
        "SELECT 1 FROM outbox WHERE kind = ? AND resolution = ? AND day = ? AND acked_rev > 0 "
        "UNION SELECT 1 FROM sync_state WHERE flight_kind = ? AND flight_resolution = ? AND flight_day = ?",
        (at.kind, at.resolution, at.day) * 2,
    ).fetchone()
    if told:
        raw.executemany(
            "REPLACE INTO tombstones (kind, resolution, day, h3_index, profile, rev) VALUES (?, ?, ?, ?, ?, ?)",
            [(at.kind, at.resolution, at.day, cell, profile, rev + n) for n, cell in enumerate(gone)],
        )

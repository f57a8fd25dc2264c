"""Writing what a risk run found: only what changed, in short transactions, each change with a revision of its own.

`cell_aggregates` and `risk_scores` are written a few days at a time, so that ingest never waits long; a run that is
killed half-way is simply run again. What changed is named in the outbox by slice. `anomaly_flags` is what follows from
the counts and `baselines`; what a day's rows were made from is told by `judged`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.model.change import ChangeKind, Slice
from appliance.model.risk import PROFILE
from appliance.spatial.cells import centre
from appliance.spatial.geometry import cell_polygons, multipolygon_blob
from appliance.store.engine import raw_connection
from appliance.store.revisions import announce, take_revisions

Row = tuple[Any, ...]


class DayRows(msgspec.Struct, frozen=True, kw_only=True):
    """A run's findings of one day by table: cell -> values in the order of `VALUES`."""

    resolution: int
    day: str
    rows: Mapping[ChangeKind, Mapping[int, Row]]


VALUES: dict[ChangeKind, tuple[str, ...]] = {
    "cell_aggregates": ("event_count", "rolling_7d_avg", "growth_rate"),
    "risk_scores": ("profile", "risk_score", "risk_level"),
}


def ensure_cells(connection: sa.Connection, resolution: int, cells: Sequence[int]) -> int:
    """Add cells that are new to the grid, with geometry and the next ordinals; how many were new."""
    raw = raw_connection(connection)
    known = {row[0] for row in raw.execute("SELECT h3_index FROM h3_cells WHERE resolution = ?", (resolution,))}
    fresh = [cell for cell in cells if cell not in known]
    if not fresh:
        return 0
    rev = take_revisions(connection, len(fresh))
    rows = [
        (cell, resolution, len(known) + n, *centre(cell), rev + n, multipolygon_blob(cell_polygons(cell)))
        for n, cell in enumerate(fresh)
    ]
    raw.executemany(
        "INSERT INTO h3_cells (h3_index, resolution, ordinal, centre_longitude, centre_latitude, rev, geom) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    announce(connection, Slice(kind="h3_cells", resolution=resolution, day=""), rev + len(fresh) - 1)
    return len(fresh)


def write_day(connection: sa.Connection, run_id: int, found: DayRows) -> int:
    """Make the tables say of one day what a run found, touching only rows whose values differ; how many did."""
    return sum(
        _write_slice(connection, run_id, Slice(kind=kind, resolution=found.resolution, day=found.day), rows)
        for kind, rows in found.rows.items()
    )


def _write_slice(connection: sa.Connection, run_id: int, at: Slice, found: Mapping[int, Row]) -> int:
    values = VALUES[at.kind]
    raw = raw_connection(connection)
    stored = {
        row[0]: row[1:]
        for row in raw.execute(
            f"SELECT h3_index, {', '.join(values)} FROM {at.kind} WHERE resolution = ? AND day = ? {_of_profile(at)}",
            (at.resolution, at.day),
        )
    }
    changed = [(cell, row) for cell, row in found.items() if stored.get(cell) != row]
    return write_rows(connection, run_id, at, changed, sorted(stored.keys() - found.keys()))


def write_rows(
    connection: sa.Connection, run_id: int, at: Slice, changed: Sequence[tuple[int, Row]], gone: Sequence[int]
) -> int:
    """Write rows of a slice, (cell, values) ascending, and remove those of other cells; how many of both."""
    if not changed and not gone:
        return 0
    values, raw = VALUES[at.kind], raw_connection(connection)
    rev = take_revisions(connection, len(changed) + len(gone))
    raw.executemany(
        f"REPLACE INTO {at.kind} (resolution, day, h3_index, {', '.join(values)}, rev, run_id) "
        f"VALUES (?, ?, ?, {', '.join('?' * len(values))}, ?, ?)",
        [(at.resolution, at.day, cell, *row, rev + n, run_id) for n, (cell, row) in enumerate(changed)],
    )
    _remove(connection, at, gone, rev + len(changed))
    announce(connection, at, rev + len(changed) + len(gone) - 1)
    if at.kind == "cell_aggregates":  # from which anomaly_flags follows
        flags = msgspec.structs.replace(at, kind="anomaly_flags")
        _bury(connection, flags, gone, rev + len(changed))
        announce(connection, flags, rev + len(changed) + len(gone) - 1)
    return len(changed) + len(gone)


def _remove(connection: sa.Connection, at: Slice, gone: Sequence[int], rev: int) -> None:
    profile = _of_profile(at)
    raw_connection(connection).executemany(
        f"DELETE FROM {at.kind} WHERE resolution = ? AND day = ? AND h3_index = ? {profile}",
        [(at.resolution, at.day, cell) for cell in gone],
    )
    _bury(connection, at, gone, rev)


def _bury(connection: sa.Connection, at: Slice, gone: Sequence[int], rev: int) -> None:
    """Leave tombstones of rows that no longer belong to the run, where the centre may have them."""
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
            "REPLACE INTO tombstones (kind, resolution, day, h3_index, rev) VALUES (?, ?, ?, ?, ?)",
            [(at.kind, at.resolution, at.day, cell, rev + n) for n, cell in enumerate(gone)],
        )


def _of_profile(at: Slice) -> str:
    return f"AND profile = '{PROFILE}'" if at.kind == "risk_scores" else ""

"""Writing what a run found of a profile: only what changed, in short transactions, each with a revision of its own.

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
    """A run's findings of one day by table: cell -> values in the order of `VALUES`.

    Of `risk_scores` only rows of `profile` are looked at, and all that are found must be of it. A day with too many
    cells for one transaction is written in parts, each the cells `between` two numbers, both inclusive.
    """

    resolution: int
    day: str
    rows: Mapping[ChangeKind, Mapping[int, Row]]
    profile: str = PROFILE
    between: tuple[int, int] = (0, 2**63 - 1)


VALUES: dict[ChangeKind, tuple[str, ...]] = {
    "cell_aggregates": ("event_count", "rolling_7d_avg", "growth_rate"),
    "risk_scores": ("profile", "risk_score", "risk_level"),
}


def ensure_cells(connection: sa.Connection, resolution: int, cells: Sequence[int]) -> int:
    """Add cells that are new to the grid, with geometry and the next ordinals; how many were new."""
    raw, fresh = raw_connection(connection), fetch_new_cells(connection, resolution, cells)
    if not fresh:
        return 0
    count: int = raw.execute("SELECT count(*) FROM h3_cells WHERE resolution = ?", (resolution,)).fetchone()[0]
    rev = take_revisions(connection, len(fresh))
    rows = [
        (cell, resolution, count + n, *centre(cell), rev + n, multipolygon_blob(cell_polygons(cell)))
        for n, cell in enumerate(fresh)
    ]
    raw.executemany(
        "INSERT INTO h3_cells (h3_index, resolution, ordinal, centre_longitude, centre_latitude, rev, geom) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    announce(connection, Slice(kind="h3_cells", resolution=resolution, day=""), rev + len(fresh) - 1)
    return len(fresh)


def fetch_new_cells(connection: sa.Connection, resolution: int, cells: Sequence[int]) -> list[int]:
    """Those of these cells that are not in the grid yet."""
    known = {
        row[0]
        for row in raw_connection(connection).execute(
            "SELECT h3_index FROM h3_cells WHERE resolution = ?", (resolution,)
        )
    }
    return [cell for cell in cells if cell not in known]


def write_day(connection: sa.Connection, run_id: int, found: DayRows) -> int:
    """Make the tables say of one day what a run found, touching only rows whose values differ; how many did."""
    return sum(
        _write_slice(
            connection,
            run_id,
            Slice(kind=kind, resolution=found.resolution, day=found.day),
            rows,
            _Own(profile=found.profile if kind == "risk_scores" else "", between=found.between),
        )
        for kind, rows in found.rows.items()
    )


def _write_slice(connection: sa.Connection, run_id: int, at: Slice, found: Mapping[int, Row], own: "_Own") -> int:
    values = VALUES[at.kind]
    raw = raw_connection(connection)
    where, key = own.rows_of(at)
    stored = {
        row[0]: row[1:]
        for row in raw.execute(
            f"SELECT h3_index, {', '.join(values)} FROM {at.kind} WHERE {where}",
            key,
        )
    }
    changed = [(cell, row) for cell, row in found.items() if stored.get(cell) != row]
    return write_rows(connection, run_id, at, changed, sorted(stored.keys() - found.keys()), profile=own.profile)


def write_rows(
    connection: sa.Connection,
    run_id: int,
    at: Slice,
    changed: Sequence[tuple[int, Row]],
    gone: Sequence[int],
    *,
    profile: str,
) -> int:
    """Write rows of a slice, (cell, values) ascending, and remove those of other cells; how many of both.

    profile  whose rows they are; '' where the table has none
    """
    if not changed and not gone:
        return 0
    values, raw = VALUES[at.kind], raw_connection(connection)
    rev = take_revisions(connection, len(changed) + len(gone))
    raw.executemany(
        f"REPLACE INTO {at.kind} (resolution, day, h3_index, {', '.join(values)}, rev, run_id) "
        f"VALUES (?, ?, ?, {', '.join('?' * len(values))}, ?, ?)",
        [(at.resolution, at.day, cell, *row, rev + n, run_id) for n, (cell, row) in enumerate(changed)],
    )
    _remove(connection, at, gone, rev + len(changed), profile)
    announce(connection, at, rev + len(changed) + len(gone) - 1)
    if at.kind == "cell_aggregates":  # from which anomaly_flags follows
        flags = msgspec.structs.replace(at, kind="anomaly_flags")
        _bury(connection, flags, gone, rev + len(changed), "")
        announce(connection, flags, rev + len(changed) + len(gone) - 1)
    return len(changed) + len(gone)


class _Own(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a slice a run may touch; an empty profile: its table has none."""

    profile: str
    between: tuple[int, int]

    def rows_of(self, at: Slice) -> tuple[str, Row]:
        """The condition on them, and its parameters."""
        where, key = "resolution = ? AND day = ? AND h3_index BETWEEN ? AND ?", (at.resolution, at.day, *self.between)
        return (f"{where} AND profile = ?", (*key, self.profile)) if self.profile else (where, key)


def _remove(connection: sa.Connection, at: Slice, gone: Sequence[int], rev: int, profile: str) -> None:
    condition, key = ("AND profile = ?", (profile,)) if profile else ("", ())
    raw_connection(connection).executemany(
        f"DELETE FROM {at.kind} WHERE resolution = ? AND day = ? AND h3_index = ? {condition}",
        [(at.resolution, at.day, cell, *key) for cell in gone],
    )
    _bury(connection, at, gone, rev, profile)


def _bury(connection: sa.Connection, at: Slice, gone: Sequence[int], rev: int, profile: str) -> None:
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
            "REPLACE INTO tombstones (kind, resolution, day, h3_index, profile, rev) VALUES (?, ?, ?, ?, ?, ?)",
            [(at.kind, at.resolution, at.day, cell, profile, rev + n) for n, cell in enumerate(gone)],
        )

"""The risk of critical assets by day: what it is computed from, and the rows that changed.

What is expected comes from the forecast of an asset's cells or from the classic run's counts of them; what was observed
in its footprint is looked for exactly, among the events, where the counts say that there is something new. Called by
`job.asset_risk`, and by `serve` and the command line to read.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.model.asset import AssetRisk, AssetSettings
from appliance.spatial.cells import resolution_of
from appliance.spatial.footprint import footprint_of
from appliance.spatial.shape import Footprint
from appliance.store.asset.registry import DIGITS, RISK_COLUMNS, no_asset, risk_of
from appliance.store.coverage.rows import fetch_covered
from appliance.store.engine import raw_connection
from appliance.store.near.search import Window, find_events
from appliance.store.near.segments import FOREVER
from appliance.store.totals import add_totals

MAX_DAYS_KEPT = 800  # of one asset
MAX_OBSERVED = 5_000  # events looked at for one asset at once; days with more say so
_NEWEST = (
    "(SELECT coalesce(max(run_id), 0) FROM runs WHERE state = 'done') + "
    "(SELECT coalesce(max(run_id), 0) FROM forecast_runs)"
)
_WRITTEN = f"{RISK_COLUMNS}, cell_events"

Row = tuple[Any, ...]
"""A row of `asset_risk` from `day` to `cell_events`, without asset and rev."""
ROW_EXPECTED, ROW_SCORE, ROW_BASIS, ROW_OBSERVED, ROW_WHOLE, ROW_CELL_EVENTS = (
    _WRITTEN.split(", ").index(name)
    for name in ("expected_events", "risk_score", "basis", "observed_events", "observed_whole", "cell_events")
)
Known = Callable[[str, int], bool]
"""Whether a cell was observed on a day (ISO)."""


class AssetTask(msgspec.Struct, frozen=True, kw_only=True):
    """An asset as its risk is computed; `cells` is empty until they are found."""

    asset_id: str
    name: str
    kind: str
    criticality: int
    settings: AssetSettings
    alerting: bool
    rev: int
    computed_rev: int
    computed_day: str
    footprint: Footprint
    cells: dict[int, float]


def is_due(connection: sa.Connection) -> bool:
    """Whether there is an asset that has changed, or a finished run or a forecast that its risk does not know."""
    row = (
        raw_connection(connection)
        .execute(
            "SELECT EXISTS (SELECT 1 FROM assets WHERE rev > computed_rev) OR (EXISTS (SELECT 1 FROM assets) "
            f"AND (SELECT run_id FROM asset_marks) <> ({_NEWEST}))"
        )
        .fetchone()
    )
    return bool(row[0])


def fetch_last_run(connection: sa.Connection) -> int:
    """A number that rises with each finished run and each forecast; 0 where there was neither."""
    row = raw_connection(connection).execute(f"SELECT {_NEWEST}")
    return int(row.fetchone()[0])


def mark_run(connection: sa.Connection, run_id: int) -> None:
    """The risk of every asset is computed after this run."""
    raw_connection(connection).execute("UPDATE asset_marks SET run_id = ?", (run_id,))


def fetch_tasks(connection: sa.Connection) -> list[AssetTask]:
    """Every asset, by its key."""
    raw = raw_connection(connection)
    cells: dict[str, dict[int, float]] = {}
    for key, cell, share in raw.execute("SELECT asset_id, h3_index, share FROM asset_cells"):
        cells.setdefault(key, {})[cell] = share
    rows = raw.execute(
        "SELECT asset_id, name, kind, criticality, settings_json, alerting, rev, computed_rev, computed_day, buffer_m, "
        f"AsGeoJSON(geom, {DIGITS}) FROM assets ORDER BY asset_id"
    )
    return [
        AssetTask(
            asset_id=row[0],
            name=row[1],
            kind=row[2],
            criticality=row[3],
            settings=msgspec.json.decode(row[4], type=AssetSettings),
            alerting=bool(row[5]),
            rev=row[6],
            computed_rev=row[7],
            computed_day=row[8],
            footprint=footprint_of(msgspec.json.decode(row[10]), row[9]),
            cells=cells.get(row[0], {}),
        )
        for row in rows
    ]


def write_cells(connection: sa.Connection, asset_id: str, shares: Mapping[int, float]) -> None:
    """The cells of an asset's footprint, with the part of each that lies in it."""
    raw = raw_connection(connection)
    raw.execute("DELETE FROM asset_cells WHERE asset_id = ?", (asset_id,))
    raw.executemany(
        "INSERT INTO asset_cells (asset_id, h3_index, share) VALUES (?, ?, ?)",
        [(asset_id, cell, share) for cell, share in shares.items()],
    )


def fetch_cell_counts(
    connection: sa.Connection, resolution: int, cells: Sequence[int], days: Sequence[str]
) -> dict[tuple[str, int], int]:
    """(day, cell) -> events as the classic run counted them, of those that it has."""
    rows = raw_connection(connection).execute(
        "SELECT a.day, a.h3_index, a.event_count FROM json_each(?) AS d CROSS JOIN json_each(?) AS c "
        "CROSS JOIN cell_aggregates AS a ON a.resolution = ? AND a.day = d.value AND a.h3_index = c.value",
        (_json(days), _json(cells), resolution),
    )
    return {(day, cell): count for day, cell, count in rows}


def fetch_known(connection: sa.Connection, first: date, last: date, resolutions: Iterable[int]) -> Known:
    """Whether a cell of one of these resolutions was observed on one of these days, both inclusive."""
    covered = {resolution: fetch_covered(connection, resolution, first, last) for resolution in resolutions}
    return lambda day, cell: covered[resolution_of(cell)].of(day, cell) == "observed"


def fetch_observed(
    connection: sa.Connection, footprint: Footprint, *, from_us: int, to_us: int, types: Sequence[str]
) -> tuple[list[int], bool]:
    """When events came about in a footprint within [from_us, to_us), newest first; whether these are all.

    types  empty means all
    """
    window = Window(from_us=from_us, before=(to_us, -FOREVER))
    rows, _ = find_events(
        connection, footprint, window, columns="e.event_timestamp, e.event_type", limit=MAX_OBSERVED + 1
    )
    found = [us for us, event_type in rows[:MAX_OBSERVED] if not types or event_type in types]
    return found, len(rows) <= MAX_OBSERVED


def fetch_rows(connection: sa.Connection, asset_id: str, first: date, last: date) -> dict[str, Row]:
    """Day -> row of an inclusive range of days."""
    rows = raw_connection(connection).execute(
        f"SELECT {_WRITTEN} FROM asset_risk WHERE asset_id = ? AND day BETWEEN ? AND ?",
        (asset_id, first.isoformat(), last.isoformat()),
    )
    return {row[0]: row for row in rows}


def write_rows(connection: sa.Connection, asset_id: str, rows: Sequence[Row]) -> None:
    """Write rows that changed, each with a revision of its own; what goes beyond `MAX_DAYS_KEPT` is counted."""
    if not rows:
        return
    raw = raw_connection(connection)
    rev = raw.execute("UPDATE site SET rev = rev + ? RETURNING rev", (len(rows),)).fetchone()[0] - len(rows) + 1
    marks = ", ".join("?" * (len(rows[0]) + 2))
    raw.executemany(
        f"REPLACE INTO asset_risk (asset_id, {_WRITTEN}, rev) VALUES ({marks})",
        [(asset_id, *row, rev + n) for n, row in enumerate(rows)],
    )
    gone = raw.execute(
        "DELETE FROM asset_risk WHERE asset_id = ?1 AND day <= "
        "(SELECT day FROM asset_risk WHERE asset_id = ?1 ORDER BY day DESC LIMIT 1 OFFSET ?2)",
        (asset_id, MAX_DAYS_KEPT),
    ).rowcount
    add_totals(connection, {("asset_days_let_go", ""): gone})


def finish_task(connection: sa.Connection, task: AssetTask, *, alerting: bool, computed_day: str) -> bool:
    """Note that an asset's risk is computed; False where a person has changed or removed it meanwhile."""
    cursor = raw_connection(connection).execute(
        "UPDATE assets SET alerting = ?, computed_rev = ?, computed_day = ? WHERE asset_id = ? AND rev = ?",
        (alerting, task.rev, computed_day, task.asset_id, task.rev),
    )
    return bool(cursor.rowcount)


def fetch_asset_risk(connection: sa.Connection, asset_id: str, *, from_day: date, to_day: date) -> list[AssetRisk]:
    """An asset's rows of an inclusive range of days, ascending.

    raises  NotFound  there is no such asset
    """
    raw = raw_connection(connection)
    if not raw.execute("SELECT 1 FROM assets WHERE asset_id = ?", (asset_id,)).fetchone():
        raise no_asset(asset_id)
    rows = raw.execute(
        f"SELECT {RISK_COLUMNS} FROM asset_risk WHERE asset_id = ? AND day BETWEEN ? AND ? ORDER BY day",
        (asset_id, from_day.isoformat(), to_day.isoformat()),
    )
    return [risk_of(row) for row in rows]


def risk_row(risk: AssetRisk, cell_events: int) -> Row:
    """A row as it is written."""
    values: Mapping[str, Any] = msgspec.structs.asdict(risk)
    return (
        risk.day.isoformat(),
        *(int(value) if isinstance(value, bool) else value for name, value in values.items() if name != "day"),
        cell_events,
    )


def _json(values: Sequence[Any]) -> str:
    return msgspec.json.encode(values).decode()

"""Reading the picture of the classic profile: a day's rows, a cell's series, hotspots, what tiles and feeds need.

A cell is `unknown` where nobody watched it (`store.coverage`), and whoever draws it must not draw it as low. A cell
that devices look at and that takes part in no run is told only while it is unknown, with a score and level of None.
"""

import itertools
from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from appliance.coverage.judge import Coverage
from appliance.errors import Corrupt, NotFound
from appliance.model.risk import CALIBRATED, LEVELS
from appliance.score.composite import risk_level
from appliance.spatial.cells import resolution_of, to_hex
from appliance.spatial.geojson import Bounds
from appliance.spatial.mvt import Column
from appliance.store.coverage.rows import Covered, fetch_covered, fetch_covered_ahead
from appliance.store.engine import raw_connection

NO_ROW, UNKNOWN = 255, 254  # bytes of a feed that are not twice a score

_ROW = "a.h3_index, a.day, event_count, rolling_7d_avg, growth_rate, risk_score, risk_level, z_score, flagged"
_UNSCORED = """
SELECT a.h3_index, a.day, 0, NULL, NULL, NULL, NULL, NULL, 0 FROM cell_coverage AS a
WHERE a.coverage = 'unknown' AND NOT EXISTS (
    SELECT 1 FROM cell_aggregates AS n WHERE (n.resolution, n.day, n.h3_index) = (a.resolution, a.day, a.h3_index))
AND a.resolution = ? AND a.day = ?"""
"""Cells of a day that nobody watched and no run scored, in the columns of `_ROW`."""


class RiskRow(msgspec.Struct, frozen=True, kw_only=True):
    """A cell on a day as the API shows it; None where no run has scored it, and it is unknown."""

    h3_index: str
    day: str
    event_count: int
    rolling_7d_avg: float | None
    growth_rate: float | None
    risk_score: float | None
    risk_level: str | None
    z_score: float | None
    flagged: bool
    coverage: Coverage


class RiskPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows by ascending cell."""

    items: list[RiskRow]
    next_cursor: str | None


class Hotspot(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that was high or critical on at least one day of a period."""

    h3_index: str
    longitude: float
    latitude: float
    event_count: int
    mean_risk_score: float
    max_risk_score: float
    risk_level: str
    days_high: int
    days_flagged: int


def fetch_risk(
    connection: sa.Connection, *, day: date, resolution: int, bbox: Bounds | None, after_cell: int, limit: int
) -> RiskPage:
    """One page of a day's rows; `bbox` keeps the cells that touch it."""
    clause, values = _box_clause(bbox)
    at = (resolution, day.isoformat(), after_cell, *values, limit + 1)
    raw = raw_connection(connection)
    rows = raw.execute(
        f"SELECT {_ROW} FROM composite_risk AS a WHERE a.resolution = ? AND a.day = ? AND a.h3_index > ? {clause} "
        "ORDER BY a.h3_index LIMIT ?",
        at,
    ).fetchall()
    rows += raw.execute(f"{_UNSCORED} AND a.h3_index > ? {clause} ORDER BY a.h3_index LIMIT ?", at).fetchall()
    rows.sort()
    coverage = fetch_covered(connection, resolution, day, day)
    return RiskPage(
        items=[_risk_row(row, coverage) for row in rows[:limit]],
        next_cursor=to_hex(rows[limit - 1][0]) if len(rows) > limit else None,
    )


def fetch_calibrated_risk(
    connection: sa.Connection, *, day: date, resolution: int, bbox: Bounds | None, after_cell: int, limit: int
) -> RiskPage:
    """As `fetch_risk` of the calibrated profile; counts and flags of a cell without any are 0.

    The day may be one that is only forecast: it is known if anything was heard in the week before it.
    """
    clause, values = _box_clause(bbox, "s")
    same = "(s.resolution, s.day, s.h3_index)"
    flags = f"FROM anomaly_flags AS f WHERE (f.resolution, f.day, f.h3_index) = {same}"  # a view: joined it is scanned
    rows = (
        raw_connection(connection)
        .execute(
            f"""SELECT s.h3_index, s.day, coalesce(event_count, 0), coalesce(rolling_7d_avg, 0.0),
                coalesce(growth_rate, 0.0), risk_score, risk_level,
                coalesce((SELECT z_score {flags}), 0.0), coalesce((SELECT flagged {flags}), 0)
            FROM forecast_scores AS s LEFT JOIN cell_aggregates AS a ON (a.resolution, a.day, a.h3_index) = {same}
            WHERE s.resolution = ? AND s.day = ? AND s.profile = ? AND s.h3_index > ? {clause}
            ORDER BY s.h3_index LIMIT ?""",
            (resolution, day.isoformat(), CALIBRATED, after_cell, *values, limit + 1),
        )
        .fetchall()
    )
    covered = fetch_covered_ahead(connection, resolution, day)
    return RiskPage(
        items=[_risk_row(row, covered) for row in rows[:limit]],
        next_cursor=to_hex(rows[limit - 1][0]) if len(rows) > limit else None,
    )


def fetch_cell(connection: sa.Connection, cell: int, *, from_day: date, to_day: date) -> list[RiskRow]:
    """A cell's rows, ascending by day.

    raises  NotFound  the cell has never taken part in a run
    """
    raw, resolution = raw_connection(connection), resolution_of(cell)
    known = (
        "SELECT 1 FROM h3_cells WHERE h3_index = ? "
        "UNION ALL SELECT 1 FROM cell_watchers WHERE resolution = ? AND h3_index = ?"
    )
    if not raw.execute(known, (cell, resolution, cell)).fetchone():
        raise NotFound(f"cell {to_hex(cell)}: no event has put it on the map yet, and no device looks at it")
    between = (resolution, from_day.isoformat(), to_day.isoformat(), cell)
    rows = raw.execute(
        f"SELECT {_ROW} FROM composite_risk AS a WHERE a.resolution = ? AND a.day BETWEEN ? AND ? "
        "AND a.h3_index = ? ORDER BY a.day",
        between,
    ).fetchall()
    rows += raw.execute(
        f"{_UNSCORED.replace('a.day = ?', 'a.day BETWEEN ? AND ?')} AND a.h3_index = ?", between
    ).fetchall()
    rows.sort(key=lambda row: row[1])
    coverage = fetch_covered(connection, resolution, from_day, to_day, cell)
    return [_risk_row(row, coverage) for row in rows]


def fetch_hotspots(
    connection: sa.Connection,
    *,
    from_day: date,
    to_day: date,
    resolution: int,
    limit: int,
    also: Collection[int] = (),
) -> list[Hotspot]:
    """The classic hotspots: cells with a day above medium, the highest score first, then the most events.

    also  cells that are told of as well, if they have a row in the period; `limit` counts them too, and below 0
          there is none
    """
    rows = raw_connection(connection).execute(
        """SELECT a.h3_index, c.centre_longitude, c.centre_latitude, sum(event_count), avg(risk_score),
            max(risk_score), risk_level, sum(risk_score > 50.0), sum(flagged)
        FROM composite_risk AS a CROSS JOIN h3_cells AS c ON c.h3_index = a.h3_index
        WHERE a.resolution = ? AND a.day BETWEEN ? AND ?
        GROUP BY a.h3_index HAVING sum(risk_score > 50.0) > 0 OR a.h3_index IN (SELECT value FROM json_each(?))
        ORDER BY max(risk_score) DESC, sum(event_count) DESC, a.h3_index LIMIT ?""",
        (resolution, from_day.isoformat(), to_day.isoformat(), msgspec.json.encode(list(also)).decode(), limit),
    )
    return [Hotspot(**dict(zip(Hotspot.__struct_fields__, (to_hex(row[0]), *row[1:]), strict=True))) for row in rows]


def fetch_scored_days(connection: sa.Connection) -> tuple[date, date] | None:
    """First and last day that has scores, of any resolution; days that are only forecast do not count."""
    row = (
        raw_connection(connection)
        .execute("SELECT min(day), max(day) FROM outbox WHERE kind = 'cell_aggregates'")
        .fetchone()
    )
    return (date.fromisoformat(row[0]), date.fromisoformat(row[1])) if row[0] else None


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of a resolution in the order of their ordinals; `version` changes whenever a cell is added."""

    version: str
    resolution: int
    cells: list[int]
    ordinals: dict[int, int]
    bounds: Bounds | None


def fetch_grid(connection: sa.Connection, resolution: int) -> Grid:
    """The grid of a resolution as it is now."""
    raw = raw_connection(connection)
    rows = raw.execute(
        "SELECT h3_index, centre_longitude, centre_latitude FROM h3_cells WHERE resolution = ? ORDER BY ordinal",
        (resolution,),
    ).fetchall()
    store_id = raw.execute("SELECT store_id FROM site").fetchone()[0]
    bounds = None
    if rows:
        lngs, lats = [row[1] for row in rows], [row[2] for row in rows]
        bounds = (min(lngs), min(lats), max(lngs), max(lats))
    cells = [row[0] for row in rows]
    return Grid(
        version=f"{store_id}-{len(rows)}",
        resolution=resolution,
        cells=cells,
        ordinals={cell: ordinal for ordinal, cell in enumerate(cells)},
        bounds=bounds,
    )


def fetch_feed(
    connection: sa.Connection, *, resolution: int, days: list[date], cells: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Scores and flags of many days as bytes, for the map's playback.

    returns  two (days, cells) uint8 arrays in the order of ordinals: ceil(2 * score), 254 unknown, 255 no row;
             and 0 or 1, 255 no row. Rounding up keeps the bounds of the levels exact: low is byte <= 50.
    """
    scores = np.full((len(days), cells), NO_ROW, dtype=np.uint8)
    flags = np.full((len(days), cells), NO_ROW, dtype=np.uint8)
    row_of = {day.isoformat(): n for n, day in enumerate(days)}
    rows = raw_connection(connection).execute(
        """SELECT a.day, c.ordinal, risk_score, flagged
        FROM composite_risk AS a CROSS JOIN h3_cells AS c ON c.h3_index = a.h3_index
        WHERE a.resolution = ? AND a.day BETWEEN ? AND ? AND c.ordinal < ?""",
        (resolution, days[0].isoformat(), days[-1].isoformat(), cells),
    )
    table = np.array([(row_of[day], ordinal, score, flag) for day, ordinal, score, flag in rows], dtype=np.float64)
    if table.size:
        at = (table[:, 0].astype(np.intp), table[:, 1].astype(np.intp))
        scores[at] = np.ceil(table[:, 2] * 2).astype(np.uint8)
        flags[at] = table[:, 3].astype(np.uint8)
    _mark_unknown(connection, scores, row_of, resolution)
    return scores, flags


def _mark_unknown(
    connection: sa.Connection, scores: NDArray[np.uint8], row_of: dict[str, int], resolution: int
) -> None:
    """Put `UNKNOWN` where nobody watched: a cell by its devices, with a row or without; any other by the site's day."""
    first, last = (date.fromisoformat(day) for day in (min(row_of), max(row_of)))
    covered = fetch_covered(connection, resolution, first, last)
    blind = np.zeros(scores.shape, dtype=np.bool_)
    for day, n in row_of.items():
        blind[n] = (scores[n] != NO_ROW) & (day not in covered.heard)
    ordinals = raw_connection(connection).execute(
        "SELECT h3_index, ordinal FROM h3_cells WHERE resolution = ? AND ordinal < ?", (resolution, scores.shape[1])
    )
    at = dict(ordinals) if covered.cells else {}
    for (day, cell), coverage in covered.cells.items():
        if cell in at:
            blind[row_of[day], at[cell]] = coverage == "unknown"
    scores[blind] = UNKNOWN


class DayPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A whole day of a resolution by columns, as the tile encoder takes it; cells ascending."""

    cells: list[int]
    columns: dict[str, Column]


def fetch_day_picture(connection: sa.Connection, *, day: date, resolution: int) -> DayPicture:
    """Every cell's row of a day.

    raises  Corrupt  the day has not as many rows as it was given, or a cell of it has no baseline
    """
    raw, at = raw_connection(connection), (resolution, day.isoformat())
    found = raw.execute(
        "SELECT h3_index, event_count, rolling_7d_avg, growth_rate, risk_score, z_score, flagged FROM composite_risk "
        "WHERE resolution = ? AND day = ? ORDER BY h3_index",
        at,
    )
    cells, event_count, rolling_7d_avg, growth_rate, risk_score, z_score, flagged = _columns(found, 7)
    given = raw.execute("SELECT cell_count FROM judged_days WHERE resolution = ? AND day = ?", at).fetchone()
    if len(cells) != (given[0] if given else 0):
        raise Corrupt(f"the picture of {day} at resolution {resolution} has rows missing; run `hexpost analyze` again")
    levels = [LEVELS[level] for level in risk_level(np.array(risk_score)).tolist()]
    covered = fetch_covered(connection, resolution, day, day)
    unscored = [row[0] for row in raw.execute(_UNSCORED, at)]
    cells = [*cells, *unscored]
    columns: dict[str, Column] = {
        "h3": np.array(cells, np.uint64),
        "day": day.isoformat(),
        "event_count": np.array([*event_count, *[0] * len(unscored)], np.int64),
        "rolling_7d_avg": _doubles(rolling_7d_avg, len(unscored)),
        "growth_rate": _doubles(growth_rate, len(unscored)),
        "risk_score": _doubles(risk_score, len(unscored)),
        "risk_level": [*levels, *[None] * len(unscored)],
        "z_score": _doubles(z_score, len(unscored)),
        "flagged": np.array([*flagged, *[False] * len(unscored)], np.bool_),
        "coverage": _coverage_column(covered, day.isoformat(), cells),
    }
    return DayPicture(cells=cells, columns=columns)


def _doubles(values: list[float], unscored: int) -> Column:
    """A column of floats, with None for cells that have no value; an array where all have, which is quicker."""
    return [*values, *[None] * unscored] if unscored else np.array(values, np.float64)


def _coverage_column(covered: Covered, day: str, cells: list[int]) -> Column:
    """One value where all cells have the same, which a tile tells in fewer bytes."""
    values: list[Coverage] = [covered.of(day, cell) for cell in cells] if covered.cells else []
    return values if len(set(values)) > 1 else next(iter(values), covered.of(day, 0))


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows of so many values turned into columns, also when there are none."""
    values = list(itertools.chain.from_iterable(rows))
    return [values[column::width] for column in range(width)]


def _risk_row(row: tuple[Any, ...], covered: Covered) -> RiskRow:
    named = dict(zip(RiskRow.__struct_fields__, row, strict=False))
    coverage = covered.of(row[1], row[0])
    return RiskRow(**{**named, "h3_index": to_hex(row[0]), "flagged": bool(row[8]), "coverage": coverage})


def cells_in_box(connection: sa.Connection, bbox: Bounds, resolution: int) -> list[int]:
    """The cells of the grid that touch a box."""
    clause, values = _box_clause(bbox, "g")
    rows = raw_connection(connection).execute(
        f"SELECT g.h3_index FROM h3_cells AS g WHERE g.resolution = ? {clause}", (resolution, *values)
    )
    return [row[0] for row in rows]


def _box_clause(bbox: Bounds | None, table: str = "a") -> tuple[str, tuple[float, ...]]:
    """Cells of a table that touch a box, by the spatial index; a box over the antimeridian is two."""
    if bbox is None:
        return "", ()
    west, south, east, north = bbox
    boxes = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    one = "(xmax >= ? AND xmin <= ? AND ymax >= ? AND ymin <= ?)"
    clause = (
        f"AND {table}.h3_index IN (SELECT h3_index FROM h3_cells WHERE cell_pk IN "
        f"(SELECT pkid FROM idx_h3_cells_geom WHERE {' OR '.join([one] * len(boxes))}))"
    )
    return clause, tuple(value for w, e in boxes for value in (w, e, south, north))

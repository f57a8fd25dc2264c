"""Reading the risk picture: a day's rows, a cell's series, hotspots, and the arrays behind tiles and feeds.

A day on which not one event came in anywhere at the site says nothing about its cells: its `coverage` is `unknown`,
and whoever draws it must not draw it as low.
"""

import itertools
from collections.abc import Collection, Iterable
from datetime import date
from typing import Any, Literal

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from appliance.errors import Corrupt, NotFound
from appliance.spatial.cells import resolution_of, to_hex
from appliance.spatial.geojson import Bounds
from appliance.spatial.mvt import Column
from appliance.store.engine import raw_connection

Coverage = Literal["observed", "unknown"]
NO_ROW, UNKNOWN = 255, 254  # bytes of a feed that are not twice a score

_ROW = "h3_index, day, event_count, rolling_7d_avg, growth_rate, risk_score, risk_level, z_score, flagged"
_JOIN = """
cell_aggregates AS a
JOIN risk_scores AS s USING (resolution, day, h3_index)
JOIN anomaly_flags AS f USING (resolution, day, h3_index)
"""


class RiskRow(msgspec.Struct, frozen=True, kw_only=True):
    """A cell on a day as the API shows it."""

    h3_index: str
    day: str
    event_count: int
    rolling_7d_avg: float
    growth_rate: float
    risk_score: float
    risk_level: str
    z_score: float
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
    rows = (
        raw_connection(connection)
        .execute(
            f"SELECT {_ROW} FROM {_JOIN} WHERE a.resolution = ? AND a.day = ? AND a.h3_index > ? {clause} "
            "ORDER BY a.h3_index LIMIT ?",
            (resolution, day.isoformat(), after_cell, *values, limit + 1),
        )
        .fetchall()
    )
    coverage = fetch_coverage(connection, day, day)
    return RiskPage(
        items=[_risk_row(row, coverage) for row in rows[:limit]],
        next_cursor=to_hex(rows[limit - 1][0]) if len(rows) > limit else None,
    )


def fetch_cell(connection: sa.Connection, cell: int, *, from_day: date, to_day: date) -> list[RiskRow]:
    """A cell's rows, ascending by day.

    raises  NotFound  the cell has never taken part in a run
    """
    raw = raw_connection(connection)
    if not raw.execute("SELECT 1 FROM h3_cells WHERE h3_index = ?", (cell,)).fetchone():
        raise NotFound(f"cell {to_hex(cell)}: no event has put it on the map yet")
    rows = raw.execute(
        f"SELECT {_ROW} FROM {_JOIN} WHERE a.resolution = ? AND a.day BETWEEN ? AND ? "
        "AND a.h3_index = ? ORDER BY a.day",
        (resolution_of(cell), from_day.isoformat(), to_day.isoformat(), cell),
    ).fetchall()
    coverage = fetch_coverage(connection, from_day, to_day)
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
        f"""SELECT a.h3_index, c.centre_longitude, c.centre_latitude, sum(event_count), avg(risk_score),
            max(risk_score), risk_level, sum(risk_level IN ('high', 'critical')), sum(flagged)
        FROM {_JOIN} JOIN h3_cells AS c ON c.h3_index = a.h3_index
        WHERE a.resolution = ? AND a.day BETWEEN ? AND ?
        GROUP BY a.h3_index HAVING sum(risk_level IN ('high', 'critical')) > 0
            OR a.h3_index IN (SELECT value FROM json_each(?))
        ORDER BY max(risk_score) DESC, sum(event_count) DESC, a.h3_index LIMIT ?""",
        (resolution, from_day.isoformat(), to_day.isoformat(), msgspec.json.encode(list(also)).decode(), limit),
    )
    return [Hotspot(**dict(zip(Hotspot.__struct_fields__, (to_hex(row[0]), *row[1:]), strict=True))) for row in rows]


def fetch_scored_days(connection: sa.Connection) -> tuple[date, date] | None:
    """First and last day that has scores, of any resolution."""
    row = (
        raw_connection(connection)
        .execute("SELECT min(day), max(day) FROM outbox WHERE kind = 'risk_scores'")
        .fetchone()
    )
    return (date.fromisoformat(row[0]), date.fromisoformat(row[1])) if row[0] else None


def fetch_coverage(connection: sa.Connection, from_day: date, to_day: date) -> set[str]:
    """The days (ISO) on which anything was heard."""
    rows = raw_connection(connection).execute(
        "SELECT DISTINCT day FROM event_counts WHERE day BETWEEN ? AND ? "
        "AND resolution = (SELECT min(resolution) FROM event_counts)",
        (from_day.isoformat(), to_day.isoformat()),
    )
    return {row[0] for row in rows}


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
        """SELECT s.day, c.ordinal, s.risk_score, f.flagged FROM risk_scores AS s
        JOIN anomaly_flags AS f USING (resolution, day, h3_index) JOIN h3_cells AS c USING (h3_index)
        WHERE s.resolution = ? AND s.day BETWEEN ? AND ? AND c.ordinal < ?""",
        (resolution, days[0].isoformat(), days[-1].isoformat(), cells),
    )
    table = np.array([(row_of[day], ordinal, score, flag) for day, ordinal, score, flag in rows], dtype=np.float64)
    if table.size:
        at = (table[:, 0].astype(np.intp), table[:, 1].astype(np.intp))
        scores[at] = np.ceil(table[:, 2] * 2).astype(np.uint8)
        flags[at] = table[:, 3].astype(np.uint8)
    heard = fetch_coverage(connection, days[0], days[-1])
    for day, n in row_of.items():
        if day not in heard:
            scores[n][scores[n] != NO_ROW] = UNKNOWN
    return scores, flags


class DayPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A whole day of a resolution by columns, as the tile encoder takes it; cells ascending."""

    cells: list[int]
    columns: dict[str, Column]


def fetch_day_picture(connection: sa.Connection, *, day: date, resolution: int) -> DayPicture:
    """Every cell's row of a day.

    Three scans in key order instead of a join of lookups: half the time, and a tile waits for it.
    raises  Corrupt  the three tables do not hold the same cells, which one transaction wrote
    """
    raw, at = raw_connection(connection), (resolution, day.isoformat())
    where = "WHERE resolution = ? AND day = ? ORDER BY h3_index"
    counts = raw.execute(f"SELECT h3_index, event_count, rolling_7d_avg, growth_rate FROM cell_aggregates {where}", at)
    cells, event_count, rolling_7d_avg, growth_rate = _columns(counts, 4)
    scores = raw.execute(f"SELECT h3_index, risk_score, risk_level FROM risk_scores {where}", at)
    scored_cells, risk_score, risk_level = _columns(scores, 3)
    flags = raw.execute(f"SELECT h3_index, z_score, flagged FROM anomaly_flags {where}", at)
    flagged_cells, z_score, flagged = _columns(flags, 3)
    if not cells == scored_cells == flagged_cells:
        raise Corrupt(f"the picture of {day} at resolution {resolution} has rows missing; run `hexpost analyze` again")
    coverage: Coverage = "observed" if fetch_coverage(connection, day, day) else "unknown"
    columns: dict[str, Column] = {
        "h3": np.array(cells, np.uint64),
        "day": day.isoformat(),
        "event_count": np.array(event_count, np.int64),
        "rolling_7d_avg": np.array(rolling_7d_avg, np.float64),
        "growth_rate": np.array(growth_rate, np.float64),
        "risk_score": np.array(risk_score, np.float64),
        "risk_level": risk_level,
        "z_score": np.array(z_score, np.float64),
        "flagged": np.array(flagged, np.bool_),
        "coverage": coverage,
    }
    return DayPicture(cells=cells, columns=columns)


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows of so many values turned into columns, also when there are none."""
    values = list(itertools.chain.from_iterable(rows))
    return [values[column::width] for column in range(width)]


def _risk_row(row: tuple[Any, ...], heard: set[str]) -> RiskRow:
    named = dict(zip(RiskRow.__struct_fields__, row, strict=False))
    coverage: Coverage = "observed" if row[1] in heard else "unknown"
    return RiskRow(**{**named, "h3_index": to_hex(row[0]), "flagged": bool(row[8]), "coverage": coverage})


def _box_clause(bbox: Bounds | None) -> tuple[str, tuple[float, ...]]:
    """Cells that touch a box, by the spatial index; a box over the antimeridian is two."""
    if bbox is None:
        return "", ()
    west, south, east, north = bbox
    boxes = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    one = "(xmax >= ? AND xmin <= ? AND ymax >= ? AND ymin <= ?)"
    clause = (
        "AND a.h3_index IN (SELECT h3_index FROM h3_cells WHERE cell_pk IN "
        f"(SELECT pkid FROM idx_h3_cells_geom WHERE {' OR '.join([one] * len(boxes))}))"
    )
    return clause, tuple(value for w, e in boxes for value in (w, e, south, north))

"""Forecasts as they are kept: a row for each slice (resolution, day, horizon, event type), its cells in one BLOB.

All cells of a slice change together and are read together or by their place, so a slice of 20,000 cells is one row of
280 kB instead of 20,000 rows of 60 bytes and their index: a card is written a quarter as much, in one short
transaction. Slices of days that are over are kept for `KEEP_DAYS`; their scores stay in `risk_scores`.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from appliance.clock import from_us, to_us
from appliance.coverage.judge import Coverage
from appliance.errors import NotFound, Rejected
from appliance.forecast.outlook import CALIBRATED, Outlook
from appliance.model.risk import LEVELS, RiskLevel
from appliance.score.composite import risk_level
from appliance.spatial.cells import resolution_of, to_hex
from appliance.spatial.geojson import Bounds
from appliance.store.coverage.rows import Covered, fetch_covered_ahead
from appliance.store.engine import raw_connection
from appliance.store.risk.picture import cells_in_box

KEEP_DAYS = 7  # after the day that was forecast
MAX_COUNT = 2**32 - 1

_CELL = np.dtype([("mean", "<f4"), ("low", "<u4"), ("high", "<u4"), ("score", "<u2")])
_MADE = "method, reason, code_version, parameter_version, reference, watermark, made_at"
_SLICE = "resolution = ? AND day = ? AND horizon = ? AND event_type = ?"

Cells = NDArray[Any]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a slice was made of, and when; `reason` says why the calibrated forecast is not offered, '' where it is."""

    method: str
    reason: str
    code_version: str
    parameter_version: str
    reference: str
    watermark: int
    made_at: datetime


class ForecastRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a cell is to expect in the days of a horizon from `day` on.

    mean        events
    low, high   between which the count lies nine times in ten
    risk_score  0..100, of the expected harm a day
    """

    h3_index: str
    day: str
    horizon: str
    event_type: str
    mean: float
    low: int
    high: int
    risk_score: float
    risk_level: RiskLevel
    coverage: Coverage
    method: str
    code_version: str
    parameter_version: str
    watermark: int


class ForecastPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows by ascending cell, and what they were made of.

    offered      whether the calibrated forecast beat the plain count on the last weeks; where not, `reason` says why,
                 and the rows are the plain count's
    event_types  those that have a forecast of their own on this day
    """

    items: list[ForecastRow]
    next_cursor: str | None
    day: str
    resolution: int
    horizon: str
    event_type: str
    offered: bool
    reason: str
    method: str = ""
    code_version: str = ""
    parameter_version: str = ""
    reference: str = ""
    watermark: int = 0
    made_at: datetime | None = None
    total: float = 0.0
    event_types: list[str] = []


def write_outlook(connection: sa.Connection, found: Outlook, made: Made) -> bool:
    """Keep a slice, unless it stands there already with the same values and versions; whether it was written.

    A slice that stands keeps its watermark: what came since has not changed it.
    """
    raw, cells = raw_connection(connection), found.cells.astype("<i8").tobytes()
    grid = hashlib.blake2b(cells, digest_size=8).hexdigest()
    key = (found.resolution, found.window.day.isoformat(), found.window.horizon, found.event_type)
    values = (grid, _pack(found), made.method, made.reason, made.code_version, made.parameter_version, made.reference)
    names = "grid, body, method, reason, code_version, parameter_version, reference"
    row = raw.execute(f"SELECT {names} FROM forecasts WHERE {_SLICE}", key).fetchone()
    if row is not None and tuple(row) == values:
        return False
    raw.execute("INSERT OR IGNORE INTO forecast_grids VALUES (?, ?, ?)", (grid, found.resolution, cells))
    raw.execute(
        f"REPLACE INTO forecasts (resolution, day, horizon, event_type, {names}, watermark, made_at, total) "
        f"VALUES ({', '.join('?' * 14)})",
        (*key, *values, made.watermark, to_us(made.made_at), float(found.mean.sum())),
    )
    return True


def purge_forecasts(connection: sa.Connection, *, today: date, resolutions: list[int], types: list[str]) -> int:
    """Take away slices of days long past, of today on those that a run no longer makes, and cells of none; how many."""
    raw, marks = raw_connection(connection), ", ".join("?" * len(types))
    deleted: int = raw.execute(
        "DELETE FROM forecasts WHERE day < ? OR day > ?",
        ((today - timedelta(days=KEEP_DAYS)).isoformat(), (today + timedelta(days=1)).isoformat()),
    ).rowcount
    for_now = f"resolution IN ({', '.join('?' * len(resolutions))}) AND event_type IN ({marks})"
    deleted += raw.execute(
        f"DELETE FROM forecasts WHERE day >= ? AND NOT ({for_now})", (today.isoformat(), *resolutions, *types)
    ).rowcount
    raw.execute("DELETE FROM forecast_grids WHERE grid NOT IN (SELECT grid FROM forecasts)")
    return deleted


def fetch_forecast(
    connection: sa.Connection,
    *,
    day: date,
    resolution: int,
    horizon: str,
    event_type: str = "",
    bbox: Bounds | None = None,
    after_cell: int = 0,
    limit: int,
) -> ForecastPage:
    """One page of a slice; empty, with the reason, where there is none of this day, resolution and horizon.

    raises  Rejected  the type has no forecast of its own
    """
    at = (resolution, day.isoformat(), horizon)
    types = _types(connection, at)
    if types and event_type not in types:
        own = ", ".join(filter(None, types)) or "none"
        raise Rejected(f"no forecast of its own for {event_type[:40]!r}; there are: {own}", "event_type")
    page = ForecastPage(
        items=[],
        next_cursor=None,
        day=at[1],
        resolution=resolution,
        horizon=horizon,
        event_type=event_type,
        event_types=[name for name in types if name],
        offered=False,
        reason="",
    )
    row = (
        raw_connection(connection)
        .execute(
            f"SELECT g.cells, f.body, f.total, {_MADE} FROM forecasts AS f JOIN forecast_grids AS g USING (grid) "
            "WHERE f.resolution = ? AND f.day = ? AND f.horizon = ? AND f.event_type = ?",
            (*at, event_type),
        )
        .fetchone()
    )
    if row is None:
        return msgspec.structs.replace(page, reason=_why_none(connection, at))
    cells, body, made = np.frombuffer(row[0], "<i8"), np.frombuffer(row[1], _CELL), _made(row[3:])
    wanted = cells > after_cell
    if bbox is not None:
        wanted &= np.isin(cells, cells_in_box(connection, bbox, resolution))
    places = np.flatnonzero(wanted)[: limit + 1]
    covered = fetch_covered_ahead(connection, resolution, day)
    return msgspec.structs.replace(
        page,
        items=[_row(cell, one, at, event_type, made, covered) for cell, one in _each(cells, body, places[:limit])],
        next_cursor=to_hex(int(cells[places[limit - 1]])) if len(places) > limit else None,
        offered=made.method == CALIBRATED,
        total=row[2],
        **msgspec.structs.asdict(made),
    )


def fetch_cell_forecast(connection: sa.Connection, cell: int, day: date) -> list[ForecastRow]:
    """What a cell is to expect from a day on, by horizon, all events first and then each type; empty: no forecast.

    Reads one place of each slice, whatever the number of cells.
    """
    raw, resolution = raw_connection(connection), resolution_of(cell)
    places: dict[str, int | None] = {}
    rows = raw.execute(
        f"SELECT horizon, event_type, grid, {_MADE} FROM forecasts WHERE resolution = ? AND day = ? "
        "ORDER BY horizon, event_type",
        (resolution, day.isoformat()),
    ).fetchall()
    covered = fetch_covered_ahead(connection, resolution, day, cell)
    found = []
    for horizon, event_type, grid, *made in rows:
        if grid not in places:
            places[grid] = _place_of(raw, grid, cell)
        if (place := places[grid]) is None:
            continue
        at = (resolution, day.isoformat(), horizon)
        (one,) = raw.execute(
            f"SELECT substr(body, ?, ?) FROM forecasts WHERE {_SLICE}",
            (place * _CELL.itemsize + 1, _CELL.itemsize, *at, event_type),
        ).fetchone()
        found.append(_row(cell, np.frombuffer(one, _CELL)[0], at, event_type, _made(made), covered))
    return found


def fetch_means(connection: sa.Connection, resolution: int, day: date, cells: Sequence[int]) -> dict[int, float] | None:
    """Cell -> the events of all types that it is to expect on one day; None where that day has no forecast.

    A cell that the forecast does not have expects none, and is left out.
    """
    row = (
        raw_connection(connection)
        .execute(
            "SELECT g.cells, f.body FROM forecasts AS f JOIN forecast_grids AS g USING (grid) "
            "WHERE f.resolution = ? AND f.day = ? AND f.horizon = 'next_day' AND f.event_type = ''",
            (resolution, day.isoformat()),
        )
        .fetchone()
    )
    if row is None:
        return None
    known, body = np.frombuffer(row[0], "<i8"), np.frombuffer(row[1], _CELL)
    places = np.flatnonzero(np.isin(known, np.array(cells, np.int64)))
    return {cell: float(one["mean"]) for cell, one in _each(known, body, places)}


def fetch_forecast_days(connection: sa.Connection) -> tuple[date, date]:
    """First and last day of which there is a forecast.

    raises  NotFound  there is none
    """
    row = raw_connection(connection).execute("SELECT min(day), max(day) FROM forecasts").fetchone()
    if row[0] is None:
        raise NotFound("nothing has been forecast yet; the jobs process does after 00:05, or `hexpost forecast run`")
    return date.fromisoformat(row[0]), date.fromisoformat(row[1])


def _pack(found: Outlook) -> bytes:
    body = np.zeros(len(found.cells), _CELL)
    body["mean"] = found.mean
    body["low"], body["high"] = np.minimum(found.low, MAX_COUNT), np.minimum(found.high, MAX_COUNT)
    body["score"] = np.rint(found.score * 100)
    return body.tobytes()


def _types(connection: sa.Connection, at: tuple[int, str, str]) -> list[str]:
    rows = raw_connection(connection).execute(
        "SELECT event_type FROM forecasts WHERE resolution = ? AND day = ? AND horizon = ? ORDER BY event_type", at
    )
    return [row[0] for row in rows]


def _why_none(connection: sa.Connection, at: tuple[int, str, str]) -> str:
    try:
        first, last = fetch_forecast_days(connection)
    except NotFound as none:
        return str(none)
    rows = raw_connection(connection).execute("SELECT DISTINCT resolution FROM forecasts ORDER BY resolution")
    resolutions = ", ".join(str(row[0]) for row in rows)
    return (
        f"no {at[2]} forecast of {at[1]} at resolution {at[0]}; there are days {first} to {last}, resolutions "
        f"{resolutions}, and next_7_days from the day of each run"
    )


def _place_of(raw: Any, grid: str, cell: int) -> int | None:
    cells = np.frombuffer(raw.execute("SELECT cells FROM forecast_grids WHERE grid = ?", (grid,)).fetchone()[0], "<i8")
    place = int(np.searchsorted(cells, cell))
    return place if place < len(cells) and cells[place] == cell else None


def _each(cells: NDArray[np.int64], body: Cells, places: NDArray[np.intp]) -> list[tuple[int, Any]]:
    return [(int(cells[place]), body[place]) for place in places]


def _made(row: Any) -> Made:
    named = dict(zip(Made.__struct_fields__, row, strict=True))
    return Made(**{**named, "made_at": from_us(row[6])})


def _row(cell: int, one: Any, at: tuple[int, str, str], event_type: str, made: Made, covered: Covered) -> ForecastRow:
    score = int(one["score"]) / 100
    return ForecastRow(
        h3_index=to_hex(cell),
        day=at[1],
        horizon=at[2],
        event_type=event_type,
        mean=round(float(one["mean"]), 8),
        low=int(one["low"]),
        high=int(one["high"]),
        risk_score=score,
        risk_level=LEVELS[int(risk_level(np.array([score]))[0])],
        coverage=covered.of(at[1], cell),
        method=made.method,
        code_version=made.code_version,
        parameter_version=made.parameter_version,
        watermark=made.watermark,
    )

"""`/cells/{h3}`: why a cell looks as it does, for whoever has to act on it."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from appliance.aggregate.hours import SiteHours
from appliance.anomaly.telling import explain
from appliance.clock import day_bounds
from appliance.model.anomaly import Anomaly
from appliance.score.telling import Composite, Rule, flag_rule, level_rule, take_apart, unknown_rule
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.params import read_day
from appliance.serve.security import identify
from appliance.spatial.cells import boundary, centre, from_hex, resolution_of
from appliance.spatial.shape import Area
from appliance.store.anomaly.ledger import fetch_cell_anomalies
from appliance.store.coverage.detail import CellDay, fetch_cell_day, with_devices
from appliance.store.event.near import NearEvent, fetch_events_in
from appliance.store.event.pages import EventFilter
from appliance.store.forecast.slices import ForecastRow, fetch_cell_forecast
from appliance.store.risk.cell_story import (
    Freshness,
    TypeCount,
    Usual,
    fetch_freshness,
    fetch_newest_event_time,
    fetch_scale,
    fetch_tail,
    fetch_type_counts,
    fetch_usual,
)
from appliance.store.risk.picture import RiskRow, fetch_cell
from appliance.store.settled.settle import fetch_resolutions

SERIES_DAYS = 30
EVENT_DAYS = 7  # of single events and anomalies that are told
MAX_EVENTS = 20

_WHY_UNKNOWN = {
    "ours": "the box, its bridge or its broker did not listen, so nothing is known of the devices that look here.",
    "segment": "the devices that look here fell silent together with what links them to the box.",
    "maintenance": "the devices that look here are in maintenance.",
    "own": "the devices that look here are down.",
    "": "nothing was heard anywhere at the site on this day.",
}


class CellPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A cell on a day, None where it has no row, and the days before it.

    composite  how its classic score came about; None where it has none, or an older program made it
    rules      which fired, in words and numbers
    types      events by type, and `usual` what is usual here; None at a resolution that is not counted
    forecast   what it is to expect from this day on, by horizon and type
    anomalies  of exactly this cell, in the week ending with the day
    events     the newest of that week; None for who may not see single events
    coverage   how it was watched on that day, of a cell that devices look at; with the devices for who is logged in
    """

    h3_index: str
    resolution: int
    centre: tuple[float, float]
    day: RiskRow | None
    series: list[RiskRow]
    composite: Composite | None
    rules: list[Rule]
    types: list[TypeCount] | None
    usual: Usual | None
    forecast: list[ForecastRow]
    anomalies: list[Anomaly]
    events: list[NearEvent] | None
    newest_event_hour: datetime | None
    freshness: Freshness
    coverage: CellDay | None = None


@get("/cells/{h3:str}", sync_to_thread=True, responses=problems(400, 401, 404, 503))
def get_cell(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    h3: FromPath[str],
    date: FromQuery[str] = "today",
    days: Annotated[int, QueryParameter(ge=1, le=365)] = SERIES_DAYS,
) -> CellPicture:
    """Why a cell looks as it does: its row of a day and those of the days before, what made its score, which rules
    fired, what is usual and what is expected, who watched it, and how fresh all of this is."""
    cell, day = from_hex(h3), read_day(date, context)
    caller = identify(request, context)
    sees_events = caller.is_admin or context.settings.security.public_events
    with context.store.read() as connection:
        series = fetch_cell(connection, cell, from_day=day - timedelta(days=days - 1), to_day=day)
        coverage = fetch_cell_day(connection, cell, day)
        if coverage is not None and caller.name:
            (coverage,) = with_devices(connection, [coverage], day=day, zone=context.settings.zone, now=context.clock())
        today = series[-1] if series and series[-1].day == day.isoformat() else None
        composite = _composite(connection, cell, day, today)
        counted = resolution_of(cell) in fetch_resolutions(connection)
        tail = fetch_tail(connection, cell, SiteHours(context.settings.zone)) if counted else {}
        return CellPicture(
            h3_index=h3.lower(),
            resolution=resolution_of(cell),
            centre=centre(cell),
            day=today,
            series=series,
            composite=composite,
            rules=_rules(today, composite, coverage),
            types=fetch_type_counts(connection, cell, day, tail) if counted else None,
            usual=fetch_usual(connection, cell, day, tail) if counted else None,
            forecast=fetch_cell_forecast(connection, cell, day),
            anomalies=_anomalies(connection, context, cell, day),
            events=_events(connection, context, cell, day) if sees_events else None,
            newest_event_hour=fetch_newest_event_time(connection, cell, tail),
            freshness=fetch_freshness(connection, resolution_of(cell)),
            coverage=coverage,
        )


def _composite(connection: Any, cell: int, day: date, row: RiskRow | None) -> Composite | None:
    if row is None or row.risk_score is None or row.growth_rate is None or row.rolling_7d_avg is None:
        return None
    scale = fetch_scale(connection, cell, day)
    if scale is None:
        return None
    return take_apart(
        event_count=row.event_count,
        growth_rate=row.growth_rate,
        rolling_7d_avg=row.rolling_7d_avg,
        low=scale.low,
        high=scale.high,
        mean=scale.mean,
        spread=scale.spread,
    )


def _rules(row: RiskRow | None, composite: Composite | None, coverage: CellDay | None) -> list[Rule]:
    found = []
    if row is not None and row.coverage == "unknown":
        cause = coverage.cause if coverage is not None and coverage.coverage == "unknown" else ""
        numbers = {"devices": float(coverage.devices), "down": float(coverage.down)} if coverage is not None else {}
        found.append(unknown_rule(_WHY_UNKNOWN[cause], numbers))
    if row is not None and row.risk_score is not None and row.risk_level is not None:
        found.append(level_rule(row.risk_score, row.risk_level))
        if composite is not None and (flagged := flag_rule(row.event_count, row.z_score or 0.0, composite)):
            found.append(flagged)
    return found


def _anomalies(connection: Any, context: Context, cell: int, day: date) -> list[Anomaly]:
    zone = context.settings.zone
    start, end = day_bounds(day - timedelta(days=EVENT_DAYS - 1), zone)[0], day_bounds(day, zone)[1]
    found = fetch_cell_anomalies(connection, cell, start, end)
    return [msgspec.structs.replace(one, explanation=explain(one, zone)) for one in found]


def _events(connection: Any, context: Context, cell: int, day: date) -> list[NearEvent]:
    zone = context.settings.zone
    start, end = day_bounds(day - timedelta(days=EVENT_DAYS - 1), zone)[0], day_bounds(day, zone)[1]
    shape = Area(ring=tuple(boundary(cell)))
    wanted = EventFilter(from_time=start, to_time=end)
    return fetch_events_in(connection, shape, wanted, cursor=None, limit=MAX_EVENTS).items

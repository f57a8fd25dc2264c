"""`/forecast/{date}`: how many events each cell is to expect, how sure that is, and what it rests on."""

from typing import Annotated, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, PathParameter

from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.params import BboxQuery, ResolutionQuery, read_day, read_limit, read_resolution
from appliance.spatial.cells import from_hex
from appliance.spatial.geojson import parse_bbox
from appliance.store.forecast.slices import ForecastPage, fetch_forecast


@get("/forecast/{day:str}", sync_to_thread=True, responses=problems(400, 503))
def list_forecast(
    context: NamedDependency[Context],
    day: Annotated[str, PathParameter(description="the first day of what is forecast, or today")],
    resolution: ResolutionQuery = None,
    event_type: FromQuery[str] = "",
    horizon: FromQuery[Literal["next_day", "next_7_days"]] = "next_day",
    bbox: BboxQuery = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 500,
) -> ForecastPage:
    """Every cell's forecast, by ascending cell; `offered` says whether it beats the plain count, which else is given.

    There are forecasts of today and tomorrow, and of the seven days from today; those of the last week are kept.
    """
    chosen, first = read_resolution(resolution, context), read_day(day, context)
    with context.store.read() as connection:
        return fetch_forecast(
            connection,
            day=first,
            resolution=chosen,
            horizon=horizon,
            event_type=event_type,
            bbox=parse_bbox(bbox) if bbox else None,
            after_cell=from_hex(cursor) if cursor else 0,
            limit=read_limit(limit),
        )

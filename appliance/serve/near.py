"""`/events` and `/devices` near a place, along a route, in an area.

Every list that has places is to have these three: a module that adds one adds three handlers that read the shape here
and hand it to its store. Waypoints and corners are JSON arrays of `{lat, lon}`; distances are metres.
"""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter

from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.params import read_cursor, read_instant, read_limit
from appliance.serve.security import require_admin, require_event_reader
from appliance.spatial.shape import MAX_BUFFER_M, MAX_CORNERS, MAX_RADIUS_M, MAX_WAYPOINTS, Shape, area, corridor, disc
from appliance.store.device.near import NearDevicePage, fetch_devices_in
from appliance.store.event.near import NearEventPage, fetch_events_in
from appliance.store.event.pages import EventFilter

LatQuery = Annotated[float, QueryParameter(ge=-90, le=90, description="degrees")]
LonQuery = Annotated[float, QueryParameter(ge=-180, le=180, description="degrees")]
RadiusQuery = Annotated[float, QueryParameter(gt=0, le=MAX_RADIUS_M, description="metres")]
BufferQuery = Annotated[float, QueryParameter(gt=0, le=MAX_BUFFER_M, description="metres to either side")]
WaypointsQuery = Annotated[
    str, QueryParameter(description=f'JSON: [{{"lat": 29.37, "lon": 47.97}}, …], 2 to {MAX_WAYPOINTS} places')
]
PolygonQuery = Annotated[
    str, QueryParameter(description=f'JSON: [{{"lat": 29.37, "lon": 47.97}}, …], 3 to {MAX_CORNERS} corners')
]
PROBLEMS = problems(400, 401, 403, 503)


def read_filter(
    context: NamedDependency[Context],
    from_: Annotated[str | None, QueryParameter(name="from", description="RFC 3339, or a day")] = None,
    to: Annotated[str | None, QueryParameter(description="RFC 3339, exclusive; or a day, inclusive")] = None,
    event_type: FromQuery[str | None] = None,
    source: FromQuery[str | None] = None,
) -> EventFilter:
    """What is asked of events beside where they are."""
    return EventFilter(
        from_time=read_instant(from_, context, "from"),
        to_time=read_instant(to, context, "to", end=True),
        event_type=event_type,
        source=source,
    )


FILTER = {"wanted": Provide(read_filter, sync_to_thread=False)}


@get("/events/nearby", guards=[require_event_reader], dependencies=FILTER, sync_to_thread=True, responses=PROBLEMS)
def list_events_nearby(
    context: NamedDependency[Context],
    wanted: NamedDependency[EventFilter],
    lat: LatQuery,
    lon: LonQuery,
    radius: RadiusQuery,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> NearEventPage:
    """Events within a distance of a place, newest first; `distance_m` is theirs."""
    return _events(context, disc(lng=lon, lat=lat, radius_m=radius), wanted, cursor, limit)


@get("/events/route", guards=[require_event_reader], dependencies=FILTER, sync_to_thread=True, responses=PROBLEMS)
def list_events_along_route(
    context: NamedDependency[Context],
    wanted: NamedDependency[EventFilter],
    waypoints: WaypointsQuery,
    buffer: BufferQuery,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> NearEventPage:
    """Events within a distance of a route, newest first; `distance_m` is that to the nearest place of it."""
    return _events(context, corridor(waypoints, buffer), wanted, cursor, limit)


@get("/events/area", guards=[require_event_reader], dependencies=FILTER, sync_to_thread=True, responses=PROBLEMS)
def list_events_in_area(
    context: NamedDependency[Context],
    wanted: NamedDependency[EventFilter],
    polygon: PolygonQuery,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> NearEventPage:
    """Events in a polygon and on its edge, newest first."""
    return _events(context, area(polygon), wanted, cursor, limit)


@get("/devices/nearby", guards=[require_admin], sync_to_thread=True, responses=PROBLEMS)
def list_devices_nearby(
    context: NamedDependency[Context],
    lat: LatQuery,
    lon: LonQuery,
    radius: RadiusQuery,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> NearDevicePage:
    """Devices within a distance of a place, the nearest first."""
    return _devices(context, disc(lng=lon, lat=lat, radius_m=radius), cursor, limit)


@get("/devices/route", guards=[require_admin], sync_to_thread=True, responses=PROBLEMS)
def list_devices_along_route(
    context: NamedDependency[Context],
    waypoints: WaypointsQuery,
    buffer: BufferQuery,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> NearDevicePage:
    """Devices within a distance of a route, the nearest first."""
    return _devices(context, corridor(waypoints, buffer), cursor, limit)


@get("/devices/area", guards=[require_admin], sync_to_thread=True, responses=PROBLEMS)
def list_devices_in_area(
    context: NamedDependency[Context],
    polygon: PolygonQuery,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> NearDevicePage:
    """Devices in a polygon and on its edge, in the order in which they became known."""
    return _devices(context, area(polygon), cursor, limit)


def _events(context: Context, shape: Shape, wanted: EventFilter, cursor: str | None, limit: int) -> NearEventPage:
    with context.store.read() as connection:
        return fetch_events_in(connection, shape, wanted, cursor=read_cursor(cursor), limit=read_limit(limit))


def _devices(context: Context, shape: Shape, cursor: str | None, limit: int) -> NearDevicePage:
    with context.store.read() as connection:
        return fetch_devices_in(connection, shape, now=context.clock(), cursor=cursor, limit=read_limit(limit))

"""`/zones`, `/groups`, `/maintenance`: areas, lists of devices, and times in which they are left alone."""

from typing import Annotated, Any

import msgspec
from anyio.to_thread import run_sync
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from appliance.model.device import Group, MaintenanceWindow, Zone
from appliance.model.device_change import MAX_NAME, GroupChange, NewWindow, ZoneChange
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.idempotency import Idempotency
from appliance.serve.params import IdempotencyKey, read_limit
from appliance.serve.security import identify, require_admin
from appliance.store.device.maintenance import WindowPage, delete_window, fetch_windows, insert_window
from appliance.store.device.zones import (
    ZoneImportReport,
    delete_group,
    delete_zone,
    fetch_group,
    fetch_groups,
    fetch_zone,
    fetch_zones,
    import_zone_features,
    put_group,
    put_zone,
)

ZonePath = Annotated[str, PathParameter(min_length=1, max_length=MAX_NAME)]
GroupPath = Annotated[str, PathParameter(min_length=1, max_length=MAX_NAME)]


class ZoneList(msgspec.Struct, frozen=True, kw_only=True):
    """Every zone, by its key."""

    items: list[Zone]
    next_cursor: None = None


class GroupList(msgspec.Struct, frozen=True, kw_only=True):
    """Every group, by its key."""

    items: list[Group]
    next_cursor: None = None


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """A zone or group that is gone, and how many devices had been put into it."""

    removed: str
    devices: int


@get("/zones", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_zones(context: NamedDependency[Context]) -> ZoneList:
    """Every zone with its polygon."""
    with context.store.read() as connection:
        return ZoneList(items=fetch_zones(connection))


@get("/zones/{zone:str}", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 404, 503))
def get_zone(context: NamedDependency[Context], zone: ZonePath) -> Zone:
    """One zone."""
    with context.store.read() as connection:
        return fetch_zone(connection, zone)


@put(
    "/zones/{zone:str}",
    guards=[require_admin],
    status_code=200,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 409, 413, 503),
)
def store_zone(context: NamedDependency[Context], zone: ZonePath, data: JSONBody[ZoneChange]) -> Zone:
    """Make a zone, or change what is given; `geometry` is a GeoJSON Polygon or MultiPolygon."""
    with context.store.write() as connection:
        put_zone(connection, zone, data)
        return fetch_zone(connection, zone)


@delete(
    "/zones/{zone:str}",
    guards=[require_admin],
    status_code=200,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def remove_zone(context: NamedDependency[Context], zone: ZonePath) -> Released:
    """Remove a zone; devices that had been put into it are then where their place lies."""
    with context.store.write() as connection:
        return Released(removed=zone, devices=delete_zone(connection, zone))


@post(
    "/zones/import",
    guards=[require_admin],
    status_code=200,
    responses=problems(400, 401, 403, 409, 413, 503),
)
async def import_zones(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    idempotency: NamedDependency[Idempotency],
    data: JSONBody[dict[str, Any]],
    idempotency_key: IdempotencyKey = None,
) -> ZoneImportReport:
    """Make or change the zones of a GeoJSON FeatureCollection; the key is a feature's id or its property `zone`."""
    caller = await run_sync(identify, request, context)
    who, body = (caller.name, "zones"), await request.body()

    def perform() -> ZoneImportReport:
        with context.store.write() as connection:
            return import_zone_features(connection, data)

    report: ZoneImportReport = await run_sync(idempotency.once, who, idempotency_key, body, perform)
    return report


@get("/groups", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_groups(context: NamedDependency[Context]) -> GroupList:
    """Every group."""
    with context.store.read() as connection:
        return GroupList(items=fetch_groups(connection))


@put(
    "/groups/{group:str}",
    guards=[require_admin],
    status_code=200,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 409, 413, 503),
)
def store_group(context: NamedDependency[Context], group: GroupPath, data: JSONBody[GroupChange]) -> Group:
    """Make a group, or change what is given. A device is put into it by a change of the device."""
    with context.store.write() as connection:
        put_group(connection, group, data)
        return fetch_group(connection, group)


@delete(
    "/groups/{group:str}",
    guards=[require_admin],
    status_code=200,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def remove_group(context: NamedDependency[Context], group: GroupPath) -> Released:
    """Remove a group; its devices are then in none."""
    with context.store.write() as connection:
        return Released(removed=group, devices=delete_group(connection, group))


@get("/maintenance", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_windows(
    context: NamedDependency[Context],
    past: Annotated[bool, QueryParameter(description="also those that are over")] = False,
    cursor: Annotated[int | None, QueryParameter(ge=0, lt=2**53)] = None,
    limit: FromQuery[int] = 100,
) -> WindowPage:
    """Maintenance windows that hold or will, the last made first."""
    with context.store.read() as connection:
        return fetch_windows(connection, now=context.clock(), past=past, cursor=cursor, limit=read_limit(limit))


@post(
    "/maintenance",
    guards=[require_admin],
    status_code=201,
    responses=problems(400, 401, 403, 404, 409, 413, 503),
)
async def create_window(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    idempotency: NamedDependency[Idempotency],
    data: JSONBody[NewWindow],
    idempotency_key: IdempotencyKey = None,
) -> Response[MaintenanceWindow]:
    """Leave a device, a group, a zone or the site alone for a time: muted, and not counted as an outage."""
    caller = await run_sync(identify, request, context)
    who, body = (caller.name, "maintenance"), await request.body()

    def perform() -> MaintenanceWindow:
        with context.store.write() as connection:
            return insert_window(connection, data, now=context.clock())

    window: MaintenanceWindow = await run_sync(idempotency.once, who, idempotency_key, body, perform)
    return Response(window, status_code=201, headers={"Location": f"/v1/maintenance/{window.id}"})


@delete(
    "/maintenance/{window_id:int}",
    guards=[require_admin],
    status_code=204,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def remove_window(context: NamedDependency[Context], window_id: Annotated[int, PathParameter(ge=1, lt=2**53)]) -> None:
    """Remove a window; one that holds ends."""
    with context.store.write() as connection:
        delete_window(connection, window_id)

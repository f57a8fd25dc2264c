"""`/iot`: what stands out, the risk of a zone, crowds and incidents, the plate watch list, thresholds.

Names of devices and reads of plates are in the answers, so they are for admins.
"""

from typing import Annotated, Any

import msgspec
from anyio.to_thread import run_sync
from litestar import Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from appliance.model.device_change import MAX_NAME
from appliance.model.iot import NewWatchEntry, Threshold, ThresholdChange, WatchEntry
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.idempotency import Idempotency
from appliance.serve.iot.desk import CrowdCorrelation, Desk, ZoneRiskAnswer
from appliance.serve.iot.insights import InsightList
from appliance.serve.params import IdempotencyKey, read_limit
from appliance.serve.security import identify, require_admin
from appliance.store.iot.thresholds import delete_threshold, fetch_thresholds, put_threshold
from appliance.store.iot.watch_list import (
    HitPage,
    WatchPage,
    delete_watch_entry,
    fetch_hits,
    fetch_watch_list,
    hash_wanted,
    insert_watch_entry,
)
from appliance.store.paging import read_key

ZonePath = Annotated[str, PathParameter(min_length=1, max_length=MAX_NAME)]
ZoneQuery = Annotated[str | None, QueryParameter(min_length=1, max_length=MAX_NAME)]
MetricPath = Annotated[str, PathParameter(min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$")]
EntryPath = Annotated[int, PathParameter(ge=1, lt=2**53)]


class ThresholdList(msgspec.Struct, frozen=True, kw_only=True):
    """Every threshold, by metric and zone."""

    items: list[Threshold]
    next_cursor: None = None


class ThresholdRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken back."""

    metric: str
    zone: str


@get("/iot/insights", guards=[require_admin], responses=problems(400, 401, 403, 404, 503))
async def list_insights(
    iot: NamedDependency[Desk],
    zone: ZoneQuery = None,
    h3: Annotated[str | None, QueryParameter(description="a cell of any resolution")] = None,
    limit: FromQuery[int] = 100,
) -> InsightList:
    """What stands out now in zones, and in cells outside of every zone: the most first, with the reason."""
    return await iot.insights(zone, h3, read_limit(limit))


@get("/iot/risk-score/{zone:str}", guards=[require_admin], responses=problems(400, 401, 403, 404, 503))
async def get_zone_risk(iot: NamedDependency[Desk], zone: ZonePath) -> ZoneRiskAnswer:
    """The risk of a zone with its parts, what each rests on, and what is not known."""
    return await iot.risk(zone)


@get("/iot/crowd-correlation/{location:str}", guards=[require_admin], responses=problems(400, 401, 403, 404, 503))
async def get_crowd_correlation(
    iot: NamedDependency[Desk],
    location: Annotated[str, PathParameter(min_length=1, max_length=MAX_NAME, description="a zone or an H3 cell")],
    days: Annotated[int, QueryParameter(ge=1, le=90, description="back from now")] = 90,
) -> CrowdCorrelation:
    """What crowds have to do with each type of incident: lag, coefficient, interval, corrected p, how many hours."""
    return await iot.correlation(location, days)


@get("/iot/watch-list", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_watch_list(
    context: NamedDependency[Context], cursor: FromQuery[str | None] = None, limit: FromQuery[int] = 100
) -> WatchPage:
    """The plates that are looked for, by their labels, the last added first."""
    before = read_key(cursor) if cursor is not None else None
    with context.store.read() as connection:
        return fetch_watch_list(connection, now=context.clock(), before=before, limit=read_limit(limit))


@post("/iot/watch-list", guards=[require_admin], status_code=201, responses=problems(400, 401, 403, 409, 413, 503))
async def add_watch_entry(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    idempotency: NamedDependency[Idempotency],
    data: JSONBody[NewWatchEntry],
    idempotency_key: IdempotencyKey = None,
) -> WatchEntry:
    """Look for a plate. It is hashed at once and kept nowhere; later reads are compared with the hash."""
    caller = await run_sync(identify, request, context)
    plate_hash = hash_wanted(data, context.plate_key, now=context.clock())
    body = await request.body()

    def perform() -> WatchEntry:
        with context.store.write() as connection:
            return insert_watch_entry(
                connection,
                plate_hash=plate_hash,
                label=data.label,
                reason=data.reason,
                expires_at=data.expires_at,
                who=caller.name,
                now=context.clock(),
            )

    added: WatchEntry = await run_sync(idempotency.once, (caller.name, "watch-list"), idempotency_key, body, perform)
    return added


@delete(
    "/iot/watch-list/{entry_id:int}",
    guards=[require_admin],
    status_code=200,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def remove_watch_entry(
    request: Request[Any, Any, Any], context: NamedDependency[Context], entry_id: EntryPath
) -> WatchEntry:
    """No longer look for a plate; its reads stay listed, and its alerts are closed."""
    who = identify(request, context).name
    with context.store.write() as connection:
        return delete_watch_entry(connection, entry_id, who=who, now=context.clock())


@get("/iot/watch-list/hits", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_watch_hits(
    context: NamedDependency[Context],
    entry: Annotated[int | None, QueryParameter(ge=1, lt=2**53)] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> HitPage:
    """Reads of plates that were looked for, the last found first; the newest 10,000 are kept."""
    before = read_key(cursor) if cursor is not None else None
    with context.store.read() as connection:
        return fetch_hits(connection, entry_id=entry, before=before, limit=read_limit(limit))


@get("/iot/thresholds", guards=[require_admin], sync_to_thread=True, responses=problems(401, 403, 503))
def list_thresholds(context: NamedDependency[Context]) -> ThresholdList:
    """Thresholds of measured values: the site's own, and the published limits where it set none."""
    with context.store.read() as connection:
        return ThresholdList(items=fetch_thresholds(connection))


@put(
    "/iot/thresholds/{metric:str}",
    guards=[require_admin],
    status_code=200,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 409, 413, 503),
)
def store_threshold(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    metric: MetricPath,
    data: JSONBody[ThresholdChange],
    zone: ZoneQuery = None,
) -> Threshold:
    """Set a threshold, for every zone or for one; `enabled` false takes the published limit out of force."""
    who = identify(request, context).name
    with context.store.write() as connection:
        return put_threshold(connection, metric, zone or "", data, who=who, now=context.clock())


@delete(
    "/iot/thresholds/{metric:str}",
    guards=[require_admin],
    status_code=200,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def remove_threshold(
    request: Request[Any, Any, Any], context: NamedDependency[Context], metric: MetricPath, zone: ZoneQuery = None
) -> ThresholdRemoved:
    """Take back what was set, so that the site's, or the published limit, holds again."""
    who = identify(request, context).name
    with context.store.write() as connection:
        delete_threshold(connection, metric, zone or "", who=who, now=context.clock())
    return ThresholdRemoved(metric=metric, zone=zone or "")


ROUTES = [
    list_insights,
    get_zone_risk,
    get_crowd_correlation,
    list_watch_list,
    add_watch_entry,
    remove_watch_entry,
    list_watch_hits,
    list_thresholds,
    store_threshold,
    remove_threshold,
]

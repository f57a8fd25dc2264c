"""`/assets`: critical assets, where they are, and their risk by day."""

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from anyio.to_thread import run_sync
from litestar import Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from appliance.model.asset import Asset, AssetChange, AssetRisk
from appliance.model.device_change import MAX_NAME
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.idempotency import Idempotency
from appliance.serve.params import BboxQuery, IdempotencyKey, read_days, read_limit
from appliance.serve.security import identify, require_admin
from appliance.spatial.geojson import parse_bbox
from appliance.store.asset.registry import (
    AssetFilter,
    AssetImportReport,
    delete_asset,
    fetch_asset,
    fetch_assets,
    import_asset_features,
    put_asset,
)
from appliance.store.asset.risk import fetch_asset_risk
from appliance.store.audit import insert_audit

DEFAULT_DAYS = 28

AssetPath = Annotated[str, PathParameter(min_length=1, max_length=MAX_NAME)]


class AssetPage(msgspec.Struct, frozen=True, kw_only=True):
    """Assets by their key."""

    items: list[Asset]
    next_cursor: str | None


class AssetRiskList(msgspec.Struct, frozen=True, kw_only=True):
    """An asset's days, ascending; those that were never computed are not among them."""

    asset_id: str
    items: list[AssetRisk]
    next_cursor: None = None


class AssetRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """An asset that is gone."""

    removed: str


@get("/assets", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_assets(
    context: NamedDependency[Context],
    kind: FromQuery[str | None] = None,
    bbox: BboxQuery = None,
    cursor: Annotated[str | None, QueryParameter(max_length=MAX_NAME)] = None,
    limit: FromQuery[int] = 100,
) -> AssetPage:
    """Critical assets by their key, each with its risk of today; of one kind, or that touch a box, where asked."""
    wanted = AssetFilter(kind=kind, bbox=parse_bbox(bbox) if bbox is not None else None)
    with context.store.read() as connection:
        items, following = fetch_assets(
            connection, wanted, today=context.today(), after=cursor, limit=read_limit(limit)
        )
    return AssetPage(items=items, next_cursor=following)


@get("/assets/{asset_id:str}", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 404, 503))
def get_asset(context: NamedDependency[Context], asset_id: AssetPath) -> Asset:
    """One asset."""
    with context.store.read() as connection:
        return fetch_asset(connection, asset_id, today=context.today())


@get(
    "/assets/{asset_id:str}/risk",
    guards=[require_admin],
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def get_asset_risk(
    context: NamedDependency[Context],
    asset_id: AssetPath,
    from_day: Annotated[str | None, QueryParameter(name="from")] = None,
    to_day: Annotated[str | None, QueryParameter(name="to", description="by default tomorrow")] = None,
) -> AssetRiskList:
    """What was and is to be expected in an asset's footprint, and what came, day by day; by default of four weeks."""
    first, last = read_days(from_day, to_day, context, default_days=DEFAULT_DAYS)
    with context.store.read() as connection:
        items = fetch_asset_risk(
            connection, asset_id, from_day=first, to_day=last if to_day else last + timedelta(days=1)
        )
    return AssetRiskList(asset_id=asset_id, items=items)


@put(
    "/assets/{asset_id:str}",
    guards=[require_admin],
    status_code=200,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 409, 413, 503),
)
def store_asset(
    request: Request[Any, Any, Any], context: NamedDependency[Context], asset_id: AssetPath, data: JSONBody[AssetChange]
) -> Asset:
    """Make an asset, or change what is given; `geometry` is a GeoJSON point, line or polygon, single or many."""
    who = identify(request, context).name
    with context.store.write() as connection:
        made = put_asset(connection, asset_id, data, resolutions=context.settings.risk.resolutions)
        action = "asset.make" if made else "asset.change"
        insert_audit(connection, who=who, action=action, subject=f"asset/{asset_id}", at=context.clock())
        return fetch_asset(connection, asset_id, today=context.today())


@delete(
    "/assets/{asset_id:str}",
    guards=[require_admin],
    status_code=200,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def remove_asset(
    request: Request[Any, Any, Any], context: NamedDependency[Context], asset_id: AssetPath
) -> AssetRemoved:
    """Remove an asset with its risk; its alert is closed."""
    who, now = identify(request, context).name, context.clock()
    with context.store.write() as connection:
        delete_asset(connection, asset_id, who=who, now=now)
    return AssetRemoved(removed=asset_id)


@post(
    "/assets/import",
    guards=[require_admin],
    status_code=200,
    responses=problems(400, 401, 403, 409, 413, 503),
)
async def import_assets(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    idempotency: NamedDependency[Idempotency],
    data: JSONBody[dict[str, Any]],
    idempotency_key: IdempotencyKey = None,
) -> AssetImportReport:
    """Make or change the assets of a GeoJSON document; the key is a feature's id or its property `asset_id`."""
    caller = await run_sync(identify, request, context)
    who, body = (caller.name, "assets"), await request.body()

    def perform() -> AssetImportReport:
        resolutions = context.settings.risk.resolutions
        return import_asset_features(context.store, data, resolutions=resolutions, who=caller.name, now=context.clock())

    report: AssetImportReport = await run_sync(idempotency.once, who, idempotency_key, body, perform)
    return report

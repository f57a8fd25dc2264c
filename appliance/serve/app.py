"""The web application: routes, what they are given, errors, headers. Built by `server`, and by tests."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, NamedTuple

import anyio
from litestar import Litestar, Router, get
from litestar.config.compression import CompressionConfig
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from appliance.errors import HexpostError
from appliance.serve import (
    alerts,
    analytics,
    anomalies,
    assets,
    backtests,
    cells,
    coverage,
    devices,
    downlink,
    events,
    firmware,
    forecast,
    identity,
    near,
    ops,
    quarantine,
    stream,
    style,
    tiles,
    zones,
)
from appliance.serve.context import Context
from appliance.serve.errors import hexpost_problem, http_problem, unknown_problem
from appliance.serve.hotspot import routes as hotspots
from appliance.serve.idempotency import Idempotency
from appliance.serve.iot import desk as iot_desk
from appliance.serve.iot import routes as iot
from appliance.serve.pace import Pace
from appliance.serve.security import LoginBrake
from appliance.serve.watch import Watch

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]

VERSION = "0.1.0"
HEADERS = {
    # The map asks nothing of any other host, and the browser holds it to that.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "worker-src 'self'; connect-src 'self'; font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
NO_MAP = (
    "<!doctype html><title>Hexpost</title><p>The API is up; the map is not built. "
    "Run <code>make ui</code> and start again."
)
ROUTES = [
    events.upload_events,
    events.list_events,
    near.list_events_nearby,
    near.list_events_along_route,
    near.list_events_in_area,
    analytics.run_analytics,
    analytics.get_run,
    analytics.list_risk,
    hotspots.list_hotspots,
    cells.get_cell,
    coverage.list_coverage,
    forecast.list_forecast,
    backtests.get_backtests,
    backtests.get_latest_backtest,
    backtests.get_backtest,
    backtests.create_backtest,
    tiles.get_risk_tile,
    tiles.get_hex_tile,
    tiles.get_cell_list,
    tiles.get_risk_feed,
    tiles.get_flag_feed,
    tiles.get_risk_day,
    style.get_map_card,
    style.get_basemap_tile,
    style.get_tilejson,
    style.get_style,
    devices.list_devices,
    devices.import_registry,
    devices.export_registry,
    devices.list_outages,
    near.list_devices_nearby,
    near.list_devices_along_route,
    near.list_devices_in_area,
    devices.get_device,
    devices.patch_device,
    zones.list_zones,
    zones.get_zone,
    zones.store_zone,
    zones.remove_zone,
    zones.import_zones,
    zones.list_groups,
    zones.store_group,
    zones.remove_group,
    zones.list_windows,
    zones.create_window,
    zones.remove_window,
    assets.list_assets,
    assets.import_assets,
    assets.get_asset,
    assets.get_asset_risk,
    assets.store_asset,
    assets.remove_asset,
    alerts.list_alerts,
    alerts.get_alert,
    alerts.patch_alert,
    anomalies.list_anomalies,
    anomalies.get_anomaly,
    anomalies.patch_anomaly,
    *iot.ROUTES,
    identity.create_token,
    identity.get_me,
    stream.open_stream,
    downlink.create_command,
    downlink.list_commands,
    downlink.get_command,
    downlink.cancel,
    downlink.list_audit,
    firmware.list_firmware,
    firmware.add_firmware,
    firmware.remove_firmware,
    firmware.get_image,
    firmware.create_wave,
    firmware.list_waves,
    firmware.get_wave,
    firmware.stop,
    quarantine.list_quarantine,
    quarantine.get_quarantined,
    quarantine.retry_quarantine,
    quarantine.drop_entry,
    ops.get_live,
    ops.get_ready,
    ops.get_status,
    ops.get_openapi,
]


class Parts(NamedTuple):
    """What an application has of one context; its routes know of none."""

    given: dict[str, Provide]
    state: State
    lifespan: Lifespan


def make_parts(context: Context, alive: Callable[[], None] = lambda: None) -> Parts:
    """What the routes are given by name, and what runs while they are served; `alive` as for `create_app`."""
    watch = Watch(context, lambda: ops.health_of(context))
    shared = {
        "context": context,
        "watch": watch,
        "tiles": tiles.Tiles(context, watch),
        "hotspot_reports": hotspots.HotspotReports(context),
        "idempotency": Idempotency(),
        "brake": LoginBrake(),
        "iot": iot_desk.Desk(context),
        "pace": Pace(
            rate=context.settings.http.upload_rate, burst=context.settings.http.upload_burst, monotonic=time.monotonic
        ),
    }

    @asynccontextmanager
    async def watching(_app: Litestar) -> AsyncIterator[None]:
        with suppress(HexpostError):  # `run` says what is wrong, and tries again
            await watch.look()
        async with anyio.create_task_group() as group:
            group.start_soon(watch.run, alive)
            yield
            group.cancel_scope.cancel()

    return Parts(
        given={name: Provide(_giver(thing), sync_to_thread=False) for name, thing in shared.items()},
        state=State({"context": context, "watch": watch}),
        lifespan=watching,
    )


def create_app(context: Context, *, alive: Callable[[], None] = lambda: None) -> Litestar:
    """The application over a context; `alive` is called while its watch on the store turns."""
    parts = make_parts(context, alive)
    return Litestar(
        route_handlers=[Router("/v1", route_handlers=ROUTES), ops.get_metrics, *_map_routes(context)],
        dependencies=parts.given,
        state=parts.state,
        lifespan=[parts.lifespan],
        exception_handlers={
            HexpostError: hexpost_problem,
            HTTPException: http_problem,
            Exception: unknown_problem,
        },
        before_send=[_add_headers],
        compression_config=CompressionConfig(
            backend="gzip",
            gzip_compress_level=1,
            exclude=["/v1/stream", "/v1/tiles", "/v1/feed", "/v1/basemaps", "/v1/firmware/.*/image"],
        ),
        openapi_config=OpenAPIConfig(
            title="Hexpost",
            version=VERSION,
            path="/v1/openapi",  # `ops.get_openapi` serves it: Litestar's own route answers all of /v1 with HTML errors
            render_plugins=[JsonRenderPlugin()],
            use_handler_docstrings=True,
            components=Components(security_schemes={"token": _TOKEN}),
            security=[{}, {"token": []}],
        ),
        request_max_body_size=context.settings.http.max_upload_mb * 1024 * 1024,
    )


_TOKEN = SecurityScheme(
    type="http",
    scheme="bearer",
    bearer_format="JWT",
    description="The access_token of POST /v1/auth/token; routes that may answer 401 need one.",
)


def with_aliases(app: ASGIApp) -> ASGIApp:
    """The paths of the systems that Hexpost replaces lead to the same routes: `/api/v1/…` and `/iot/…` to `/v1/…`."""

    async def aliased(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["path"].startswith(("/api/v1/", "/iot/")):
            path = scope["path"].removeprefix("/api") if scope["path"].startswith("/api/") else f"/v1{scope['path']}"
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await app(scope, receive, send)

    return aliased


def _giver(thing: Any) -> Callable[[], Any]:
    return lambda: thing


async def _add_headers(message: Message, _scope: Scope) -> None:
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)


def _map_routes(context: Context) -> list[Any]:
    if (context.map_folder / "index.html").exists():
        return [create_static_files_router(path="/", directories=[context.map_folder], html_mode=True)]

    @get("/", media_type="text/html", include_in_schema=False)
    async def explain() -> str:
        return NO_MAP

    return [explain]

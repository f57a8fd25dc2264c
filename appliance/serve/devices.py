"""`/devices`: who is out there, where it stands, what is set for it; the registry in and out as files.

A device is named by its source, slashes and spaces included (`/v1/devices/zigbee2mqtt/Contact%20sensor`), or by its
id. A source that ends in a slash, holds two in a row, or reads like another route (`outages`, `nearby`, `x/commands`)
goes by its id. Routes beneath one device that other modules add take the id: a source may be of any depth, and its end
is not seen.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.errors import Rejected
from appliance.ingest.registry import (
    Row,
    read_device_features,
    read_device_table,
    write_device_features,
    write_device_table,
)
from appliance.ingest.text import decode_json, decode_lines
from appliance.model.device import Device, EffectiveSettings
from appliance.model.device_change import DeviceChange
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.idempotency import Idempotency
from appliance.serve.params import BboxQuery, IdempotencyKey, default_resolution, read_instant, read_limit
from appliance.serve.security import identify, require_admin
from appliance.spatial.cells import cell_of, to_hex
from appliance.spatial.geojson import multipolygon, parse_bbox
from appliance.spatial.view import View, cells, finest_resolution, polygons
from appliance.store.device.changes import ImportReport, change_device, import_devices, place_waiting_events
from appliance.store.device.maintenance import OutagePage, fetch_outages, fetch_windows_to_come
from appliance.store.device.registry import (
    DeviceFilter,
    DevicePage,
    count_unplaced,
    event_point,
    fetch_device,
    fetch_devices,
    fetch_effective,
    fetch_every_device,
    view_of_place,
)
from appliance.store.measured.history_page import HistoryPage, fetch_history_page
from appliance.store.measured.positions import FixPage, fetch_positions
from appliance.store.measured.readings import ReadingPage, fetch_readings

HISTORY = timedelta(hours=24)  # of readings and positions, where no time is asked for
TABLE, FEATURES = "text/csv", "application/geo+json"
FINEST_ASKED, COARSEST_ASKED = 11, 5
DEVICE = ["/devices/{device:str}", "/devices/{device:str}/{rest:path}"]
DevicePath = Annotated[str, PathParameter(description="a device's id, or its source up to the first slash")]
RestPath = Annotated[
    str, PathParameter(description="the rest of the source; and for GET /readings, /positions or /history")
]
StateQuery = Literal["pending", "online", "stale", "offline", "maintenance"]
RegistrationQuery = Literal["pending", "approved", "ignored"]


def _operation_id(_handler: HTTPRouteHandler, method: Method, path: list[str | PathParameterDefinition]) -> str:
    """A name for each of the two paths of a device, which Litestar would call the same."""
    return f"{method.title()}Device{'BySource' if len(path) > 3 else ''}"  # v1, devices, {device}, {rest}


class DeviceDetail(Device, frozen=True, kw_only=True):
    """A device with what follows from what is known of it.

    effective         the settings that hold, and who set them
    hangs_on_segment  the segment it fails with
    maintenance       windows, [from, to), that hold or will
    silent_s          since it was last heard
    view              GeoJSON of what it sees; None where its place, heading, opening or range is not known
    cells             those its view falls in, at `cells_resolution`; without a view the one it stands in
    event_point       [lng, lat] where its events lie that bring no place
    unplaced_events   how many wait for a place
    """

    effective: EffectiveSettings
    hangs_on_segment: str
    maintenance: list[tuple[datetime, datetime]]
    silent_s: float | None
    view: dict[str, Any] | None
    cells: list[str]
    cells_resolution: int
    event_point: tuple[float, float] | None
    unplaced_events: int


@dataclass  # without it `__post_init__` is not called
class ImportOperation(Operation):
    """The body of an import is one of two formats, which no single type says."""

    def __post_init__(self) -> None:
        """Name the formats."""
        document = OpenAPIMediaType(schema=Schema(type=OpenAPIType.OBJECT))
        self.request_body = RequestBody(
            required=True,
            description="Devices: CSV with a header, or GeoJSON.",
            content={
                TABLE: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING)),
                FEATURES: document,
                "application/json": document,
            },
        )


@get("/devices", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_devices(
    context: NamedDependency[Context],
    state_: Annotated[StateQuery | None, QueryParameter(name="state")] = None,
    registration: FromQuery[RegistrationQuery | None] = None,
    family: FromQuery[str | None] = None,
    zone: FromQuery[str | None] = None,
    group: FromQuery[str | None] = None,
    segment: FromQuery[str | None] = None,
    bbox: BboxQuery = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> DevicePage:
    """Devices in the order in which they became known."""
    wanted = DeviceFilter(
        state=state_,
        registration=registration,
        family=family,
        zone=zone,
        group=group,
        segment=segment,
        bbox=parse_bbox(bbox) if bbox else None,
    )
    with context.store.read() as connection:
        return fetch_devices(connection, wanted, now=context.clock(), cursor=cursor, limit=read_limit(limit))


@post(
    "/devices/import",
    guards=[require_admin],
    status_code=200,
    operation_class=ImportOperation,
    responses=problems(400, 401, 403, 409, 413, 503),
)
async def import_registry(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    idempotency: NamedDependency[Idempotency],
    idempotency_key: IdempotencyKey = None,
) -> ImportReport:
    """Enter or change many devices; answered after the commit, row by row. Unknown devices are entered as approved."""
    body = await request.body()
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    caller = await run_sync(identify, request, context)

    def perform() -> ImportReport:
        return import_devices(
            context.store,
            _read_rows(body, media_type),
            now=context.clock(),
            hours=SiteHours(context.settings.zone),
            resolutions=context.settings.risk.counted,
        )

    who = (caller.name, "devices")
    report: ImportReport = await run_sync(idempotency.once, who, idempotency_key, body, perform)
    return report


@get("/devices/export", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def export_registry(
    context: NamedDependency[Context], format: FromQuery[Literal["csv", "geojson"]] = "csv"
) -> Response[bytes]:
    """The whole registry as a file that the import reads: CSV or GeoJSON."""
    write: Callable[[Iterator[Device]], Iterator[str]]
    write, media_type = (write_device_table, TABLE) if format == "csv" else (write_device_features, FEATURES)
    with context.store.read() as connection:
        body = b"".join(piece.encode() for piece in write(fetch_every_device(connection, now=context.clock())))
    disposition = {"Content-Disposition": f'attachment; filename="devices.{format}"'}
    return Response(body, media_type=media_type, headers=disposition)


@get("/devices/outages", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_outages(
    context: NamedDependency[Context],
    lasting: Annotated[bool, QueryParameter(description="only those that are not over")] = False,
    cursor: Annotated[int | None, QueryParameter(ge=0, lt=2**53)] = None,
    limit: FromQuery[int] = 100,
) -> OutagePage:
    """What fell silent together, the latest first."""
    with context.store.read() as connection:
        return fetch_outages(connection, lasting=lasting, cursor=cursor, limit=read_limit(limit))


@get(
    DEVICE,
    operation_id=_operation_id,
    guards=[require_admin],
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def get_device(
    context: NamedDependency[Context],
    device: DevicePath,
    rest: RestPath = "",
    resolution: Annotated[int | None, QueryParameter(ge=COARSEST_ASKED, le=FINEST_ASKED)] = None,
    metric: FromQuery[str | None] = None,
    start: Annotated[str | None, QueryParameter(name="from", description="RFC 3339, or a day")] = None,
    end: Annotated[str | None, QueryParameter(name="to", description="RFC 3339, exclusive; or a day")] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
    unit: FromQuery[str | None] = None,
    step: FromQuery[str] = "auto",
) -> DeviceDetail | ReadingPage | FixPage | HistoryPage:
    """One device with all that is known of it.

    With `/readings` or `/positions` after its name: what it measured (`metric` picks one) or where it was, newest
    first, between `from` and `to`, by default of the last 24 hours. With `/history`: a metric by `step` (raw, minute,
    hour, day, or auto, which goes by the time asked for), oldest first. `resolution` is that of `cells`.
    """
    name, tail = _split(device + rest)
    with context.store.read() as connection:
        found = fetch_device(connection, name, now=context.clock())
        if not tail:
            return _detail(connection, found, context, resolution)
        to_time = read_instant(end, context, "to", end=True) or context.clock() + timedelta(minutes=5)
        from_time = read_instant(start, context, "from") or to_time - HISTORY
        if tail == "history":
            return fetch_history_page(
                connection,
                SiteBins(context.settings.zone),
                device=found.source,
                metric=metric,
                unit=unit,
                step=step,
                from_time=from_time,
                to_time=to_time,
                cursor=cursor,
                limit=read_limit(limit),
            )
        fetch = fetch_positions if tail == "positions" else partial(fetch_readings, metric=metric)
        return fetch(
            connection,
            device=found.source,
            from_time=from_time,
            to_time=to_time,
            cursor=cursor,
            limit=read_limit(limit),
        )


@patch(
    DEVICE,
    operation_id=_operation_id,
    guards=[require_admin],
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 413, 503),
)
def patch_device(
    context: NamedDependency[Context], device: DevicePath, data: JSONBody[DeviceChange], rest: RestPath = ""
) -> DeviceDetail:
    """Change what is given, empty what is null, leave the rest; a setting of null is inherited again.

    A device's first place is given to its events that waited for one before this answers.
    """
    now = context.clock()
    with context.store.write() as connection:
        changed = change_device(connection, device + rest, data, now=now)
    place_waiting_events(
        context.store,
        changed.source,
        hours=SiteHours(context.settings.zone),
        resolutions=context.settings.risk.counted,
    )
    with context.store.read() as connection:
        return _detail(connection, changed, context, None)


def _split(name: str) -> tuple[str, str]:
    """A device's name, and which of its histories is asked for, '' for none."""
    for tail in ("readings", "positions", "history"):
        if name.endswith(f"/{tail}"):
            return name.removesuffix(f"/{tail}"), tail
    return name, ""


def _detail(connection: Any, device: Device, context: Context, resolution: int | None) -> DeviceDetail:
    now, view = context.clock(), view_of_place(device.place)
    chosen, found = _cells(device, view, context, resolution)
    windows = fetch_windows_to_come(connection, now)
    return DeviceDetail(
        **{name: getattr(device, name) for name in Device.__struct_fields__},
        effective=fetch_effective(connection, device),
        hangs_on_segment=device.hangs_on,
        maintenance=list(windows.of(source=device.source, group=device.group, zone=device.in_zone)),
        silent_s=max(0.0, (now - device.last_seen).total_seconds()) if device.last_seen else None,
        view=multipolygon(polygons(view)) if view else None,
        cells=[to_hex(cell) for cell in found],
        cells_resolution=chosen,
        event_point=event_point(device.place),
        unplaced_events=count_unplaced(connection, device.source),
    )


def _cells(device: Device, view: View | None, context: Context, resolution: int | None) -> tuple[int, list[int]]:
    """The resolution asked for, by default the site's or the finest that a wide view allows, and the cells."""
    chosen = resolution or default_resolution(context.settings.risk.resolutions)
    if view:
        chosen = chosen if resolution else min(chosen, finest_resolution(view))
        return chosen, cells(view, chosen)
    point = device.place.point
    return chosen, [cell_of(lat=point[1], lng=point[0], resolution=chosen)] if point else []


def _read_rows(body: bytes, media_type: str) -> Iterator[Row]:
    if media_type == TABLE:
        return read_device_table(decode_lines([body]))
    if media_type in {FEATURES, "application/json"}:
        return read_device_features(decode_json(body.removeprefix(b"\xef\xbb\xbf")))
    raise Rejected(f"cannot read {media_type[:60]!r}; send {TABLE} or {FEATURES}", "Content-Type")

"""`/anomalies`: what is out of the ordinary, why, and what people said of it.

Those of cells are for everybody, like the map; those of devices need the login that devices need.
"""

from typing import Annotated, Any

import msgspec
from litestar import Request, get, patch
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from appliance.anomaly.telling import explain
from appliance.errors import Forbidden, Unauthorized
from appliance.model.anomaly import DEVICE_KINDS, Anomaly, AnomalyChange, Kind, State, Threshold
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.params import BboxQuery, read_cursor, read_instant, read_limit
from appliance.serve.security import Caller, identify, require_admin
from appliance.spatial.cells import from_hex
from appliance.spatial.geojson import parse_bbox
from appliance.store.anomaly.labels import fetch_thresholds, label_anomaly
from appliance.store.anomaly.ledger import AnomalyFilter, AnomalyPage, fetch_anomalies, fetch_anomaly

AnomalyId = Annotated[int, PathParameter(ge=1, lt=2**53)]
CellQuery = Annotated[str | None, QueryParameter(description="an H3 cell: it, and all that lies in it")]


class AnomalyDetail(Anomaly, frozen=True, kw_only=True):
    """One with what labels have taught of its subject and its family; what is at the standard is not there."""

    thresholds: list[Threshold]


@get("/anomalies", sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_anomalies(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    start: Annotated[str | None, QueryParameter(name="from", description="RFC 3339, or a day")] = None,
    end: Annotated[str | None, QueryParameter(name="to", description="RFC 3339, exclusive; or a day")] = None,
    kind: FromQuery[Kind | None] = None,
    state_: Annotated[State | None, QueryParameter(name="state")] = None,
    device: FromQuery[str | None] = None,
    h3: CellQuery = None,
    bbox: BboxQuery = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> AnomalyPage:
    """What lasted into [from, to), the latest begun first, each with its reason; without a login of cells only."""
    caller = identify(request, context)
    if kind in DEVICE_KINDS or device is not None:
        _check(caller)
    wanted = AnomalyFilter(
        from_time=read_instant(start, context, "from"),
        to_time=read_instant(end, context, "to", end=True),
        kind=kind,
        state=state_,
        device=device,
        cell=from_hex(h3) if h3 else None,
        bbox=parse_bbox(bbox) if bbox else None,
        public=not caller.is_admin,
    )
    with context.store.read() as connection:
        page = fetch_anomalies(connection, wanted, cursor=read_cursor(cursor), limit=read_limit(limit))
    return AnomalyPage(items=[_told(one, context) for one in page.items], next_cursor=page.next_cursor)


@get("/anomalies/{anomaly_id:int}", sync_to_thread=True, responses=problems(400, 401, 403, 404, 503))
def get_anomaly(
    request: Request[Any, Any, Any], context: NamedDependency[Context], anomaly_id: AnomalyId
) -> AnomalyDetail:
    """One, with what labels have taught of its like."""
    caller = identify(request, context)
    with context.store.read() as connection:
        found = fetch_anomaly(connection, anomaly_id)
        if found.kind in DEVICE_KINDS:
            _check(caller)
        return _detail(connection, found, context)


@patch(
    "/anomalies/{anomaly_id:int}",
    guards=[require_admin],
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 409, 413, 503),
)
def patch_anomaly(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    anomaly_id: AnomalyId,
    data: JSONBody[AnomalyChange],
) -> AnomalyDetail:
    """Say what it was: acknowledged, explained or false. False ones raise the bar of their like, explained ones lower
    it again; who said so stands in the audit log.
    """
    who = identify(request, context).name
    with context.store.write() as connection:
        changed = label_anomaly(connection, anomaly_id, data, who=who, now=context.clock())
        return _detail(connection, changed, context)


def _check(caller: Caller) -> None:
    if not caller.name:
        raise Unauthorized("anomalies of devices need a login: ask for a token at /v1/auth/token")
    if not caller.is_admin:
        raise Forbidden(f"{caller.name} has the role {caller.role}; anomalies of devices need admin")


def _told(found: Anomaly, context: Context) -> Anomaly:
    return msgspec.structs.replace(found, explanation=explain(found, context.settings.zone))


def _detail(connection: Any, found: Anomaly, context: Context) -> AnomalyDetail:
    told = _told(found, context)
    return AnomalyDetail(
        **{name: getattr(told, name) for name in Anomaly.__struct_fields__},
        thresholds=fetch_thresholds(connection, found.id, now=context.clock()),
    )

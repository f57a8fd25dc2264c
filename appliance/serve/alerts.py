"""`/alerts`: what needs somebody's attention, and who has taken note."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get, patch
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from appliance.errors import Rejected
from appliance.model.alert import Alert, AlertFilter, AlertState, Severity
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.params import read_instant, read_limit
from appliance.serve.security import identify, require_admin
from appliance.store.alerts import change_alert, fetch_alert, fetch_alerts

MAX_NOTE = 2_000  # characters

AlertId = Annotated[int, PathParameter(ge=1, lt=2**53)]
Note = Annotated[str, msgspec.Meta(max_length=MAX_NOTE)]


class AlertPage(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts, the last raised first."""

    items: list[Alert]
    next_cursor: str | None


class AlertChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different: its state, a note, or both. It only goes forward: open, acknowledged, closed."""

    state: AlertState | None = None
    note: Note | None = None


@get("/alerts", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_alerts(
    context: NamedDependency[Context],
    wanted: Annotated[AlertState | None, QueryParameter(name="state")] = None,  # `state` is Litestar's own word
    kind: FromQuery[str | None] = None,
    severity: FromQuery[Severity | None] = None,
    from_time: Annotated[str | None, QueryParameter(name="from", description="a time or a day of the site")] = None,
    cursor: Annotated[int | None, QueryParameter(ge=1, lt=2**53)] = None,
    limit: FromQuery[int] = 100,
) -> AlertPage:
    """Alerts, the last raised first; in one state, of one kind or severity, raised since, where asked."""
    chosen = AlertFilter(state=wanted, kind=kind, severity=severity, from_time=read_instant(from_time, context, "from"))
    with context.store.read() as connection:
        found, following = fetch_alerts(connection, chosen, cursor=cursor, limit=read_limit(limit))
    return AlertPage(items=found, next_cursor=str(following) if following is not None else None)


@get("/alerts/{alert_id:int}", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 404, 503))
def get_alert(context: NamedDependency[Context], alert_id: AlertId) -> Alert:
    """One alert."""
    with context.store.read() as connection:
        return fetch_alert(connection, alert_id)


@patch(
    "/alerts/{alert_id:int}",
    guards=[require_admin],
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 409, 503),
)
def patch_alert(
    request: Request[Any, Any, Any], context: NamedDependency[Context], alert_id: AlertId, data: JSONBody[AlertChange]
) -> Alert:
    """Acknowledge an alert, close it, or write a note to it; who did stands in the audit log."""
    if data.state is None and data.note is None:
        raise Rejected("nothing to change: give state or note", "$")
    who = identify(request, context).name
    with context.store.write() as connection:
        return change_alert(connection, alert_id, state=data.state, note=data.note, who=who, now=context.clock())

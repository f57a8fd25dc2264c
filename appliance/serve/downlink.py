"""`/devices/{id}/commands`, `/commands`, `/audit`: what is asked of devices, what came of it, who asked."""

from typing import Annotated, Any

import msgspec
from anyio.to_thread import run_sync
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from appliance.errors import Rejected
from appliance.model.command import DEFAULT_TTL_S, FIRMWARE_TTL_S, AuditEntry, Command, CommandState
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.firmware import base_url_of
from appliance.serve.idempotency import Idempotency
from appliance.serve.params import IdempotencyKey, read_limit
from appliance.serve.security import identify, require_admin
from appliance.store.audit import fetch_audit
from appliance.store.downlink.commands import cancel_command, fetch_command, fetch_commands
from appliance.store.downlink.orders import order_command


class CommandRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order; without `ttl_s` it lives 5 minutes, a firmware update half an hour.

    base_url  where devices reach this box; by default the address this request came to
    """

    command: str
    parameters: dict[str, Any] = {}
    ttl_s: int | None = None
    base_url: str = ""


class CommandPage(msgspec.Struct, frozen=True, kw_only=True):
    """Commands, newest first."""

    items: list[Command]
    next_cursor: str | None


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of the audit log, newest first."""

    items: list[AuditEntry]
    next_cursor: str | None


@post(
    "/devices/{device:str}/commands",
    guards=[require_admin],
    status_code=202,
    responses=problems(400, 401, 403, 404, 409, 503),
)
async def create_command(
    request: Request[Any, Any, Any],
    device: FromPath[str],
    data: JSONBody[CommandRequest],
    context: NamedDependency[Context],
    idempotency: NamedDependency[Idempotency],
    idempotency_key: IdempotencyKey = None,
) -> Command:
    """Queue a command for the device of this id; the bridge sends it within seconds."""

    def perform() -> Command:
        firmware = data.command == "firmware_update"
        with context.store.write() as connection:
            return order_command(
                connection,
                device=device,
                command=data.command,
                parameters=data.parameters,
                base_url=base_url_of(data.base_url, request) if "image" in data.parameters else "",
                ttl_s=data.ttl_s if data.ttl_s is not None else FIRMWARE_TTL_S if firmware else DEFAULT_TTL_S,
                who=caller.name,
                now=context.clock(),
            )

    caller = await run_sync(identify, request, context)
    body = await request.body()
    who = (caller.name, "command", device)
    queued: Command = await run_sync(idempotency.once, who, idempotency_key, body, perform)
    return queued


@get("/commands", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_commands(
    context: NamedDependency[Context],
    device: FromQuery[str | None] = None,
    wanted: Annotated[CommandState | None, QueryParameter(name="state")] = None,  # `state` is Litestar's own word
    wave_id: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> CommandPage:
    """Commands, newest first; of one device, in one state, of one wave where asked."""
    with context.store.read() as connection:
        found, following = fetch_commands(
            connection, device=device, state=wanted, wave_id=wave_id, cursor=_key(cursor), limit=read_limit(limit)
        )
    return CommandPage(items=found, next_cursor=str(following) if following is not None else None)


@get(
    "/commands/{command_id:str}",
    guards=[require_admin],
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def get_command(command_id: FromPath[str], context: NamedDependency[Context]) -> Command:
    """One command and what came of it."""
    with context.store.read() as connection:
        return fetch_command(connection, command_id)


@post(
    "/commands/{command_id:str}/cancel",
    guards=[require_admin],
    status_code=200,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 409, 503),
)
def cancel(request: Request[Any, Any, Any], command_id: FromPath[str], context: NamedDependency[Context]) -> Command:
    """Take a command back that has not gone out; once cancelled it stays so, however often this is asked."""
    who = identify(request, context).name
    with context.store.write() as connection:
        found = fetch_command(connection, command_id)
        return (
            found
            if found.state == "cancelled"
            else cancel_command(connection, command_id, who=who, now=context.clock())
        )


@get("/audit", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_audit(
    context: NamedDependency[Context],
    subject: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> AuditPage:
    """Who did what to what, newest first."""
    wanted = read_limit(limit)
    with context.store.read() as connection:
        found = fetch_audit(connection, subject=subject, before=_key(cursor), limit=wanted)
    return AuditPage(items=found, next_cursor=str(found[-1].audit_id) if len(found) == wanted else None)


def _key(cursor: str | None) -> int | None:
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise Rejected("not a cursor of this list; leave it out for the first page", "cursor")
    return int(cursor) if cursor is not None else None

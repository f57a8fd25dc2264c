"""`/quarantine`: messages that could not be understood, and what is done about them.

A sealed payload, which may hold a number plate, is not shown here: `hexpost quarantine show` opens it on the box.
"""

import base64
from datetime import datetime
from typing import Annotated, Any

import msgspec
from anyio.to_thread import run_sync
from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from appliance.errors import Rejected
from appliance.model.intake import RetryReport
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.idempotency import Idempotency
from appliance.serve.params import IdempotencyKey, read_limit
from appliance.serve.security import identify, require_admin
from appliance.store.quarantine import (
    Quarantined,
    QuarantineFilter,
    Seal,
    drop_quarantined,
    fetch_quarantine,
    fetch_quarantined,
)

MAX_IDS = 1_000  # of one request
LAST_ID = 2**53  # more than there will be, and a whole number in any client

EntryId = Annotated[int, PathParameter(ge=1, lt=LAST_ID)]
TopicQuery = Annotated[str | None, QueryParameter(description="an MQTT topic filter")]
KindQuery = Annotated[str | None, QueryParameter(description="a `kind` as an entry tells it")]
WantedIds = Annotated[
    list[Annotated[int, msgspec.Meta(ge=1, lt=LAST_ID)]], msgspec.Meta(min_length=1, max_length=MAX_IDS)
]
CursorQuery = Annotated[int | None, QueryParameter(ge=1, lt=LAST_ID)]


class QuarantineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A message nobody understood.

    kind     the reason without what varies in it
    preview  the beginning of the payload; '' where it is sealed
    seal     '' in clear, else it may hold a number plate
    cut      the end of the message may be missing
    """

    id: int
    topic: str
    kind: str
    reason: str
    count: int
    first_seen: datetime
    last_seen: datetime
    preview: str
    seal: Seal
    cut: bool


class QuarantineDetail(QuarantineEntry, frozen=True, kw_only=True):
    """One with its payload: as text where it is UTF-8, else as Base64."""

    payload: str | None
    payload_b64: str | None


class QuarantinePage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, newest first."""

    items: list[QuarantineEntry]
    next_cursor: str | None


class RetryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries: their ids, or an MQTT topic filter (`#` for all)."""

    ids: WantedIds | None = None
    topic: str | None = None


@get("/quarantine", guards=[require_admin], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_quarantine(
    context: NamedDependency[Context],
    topic: TopicQuery = None,
    kind: KindQuery = None,
    cursor: CursorQuery = None,
    limit: FromQuery[int] = 100,
) -> QuarantinePage:
    """Messages that could not be understood, newest first; on these topics, of one kind of reason where asked."""
    size, wanted = read_limit(limit), QuarantineFilter(topic=topic, kind=kind)
    with context.store.read() as connection:
        found = fetch_quarantine(connection, wanted, before_id=cursor, limit=size + 1)
    following = str(found[size - 1].id) if len(found) > size else None
    return QuarantinePage(items=[QuarantineEntry(**_told(one)) for one in found[:size]], next_cursor=following)


@get(
    "/quarantine/{entry_id:int}",
    guards=[require_admin],
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def get_quarantined(context: NamedDependency[Context], entry_id: EntryId) -> QuarantineDetail:
    """One entry with its payload."""
    with context.store.read() as connection:
        found = fetch_quarantined(connection, entry_id)
    try:
        return QuarantineDetail(**_told(found), payload=found.payload.decode("utf-8"), payload_b64=None)
    except UnicodeDecodeError:
        return QuarantineDetail(**_told(found), payload=None, payload_b64=base64.b64encode(found.payload).decode())


@post(
    "/quarantine/retry",
    guards=[require_admin],
    status_code=200,
    responses=problems(400, 401, 403, 404, 409, 413, 503),
)
async def retry_quarantine(
    request: Request[Any, Any, Any],
    data: JSONBody[RetryRequest],
    context: NamedDependency[Context],
    idempotency: NamedDependency[Idempotency],
    idempotency_key: IdempotencyKey = None,
) -> RetryReport:
    """Decode entries once more, after a mapping was mended; what is understood now is stored as of its own time."""
    if (data.ids is None) == (data.topic is None):
        raise Rejected("name entries either by `ids` or by a `topic` filter; # names all", "ids")
    caller = await run_sync(identify, request, context)
    body = await request.body()

    def perform() -> RetryReport:
        return context.retry(ids=data.ids, topic=data.topic, who=caller.name)

    report: RetryReport = await run_sync(
        idempotency.once, (caller.name, "quarantine/retry"), idempotency_key, body, perform
    )
    return report


@delete(
    "/quarantine/{entry_id:int}",
    guards=[require_admin],
    status_code=204,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def drop_entry(request: Request[Any, Any, Any], context: NamedDependency[Context], entry_id: EntryId) -> None:
    """Remove one entry for good."""
    who = identify(request, context).name
    with context.store.write() as connection:
        drop_quarantined(connection, [entry_id], who=who, at=context.clock())


def _told(entry: Quarantined) -> dict[str, Any]:
    names = ("id", "topic", "kind", "reason", "count", "first_seen", "last_seen", "preview", "seal", "cut")
    return {name: getattr(entry, name) for name in names}

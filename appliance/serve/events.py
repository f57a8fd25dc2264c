"""`/events`: what happened, in and out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from anyio.to_thread import run_sync
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromQuery, QueryParameter

from appliance.errors import Rejected
from appliance.ingest.files import FileKind, decode_lines, read_rows
from appliance.ingest.native_form import raw_events
from appliance.ingest.options import ReadOptions, Row
from appliance.model.event import Event
from appliance.model.intake import Intake
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.idempotency import Idempotency
from appliance.serve.pace import Pace
from appliance.serve.params import BboxQuery, IdempotencyKey, read_cursor, read_instant, read_limit
from appliance.serve.security import identify, require_admin, require_event_reader
from appliance.spatial.geojson import parse_bbox
from appliance.store.event.pages import EventFilter, EventPage, fetch_events

COMMIT_ROWS = 2_000  # rows written in one transaction: ingest by MQTT waits at most for so many
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
JSON = "application/json"
KINDS: dict[str, FileKind] = {
    JSON: "jsonl",
    "application/x-ndjson": "jsonl",
    "application/ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "text/csv": "csv",
    "application/geo+json": "geojson",
}
RowStatus = Literal["accepted", "duplicate", "rejected"]


class UploadRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one row; `row` is the line on which it begins, or its place in an array, from 1."""

    row: int
    status: RowStatus
    event_id: str | None = None
    path: str | None = None
    reason: str | None = None


class UploadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an upload; what is accepted or duplicate here is durable."""

    accepted: int
    duplicate: int
    rejected: int
    rows: list[UploadRow]


@dataclass  # without it `__post_init__` is not called
class UploadOperation(Operation):
    """The body of an upload is one of several formats, which no single type says."""

    def __post_init__(self) -> None:
        """Name the formats."""
        array = Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.OBJECT))
        text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        self.request_body = RequestBody(
            required=True,
            description="Native events: a JSON array or object, NDJSON, or CSV with a header.",
            content={
                "application/json": OpenAPIMediaType(schema=array),
                "application/x-ndjson": text,
                "text/csv": text,
                "application/geo+json": OpenAPIMediaType(schema=Schema(type=OpenAPIType.OBJECT)),
            },
        )


@post(
    "/events/upload",
    guards=[require_admin],
    status_code=200,
    operation_class=UploadOperation,
    responses=problems(400, 401, 403, 409, 413, 429, 503),
)
async def upload_events(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    idempotency: NamedDependency[Idempotency],
    pace: NamedDependency[Pace],
    idempotency_key: IdempotencyKey = None,
) -> UploadReport:
    """Store events; answered after the commit, row by row. Who uploads too fast is told to wait."""
    body = (await request.body()).removeprefix(BYTE_ORDER_MARK)
    media_type, kind = _kind_of(request.headers.get("content-type", JSON))

    def perform() -> UploadReport:
        rows = one_line(body) if media_type == JSON else body
        pace.check(caller.name)
        stored = store_upload(rows, kind, caller.name, context)
        pace.charge(caller.name, len(stored.rows))
        return stored

    caller = await run_sync(identify, request, context)
    report: UploadReport = await run_sync(idempotency.once, (caller.name, "upload"), idempotency_key, body, perform)
    return report


@get("/events", guards=[require_event_reader], sync_to_thread=True, responses=problems(400, 401, 403, 503))
def list_events(
    context: NamedDependency[Context],
    from_: Annotated[str | None, QueryParameter(name="from", description="RFC 3339, or a day")] = None,
    to: Annotated[str | None, QueryParameter(description="RFC 3339, exclusive; or a day, inclusive")] = None,
    event_type: FromQuery[str | None] = None,
    source: FromQuery[str | None] = None,
    bbox: BboxQuery = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
) -> EventPage:
    """Events, newest first."""
    wanted = EventFilter(
        from_time=read_instant(from_, context, "from"),
        to_time=read_instant(to, context, "to", end=True),
        event_type=event_type,
        source=source,
        bbox=parse_bbox(bbox) if bbox else None,
    )
    with context.store.read() as connection:
        return fetch_events(connection, wanted, cursor=read_cursor(cursor), limit=read_limit(limit))


def one_line(body: bytes) -> bytes:
    """A JSON object that is written over many lines, on one, as rows are read; anything else as it is."""
    if not body.lstrip().startswith(b"{") or b"\n" not in body.strip():
        return body
    try:
        return msgspec.json.format(body, indent=-1)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body  # NDJSON under the wrong name


def store_upload(body: bytes, kind: FileKind, source: str, context: Context) -> UploadReport:
    """Read a body and write its rows; rows before one that the store cannot take now stay written.

    raises  Rejected     the body is not text, or holds nothing that could be a row
    raises  Unavailable  the store cannot be written now
    """
    if not body.strip():
        raise Rejected("the body is empty; send events as a JSON array, NDJSON or CSV")
    options = ReadOptions(source=source, received_at=context.clock(), clock_trusted=context.clock_trusted())
    report: list[UploadRow] = []
    rows = read_rows(kind, decode_lines([body]), options)
    if kind == "jsonl" and body.lstrip().startswith(b"["):
        rows = ((place, item) for place, (_, item) in enumerate(rows, start=1))  # an array has places, not lines
    try:
        for chunk in _chunks(rows):
            report.extend(_store_chunk(chunk, context))
    except Rejected as rejected:
        if "--map" not in rejected.reason:
            raise
        remedy = "an upload takes no options: rename the columns, or bring the file by hexpost import"
        raise Rejected(f"{rejected.reason}; {remedy}", rejected.path) from None
    counts = {status: sum(row.status == status for row in report) for status in ("accepted", "duplicate", "rejected")}
    return UploadReport(rows=report, **counts)


def _store_chunk(chunk: list[Row], context: Context) -> list[UploadRow]:
    events = [item for _, item in chunk if isinstance(item, Event)]
    intake = Intake(events=events, refused=len(chunk) - len(events), raw=raw_events(events, "http"))
    receipt = context.recorder.record(intake)
    outcomes = iter(receipt.outcomes)
    rows = []
    for line, item in chunk:
        if isinstance(item, Event):
            status: RowStatus = "duplicate" if next(outcomes) == "duplicate" else "accepted"
            rows.append(UploadRow(row=line, status=status, event_id=item.event_id))
        else:
            rows.append(UploadRow(row=line, status="rejected", path=item.path, reason=item.reason))
    return rows


def _chunks(rows: Iterable[Row]) -> Iterable[list[Row]]:
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == COMMIT_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _kind_of(content_type: str) -> tuple[str, FileKind]:
    name = content_type.partition(";")[0].strip().lower()
    if name not in KINDS:
        raise Rejected(f"cannot read {name!r}; send one of {', '.join(KINDS)}", "Content-Type")
    return name, KINDS[name]

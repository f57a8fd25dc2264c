"""`/stream`: server-sent events, resumable. What is new in the store, as it happens."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from anyio.to_thread import run_sync
from litestar import get
from litestar.di import NamedDependency
from litestar.params import HeaderParameter
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from appliance.clock import rfc3339
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.watch import Subscription, Watch, event_notice
from appliance.store.event.pages import fetch_events_after

RETRY_MS = 2_000
RESUME_EVENTS = 500  # told again to a browser that was away; what is older it finds in the picture


@get("/stream", responses=problems(400, 503))
async def open_stream(
    context: NamedDependency[Context],
    watch: NamedDependency[Watch],
    last_event_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
) -> ServerSentEvent:
    """Events, finished runs, alerts and the box's health as they come: `hello`, `events`, `run`, `alert`, `health`."""
    news, start = watch.subscribe(), watch.last_key
    return ServerSentEvent(_messages(context, watch, news, start, last_event_id), retry_duration=RETRY_MS)


async def _messages(
    context: Context, watch: Watch, news: Subscription, start: int, last_event_id: str | None
) -> AsyncIterator[ServerSentEventMessage]:
    """`start` is the last event before those that `news` will tell; what was missed ends there."""
    with news:
        store_id = watch.store_id
        seen = resume_key(last_event_id, store_id)
        hello = {"server_time": rfc3339(context.clock()), "store_id": store_id}
        yield _message("hello", msgspec.json.encode(hello), store_id, start if seen is None else seen)
        missed = await run_sync(_missed, context, seen, start) if seen is not None else None
        if missed:
            yield _message("events", missed, store_id, start)
        yield _message("health", msgspec.json.encode(await run_sync(watch.health)), store_id, start)
        async for notice in news:
            yield _message(notice.event, notice.data, store_id, notice.last_key)


def resume_key(last_event_id: str | None, store_id: str) -> int | None:
    """The key of the last event a browser saw; None where it saw none, or saw another store's."""
    known, _, key = (last_event_id or "").rpartition(".")
    return int(key) if known == store_id and key.isdecimal() and len(key) < 19 else None


def _missed(context: Context, seen: int, start: int) -> bytes | None:
    """The events after `seen` up to `start`, at most the newest `RESUME_EVENTS` of them."""
    with context.store.read() as connection:
        found = fetch_events_after(connection, max(seen, start - RESUME_EVENTS), RESUME_EVENTS)
    items: list[dict[str, Any]] = [event_notice(event, context) for key, event in found if key <= start]
    return msgspec.json.encode({"items": items}) if items else None


def _message(event: str, data: bytes, store_id: str, key: int) -> ServerSentEventMessage:
    return ServerSentEventMessage(event=event, data=data.decode(), id=f"{store_id}.{key}")

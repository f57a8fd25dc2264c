"""The serve process: uvicorn over the application, stopped by an event."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import uvicorn

from appliance.errors import Unavailable
from appliance.serve.app import create_app, with_aliases
from appliance.serve.context import Context
from appliance.serve.watch import Watch

GRACE_S = 3  # open streams are cut after this: their browsers come back and resume


def serve(
    context: Context,
    *,
    stop: threading.Event,
    ready: Callable[[str], None],
    report: Callable[[Mapping[str, Any]], None],
) -> None:
    """Serve until `stop` is set.

    raises  Unavailable  the address cannot be listened on
    """
    http = context.settings.http
    app = create_app(context, alive=lambda: report({}))
    server = uvicorn.Server(
        uvicorn.Config(
            with_aliases(app),
            host=http.host,
            port=http.port,
            log_level=logging.WARNING,
            access_log=False,  # a line a request would be a write a request
            timeout_graceful_shutdown=GRACE_S,
            server_header=False,
        )
    )
    watch: Watch = app.state.watch
    asyncio.run(_serve(server, stop, lambda: ready(f"http://{http.host}:{http.port}"), watch.end))
    if not server.started:
        raise Unavailable(
            f"cannot listen on {http.host}:{http.port}; `ss -ltnp 'sport = :{http.port}'` names who does. End that, or "
            "set another http.port"
        )


async def _serve(
    server: uvicorn.Server, stop: threading.Event, ready: Callable[[], None], end_streams: Callable[[], None]
) -> None:
    serving = asyncio.create_task(_listen(server))
    told = False
    while not serving.done():
        if server.started and not told:
            ready()
            told = True
        if stop.is_set():
            server.should_exit = True
            end_streams()  # an open stream would hold the process for the whole of its grace
        await asyncio.wait({serving}, timeout=0.1)
    await serving


async def _listen(server: uvicorn.Server) -> None:
    with contextlib.suppress(SystemExit):  # how uvicorn says that it could not listen; told by `started`
        await server._serve()  # not `serve`: the signals are this process's own

"""`/analytics/run`, `/risk/{date}`: the picture, and asking for a new one."""

import time
from typing import Annotated, Any

from anyio import sleep
from anyio.to_thread import run_sync
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, PathParameter, QueryParameter

from appliance.model.risk import CALIBRATED, Run
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.idempotency import Idempotency
from appliance.serve.params import (
    BboxQuery,
    IdempotencyKey,
    ResolutionQuery,
    check_profile,
    read_day,
    read_days,
    read_limit,
    read_resolution,
)
from appliance.serve.security import identify, require_admin
from appliance.serve.watch import Watch
from appliance.spatial.cells import from_hex
from appliance.spatial.geojson import parse_bbox
from appliance.store.risk.picture import (
    RiskPage,
    fetch_calibrated_risk,
    fetch_risk,
)
from appliance.store.risk.runs import fetch_run, insert_run

WAIT_S = 20.0  # how long an answer waits for the run it asked for, unless `wait` says otherwise
LOOK_S = 0.1


@post(
    "/analytics/run",
    guards=[require_admin],
    status_code=200,
    responses={202: ResponseSpec(Run, description="Not done yet"), **problems(400, 401, 403, 409, 503)},
)
async def run_analytics(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    idempotency: NamedDependency[Idempotency],
    watch: NamedDependency[Watch],
    resolution: ResolutionQuery = None,
    start: Annotated[str | None, QueryParameter(name="from")] = None,
    end: Annotated[str | None, QueryParameter(name="to")] = None,
    wait: Annotated[float, QueryParameter(ge=0, le=60, description="seconds to wait for the result")] = WAIT_S,
    idempotency_key: IdempotencyKey = None,
) -> Response[Run]:
    """Ask the jobs process for a composite run; 200 once it is done, 202 while it is still going."""
    caller = await run_sync(identify, request, context)
    chosen = read_resolution(resolution, context)
    first, last = read_days(start, end, context, default_days=context.settings.risk.days)

    def ask() -> Run:
        with context.store.write() as connection:
            return insert_run(connection, resolution=chosen, from_day=first, to_day=last, now=context.clock())

    body = f"{chosen} {first} {last}".encode()
    run: Run = await run_sync(idempotency.once, (caller.name, "run"), idempotency_key, body, ask)
    deadline = time.monotonic() + wait
    while run.state in {"queued", "running"} and time.monotonic() < deadline:
        await sleep(LOOK_S)
        run = await run_sync(_look, context, run.run_id)
    while run.state == "done" and not watch.has_seen(run.run_id) and time.monotonic() < deadline:
        await sleep(LOOK_S)  # who is told that it is done may ask for a tile next, and must not get an old one
    over = run.state in {"done", "failed"}
    return Response(run, status_code=200 if over else 202, headers={"Location": f"/v1/analytics/runs/{run.run_id}"})


@get(
    "/analytics/runs/{run_id:int}",
    guards=[require_admin],
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def get_run(context: NamedDependency[Context], run_id: Annotated[int, PathParameter(ge=1, lt=2**53)]) -> Run:
    """How a run is getting on."""
    return _look(context, run_id)


@get("/risk/{day:str}", sync_to_thread=True, responses=problems(400, 503))
def list_risk(
    context: NamedDependency[Context],
    day: Annotated[str, PathParameter(description="a day, or today")],
    resolution: ResolutionQuery = None,
    profile: FromQuery[str] = "composite",
    bbox: BboxQuery = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 500,
) -> RiskPage:
    """Every cell of a day, by ascending cell; of the calibrated profile also of tomorrow."""
    check_profile(profile)
    fetch = fetch_calibrated_risk if profile == CALIBRATED else fetch_risk
    with context.store.read() as connection:
        return fetch(
            connection,
            day=read_day(day, context),
            resolution=read_resolution(resolution, context),
            bbox=parse_bbox(bbox) if bbox else None,
            after_cell=from_hex(cursor) if cursor else 0,
            limit=read_limit(limit),
        )


def _look(context: Context, run_id: int) -> Run:
    with context.store.read() as connection:
        return fetch_run(connection, run_id)

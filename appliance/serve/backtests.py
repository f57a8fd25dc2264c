"""`/backtests…`: whether the forecast holds at this site, and asking for a new proof. The jobs process makes it."""

from typing import Annotated, Any

import msgspec
from anyio.to_thread import run_sync
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from appliance.aggregate.hours import SiteHours
from appliance.model.backtest import Backtest, Enough
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.idempotency import Idempotency
from appliance.serve.params import IdempotencyKey, ResolutionQuery, read_resolution
from appliance.serve.security import identify, require_admin
from appliance.store.forecast.backtests import (
    ask_backtest,
    fetch_backtest,
    fetch_latest,
    list_backtests,
    measure_history,
)

TEST_DAYS = 90


class BacktestList(msgspec.Struct, frozen=True, kw_only=True):
    """The backtests that are kept, the newest first, without what they found."""

    items: list[Backtest]
    next_cursor: None = None


class LatestBacktest(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands.

    latest   the last one that came to a good end, with its report
    waiting  one that is asked for or going on
    problem  why the last one failed, if that was after `latest`; else ''
    history  while there is no `latest`: how much there is to test with, and how much is needed
    """

    latest: Backtest | None
    waiting: Backtest | None
    problem: str
    history: Enough | None


@get("/backtests", sync_to_thread=True, responses=problems(503))
def get_backtests(context: NamedDependency[Context]) -> BacktestList:
    """Every backtest that is kept."""
    with context.store.read() as connection:
        return BacktestList(items=list_backtests(connection))


@get("/backtests/latest", sync_to_thread=True, responses=problems(503))
def get_latest_backtest(context: NamedDependency[Context]) -> LatestBacktest:
    """The last backtest, and what stands in the way of one."""
    risk = context.settings.risk
    with context.store.read() as connection:
        latest = fetch_latest(connection)
        ended = fetch_latest(connection, states=("done", "failed"))
        return LatestBacktest(
            latest=latest,
            waiting=fetch_latest(connection, states=("queued", "running")),
            problem=ended.message if ended and ended.state == "failed" else "",
            history=None if latest else measure_history(connection, SiteHours(context.settings.zone), types=risk.types),
        )


@get("/backtests/{backtest_pk:int}", sync_to_thread=True, responses=problems(400, 404, 503))
def get_backtest(
    context: NamedDependency[Context], backtest_pk: Annotated[int, PathParameter(ge=1, lt=2**53)]
) -> Backtest:
    """One backtest: how it is getting on, or what it found."""
    with context.store.read() as connection:
        return fetch_backtest(connection, backtest_pk)


@post("/backtests", guards=[require_admin], status_code=202, responses=problems(400, 401, 403, 409, 503))
async def create_backtest(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    idempotency: NamedDependency[Idempotency],
    resolution: ResolutionQuery = None,
    test_days: Annotated[int, QueryParameter(ge=2, le=3_660)] = TEST_DAYS,
    idempotency_key: IdempotencyKey = None,
) -> Response[Backtest]:
    """Ask for a backtest, by default at the site's finest resolution; it is begun within a minute."""
    caller = await run_sync(identify, request, context)
    finest = max(context.settings.risk.resolutions)
    chosen = read_resolution(finest if resolution is None else resolution, context)

    def ask() -> Backtest:
        with context.store.write() as connection:
            return ask_backtest(connection, resolution=chosen, test_days=test_days, now=context.clock())

    body = f"{chosen} {test_days}".encode()
    asked: Backtest = await run_sync(idempotency.once, (caller.name, "backtest"), idempotency_key, body, ask)
    return Response(asked, headers={"Location": f"/v1/backtests/{asked.backtest_pk}"})

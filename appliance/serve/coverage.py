"""`/coverage/{date}`: which cells were watched on a day, by which devices, and why those that were not."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, PathParameter, QueryParameter

from appliance.errors import Rejected
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.params import ResolutionQuery, read_day, read_limit, read_resolution
from appliance.serve.security import identify
from appliance.spatial.cells import from_hex
from appliance.store.coverage.detail import STATES, CoveragePage, fetch_coverage_page, with_devices

StateQuery = Annotated[
    str | None, QueryParameter(name="state", description=f"only cells that are so: {', '.join(STATES)}")
]


@get("/coverage/{day:str}", sync_to_thread=True, responses=problems(400, 401, 503))
def list_coverage(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    day: Annotated[str, PathParameter(description="a day, or today")],
    resolution: ResolutionQuery = None,
    only: StateQuery = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 500,
) -> CoveragePage:
    """Cells of a day that devices look at, by ascending cell; who is logged in sees the devices and their downtimes.

    Of cells that no device looks at the site's day speaks: their `coverage` stands in `/risk/{date}`.
    """
    if only is not None and only not in STATES:
        raise Rejected(f"{only[:40]!r} is not one of {', '.join(STATES)}", "state")
    asked = read_day(day, context)
    caller = identify(request, context)
    with context.store.read() as connection:
        page = fetch_coverage_page(
            connection,
            resolution=read_resolution(resolution, context),
            day=asked,
            state=only,
            after_cell=from_hex(cursor) if cursor else 0,
            limit=read_limit(limit),
        )
        if not caller.name:
            return page
        items = with_devices(connection, page.items, day=asked, zone=context.settings.zone, now=context.clock())
    return msgspec.structs.replace(page, items=items)

"""`/hotspots`: where events gather, grow and fade beyond chance, explained; worked out once for an unchanged store."""

import threading
from collections import OrderedDict
from typing import Annotated, Any, Literal, cast

import anyio
import msgspec
from anyio.to_thread import run_sync
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from appliance.aggregate.hours import SiteHours
from appliance.errors import Rejected, Unavailable
from appliance.hotspot.sub_periods import PARTS_LEAST, REFERENCE_MOST
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.hotspot.answer import HotspotAsk, HotspotList, HotspotReport, Kind, Method, as_geojson, page_of
from appliance.serve.hotspot.report import make_report, question
from appliance.serve.params import BboxQuery, ResolutionQuery, read_days, read_limit, read_resolution
from appliance.serve.security import identify
from appliance.spatial.geojson import parse_bbox
from appliance.store.risk.hotspots import Stamp, fetch_stamp

REPORTS = 6  # kept; of 2,000 hotspots each is some 6 MB
TURN_S = 20.0  # how long a question waits for those before it
RADIUS_M, MAX_RADIUS_M, LEAST_RADIUS_M = 300.0, 20_000.0, 20.0
MIN_EVENTS, MAX_MIN_EVENTS, LEAST_MIN_EVENTS = 5, 50, 3
MAX_TYPES, MAX_TYPE_LENGTH = 20, 200
GEOJSON = "application/geo+json"

KindQuery = Annotated[list[Kind] | None, QueryParameter(description="may be given again; by default all")]
TypesQuery = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=MAX_TYPE_LENGTH)]] | None,
    QueryParameter(max_items=MAX_TYPES, description="may be given again; by default those that count in risk"),
]
ReferenceQuery = Annotated[
    int | None,
    QueryParameter(ge=PARTS_LEAST, le=REFERENCE_MOST, description="days before the period that it is held against"),
]
RadiusQuery = Annotated[
    float, QueryParameter(ge=LEAST_RADIUS_M, le=MAX_RADIUS_M, description="metres, of method=points")
]
MinEventsQuery = Annotated[
    int, QueryParameter(ge=LEAST_MIN_EVENTS, le=MAX_MIN_EVENTS, description="within the radius, of method=points")
]
FormatQuery = Annotated[
    Literal["json", "geojson"] | None, QueryParameter(name="format", description="geojson: clusters with outlines")
]


class HotspotReports:
    """Reports that were worked out, one at a time, and are kept while the store's events and scores stay as they are.

    One a process: a report takes a core for a second, and many maps ask the same.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kept: OrderedDict[HotspotAsk, tuple[Stamp, HotspotReport]] = OrderedDict()
        self._lock = threading.Lock()
        self._turn = anyio.Semaphore(1)
        self.made = 0

    async def report(self, ask: HotspotAsk) -> HotspotReport:
        """The report of a question, from memory or worked out on a thread.

        raises  Unavailable  others have asked so much that its turn did not come in time
        """
        known = await run_sync(self._known, ask)
        if known is not None:
            return known
        try:
            with anyio.fail_after(TURN_S):
                await self._turn.acquire()
        except TimeoutError:
            raise Unavailable(f"finding hotspots: others have been asked for since {TURN_S:g} s; try again") from None
        try:
            return await run_sync(self._make, ask)
        finally:
            self._turn.release()

    def _known(self, ask: HotspotAsk) -> HotspotReport | None:
        with self._context.store.read() as connection:
            return self._kept_for(ask, fetch_stamp(connection))

    def _make(self, ask: HotspotAsk) -> HotspotReport:
        with self._context.store.read() as connection:
            stamp = fetch_stamp(connection)
            known = self._kept_for(ask, stamp)
            if known is not None:
                return known
            report = make_report(connection, ask, SiteHours(self._context.settings.zone))
        with self._lock:
            self.made += 1
            self._kept[ask] = stamp, report
            self._kept.move_to_end(ask)
            while len(self._kept) > REPORTS:
                self._kept.popitem(last=False)
        return report

    def _kept_for(self, ask: HotspotAsk, stamp: Stamp) -> HotspotReport | None:
        with self._lock:
            kept = self._kept.get(ask)
            if kept is None or kept[0] != stamp:
                return None
            self._kept.move_to_end(ask)
            return kept[1]


@get("/hotspots", responses=problems(400, 503))
async def list_hotspots(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    hotspot_reports: NamedDependency[HotspotReports],
    start_date: FromQuery[str | None] = None,
    end_date: FromQuery[str | None] = None,
    resolution: ResolutionQuery = None,
    kind: KindQuery = None,
    method: FromQuery[Method] = "cells",
    event_type: TypesQuery = None,
    reference_days: ReferenceQuery = None,
    radius_m: RadiusQuery = RADIUS_M,
    min_events: MinEventsQuery = MIN_EVENTS,
    bbox: BboxQuery = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
    answer_as: FormatQuery = None,
) -> Response[HotspotList]:
    """Hotspots of a range of days, by default the last seven, each explained in words and numbers.

    Cells (the default): emerging and fading against the days before, persistent and hot by Getis-Ord Gi*, all beyond
    chance with 5 % false discoveries, and high_risk: a day above medium in the composite profile and nothing else.
    Points: DBSCAN. Without `kind` the highest composite score comes first, with it the most significant.
    """
    first, last = read_days(start_date, end_date, context, default_days=7, names=("start_date", "end_date"))
    caller = await run_sync(identify, request, context)
    ask = question(
        first=first,
        last=last,
        resolution=read_resolution(resolution, context),
        types=event_type or context.settings.risk.types,
        method=method,
        reference_days=reference_days,
        radius_m=radius_m,
        min_events=min_events,
        fine=caller.is_admin or context.settings.security.public_events,
        now=context.clock(),
        zone=context.settings.zone,
    )
    window = {"after": read_offset(cursor), "limit": read_limit(limit)}
    box, kinds = parse_bbox(bbox) if bbox else None, frozenset(kind or ())
    report = await hotspot_reports.report(ask)
    page = await run_sync(lambda: page_of(report, kinds=kinds, bbox=box, **window))
    if answer_as == "geojson" or (answer_as is None and GEOJSON in request.headers.get("accept", "")):
        body = await run_sync(lambda: msgspec.json.encode(as_geojson(page)))
        return cast("Response[HotspotList]", Response(body, media_type=GEOJSON))
    return Response(page)


def read_offset(cursor: str | None) -> int:
    """How many items came before.

    raises  Rejected  not a cursor of this list
    """
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 8):
        raise Rejected("not a cursor of this list; leave it out for the first page", "cursor")
    return int(cursor)

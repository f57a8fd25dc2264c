"""Where answers about zones are worked out: two at a time beside the other requests, and kept while nothing changed.

One a process; the routes of `iot` ask it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from appliance.aggregate.bins import Hour, SiteBins
from appliance.clock import HOUR_US, from_us, to_us
from appliance.errors import NotFound, Rejected
from appliance.iot.correlation import MAX_LAG_H, Association, associate
from appliance.iot.plates import OVER_S
from appliance.iot.zone_risk import Part, PartCoverage, combine
from appliance.model.device import Device
from appliance.serve.context import Context
from appliance.serve.iot.insights import InsightList, list_what_stands_out
from appliance.serve.iot.motion import LOOK_BACK_DAYS
from appliance.serve.iot.picture import Group, cell_of_device, group_devices, group_of_cell, look_at
from appliance.spatial.areas import cells_of_area
from appliance.spatial.cells import from_hex, resolution_of, to_hex
from appliance.store.device.registry import DeviceFilter, fetch_devices, fetch_every_device
from appliance.store.device.zones import fetch_zone, fetch_zones
from appliance.store.iot.activity import Activity, Followed, fetch_activity, fetch_followed, fetch_stamp
from appliance.store.iot.crowds import (
    fetch_deaf_spans,
    fetch_hourly_crowd,
    fetch_hourly_incidents,
    fetch_whole_from,
    hour_of_week,
)
from appliance.store.iot.offline_shares import is_camera
from appliance.store.iot.watch_list import fetch_hits_since
from appliance.store.settled.settle import fetch_resolutions

if TYPE_CHECKING:  # all SQL is the store's
    import sqlalchemy as sa

AT_ONCE = 2
ANSWERS = 64
KEPT_US = 10_000_000
MAX_CELLS_TOLD = 100
MAX_DEVICES = 5_000
"""Of one zone."""


class ZoneRiskAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The risk of a zone.

    risk_score  0..100; None where no part is known; at_most: if every unknown part were at its worst
    """

    zone: str
    name: str
    at: datetime
    devices: int
    cameras: int
    risk_score: float | None
    at_most: float
    coverage: PartCoverage
    parts: list[Part]


class CrowdCorrelation(msgspec.Struct, frozen=True, kw_only=True):
    """What the crowds of a place have to do with each type of incident there.

    start, end      whole hours of the site, half-open
    crowd_devices   that told of a crowd in them; crowd_hours of which it is known
    cells           in which incidents are counted, of this resolution, at most a hundred of `cell_count`; of a zone all
                    that it touches, so more may count than lies in it
    types_searched  types with enough incidents; p and intervals hold for all of them and all lags at once
    """

    location: str
    kind: str
    start: datetime
    end: datetime
    hours: int
    crowd_hours: int
    devices: int
    resolution: int
    cell_count: int
    cells: list[str]
    max_lag_h: int
    types_searched: int
    items: list[Association]
    next_cursor: None = None


class Desk:
    """Works answers out, and keeps the last ones."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._limiter = CapacityLimiter(AT_ONCE)
        self._answers: OrderedDict[tuple[Any, ...], tuple[tuple[int, ...], Any]] = OrderedDict()
        self._lock = threading.Lock()
        self._activity: tuple[tuple[Followed, int], Activity] | None = None

    async def insights(self, zone: str | None, h3: str | None, limit: int) -> InsightList:
        """What stands out, everywhere, in a zone, or in a cell.

        raises  NotFound  no such zone
                Rejected  not a cell, or both are asked for
        """
        if zone is not None and h3 is not None:
            raise Rejected("ask for a zone or a cell, not both", "h3")
        found: InsightList = await self._once(
            ("insights", zone, h3, limit), lambda connection, now: self._insights(connection, now, zone, h3, limit)
        )
        return found

    async def risk(self, zone: str) -> ZoneRiskAnswer:
        """The risk of a zone.

        raises  NotFound  no such zone
        """
        found: ZoneRiskAnswer = await self._once(
            ("risk", zone), lambda connection, now: self._risk(connection, now, zone)
        )
        return found

    async def correlation(self, location: str, days: int) -> CrowdCorrelation:
        """What crowds have to do with incidents at a zone or in a cell.

        raises  NotFound  neither a zone nor a cell
                Rejected  a cell of a resolution that is not counted, or a zone too large
        """
        found: CrowdCorrelation = await self._once(
            ("crowd", location, days), lambda connection, now: self._correlation(connection, now, location, days)
        )
        return found

    async def _once(self, key: tuple[Any, ...], work: "Callable[[sa.Connection, datetime], Any]") -> Any:
        return await run_sync(self._answer, key, work, limiter=self._limiter)

    def _answer(self, key: tuple[Any, ...], work: "Callable[[sa.Connection, datetime], Any]") -> Any:
        now = self._context.clock()
        with self._context.store.read() as connection:
            stamp = (*fetch_stamp(connection), to_us(now) // KEPT_US)
            with self._lock:
                known = self._answers.get(key)
            if known is not None and known[0] == stamp:
                return known[1]
            answer = work(connection, now)
        with self._lock:
            self._answers[key] = (stamp, answer)
            self._answers.move_to_end(key)
            while len(self._answers) > ANSWERS:
                self._answers.popitem(last=False)
        return answer

    def _insights(
        self, connection: "sa.Connection", now: datetime, zone: str | None, h3: str | None, limit: int
    ) -> InsightList:
        strays = []
        if zone is not None:
            groups = [_group_of_zone(connection, zone, now)]
        elif h3 is not None:
            groups = [group_of_cell(fetch_every_device(connection, now=now), h3)]
        else:
            capacities = {found.zone: found.capacity for found in fetch_zones(connection)}
            groups = group_devices(fetch_every_device(connection, now=now), capacities)
        looks = look_at(connection, groups, self._activity_of(connection, now), self._bins(), now)
        if zone is None and h3 is None:
            told = {hit.id for look in looks for hit in look.hits}
            since = to_us(now) - round(OVER_S * 1_000_000)
            strays = [hit for hit in fetch_hits_since(connection, since) if hit.id not in told]
        return list_what_stands_out(looks, strays, now, limit)

    def _risk(self, connection: "sa.Connection", now: datetime, zone: str) -> ZoneRiskAnswer:
        name = fetch_zone(connection, zone).name
        group = _group_of_zone(connection, zone, now)
        (look,) = look_at(connection, [group], self._activity_of(connection, now), self._bins(), now)
        risk = combine(look.findings)
        return ZoneRiskAnswer(
            zone=zone,
            name=name,
            at=now,
            devices=len(group.devices),
            cameras=sum(map(is_camera, group.devices)),
            risk_score=risk.risk_score,
            at_most=risk.at_most,
            coverage=risk.coverage,
            parts=risk.parts,
        )

    def _correlation(self, connection: "sa.Connection", now: datetime, location: str, days: int) -> CrowdCorrelation:
        bins = self._bins()
        resolutions = fetch_resolutions(connection)
        kind, devices, cells, resolution = _place(connection, location, now, resolutions)
        sources = [device.source for device in devices]
        end = bins.hour_of(to_us(now)).start
        start = bins.hour_of(fetch_whole_from(connection, end - days * 24 * HOUR_US)).start
        hours = list(bins.hours(start, end))
        crowd = fetch_hourly_crowd(connection, sources, hours)
        if np.isfinite(crowd).any():  # before anybody counted people there is nothing to compare with
            first = int(np.argmax(np.isfinite(crowd)))
            hours, crowd = hours[first:], crowd[first:]
        types = self._context.settings.risk.types
        counts = fetch_hourly_incidents(connection, cells, hours, resolution=resolution, bins=bins, types=types)
        items = associate(
            crowd,
            counts,
            watched=_watched(hours, fetch_deaf_spans(connection, start, to_us(now))),
            hour_of_week=np.array([hour_of_week(hour, bins) for hour in hours], dtype=np.int64),
        )
        return CrowdCorrelation(
            location=location,
            kind=kind,
            start=from_us(hours[0].start if hours else end),
            end=from_us(end),
            hours=len(hours),
            crowd_hours=int(np.isfinite(crowd).sum()),
            devices=len(sources),
            resolution=resolution,
            cell_count=len(cells),
            cells=[to_hex(cell) for cell in cells[:MAX_CELLS_TOLD]],
            max_lag_h=MAX_LAG_H,
            types_searched=sum(one.p_value is not None for one in items),
            items=items,
        )

    def _activity_of(self, connection: "sa.Connection", now: datetime) -> Activity:
        """What devices detected in the last weeks; read anew when it was added to, which is once a minute."""
        end = self._bins().hour_of(to_us(now)).end
        key = (fetch_followed(connection), end)
        known = self._activity
        if known is None or known[0] != key:
            start = end - LOOK_BACK_DAYS * 24 * HOUR_US
            known = self._activity = (key, fetch_activity(connection, start=start, end=end))
        return known[1]

    def _bins(self) -> SiteBins:
        return SiteBins(self._context.settings.zone)


def _group_of_zone(connection: "sa.Connection", zone: str, now: datetime) -> Group:
    found = fetch_zone(connection, zone)
    page = fetch_devices(connection, DeviceFilter(zone=zone), now=now, cursor=None, limit=MAX_DEVICES)
    devices = [device for device in page.items if device.registration != "ignored"]
    return Group(zone=zone, h3_index=None, capacity=found.capacity, devices=devices)


def _place(
    connection: "sa.Connection", location: str, now: datetime, resolutions: Sequence[int]
) -> tuple[str, list[Device], list[int], int]:
    """Kind of a location, its devices, the cells in which its incidents are counted, and their resolution."""
    try:
        zone = fetch_zone(connection, location)
    except NotFound:
        try:
            cell = from_hex(location)
        except Rejected:
            raise NotFound(f"{location[:200]!r} is neither a zone nor an H3 cell; GET /v1/zones lists zones") from None
        resolution = resolution_of(cell)
        if resolution not in resolutions:
            counted = ", ".join(map(str, resolutions))
            raise Rejected(
                f"incidents are counted at resolution {counted}, not at {resolution}; ask for such a cell", "location"
            ) from None
        devices = [one for one in fetch_every_device(connection, now=now) if cell_of_device(one, resolution) == cell]
        return "cell", devices, [cell], resolution
    finest = max(resolutions)
    devices = _group_of_zone(connection, zone.zone, now).devices
    return "zone", devices, cells_of_area(zone.geometry, finest), finest


def _watched(hours: Sequence[Hour], deaf: Sequence[tuple[int, int]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(n,) False where nobody could be heard for half of the hour or more."""
    found = np.ones(len(hours), dtype=np.bool_)
    starts = np.array([hour.start for hour in hours], dtype=np.int64)
    for began, ended in deaf:
        first = max(0, int(np.searchsorted(starts, began, side="right")) - 1)
        for n in range(first, int(np.searchsorted(starts, ended))):
            away = min(ended, hours[n].end) - max(began, hours[n].start)
            found[n] &= 2 * away < hours[n].end - hours[n].start
    return found

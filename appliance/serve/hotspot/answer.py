"""The shapes of an answer about hotspots: what was asked, each hotspot, each cluster, and the same as GeoJSON."""

from datetime import date
from typing import Any, Literal

import msgspec

from appliance.hotspot.words import Reason
from appliance.spatial.geojson import Bounds, feature, feature_collection

Kind = Literal["emerging", "fading", "persistent", "hot", "high_risk", "dense"]
Method = Literal["cells", "points"]
Coverage = Literal["observed", "unknown"]
KINDS: tuple[Kind, ...] = ("emerging", "persistent", "hot", "fading", "high_risk", "dense")


class HotspotAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What decides a report; equal questions of an unchanged store have equal answers.

    `types` empty means all. `share_of_today` is how much of `today` is over. `fine` lets an outline follow the points
    themselves; without it outlines are made of cells that are shown to everybody.
    """

    first: date
    last: date
    resolution: int
    types: tuple[str, ...]
    method: Method
    reference_days: int
    radius_m: float
    min_events: int
    fine: bool
    today: date
    share_of_today: float


class HotspotItem(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that is a hotspot, or the densest cell of a cluster of points.

    The scores are those of the composite profile, None where no run has the cell in the period. `event_count` are the
    events of the asked types in the period, `expected` what the reference lets expect. `p_value` is of the growth or
    decline, two-sided (of the cell with its neighbours where the reason says together), and `q_value` the share of
    false discoveries at which it would be believed; `gi_z` and `gi_p` are Getis-Ord Gi*. What a method does not work
    out is None. `reason` says in numbers what `explanation` says in words.
    """

    h3_index: str
    longitude: float
    latitude: float
    event_count: int
    mean_risk_score: float | None
    max_risk_score: float | None
    risk_level: str | None
    days_high: int
    days_flagged: int
    kind: Kind
    cluster: str
    coverage: Coverage
    expected: float | None
    growth: float | None
    p_value: float | None
    q_value: float | None
    gi_z: float | None
    gi_p: float | None
    hot_sub_periods: int | None
    sub_periods: int | None
    neighbours_alike: int
    explanation: str
    reason: Reason


class HotspotCluster(msgspec.Struct, frozen=True, kw_only=True):
    """Adjacent cells of one kind, or points that lie dense; `outline` is a GeoJSON MultiPolygon.

    `h3_index` is its busiest cell (of a fading one that which was busiest), `peak` the reason of that, None of points;
    `h3_cells` are those that it consists of.
    """

    id: str
    kind: Kind
    h3_index: str
    longitude: float
    latitude: float
    event_count: int
    expected: float | None
    area_km2: float
    p_value: float | None
    h3_cells: list[str]
    outline: dict[str, Any]
    explanation: str
    reason: Reason
    peak: Reason | None


class HotspotReference(msgspec.Struct, frozen=True, kw_only=True):
    """What the period is held against: `sub_periods` parts of about `sub_period_days`; how much of both was watched.

    A day counts as watched when anything came in anywhere at the site, and today for the part of it that is over.
    """

    start_date: date
    end_date: date
    sub_periods: int
    sub_period_days: float
    watched_days: float
    period_watched_days: float


class HotspotReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found. `found` counts hotspots by kind, also those that are not among `items`."""

    ask: HotspotAsk
    reference: HotspotReference | None
    cells_looked_at: int
    events: int
    found: dict[str, int]
    items: list[HotspotItem]
    clusters: list[HotspotCluster]
    notes: list[str]


class HotspotList(msgspec.Struct, frozen=True, kw_only=True):
    """Hotspots of an inclusive range of days, the worst first; clusters of those that are asked for."""

    start_date: date
    end_date: date
    resolution: int
    method: Method
    event_types: list[str]
    reference: HotspotReference | None
    cells_looked_at: int
    event_count: int
    found: dict[str, int]
    items: list[HotspotItem]
    clusters: list[HotspotCluster]
    notes: list[str]
    next_cursor: str | None


def page_of(
    report: HotspotReport, *, kinds: frozenset[Kind], bbox: Bounds | None, after: int, limit: int
) -> HotspotList:
    """Some of a report: of these kinds (empty: all), with its middle in a box, `limit` items after so many.

    Without kinds the order is that of the composite score, with them that of significance. Clusters come whole with
    every page.
    """

    def wanted(one: HotspotItem | HotspotCluster) -> bool:
        return (not kinds or one.kind in kinds) and (bbox is None or _inside(bbox, one.longitude, one.latitude))

    items = [item for item in report.items if wanted(item)]
    if kinds:
        items.sort(key=_significance)
    ask = report.ask
    return HotspotList(
        start_date=ask.first,
        end_date=ask.last,
        resolution=ask.resolution,
        method=ask.method,
        event_types=list(ask.types),
        reference=report.reference,
        cells_looked_at=report.cells_looked_at,
        event_count=report.events,
        found=report.found,
        items=items[after : after + limit],
        clusters=[cluster for cluster in report.clusters if wanted(cluster)],
        notes=report.notes,
        next_cursor=str(after + limit) if len(items) > after + limit else None,
    )


def as_geojson(page: HotspotList) -> dict[str, Any]:
    """The clusters of a page as features with their outlines; what else it says stands beside them."""
    features = [
        feature(cluster.outline, _plain(cluster, leave={"outline", "id"}), id=cluster.id) for cluster in page.clusters
    ]
    return {**feature_collection(features), **_plain(page, leave={"items", "clusters", "next_cursor"})}


def _plain(struct: msgspec.Struct, *, leave: set[str]) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.to_builtins(struct)
    return {name: value for name, value in body.items() if name not in leave}


def _significance(item: HotspotItem) -> tuple[int, float, int]:
    surprise = item.p_value if item.kind in ("emerging", "fading") else item.gi_p
    return KINDS.index(item.kind), 1.0 if surprise is None else surprise, -item.event_count


def _inside(bbox: Bounds, lng: float, lat: float) -> bool:
    west, south, east, north = bbox
    across = west <= lng <= east if west <= east else lng >= west or lng <= east
    return across and south <= lat <= north

"""A report of clusters of points (DBSCAN) in place of cells. Called by `report`."""

from typing import TYPE_CHECKING

import numpy as np

from appliance.aggregate.hours import SiteHours
from appliance.hotspot.points import NOISE, Floats, dbscan
from appliance.hotspot.words import Reason, explain
from appliance.serve.hotspot.answer import HotspotAsk, HotspotCluster, HotspotItem, HotspotReport
from appliance.spatial.cells import EVENT_RESOLUTION, cell_of, centre, from_hex, to_hex
from appliance.spatial.geojson import areas
from appliance.spatial.hull import convex_hull, middle_of
from appliance.spatial.outline import cells_area_km2, outline
from appliance.store.risk.hotspots import Points, fetch_points
from appliance.store.risk.picture import Hotspot, fetch_hotspots

if TYPE_CHECKING:
    from sqlalchemy import Connection

MAX_POINTS = 50_000
MAX_CLUSTERS = 500


def report_points(connection: "Connection", ask: HotspotAsk, hours: SiteHours) -> HotspotReport:
    """Clusters of the newest `MAX_POINTS` events of the period, the largest first."""
    points = fetch_points(connection, first=ask.first, last=ask.last, hours=hours, types=ask.types, limit=MAX_POINTS)
    label = dbscan(points.lng, points.lat, radius_m=ask.radius_m, min_events=ask.min_events)
    count = int(label.max(initial=NOISE)) + 1
    order = np.argsort(label, kind="stable")
    starts = np.searchsorted(label[order], np.arange(count + 1))
    clusters = [
        _cluster(points.lng[members], points.lat[members], ask, n)
        for n in range(min(count, MAX_CLUSTERS))
        for members in [order[starts[n] : starts[n + 1]]]
    ]
    scores = fetch_hotspots(
        connection,
        from_day=ask.first,
        to_day=ask.last,
        resolution=ask.resolution,
        limit=-1,
        also=[from_hex(cluster.h3_index) for cluster in clusters],
    )
    score_of = {score.h3_index: score for score in scores}
    items = [_item(cluster, score_of.get(cluster.h3_index)) for cluster in clusters]
    items.sort(key=lambda one: (-(one.max_risk_score or -1.0), -one.event_count, one.cluster))
    return HotspotReport(
        ask=ask,
        reference=None,
        cells_looked_at=0,
        events=len(points.lng),
        found={"dense": count},
        items=items,
        clusters=clusters,
        notes=_notes(points, count),
    )


def _cluster(lng: Floats, lat: Floats, ask: HotspotAsk, number: int) -> HotspotCluster:
    """One cluster; where single events may be shown its outline is their convex hull, else the cells that hold
    them, and its middle that of the cell with most of them."""
    cells = _counted(lng, lat, ask.resolution)
    peak = max(cells, key=lambda cell: (cells[cell], -cell))
    hull, area = convex_hull(lng, lat) if ask.fine else ([], 0.0)
    covered = list(_counted(lng, lat, EVENT_RESOLUTION)) if ask.fine else list(cells)
    shape = areas([[ring] for ring in hull]) if hull else areas(outline(covered))
    area = area if hull else cells_area_km2(covered)
    reason = Reason(
        code="dense",
        numbers={
            "events": len(lng),
            "days": (min(ask.last, ask.today) - ask.first).days + 1,
            "area_km2": area,
            "radius_m": ask.radius_m,
            "min_events": ask.min_events,
        },
    )
    middle_lng, middle_lat = middle_of(lng, lat) if ask.fine else centre(peak)
    return HotspotCluster(
        id=f"dense-{number + 1}",
        kind="dense",
        h3_index=to_hex(peak),
        longitude=middle_lng,
        latitude=middle_lat,
        event_count=len(lng),
        expected=None,
        area_km2=area,
        p_value=None,
        h3_cells=[to_hex(cell) for cell in sorted(cells)],
        outline=shape,
        explanation=explain(reason),
        reason=reason,
        peak=None,
    )


def _counted(lng: Floats, lat: Floats, resolution: int) -> dict[int, int]:
    """Events of each cell that has any."""
    counts: dict[int, int] = {}
    for x, y in zip(lng.tolist(), lat.tolist(), strict=True):
        cell = cell_of(lat=y, lng=x, resolution=resolution)
        counts[cell] = counts.get(cell, 0) + 1
    return counts


def _item(cluster: HotspotCluster, score: Hotspot | None) -> HotspotItem:
    return HotspotItem(
        h3_index=cluster.h3_index,
        longitude=cluster.longitude,
        latitude=cluster.latitude,
        event_count=cluster.event_count,
        mean_risk_score=score.mean_risk_score if score else None,
        max_risk_score=score.max_risk_score if score else None,
        risk_level=score.risk_level if score else None,
        days_high=score.days_high if score else 0,
        days_flagged=score.days_flagged if score else 0,
        kind="dense",
        cluster=cluster.id,
        coverage="observed",
        expected=None,
        growth=None,
        p_value=None,
        q_value=None,
        gi_z=None,
        gi_p=None,
        hot_sub_periods=None,
        sub_periods=None,
        neighbours_alike=0,
        explanation=cluster.explanation,
        reason=cluster.reason,
    )


def _notes(points: Points, clusters: int) -> list[str]:
    notes = []
    if points.more and points.since is not None:
        notes.append(
            f"the period has more than {MAX_POINTS:,} events with a place; these are the newest, since "
            f"{points.since:%Y-%m-%d %H:%M:%S}Z. Ask for fewer days or one event_type to see the others"
        )
    if clusters > MAX_CLUSTERS:
        notes.append(f"of {clusters:,} clusters the {MAX_CLUSTERS} largest are told; take more min_events")
    return notes

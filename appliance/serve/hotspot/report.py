"""Working out a report of hotspots from the store: what is read, judged, put in words. Used by the web part and the
command line; it knows nothing of HTTP.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from appliance.aggregate.hours import SiteHours
from appliance.clock import day_bounds, site_day, to_us
from appliance.hotspot.patches import find_patches
from appliance.hotspot.sub_periods import Span, cut, default_reference_days, lay_out
from appliance.hotspot.verdict import KINDS as FOUND_KINDS
from appliance.hotspot.verdict import NOTHING, History, judge
from appliance.serve.hotspot.answer import (
    KINDS,
    HotspotAsk,
    HotspotCluster,
    HotspotItem,
    HotspotReference,
    HotspotReport,
    Method,
)
from appliance.serve.hotspot.item import Judged, cluster_of, describe
from appliance.serve.hotspot.points import report_points
from appliance.spatial.cells import from_hex, to_hex
from appliance.store.risk.hotspots import (
    fetch_heard_days,
    fetch_known_resolutions,
    fetch_sub_period_counts,
    fetch_watched_days,
)
from appliance.store.risk.picture import Hotspot, fetch_hotspots

if TYPE_CHECKING:
    from sqlalchemy import Connection

MAX_ITEMS = 2_000  # of a report; the site's whole grid is not a list of hotspots
MAX_CLUSTERS = 500
ALL = -1  # to SQLite, no limit
DAY_PARTS = 144  # today is told in steps of ten minutes, so that the same question can be answered from memory


def question(
    *,
    first: date,
    last: date,
    resolution: int,
    types: Sequence[str],
    method: Method,
    reference_days: int | None,
    radius_m: float,
    min_events: int,
    fine: bool,
    now: datetime,
    zone: ZoneInfo,
) -> HotspotAsk:
    """A question as it is asked now; of days that are over it is the same at any time."""
    today = site_day(to_us(now), zone)
    start, end = day_bounds(today, zone)
    share = int((now - start) / (end - start) * DAY_PARTS) / DAY_PARTS
    return HotspotAsk(
        first=first,
        last=last,
        resolution=resolution,
        types=tuple(sorted(set(types))),
        method=method,
        reference_days=reference_days or default_reference_days((last - first).days + 1),
        radius_m=radius_m,
        min_events=min_events,
        fine=fine,
        today=min(today, last + timedelta(days=1)),
        share_of_today=share if today <= last else 0.0,
    )


def make_report(connection: "Connection", ask: HotspotAsk, hours: SiteHours) -> HotspotReport:
    """Everything that was asked, at one moment of the store."""
    if ask.resolution not in fetch_known_resolutions(connection):
        return _nothing(ask)
    if ask.method == "points":
        return report_points(connection, ask, hours)
    spans = cut(Span(first=ask.first, last=ask.last), ask.reference_days)
    history = _fetch_history(connection, ask, spans, hours)
    verdict = judge(history)
    chosen = np.flatnonzero(verdict.kind != NOTHING)
    ranked = chosen[np.lexsort((history.cells[chosen], np.minimum(verdict.growth.p_value, verdict.gi.p_value)[chosen]))]
    listed = history.cells[ranked[:MAX_ITEMS]]
    scores = fetch_hotspots(
        connection,
        from_day=ask.first,
        to_day=ask.last,
        resolution=ask.resolution,
        limit=ALL,
        also=listed.tolist(),
    )
    judged = Judged(history, verdict, spans)
    items, clusters = _told(judged, listed.tolist(), scores)
    found = {kind: int((verdict.kind == n).sum()) for n, kind in enumerate(FOUND_KINDS)}
    found["high_risk"] = sum(item.kind == "high_risk" for item in items)
    return HotspotReport(
        ask=ask,
        reference=_reference(history, spans),
        cells_looked_at=verdict.watched,
        events=int(verdict.events.sum()),
        found=found,
        items=items[:MAX_ITEMS],
        clusters=clusters[:MAX_CLUSTERS],
        notes=_notes(ask, history, sum(found.values()), len(clusters)),
    )


def _nothing(ask: HotspotAsk) -> HotspotReport:
    note = (
        f"resolution {ask.resolution} is not counted at this site, and no run has been made at it; ask for one that "
        f"is, or POST /v1/analytics/run?resolution={ask.resolution}"
    )
    return HotspotReport(
        ask=ask, reference=None, cells_looked_at=0, events=0, found={}, items=[], clusters=[], notes=[note]
    )


def _fetch_history(connection: "Connection", ask: HotspotAsk, spans: Sequence[Span], hours: SiteHours) -> History:
    counts = fetch_sub_period_counts(
        connection,
        [(span.first, span.last) for span in spans],
        resolution=ask.resolution,
        hours=hours,
        types=ask.types,
    )
    heard = fetch_heard_days(connection, spans[0].first, ask.last, hours)
    own = fetch_watched_days(connection, ask.resolution, spans[0].first, ask.last)
    return lay_out(counts, spans, heard=heard, today=ask.today, share_of_today=ask.share_of_today, own=own)


def _told(
    judged: Judged, listed: Sequence[int], scores: Sequence[Hotspot]
) -> tuple[list[HotspotItem], list[HotspotCluster]]:
    """The hotspots, by composite score, and their clusters, the most significant of each kind first."""
    score_of = {from_hex(score.h3_index): score for score in scores}
    cells = sorted({*listed, *(cell for cell, score in score_of.items() if score.days_high)})
    kind_of = [KINDS.index(judged.kind_of(cell)) for cell in cells]
    items: list[HotspotItem] = []
    clusters: list[HotspotCluster] = []
    for patch in find_patches(np.array(cells, np.int64), np.array(kind_of, np.int64)):
        members = [cells[n] for n in patch.members.tolist()]
        name = f"{KINDS[patch.kind]}-{to_hex(members[0])}"
        items += (part := [describe(judged, cell, score_of.get(cell), cluster=name) for cell in members])
        clusters.append(cluster_of(judged, members, part))
    items.sort(key=lambda item: (-_score(item), -item.event_count, item.h3_index))
    clusters.sort(key=lambda one: (KINDS.index(one.kind), one.p_value or 0.0, -one.event_count, one.id))
    return items, clusters


def _score(item: HotspotItem) -> float:
    return -1.0 if item.max_risk_score is None else item.max_risk_score


def _reference(history: History, spans: Sequence[Span]) -> HotspotReference:
    watched = history.of_site
    days = (spans[-1].first - spans[0].first).days
    return HotspotReference(
        start_date=spans[0].first,
        end_date=spans[-2].last,
        sub_periods=len(spans) - 1,
        sub_period_days=days / (len(spans) - 1),
        watched_days=float(watched[:-1].sum()),
        period_watched_days=float(watched[-1]),
    )


def _notes(ask: HotspotAsk, history: History, items: int, clusters: int) -> list[str]:
    """What a reader must know to take the answer for what it is."""
    watched, over = history.of_site, history.lengths
    notes = []
    if ask.first <= ask.today <= ask.last:
        notes.append(f"{ask.today} is not over; it counts as {ask.share_of_today:.2f} of a day")
    for name, blind in (("period", over[-1] - watched[-1]), ("reference", over[:-1].sum() - watched[:-1].sum())):
        if blind > 0:
            notes.append(f"on {blind:.3g} days of the {name} nothing was heard of the site; they are not counted")
    if not watched[:-1].any():
        notes.append("nothing is known of the time before, so nothing can be called emerging, fading or persistent")
    if items > MAX_ITEMS or clusters > MAX_CLUSTERS:
        notes.append(
            f"of {items:,} hotspots in {clusters:,} clusters at most {MAX_ITEMS:,} and {MAX_CLUSTERS} are kept: ask "
            f"for fewer days, or a coarser resolution"
        )
    return notes

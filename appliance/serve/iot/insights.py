"""What stands out at zones and cells, as a list in the order in which somebody should look. Called by `desk`."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from appliance.clock import from_us
from appliance.iot.plates import share_of_hit
from appliance.iot.thresholds import share_beyond
from appliance.iot.zone_risk import WEIGHTS, PartName
from appliance.model.iot import WatchHit
from appliance.serve.iot.picture import (
    Look,
    cell_of_device,
    environment_words,
    is_fresh,
    night_numbers,
    night_words,
)
from appliance.spatial.cells import EVENT_RESOLUTION, to_hex
from appliance.store.iot.thresholds import Standing

Code = Literal[
    "night_motion",
    "motion_anomaly",
    "crowd_near_capacity",
    "watch_list",
    "environment",
    "cameras_offline",
    "cameras_unreachable",
]


class Insight(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that stands out now.

    code      `cameras_unreachable`: an outage that is not the cameras' own; it raises no risk, and nothing is seen
    zone      None outside of every zone; h3_index is where, None where nobody knows
    device    None where it is the zone's
    s         0..1, how much
    points    what it alone would make of the zone's risk, 0..100
    since     when it was read or raised; None where it is of now
    """

    code: Code
    zone: str | None
    h3_index: str | None
    device: str | None
    s: float
    points: float
    words: str
    numbers: dict[str, Any]
    since: datetime | None = None


class InsightList(msgspec.Struct, frozen=True, kw_only=True):
    """What stands out, the most first.

    left_off       how many more there are
    groups         zones and cells that were looked at
    unknown_parts  part -> at how many of them nothing can be said of it
    """

    at: datetime
    items: list[Insight]
    left_off: int
    groups: int
    unknown_parts: dict[PartName, int]
    next_cursor: None = None


def list_what_stands_out(looks: Sequence[Look], strays: Sequence[WatchHit], now: datetime, limit: int) -> InsightList:
    """All of these groups say, the most first, at most `limit`.

    strays  reads of wanted plates at none of the groups
    """
    found = [insight for look in looks for insight in _insights(look, now)]
    found += [_hit_insight(hit, hit.zone or None, now) for hit in strays]
    found.sort(key=lambda one: (-one.points, one.zone or "~", one.code, one.device or ""))
    unknown = {part: sum(look.findings[part].s is None for look in looks) for part in WEIGHTS}
    return InsightList(
        at=now,
        items=found[:limit],
        left_off=max(0, len(found) - limit),
        groups=len(looks),
        unknown_parts={part: count for part, count in unknown.items() if count},
    )


def _insights(look: Look, now: datetime) -> Iterator[Insight]:
    for tell in (_nights, _of_the_zone, _cameras):
        yield from tell(look)
    for one in look.environment:
        if one.state.is_raised and is_fresh(one, now):
            yield _environment_insight(look, one)
    for hit in look.hits:
        if share_of_hit((now - hit.observed_at).total_seconds()) > 0.0:
            yield _hit_insight(hit, look.group.zone, now)


def _nights(look: Look) -> Iterator[Insight]:
    for source, night in look.nights.items():
        if night.s:
            words, numbers = night_words(source, night), night_numbers(night)
            yield _insight(look, "night_motion", "night_motion", night.s, words, numbers, device=source)


def _of_the_zone(look: Look) -> Iterator[Insight]:
    codes: tuple[tuple[Code, PartName], ...] = (
        ("motion_anomaly", "motion_anomaly"),
        ("crowd_near_capacity", "crowd_density"),
    )
    for code, part in codes:
        finding = look.findings[part]
        if finding.s:
            yield _insight(look, code, part, finding.s, finding.words, finding.numbers)


def _cameras(look: Look) -> Iterator[Insight]:
    finding = look.findings["cameras_offline"]
    if finding.s:
        yield _insight(look, "cameras_offline", "cameras_offline", finding.s, finding.words, finding.numbers)
    elif finding.numbers.get("offline_not_theirs"):
        yield _insight(look, "cameras_unreachable", "cameras_offline", 0.0, finding.words, finding.numbers)


def _environment_insight(look: Look, one: Standing) -> Insight:
    state, threshold = one.state, one.series.threshold
    numbers = {
        "metric": one.series.metric,
        "value": state.last_value,
        "worst": state.worst,
        "raise_at": threshold.raise_at,
        "clear_at": threshold.clear_at,
        "severity": threshold.severity,
        "limit": threshold.source,
    }
    found = _insight(
        look,
        "environment",
        "environment",
        share_beyond(state, threshold),
        environment_words(one),
        numbers,
        device=one.series.device,
    )
    return msgspec.structs.replace(found, since=from_us(state.raised_at) if state.raised_at is not None else None)


def _hit_insight(hit: WatchHit, zone: str | None, now: datetime) -> Insight:
    age_s = (now - hit.observed_at).total_seconds()
    s = share_of_hit(age_s)
    return Insight(
        code="watch_list",
        zone=zone,
        h3_index=hit.h3_index,
        device=hit.source,
        s=s,
        points=100.0 * WEIGHTS["watch_list"] * s,
        words=f"{hit.label}, which is looked for, read by {hit.source} {max(0.0, age_s) / 60:.0f} min ago",
        numbers={"entry_id": hit.entry_id, "event_id": hit.event_id, "score": hit.score, "age_s": age_s},
        since=hit.observed_at,
    )


def _insight(
    look: Look,
    code: Code,
    part: PartName,
    s: float,
    words: str,
    numbers: dict[str, Any],
    *,
    device: str | None = None,
) -> Insight:
    return Insight(
        code=code,
        zone=look.group.zone,
        h3_index=_where(look, lambda one: device is None or one == device),
        device=device,
        s=s,
        points=100.0 * WEIGHTS[part] * s,
        words=words,
        numbers=numbers,
    )


def _where(look: Look, is_meant: Callable[[str], bool]) -> str | None:
    """The cell of the device that is meant; of a group its own, else that of its first device with a place."""
    if look.group.h3_index is not None and is_meant(""):
        return look.group.h3_index
    cells = (cell_of_device(device, EVENT_RESOLUTION) for device in look.group.devices if is_meant(device.source))
    return next((to_hex(cell) for cell in cells if cell is not None), None)

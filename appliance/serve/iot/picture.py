"""What the sensors and cameras of zones and cells say now: their risk by parts, and what stands out.

Reads what the store has counted and judged, hands it to `iot`, and keeps the last answers for as long as nothing
changed, ten seconds at most. Called by the routes of `iot`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.aggregate.bins import SiteBins
from appliance.clock import from_us, to_us
from appliance.iot.cameras import judge_cameras
from appliance.iot.crowd import judge_crowd
from appliance.iot.night import NightVerdict, zone_share
from appliance.iot.plates import OVER_S, share_of_hit
from appliance.iot.thresholds import share_beyond
from appliance.iot.zone_risk import Finding, PartName
from appliance.model.device import Device
from appliance.model.iot import WatchHit
from appliance.serve.iot.motion import LOOK_BACK_DAYS, judge_motion, judge_nights
from appliance.spatial.cells import cell_of, from_hex, parent, resolution_of, to_hex
from appliance.store.device.registry import event_point
from appliance.store.iot.activity import Activity, count_behind
from appliance.store.iot.crowds import crowd_of, fetch_crowd_now, fetch_device_outages
from appliance.store.iot.offline_shares import fetch_offline_shares
from appliance.store.iot.thresholds import Standing, fetch_standings
from appliance.store.iot.watch_list import count_wanted, fetch_hits_since
from appliance.store.measured.history import DAY_US

if TYPE_CHECKING:  # all SQL is the store's
    import sqlalchemy as sa

BEHIND = 20_000
"""Events that wait to be counted beyond which nothing is said of motion."""
FRESH = timedelta(hours=2)
"""A measured value that is older says nothing of now."""
CELL_RESOLUTION = 8
"""Of the cells by which devices outside of every zone are grouped."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Devices that are judged together: of a zone, or of a cell.

    zone      None for a cell
    h3_index  None for a zone
    """

    zone: str | None
    h3_index: str | None
    capacity: float | None
    devices: list[Device]

    @property
    def key(self) -> str:
        """Its name among the groups of one look."""
        return f"zone/{self.zone}" if self.zone is not None else f"cell/{self.h3_index}"

    @property
    def sources(self) -> list[str]:
        """Of its devices."""
        return [device.source for device in self.devices]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at one group: each part, and what of it was found at single devices.

    nights  source -> verdict; environment and hits: those that say anything now
    """

    group: Group
    findings: dict[PartName, Finding]
    nights: dict[str, NightVerdict]
    environment: list[Standing]
    hits: list[WatchHit]


def group_devices(devices: Iterable[Device], capacities: Mapping[str, float | None]) -> list[Group]:
    """A group for each zone, those without a device too, and one for each cell of devices outside of every zone."""
    of_zone: dict[str, list[Device]] = {zone: [] for zone in capacities}
    of_cell: dict[str, list[Device]] = {}
    for device in devices:
        if device.registration == "ignored":
            continue
        cell = cell_of_device(device, CELL_RESOLUTION)
        if device.in_zone in of_zone:
            of_zone[device.in_zone].append(device)
        elif cell is not None:
            of_cell.setdefault(to_hex(cell), []).append(device)
    zones = [
        Group(zone=zone, h3_index=None, capacity=capacities[zone], devices=found) for zone, found in of_zone.items()
    ]
    return [*zones, *(Group(zone=None, h3_index=h3, capacity=None, devices=found) for h3, found in of_cell.items())]


def group_of_cell(devices: Iterable[Device], h3: str) -> Group:
    """The devices that stand in a cell, or whose view's middle does.

    raises  Rejected  it is no cell
    """
    cell = from_hex(h3)
    found = [
        device
        for device in devices
        if device.registration != "ignored" and cell_of_device(device, resolution_of(cell)) == cell
    ]
    return Group(zone=None, h3_index=to_hex(cell), capacity=None, devices=found)


def cell_of_device(device: Device, resolution: int) -> int | None:
    """The cell in which a device's events lie; None where nobody knows."""
    point = event_point(device.place)
    return cell_of(lng=point[0], lat=point[1], resolution=resolution) if point else None


def look_at(
    connection: "sa.Connection", groups: Sequence[Group], activity: Activity, bins: SiteBins, now: datetime
) -> list[Look]:
    """What there is to find at each group now; `activity` is that of `iot_motion.LOOK_BACK_DAYS`."""
    us = to_us(now)
    sources = {source for group in groups for source in group.sources}
    behind = count_behind(connection)
    outages = fetch_device_outages(connection, us - LOOK_BACK_DAYS * DAY_US, us)
    deaf = any(names is None and ended >= us for _, ended, names in outages)
    every = judge_nights([one for group in groups for one in group.devices], activity, outages, bins, us)
    crowd = fetch_crowd_now(connection, sources, now=us)
    standings = fetch_standings(connection)
    hits = fetch_hits_since(connection, us - round(OVER_S * 1_000_000))
    shares = fetch_offline_shares(connection, {group.key: group.devices for group in groups})
    motion = judge_motion({group.key: _up(group) for group in groups}, activity, bins, us)
    wanted = count_wanted(connection, us)
    looks = []
    for group in groups:
        mine = set(group.sources)
        nights = {source: every[source] for source in group.sources if source in every}
        beyond = [one for one in standings if one.series.device in mine]
        seen = [hit for hit in hits if _is_in(hit, group, mine)]
        told = crowd_of(crowd, mine, now=us)
        findings: dict[PartName, Finding] = {
            "night_motion": _nights_finding(nights),
            "motion_anomaly": motion[group.key],
            "crowd_density": judge_crowd(
                people=told.people,
                per_m2=told.per_m2,
                capacity=group.capacity,
                devices=told.devices,
                age_s=told.age_us / 1e6 if told.age_us is not None else None,
            ),
            "watch_list": _plates_finding(seen, wanted, _reads_plates(mine, activity), now),
            "environment": _environment_finding(beyond, now),
            "cameras_offline": judge_cameras(shares[group.key]),
        }
        if deaf:
            findings["motion_anomaly"] = Finding(s=None, words="nobody can be heard: our link to the broker is down")
        elif group.devices and not _up(group):
            findings["motion_anomaly"] = Finding(s=None, words="every device of it is down")
        if behind > BEHIND:
            counting = Finding(s=None, words=f"detections are being counted, {behind:,} events wait")
            findings |= {"night_motion": counting, "motion_anomaly": counting}
        looks.append(Look(group=group, findings=findings, nights=nights, environment=beyond, hits=seen))
    return looks


def is_within(h3: str, outer: str) -> bool:
    """Whether a cell's middle lies in another, coarser or equal."""
    cell, around = from_hex(h3), from_hex(outer)
    return resolution_of(around) <= resolution_of(cell) and parent(cell, resolution_of(around)) == around


def is_fresh(standing: Standing, now: datetime) -> bool:
    """Whether what a series told last says anything of now."""
    return abs(now - from_us(standing.state.last_at)) <= FRESH


def _up(group: Group) -> list[str]:
    """Its devices, or none where each that is a member is down: who hears nothing cannot tell calm."""
    return group.sources if any(device.state != "offline" for device in group.devices) else []


def _is_in(hit: WatchHit, group: Group, sources: set[str]) -> bool:
    if hit.source in sources or group.h3_index is None:
        return hit.source in sources or hit.zone == group.zone
    return hit.h3_index is not None and is_within(hit.h3_index, group.h3_index)


def _reads_plates(sources: set[str], activity: Activity) -> bool:
    return not activity.readers.isdisjoint(sources)


def _nights_finding(nights: Mapping[str, NightVerdict]) -> Finding:
    judged = {source: night for source, night in nights.items() if night.p_value is not None}
    s = zone_share([*nights.values()])
    if s is None:
        most = max((night.nights for night in nights.values()), default=0)
        words = f"no camera has enough watched nights (at most {most})" if nights else "no camera has told of motion"
        return Finding(s=None, words=words, numbers={"cameras": len(nights)})
    source, night = min(judged.items(), key=lambda item: item[1].p_value or 0.0)
    return Finding(
        s=s,
        words=f"{len(judged)} camera{'s' * (len(judged) != 1)} judged; rarest {night_words(source, night)}",
        numbers={"cameras": len(judged), "device": source, **night_numbers(night)},
    )


def night_words(source: str, night: NightVerdict) -> str:
    """A camera's night for people."""
    expected = f"{night.expected:.1f}" if night.expected is not None else "?"
    return f"{source}: {night.count} detections from 2 to 5, {expected} expected from {night.nights} nights"


def night_numbers(night: NightVerdict) -> dict[str, Any]:
    """A camera's night as numbers."""
    return {
        "count": night.count,
        "expected": night.expected,
        "p_value": night.p_value,
        "nights": night.nights,
    }


def _plates_finding(hits: Sequence[WatchHit], wanted: int, reads: bool, now: datetime) -> Finding:
    if hits:
        last = max(hits, key=lambda hit: hit.observed_at)
        age_s = (now - last.observed_at).total_seconds()
        words = f"{last.label} read by {last.source} {max(0.0, age_s) / 60:.0f} min ago; {len(hits)} reads in 6 hours"
        numbers = {"hits": len(hits), "age_s": age_s, "entry_id": last.entry_id, "device": last.source}
        return Finding(s=share_of_hit(age_s), words=words, numbers=numbers)
    if not wanted:
        return Finding(s=None, words="the watch list is empty")
    if not reads:
        return Finding(s=None, words="no device here has read a plate")
    return Finding(s=0.0, words=f"none of {wanted} plates was read in 6 hours", numbers={"hits": 0, "wanted": wanted})


def _environment_finding(standings: Sequence[Standing], now: datetime) -> Finding:
    fresh = [one for one in standings if is_fresh(one, now)]
    if not fresh:
        words = "no measured value with a threshold in two hours"
        return Finding(s=None, words=words, numbers={"series": len(standings)})
    raised = [one for one in fresh if one.state.is_raised]
    s = max(share_beyond(one.state, one.series.threshold) for one in fresh)
    words = f"{len(raised)} of {len(fresh)} series beyond their threshold"
    if raised:
        worst = max(raised, key=lambda one: share_beyond(one.state, one.series.threshold))
        words += f"; {environment_words(worst)}"
    return Finding(s=s, words=words, numbers={"series": len(fresh), "beyond": len(raised)})


def environment_words(one: Standing) -> str:
    """A series beyond its threshold, for people."""
    threshold = one.series.threshold
    unit = one.series.unit or threshold.unit
    sense = "above" if threshold.raise_at > threshold.clear_at else "below"
    return (
        f"{one.series.metric} {one.state.last_value:g} {unit} at {one.series.device}, raised {sense} "
        f"{threshold.raise_at:g} and cleared at {threshold.clear_at:g}"
    )

"""Milesight's people counters VS121-P to VS135-P: what crosses lines and stays in regions, pushed by HTTP or MQTT.

`…trigger_data` tells what just happened, `…periodic_data` a period, `…total_data` sums since the last reset. Those over
LoRaWAN come through their network server. Called by `people_counting`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from appliance.model.observation import DeviceHealth, EnvironmentReading, Observation, PeopleCount
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of, whole_of

MAX_ITEMS = 64  # lines or regions of one message

_LINES = (("line_trigger_data", False), ("line_periodic_data", True), ("line_count_data", True))


def read_milesight(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """One report, whose parts a site chooses."""
    said, zone = inbound.document, context.zone
    info, times = object_of(said.get("device_info")), object_of(said.get("time_info"))
    serial = text_of(info.get("device_sn"))
    device = f"people_counting/{serial or text_of(info.get('device_mac')) or sender_of(inbound)}"
    end = times.get("end_time") or times.get("time") or times.get("trigger_time")
    at, since = read_instant(end, zone), read_instant(times.get("start_time"), zone)
    found: list[Observation] = [
        DeviceHealth(
            device=device,
            observed_at=at,
            name=text_of(info.get("device_name")),
            manufacturer="Milesight",
            model=text_of(info.get("device")),
            firmware=text_of(info.get("firmware_version")),
            serial=serial or text_of(info.get("device_mac")),
            address=text_of(info.get("ip_address")),
            uptime_s=number_of(info.get("running_time")),
        )
    ]
    for name, periodic in _LINES:
        for item in _items(said.get(name)):
            total = object_of(item.get("total")) or item
            _count(found, device, at, since if periodic else None, _line_of(item), total)
    for item in [*_items(said.get("line_total_data")), *_items(said.get("total_data"))]:
        _count(found, device, at, None, _line_of(item), object_of(item.get("total")) or item, cumulative=True)
    _count(found, device, at, since, "", said)
    for name in ("region_data", "region_trigger_data", "region_periodic_data"):
        _read_regions(found, device, at, said.get(name))
    _read_regions(found, device, at, said)
    return found


def _count(
    found: list[Observation],
    device: str,
    at: datetime | None,
    since: datetime | None,
    line: str,
    total: Mapping[str, Any],
    *,
    cumulative: bool = False,
) -> None:
    """What one object counts, under whichever names: `in`, `in_counted`, `in_cumulative_counted`."""
    entered, left = _whole(total, "in"), _whole(total, "out")
    present = _whole(total, "capacity") if cumulative else whole_of(total.get("current_total"))
    if entered is not None or left is not None or present is not None:
        found.append(
            PeopleCount(
                device=device,
                observed_at=at,
                since=since,
                entered=entered,
                left=left,
                present=present,
                line=line,
                cumulative=cumulative,
            )
        )


def _read_regions(found: list[Observation], device: str, at: datetime | None, said: object) -> None:
    """How many are in each region, and how long they stayed, in milliseconds."""
    if type(said) is not dict:
        return
    for item in _items(said.get("region_count_data")):
        present = whole_of(object_of(item.get("total")).get("current_total"))
        if present is None:
            present = whole_of(item.get("current_total"))
        if present is not None and present >= 0:
            found.append(PeopleCount(device=device, observed_at=at, present=present, line=_region_of(item)))
    for item in _items(said.get("dwell_time_data")):
        for member, channel in (("duration", ""), ("avg_dwell_time", "avg"), ("max_dwell_time", "max")):
            milliseconds = number_of(item.get(member))
            if milliseconds is not None:
                region = _region_of(item)
                found.append(
                    EnvironmentReading(
                        device=device,
                        observed_at=at,
                        metric="dwell_time",
                        value=milliseconds / 1000,
                        unit="s",
                        channel=f"{region}.{channel}" if channel and region else region or channel,
                    )
                )


def _whole(total: Mapping[str, Any], side: str) -> int | None:
    for name in (side, f"{side}_counted", f"{side}_cumulative_counted"):
        value = total.get(name)
        if value is not None:
            return whole_of(value)
    return None


def _items(value: object) -> list[dict[str, Any]]:
    """Objects of a list; one object alone is a list of one."""
    items = [value] if type(value) is dict else list_of(value)
    return [item for item in items[:MAX_ITEMS] if type(item) is dict]


def _line_of(item: Mapping[str, Any]) -> str:
    return text_of(item.get("line_name")) or text_of(item.get("line"))


def _region_of(item: Mapping[str, Any]) -> str:
    return text_of(item.get("region_name")) or text_of(item.get("region"))

"""Milesight's people counters VS121-P to VS135-P: what crosses lines and stays in regions, pushed by HTTP or MQTT.

`…trigger_data` tells what just happened, `…periodic_data` a period, `…total_data` sums since the last reset. Times
without an offset are in the zone that the report names. Those over LoRaWAN come through their network server. Called
by `family`.
Source: Milesight, VS121-P, VS125-P, VS133-P and VS135-P user guides, "Communication Protocol".
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, NamedTuple

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Observation, PeopleCount
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of, whole_of

MAX_ITEMS = 64  # lines or regions of one message

_LINES = (("line_trigger_data", False), ("line_periodic_data", True), ("line_count_data", True))
_SUBJECTS = (("children", "children"), ("staff", "staff"), ("group", "groups"))
"""Member beside `total`, of whom it counts -> subject."""
_OFFSET = re.compile(r"(?:UTC|GMT)([+-])(\d|1\d):?([0-5]\d)", re.ASCII)


class _Report(NamedTuple):
    """Whose, of what moment, of a period since when; and what is found in it."""

    device: str
    at: datetime | None
    since: datetime | None
    found: list[Observation]

    def read(self, metric: str, value: float, unit: str, channel: str = "") -> None:
        self.found.append(
            EnvironmentReading(
                device=self.device, observed_at=self.at, metric=metric, value=value, unit=unit, channel=channel
            )
        )


def read_milesight(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """One report, whose parts a site chooses."""
    said = inbound.document
    info, times = object_of(said.get("device_info")), object_of(said.get("time_info"))
    serial, zone = text_of(info.get("device_sn")), _zone_of(times, context.zone)
    device = f"people_counting/{serial or text_of(info.get('device_mac')) or sender_of(inbound)}"
    end = times.get("end_time") or times.get("time") or times.get("trigger_time")
    at, since = read_instant(end, zone), read_instant(times.get("start_time"), zone)
    report = _Report(device, at, since, [_health(device, at, info)])
    for name, periodic in _LINES:
        for item in _items(said.get(name)):
            _read_line(report, item, since if periodic else None)
    for item in [*_items(said.get("line_total_data")), *_items(said.get("total_data"))]:
        _read_line(report, item, None, cumulative=True)
    _count(report, since, "", said)
    for name in ("region_data", "region_trigger_data", "region_periodic_data"):
        _read_regions(report, said.get(name))
    _read_regions(report, said)
    _read_numbered(report, said)
    _read_flow(report, object_of(said.get("flow_data")))
    _read_others(report, said)
    return report.found


def _health(device: str, at: datetime | None, info: Mapping[str, Any]) -> DeviceHealth:
    processor, storage = object_of(info.get("cpu")), object_of(info.get("storage"))
    figures = (
        ("cpu_percent", processor.get("cpu_usage")),
        ("cpu_temperature_c", processor.get("cpu_temperature")),
        ("storage_percent", storage.get("storage_usage")),
    )
    return DeviceHealth(
        device=device,
        observed_at=at,
        name=text_of(info.get("device_name")),
        manufacturer="Milesight",
        model=text_of(info.get("device")),
        firmware=text_of(info.get("firmware_version")),
        serial=text_of(info.get("device_sn")) or text_of(info.get("device_mac")),
        address=text_of(info.get("ip_address")),
        uptime_s=number_of(info.get("running_time")),
        attributes={name: number for name, told in figures if (number := number_of(told)) is not None},
    )


def _zone_of(times: Mapping[str, Any], zone: tzinfo) -> tzinfo:
    """The counter's own zone, as in `UTC+8:00 China Standard Time`, an hour on in summer; else the site's."""
    named = _OFFSET.match(text_of(times.get("time_zone")) or text_of(times.get("timezone")))
    if named is None:
        return zone
    ahead = timedelta(hours=int(named[2]), minutes=int(named[3])) * (-1 if named[1] == "-" else 1)
    summer = flag_of(times.get("dst_status")) is True
    return timezone(ahead + timedelta(hours=1 if summer else 0))


def _read_line(report: _Report, item: Mapping[str, Any], since: datetime | None, *, cumulative: bool = False) -> None:
    """All who crossed a line, and of them the children, the staff and the groups where they are told apart."""
    line = text_of(item.get("line_name")) or text_of(item.get("line"))
    _count(report, since, line, object_of(item.get("total")) or item, cumulative=cumulative)
    for member, subject in _SUBJECTS:
        part = object_of(item.get(member))
        if part:
            _count(report, since, line, part, subject, cumulative=cumulative)


def _count(
    report: _Report,
    since: datetime | None,
    line: str,
    total: Mapping[str, Any],
    subject: str = "people",
    *,
    cumulative: bool = False,
) -> None:
    """What one object counts, under whichever names: `in`, `in_counted`, `in_cumulative_counted`."""
    entered, left = _whole(total, "in"), _whole(total, "out")
    present = _whole(total, "capacity") if cumulative else whole_of(total.get("current_total"))
    if present is not None and present < 0:  # more went out than came in: nobody can be inside
        present = None
    if entered is not None or left is not None or present is not None:
        report.found.append(
            PeopleCount(
                device=report.device,
                observed_at=report.at,
                since=since,
                entered=entered,
                left=left,
                present=present,
                line=line,
                subject=subject,
                cumulative=cumulative,
            )
        )


def _read_regions(report: _Report, said: object) -> None:
    """How many are in each region, and how long they stayed, in milliseconds."""
    if type(said) is not dict:
        return
    for item in _items(said.get("region_count_data")):
        total = object_of(item.get("total")) or item
        for member, subject in (("", "people"), *_SUBJECTS):
            present = whole_of((object_of(item.get(member)) if member else total).get("current_total"))
            if present is not None and present >= 0:
                _present(report, present, _region_of(item), subject)
    for item in _items(said.get("dwell_time_data")):
        for member, channel in (("duration", ""), ("avg_dwell_time", "avg"), ("max_dwell_time", "max")):
            milliseconds = number_of(item.get(member))
            if milliseconds is not None:
                region = _region_of(item)
                of = f"{region}.{channel}" if channel and region else region or channel
                report.read("dwell_time", milliseconds / 1000, "s", of)


def _read_numbered(report: _Report, said: Mapping[str, Any]) -> None:
    """VS121-P: lists of the same length, of regions, of how many are in each, or at least of whether anybody is."""
    numbers = list_of(said.get("numbering_regions"))[:MAX_ITEMS]
    names, counts = list_of(said.get("regions_name")), list_of(said.get("current_counted"))
    taken = list_of(said.get("occupancy"))
    for place, number in enumerate(numbers):
        region = (text_of(names[place]) if place < len(names) else "") or text_of(number)
        present = whole_of(counts[place]) if place < len(counts) else None
        occupied = flag_of(taken[place]) if place < len(taken) else None
        if present is not None and present >= 0:
            _present(report, present, region, "people")
        elif occupied is not None:
            report.read("occupancy", float(occupied), "1", region)
    most = whole_of(said.get("max_counted", said.get("Max_counted")))
    if most is not None:
        report.read("people_max", float(most), "1")


def _read_flow(report: _Report, flow: Mapping[str, Any]) -> None:
    """How many went from one side of the picture to another: `A-B`."""
    for sides, number in list(flow.items())[:MAX_ITEMS]:
        count = whole_of(number)
        if count is not None and count >= 0 and "-" in sides:
            report.found.append(
                PeopleCount(
                    device=report.device, observed_at=report.at, since=report.since, entered=count, line=sides[:40]
                )
            )


def _read_others(report: _Report, said: Mapping[str, Any]) -> None:
    """How long a region was looked at, and a digital input that was triggered."""
    looked = object_of(said.get("attention_region_trigger_data"))
    for item in _items(looked.get("region_attention_time_data")):
        milliseconds = number_of(item.get("attention_time_ms"))
        if milliseconds is not None:
            report.read("attention_time", milliseconds / 1000, "s", _region_of(item))
    pulled = object_of(said.get("di_trigger_data"))
    if whole_of(pulled.get("di_trigger_count")):
        name = text_of(pulled.get("di_trigger_event_name"))
        report.found.append(
            Alarm(
                device=report.device,
                observed_at=report.at,
                name="digital_input",
                active=True,
                area=name,
                momentary=True,
            )
        )


def _present(report: _Report, present: int, region: str, subject: str) -> None:
    report.found.append(
        PeopleCount(device=report.device, observed_at=report.at, present=present, line=region, subject=subject)
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


def _region_of(item: Mapping[str, Any]) -> str:
    return text_of(item.get("region_name")) or text_of(item.get("region"))

"""Axis people counters (retail data and sums), and the sensors of Disruptive Technologies by their event type.

Called by `family`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from appliance.model.observation import (
    Alarm,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    Observation,
    PeopleCount,
)
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of, whole_of

MAX_MEASUREMENTS = 400  # of one message


class _Event(NamedTuple):
    """An event of Disruptive Technologies: whose, when, its own id, and its data."""

    device: str
    at: datetime | None
    event_id: str
    data: Mapping[str, Any]


def read_axis(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """Axis Retail Data: counts by direction of each interval."""
    document = inbound.document
    sensor = object_of(document.get("sensor"))
    serial = text_of(sensor.get("serial"))
    device = f"people_counting/{serial or sender_of(inbound)}"
    found: list[Observation] = [
        DeviceHealth(
            device=device,
            observed_at=read_instant(document.get("utcSent"), context.zone),
            name=text_of(sensor.get("name")),
            manufacturer="Axis",
            firmware=text_of(sensor.get("applicationVersion")),
            model=text_of(sensor.get("application")),
            serial=serial,
            address=text_of(sensor.get("ipAddress")),
        )
    ]
    for one in list_of(object_of(document.get("data")).get("measurements"))[:MAX_MEASUREMENTS]:
        if type(one) is dict:
            _read_measurement(found, device, one, context)
    return found


def _read_measurement(found: list[Observation], device: str, one: Mapping[str, Any], context: Context) -> None:
    sides: dict[str, int] = {}
    for item in list_of(one.get("items"))[:50]:
        if type(item) is dict:
            side = {"in": "in", "out": "out"}.get(text_of(item.get("direction")), "inside")
            count = whole_of(item.get("count", item.get("occupancy")))
            if count is not None and count >= 0:
                sides[side] = sides.get(side, 0) + count
    if sides:
        found.append(
            PeopleCount(
                device=device,
                observed_at=read_instant(one.get("utcTo") or one.get("localTo"), context.zone),
                since=read_instant(one.get("utcFrom") or one.get("localFrom"), context.zone),
                entered=sides.get("in"),
                left=sides.get("out"),
                present=sides.get("inside"),
                line=text_of(one.get("name")),
            )
        )


def read_axis_sums(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """Today's sums, or how many are inside: `{serial, name, timestamp, in, out}`, or `{occupancy, total_in, …}`."""
    document = inbound.document
    serial = text_of(document.get("serial"))
    device = f"people_counting/{serial or sender_of(inbound)}"
    at = read_instant(_stamp(document.get("timestamp")), context.zone)
    return [
        PeopleCount(
            device=device,
            observed_at=at,
            entered=whole_of(document.get("in", document.get("total_in"))),
            left=whole_of(document.get("out", document.get("total_out"))),
            present=whole_of(document.get("occupancy")),
            cumulative=True,
        ),
        DeviceHealth(device=device, observed_at=at, name=text_of(document.get("name")), serial=serial),
    ]


def read_disruptive(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """An event, alone or as a data connector wraps it with its labels and the device's metadata."""
    document = inbound.document
    said, metadata = object_of(document.get("event")) or document, object_of(document.get("metadata"))
    kind = text_of(said.get("eventType"))
    named = text_of(said.get("targetName")).rpartition("/")[2]
    data = object_of(object_of(said.get("data")).get(kind))
    at = read_instant(data.get("updateTime") or said.get("timestamp"), context.zone)
    device = f"people_counting/{named or sender_of(inbound)}"
    labels = object_of(document.get("labels")) or object_of(said.get("labels"))
    event = _Event(device, at, text_of(said.get("eventId")), data)
    found = _read_value(event, kind)
    percent = number_of(data.get("percentage")) if kind == "batteryStatus" else None
    network = kind == "networkStatus"
    heard = object_of(next(iter(list_of(data.get("cloudConnectors"))), None)) if network else {}
    connector = text_of(heard.get("id"))
    health = DeviceHealth(
        device=device,
        observed_at=at,
        name=text_of(labels.get("name")),
        manufacturer="Disruptive Technologies",
        model=text_of(metadata.get("deviceType")),
        state="offline" if kind == "connectionStatus" and data.get("connection") == "OFFLINE" else None,
        via=f"people_counting/{connector}" if connector else "",
        battery_percent=percent if percent is not None and 0 <= percent <= 100 else None,
        signal_dbm=(number_of(data.get("rssi")) or None) if network else None,
        link_quality=number_of(data.get("signalStrength")) if network else None,
    )
    return [health, *found]


def _read_value(event: _Event, kind: str) -> list[Observation]:
    """What the event says of the world."""
    state = _STATES.get(kind)
    told = text_of(event.data.get("state"))
    if kind == "objectPresentCount":
        return _passages(event)
    if kind == "touch":
        return [msgspec.structs.replace(_alarm(event, "button", active=True), momentary=True)]
    if state is not None and told in state[1]:
        return [_alarm(event, state[0], active=state[1][told])]
    if kind == "motion" and told:
        motion = Motion(
            device=event.device, observed_at=event.at, observation_id=event.event_id, active=told == "MOTION_DETECTED"
        )
        return [motion]
    if kind == "deskOccupancy" and told in ("OCCUPIED", "NOT_OCCUPIED"):
        return [_reading(event, "occupancy", float(told == "OCCUPIED"), "1")]
    found: list[Observation] = []
    for member, metric, unit, factor in _VALUES.get(kind, ()):
        number = number_of(event.data.get(member))
        if number is not None:
            found.append(_reading(event, metric, number * factor, unit))
    return found


def _passages(event: _Event) -> list[Observation]:
    """How often something came near the sensor since it was made: a door, a lid, whoever passes."""
    total = whole_of(event.data.get("total"))
    if total is None or total < 0:
        return []
    return [
        PeopleCount(
            device=event.device,
            observed_at=event.at,
            observation_id=event.event_id,
            entered=total,
            subject="objects",
            cumulative=True,
        )
    ]


def _alarm(event: _Event, name: str, *, active: bool) -> Alarm:
    return Alarm(device=event.device, observed_at=event.at, observation_id=event.event_id, name=name, active=active)


def _reading(event: _Event, metric: str, value: float, unit: str) -> EnvironmentReading:
    return EnvironmentReading(
        device=event.device,
        observed_at=event.at,
        observation_id=event.event_id,
        metric=metric,
        value=value,
        unit=unit,
    )


def _stamp(value: object) -> object:
    """`20170503112756` as a time; anything else as it is."""
    if type(value) is str and len(value) == 14 and value.isdecimal():
        return f"{value[:8]}T{value[8:]}"
    return value


_STATES = {
    "objectPresent": ("contact", {"PRESENT": False, "NOT_PRESENT": True}),
    "contact": ("contact", {"CLOSED": False, "OPEN": True}),
    "waterPresent": ("water_leak", {"PRESENT": True, "NOT_PRESENT": False}),
}
_VALUES = {
    "temperature": (("value", "temperature", "Cel", 1.0),),
    "humidity": (("temperature", "temperature", "Cel", 1.0), ("relativeHumidity", "humidity", "%", 1.0)),
    "co2": (("ppm", "co2", "[ppm]", 1.0),),
    "pressure": (("pascal", "pressure", "hPa", 0.01),),
    "touchCount": (("total", "touches", "1", 1.0),),
}
"""Event type -> (member, metric, unit, factor). Source: Disruptive Technologies, Event Types."""

"""Xovis people counters: the packages of data push version 5, and the events and line counts of version 4.

Forward over a line is entered, backward left. Version 4 tells a passage several times over: of its events `LineCount`,
`ZoneEntry`, `ZoneExit` and `ZoneDwellTime` are kept, since `LineCrossing` and `CountZone…` repeat them. Called by
`family`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import (
    CameraStatus,
    DeviceHealth,
    EnvironmentReading,
    Observation,
    PeopleCount,
)
from firmware_bridge.family.people_counting.scene import SIDES, read_scene
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of
from firmware_bridge.notation.metrics import snake_case

MAX_FOUND = 900  # observations of one package
MAX_FRAMES = 300

_SECONDS = frozenset(("seconds", "sec", "s"))


def read_live(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`live_data`: frames with the people in view and what they did; how many there were, told of the last frame."""
    package = object_of(inbound.document["live_data"])
    device = _sensor_of(package, inbound)
    frames = [frame for frame in list_of(package.get("frames"))[:MAX_FRAMES] if type(frame) is dict]
    found: list[Observation] = []
    at: datetime | None = None
    light = ""
    for frame in frames:
        stamp = frame.get("time")
        at = read_instant(stamp, context.zone) if stamp is not None else at
        light = text_of(frame.get("illumination")) or light
        for event in list_of(frame.get("events")):
            if type(event) is dict and len(found) < MAX_FOUND:
                found += read_scene(device, at, event)
    if frames and type(frames[-1].get("tracked_objects")) is list:
        people = sum(1 for one in frames[-1]["tracked_objects"] if type(one) is dict and one.get("type") == "PERSON")
        found.append(PeopleCount(device=device, observed_at=at, present=people))
    told = {"illumination": light} if light else {}
    return [DeviceHealth(device=device, observed_at=at, attributes=told), *found]


def read_logics(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`logics_data`: each logic's counts of each interval."""
    package = object_of(inbound.document["logics_data"])
    device = _sensor_of(package, inbound)
    found: list[Observation] = [DeviceHealth(device=device)]
    for logic in list_of(package.get("logics")):
        if type(logic) is not dict:
            continue
        line = text_of(logic.get("name"))
        for record in list_of(logic.get("records")):
            if type(record) is dict and len(found) < MAX_FOUND:
                _read_record(found, device, line, record, context)
    return found


def _read_record(found: list[Observation], device: str, line: str, record: Mapping[str, Any], context: Context) -> None:
    since, until = read_instant(record.get("from"), context.zone), read_instant(record.get("to"), context.zone)
    sides: dict[str, int] = {}
    others: dict[str, int] = {}
    for count in list_of(record.get("counts"))[:60]:
        if type(count) is not dict:
            continue
        name = text_of(count.get("name"))
        value, side = count.get("value"), SIDES.get(name)
        if side is not None and type(value) is int and 0 <= value < 2**53:
            sides[side] = sides.get(side, 0) + value
        elif (number := number_of(value)) is not None and name:
            if type(value) is int and "-" in name and name.partition("-")[0] in SIDES:
                others[name] = value  # of the same people: `fw-male`, `bw-mask`
            else:
                unit = "s" if text_of(count.get("unit")) in _SECONDS else ""
                found.append(
                    EnvironmentReading(
                        device=device, observed_at=until, metric=snake_case(name), value=number, unit=unit, channel=line
                    )
                )
    if sides:
        found.append(_count(device, line, since, until, sides, others))


def _count(
    device: str,
    line: str,
    since: datetime | None,
    until: datetime | None,
    sides: Mapping[str, int],
    others: Mapping[str, int],
) -> PeopleCount:
    return PeopleCount(
        device=device,
        observed_at=until,
        since=since,
        entered=sides.get("entered"),
        left=sides.get("left"),
        present=sides.get("present"),
        line=line,
        attributes=dict(others),
    )


def read_status(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`status_data`: how the sensor is, how warm, how well lit, on which software."""
    package = object_of(inbound.document["status_data"])
    device, states = _sensor_of(package, inbound), object_of(package.get("states"))
    own = object_of(object_of(states.get("device")).get("state"))
    details = object_of(own.get("details"))
    clock = object_of(object_of(object_of(states.get("time")).get("state")).get("details"))
    at = read_instant(clock.get("time"), context.zone)
    updates = object_of(object_of(states.get("updates")).get("state"))
    light = text_of(object_of(object_of(states.get("singlesensor")).get("status")).get("illumination"))
    state = text_of(own.get("state"))
    bad = [
        text
        for name in ("device", "time", "network", "updates")
        if (text := text_of(object_of(object_of(states.get(name)).get("state")).get("state")))
        not in ("", "OK", "UNDEFINED")
    ]
    found: list[Observation] = [
        DeviceHealth(
            device=device,
            observed_at=at,
            state="online",
            firmware=text_of(updates.get("version")),
            uptime_s=number_of(details.get("uptime_sec")),
            attributes={"illumination": light} if light else {},
        ),
        CameraStatus(
            device=device,
            observed_at=at,
            working=None if state in ("", "UNDEFINED") else state == "OK",
            reason=", ".join(bad)[:200],
        ),
    ]
    for part, value in list(object_of(details.get("temperatures")).items())[:10]:
        number = number_of(value)
        if number is not None:
            found.append(
                EnvironmentReading(
                    device=device,
                    observed_at=at,
                    metric="device_temperature",
                    value=number,
                    unit="Cel",
                    channel=part[:40],
                )
            )
    return found


def read_events(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """Version 4, events: an array, or an object with `values`; each names its sensor."""
    document = inbound.document
    events = document if type(document) is list else list_of(document.get("values"))
    found: dict[str, list[Observation]] = {}
    for event in events[:MAX_FOUND]:
        if type(event) is not dict:
            continue
        device = f"people_counting/{text_of(event.get('serial')) or sender_of(inbound)}"
        at = read_instant(event.get("timestamp"), context.zone)
        heard = found.setdefault(device, [DeviceHealth(device=device, observed_at=at)])
        line, kind = text_of(object_of(event.get("countItem")).get("name")), event.get("type")
        if kind == "ZoneDwellTime":
            dwell = number_of(event.get("dwellTime"))
            if dwell is not None:
                heard.append(
                    EnvironmentReading(
                        device=device,
                        observed_at=at,
                        metric="dwell_time",
                        value=dwell / 1000,
                        unit="s",
                        channel=line,
                    )
                )
        elif kind in ("LineCount", "ZoneEntry", "ZoneExit"):
            back = kind == "ZoneExit" or text_of(event.get("direction")) == "backward"
            heard.append(
                PeopleCount(
                    device=device, observed_at=at, entered=None if back else 1, left=1 if back else None, line=line
                )
            )
    return [one for heard in found.values() for one in heard]


def read_counts(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """Version 4, counts: elements with the values of each interval, by label."""
    document = inbound.document
    sensor, content = object_of(document["sensor-info"]), document["content"]
    if type(content) is not dict:
        raise Rejected("expected an object with the elements counted", "$.content")
    device = f"people_counting/{text_of(sensor.get('serial-number')) or sender_of(inbound)}"
    found: list[Observation] = [
        DeviceHealth(
            device=device,
            observed_at=read_instant(object_of(document.get("sensor-time")).get("time"), context.zone),
            name=text_of(sensor.get("name")),
            manufacturer="Xovis",
            model=text_of(sensor.get("device-type")),
            serial=text_of(sensor.get("serial-number")),
            address=text_of(sensor.get("ip-address")),
        )
    ]
    for element in list_of(content.get("element")):
        if type(element) is not dict:
            continue
        line = text_of(element.get("element-name"))
        for measurement in list_of(element.get("measurement")):
            if type(measurement) is dict and len(found) < MAX_FOUND:
                counts = [
                    {"name": one.get("label"), "value": one.get("value")}
                    for one in list_of(measurement.get("value"))[:60]
                    if type(one) is dict
                ]
                _read_record(found, device, line, {**measurement, "counts": counts}, context)
    return found


def _sensor_of(package: Mapping[str, Any], inbound: Inbound) -> str:
    serial = text_of(object_of(package.get("sensor_info")).get("serial_number"))
    return f"people_counting/{serial or sender_of(inbound)}"

"""Counters of registers that their owner names: Irisys Vector, over MQTT and by HTTP, and FootfallCam's regions.

A register of Irisys counts for ever; its name says which way (`MainEntranceIn`, `Exit`). Where it says neither, as that
of a zone or of how long somebody stayed, its value is a reading. Called by `family`.
Source: Irisys, "MQTT Specification (Version 3)" and "HTTP POST Programming Guide"; FootfallCam, "Export Data from
Device".
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, EnvironmentReading, Observation, PeopleCount
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Handler, Inbound, Route, read_form
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of, whole_of

MAX_COUNTS = 400  # of one message

_ENTERS = re.compile(r"(?:^|[^a-z])(?:in|enter|entry|entries|entered)(?:[^a-z]|$)|(?:In|IN|Enter|Entry)$|^(?i:enter)")
_LEAVES = re.compile(r"(?:^|[^a-z])(?:out|exit|exits|exited|left)(?:[^a-z]|$)|(?:Out|OUT|Exit|Exits)$|^(?i:exit)")
_SERIALS = ("FriendlyDeviceSerial", "SerialNumber", "Serial", "MacAddress")


def recognise_registers(document: Any) -> Handler | None:
    """Changes of registers by their members, what is counted in all, and FootfallCam's by its camera."""
    if type(document) is list:
        first = object_of(document[0]) if document else {}
        return _on_changes if first.keys() >= {"register", "value"} else None
    if type(document) is not dict:
        return None
    if "CameraSerial" in document and "RoiId" in document:
        return _on_footfallcam
    if type(document.get("CountLogs")) is list:
        return _on_logs
    first = object_of(next(iter(list_of(document.get("counts"))), None))
    return _on_live if "name" in first and "count" in first else None


def _on_changes(inbound: Inbound, context: Context) -> list[Observation]:
    """Irisys, topic of counts: by how much each register rose, and when."""
    device = _device_of({}, inbound)
    found: list[Observation] = []
    for item in list_of(inbound.document)[:MAX_COUNTS]:
        told = object_of(item)
        at = read_instant(told.get("t"), context.zone)
        found += _register(device, at, text_of(told.get("register")), told.get("value"), cumulative=False)
    return [*found, DeviceHealth(device=device)]


def _on_live(inbound: Inbound, context: Context) -> list[Observation]:
    """Irisys, live counts: what each register holds."""
    said = inbound.document
    device = _device_of(said, inbound)
    at = next(
        (when for name in ("t", "timestamp", "time") if (when := read_instant(said.get(name), context.zone))), None
    )
    found: list[Observation] = []
    for item in list_of(said.get("counts"))[:MAX_COUNTS]:
        told = object_of(item)
        found += _register(device, at, text_of(told.get("name")), told.get("count"), cumulative=True)
    return [*found, DeviceHealth(device=device, observed_at=at)]


def _on_logs(inbound: Inbound, context: Context) -> list[Observation]:
    """Irisys by HTTP: what each register held when it was logged."""
    said = inbound.document
    device = _device_of(said, inbound)
    found: list[Observation] = []
    for entry in list_of(said.get("CountLogs"))[:MAX_COUNTS]:
        log = object_of(entry)
        at = read_instant(log.get("Timestamp"), context.zone)
        for item in list_of(log.get("Counts")):
            told = object_of(item)
            name = text_of(told.get("Name")) or text_of(told.get("RegisterId"))
            found += _register(device, at, name, told.get("Value"), cumulative=True)
    return [*found[:MAX_COUNTS], DeviceHealth(device=device)]


def _register(
    device: str, at: datetime | None, name: str, value: object, *, cumulative: bool
) -> list[EnvironmentReading | PeopleCount]:
    """One register by its name; of one that counts neither way, nothing but its value is known."""
    count, number = whole_of(value), number_of(value)
    enters, leaves = bool(_ENTERS.search(name)), bool(_LEAVES.search(name))
    if count is not None and count >= 0 and enters != leaves:
        entered, left = (count, None) if enters else (None, count)
        return [
            PeopleCount(device=device, observed_at=at, entered=entered, left=left, line=name, cumulative=cumulative)
        ]
    if number is None:
        return []
    metric = "count" if cumulative else "count_change"
    return [EnvironmentReading(device=device, observed_at=at, metric=metric, value=number, unit="1", channel=name)]


def _on_footfallcam(inbound: Inbound, context: Context) -> list[Observation]:
    """One who went in or out of a region, or whether there is somebody in it."""
    said = inbound.document
    device, region = (
        f"people_counting/{text_of(said.get('CameraSerial')) or sender_of(inbound)}",
        text_of(said["RoiId"]),
    )
    at = read_instant(said.get("EventEndTime"), context.zone) or read_instant(said.get("Timestamp"), context.zone)
    found: list[Observation] = []
    metric = whole_of(said.get("MetricId"))
    if metric in (1, 2):
        sides = (1, None) if metric == 1 else (None, 1)
        found.append(PeopleCount(device=device, observed_at=at, entered=sides[0], left=sides[1], line=region))
    objects = number_of(said.get("ObjectCount"))
    if objects is not None:
        found.append(
            EnvironmentReading(
                device=device, observed_at=at, metric="occupancy", value=objects, unit="1", channel=region
            )
        )
    return [*found, DeviceHealth(device=device, observed_at=at)]


def _device_of(said: Mapping[str, Any], inbound: Inbound) -> str:
    facts = {**object_of(said.get("Device")), **said}
    named = next((text for name in _SERIALS if (text := text_of(facts.get(name)))), "")
    return f"people_counting/{named or inbound.parts.get('serial') or sender_of(inbound)}"


def _on_irisys(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """A topic of the form that Irisys shows; where each person stands, fifteen times a second, is not kept."""
    health = DeviceHealth(device=f"people_counting/{inbound.parts['serial']}")
    if inbound.parts["leaf"] == "targets" or not inbound.payload:
        return [health]
    inbound.document = read_form(inbound.payload, "any")
    status = text_of(object_of(inbound.document).get("status")).lower()
    if status in ("connected", "disconnected"):
        state = "online" if status == "connected" else "offline"
        return [DeviceHealth(device=health.device, state=state)]  # type: ignore[arg-type]
    handler = recognise_registers(inbound.document)
    if type(inbound.document) not in (dict, list):
        raise Rejected("expected counts of Irisys as JSON")
    return handler(inbound, context) if handler is not None else [health]


ROUTES: tuple[Route, ...] = (Route(template="irisys/{serial}/{leaf}", handle=_on_irisys, form="bytes"),)

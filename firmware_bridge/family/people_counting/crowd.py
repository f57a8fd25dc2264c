"""How many people are in an area, or how close they stand, as plain objects and Huawei's video analysis tell it.

Called by `family`. Source: Huawei Cloud, VIAS, "Crowd Statistics" and "People Flow", the results pushed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.model.observation import CrowdDensity, DeviceHealth, Observation, PeopleCount
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of, whole_of

MAX_EVENTS = 200  # of one message
_PEOPLE = ("people_count", "crowd_count", "peopleCount", "crowdCount")
_DENSITY = ("crowd_density", "crowdDensity")
_NAMES = (
    "device_id",
    "deviceId",
    "camera_id",
    "cameraId",
    "camera",
    "serial",
    "sensor_id",
    "sensorId",
    "stream_id",
    "id",
)
_TIMES = ("timestamp", "time", "ts", "observed_at")


def is_crowd(document: Mapping[str, Any]) -> bool:
    """Whether it names a count of people, or their density, and gives a number."""
    return any(number_of(document.get(name)) is not None for name in (*_PEOPLE, *_DENSITY))


def is_analysis(document: Mapping[str, Any]) -> bool:
    """Whether it is a result of Huawei's video analysis that counts people."""
    data = object_of(document.get("data"))
    if "stream_id" not in document or "timestamp" not in document or not data:
        return False
    first = object_of(next(iter(list_of(data.get("event_set"))), None))
    return "total_crowd_count" in data or "crowd_count" in first or "side1_count" in first


def read_crowd(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """An object that tells how many people are in an area, or how close they stand."""
    said = inbound.document
    at = next((when for name in _TIMES if (when := read_instant(said.get(name), context.zone))), None)
    device = _device_of(said, inbound)
    return [
        CrowdDensity(
            device=device,
            observed_at=at,
            people=_first_number(said, _PEOPLE),
            per_m2=_first_number(said, _DENSITY),
            capacity=number_of(said.get("capacity")),
            area=text_of(said.get("area")) or text_of(said.get("zone")),
        ),
        DeviceHealth(device=device, observed_at=at, name=text_of(said.get("name"))),
    ]


def read_analysis(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """Each polygon's people, or, where none is drawn, the picture's; each line's passages of the interval."""
    document = inbound.document
    data, device = object_of(document["data"]), _device_of(document, inbound)
    at = read_instant(document.get("timestamp"), context.zone)
    found: list[Observation] = []
    for number, one in enumerate(list_of(data.get("event_set"))[:MAX_EVENTS], 1):
        event = object_of(one)
        people = number_of(event.get("crowd_count"))
        if people is not None:
            found.append(CrowdDensity(device=device, observed_at=at, people=people, area=str(number)))
        sides = whole_of(event.get("side1_count")), whole_of(event.get("side2_count"))
        if sides != (None, None):
            line = text_of(event.get("line_id")) or str(number)
            found.append(PeopleCount(device=device, observed_at=at, entered=sides[0], left=sides[1], line=line))
    total = number_of(data.get("total_crowd_count"))
    if total is not None:
        found.append(CrowdDensity(device=device, observed_at=at, people=total))
    return [*found, DeviceHealth(device=device, observed_at=at)]


def _device_of(said: Mapping[str, Any], inbound: Inbound) -> str:
    named = next((text for name in _NAMES if (text := text_of(said.get(name)))), "")
    return f"people_counting/{named or sender_of(inbound)}"


def _first_number(said: Mapping[str, Any], names: Sequence[str]) -> float | None:
    return next((number for name in names if (number := number_of(said.get(name))) is not None), None)

"""DataQ, an application on Axis cameras that tells what it tracks; and how an Axis device comes and goes.

Part of `onvif_axis`. DataQ publishes on `{its own}/{what}/{serial}`; the members tell what it is. An object keeps its
id while it is tracked, from its birth on: what is seen of it, its track and the path it leaves are one incident. Its
place on a map is transient, as it is nobody's device.
Source: pandosme/DataQ, MQTT topics; Axis OS, MQTT client, "Connect message" and "Last Will and Testament".
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from appliance.model.observation import (
    CrowdDensity,
    DeviceHealth,
    ObjectDetection,
    Observation,
    PeopleCount,
    Position,
)
from firmware_bridge.family.onvif_axis.axis_scene import NAME, serial_of
from firmware_bridge.family.onvif_axis.event import Notice, topic_of
from firmware_bridge.family.onvif_axis.notice import observe_notice
from firmware_bridge.inbound import Context, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of, whole_of

MAX_OBJECTS = 900  # of one frame
MAX_CLASSES = 64

_PEOPLE = frozenset(("human", "person", "people"))
_HERE = {"connected": True, "online": True, "disconnected": False, "offline": False, "connection lost": False}
_OURS = frozenset(("serial", "name", "location", "timestamp"))
_WORDS = ("color", "color2", "anomaly")
_NUMBERS = {"dwell": "dwell_s", "maxIdle": "idle_s"}


def on_connection(inbound: Inbound, _context: Context) -> list[Observation]:
    """Birth and last will of an Axis device: a flag, or a word, plain or as the message."""
    said = inbound.document
    document = object_of(said)
    word = next((text for name in ("message", "description") if (text := text_of(document.get(name)))), text_of(said))
    online = flag_of(document.get("connected"))
    if online is None:
        online = _HERE.get(word.lower())
    if not said:
        return []  # cleared
    device = f"{NAME}/{serial_of(document.get('serial'), inbound)}"
    return [DeviceHealth(device=device, state=None if online is None else "online" if online else "offline")]


def _on_dataq(inbound: Inbound, context: Context) -> list[Observation]:
    """Whatever it publishes, by its members; of a picture only that the camera was heard."""
    said = object_of(inbound.document)
    device = f"{NAME}/{serial_of(said.get('serial'), inbound)}"
    when = read_instant(said.get("timestamp"), context.zone)
    if "lat" in said and "lon" in said:
        return [*_placed(said, device), _health(said, device, when)]
    if "class" in said:
        return [*_tracked(said, device, context), _health(said, device, None)]
    if type(said.get("occupancy")) is dict:
        return [*_occupied(said["occupancy"], device, when), _health(said, device, when)]
    found: list[Observation] = []
    for item in list_of(said.get("list"))[:MAX_OBJECTS]:
        found += _tracked(object_of(item), device, context)
    return [*found, _health(said, device, when)]


def _on_event(inbound: Inbound, context: Context) -> list[Observation]:
    """An event of the camera that it passes on: the topic's end is the event's, and its data stand beside the name."""
    said = object_of(inbound.document)
    serial = serial_of(said.get("serial"), inbound)
    notice = Notice(
        device=f"{NAME}/{serial}",
        topic=topic_of(inbound.parts.get("event") or inbound.topic.partition(f"/{serial}/")[2]),
        when=read_instant(said.get("timestamp"), context.zone),
        source={},
        data={name: _word(value) for name, value in list(said.items())[:MAX_CLASSES] if name not in _OURS},
        operation="Changed",
    )
    return observe_notice(notice)


def _word(value: object) -> str:
    return ("1" if value else "0") if type(value) is bool else repr(value) if type(value) is float else text_of(value)


def _health(said: Mapping[str, Any], device: str, when: datetime | None) -> DeviceHealth:
    online, hours = flag_of(said.get("connected")), number_of(said.get("Uptime_Hours"))
    figures = (("cpu_percent", said.get("CPU_average")), ("network_kbps", said.get("Network_Kbps")))
    return DeviceHealth(
        device=device,
        observed_at=when,
        state=None if online is None else "online" if online else "offline",
        name=text_of(said.get("name")),
        model=text_of(said.get("model")),
        address=text_of(said.get("address")),
        uptime_s=hours * 3600 if hours is not None else None,
        attributes={name: number for name, told in figures if (number := number_of(told)) is not None},
    )


def _tracked(said: Mapping[str, Any], device: str, context: Context) -> list[Observation]:
    """An object as it is tracked, or, with its path, once it has left."""
    stamp, age = read_instant(said.get("timestamp"), context.zone), number_of(said.get("age"))
    label, number, score = text_of(said.get("class")), text_of(said.get("id")), number_of(said.get("confidence"))
    if not label or stamp is None:
        return []
    lasted = timedelta(seconds=age if age is not None and 0 <= age < 1e6 else 0.0)
    left = "path" in said  # then its time is that of its birth
    born = stamp if left else read_instant(said.get("birth"), context.zone) or stamp - lasted
    last = stamp + lasted if left else stamp
    ended = left or flag_of(said.get("active")) is False
    told: dict[str, Any] = {word: text for word in _WORDS if (text := text_of(said.get(word)))}
    told |= {ours: value for name, ours in _NUMBERS.items() if (value := number_of(said.get(name))) is not None}
    return [
        ObjectDetection(
            device=device,
            observed_at=born,
            observation_id=f"{number}.{born:%Y%m%d}" if number else "",
            label=label.lower(),
            score=score / 100 if score is not None and 0 <= score <= 100 else None,
            phase="end" if ended else "update",
            rev=round(last.timestamp() * 1_000) + left,  # the path is told last
            ended_at=last if ended else None,
            attributes=told,
        )
    ]


def _placed(said: Mapping[str, Any], device: str) -> list[Observation]:
    """Where an object is on the map, of a camera that knows the ground it looks at."""
    longitude, latitude, number = number_of(said.get("lon")), number_of(said.get("lat")), text_of(said.get("id"))
    if longitude is None or latitude is None or not (-180 <= longitude <= 180 and -90 <= latitude <= 90 and number):
        return []
    told = {"object_type": text_of(said.get("class")).lower()}
    return [
        Position(device=f"{device}-{number}", longitude=longitude, latitude=latitude, transient=True, attributes=told)
    ]


def _occupied(counts: Mapping[str, Any], device: str, when: datetime | None) -> list[Observation]:
    """How many of each class are there; classes that are not there are not told, and nothing when nobody is."""
    found: list[Observation] = []
    people = 0
    for label, count in list(counts.items())[:MAX_CLASSES]:
        number = whole_of(count)
        if number is not None and number >= 0 and label.lower() in _PEOPLE:
            people += number
        elif number is not None and number >= 0:
            found.append(PeopleCount(device=device, observed_at=when, present=number, subject=label.lower()[:40]))
    return [CrowdDensity(device=device, observed_at=when, people=people), *found]


def recognise_dataq(document: Mapping[str, Any]) -> Handler | None:
    """By the serial number that all bear, and what only one of them has."""
    if type(document.get("serial")) is not str:
        return None
    objects = document.get("list")
    if type(objects) is list and (not objects or "class" in object_of(objects[0])):
        return _on_dataq
    if "class" in document and "id" in document and not document.keys().isdisjoint(("birth", "path", "lat")):
        return _on_dataq
    if type(document.get("occupancy")) is dict or (type(document.get("connected")) is bool and "address" in document):
        return _on_dataq
    return _on_event if type(document.get("active")) is bool and "timestamp" in document else None


ROUTES = (
    Route(template="axis/{serial}/event/connection", handle=on_connection, form="any"),
    Route(template="axis/{serial}/connection", handle=on_connection, form="any"),
    Route(template="dataq/{what}/{serial}", handle=_on_dataq),
    Route(template="dataq/event/{serial}/{event...}", handle=_on_event),
)

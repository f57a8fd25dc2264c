"""SAE J2735 messages between vehicles and roads, as the USDOT ODE and other decoders write them in JSON.

Two generations are told apart member by member: the ODE's own, in degrees, metres and seconds, and the frames of the
standard (`value.BasicSafetyMessage`), in its whole numbers. A vehicle's id is temporary, so its position is transient
and what it tells of events is filed under whoever reported it: the RSU or OBU that the metadata name, else the sender.
Source: usdot-jpo-ode/jpo-ode, docs and schemas; SAE J2735 (2020, 2024); SAE J3224 for sensor data sharing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, Incident, Observation, Position, V2xMessage
from firmware_bridge.family.sender import sender_of
from firmware_bridge.family.v2x_j2735.events import event_flags, frame_within, itis_codes, minute_of_year
from firmware_bridge.family.v2x_j2735.names import BY_DATA_TYPE, BY_FRAME, BY_NUMBER, BY_RECORD
from firmware_bridge.family.v2x_j2735.place import place_of_frame, place_of_ode, point_of
from firmware_bridge.family.v2x_j2735.processed import data_of, time_of, told_in
from firmware_bridge.family.v2x_j2735.uper import core_of, encoded_in, kind_of
from firmware_bridge.inbound import Context, Family, Handler, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, object_of, text_of, whole_of

NAME = "v2x_j2735"
MAX_OBJECTS = 900  # of one message
MAX_IDS = 16  # intersections named in attributes


class _Case(msgspec.Struct):
    """One message: what it holds, when, and who reported it, and where that stood."""

    kind: str
    data: Mapping[str, Any]
    when: datetime | None
    reporter: str
    source: str = ""
    place: Mapping[str, Any] = {}


def _on_ode(inbound: Inbound, context: Context) -> list[Observation]:
    """Metadata and payload, as the ODE writes them."""
    document = inbound.document
    metadata, payload = object_of(document.get("metadata")), object_of(document.get("payload"))
    data = payload.get("data", payload)
    if type(data) is not dict:
        raise Rejected("an ODE message without an object of data", "$.payload.data")
    when = next((when for name in _TIMES if (when := _instant(metadata.get(name), context))), None)
    address = text_of(metadata.get("originIp")) or text_of(metadata.get("originRsu"))
    case = _Case(
        kind=BY_DATA_TYPE.get(text_of(payload.get("dataType")).rpartition(".")[2], ""),
        data=data,
        when=when,
        reporter=f"{NAME}/{address or sender_of(inbound)}",
        source=text_of(metadata.get("bsmSource")),
        place=object_of(object_of(metadata.get("receivedMessageDetails")).get("locationData")),
    )
    _open_frame(case)
    if not case.kind:
        case.kind = kind_of(data.get("bytes")) or BY_RECORD.get(text_of(metadata.get("recordType")), "")
    found = _read_encoded(case, data["bytes"]) if "bytes" in data else list(_READERS.get(case.kind, _plain)(case))
    if address or not found:
        found.append(DeviceHealth(device=case.reporter, observed_at=when, address=address))
    return found


def _on_frame(inbound: Inbound, context: Context) -> list[Observation]:
    """A MessageFrame on its own; some decoders put the time of receipt beside it."""
    document = inbound.document
    when = _instant(document.get("timestamp", document.get("receivedAt")), context)
    case = _Case(kind="", data=document, when=when, reporter=f"{NAME}/{sender_of(inbound)}")
    _open_frame(case)
    return list(_READERS.get(case.kind, _plain)(case))


def _on_processed(inbound: Inbound, context: Context) -> list[Observation]:
    """What the GeoJSON converter made of a message."""
    told = told_in(inbound.document)
    kind, data = data_of(inbound.document, told)
    when, address = _instant(time_of(told), context), text_of(told.get("originIp"))
    case = _Case(kind=kind, data=data, when=when, reporter=f"{NAME}/{address or sender_of(inbound)}")
    health = DeviceHealth(device=case.reporter, observed_at=when, address=address)
    return [*_READERS[kind](case), *([health] if address else [])]


def _on_encoded(inbound: Inbound, _context: Context) -> list[Observation]:
    """An encoded message as text, on its own or as a V2X Hub wraps it."""
    encoded = encoded_in(inbound.document)
    case = _Case(kind=kind_of(encoded), data={}, when=None, reporter=f"{NAME}/{sender_of(inbound)}")
    return _read_encoded(case, encoded)


def _read_encoded(case: _Case, encoded: object) -> list[Observation]:
    """Who and where, of a BSM or PSM; of others only that they were sent."""
    core = core_of(encoded)
    if core is None:
        return list(_plain(case))
    case.kind, case.data = kind_of(encoded), core
    return list(_READERS[case.kind](case))


_TIMES = ("recordGeneratedAt", "generatedAt", "odeReceivedAt", "receivedAt")  # two of them until schema version 2


def _instant(value: object, context: Context) -> datetime | None:
    """A time of the ODE; older versions name the zone behind the offset: `2018-11-30T18:46:32.784Z[UTC]`."""
    if type(value) is str and value.endswith("]"):
        value = value.partition("[")[0]
    return read_instant(value, context.zone) if value else None


def _open_frame(case: _Case) -> None:
    """Step into a MessageFrame, where the data are one; its numbers are those of the standard."""
    frame = object_of(case.data.get("MessageFrame")) or frame_within(case.data) or case.data
    value = frame.get("value")
    if type(value) is not dict or not value:
        if "coreData" in case.data and not case.kind:
            case.kind = "BSM"
        return
    name = next(iter(value))
    case.kind = BY_FRAME.get(name) or BY_NUMBER.get(whole_of(frame.get("messageId")) or 0, "") or text_of(name)
    case.data = object_of(value[name])


def _bsm(case: _Case) -> Sequence[Observation]:
    """A vehicle: where it is, and what happens to it."""
    core = object_of(case.data.get("coreData"))
    vehicle = text_of(core.get("id"))
    place = place_of_frame(core) if "lat" in core else place_of_ode(core)
    if place is None or not vehicle:
        return [V2xMessage(device=case.reporter, observed_at=case.when, message_type="BSM")]
    position = Position(
        device=f"{NAME}/{vehicle}",
        observed_at=case.when,
        transient=True,
        attributes={"message_type": "BSM", "source": case.source} if case.source else {"message_type": "BSM"},
        **place,
    )
    extensions = case.data.get("partII")
    flags = event_flags(extensions) if type(extensions) is list else ()
    return [position, *(_incident(case, vehicle, flag, place) for flag in flags)]


def _incident(case: _Case, vehicle: str, flag: str, place: Mapping[str, float]) -> Incident:
    """An event of a vehicle, which it repeats ten times a second: one incident a minute."""
    when = case.when
    identity = f"{vehicle}.{flag}.{when:%Y%m%dT%H%M}" if when is not None else ""
    return Incident(
        device=case.reporter,
        observed_at=when,
        observation_id=identity,
        longitude=place["longitude"],
        latitude=place["latitude"],
        event_type=flag,
        attributes={"vehicle": vehicle},
        rev=when.second * 1_000 + when.microsecond // 1_000 if when is not None else 0,
    )


def _psm(case: _Case) -> Sequence[Observation]:
    """Someone on foot, on a bicycle, or at work on the road. The ODE leaves speed and heading in whole numbers."""
    data = case.data
    person = text_of(data.get("id"))
    place = place_of_frame(data) if "lat" in object_of(data.get("position")) else place_of_ode(data, whole_motion=True)
    if place is None or not person:
        return [V2xMessage(device=case.reporter, observed_at=case.when, message_type="PSM")]
    told = {"message_type": "PSM", "basic_type": _word(data.get("basicType"))}
    return [Position(device=f"{NAME}/{person}", observed_at=case.when, transient=True, attributes=told, **place)]


def _spat(case: _Case) -> Sequence[Observation]:
    """Signal phases: which intersections, and what is wrong with them."""
    items = list_of(case.data.get("intersections"))
    if not items:
        wrapped = object_of(case.data.get("intersectionStateList"))
        items = list_of(wrapped.get("intersectionStatelist")) or list_of(wrapped.get("intersectionStateList"))
    status = {
        name for item in items[:MAX_IDS] for name, on in object_of(object_of(item).get("status")).items() if on is True
    }
    told: dict[str, Any] = {"intersections": _ids(items)}
    if status:
        told["status"] = sorted(map(text_of, status))[:MAX_IDS]
    return [_message(case, len(items), told)]


def _map(case: _Case) -> Sequence[Observation]:
    """The lanes of intersections, at the place of the first."""
    held = case.data.get("intersections")
    items = list_of(held) or list_of(object_of(held).get("intersectionGeometry"))
    told: dict[str, Any] = {"intersections": _ids(items)}
    point = object_of(object_of(items[0]).get("refPoint")) if items else {}
    return [_message(case, len(items), told, point_of(point))]


def _srm(case: _Case) -> Sequence[Observation]:
    """A vehicle that asks for priority: where it is, and of which intersections."""
    held = case.data.get("requests")
    items = list_of(held) or list_of(object_of(held).get("signalRequestPackage"))
    requestor = object_of(case.data.get("requestor"))
    told: dict[str, Any] = {"intersections": _ids([object_of(item).get("request") for item in items[:MAX_IDS]])}
    role = _word(object_of(requestor.get("type")).get("role"))
    if role:
        told["role"] = role
    position = object_of(requestor.get("position"))
    return [_message(case, len(items), told, point_of(object_of(position.get("position")) or position))]


def _ssm(case: _Case) -> Sequence[Observation]:
    """What became of requests."""
    held = case.data.get("status")
    items = list_of(held) or list_of(object_of(held).get("signalStatus"))
    return [_message(case, len(items), {"intersections": _ids(items)})]


def _tim(case: _Case) -> Sequence[Observation]:
    """Traveller information: an incident for each part that says, in ITIS codes, what is the matter."""
    held = case.data.get("dataFrames", case.data.get("dataframes"))
    inner = object_of(held).get("TravelerDataFrame", held)
    frames = inner if type(inner) is list else [inner]
    packet = text_of(case.data.get("packetID"))
    packet = packet if packet.strip("0") else ""
    minute, count = minute_of_year(case.data.get("timeStamp")), whole_of(case.data.get("msgCnt")) or 0
    found: list[Observation] = []
    for number, item in enumerate(frames[:MAX_OBJECTS]):
        frame = object_of(item)
        codes = itis_codes(frame.get("content"), frame.get("items"))
        if codes:
            region = _first_region(frame)
            words = {"frame_type": _word(frame.get("frameType")), "region": text_of(region.get("name"))}
            found.append(
                Incident(
                    device=case.reporter,
                    observed_at=case.when,
                    observation_id=f"{packet}.{number}" if packet else "",
                    event_type=f"itis_{codes[0]}",
                    attributes={"itis": codes, **{name: word for name, word in words.items() if word}},
                    rev=minute * 128 + max(count, 0),
                    **point_of(object_of(region.get("anchor", region.get("anchorPosition")))),
                )
            )
    return found or [_message(case, len(frames), {})]


def _word(value: object) -> str:
    """An enumeration, which decoders of XML write as an object with one empty member."""
    return text_of(next(iter(value), "")) if type(value) is dict else text_of(value)


def _first_region(frame: Mapping[str, Any]) -> Mapping[str, Any]:
    held = frame.get("regions")
    inner = object_of(held).get("GeographicalPath", held)
    return object_of(inner[0] if type(inner) is list and inner else inner)


def _sdsm(case: _Case) -> Sequence[Observation]:
    """What a road side unit's sensors see: objects at offsets, in steps of 0.1 m east and north of its reference."""
    data = case.data
    base = point_of(object_of(data.get("refPos")))
    items = list_of(data.get("objects"))
    source = text_of(data.get("sourceID"))
    found: list[Observation] = [_message(case, len(items), {"source": source}, base)]
    for item in items[:MAX_OBJECTS] if base else ():
        common = object_of(object_of(item).get("detObjCommon"))
        offset = object_of(common.get("pos"))
        east, north = whole_of(offset.get("offsetX")), whole_of(offset.get("offsetY"))
        number = text_of(common.get("objectID"))
        if east is None or north is None or not number or abs(base["latitude"]) > 89:
            continue
        place = place_of_frame({"lat": 0, "long": 0, "speed": common.get("speed"), "heading": common.get("heading")})
        latitude = base["latitude"] + north * 0.1 / _METRES_A_DEGREE
        longitude = base["longitude"] + east * 0.1 / (_METRES_A_DEGREE * math.cos(math.radians(base["latitude"])))
        moved = {**(place or {}), "latitude": round(latitude, 7), "longitude": round(longitude, 7)}
        told = {"message_type": "SDSM", "object_type": _word(common.get("objType"))}
        if -90 <= latitude <= 90 and -180 <= longitude <= 180:
            found.append(
                Position(
                    device=f"{NAME}/{source}-{number}", observed_at=case.when, transient=True, attributes=told, **moved
                )
            )
    return found


def _alert(case: _Case) -> Sequence[Observation]:
    """A driver alert of the ODE's logs, or a road side alert by its ITIS code."""
    point = point_of(object_of(case.data.get("position"))) or point_of(case.place)
    code = whole_of(case.data.get("typeEvent"))
    kind = case.kind if code is None else f"itis_{code}"
    told: dict[str, Any] = {} if code is None else {"itis": [code]}
    words = text_of(case.data.get("alert"))
    if words:
        told["alert"] = words
    return [Incident(device=case.reporter, observed_at=case.when, event_type=kind, attributes=told, **point)]


def _plain(case: _Case) -> Sequence[Observation]:
    """A message of which only that it was sent is kept."""
    return [_message(case, 1, {})] if case.kind else ()


def _message(case: _Case, items: int, told: dict[str, Any], point: Mapping[str, Any] | None = None) -> V2xMessage:
    return V2xMessage(
        device=case.reporter,
        observed_at=case.when,
        message_type=case.kind,
        items=items,
        attributes={name: value for name, value in told.items() if value},
        **(point or {}),
    )


def _ids(items: Sequence[Any]) -> list[int]:
    """The numbers of intersections, which stand within one or two objects called id."""
    found = []
    for item in items[:MAX_IDS]:
        held = object_of(item).get("id")
        number = whole_of(object_of(held).get("id")) if type(held) is dict else whole_of(held)
        if number is not None:
            found.append(number)
    return found


_METRES_A_DEGREE = 111_194.9  # of latitude, on a sphere of 6,371 km

_READERS: dict[str, Callable[[_Case], Sequence[Observation]]] = {
    "BSM": _bsm,
    "PSM": _psm,
    "SPAT": _spat,
    "MAP": _map,
    "SRM": _srm,
    "SSM": _ssm,
    "TIM": _tim,
    "SDSM": _sdsm,
    "RSA": _alert,
    "driver_alert": _alert,
}


def _recognise(document: Any) -> Handler | None:
    """The ODE's metadata and payload, a MessageFrame, what the GeoJSON converter makes of one, or one encoded."""
    if type(document) is str:
        return _on_encoded if encoded_in(document) else None
    if type(document) is not dict:
        return None
    metadata = document.get("metadata")
    if type(metadata) is dict and type(document.get("payload")) is dict:
        ode = "odeReceivedAt" in metadata or "payloadType" in metadata or "recordGeneratedAt" in metadata
        return _on_ode if ode or "schemaVersion" in metadata else None
    frame = object_of(document.get("MessageFrame")) or document
    value = frame.get("value")
    if "messageId" in frame and type(value) is dict:
        return _on_frame if any(name in BY_FRAME for name in value) else None
    if "msgCnt" in object_of(document.get("coreData")):
        return _on_frame
    return _on_processed if told_in(document) else None


FAMILY = Family(
    name=NAME,
    title="V2X (SAE J2735)",
    source="https://github.com/usdot-jpo-ode/jpo-ode; SAE J2735",
    routes=(),  # the ODE speaks Kafka; whoever forwards its messages chooses the topic
    recognise=_recognise,
)

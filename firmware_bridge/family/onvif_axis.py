"""ONVIF and Axis cameras: events over MQTT as Axis writes them, ONVIF metadata as XML, scene metadata, DetectX.

Axis publishes on `axis/{serial}/event/{topic}`, or on a prefix of the owner's choosing; the message names its topic
and, in newer firmware, its serial number. XML names its producer.
Source: developer.axis.com, "MQTT Event Bridge" and "AXIS Scene Metadata"; ONVIF Core Specification, "Event handling",
and Scene Description; pandosme/DetectX.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import CrowdDensity, DeviceHealth, ObjectDetection, Observation, PlateRead
from firmware_bridge.family.onvif_bridges import ROUTES as BRIDGES
from firmware_bridge.family.onvif_notice import Notice, observe_notice, topic_of
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of
from firmware_bridge.notation.xml_document import Element, local_name, read_xml

NAME = "onvif_axis"
MAX_OBSERVATIONS = 1_000
MAX_ITEMS = 64  # data of one event

_PREFIXES = ("onvif:", "axis:", "tns1:", "tnsaxis:", "tns:")
_XML_ROOTS = ("MetadataStream", "NotificationMessage", "PullMessagesResponse", "GetEventInstancesResponse")


def _on_event(inbound: Inbound, context: Context) -> list[Observation]:
    """An event as Axis writes it: `topic`, `timestamp`, `message` with source, key and data."""
    document = inbound.document
    if type(document) is not dict:
        raise Rejected("expected a JSON object with topic and message")
    message = document.get("message")
    if type(message) is not dict:
        raise Rejected("expected an object with source and data: the event says nothing without", "$.message")
    topic = text_of(document.get("topic")) or inbound.parts.get("event", "")
    if not topic:
        raise Rejected("an event without its topic", "$.topic")
    serial = text_of(document.get("serial")) or inbound.parts.get("serial") or sender_of(inbound)
    notice = Notice(
        device=f"{NAME}/{serial}",
        topic=topic_of(topic),
        when=read_instant(document.get("timestamp"), context.zone),
        source={**_texts(message.get("source")), **_texts(message.get("key"))},
        data=_texts(message.get("data")),
        operation="Changed",  # the bridge does not tell properties from other events; whether there is a state does
    )
    return observe_notice(notice)


def _texts(value: object) -> dict[str, str]:
    """Members as text, as XML has them."""
    said: dict[str, str] = {}
    for name, member in list(object_of(value).items())[:MAX_ITEMS]:
        if type(member) is bool:
            said[name] = "1" if member else "0"
        elif type(member) is float:
            said[name] = repr(member)
        else:
            said[name] = text_of(member)
    return said


def _on_xml(inbound: Inbound, context: Context) -> list[Observation]:
    """ONVIF metadata, a notification, or the answer to a pull: events, and the objects of frames."""
    document = inbound.document
    if type(document) is not str:
        raise Rejected("expected XML of ONVIF")
    root = read_xml(document)
    fallback = f"{NAME}/{sender_of(inbound)}"
    found: list[Observation] = []
    for element in root.iter():
        name = local_name(element)
        if name == "NotificationMessage":
            found += _notification(element, fallback, context)
        elif name == "Frame":
            found += _xml_frame(element, fallback, context)
        if len(found) > MAX_OBSERVATIONS:
            break
    return found[:MAX_OBSERVATIONS] or [DeviceHealth(device=fallback)]


def _notification(element: Element, fallback: str, context: Context) -> list[Observation]:
    topic, producer, message = "", "", None
    for child in element.iter():
        name = local_name(child)
        if name == "Topic":
            topic = child.text or ""
        elif name == "Address":
            producer = text_of(child.text).removeprefix("uri://").partition("/")[0] or producer
        elif name == "Message" and "UtcTime" in child.attrib:
            message = child
    if message is None or not topic:
        return [DeviceHealth(device=f"{NAME}/{producer}" if producer else fallback)]
    notice = Notice(
        device=f"{NAME}/{producer}" if producer else fallback,
        topic=topic_of(topic),
        when=read_instant(message.get("UtcTime"), context.zone),
        source={**_items(message, "Source"), **_items(message, "Key")},
        data=_items(message, "Data"),
        operation=text_of(message.get("PropertyOperation")),
    )
    return observe_notice(notice)


def _items(message: Element, part: str) -> dict[str, str]:
    """The simple items of a part, and the leaves of its element items."""
    said: dict[str, str] = {}
    for section in message:
        if local_name(section) != part:
            continue
        for item in section.iter():
            if len(said) >= MAX_ITEMS:
                break
            name = local_name(item)
            if name == "SimpleItem":
                said[text_of(item.get("Name"))] = text_of(item.get("Value"))
            elif not len(item) and item.text and name not in ("ElementItem", part):
                said[name] = text_of(item.text)
    return said


def _xml_frame(frame: Element, device: str, context: Context) -> list[Observation]:
    """The objects of a scene description's frame."""
    when = read_instant(frame.get("UtcTime"), context.zone)
    found: list[Observation] = []
    for item in frame:
        if local_name(item) != "Object":
            continue
        label, score, plate = "", None, ""
        for child in item.iter():
            name = local_name(child)
            if name == "Type" and not label:
                label, score = text_of(child.text), number_of(child.get("Likelihood"))
            elif name == "Likelihood" and score is None:
                score = number_of(child.text)
            elif name == "PlateNumber":
                plate = text_of(child.text)
        if plate:
            found.append(PlateRead(device=device, observed_at=when, plate=plate))
        elif label:
            found.append(_detected(device, text_of(item.get("ObjectId")), label, score, when))
    return found


def _detected(device: str, number: str, label: str, score: float | None, when: datetime | None) -> ObjectDetection:
    """One object in one frame; its number is its own for a day, as cameras count anew when they start."""
    known = bool(number) and when is not None
    return ObjectDetection(
        device=device,
        observed_at=when,
        observation_id=f"{number}.{when:%Y%m%d}" if known else "",
        label=label.lower(),
        score=score if score is not None and 0 <= score <= 1 else None,
        phase="update" if known else "",
        rev=round(when.timestamp() * 1_000) if known and when is not None else 0,
    )


def _on_frame(inbound: Inbound, context: Context) -> list[Observation]:
    """A frame of AXIS Scene Metadata: the objects tracked in it."""
    document = inbound.document
    frame = object_of(document.get("frame")) or document
    device = _scene_device(document, inbound)
    when = read_instant(frame.get("timestamp"), context.zone)
    found: list[Observation] = []
    for item in list_of(frame.get("observations", frame.get("detections")))[: MAX_OBSERVATIONS - 1]:
        seen = object_of(item)
        label, score = _class_of(seen)
        if label:
            number = seen.get("track_id", seen.get("object_track_id", seen.get("id")))
            found.append(_detected(device, text_of(number), label, score, when))
    return [*found, DeviceHealth(device=device, observed_at=when)]


def _on_track(inbound: Inbound, context: Context) -> list[Observation]:
    """An object's whole track, told when it has left the scene."""
    document = object_of(inbound.document.get("consolidated")) or inbound.document
    device = _scene_device(inbound.document, inbound)
    start = read_instant(document.get("start_time"), context.zone)
    end = read_instant(document.get("end_time"), context.zone)
    label, score = _class_of(document)
    if not label or start is None:
        return [DeviceHealth(device=device, observed_at=end)]
    speed = number_of(document.get("maximum_speed", document.get("max_speed")))
    return [
        ObjectDetection(
            device=device,
            observed_at=start,
            observation_id=f"{text_of(document.get('id'))}.{start:%Y%m%d}",
            label=label.lower(),
            score=score,
            phase="end" if end is not None else "update",
            rev=round((end or start).timestamp() * 1_000) + 1,  # after the last frame
            ended_at=end,
            attributes={} if speed is None else {"maximum_speed_mps": speed},
        ),
        DeviceHealth(device=device, observed_at=end),
    ]


def _scene_device(document: Mapping[str, Any], inbound: Inbound) -> str:
    serial = text_of(document.get("serial")) or text_of(object_of(document.get("source")).get("serial"))
    return f"{NAME}/{serial or inbound.parts.get('serial') or sender_of(inbound)}"


def _class_of(seen: Mapping[str, Any]) -> tuple[str, float | None]:
    """The likeliest class and its score."""
    classes = list_of(seen.get("classes")) or [seen.get("class")]
    best = max((object_of(one) for one in classes[:16]), key=lambda one: number_of(one.get("score")) or 0.0)
    score = number_of(best.get("score"))
    return text_of(best.get("type")), score if score is not None and 0 <= score <= 1 else None


def _on_detectx(inbound: Inbound, context: Context) -> list[Observation]:
    """DetectX: detections of a frame, the state of a label, how many of each are there, or that it connected."""
    document = inbound.document
    if type(document) is not dict:
        raise Rejected("expected a JSON object")
    serial = text_of(document.get("serial")) or inbound.parts.get("serial") or sender_of(inbound)
    device = f"{NAME}/{serial}"
    online = flag_of(document.get("connected"))
    health = DeviceHealth(
        device=device,
        state=None if online is None else ("online" if online else "offline"),
        name=text_of(document.get("name")),
        model=text_of(document.get("model")),
        address=text_of(document.get("address")),
    )
    seen = [object_of(item) for item in list_of(document.get("detections"))[: MAX_OBSERVATIONS - 1]]
    if flag_of(document.get("state")) is True and "label" in document:
        seen = [document]
    found: list[Observation] = []
    for item in seen:
        label, confidence = text_of(item.get("label")), number_of(item.get("c"))
        if label:
            found.append(
                ObjectDetection(
                    device=device,
                    observed_at=read_instant(item.get("timestamp"), context.zone),
                    label=label,
                    score=confidence / 100 if confidence is not None and 0 <= confidence <= 100 else None,
                    area=text_of(document.get("location")),
                )
            )
    when = read_instant(document.get("timestamp"), context.zone)
    for label, count in list(object_of(document.get("occupancy")).items())[:MAX_ITEMS]:
        number = number_of(count)
        if number is not None and label in ("person", "human", "people"):
            found.append(CrowdDensity(device=device, observed_at=when, people=number))
    return [*found, health]


def _recognise(document: Any) -> Handler | None:
    """XML by its root, events by the namespace of their topic, scene metadata and DetectX by their lists."""
    if type(document) is str:
        head = document[:16_384] if "<" in document[:64] else ""
        return _on_xml if any(f":{root}" in head or f"<{root}" in head for root in _XML_ROOTS) else None
    return _handler_of(document) if type(document) is dict else None


def _handler_of(document: dict[str, Any]) -> Handler | None:
    topic = document.get("topic")
    if type(topic) is str:
        return _on_event if topic.startswith(_PREFIXES) else None
    detections = document.get("detections")
    if type(object_of(document.get("frame")).get("observations")) is list:
        return _on_frame
    if type(detections) is list:
        first = object_of(detections[0]) if detections else document
        if "label" in first and "c" in first:
            return _on_detectx
        return _on_frame if "channel_id" in document else (_on_detectx if "serial" in document else None)
    if "consolidated" in document or ("start_time" in document and "classes" in document and "id" in document):
        return _on_track
    return _on_detectx if "state" in document and "label" in document and "timestamp" in document else None


FAMILY = Family(
    name=NAME,
    title="ONVIF and Axis cameras",
    source="https://developer.axis.com/vapix/network-video/mqtt-event-bridge; https://www.onvif.org/specs/core/ONVIF-Core-Specification.pdf",
    routes=(
        Route(template="axis/{serial}/event/{event...}", handle=_on_event),
        Route(template="{prefix}/event/tns:onvif/{event...}", handle=_on_event),
        Route(template="{prefix}/event/tns:axis/{event...}", handle=_on_event),
        Route(template="{prefix}/{serial}/event/tns:onvif/{event...}", handle=_on_event),
        Route(template="{prefix}/{serial}/event/tns:axis/{event...}", handle=_on_event),
        Route(template="detectx/{leaf}/{serial}", handle=_on_detectx),
        Route(template="detectx/event/{serial}/{label}/{state}", handle=_on_detectx),
        *BRIDGES,
    ),
    recognise=_recognise,
)

"""ONVIF and Axis cameras: events over MQTT as Axis writes them, and ONVIF metadata as XML.

Axis publishes on `axis/{serial}/event/{topic}`, or on a prefix of the owner's choosing; the message names its topic
and, in newer firmware, its serial number. XML names its producer. What a camera sees is in `axis_scene`, what bridges
make of its events in `bridges`.
Source: developer.axis.com, "MQTT Event Bridge"; ONVIF Core Specification, "Event handling", and Scene Description.
"""

import re
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, Observation, PlateRead
from firmware_bridge.family.onvif_axis.axis_dataq import ROUTES as DATAQ
from firmware_bridge.family.onvif_axis.axis_dataq import recognise_dataq
from firmware_bridge.family.onvif_axis.axis_scene import detected, on_detectx, recognise_scene, serial_of
from firmware_bridge.family.onvif_axis.axis_simqtt import ROUTES as SIMQTT
from firmware_bridge.family.onvif_axis.axis_simqtt import recognise_tracker
from firmware_bridge.family.onvif_axis.bridges import ROUTES as BRIDGES
from firmware_bridge.family.onvif_axis.bridges import recognise_item
from firmware_bridge.family.onvif_axis.event import Notice, topic_of
from firmware_bridge.family.onvif_axis.notice import observe_notice
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import number_of, object_of, text_of, whole_of
from firmware_bridge.notation.xml_document import Element, local_name, read_xml

NAME = "onvif_axis"
MAX_OBSERVATIONS = 1_000
MAX_ITEMS = 64  # data of one event
TOLD_APART_DAYS = 7  # so long after the last event of a scenario its application's ANY tells nothing of its own

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
    notice = Notice(
        device=f"{NAME}/{serial_of(document.get('serial'), inbound)}",
        topic=topic_of(topic),
        when=read_instant(document.get("timestamp"), context.zone),
        source={**_texts(message.get("source")), **_texts(message.get("key"))},
        data=_texts(message.get("data")),
        operation="Changed",  # the bridge does not tell properties from other events; whether there is a state does
    )
    return _observe(notice, context)


def _on_notify(inbound: Inbound, context: Context) -> list[Observation]:
    """The same as a camera's own event stream wraps it, forwarded."""
    inbound.document = object_of(object_of(inbound.document.get("params")).get("notification"))
    return _on_event(inbound, context)


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
    fallback = f"{NAME}/{serial_of('', inbound)}"
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
            producer = _producer_of(text_of(child.text)) or producer
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
    return _observe(notice, context)


def _observe(notice: Notice, context: Context) -> list[Observation]:
    """What an event tells; of an application's ANY, which repeats its scenarios and profiles, only where they do not.

    `Device1ScenarioANY` is active while one of them is. Which of the two a camera publishes is chosen by its owner.
    """
    kind = notice.topic[2] if len(notice.topic) > 2 and notice.topic[0] == "CameraApplicationPlatform" else ""
    if notice.when is not None and ("Scenario" in kind or "Profile" in kind):
        key, day = f"told:{notice.device}:{notice.topic[1]}", notice.when.toordinal()
        if not kind.endswith("ANY"):
            context.memory.put(NAME, key, day)
        elif day - (whole_of(context.memory.get(NAME, key)) or 0) < TOLD_APART_DAYS:
            return [DeviceHealth(device=notice.device, observed_at=notice.when)]
    return observe_notice(notice)


def _producer_of(address: str) -> str:
    """The device in the address of an event's producer, an endpoint of it (`http://10.0.0.7:5656/event`) or its name.

    Its path and port are of the subscription, and change with each; an anonymous address is nobody's.
    """
    scheme, _, rest = address.rpartition("://")
    if not scheme or scheme == "uri":
        return rest.partition("/")[0].removeprefix("urn:uuid:")
    host = rest.partition("/")[0].rpartition("@")[2]
    return "" if host == "www.w3.org" else host if host.endswith("]") else re.sub(r":\d+$", "", host)


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
            found.append(detected(device, text_of(item.get("ObjectId")), label, score, when))
    return found


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
    if document.get("method") == "events:notify":
        return _on_notify
    known = recognise_scene(document) or recognise_item(document)
    return known or recognise_dataq(document) or recognise_tracker(document)


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
        Route(template="detectx/{leaf}/{serial}", handle=on_detectx),
        Route(template="detectx/event/{serial}/{label}/{state}", handle=on_detectx),
        *BRIDGES,
        *DATAQ,
        *SIMQTT,
    ),
    recognise=_recognise,
)

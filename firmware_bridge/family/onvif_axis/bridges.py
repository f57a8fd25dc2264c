"""Bridges that publish a camera's ONVIF events: three by the name of onvif2mqtt, cam2mqtt, onvif-mqtt. In `onvif_axis`.

`onvif2mqtt/{camera}/{event}` says on or off, as `cam2mqtt/camera/{camera}/event/{module}/{event}` does; `status` and
`lwt` are the birth and last will of a camera, or of the bridge itself. onvif-mqtt keeps the ONVIF topic and sends one
item of an event's data; it is known by its shape.
Source: dmitrif/onvif2mqtt; robertklep/onvif2mqtt; Mamath2000/onvif2mqtt; ampretia/onvif-mqtt; cam2mqtt.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, Observation
from firmware_bridge.family.onvif_axis.event import Notice
from firmware_bridge.family.onvif_axis.notice import observe_notice
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, object_of, text_of

NAME = "onvif_axis"

_RULE = ("RuleEngine", "MyRuleDetector")
_TOPICS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("motion", "motionalarm"), ("RuleEngine", "CellMotionDetector")),
    **dict.fromkeys(("people", "person", "human", "peopledetect", "humandetect"), (*_RULE, "PeopleDetect")),
    **dict.fromkeys(("vehicle", "car", "vehicledetect"), (*_RULE, "VehicleDetect")),
    **dict.fromkeys(("animal", "pet", "dog_cat", "dogcatdetect"), (*_RULE, "DogCatDetect")),
    **dict.fromkeys(("face", "facedetect"), (*_RULE, "FaceDetect")),
    "package": (*_RULE, "Package"),
    **dict.fromkeys(("visitor", "doorbell"), (*_RULE, "Visitor")),
    **dict.fromkeys(("tamper", "tampering", "globalscenechange"), ("RuleEngine", "TamperDetector")),
    **dict.fromkeys(("line", "linecross", "linecrossing", "line_crossing", "crossed"), ("RuleEngine", "LineDetector")),
    **dict.fromkeys(("intrusion", "field", "objectsinside"), ("RuleEngine", "FieldDetector")),
    "digitalinput": ("Device", "Trigger", "DigitalInput"),
}
"""The word a bridge has for an event, or the last level of its topic -> the event's ONVIF topic."""

_ROOTS = frozenset(
    "Device RuleEngine VideoSource VideoAnalytics AudioAnalytics AudioSource UserAlarm PTZController Monitoring Media "
    "MediaControl MediaConfiguration RecordingConfig RecordingHistory LightControl Storage CameraApplicationPlatform "
    "Configuration AccessControl Door AccessPoint Credential Schedule".split()
)
"""First levels of ONVIF topics, after a camera's name."""
_COMMANDS = frozenset(("cmd", "goPreset"))


def _on_event(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """One event's state, as a word or in an object; of other topics that the camera is there."""
    device, said = f"{NAME}/{inbound.parts['camera']}", inbound.document
    document = object_of(said)
    state = flag_of(document.get("state", document.get("eventState")) if document else said)
    topic = _topic_of(inbound.parts["event"])
    if inbound.parts["event"] in _COMMANDS:
        return []
    if topic is None or state is None:
        return [DeviceHealth(device=device)]
    when = read_instant(document.get("timestamp"), context.zone) if document else None
    data = {"State": "1" if state else "0"}
    return observe_notice(Notice(device=device, topic=topic, when=when, source={}, data=data, operation="Changed"))


def _on_typed_event(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """An event with its type and time; a value that is no state is of something that happened in a moment."""
    device, said = f"{NAME}/{inbound.parts['camera']}", object_of(inbound.document)
    topic, when = _topic_of(text_of(said.get("type"))), read_instant(said.get("timestamp"), context.zone)
    state = flag_of(said.get("state"))
    if topic is None:
        return [DeviceHealth(device=device, observed_at=when)]
    data = {} if state is None else {"State": "1" if state else "0"}
    return observe_notice(Notice(device=device, topic=topic, when=when, source={}, data=data, operation="Changed"))


def _topic_of(words: str) -> tuple[str, ...] | None:
    return next((_TOPICS[word] for word in words.lower().split("/") if word in _TOPICS), None)


def _on_item(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """One item of an event's data, on `{root}/{camera}/{ONVIF topic}`."""
    said, levels = inbound.document, inbound.topic.split("/")
    at = next((number for number, level in enumerate(levels) if number and level in _ROOTS), 0)
    device = f"{NAME}/{levels[at - 1] if at else sender_of(inbound)}"
    when = read_instant(said.get("eventTime"), context.zone)
    name = text_of(said.get("dataName"))
    if not at or not name:
        return [DeviceHealth(device=device, observed_at=when)]
    notice = Notice(
        device=device,
        topic=tuple(levels[at:]),
        when=when,
        source={text_of(said.get("sourceName")): text_of(said.get("sourceValue"))},
        data={name: _as_text(said.get("dataValue"))},
        operation=text_of(said.get("eventProperty")),
    )
    return observe_notice(notice)


def _as_text(value: object) -> str:
    flag = flag_of(value) if type(value) is bool else None
    return ("1" if flag else "0") if flag is not None else repr(value) if type(value) is float else text_of(value)


def _on_bridge(_inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """onvif-mqtt tells that it has started."""
    return [DeviceHealth(device=f"{NAME}/onvif-mqtt")]


def recognise_item(document: Mapping[str, Any]) -> Handler | None:
    """The messages of onvif-mqtt, whose topics begin as their owner likes."""
    if "eventTime" in document and "dataName" in document and "dataValue" in document:
        return _on_item
    return _on_bridge if document.get("name") == "onvif-mqtt" and "action" in document else None


def _on_status(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """A camera's birth and last will, or its bridge's."""
    if not inbound.document:
        return []
    online = flag_of(text_of(inbound.document))
    if online is None:
        raise Rejected("expected online or offline")
    device = f"{NAME}/{inbound.parts.get('camera', 'onvif2mqtt')}"
    return [DeviceHealth(device=device, state="online" if online else "offline")]


def _on_info(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """What the camera is, as ONVIF's GetDeviceInformation answers."""
    facts = object_of(inbound.document)
    return [
        DeviceHealth(
            device=f"{NAME}/{inbound.parts['camera']}",
            manufacturer=text_of(facts.get("manufacturer")),
            model=text_of(facts.get("model")),
            firmware=text_of(facts.get("firmwareVersion")),
            serial=text_of(facts.get("serialNumber")),
        )
    ]


def _on_other(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """Settings: that the camera is there."""
    return [DeviceHealth(device=f"{NAME}/{inbound.parts['camera']}")]


ROUTES: tuple[Route, ...] = (
    Route(template="onvif2mqtt/{camera}/{event...}", handle=_on_event, form="any"),
    Route(template="onvif2mqtt/{camera}/status", handle=_on_status, form="text"),
    Route(template="onvif2mqtt/{camera}/lwt", handle=_on_status, form="text"),
    Route(template="onvif2mqtt/status", handle=_on_status, form="text"),
    Route(template="onvif2mqtt/lwt", handle=_on_status, form="text"),
    Route(template="onvif2mqtt/camera/{camera}/status", handle=_on_status, form="text"),
    Route(template="onvif2mqtt/camera/{camera}/info", handle=_on_info, form="any"),
    Route(template="onvif2mqtt/camera/{camera}/event", handle=_on_typed_event, form="any"),
    Route(template="onvif2mqtt/camera/{camera}/event/{event...}", handle=_on_event, form="any"),
    Route(template="cam2mqtt/camera/{camera}/event/{module}/{event...}", handle=_on_event, form="any"),
    Route(template="cam2mqtt/camera/{camera}/status", handle=_on_status, form="text"),
    Route(template="cam2mqtt/camera/{camera}/{leaf...}", handle=_on_other, form="bytes"),
)

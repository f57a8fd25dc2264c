"""Bridges that turn a camera's ONVIF events into topics of one word: onvif2mqtt and cam2mqtt. Part of `onvif_axis`.

`onvif2mqtt/{camera}/{event}` says on or off, as `cam2mqtt/camera/{camera}/event/{module}/{event}` does; its `status` is
the camera's birth and last will.
Source: dmitrif/onvif2mqtt; cam2mqtt, "MQTT protocol".
"""

from collections.abc import Mapping, Sequence

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, Observation
from firmware_bridge.family.onvif_notice import Notice, observe_notice
from firmware_bridge.inbound import Context, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, object_of, text_of

NAME = "onvif_axis"

_RULE = ("RuleEngine", "MyRuleDetector")
_TOPICS: Mapping[str, tuple[str, ...]] = {
    "motion": ("RuleEngine", "CellMotionDetector"),
    **dict.fromkeys(("people", "person", "human"), (*_RULE, "PeopleDetect")),
    **dict.fromkeys(("vehicle", "car"), (*_RULE, "VehicleDetect")),
    **dict.fromkeys(("animal", "pet", "dog_cat"), (*_RULE, "DogCatDetect")),
    "face": (*_RULE, "FaceDetect"),
    "package": (*_RULE, "Package"),
    **dict.fromkeys(("visitor", "doorbell"), (*_RULE, "Visitor")),
    **dict.fromkeys(("tamper", "tampering"), ("RuleEngine", "TamperDetector")),
    **dict.fromkeys(("line", "linecross", "linecrossing", "line_crossing"), ("RuleEngine", "LineDetector")),
    **dict.fromkeys(("intrusion", "field"), ("RuleEngine", "FieldDetector")),
}
"""The word a bridge has for an event -> the event's ONVIF topic."""


def _on_event(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """One event's state, as a word or in an object; of other topics that the camera is there."""
    device, said = f"{NAME}/{inbound.parts['camera']}", inbound.document
    document = object_of(said)
    state = flag_of(document.get("state", document.get("eventState")) if document else said)
    topic = next((_TOPICS[word] for word in inbound.parts["event"].lower().split("/") if word in _TOPICS), None)
    if topic is None or state is None:
        return [DeviceHealth(device=device)]
    when = read_instant(document.get("timestamp"), context.zone) if document else None
    data = {"State": "1" if state else "0"}
    return observe_notice(Notice(device=device, topic=topic, when=when, source={}, data=data, operation="Changed"))


def _on_status(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """A camera's birth and last will."""
    if not inbound.document:
        return []
    online = flag_of(text_of(inbound.document))
    if online is None:
        raise Rejected("expected online or offline")
    return [DeviceHealth(device=f"{NAME}/{inbound.parts['camera']}", state="online" if online else "offline")]


def _on_other(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """Settings: that the camera is there."""
    return [DeviceHealth(device=f"{NAME}/{inbound.parts['camera']}")]


ROUTES: tuple[Route, ...] = (
    Route(template="onvif2mqtt/{camera}/{event...}", handle=_on_event, form="any"),
    Route(template="cam2mqtt/camera/{camera}/event/{module}/{event...}", handle=_on_event, form="any"),
    Route(template="cam2mqtt/camera/{camera}/status", handle=_on_status, form="text"),
    Route(template="cam2mqtt/camera/{camera}/{leaf...}", handle=_on_other, form="bytes"),
)

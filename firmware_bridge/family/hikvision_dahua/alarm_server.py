"""Alarms of Hikvision, Dahua and XMEye cameras on topics that end in what happened. Part of `hikvision_dahua`.

dahua-watch and its heirs publish Start and Stop on `{whatever}/{code}`. toxuin's alarmserver has topics of its own:
on `camera-alerts/{camera}/{kind}` stands what began, as a word, as Dahua's data or as a Hikvision description: that it
ends is not told, so each is a moment. XMEye cameras tell both in an object of their own.
DahuaVTO2MQTT tells the state of a lock beside its events.
Source: johnnyletrois/dahua-watch; toxuin/alarmserver; the alarm server of XMEye (HiSilicon) cameras; DahuaVTO2MQTT.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Incident, Motion, Observation
from firmware_bridge.family.hikvision_dahua.dahua_event import (
    CODES,
    DahuaEvent,
    event_instant,
    observe_event,
    observe_lasting,
)
from firmware_bridge.family.hikvision_dahua.isapi_alert import observe_alert
from firmware_bridge.inbound import Context, Handler, Inbound, Memory, Route, read_form
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, object_of, text_of

NAME = "hikvision_dahua"

_XMEYE: Mapping[str, str] = {
    "MotionDetect": "VideoMotion",
    "HumanDetect": "SmartMotionHuman",
    "appEventHumanDetectAlarm": "SmartMotionHuman",
    "VideoMotion": "VideoMotion",
    "BlindDetect": "VideoBlind",
    "VideoBlind": "VideoBlind",
    "LossDetect": "VideoLoss",
    "VideoLoss": "VideoLoss",
    "LocalAlarm": "AlarmLocal",
    "VideoAnalyze": "CrossRegionDetection",
}
"""An event of XMEye -> the one of Dahua that means the same."""


def _on_server(inbound: Inbound, _context: Context) -> list[Observation]:
    """Its birth and last will: up or down."""
    up = flag_of({"up": True, "down": False}.get(text_of(object_of(inbound.document).get("status")).lower()))
    return [DeviceHealth(device=f"{NAME}/alarmserver", state=None if up is None else "online" if up else "offline")]


def _on_alert(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """An event that has begun, by the camera's name; its kind is a code of Dahua or an event type of Hikvision."""
    said, camera, kind = inbound.document, inbound.parts["camera"], inbound.parts["kind"]
    if type(said) is dict and "SerialID" in said:
        return _on_xmeye(inbound, context)
    device = f"{NAME}/{camera}"
    told = DahuaEvent(device=device, code=kind, action="Pulse", data=object_of(said))
    found = observe_event(told)
    if len(found) == 1:
        inbound.parts = {"device": camera}
        found = observe_alert(NAME, {"eventType": kind, "eventState": "active"}, inbound, context)
    return [_moment(seen) for seen in found]


def _moment(seen: Observation) -> Observation:
    return msgspec.structs.replace(seen, momentary=True) if isinstance(seen, Motion | Alarm) else seen


def _on_xmeye(inbound: Inbound, context: Context) -> list[Observation]:
    """An alarm of an XMEye camera, which begins and ends."""
    said: Mapping[str, Any] = inbound.document
    device, kind = f"{NAME}/{text_of(said.get('SerialID'))}", text_of(said.get("Event"))
    when = read_instant(said.get("StartTime"), context.zone)
    health = DeviceHealth(
        device=device, observed_at=when, serial=text_of(said.get("SerialID")), address=text_of(said.get("ipAddr"))
    )
    code, action = _XMEYE.get(kind), text_of(said.get("Status"))
    if code is not None:
        event = DahuaEvent(device=device, code=code, action=action, index=text_of(said.get("Channel")), when=when)
        return [*observe_lasting(event, context.memory)[:-1], health]
    if not kind or action == "Stop" or text_of(said.get("Type")) != "Alarm":
        return [health]
    return [Incident(device=device, observed_at=when, event_type=kind), health]


def listens(topic: str, _memory: Memory) -> Handler | None:
    """A topic whose last level is a code of Dahua."""
    head, _, code = topic.rpartition("/")
    return _on_code if head and code in CODES else None


def _on_code(inbound: Inbound, context: Context) -> list[Observation]:
    """`{whatever}/{code}`: Start, Stop or Pulse; or the event as an object."""
    head, _, code = inbound.topic.rpartition("/")
    said = read_form(inbound.payload, "any")
    action = text_of(object_of(said).get("action", object_of(said).get("Action"))) or text_of(said)
    if action.lower() not in ("start", "stop", "pulse"):
        raise Rejected(f"expected Start, Stop or Pulse of {code}")
    data = object_of(object_of(said).get("data", object_of(said).get("Data")))
    event = DahuaEvent(
        device=f"{NAME}/{head[:200]}", code=code, action=action, data=data, when=event_instant(data, context)
    )
    return observe_lasting(event, context.memory)


def _on_lock(inbound: Inbound, _context: Context) -> list[Observation]:
    """Whether a door station's lock is shut, as far as the bridge opened it."""
    said, device = object_of(inbound.document), f"{NAME}/{inbound.parts['prefix']}"
    locked = flag_of(said.get("isLocked"))
    if locked is None:
        return [DeviceHealth(device=device)]
    door = text_of(said.get("door"))[:40]
    return [EnvironmentReading(device=device, metric="locked", value=float(locked), unit="1", channel=door)]


def recognise_xmeye(document: Mapping[str, Any]) -> Handler | None:
    """By its serial number, its event and its state."""
    known = all(type(document.get(name)) is str for name in ("SerialID", "Event", "Status"))
    return _on_xmeye if known and "StartTime" in document else None


ROUTES: tuple[Route, ...] = (
    Route(template="camera-alerts/alarmserver", handle=_on_server),
    Route(template="camera-alerts/{camera}/{kind}", handle=_on_alert, form="any"),
    Route(template="{prefix}/MagneticLock/Status", handle=_on_lock),
)

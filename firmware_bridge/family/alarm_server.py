"""What toxuin's alarmserver makes of Hikvision's, Dahua's and XMEye's alarms. Part of `hikvision_dahua`.

On `camera-alerts/{camera}/{kind}` stands what began, as a word, as Dahua's data or as a Hikvision description: that it
ends is not told, so each is a moment. XMEye cameras tell both in an object of their own.
Source: toxuin/alarmserver; the alarm server of XMEye (HiSilicon) cameras.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from appliance.model.observation import Alarm, DeviceHealth, Incident, Motion, Observation
from firmware_bridge.family.dahua_event import DahuaEvent, observe_event, observe_lasting
from firmware_bridge.family.isapi_alert import observe_alert
from firmware_bridge.inbound import Context, Handler, Inbound, Route
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


def recognise_xmeye(document: Mapping[str, Any]) -> Handler | None:
    """By its serial number, its event and its state."""
    known = all(type(document.get(name)) is str for name in ("SerialID", "Event", "Status"))
    return _on_xmeye if known and "StartTime" in document else None


ROUTES: tuple[Route, ...] = (
    Route(template="camera-alerts/alarmserver", handle=_on_server),
    Route(template="camera-alerts/{camera}/{kind}", handle=_on_alert, form="any"),
)

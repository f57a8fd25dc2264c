"""What bridges make of Hikvision's alarms in words of their own: hikmqtt and hikvision2mqtt. Part of `hikvision_dahua`.

hikmqtt passes on the numbers of the vendor's library, hikvision2mqtt the name it has for an access controller's event.
Source: Cool-Hand-Luke/hikmqtt, with VCA_RULE_EVENT_TYPE_EX of HCNetSDK; dflourusso/hikvision2mqtt.
"""

from collections.abc import Mapping

from appliance.model.observation import Alarm, DeviceHealth, Incident, Observation
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Inbound
from firmware_bridge.notation.members import text_of, whole_of

NAME = "hikvision_dahua"

_RULES: Mapping[int, str] = {
    1: "line_crossing",
    2: "region_entrance",
    3: "region_exit",
    4: "intrusion",
    5: "loitering",
    6: "object_left",
    7: "parking",
    8: "rapid_motion",
    9: "gathering",
    10: "fight",
    13: "object_left",
    14: "object_removed",
    20: "fall",
    21: "sound",
}
"""VCA_RULE_EVENT_TYPE_EX -> what it is."""


def on_rule(inbound: Inbound, _context: Context) -> list[Observation]:
    """A rule of a camera or a recorder's channel that has fired."""
    said = inbound.document
    box, channel = f"{NAME}/{text_of(said.get('devId'))}", whole_of(said.get("Channel")) or 1
    device, via = (f"{box}/{channel}", box) if channel > 1 else (box, "")
    kind = whole_of(said.get("EventType"))
    name = _RULES.get(kind) if kind is not None else None
    area = text_of(said.get("RuleID"))
    health = DeviceHealth(device=device, via=via)
    if name is None:
        incident = Incident(device=device, event_type="vca_rule", attributes={"type": text_of(said.get("EventType"))})
        return [incident, health]
    return [Alarm(device=device, name=name, active=True, area=area, momentary=True), health]


def on_access(inbound: Inbound, _context: Context) -> list[Observation]:
    """What happened at a door, without who it was; a press of its bell."""
    said = inbound.document
    name = text_of(said.get("deviceName"))
    device, event = f"{NAME}/{name or sender_of(inbound)}", text_of(said.get("eventName"))
    health = DeviceHealth(device=device, name=name)
    if event == "doorbellPressed":
        return [Alarm(device=device, name="button", active=True, momentary=True), health]
    number = text_of(said.get("eventType"))
    told = {"number": number} if number else {}
    return [Incident(device=device, event_type=event or "AccessControllerEvent", attributes=told), health]

"""Dahua's events as bridges forward them: DahuaVTO2MQTT, amcrest2mqtt, dahua2mqtt, CameraEvents, Home Assistant.

Each has its own envelope around a code and an action, which `dahua_event` reads; the stream of the HTTP API itself is
text. amcrest2mqtt tells motion and the bell on topics of their own besides. Part of `hikvision_dahua`.
Source: DahuaVTO2MQTT; dchesterton/amcrest2mqtt; weirdtangent/amcrest2mqtt; mgx0/dahua2mqtt; paolostivanin/dahua2mqtt;
psyciknz/CameraEvents; rroller/dahua.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, ObjectDetection, Observation
from firmware_bridge.family.hikvision_dahua.dahua_event import DahuaEvent, event_instant, observe_event, observe_lasting
from firmware_bridge.family.hikvision_dahua.dahua_itsapi import recognise_itsapi
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import NOT_JSON, Context, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of

NAME = "hikvision_dahua"
MAX_EVENTS = 100  # of one message

_EVENT = re.compile(r"Code=(?P<code>\w+);action=(?P<action>\w+)(?:;index=(?P<index>\d+))?", re.ASCII)
_RULE_NAME = re.compile(r'"Name"\s*:\s*"([^"\\]{1,200})"')
_ACTIONS = frozenset(("start", "stop", "pulse", "state"))
_TOLD_APART = frozenset(("VideoMotion", "_DoTalkAction_"))  # which amcrest2mqtt tells on `motion` and `doorbell`
_LEAVES: Mapping[str, str] = {
    "availability": "status",
    "binary_sensor/motion": "motion",
    "binary_sensor/doorbell": "doorbell",
    "binary_sensor/human": "human",
    "sensor/storage_used": "storage/used",
    "sensor/storage_used_pct": "storage/used_percent",
    "sensor/storage_total": "storage/total",
}
"""A topic of the newer amcrest2mqtt -> that of the older one."""
_IVS: Mapping[str, str] = {"tripwire": "line_crossing", "intrusion": "intrusion"}


def _on_vto(inbound: Inbound, context: Context) -> list[Observation]:
    """An event of DahuaVTO2MQTT, its code in the topic or the message; other messages of such topics are not ours."""
    document = inbound.document
    if type(document) is not dict or ("Action" not in document and "deviceType" not in document):
        return []
    return _vto_event(document, inbound.parts.get("code", ""), document, inbound, context)


def _on_stream(inbound: Inbound, context: Context) -> list[Observation]:
    """The event list of a device's own stream, forwarded whole."""
    document = inbound.document
    found: list[Observation] = []
    for item in list_of(object_of(document.get("params")).get("eventList"))[:MAX_EVENTS]:
        if type(item) is dict:
            found += _vto_event(item, "", document, inbound, context)
    return found


def _on_flat(inbound: Inbound, context: Context) -> list[Observation]:
    """`Code`, `action`, `index`, `data`: an event as the HTTP API streams it."""
    return _flat_event(inbound.document, "", inbound, context)


def _on_flat_told(inbound: Inbound, context: Context) -> list[Observation]:
    """The same in lower case, with the bridge's own time; or that the device's stream goes on."""
    document = inbound.document
    return _flat_event(document, document.get("timestamp"), inbound, context)


def _on_text(inbound: Inbound, context: Context) -> list[Observation]:
    """The HTTP API's stream as it is: `Code=VideoMotion;action=Start;index=0;data={...}`, in parts or alone."""
    text, found = inbound.document, list[Observation]()
    starts = list(_EVENT.finditer(text))[:MAX_EVENTS]
    for number, start in enumerate(starts):
        until = starts[number + 1].start() if number + 1 < len(starts) else len(text)
        item = {"Code": start["code"], "action": start["action"], "index": start["index"]}
        found += _flat_event({**item, "data": _data_of(text[start.end() : until])}, "", inbound, context)
    return found or [DeviceHealth(device=f"{NAME}/{sender_of(inbound)}")]


def _data_of(text: str) -> Any:
    """The object behind `data=`, without what follows it: the next part's boundary and headers.

    Of one that was cut short on its way, the rule it is about.
    """
    begin, end = text.find("{"), text.rfind("}")
    try:
        return msgspec.json.decode(text[begin : end + 1]) if begin >= 0 else {}
    except NOT_JSON:
        named = _RULE_NAME.search(text, begin)
        return {"Name": named[1]} if named else {}


def _on_rules(inbound: Inbound, _context: Context) -> list[Observation]:
    """A camera's sums by rule, as it pushes them."""
    device = f"{NAME}/{sender_of(inbound)}"
    found: list[Observation] = []
    for item in list_of(inbound.document.get("Rules"))[:MAX_EVENTS]:
        rule = object_of(item)
        name = text_of(rule.get("RuleName"))
        event = DahuaEvent(device=device, code="NumberStat", action="Pulse", index=name, data=rule)
        found += observe_event(event)[:-1]
    return [*found, DeviceHealth(device=device)]


def _on_ivs(inbound: Inbound, _context: Context) -> list[Observation]:
    """`dahua2mqtt/{camera}/{tripwire|intrusion}/{object}`: ON, and OFF some time after the last of it."""
    active, name = flag_of(inbound.document), _IVS.get(inbound.parts["kind"])
    device, target = f"{NAME}/{inbound.parts['camera']}", inbound.parts["object"]
    if active is None or name is None:
        return [DeviceHealth(device=device)]
    alarm = Alarm(device=device, name=name, active=active, area=target, attributes={"target": target})
    return [alarm, DeviceHealth(device=device)]


def _on_ivs_status(inbound: Inbound, _context: Context) -> list[Observation]:
    """The bridge's birth and last will."""
    online = flag_of(inbound.document)
    state: Literal["online", "offline"] | None = None if online is None else "online" if online else "offline"
    return [DeviceHealth(device=f"{NAME}/dahua2mqtt", state=state)]


def _on_request(_inbound: Inbound, _context: Context) -> list[Observation]:
    """A picture that a bridge asks another program to look at."""
    return []


def _on_camera_events(inbound: Inbound, _context: Context) -> list[Observation]:
    """`CameraEvents/{code}/{channel}`: an event's code in the topic, ON while it lasts."""
    active = flag_of(inbound.document)
    device = f"{NAME}/{inbound.parts['channel']}"
    if active is None:
        return [DeviceHealth(device=device)]
    return observe_event(DahuaEvent(device=device, code=inbound.parts["code"], action="Start" if active else "Stop"))


def _on_home_assistant(inbound: Inbound, context: Context) -> list[Observation]:
    """`dahua_event_received` of the Home Assistant bus."""
    document = inbound.document
    return _flat_event(object_of(document.get("data")), document.get("time_fired"), inbound, context)


def _vto_event(
    item: Mapping[str, Any], code: str, envelope: Mapping[str, Any], inbound: Inbound, context: Context
) -> list[Observation]:
    data = object_of(item.get("Data"))
    serial = text_of(envelope.get("serialNumber"))
    event = DahuaEvent(
        device=f"{NAME}/{serial or sender_of(inbound)}",
        code=code or text_of(item.get("Code")),
        action=text_of(item.get("Action")),
        index=text_of(item.get("Index")),
        data=data,
        when=event_instant(data, context),
        model=text_of(envelope.get("deviceType")),
        serial=serial,
    )
    return observe_lasting(event, context.memory)


def _flat_event(item: Mapping[str, Any], fired: object, inbound: Inbound, context: Context) -> list[Observation]:
    told = item.get("data", item.get("Data"))
    data = object_of(_data_of(told) if type(told) is str else told)
    name = text_of(item.get("DeviceName")) or text_of(item.get("name"))
    event = DahuaEvent(
        device=f"{NAME}/{name or sender_of(inbound)}",
        code=text_of(item.get("Code")) or text_of(item.get("code")),
        action=text_of(item.get("action")) or text_of(item.get("Action")),
        index=text_of(item.get("index")) or text_of(item.get("Index")),
        data=data,
        when=event_instant(data, context) or read_instant(fired, context.zone),
        name=name,
    )
    return observe_lasting(event, context.memory)


def _on_amcrest(inbound: Inbound, context: Context) -> list[Observation]:
    """A topic of amcrest2mqtt: an event, a measured state by its name, or the device's configuration."""
    serial = inbound.parts["serial"]
    device = f"{NAME}/{'amcrest2mqtt' if serial == 'service' else serial.removeprefix('amcrest2mqtt_')}"
    leaf, said = inbound.parts["leaf"], inbound.document
    if leaf == "config":
        return [_amcrest_facts(device, object_of(said))]
    if leaf == "event":
        event = object_of(said)
        body = object_of(event.get("payload")) or event
        code = text_of(event.get("event")) or text_of(event.get("code")) or text_of(event.get("Code"))
        data = object_of(body.get("data"))
        when = event_instant(data, context)
        if code in _TOLD_APART:
            return [DeviceHealth(device=device, observed_at=when)]
        told = DahuaEvent(device=device, code=code, action=text_of(body.get("action")), data=data, when=when)
        return observe_lasting(told, context.memory)
    return [_amcrest_state(device, _LEAVES.get(leaf, leaf), said) or DeviceHealth(device=device)]


def _amcrest_facts(device: str, facts: Mapping[str, Any]) -> DeviceHealth:
    return DeviceHealth(
        device=device,
        name=text_of(facts.get("device_name")),
        model=text_of(facts.get("device_type")),
        firmware=text_of(facts.get("sw_version")),
        serial=text_of(facts.get("serial_number")),
        address=text_of(facts.get("host")),
    )


def _amcrest_state(device: str, leaf: str, said: object) -> Observation | None:
    """A state of one word or number; None where there is none to read."""
    on, number = flag_of(said), number_of(said)
    found: Observation | None = None
    if leaf.startswith("storage/") and number is not None:
        metric, unit = ("disk_used", "%") if leaf.endswith("percent") else (leaf.replace("/", "_"), "GBy")
        found = EnvironmentReading(device=device, metric=metric, value=number, unit=unit)
    elif on is not None and leaf == "status":
        found = DeviceHealth(device=device, state="online" if on else "offline")
    elif on is not None and leaf == "motion":
        found = Motion(device=device, active=on)
    elif on is not None and leaf == "doorbell":
        found = Alarm(device=device, name="button", active=on, momentary=on)
    elif on and leaf == "human":
        found = ObjectDetection(device=device, label="person")
    return found


def recognise_dahua(document: Mapping[str, Any]) -> Handler | None:
    """An event in one of the envelopes, by its members."""
    if document.get("event_type") == "dahua_event_received":
        return _on_home_assistant
    if document.get("method") == "client.notifyEventStream":
        return _on_stream
    if "serialNumber" in document and "deviceType" in document and ("Action" in document or "Data" in document):
        return _on_vto
    if "Code" in document and ("action" in document or "Action" in document):
        return _on_flat
    if type(document.get("code")) is str:
        action = document.get("action")
        known = type(action) is str and action.lower() in _ACTIONS
        return _on_flat_told if known or document == {"code": "Heartbeat"} else None
    rules = list_of(document.get("Rules"))
    counted = rules and "EnteredSubtotal" in object_of(rules[0])
    return _on_rules if counted else recognise_itsapi(document)


def recognise_dahua_text(text: str) -> Handler | None:
    """The stream of the HTTP API, whole or one part of it."""
    head = text[:1_024]
    return _on_text if "Code=" in head and ";action=" in head else None


ROUTES: tuple[Route, ...] = (
    Route(template="{prefix}/{code}/Event", handle=_on_vto),
    Route(template="amcrest2mqtt/{serial}/{leaf...}", handle=_on_amcrest, form="any"),
    Route(template="amcrest2mqtt/vision/request", handle=_on_request, form="bytes"),
    Route(template="dahua2mqtt/{camera}/{kind}/{object}", handle=_on_ivs, form="any"),
    Route(template="dahua2mqtt/status", handle=_on_ivs_status, form="any"),
    Route(template="CameraEvents/{code}/{channel}", handle=_on_camera_events, form="any"),
)

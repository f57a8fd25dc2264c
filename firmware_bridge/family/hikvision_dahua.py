"""Hikvision and Dahua cameras, recorders and door stations, as bridges forward their events to MQTT.

Hikvision: `EventNotificationAlert` (`isapi_alert`). Dahua: events by code (`dahua_event`), as DahuaVTO2MQTT,
amcrest2mqtt, CameraEvents and the Home Assistant integration of Dahua write them.
Source: Hikvision ISAPI; DahuaVTO2MQTT; dchesterton/amcrest2mqtt; psyciknz/CameraEvents; rroller/dahua.
"""

from collections.abc import Mapping
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, ObjectDetection, Observation
from firmware_bridge.family.dahua_event import DahuaEvent, event_instant, observe_event
from firmware_bridge.family.isapi_alert import ROOT, alert_of, is_alert_text, observe_alert, read_alert_xml
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of

NAME = "hikvision_dahua"
MAX_EVENTS = 100  # of one message


def _on_alert(inbound: Inbound, context: Context) -> list[Observation]:
    """A Hikvision alert, text or JSON."""
    document = inbound.document
    if type(document) is str:
        return observe_alert(NAME, read_alert_xml(document), inbound, context)
    if type(document) is not dict:
        raise Rejected(f"expected {ROOT} as XML or as a JSON object")
    return observe_alert(NAME, alert_of(document), inbound, context)


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
    return observe_event(event)


def _flat_event(item: Mapping[str, Any], fired: object, inbound: Inbound, context: Context) -> list[Observation]:
    data = object_of(item.get("data", item.get("Data")))
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
    return observe_event(event)


def _on_amcrest(inbound: Inbound, context: Context) -> list[Observation]:
    """A topic of amcrest2mqtt: an event, a measured state by its name, or the device's configuration."""
    device = f"{NAME}/{inbound.parts['serial']}"
    leaf, said = inbound.parts["leaf"], inbound.document
    if leaf == "config":
        return [_amcrest_facts(device, object_of(said))]
    if leaf == "event":
        event = object_of(said)
        body = object_of(event.get("payload")) or event
        code = text_of(event.get("event")) or text_of(event.get("code")) or text_of(event.get("Code"))
        data = object_of(body.get("data"))
        when = event_instant(data, context)
        return observe_event(
            DahuaEvent(device=device, code=code, action=text_of(body.get("action")), data=data, when=when)
        )
    return [_amcrest_state(device, leaf, said) or DeviceHealth(device=device)]


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
        unit = "%" if leaf.endswith("percent") else "GBy"
        found = EnvironmentReading(device=device, metric=leaf.replace("/", "_"), value=number, unit=unit)
    elif on is not None and leaf == "status":
        found = DeviceHealth(device=device, state="online" if on else "offline")
    elif on is not None and leaf == "motion":
        found = Motion(device=device, active=on)
    elif on is not None and leaf == "doorbell":
        found = Alarm(device=device, name="button", active=on, momentary=on)
    elif on and leaf == "human":
        found = ObjectDetection(device=device, label="person")
    return found


def _recognise(document: Any) -> Handler | None:
    """An alert as text or JSON, or an event in one of the envelopes of Dahua's bridges."""
    if type(document) is str:
        return _on_alert if is_alert_text(document) else None
    return _handler_of(document) if type(document) is dict else None


def _handler_of(document: dict[str, Any]) -> Handler | None:
    if ROOT in document or ("eventType" in document and ("eventState" in document or "macAddress" in document)):
        return _on_alert
    if document.get("event_type") == "dahua_event_received":
        return _on_home_assistant
    if document.get("method") == "client.notifyEventStream":
        return _on_stream
    if "serialNumber" in document and "deviceType" in document and ("Action" in document or "Data" in document):
        return _on_vto
    return _on_flat if "Code" in document and ("action" in document or "Action" in document) else None


FAMILY = Family(
    name=NAME,
    title="Hikvision and Dahua",
    source="Hikvision ISAPI; https://github.com/elad-bar/DahuaVTO2MQTT; https://github.com/dchesterton/amcrest2mqtt",
    routes=(
        Route(template="{prefix}/{code}/Event", handle=_on_vto),
        Route(template="amcrest2mqtt/{serial}/{leaf...}", handle=_on_amcrest, form="any"),
        Route(template="CameraEvents/{code}/{channel}", handle=_on_camera_events, form="any"),
    ),
    recognise=_recognise,
)

"""Hikvision and Dahua cameras, recorders and door stations, as bridges forward their events to MQTT.

Hikvision: `EventNotificationAlert` (`isapi_alert`), and what bridges make of it (`hikvision_bridges`). Dahua: events by
code (`dahua_event`) in the envelopes of many bridges (`dahua_bridges`).
Source: Hikvision ISAPI; and those of the modules.
"""

from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import Observation
from firmware_bridge.family.hikvision_dahua.alarm_server import ROUTES as ALARM_SERVER
from firmware_bridge.family.hikvision_dahua.alarm_server import listens, recognise_xmeye
from firmware_bridge.family.hikvision_dahua.dahua_bridges import ROUTES, recognise_dahua, recognise_dahua_text
from firmware_bridge.family.hikvision_dahua.hikvision_bridges import on_access, on_rule
from firmware_bridge.family.hikvision_dahua.isapi_alert import (
    ROOT,
    alert_of,
    is_alert_text,
    metadata_alert,
    observe_alert,
    read_alert_xml,
)
from firmware_bridge.inbound import Context, Family, Handler, Inbound
from firmware_bridge.notation.members import object_of

NAME = "hikvision_dahua"


def _on_alert(inbound: Inbound, context: Context) -> list[Observation]:
    """A Hikvision alert, text or JSON."""
    document = inbound.document
    if type(document) is str:
        return observe_alert(NAME, read_alert_xml(document), inbound, context)
    if type(document) is not dict:
        raise Rejected(f"expected {ROOT} as XML or as a JSON object")
    return observe_alert(NAME, alert_of(document), inbound, context)


def _on_metadata(inbound: Inbound, context: Context) -> list[Observation]:
    """A camera's metadata: how many are in a region, how many went in and out of it."""
    return observe_alert(NAME, metadata_alert(inbound.document), inbound, context)


def _recognise(document: Any) -> Handler | None:
    """An alert as text or JSON, or an event in one of the envelopes of Dahua's bridges."""
    if type(document) is str:
        return _on_alert if is_alert_text(document) else recognise_dahua_text(document)
    if type(document) is not dict:
        return None
    return _hikvision(document) or recognise_dahua(document) or recognise_xmeye(document)


def _hikvision(document: dict[str, Any]) -> Handler | None:
    alert = alert_of(document)
    if ROOT in document or ("eventType" in alert and ("eventState" in alert or "macAddress" in alert)):
        return _on_alert
    if type(object_of(document.get("Metadata")).get("subType")) is str:
        return _on_metadata
    if "devId" in document and "EventType" in document and "RuleID" in document:
        return on_rule
    told = "eventName" in document and not document.keys().isdisjoint(("deviceName", "from"))
    return on_access if told else None


FAMILY = Family(
    name=NAME,
    title="Hikvision and Dahua",
    source="Hikvision ISAPI; https://github.com/elad-bar/DahuaVTO2MQTT; https://github.com/dchesterton/amcrest2mqtt",
    routes=(*ROUTES, *ALARM_SERVER),
    recognise=_recognise,
    announced=listens,
)

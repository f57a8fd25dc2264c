"""Zigbee2MQTT: the topics of its devices and of its bridge.

Devices are `zigbee2mqtt/<friendly name>`, heard through `zigbee2mqtt/bridge`. A friendly name may hold slashes and
spaces. Where the bridge publishes each value on a topic of its own (`output: attribute`), the last level names it.
"""

from collections.abc import Sequence
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, Observation
from firmware_bridge.family.zigbee2mqtt_bridge import (
    read_bridge_state,
    read_devices,
    read_event,
    read_groups,
    read_health,
    read_info,
    read_logging,
    read_other,
    read_response,
    state_of,
)
from firmware_bridge.family.zigbee2mqtt_state import BRIDGE, read_state
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Route
from firmware_bridge.notation.members import object_of, text_of


def _state(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`{device}`: an object with all that is known, or one value on a topic of its own."""
    document, name = inbound.document, inbound.parts["device"]
    if type(document) is dict:
        return read_state(document, name, context)
    if type(document) is list or (type(document) is str and document[:1] in ("{", "[")):
        raise Rejected("expected a JSON object with the device's state")
    name, _, member = name.rpartition("/")
    if not name:
        raise Rejected("expected a JSON object with the device's state")
    return read_state({member: document}, name, context)


def _availability(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`{device}/availability`: whether the bridge can reach it."""
    if inbound.document in ("", None):
        return []  # taken back when a device is renamed
    return [DeviceHealth(device="zigbee2mqtt/" + inbound.parts["device"], state=state_of(inbound.document), via=BRIDGE)]


def _nothing(_inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """Commands on their way to the bridge."""
    return []


def _recognise(document: Any) -> Handler | None:
    if type(document) is dict:
        if "linkquality" in document:
            return _recognised_state
        if "coordinator" in document and "permit_join" in document:
            return read_info
        kind = document.get("type")
        if type(kind) is str and kind.startswith("device_") and "friendly_name" in object_of(document.get("data")):
            return read_event
    elif type(document) is list and document and type(document[0]) is dict and "friendly_name" in document[0]:
        return read_devices if "ieee_address" in document[0] else read_groups if "members" in document[0] else None
    return None


def _recognised_state(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """A state on a topic nobody knows: the base topic is another, of one level."""
    document = inbound.document
    name = text_of(object_of(document.get("device")).get("friendlyName"))
    if not name and not inbound.topic.startswith("hexpost/"):
        name = inbound.topic.partition("/")[2]
    return read_state(document, name or inbound.parts.get("device") or inbound.topic, context)


FAMILY = Family(
    name="zigbee2mqtt",
    title="Zigbee2MQTT",
    source="https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html",
    routes=(
        Route(template="zigbee2mqtt/bridge/state", handle=read_bridge_state, form="any"),
        Route(template="zigbee2mqtt/bridge/info", handle=read_info),
        Route(template="zigbee2mqtt/bridge/devices", handle=read_devices),
        Route(template="zigbee2mqtt/bridge/groups", handle=read_groups),
        Route(template="zigbee2mqtt/bridge/event", handle=read_event),
        Route(template="zigbee2mqtt/bridge/health", handle=read_health),
        Route(template="zigbee2mqtt/bridge/logging", handle=read_logging, form="any"),
        Route(template="zigbee2mqtt/bridge/response/{method...}", handle=read_response),
        Route(template="zigbee2mqtt/bridge/request/{method...}", handle=_nothing, form="bytes"),
        Route(template="zigbee2mqtt/bridge/{topic...}", handle=read_other, form="bytes"),
        Route(template="zigbee2mqtt/{device...}/availability", handle=_availability, form="any"),
        Route(template="zigbee2mqtt/{device...}/set", handle=_nothing, form="bytes"),
        Route(template="zigbee2mqtt/{device...}/get", handle=_nothing, form="bytes"),
        Route(template="zigbee2mqtt/{device...}/set/{member}", handle=_nothing, form="bytes"),
        Route(template="zigbee2mqtt/{device...}/get/{member}", handle=_nothing, form="bytes"),
        Route(template="zigbee2mqtt/{device...}", handle=_state, form="any"),
    ),
    recognise=_recognise,
)

"""Zigbee2MQTT: the topics of its devices and of its bridge.

Devices are `zigbee2mqtt/<friendly name>`, heard through `zigbee2mqtt/bridge`. A friendly name may hold slashes and
spaces. Where the bridge publishes each value on a topic of its own (`output: attribute`), the last level names it.
A site may have chosen another base topic: it is known by its bridge's topics, and from then on.
"""

import re
from collections.abc import Sequence
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, Observation
from firmware_bridge.family.zigbee2mqtt.bridge import (
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
from firmware_bridge.family.zigbee2mqtt.legacy import read_config, read_config_devices, read_log
from firmware_bridge.family.zigbee2mqtt.state import BRIDGE, read_state
from firmware_bridge.family.zigbee2mqtt.values import ALARMS, ENDPOINTS, METRICS, MOTION
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Memory, Route, read_form
from firmware_bridge.notation.members import object_of, text_of
from firmware_bridge.routing import Router

NAME = "zigbee2mqtt"
_BRIDGE = re.compile(r"/bridge/(state|info|devices|groups|event|health|logging|log|config|response/.+)\Z")
_USUAL = METRICS.keys() | ALARMS.keys() | MOTION.keys() | set("state action click battery last_seen".split())


def _state(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`{device}`: an object with all that is known, or one value on a topic of its own."""
    document, name = inbound.document, inbound.parts["device"]
    if type(document) is dict:
        if document.get("action"):
            context.memory.put(NAME, "acting/" + name, True)
        if "/" in name:
            name, document = _whole(name, document, context)
        return read_state(document, name, context)
    if type(document) is list or (type(document) is str and document[:1] in ("{", "[")):
        raise Rejected("expected a JSON object with the device's state")
    name, _, member = name.rpartition("/")
    if not name:
        raise Rejected("expected a JSON object with the device's state")
    if member == "action" and context.memory.get(NAME, "acting/" + name):
        document = ""  # Home Assistant's triggers: the object told it already
    return read_state({member: document}, name, context)


def _whole(name: str, document: dict[str, Any], context: Context) -> tuple[str, dict[str, Any]]:
    """(device, members) where a known device's end has a topic of its own, as Home Assistant had it for lights."""
    head, _, end = name.rpartition("/")
    known = context.memory.get
    if end not in ENDPOINTS or known(NAME, "device/" + name) or not known(NAME, "device/" + head):
        return name, document
    return head, {f"{member}_{end}": value for member, value in document.items()}


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


def _named(document: Any) -> Handler | None:
    """What a gateway calls ours needs no `linkquality`: some sites leave it out."""
    if type(document) is not dict or document.keys().isdisjoint(_USUAL):
        return None
    alone = len(document) == 1 and document.get("state") in ("online", "offline")
    return _availability if alone else _recognised_state


def _recognised_state(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """A state on a topic nobody knows: the base topic is another, of one level."""
    document = inbound.document
    name = text_of(object_of(document.get("device")).get("friendlyName"))
    if not name and not inbound.topic.startswith("hexpost/"):
        name = inbound.topic.partition("/")[2]
    return read_state(document, name or inbound.parts.get("device") or inbound.topic, context)


def _announced(topic: str, memory: Memory) -> Handler | None:
    """Topics of another base, once its bridge spoke on one that nobody else has."""
    spoken = _BRIDGE.search(topic)
    if spoken is not None:
        return _on_base(topic[: spoken.start()], learn=True)
    base = topic
    while "/" in base:
        base = base.rpartition("/")[0]
        if memory.get(NAME, "base/" + base):
            return _on_base(base, learn=False)
    return None


def _on_base(base: str, *, learn: bool) -> Handler:
    def handle(inbound: Inbound, context: Context) -> Sequence[Observation]:
        found = _ROUTER.find(NAME + inbound.topic[len(base) :])
        if found is None:
            raise Rejected("names no device")
        inbound.parts, inbound.document = found.parts, read_form(inbound.payload, found.route.form)
        told = found.route.handle(inbound, context)
        if learn and type(inbound.document) in (dict, list):  # a bare word may be anyone's
            context.memory.put(NAME, "base/" + base, True)
        return told

    return handle


FAMILY = Family(
    name=NAME,
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
        Route(template="zigbee2mqtt/bridge/log", handle=read_log, form="any"),
        Route(template="zigbee2mqtt/bridge/config", handle=read_config, form="any"),
        Route(template="zigbee2mqtt/bridge/config/devices", handle=read_config_devices, form="any"),
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
    named=_named,
    announced=_announced,
)

_ROUTER = Router([FAMILY])

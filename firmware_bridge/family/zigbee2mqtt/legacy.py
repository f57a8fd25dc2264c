"""What the Zigbee2MQTT bridge said before 1.17, and until 2.0 beside it: `bridge/log` and `bridge/config`.

Source: the documentation of the legacy API. Called by `family`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from appliance.model.observation import DeviceHealth, Observation
from firmware_bridge.family.zigbee2mqtt.bridge import read_devices
from firmware_bridge.family.zigbee2mqtt.state import BRIDGE
from firmware_bridge.inbound import Context, Inbound
from firmware_bridge.notation.members import list_of, object_of, text_of

_TOLD_IN_MESSAGE = frozenset(("pairing", "device_removed"))
_NEWER = {
    "ieeeAddr": "ieee_address",
    "friendly_name": "friendly_name",
    "type": "type",
    "manufacturerName": "manufacturer",
    "modelID": "model_id",
    "powerSource": "power_source",
    "softwareBuildID": "software_build_id",
    "dateCode": "date_code",
}


def read_log(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`bridge/log`: a device came, was interviewed, left; or what went wrong."""
    document = object_of(inbound.document)
    kind, message, meta = text_of(document.get("type")), document.get("message"), object_of(document.get("meta"))
    if kind == "devices":
        return _read_old_devices(list_of(message), inbound, context)
    name = _named(kind, message, meta)
    if kind.endswith("_error") or not name:
        return [DeviceHealth(device=BRIDGE, attributes={"error": text_of(message)} if kind.endswith("_error") else {})]
    said = text_of(message) if kind in _TOLD_IN_MESSAGE else text_of(meta.get("status"))
    return [
        DeviceHealth(
            device="zigbee2mqtt/" + name,
            state="offline" if kind == "device_removed" and message == "left_network" else None,
            name=name,
            manufacturer=text_of(meta.get("vendor")),
            model=text_of(meta.get("model")),
            via=BRIDGE,
            attributes={"event": f"{kind} {said}".strip()},
        )
    ]


def read_config(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`bridge/config`: version and coordinator."""
    document = object_of(inbound.document)
    coordinator = document.get("coordinator")
    details = object_of(coordinator)
    attributes = {
        "coordinator": text_of(details.get("type")),
        "coordinator_revision": text_of(coordinator) or text_of(object_of(details.get("meta")).get("revision")),
    }
    told: dict[str, Any] = {name: text for name, text in attributes.items() if text}
    if type(document.get("permit_join")) is bool:
        told["permit_join"] = document["permit_join"]
    version = text_of(document.get("version"))
    return [DeviceHealth(device=BRIDGE, name="Zigbee2MQTT" if version else "", firmware=version, attributes=told)]


def read_config_devices(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`bridge/config/devices`: the list of devices, on request."""
    return _read_old_devices(list_of(inbound.document), inbound, context)


def _read_old_devices(entries: Sequence[Any], inbound: Inbound, context: Context) -> Sequence[Observation]:
    """The facts of every device, under the names that they have now."""
    newer = [
        {
            **{now: entry[then] for then, now in _NEWER.items() if then in entry},
            "definition": {"vendor": entry.get("vendor"), "model": entry.get("model")},
        }
        for entry in entries
        if type(entry) is dict
    ]
    told = read_devices(msgspec.structs.replace(inbound, document=newer), context)
    return told or [DeviceHealth(device=BRIDGE)]


def _named(kind: str, message: object, meta: Mapping[str, Any]) -> str:
    """The device a log entry is about, by its friendly name; '' where it is about none."""
    entity = object_of(meta.get("entity"))
    return (
        text_of(meta.get("friendly_name"))
        or text_of(meta.get("device"))
        or text_of(entity.get("friendlyName"))
        or text_of(object_of(message).get("friendly_name"))
        or (text_of(message) if kind == "device_connected" else "")
    )

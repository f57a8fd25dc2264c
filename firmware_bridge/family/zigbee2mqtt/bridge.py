"""What the Zigbee2MQTT bridge says of itself, of its devices and of commands. Called by `family`.

`bridge/devices` is remembered: by friendly name a device's facts, and how its values are measured where that is not
what `state` takes for granted; by IEEE address its friendly name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import CommandOutcome, DeviceHealth, Observation
from firmware_bridge.family.zigbee2mqtt.state import BRIDGE
from firmware_bridge.family.zigbee2mqtt.values import METRICS
from firmware_bridge.inbound import Context, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of, whole_of
from firmware_bridge.notation.metrics import snake_case
from firmware_bridge.notation.units import Scale, scale_to

MAX_DEVICES = 1_000  # of one message; Zigbee has room for a few hundred
MAX_VALUES = 30  # remembered of one device
_ASIDE = frozenset(("config", "diagnostic"))
_NOT_MEASURED = frozenset("battery voltage linkquality people action_duration".split())


def read_bridge_state(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`bridge/state`: its birth and last will, as an object or, before 1.2x, as text."""
    return [DeviceHealth(device=BRIDGE, state=state_of(inbound.document))]


def read_info(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`bridge/info`: version, coordinator, network."""
    document = _object(inbound)
    coordinator, network = object_of(document.get("coordinator")), object_of(document.get("network"))
    attributes = {
        "coordinator": text_of(coordinator.get("type")),
        "coordinator_revision": text_of(object_of(coordinator.get("meta")).get("revision")),
        "channel": whole_of(network.get("channel")),
        "permit_join": document.get("permit_join") is True,
        "restart_required": document.get("restart_required") is True,
    }
    return [
        DeviceHealth(
            device=BRIDGE,
            name="Zigbee2MQTT",
            firmware=text_of(document.get("version")),
            serial=text_of(coordinator.get("ieee_address")),
            attributes={name: value for name, value in attributes.items() if value not in ("", None)},
        )
    ]


def read_devices(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`bridge/devices`: the facts of every device; the coordinator's are the bridge's own."""
    entries = list_of(inbound.document)
    if type(inbound.document) is not list:
        raise Rejected("expected an array of devices")
    return [
        told
        for entry in entries[:MAX_DEVICES]
        if type(entry) is dict and (told := _device(entry, context, len(entries))) is not None
    ]


def read_groups(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`bridge/groups`."""
    if type(inbound.document) is not list:
        raise Rejected("expected an array of groups")
    return [
        DeviceHealth(
            device="zigbee2mqtt/" + name,
            name=name,
            model="Group",
            via=BRIDGE,
            attributes={"members": len(list_of(entry.get("members")))},
        )
        for entry in inbound.document[:MAX_DEVICES]
        if type(entry) is dict and (name := text_of(entry.get("friendly_name")))
    ]


def read_event(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`bridge/event`: a device joined, announced itself, was interviewed, or left."""
    document = _object(inbound)
    kind, data = text_of(document.get("type")), object_of(document.get("data"))
    name = text_of(data.get("friendly_name")) or text_of(data.get("ieee_address"))
    if not name:
        return [DeviceHealth(device=BRIDGE, attributes={"event": kind})]
    ieee, definition = text_of(data.get("ieee_address")), object_of(data.get("definition"))
    if ieee and kind != "device_leave":
        context.memory.put("zigbee2mqtt", "ieee/" + ieee, name)
    status = text_of(data.get("status"))
    return [
        DeviceHealth(
            device="zigbee2mqtt/" + name,
            state="offline" if kind == "device_leave" else None,
            name=name,
            manufacturer=text_of(definition.get("vendor")),
            model=text_of(definition.get("model")),
            serial=ieee,
            via=BRIDGE,
            attributes={"event": f"{kind} {status}".strip()},
        )
    ]


def read_health(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`bridge/health`: uptime and load of the bridge; how many messages each device sent is not news of the device."""
    document = _object(inbound)
    process, mqtt = object_of(document.get("process")), object_of(document.get("mqtt"))
    attributes = {
        "memory_percent": number_of(object_of(document.get("os")).get("memory_percent")),
        "queued": whole_of(mqtt.get("queued")),
        "published": whole_of(mqtt.get("published")),
    }
    return [
        DeviceHealth(
            device=BRIDGE,
            observed_at=read_instant(document.get("response_time"), context.zone),
            state="online",
            uptime_s=number_of(process.get("uptime_sec")),
            attributes={name: value for name, value in attributes.items() if value is not None},
        )
    ]


def read_response(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`bridge/response/...`: what became of a request; `transaction` is the asker's own id."""
    document = _object(inbound)
    method, data = inbound.parts["method"], object_of(document.get("data"))
    status, error = text_of(document.get("status")), text_of(document.get("error"))
    if status not in ("ok", "error"):
        raise Rejected("expected ok or error", "$.status")
    name = text_of(data.get("id")) if method.startswith("device/") else ""
    name = context.memory.get("zigbee2mqtt", "ieee/" + name) or name
    device = "zigbee2mqtt/" + name if name else BRIDGE
    found: list[Observation] = [
        CommandOutcome(
            device=device,
            outcome="done" if status == "ok" else "failed",
            command_id=text_of(document.get("transaction")),
            method=method,
            message=error,
        )
    ]
    firmware = text_of(object_of(data.get("to")).get("software_build_id"))
    if name and firmware and status == "ok":
        found.append(DeviceHealth(device=device, firmware=firmware, via=BRIDGE))
    return found


def read_logging(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`bridge/logging`: what went wrong, in short."""
    document = object_of(inbound.document)
    level = text_of(document.get("level"))
    if level not in ("error", "warning"):
        return [DeviceHealth(device=BRIDGE)]
    return [DeviceHealth(device=BRIDGE, attributes={level: text_of(document.get("message"))})]


def read_other(_inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """Groups of code, maps, definitions: nothing but that the bridge is there."""
    return [DeviceHealth(device=BRIDGE)]


def state_of(document: object) -> Any:
    """`online` or `offline` from an object with a state, or from text.

    raises  Rejected  it is neither
    """
    said = document.get("state") if type(document) is dict else document
    state = said.strip().lower() if type(said) is str else ""
    if state not in ("online", "offline"):
        raise Rejected("expected online or offline", "$.state" if type(document) is dict else "$")
    return state


def _device(entry: Mapping[str, Any], context: Context, total: int) -> DeviceHealth | None:
    name, ieee = text_of(entry.get("friendly_name")), text_of(entry.get("ieee_address"))
    name = name or ieee
    if not name:
        return None
    coordinator = entry.get("type") == "Coordinator"
    if coordinator:
        return DeviceHealth(device=BRIDGE, serial=ieee, attributes={"devices": total})
    definition = object_of(entry.get("definition"))
    facts = {
        "manufacturer": text_of(definition.get("vendor")) or text_of(entry.get("manufacturer")),
        "model": text_of(definition.get("model")) or text_of(entry.get("model_id")),
        "firmware": _until_nul(entry.get("software_build_id")) or _until_nul(entry.get("date_code")),
        "serial": ieee,
    }
    power = text_of(entry.get("power_source"))
    _remember(context, name, facts, power, _values(definition))
    attributes: dict[str, Any] = {"power_source": power} if power else {}
    attributes |= {key: True for key in ("disabled", "interviewing") if entry.get(key) is True}
    if entry.get("supported") is False:
        attributes["supported"] = False
    return DeviceHealth(
        device="zigbee2mqtt/" + name,
        name=name,
        manufacturer=facts["manufacturer"],
        model=facts["model"],
        firmware=facts["firmware"],
        serial=ieee,
        via=BRIDGE,
        attributes=attributes,
    )


def _until_nul(value: object) -> str:
    """Some devices give a C string with whatever stood behind it in their memory."""
    return text_of(value.partition("\0")[0] if type(value) is str else value)


def _remember(
    context: Context, name: str, facts: Mapping[str, str], power: str, values: Mapping[str, list[Any]]
) -> None:
    known: dict[str, Any] = {key: text for key, text in facts.items() if text}
    if power:
        known["power_source"] = power
    if values:
        known["values"] = values
    context.memory.put("zigbee2mqtt", "device/" + name, known)
    if facts["serial"]:
        context.memory.put("zigbee2mqtt", "ieee/" + facts["serial"], name)


def _values(definition: Mapping[str, Any]) -> dict[str, list[Any]]:
    """How this device's values are measured, where that is not what is taken for granted.

    returns  property -> [metric, unit, channel] or [metric, unit, channel, factor, offset]
    """
    values: dict[str, list[Any]] = {}
    for expose in list_of(definition.get("exposes")):
        if type(expose) is not dict or expose.get("type") != "numeric" or len(values) >= MAX_VALUES:
            continue
        name, unit, access = text_of(expose.get("property")), text_of(expose.get("unit")), expose.get("access")
        known = METRICS.get(name)
        if known is not None:
            scale = scale_to(unit, known[1])
            if scale != Scale(known[1]):
                values[name] = [known[0], scale.unit, known[2], scale.factor, scale.offset]
        elif name and name not in _NOT_MEASURED and _is_measured(expose, access):
            scale = scale_to(unit, "")
            values[name] = [snake_case(name), scale.unit, "", scale.factor, scale.offset]
    return values


def _is_measured(expose: Mapping[str, Any], access: object) -> bool:
    """Read-only and no setting; bit 1 of `access` is "can be set"."""
    return type(access) is int and not access & 2 and text_of(expose.get("category")) not in _ASIDE


def _object(inbound: Inbound) -> Mapping[str, Any]:
    if type(inbound.document) is not dict:
        raise Rejected("expected a JSON object")
    return inbound.document

"""Tasmota: telemetry, states, answers to commands, and the devices heard through its Zigbee and LoRaWAN bridges.

A device is `tasmota/<topic>`; what a bridge hears is `tasmota/<bridge>/<name or address>`, via the bridge. `tele` and
`stat` stand before the device's topic or behind it; any other full topic is learned from the device's discovery. Relays
are readings `switch.<n>`, inputs `input.<n>`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from appliance.errors import Rejected
from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.family.sender import sender_of
from firmware_bridge.family.tasmota.answer import read_answers, read_upgrade
from firmware_bridge.family.tasmota.health import FACTS, health_of, tell_facts
from firmware_bridge.family.tasmota.heard import read_heard, read_valve
from firmware_bridge.family.tasmota.sensor import (
    PINS,
    UNITS,
    read_input,
    read_port,
    read_remote,
    read_shutter,
    sweep_sensors,
    time_of,
)
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Memory, Route, read_form
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of
from firmware_bridge.notation.metrics import snake_case

NAME = "tasmota"
_LEAVES = frozenset("SENSOR STATE RESULT LWT STATUS INFO1 INFO2 INFO3 UPGRADE DEEPSLEEP ZbReceived".split())
_ACTIONS = ("Action", "ACTION", "TRIG", "STATE", "State")
_INNER = {"StatusSNS": "SENSOR", "StatusSTS": "STATE"}
_MARGINS = frozenset("PowerLow PowerHigh VoltageLow VoltageHigh CurrentLow CurrentHigh MaxPowerReached".split())
_MARGIN_LEAVES = {snake_case(margin).upper(): margin for margin in _MARGINS}


def _on_tele(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """Telemetry, and events by themselves."""
    document, parts = inbound.document, inbound.parts
    if type(document) is not dict:
        return _text(inbound)
    return _read(document, parts["device"], parts["leaf"], context, answers=False)


def on_stat(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """Answers to commands, and what changed as by a command."""
    document, parts = inbound.document, inbound.parts
    if type(document) is not dict:
        return _text(inbound)
    return _read(document, parts["device"], parts["leaf"], context, answers=True)


def _read(
    document: Mapping[str, Any], name: str, leaf: str, context: Context, *, answers: bool
) -> Sequence[Observation]:
    heard = read_heard(document, name, leaf)
    if heard:
        return heard
    if answers and "stattime" in document and "tas" in document:
        return read_valve(document)
    device = "tasmota/" + name
    if leaf == "ENERGY" and "Power" in document:  # before version 6
        document, leaf = {"Time": document.get("Time"), "ENERGY": document}, "SENSOR"
    if leaf == "SENSOR":
        found = sweep_sensors(document, device, context.zone)
        if "Vcc" not in document:
            return found or [DeviceHealth(device=device, observed_at=time_of(document, context.zone))]
        return [health_of(document, device, context.zone), *found]
    if leaf == "STATE":
        found = [health_of(document, device, context.zone)]
        _read_relays(found, device, found[0].observed_at, document)
        return found
    return _read_members(document, device, leaf, context, answers)


def _read_members(
    document: Mapping[str, Any], device: str, leaf: str, context: Context, answers: bool
) -> Sequence[Observation]:
    """`RESULT`, `STATUS…`, `INFO…`, events, and the topics that repeat them."""
    at = time_of(document, context.zone)
    found: list[Observation] = []
    facts: dict[str, Any] = {}
    told: dict[str, Any] = {}
    _read_relays(found, device, at, document)
    _read_objects(found, document, device, context, facts, told)
    if not document.keys().isdisjoint(FACTS):
        tell_facts(document, facts, told)
    if leaf == "MARGINS":
        _read_margins(found, device, at, document)
    if leaf[:6] in ("BUTTON", "SWITCH"):
        _read_event(found, device, at, leaf.rstrip("T").title(), document)
    elif answers and leaf[:6] != "STATUS":
        found += read_answers(document, device, PINS)
    elif not (found or answers or leaf in _LEAVES) and "Time" in document:  # a sensor on a topic of its own (MI32)
        found = sweep_sensors({"Time": document["Time"], **_objects_of(document)}, device, context.zone)
    if facts or told or not found:
        state: Literal["online"] | None = "online" if leaf[:4] == "INFO" else None
        found.insert(0, DeviceHealth(device=device, observed_at=at, state=state, attributes=told, **facts))
    return found


def _objects_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Its sensors and the units they are told in."""
    return {name: value for name, value in document.items() if type(value) is dict or name in UNITS}


def _read_objects(
    found: list[Observation],
    document: Mapping[str, Any],
    device: str,
    context: Context,
    facts: dict[str, Any],
    told: dict[str, Any],
) -> None:
    """What is an object: facts of the device, its sensors and its state within an answer, what happened."""
    at = time_of(document, context.zone)
    for member, value in list(document.items())[:40]:
        if type(value) is not dict:
            continue
        if member in ("SSerialReceived", "SerialReceived"):
            found += sweep_sensors({"serial": value}, device, context.zone)
        elif member[-4:] in PINS:
            read_port(found, device, at, member[:-4], value)
        elif member[:6] == "Status" or member[:4] == "Info":
            inner = _INNER.get(member)
            if inner is None:
                tell_facts(value, facts, told)
            else:
                found += _read(value, device[8:], inner, context, answers=False)
        else:
            _read_event(found, device, at, member, value)


def _read_relays(found: list[Observation], device: str, at: datetime | None, document: Mapping[str, Any]) -> None:
    for member, value in document.items():
        if member[:5] == "POWER":
            state = flag_of(value)
            if state is not None and (member == "POWER" or member[5:].isdecimal()):
                found.append(_reading(device, at, "switch", float(state), member[5:9]))
        elif member[:6] == "Dimmer":
            number = number_of(value)
            if number is not None and (member == "Dimmer" or member[6:].isdecimal()):
                found.append(_reading(device, at, "brightness", number, member[6:10], "%"))
        elif member[:7] == "Shutter":  # as `ShutterPosition1: 50` it answers to where it was sent
            if type(value) is dict:
                read_shutter(found, device, at, member, value)
        elif member[:6] == "Switch" or member[:3] == "PIR":
            read_input(found, device, at, member, value)


def _read_margins(found: list[Observation], device: str, at: datetime | None, document: Mapping[str, Any]) -> None:
    """`MARGINS`: power, voltage or current has left its limits or is back within."""
    for member, value in document.items():
        state = flag_of(value) if type(value) is str else None  # as a number it is the limit
        if state is not None and member in _MARGINS:
            area = snake_case(member)
            found.append(Alarm(device=device, observed_at=at, name="problem", active=state, area=area))


def _reading(
    device: str, at: datetime | None, metric: str, value: float, channel: str, unit: str = "1"
) -> EnvironmentReading:
    return EnvironmentReading(device=device, observed_at=at, metric=metric, value=value, unit=unit, channel=channel)


def _read_event(
    found: list[Observation], device: str, at: datetime | None, member: str, said: Mapping[str, Any]
) -> None:
    """What a remote control sent; `Button1: {Action: SINGLE}`; a switch that is held or toggled is a button."""
    if read_remote(found, device, at, member, said):
        return
    word = member.rstrip("0123456789")
    action = next((text_of(said[key]) for key in _ACTIONS if key in said), "")
    if word not in ("Button", "Switch") or action.upper() in ("", "CLEAR", "NONE", "INV"):
        return
    number, state = member[len(word) :][:4], flag_of(action)
    if word == "Switch" and state is not None:
        found.append(_reading(device, at, "input", float(state), number))
    else:
        found.append(
            Alarm(
                device=device,
                observed_at=at,
                name="button",
                active=True,
                area=number,
                attributes={"action": action.lower()},
                momentary=True,
            )
        )


def _text(inbound: Inbound) -> Sequence[Observation]:
    """Plain text, as `stat/…/POWER1` says ON."""
    device, leaf, said = "tasmota/" + inbound.parts["device"], inbound.parts["leaf"], inbound.document
    if said == "":
        return []  # cleared
    if type(said) is str and said[:1] == "{":
        raise Rejected("not JSON: the object breaks off or is malformed; a device may have run out of memory")
    if leaf == "UPGRADE" and type(said) is str:
        return [read_upgrade(device, text_of(said))]
    if leaf in _LEAVES or leaf[:6] == "STATUS":
        raise Rejected(f"expected a JSON object in {leaf}")
    found: list[Observation] = []
    _read_word(found, device, leaf, said)
    return found or [DeviceHealth(device=device)]


def _read_word(found: list[Observation], device: str, leaf: str, said: Any) -> None:
    """One word or number on a topic of its own; `MOTION` and `DOOR` as the documentation's rules for switches name."""
    state = flag_of(said)
    if leaf[:7].title() == "Shutter" and leaf[7:].isdecimal():
        read_shutter(found, device, None, leaf, {"Position": said})
    elif leaf in _MARGIN_LEAVES:
        _read_margins(found, device, None, {_MARGIN_LEAVES[leaf]: said})
    elif leaf[:6] == "SWITCH" and leaf[6:].isdecimal():
        read_input(found, device, None, "Switch" + leaf[6:], said)
    elif leaf == "MOTION" and state is not None:
        found.append(Motion(device=device, active=state))
    elif leaf == "DOOR" and state is not None:
        found.append(Alarm(device=device, name="contact", active=state))
    else:
        _read_relays(found, device, None, {leaf: said})


def _lwt(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`LWT`: birth and last will."""
    if not inbound.document:
        return []  # cleared
    online = flag_of(inbound.document)
    if online is None:
        raise Rejected("expected Online or Offline")
    return [DeviceHealth(device="tasmota/" + inbound.parts["device"], state="online" if online else "offline")]


def _discovery(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`tasmota/discovery/{mac}/config`: who it is and under which topics it speaks."""
    said = inbound.document
    name = _announced_name(said) if type(said) is dict else ""
    if not name:
        raise Rejected("expected an object with the device's topic", "$.t")
    mac = text_of(said.get("mac")) or inbound.parts.get("mac", "")
    _learn_topics(said, name, context.memory)
    context.memory.put(NAME, "mac/" + inbound.parts.get("mac", mac), name)
    return [
        DeviceHealth(
            device="tasmota/" + name,
            name=text_of(said.get("dn")) or next(filter(None, map(text_of, list_of(said.get("fn")))), ""),
            model=text_of(said.get("md")),
            firmware=text_of(said.get("sw")),
            serial=mac,
            address=text_of(said.get("ip")),
        )
    ]


def _announced_name(said: Mapping[str, Any]) -> str:
    """The levels of its full topic without the prefix: what it is called by on all of its topics."""
    topic, full = text_of(said.get("t")), text_of(said.get("ft")) or "%prefix%/%topic%/"
    levels = full.replace("%topic%", topic).strip("/").split("/")
    return "/".join(level for level in levels if level != "%prefix%") if topic else ""


def _learn_topics(said: Mapping[str, Any], name: str, memory: Memory) -> None:
    """Remember the topics of a device whose full topic is of another kind than the routes have."""
    full, prefixes = text_of(said.get("ft")), [text_of(prefix) for prefix in list_of(said.get("tp"))[1:3]]
    usual = full.startswith("%prefix%/") or full.rstrip("/").endswith("/%prefix%")
    if not full or (usual and set(prefixes) <= {"stat", "tele"}):
        return
    for prefix, ours in zip(prefixes, ("stat", "tele"), strict=False):
        topic = full.replace("%prefix%", prefix).replace("%topic%", text_of(said.get("t"))).strip("/")
        memory.put(NAME, "topic/" + topic, [ours, name])


def _discovered_sensors(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`tasmota/discovery/{mac}/sensors`: what its sensors said when it announced itself."""
    name = context.memory.get(NAME, "mac/" + inbound.parts["mac"])
    if name is None:
        return []
    sensors = object_of(object_of(inbound.document).get("sn"))
    return sweep_sensors(sensors, f"tasmota/{name}", context.zone) or [DeviceHealth(device=f"tasmota/{name}")]


def _nothing(_inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """Commands on their way to devices."""
    return []


def _announced(topic: str, memory: Memory) -> Handler | None:
    """A topic of a device whose full topic is its own."""
    known = memory.get(NAME, "topic/" + topic.rpartition("/")[0])
    return _on_learned if known else None


def _on_learned(inbound: Inbound, context: Context) -> Sequence[Observation]:
    base, _, leaf = inbound.topic.rpartition("/")
    prefix, name = context.memory.get(NAME, "topic/" + base)
    inbound.parts, inbound.document = {"device": name, "leaf": leaf}, read_form(inbound.payload, "any")
    if leaf == "LWT":
        return _lwt(inbound, context)
    return (on_stat if prefix == "stat" else _on_tele)(inbound, context)


def _named(document: Any) -> Handler | None:
    return _on_named if type(document) is dict and document else None


def _on_named(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """What a gateway calls ours: what a device says of itself and its relays, else what its sensors measure."""
    base, document = sender_of(inbound), inbound.document
    found = _read(document, base, "RESULT", context, answers=False)
    if found == [DeviceHealth(device=f"tasmota/{base}", observed_at=time_of(document, context.zone))]:
        return sweep_sensors(document, f"tasmota/{base}", context.zone) or found
    return found


def _recognise(document: Any) -> Handler | None:
    """By members that only Tasmota writes so; else a time and then an object for each sensor."""
    if type(document) is not dict:
        return None
    if "ft" in document and "tp" in document and "t" in document:
        return _discovery
    if not document.keys().isdisjoint(_MARKS) or ("Uptime" in document and "Wifi" in document):
        return _on_shape
    told = document.get("Time")
    if type(told) is not str or told[10:11] != "T":
        return None
    first, *rest = document
    is_sensor = first == "Time" and rest and type(document[rest[0]]) is dict
    return _on_shape if is_sensor or "TempUnit" in document else None


def _on_shape(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """By its shape; from then on whatever else comes on that topic is its own, as is its last will."""
    document, base = inbound.document, sender_of(inbound)
    leaf = "STATE" if "Wifi" in document else "SENSOR" if document.keys().isdisjoint(_STATUS) else "STATUS"
    head, _, last = base.rpartition("/")
    if head and (last in _LEAVES or last[:6] == "STATUS"):
        base = head
        if base == inbound.topic.rpartition("/")[0]:
            context.memory.put(NAME, "topic/" + base, ["stat" if last[:6] == "STATUS" else "tele", base])
    return _read(document, base, leaf, context, answers=False)


_STATUS = frozenset(
    "Status StatusPRM StatusFWR StatusLOG StatusMEM StatusNET StatusMQT StatusTIM StatusSNS StatusSTS Info1 Info2 "
    "Info3".split()
)
_MARKS = _STATUS | {"ZbReceived", "LwReceived", "TempUnit", "UptimeSec", "ENERGY"}


FAMILY = Family(
    name=NAME,
    title="Tasmota",
    source="https://tasmota.github.io/docs/MQTT/",
    routes=(
        Route(template="tele/{device...}/LWT", handle=_lwt, form="text"),
        Route(template="{device...}/tele/LWT", handle=_lwt, form="text"),
        Route(template="tele/{device...}/{leaf}", handle=_on_tele, form="any"),
        Route(template="stat/{device...}/{leaf}", handle=on_stat, form="any"),
        Route(template="{device...}/tele/{leaf}", handle=_on_tele, form="any"),
        Route(template="{device...}/stat/{leaf}", handle=on_stat, form="any"),
        Route(template="cmnd/{device...}/{leaf}", handle=_nothing, form="bytes"),
        Route(template="{device...}/cmnd/{leaf}", handle=_nothing, form="bytes"),
        Route(template="tasmota/discovery/{mac}/config", handle=_discovery),
        Route(template="tasmota/discovery/{mac}/sensors", handle=_discovered_sensors),
    ),
    recognise=_recognise,
    named=_named,
    announced=_announced,
)

"""Meshtastic: what the nodes of a mesh say, as a gateway publishes it in JSON.

A node is `meshtastic/!<hex>`, its number as the app shows it, via the gateway that heard it. A packet's id is told with
the message's type, since gateways use an id for several. What people write to each other is not kept. Protobuf topics
(`/e/`) repeat the same and are passed over.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import (
    Alarm,
    DeviceHealth,
    Incident,
    Observation,
    Position,
)
from firmware_bridge.family.meshtastic.telemetry import MAX_VALUES, Packet, measured, place_of, read_telemetry
from firmware_bridge.family.tasmota.family import on_stat
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Route, read_form
from firmware_bridge.notation.instant import from_unix, read_instant
from firmware_bridge.notation.members import list_of, number_of, text_of, whole_of
from firmware_bridge.notation.metrics import read_metric

NAME = "meshtastic"
EQUATOR_M = 23_905_787.925  # accuracy of a position with no bits at all; each bit halves it
KPH = 1 / 3.6  # the firmware tells a speed in km/h (GPS.cpp), whatever older descriptions of the packet say
_DOWNLINK = frozenset(("sendtext", "sendposition"))
_STATES = {"online": "online", "offline": "offline"}


def _on_json(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`{root}/2/json/{channel}/{gateway}`."""
    document = inbound.document
    if type(document) is not dict:
        raise Rejected("expected an object")
    kind = text_of(document.get("type"))
    if kind in _DOWNLINK:
        return []  # to the mesh, not from it
    sender = _node_of(document.get("from"))
    if not sender:
        raise Rejected("expected the number of the node it is from", "$.from")
    said, own, stamp = document.get("payload"), document.get("id"), document.get("timestamp")
    packet = Packet(
        "meshtastic/" + sender,
        read_instant(stamp, context.zone) if stamp is not None else None,
        f"{own}.{kind}" if type(own) is int and -(2**63) < own < 2**63 else "",
        said if type(said) is dict else {},
    )
    gateway = text_of(document.get("sender")) or inbound.parts.get("gateway", "")
    facts, told = _circumstances(document, gateway, sender)
    read = _READERS.get(kind)
    found: list[Observation] = []
    if read is not None:
        read(packet, found, facts, told)
    elif "bytes" in document:
        told["encrypted"] = True
    if type(said) is str and kind == "text":
        _text(msgspec.structs.replace(packet, said={"text": said}), found, facts, told)
    found.insert(0, DeviceHealth(device=packet.device, observed_at=packet.at, attributes=told, **facts))
    return found


def _circumstances(document: Mapping[str, Any], gateway: str, sender: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(facts, attributes) of how the gateway heard it."""
    facts: dict[str, Any] = {}
    told: dict[str, Any] = {}
    if gateway and gateway != sender:
        facts["via"] = "meshtastic/" + gateway[:40]
    signal, noise, hops = document.get("rssi"), document.get("snr"), document.get("hops_away")
    if signal is not None and (dbm := number_of(signal)) is not None:
        facts["signal_dbm"] = dbm
    if noise is not None and (db := number_of(noise)) is not None:
        told["snr_db"] = db
    if type(hops) is int and 0 <= hops < 256:
        told["hops"] = hops
    return facts, told


def _position(packet: Packet, found: list[Observation], facts: dict[str, Any], told: dict[str, Any]) -> None:
    """Where the node is. Firmware 2.0 gave waypoints this type too."""
    said, place = packet.said, place_of(packet.said)
    if "expire" in said or "locked_to" in said:
        _waypoint(packet, found, facts, told)
        return
    satellites, bits, fixed = said.get("sats_in_view"), whole_of(said.get("precision_bits")), said.get("time")
    if type(satellites) is int and 0 <= satellites < 256:
        told["satellites"] = satellites
    if place is None:
        return
    speed = number_of(said.get("ground_speed"))
    found.append(
        Position(
            device=packet.device,
            observed_at=(from_unix(fixed) if type(fixed) is int else None) or packet.at,
            observation_id=packet.packet_id,
            longitude=place[0],
            latitude=place[1],
            altitude_m=number_of(said.get("altitude")),
            accuracy_m=round(EQUATOR_M * 0.5**bits, 1) if bits is not None and 0 < bits < 32 else None,
            speed_mps=speed * KPH if speed is not None and speed >= 0 else None,
            heading_deg=_heading_of(said.get("ground_track")),
        )
    )


def _nodeinfo(packet: Packet, _found: list[Observation], facts: dict[str, Any], told: dict[str, Any]) -> None:
    facts["name"] = text_of(packet.said.get("longname"))
    hardware = packet.said.get("hardware")
    if hardware is not None and (model := text_of(hardware)):
        facts["model"] = f"hardware {model}" if type(hardware) is int else model
    for member in ("shortname", "role"):
        if text := text_of(packet.said.get(member)):
            told[member] = text


def _text(packet: Packet, found: list[Observation], _facts: dict[str, Any], told: dict[str, Any]) -> None:
    """How long it is, and no word of it. A text that is JSON comes as its object, whose numbers are kept."""
    text = packet.said.get("text")
    if type(text) is str:
        told["text_length"] = len(text)
        values = text.strip().split(",") if len(text) < 1_000 else []
        if len(values) > 1 and all(number_of(value) is not None for value in values):
            told["numbers"] = len(values)
        return
    for member, value in list(packet.said.items())[:MAX_VALUES]:
        metric, unit = read_metric(member)
        number = number_of(value)
        if unit and number is not None:
            measured(packet, found, metric, number, unit)


def _neighbours(packet: Packet, _found: list[Observation], _facts: dict[str, Any], told: dict[str, Any]) -> None:
    told["neighbours"] = len(list_of(packet.said.get("neighbors")))


def _traceroute(packet: Packet, _found: list[Observation], _facts: dict[str, Any], told: dict[str, Any]) -> None:
    told["route_hops"] = max(0, len(list_of(packet.said.get("route"))) - 1)


def _waypoint(packet: Packet, found: list[Observation], _facts: dict[str, Any], _told: dict[str, Any]) -> None:
    """A place that somebody marked for the others; its number is the same when it is moved or ends."""
    place, number = place_of(packet.said), packet.said.get("id")
    if place is None:
        return
    named = {"waypoint": text_of(packet.said.get("name"))[:30]}
    found.append(
        Incident(
            device=packet.device,
            observed_at=packet.at,
            observation_id=f"waypoint.{number}" if type(number) is int and 0 <= number < 2**63 else packet.packet_id,
            longitude=place[0],
            latitude=place[1],
            event_type="waypoint",
            attributes={name: text for name, text in named.items() if text},
            rev=int(packet.at.timestamp()) if packet.at else 0,
        )
    )


def _detection(packet: Packet, found: list[Observation], _facts: dict[str, Any], _told: dict[str, Any]) -> None:
    """A detection sensor: `<its name> detected`, or `<its name> state: 0`."""
    text = text_of(packet.said.get("text"))
    name, _, state = text.partition(" state: ")
    found.append(
        Alarm(
            device=packet.device,
            observed_at=packet.at,
            observation_id=packet.packet_id,
            name="detection_sensor",
            active=state != "0",
            area=name.removesuffix(" detected")[:60],
            momentary=not state,
        )
    )


def _passers(packet: Packet, found: list[Observation], facts: dict[str, Any], _told: dict[str, Any]) -> None:
    """How many phones are near, by their Wi-Fi and by their Bluetooth."""
    for member in ("wifi_count", "ble_count"):
        number = number_of(packet.said.get(member))
        if number is not None:
            measured(packet, found, "phones", number, "1", member.partition("_")[0])
    uptime = number_of(packet.said.get("uptime"))
    if uptime is not None:
        facts["uptime_s"] = uptime


def _gpios(packet: Packet, found: list[Observation], _facts: dict[str, Any], _told: dict[str, Any]) -> None:
    number = number_of(packet.said.get("gpio_value"))
    if number is not None:
        measured(packet, found, "gpios", number, "1")


def _on_state(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`{root}/2/stat/{gateway}`: a gateway's birth and last will. A Tasmota may be called `{root}/2` as well."""
    if not inbound.document:
        return []
    if "root" in inbound.parts and inbound.parts["gateway"][:1] != "!":
        inbound.parts = {"device": inbound.parts["root"] + "/2", "leaf": inbound.parts["gateway"]}
        inbound.document = read_form(inbound.payload, "any")
        return on_stat(inbound, context)
    state = _STATES.get(text_of(inbound.document).lower())
    if state is None:
        raise Rejected("expected online or offline")
    device = "meshtastic/" + inbound.parts["gateway"]
    return [DeviceHealth(device=device, state="online" if state == "online" else "offline")]


def _nothing(_inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """Protobuf: the same once more, and mostly encrypted; and what is sent to the mesh."""
    return []


def _node_of(number: object) -> str:
    """`!7efeee00`; older firmware wrote numbers with a sign, and some bridges write the name itself."""
    if type(number) is int:
        return f"!{number & 0xFFFFFFFF:08x}" if -(2**31) <= number < 2**32 else ""
    return number[:20] if type(number) is str and number[:1] == "!" else ""


def _heading_of(track: object) -> float | None:
    """In hundred-thousandths of a degree by the firmware, hundredths by its documentation, degrees by others."""
    number = number_of(track)
    if number is None or number < 0:
        return None
    degrees = number if number <= 360 else number / 100 if number <= 36_000 else number / 1e5
    return degrees if degrees <= 360 else None


def _recognise(document: Any) -> Handler | None:
    """A packet by whom it is from and to, with a type or, encrypted, with its bytes."""
    if type(document) is not dict or "from" not in document:
        return None
    kind = text_of(document.get("type"))
    if kind in _DOWNLINK:
        return _on_json
    if "to" not in document or not _node_of(document["from"]):
        return None
    sent = "channel" in document and ("bytes" in document or ("sender" in document and "type" in document))
    return _on_json if sent or kind in _READERS else None


_READERS: dict[str, Callable[[Packet, list[Observation], dict[str, Any], dict[str, Any]], None]] = {
    "telemetry": read_telemetry,
    "position": _position,
    "nodeinfo": _nodeinfo,
    "text": _text,
    "neighborinfo": _neighbours,
    "traceroute": _traceroute,
    "waypoint": _waypoint,
    "detection": _detection,
    "detectionsensor": _detection,
    "paxcounter": _passers,
    "gpios_changed": _gpios,
    "gpios_read_reply": _gpios,
}


FAMILY = Family(
    name=NAME,
    title="Meshtastic",
    source="https://meshtastic.org/docs/software/integrations/mqtt/",
    routes=(
        Route(template="{root...}/2/json/{channel}/{gateway}", handle=_on_json),
        Route(template="{root...}/2/stat/{gateway}", handle=_on_state, form="text"),
        Route(template="msh/1/stat/{gateway}", handle=_on_state, form="text"),  # until 2.0, when the root was fixed
        Route(template="msh/{region...}/1/stat/{gateway}", handle=_on_state, form="text"),
        Route(template="msh/1/json/{channel}/{gateway}", handle=_on_json),
        Route(template="msh/1/c/{channel}/{gateway}", handle=_nothing, form="bytes"),
        Route(template="{root...}/2/e/{channel}/{gateway}", handle=_nothing, form="bytes"),
        Route(template="{root...}/2/c/{channel}/{gateway}", handle=_nothing, form="bytes"),
        Route(template="{root...}/2/map/", handle=_nothing, form="bytes"),
        Route(template="{root...}/2/json/mqtt/", handle=_nothing, form="bytes"),
    ),
    recognise=_recognise,
)

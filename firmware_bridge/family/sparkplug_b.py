"""Sparkplug B: edge nodes and their devices, which name their metrics once at birth and send aliases from then on.

A birth teaches `Memory` the names, datatypes and units of a node or device, under `birth:{group}/{node}[/{device}]`.
Where data cannot be understood or some are missing, `rebirth:{group}/{node}` is put with the time since when; `bridge`
answers it with NCMD `Node Control/Rebirth`, and the next NBIRTH takes it away.
Source: Eclipse Sparkplug 3.0.0; for JSON, Eclipse Tahu's payload.json and the Chariot MQTT modules.
"""

import functools
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, EnvironmentReading, Observation, Position
from firmware_bridge.family.sender import sender_of
from firmware_bridge.family.sparkplug_payload import (
    Metric,
    Payload,
    Value,
    read_json_payload,
    read_payload,
    settled_value,
)
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Memory, Route
from firmware_bridge.notation.instant import from_unix, read_instant
from firmware_bridge.notation.members import flag_of, number_of, object_of, text_of
from firmware_bridge.notation.metrics import UNITS, read_metric, snake_case
from firmware_bridge.notation.protobuf import read_fields
from firmware_bridge.notation.units import apply, scale_to

NAME = "sparkplug_b"
MAX_OBSERVATIONS = 1_000
MAX_TEXTS = 16  # words of one message that are kept with the device
SEQUENCE = 256  # numbers after which a node's sequence begins anew

_FACTS: dict[str, str] = {
    **dict.fromkeys(("hardware_make", "make", "manufacturer", "vendor"), "manufacturer"),
    **dict.fromkeys(("hardware_model", "model", "model_number", "device_model"), "model"),
    **dict.fromkeys(("fw", "firmware", "firmware_version", "fw_version", "software_version", "sw_version"), "firmware"),
    **dict.fromkeys(("serial", "serial_number", "serial_no", "sn"), "serial"),
    **dict.fromkeys(("ip", "ip_address", "address"), "address"),
}
_SPELLINGS: dict[str, str] = {
    **dict.fromkeys(("℃", "degC", "deg C", "celsius", "Celsius", "Cel"), "°C"),
    **dict.fromkeys(("℉", "degF", "deg F", "fahrenheit", "Fahrenheit"), "°F"),
    **dict.fromkeys(("% RH", "percent", "Percent", "pct"), "%"),
    **dict.fromkeys(("PSI", "psig", "psia"), "psi"),
    **dict.fromkeys(("volts", "Volts", "volt"), "V"),
    **dict.fromkeys(("amps", "Amps", "amp"), "A"),
    **dict.fromkeys(("watts", "Watts"), "W"),
    **dict.fromkeys(("deg", "degrees"), "°"),
    **dict.fromkeys(("GPM", "gpm"), "gal/min"),
    **dict.fromkeys(("RPM", "rpm"), "1/min"),
}
"""Engineering units as plants write them -> as `units` knows them."""


class _Sender(msgspec.Struct):
    """The node, and the device of it where the message is a device's."""

    node: str
    device: str = ""

    @property
    def path(self) -> str:
        return f"{self.node}/{self.device}" if self.device else self.node

    @property
    def name(self) -> str:
        return f"{NAME}/{self.path}"

    @property
    def via(self) -> str:
        return f"{NAME}/{self.node}" if self.device else ""


def _on_message(kind: str, inbound: Inbound, context: Context) -> list[Observation]:
    """A message on a Sparkplug topic of this kind."""
    parts = inbound.parts
    sender = _Sender(f"{parts['group']}/{parts['node']}", parts.get("device", ""))
    if kind.endswith("CMD"):
        return []  # from a host to the node: the node's answer is what counts
    return _of_payload(kind, sender, read_payload(inbound.payload), inbound, context)


def _on_state(inbound: Inbound, context: Context) -> list[Observation]:
    """A host application's birth or will: JSON since Sparkplug 3.0, a plain word before."""
    said = inbound.document
    when = None
    if type(said) is dict:
        when = read_instant(said.get("timestamp"), context.zone)
        said = said.get("online")
    online = flag_of(said)
    if online is None:
        raise Rejected('expected {"online": true, "timestamp": ...} or ONLINE or OFFLINE')
    host = f"{NAME}/host/{inbound.parts['host']}"
    return [DeviceHealth(device=host, observed_at=when, state="online" if online else "offline")]


def _on_shape(inbound: Inbound, context: Context) -> list[Observation]:
    """A payload from a topic of another kind: what it is, its metrics tell."""
    document = inbound.document
    sender = _Sender(sender_of(inbound))
    kind = ""
    if type(document) is not dict:
        payload = read_payload(inbound.payload)
    elif type(document.get("payload")) is dict:
        topic = object_of(document.get("topic"))
        group, node = text_of(topic.get("groupId")), text_of(topic.get("edgeNodeId"))
        if node:
            sender = _Sender(f"{group}/{node}", text_of(topic.get("deviceId")))
        kind = text_of(topic.get("type"))
        payload = read_json_payload(document["payload"])
    else:
        payload = read_json_payload(document)
    kind = kind or _kind_of(payload)
    if kind.endswith("CMD"):
        return []
    return _of_payload(kind, sender, payload, inbound, context)


def _kind_of(payload: Payload) -> str:
    names = {metric.name for metric in payload.metrics}
    if "bdSeq" in names:
        return "NBIRTH" if "Node Control/Rebirth" in names else "NDEATH"
    commands = bool(names) and all(name.startswith(("Node Control/", "Device Control/")) for name in names)
    return "NCMD" if commands else "NDATA"


def _of_payload(kind: str, sender: _Sender, payload: Payload, inbound: Inbound, context: Context) -> list[Observation]:
    memory = context.memory
    if kind == "NDEATH":
        return _death(sender, payload, memory)
    if kind not in ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"):
        raise Rejected(f"{kind!r} is no message type of Sparkplug B: expected NBIRTH, DDATA and the like")
    if not _follow_sequence(kind, sender, payload, memory):
        _want_rebirth(sender, inbound, memory)
    when = _instant(payload.timestamp)
    if kind == "DDEATH":
        return [DeviceHealth(device=sender.name, observed_at=when, state="offline", via=sender.via)]
    if kind.endswith("BIRTH"):
        taught = _learn(sender, payload, memory)
    else:
        taught = memory.get(NAME, f"birth:{sender.path}")
        if taught is None or not _name_metrics(payload, taught):
            _want_rebirth(sender, inbound, memory)
    return _observe(sender, payload, when, taught or {}, born=kind.endswith("BIRTH"))


def _death(sender: _Sender, payload: Payload, memory: Memory) -> list[Observation]:
    """A node's last will. One that belongs to an earlier birth comes late: the node has since been born again."""
    known = memory.get(NAME, f"node:{sender.node}")
    number = _birth_number(payload)
    if known is not None and number is not None and known.get("bdSeq") not in (None, number):
        return []
    return [DeviceHealth(device=sender.name, observed_at=_instant(payload.timestamp), state="offline")]


def _birth_number(payload: Payload) -> int | None:
    number = next((metric.value for metric in payload.metrics if metric.name == "bdSeq"), None)
    return number if type(number) is int else None


def _follow_sequence(kind: str, sender: _Sender, payload: Payload, memory: Memory) -> bool:
    """Whether nothing is missing between this message and the node's last.

    The place is kept in the remembered object itself and not put anew: put, it would be written to the card with every
    message. After a restart the stored place is that of the birth, and the gap it shows is a true one.
    """
    key = f"node:{sender.node}"
    if kind == "NBIRTH":
        memory.put(NAME, key, {"bdSeq": _birth_number(payload), "seq": payload.seq})
        memory.put(NAME, f"rebirth:{sender.node}", None)
        return True
    known = memory.get(NAME, key)
    if known is None:
        return False
    last, known["seq"] = known.get("seq"), payload.seq
    if payload.seq is None or type(last) is not int:
        return True
    return payload.seq in (last, (last + 1) % SEQUENCE)


def _want_rebirth(sender: _Sender, inbound: Inbound, memory: Memory) -> None:
    key = f"rebirth:{sender.node}"
    if memory.get(NAME, key) is None:
        memory.put(NAME, key, inbound.received_at.isoformat())


def _learn(sender: _Sender, payload: Payload, memory: Memory) -> dict[str, Any]:
    """What a birth says of its metrics: `alias` -> name, and `metric` -> datatype and unit by name."""
    taught: dict[str, Any] = {"alias": {}, "metric": {}}
    for metric in payload.metrics:
        if metric.name:
            taught["metric"][metric.name] = [metric.datatype, metric.unit]
            if metric.alias is not None:
                taught["alias"][str(metric.alias)] = metric.name
    memory.put(NAME, f"birth:{sender.path}", taught)
    return taught


def _name_metrics(payload: Payload, taught: Mapping[str, Any]) -> bool:
    """Give metrics with an alias their names; False where one is unknown, it then is `alias_<n>`."""
    names = taught["alias"]
    complete = True
    for metric in payload.metrics:
        if not metric.name and metric.alias is not None:
            metric.name = names.get(str(metric.alias), "")
            complete = complete and bool(metric.name)
    return complete


def _observe(
    sender: _Sender, payload: Payload, when: datetime | None, taught: Mapping[str, Any], *, born: bool
) -> list[Observation]:
    device = sender.name
    facts: dict[str, str] = {}
    place: dict[str, float] = {}
    attributes: dict[str, Any] = {}
    readings: list[Observation] = []
    known = taught.get("metric", {})
    for metric in payload.metrics:
        if metric.is_null or metric.value is None or (not metric.name and metric.alias is None):
            continue
        name = metric.name or f"alias_{metric.alias}"
        if name == "bdSeq" or name.startswith(("Node Control/", "Device Control/")):
            continue
        datatype, unit = known.get(name, (0, ""))
        value = settled_value(metric.value, metric.datatype or datatype)
        if type(value) is str:
            _tell(name, value, facts, attributes)
        elif value is not None and len(readings) < MAX_OBSERVATIONS - 2:
            reading = _reading(device, name, value, metric.unit or unit, metric, when)
            if reading is not None:
                readings.append(reading)
                if reading.metric in ("latitude", "longitude", "altitude"):
                    place[reading.metric] = reading.value
    if len(payload.metrics) > MAX_OBSERVATIONS:
        attributes["metrics"] = len(payload.metrics)  # more than are kept
    _place(device, place, when, readings)
    health = DeviceHealth(
        device=device,
        observed_at=when,
        state="online" if born else None,
        via=sender.via,
        attributes=attributes,
        **facts,  # type: ignore[arg-type]
    )
    return [health, *readings]


def _reading(
    device: str, name: str, value: Value, unit: str, metric: Metric, when: datetime | None
) -> EnvironmentReading | None:
    number = float(value) if type(value) is bool else number_of(value)
    if number is None:
        return None
    called, own_unit = _metric_of(name)
    scale = scale_to(_SPELLINGS.get(unit, unit), own_unit)
    return EnvironmentReading(
        device=device,
        observed_at=_instant(metric.timestamp) or when,
        metric=called,
        value=apply(scale, number),
        unit=scale.unit,
        attributes={"historical": True} if metric.historical else {},
    )


@functools.lru_cache(maxsize=4_096)
def _metric_of(name: str) -> tuple[str, str]:
    """`Temperature` as the metric it is; `Outputs/Pump 1/Speed` as `outputs.pump_1.speed`."""
    levels = [level for level in name.split("/") if level]
    if len(levels) == 1:
        return read_metric(levels[0])
    called = ".".join(snake_case(level) for level in levels)[:128] or "value"
    return called, UNITS.get(called, "")


def _tell(name: str, value: str, facts: dict[str, str], attributes: dict[str, Any]) -> None:
    """Words: what the device is, or one of a few further ones; a number plate has no place among them."""
    last = snake_case(name.rpartition("/")[2])
    fact = _FACTS.get(last)
    if fact is not None:
        facts.setdefault(fact, text_of(value))
    elif len(attributes) < MAX_TEXTS and value and "plate" not in last:
        attributes[name] = text_of(value)


def _place(device: str, place: Mapping[str, float], when: datetime | None, readings: list[Observation]) -> None:
    latitude, longitude = place.get("latitude"), place.get("longitude")
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return
    altitude = place.get("altitude")
    readings.append(
        Position(device=device, observed_at=when, longitude=longitude, latitude=latitude, altitude_m=altitude)
    )


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_unix(milliseconds)


def _recognise(document: Any) -> Handler | None:
    """A payload by its first fields, its JSON rendering by its metrics, or Chariot's topic and payload in one."""
    if isinstance(document, bytes):
        return _on_shape if _looks_binary(document) else None
    if isinstance(document, str):  # bytes that happen to be text
        return _on_shape if document[:1] == "\x08" and _looks_binary(document.encode()) else None
    if type(document) is not dict:
        return None
    if object_of(document.get("topic")).get("namespace") == "spBv1.0" and type(document.get("payload")) is dict:
        return _on_shape
    metrics = document.get("metrics")
    if type(metrics) is not list or ("seq" not in document and "timestamp" not in document):
        return None
    first = object_of(metrics[0]) if metrics else {}
    named = "name" in first or "alias" in first
    return _on_shape if named and ("dataType" in first or "datatype" in first or "alias" in first) else None


def _looks_binary(data: bytes) -> bool:
    """A time of this century in milliseconds, then metrics or a sequence number."""
    if data[:1] != b"\x08" or len(data) < 9 or data[7] not in (0x12, 0x18):
        return False
    try:
        (_, milliseconds), *_ = read_fields(data[:7])
    except Rejected:
        return False
    return type(milliseconds) is int and 946_684_800_000 < milliseconds < 4_102_444_800_000


_KINDS = ("BIRTH", "DEATH", "DATA", "CMD")

FAMILY = Family(
    name=NAME,
    title="Sparkplug B",
    source="https://sparkplug.eclipse.org/specification/version/3.0/documents/sparkplug-specification-3.0.0.pdf",
    routes=(
        *(
            Route(
                template=f"spBv1.0/{{group}}/N{kind}/{{node}}",
                handle=functools.partial(_on_message, f"N{kind}"),
                form="bytes",
            )
            for kind in _KINDS
        ),
        *(
            Route(
                template=f"spBv1.0/{{group}}/D{kind}/{{node}}/{{device}}",
                handle=functools.partial(_on_message, f"D{kind}"),
                form="bytes",
            )
            for kind in _KINDS
        ),
        Route(template="spBv1.0/STATE/{host}", handle=_on_state, form="any"),
        Route(template="STATE/{host}", handle=_on_state, form="any"),
    ),
    recognise=_recognise,
)

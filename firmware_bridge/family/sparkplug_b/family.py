"""Sparkplug B: edge nodes and their devices, which name their metrics once at birth and send aliases from then on.

A birth teaches `Memory` the names, datatypes and units of a node or device, under `birth:{group}/{node}[/{device}]`.
Where data cannot be understood or some are missing, `rebirth:{group}/{node}` is put with the time since when; `bridge`
answers it with NCMD `Node Control/Rebirth`, and the next NBIRTH takes it away.
Source: Eclipse Sparkplug 3.0.0; for JSON, Eclipse Tahu's payload.json and the Chariot MQTT modules.
"""

import functools
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, Observation
from firmware_bridge.family.sender import sender_of
from firmware_bridge.family.sparkplug_b.metric import Payload
from firmware_bridge.family.sparkplug_b.payload import COMPRESSED, read_payload
from firmware_bridge.family.sparkplug_b.reading import instant_of, read_metrics
from firmware_bridge.family.sparkplug_b.rendered import VALUES, read_json_payload
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Memory, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, object_of, text_of, whole_of
from firmware_bridge.notation.protobuf import read_fields

NAME = "sparkplug_b"
SEQUENCE = 256  # numbers after which a node's sequence begins anew

_KINDS = ("BIRTH", "DEATH", "DATA", "CMD")
_NAMESPACES = ("spBv1.0", "spJv1.0")  # the second is of Mosquitto's plugin that renders payloads in JSON


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
    if not inbound.payload and not kind.endswith("DEATH"):
        return []  # a retained message being cleared: nobody was born
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
    if not online:
        return [DeviceHealth(device=host, state="offline")]  # a will: its time is that of the connection it ends
    return [DeviceHealth(device=host, observed_at=when, state="online")]


def _on_shape(inbound: Inbound, context: Context) -> list[Observation]:
    """A payload from a topic of another kind: what it is, its metrics tell."""
    document = inbound.document
    kind, sender = _told_by_topic(inbound)
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


def _told_by_topic(inbound: Inbound) -> tuple[str, _Sender]:
    """Kind and sender from a topic that has a Sparkplug topic in it, as bridges of brokers and renderers make them."""
    levels = inbound.topic.split("/")
    at = next((at for at, level in enumerate(levels) if level in _NAMESPACES), len(levels))
    told = levels[at + 1 :]
    if not 3 <= len(told) <= 4 or told[1][1:] not in _KINDS or told[1][0] != "ND"[len(told) - 3]:
        return "", _Sender(sender_of(inbound))
    return told[1], _Sender(f"{told[0]}/{told[2]}", told[3] if len(told) == 4 else "")


def _kind_of(payload: Payload) -> str:
    names = {metric.name for metric in payload.metrics}
    if "bdSeq" in names:
        return "NBIRTH" if len(names) > 1 else "NDEATH"
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
    when = instant_of(payload.timestamp)
    if kind == "DDEATH":
        return [DeviceHealth(device=sender.name, observed_at=when, state="offline", via=sender.via)]
    if kind.endswith("BIRTH"):
        taught = _learn(sender, payload, memory)
    else:
        taught = memory.get(NAME, f"birth:{sender.path}")
        if taught is None or not _name_metrics(payload, taught):
            _want_rebirth(sender, inbound, memory)
    health, readings = read_metrics(sender.name, payload, when, (taught or {}).get("metric", {}))
    state: Literal["online"] | None = "online" if kind.endswith("BIRTH") else None
    return [msgspec.structs.replace(health, state=state, via=sender.via), *readings]


def _death(sender: _Sender, payload: Payload, memory: Memory) -> list[Observation]:
    """A node's last will. One that belongs to an earlier birth comes late: the node has since been born again.

    A will was written when the node connected, and says so in its time: when it died only its arrival tells.
    """
    known = memory.get(NAME, f"node:{sender.node}")
    number = _birth_number(payload)
    if known is not None and number is not None and known.get("bdSeq") not in (None, number):
        return []
    return [DeviceHealth(device=sender.name, state="offline")]


def _birth_number(payload: Payload) -> int | None:
    return whole_of(next((metric.value for metric in payload.metrics if metric.name == "bdSeq"), None))


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
            name = names.get(str(metric.alias), "")
            metric.name = name and name + metric.member
            complete = complete and bool(name)
    return complete


def _recognise(document: Any) -> Handler | None:
    """A payload by its first fields, its JSON rendering by its metrics, or Chariot's topic and payload in one."""
    if isinstance(document, bytes):
        return _on_shape if _looks_binary(document) else None
    if isinstance(document, str):  # bytes that happen to be text
        return _on_shape if document[:1] in ("\x08", "\x12") and _looks_binary(document.encode()) else None
    if type(document) is not dict:
        return None
    if object_of(document.get("topic")).get("namespace") == "spBv1.0" and type(document.get("payload")) is dict:
        return _on_shape
    metrics = document.get("metrics")
    if type(metrics) is not list or ("seq" not in document and "timestamp" not in document):
        return None
    first = object_of(metrics[0]) if metrics else {}
    named = "name" in first or "alias" in first
    typed = "dataType" in first or "datatype" in first or "alias" in first or ("type" in first and "value" in first)
    return _on_shape if named and (typed or any(name in first for name in VALUES)) else None


def _looks_binary(data: bytes) -> bool:
    """A time of this century in milliseconds, then metrics or a sequence number; a will, or what is compressed."""
    if data[2:9] == b"\x0a\x05bdSeq" and data[0] == 0x12:
        return True  # as before Sparkplug 3.0, without a time
    if COMPRESSED in data[:64]:
        return True
    if data[:1] != b"\x08" or len(data) < 9 or data[7] not in (0x12, 0x18):
        return False
    try:
        (_, milliseconds), *_ = read_fields(data[:7])
    except Rejected:
        return False
    return type(milliseconds) is int and 946_684_800_000 < milliseconds < 4_102_444_800_000


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

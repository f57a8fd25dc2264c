"""Milesight (Ursalink): channel and type, one byte each, then a value of known size, little-endian.

What most channels mean is the same for all models; where models differ, the device's model decides, else what else the
body holds, else nobody: the value is then kept as `state` of its channel and raises no alarm.
Source: Milesight's user guides ("Device Payload") and the decoders the maker publishes.
"""

from collections.abc import Sequence

from firmware_bridge.lorawan.codec import Body, Codec, agree
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.milesight_command import COMMANDED, commands_of, read_commands
from firmware_bridge.lorawan.milesight_history import HISTORY, RECORD
from firmware_bridge.lorawan.milesight_reader import Field
from firmware_bridge.lorawan.milesight_table import TABLE

_MAX_ITEMS = 128
_PORTS = (0, 85)  # unknown, or the one it comes with


def _read(body: Body, findings: Findings) -> bool:
    commands = commands_of(body.model) if body.model else None
    if commands is not None:
        return read_commands(body, commands, findings)
    steps, complete = _walk(body.data)
    if not steps or (len(steps) == 1 and not body.model and body.f_port not in _PORTS):  # fits too much else
        return False
    keys = frozenset(key for key, _, _ in steps)
    if keys <= HISTORY and not complete:
        return False
    for key, start, size in steps:
        if key in HISTORY:
            _read_record(body, findings, start, size)
            continue
        field = _choose(TABLE[key], body.model, keys)
        if field is not None:
            field.read(findings, body.data, start)
        elif size == 1:
            findings.measure("state", body.data[start], "", str(key >> 8))
    return complete and (findings.touched or bool(body.model) or body.f_port == _PORTS[-1])


def _walk(data: bytes) -> tuple[list[tuple[int, int, int]], bool]:
    """(key, where its value starts, its size) of every item, and whether all of the body was walked."""
    steps: list[tuple[int, int, int]] = []
    at, end = 0, len(data)
    while at + 2 < end and len(steps) < _MAX_ITEMS:
        key = data[at] << 8 | data[at + 1]
        at += 2
        if key in HISTORY:
            size = _record_size(data, at)
        else:
            fields = TABLE.get(key)
            size = _size_of(fields[0], data, at) if fields else 0
        if not size or at + size > end:
            return steps, not any(data[at - 2 :])  # some models fill up with zeros
        steps.append((key, at, size))
        at += size
    return steps, not any(data[at:])


def _size_of(field: Field, data: bytes, at: int) -> int:
    return field.size or (field.sized(data, at) if field.sized is not None else 0)


def _choose(fields: Sequence[Field], model: str, keys: frozenset[int]) -> Field | None:
    """The one meaning of a channel for this model, or in this company; None where that cannot be told."""
    if model:
        for field in fields:
            if field.models and any(name in model for name in field.models):
                return field
    if len(fields) == 1:
        return fields[0]
    suited = [field for field in fields if field.suits(keys)]
    if suited:
        return suited[0] if len(suited) == 1 else None
    usual = [field for field in fields if not (field.models or field.near or field.without)]
    plain = usual or [field for field in fields if not field.near and not field.without]
    return plain[0] if len(plain) == 1 else None


def _record_size(data: bytes, start: int) -> int:
    """The size of a stored record: up to the next one, or to the end; records of a body are of one kind."""
    head = data[start - 2 : start]
    for size in sorted(RECORD):
        after = start + size
        if after == len(data) or data[after : after + 2] == head:
            return size
    return 0


def _read_record(body: Body, findings: Findings, start: int, size: int) -> None:
    """A stored record: its time, then values as its model orders them; nothing where they make no sense."""
    layouts = RECORD[size]
    ours = [layout for layout in layouts if body.model and any(name in body.model for name in layout.models)]
    read: list[Findings] = []
    for layout in ours or [layout for layout in layouts if not layout.named]:
        tried = findings.fresh()
        layout.read(tried, body.data, start)
        if not tried.implausible:
            read.append(tried)
    findings.observations += agree(read, findings).observations


MILESIGHT = Codec(
    name="milesight",
    title="Milesight",
    words=(
        "MILESIGHT",
        "URSALINK",
        *("AM102", "AM103", "AM104", "AM107", "AM30", "AM319", "AT101", "CT101", "CT103", "CT105", "CT30", "CT31"),
        *("DS3604", "EM300", "EM310", "EM320", "EM400", "EM410", "EM500", "FT101", "GS101", "GS301"),
        *("TS101", "TS201", "TS30", "UC100", "UC11", "UC300", "UC50", "UC51", "UC52"),
        *("VS121", "VS13", "VS321", "VS330", "VS34", "VS35", "VS360", "VS370", "VS373"),
        *(
            "WS101",
            "WS136",
            "WS156",
            "WS20",
            "WS301",
            "WS302",
            "WS303",
            "WS50",
            "WS51",
            "WS52",
            "WS558",
            "WT101",
            "WT201",
            "WT211",
            "WTS506",
        ),
        *COMMANDED,
    ),
    ouis=("24e124",),
    read=_read,
    checks=True,
    ports=_PORTS,
)

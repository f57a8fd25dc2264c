"""A Sparkplug B payload, from Protocol Buffers or from its JSON rendering, as metrics.

Numbers come out as they are meant: signed integers travel as two's complement in unsigned fields, and which they are
the datatype tells. A data message leaves the datatype out, so the caller applies it (`settled_value`) from the birth.
Templates are flattened to `name/member`; data sets, arrays and files are passed over.
Source: Eclipse Sparkplug 3.0.0, chapter 6, "Payloads", and its sparkplug_b.proto.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from appliance.errors import Rejected
from firmware_bridge.notation.members import flag_of, list_of, object_of, text_of, whole_of
from firmware_bridge.notation.protobuf import MAX_DEPTH, double_of, float_of, read_fields, signed_of

MAX_METRICS = 10_000  # of one message, members of templates included

DATATYPES: dict[str, int] = {
    name: number
    for number, name in enumerate(
        "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float double boolean string datetime text uuid dataset "
        "bytes file template propertyset propertysetlist".split(),
        start=1,
    )
}
_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_BOOLEAN, _DATETIME = 11, 13
_UNIT_PROPERTIES = frozenset(("engunit", "engineeringunit", "engineeringunits", "engunits", "unit", "units", "uom"))

Value = bool | int | float | str


class Metric(msgspec.Struct):
    """One metric; `value` is None where it is null or of a type that is passed over, and raw until it is settled."""

    name: str = ""
    alias: int | None = None
    timestamp: int | None = None
    datatype: int = 0
    value: Value | None = None
    is_null: bool = False
    historical: bool = False
    unit: str = ""


class Payload(msgspec.Struct):
    """What one message says: its time in Unix milliseconds, its place in the sequence (0..255), its metrics."""

    timestamp: int | None = None
    seq: int | None = None
    metrics: list[Metric] = []


def settled_value(value: Value | None, datatype: int) -> Value | None:
    """A raw value as its datatype means it: -1 for 4294967295 of an Int32, True for 1 of a Boolean; no times."""
    if type(value) is int:
        bits = _SIGNED_BITS.get(datatype)
        if bits is not None:
            return signed_of(value, bits)
        if datatype == _BOOLEAN:
            return bool(value)
    return None if datatype == _DATETIME else value


def read_payload(data: bytes) -> Payload:
    """A payload from its bytes; Rejected where they are no Protocol Buffers or a member is of the wrong kind."""
    if data[:1] == b"{":
        return read_json_payload(_json_of(data))
    payload = Payload(metrics=[])
    for tag, value in read_fields(data):
        if tag == 0x12 and type(value) is bytes:
            _read_metric(value, payload.metrics, "", 1)
        elif tag == 0x08 and type(value) is int:
            payload.timestamp = value
        elif tag == 0x18 and type(value) is int:
            payload.seq = value
    return payload


def read_json_payload(document: Mapping[str, Any]) -> Payload:
    """A payload from its JSON rendering, as Eclipse Tahu and Chariot write it."""
    metrics = document.get("metrics", [])
    if type(metrics) is not list:
        raise Rejected("expected a list of metrics", "$.metrics")
    payload = Payload(timestamp=whole_of(document.get("timestamp")), seq=whole_of(document.get("seq")), metrics=[])
    for item in metrics[:MAX_METRICS]:
        if type(item) is dict:
            payload.metrics.append(_json_metric(item))
    return payload


def _json_of(data: bytes) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Rejected(f"neither a Sparkplug B payload nor its JSON rendering: {error}") from None
    if type(document) is not dict:
        raise Rejected("expected a JSON object with metrics")
    return document


def _json_metric(item: dict[str, Any]) -> Metric:
    datatype = item.get("dataType", item.get("datatype", item.get("type")))
    value = item.get("value")
    return Metric(
        name=text_of(item.get("name")),
        alias=whole_of(item.get("alias")),
        timestamp=whole_of(item.get("timestamp")),
        datatype=DATATYPES.get(datatype.lower(), 0) if type(datatype) is str else whole_of(datatype) or 0,
        value=value if type(value) in (bool, int, float, str) else None,
        is_null=value is None or flag_of(item.get("isNull")) is True,
        historical=flag_of(item.get("isHistorical", item.get("is_historical"))) is True,
        unit=_json_unit(item.get("properties")),
    )


def _json_unit(properties: object) -> str:
    """The unit among the properties: an object by name, or a list of objects with a name of their own."""
    named = (
        object_of(properties).items()
        if type(properties) is dict
        else [(text_of(object_of(one).get("name")), one) for one in list_of(properties)[:64]]
    )
    for name, held in named:
        if name.lower() in _UNIT_PROPERTIES:
            return text_of(object_of(held).get("value") if type(held) is dict else held)
    return ""


def _read_metric(data: bytes, metrics: list[Metric], prefix: str, depth: int) -> None:
    """One Metric message, appended; a template's members follow it under its name."""
    metric = Metric()
    template = b""
    for tag, value in read_fields(data):
        if isinstance(value, int):
            _set_number(metric, tag, value)
        elif tag == 0x0A:
            metric.name = prefix + _text(value)
        elif tag == 0x69 and len(value) == 8:
            metric.value = double_of(value)
        elif tag == 0x65 and len(value) == 4:
            metric.value = float_of(value)
        elif tag == 0x7A:
            metric.value = _text(value)
        elif tag == 0x4A:
            metric.unit = _unit_of(value)
        elif tag == 0x92:
            template = value
    if len(metrics) >= MAX_METRICS:
        return
    metrics.append(metric)
    if template:
        _read_template(template, metrics, f"{metric.name}/", depth)


def _set_number(metric: Metric, tag: int, value: int) -> None:
    """The varints of a Metric message."""
    if tag == 0x10:
        metric.alias = value
    elif tag == 0x20:
        metric.datatype = value
    elif tag in (0x50, 0x58):
        metric.value = value
    elif tag == 0x70:
        metric.value = value != 0
    elif tag == 0x18:
        metric.timestamp = value
    elif tag == 0x28:
        metric.historical = value != 0
    elif tag == 0x38:
        metric.is_null = value != 0


def _read_template(data: bytes, metrics: list[Metric], prefix: str, depth: int) -> None:
    """The members of a template's instance; a definition holds no values."""
    if depth >= MAX_DEPTH:
        raise Rejected(f"templates within templates deeper than {MAX_DEPTH}")
    fields = read_fields(data)
    if (0x28, 1) in fields:
        return
    for tag, value in fields:
        if tag == 0x12 and type(value) is bytes and len(metrics) < MAX_METRICS:
            _read_metric(value, metrics, prefix, depth + 1)


def _unit_of(data: bytes) -> str:
    """The engineering unit of a PropertySet: keys and values are two runs of the same length."""
    keys: list[str] = []
    values: list[bytes] = []
    for tag, value in read_fields(data):
        if type(value) is bytes:
            if tag == 0x0A:
                keys.append(_text(value))
            elif tag == 0x12:
                values.append(value)
    for key, held in zip(keys, values, strict=False):
        if key.lower().replace("_", "").replace(" ", "") in _UNIT_PROPERTIES:
            return next((_text(value) for tag, value in read_fields(held) if tag == 0x42 and type(value) is bytes), "")
    return ""


def _text(value: bytes) -> str:
    return text_of(value.decode("utf-8", "replace"))

"""A Sparkplug B payload, from Protocol Buffers or from its JSON rendering, as metrics.

Templates are flattened to `name/member` and data sets to `name/column`; what was sent compressed is unpacked. Files
are passed over.
Source: Eclipse Sparkplug 3.0.0, chapter 6, "Payloads", and its sparkplug_b.proto; for compression, Eclipse Tahu's
PayloadUtil.
"""

import zlib

from appliance.errors import Rejected
from firmware_bridge.family.sparkplug_b.metric import (
    MAX_ELEMENTS,
    MAX_METRICS,
    Metric,
    Payload,
    Value,
    belong_to,
    note_property,
)
from firmware_bridge.family.sparkplug_b.rendered import read_json_text
from firmware_bridge.notation.members import text_of
from firmware_bridge.notation.protobuf import MAX_DEPTH, double_of, float_of, read_fields

COMPRESSED = b"SPBV1.0_COMPRESSED"  # the `uuid` of a payload whose body is another
MAX_UNPACKED = 4_194_304  # bytes


def read_payload(data: bytes) -> Payload:
    """A payload from its bytes; Rejected where they are no Protocol Buffers or a member is of the wrong kind."""
    if data[:1] == b"{" or data[:20].lstrip()[:1] == b"{":
        return read_json_text(data)
    payload, packed = _read_payload(data)
    if not packed:
        return payload
    inner, _ = _read_payload(_unpack(packed))  # compressed once more is nothing that anyone sends
    inner.seq = payload.seq if inner.seq is None else inner.seq
    inner.timestamp = payload.timestamp if inner.timestamp is None else inner.timestamp
    return inner


def _read_payload(data: bytes) -> tuple[Payload, bytes]:
    """The payload, and the body that holds the true one where it is compressed."""
    payload = Payload(metrics=[])
    uuid = body = b""
    for tag, value in read_fields(data):
        if isinstance(value, int):
            if tag == 0x08:
                payload.timestamp = value
            elif tag == 0x18:
                payload.seq = value
        elif tag == 0x12:
            _read_metric(value, payload.metrics, Metric(), 1)
        elif tag == 0x22:
            uuid = value
        elif tag == 0x2A:
            body = value
    packed = uuid == COMPRESSED or (bool(body) and [metric.name for metric in payload.metrics] == ["algorithm"])
    return payload, body if packed else b""


def _unpack(body: bytes) -> bytes:
    """GZIP or DEFLATE, told apart by their first bytes; DEFLATE may lack its header."""
    for window in (47, -15):
        unpacker = zlib.decompressobj(window)
        try:
            data = unpacker.decompress(body, MAX_UNPACKED)
        except zlib.error:
            continue
        if unpacker.unconsumed_tail:
            raise Rejected(f"a compressed payload of more than {MAX_UNPACKED} bytes")
        if unpacker.eof:
            return data
    raise Rejected("a compressed payload that is neither GZIP nor DEFLATE, or cut short")


def _read_metric(data: bytes, metrics: list[Metric], parent: Metric, depth: int) -> None:
    """One Metric message, appended; what it is made of follows it under its name."""
    metric = Metric()
    template = data_set = b""
    for tag, value in read_fields(data):
        if isinstance(value, int):
            _set_number(metric, tag, value)
        elif tag == 0x0A:
            metric.name = _text(value)
        elif tag == 0x69 and len(value) == 8:
            metric.value = double_of(value)
        elif tag == 0x65 and len(value) == 4:
            metric.value = float_of(value)
        elif tag == 0x8A:
            data_set = value
        elif tag == 0x92:
            template = value
        else:
            _set_text(metric, tag, value)
    if len(metrics) >= MAX_METRICS:
        return
    if depth > 1:
        belong_to(metric, parent)
    metrics.append(metric)
    if template:
        _read_template(template, metrics, metric, depth)
    elif data_set:
        _read_data_set(data_set, metrics, metric)


def _set_text(metric: Metric, tag: int, value: bytes) -> None:
    """The texts and bytes of a Metric message."""
    if tag == 0x7A:
        metric.value = _text(value)
    elif tag == 0x4A:
        _read_properties(value, metric)
    elif tag == 0x82:
        metric.value = value


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


def _read_template(data: bytes, metrics: list[Metric], parent: Metric, depth: int) -> None:
    """The members of a template's instance; a definition holds no values."""
    if depth >= MAX_DEPTH:
        raise Rejected(f"templates within templates deeper than {MAX_DEPTH}")
    fields = read_fields(data)
    if (0x28, 1) in fields:
        return
    for tag, value in fields:
        if tag == 0x12 and type(value) is bytes and len(metrics) < MAX_METRICS:
            _read_metric(value, metrics, parent, depth + 1)


def _read_data_set(data: bytes, metrics: list[Metric], parent: Metric) -> None:
    """The cells of a data set, row by row."""
    columns: list[str] = []
    types: list[int] = []
    rows: list[bytes] = []
    for tag, value in read_fields(data):
        if isinstance(value, int):
            if tag == 0x18:
                types.append(value)
        elif tag == 0x12:
            columns.append(_text(value))
        elif tag == 0x1A:  # packed
            types += value  # each a byte
        elif tag == 0x22:
            rows.append(value)
    for number, row in enumerate(rows[:MAX_ELEMENTS]):
        cells = [value for tag, value in read_fields(row) if tag == 0x0A and type(value) is bytes]
        for at, (column, cell) in enumerate(zip(columns, cells, strict=False)):
            if len(metrics) >= MAX_METRICS:
                return
            metric = Metric(name=column, datatype=types[at] if at < len(types) else 0, value=_scalar_of(cell, 1))
            belong_to(metric, parent)
            metric.channel = str(number) if len(rows) > 1 else ""
            metrics.append(metric)


def _read_properties(data: bytes, metric: Metric) -> None:
    """The unit and the quality in a PropertySet: keys and values are two runs of the same length."""
    keys: list[str] = []
    values: list[bytes] = []
    for tag, value in read_fields(data):
        if type(value) is bytes:
            if tag == 0x0A:
                keys.append(_text(value))
            elif tag == 0x12:
                values.append(value)
    for key, held in zip(keys, values, strict=False):
        note_property(metric, key, _scalar_of(held, 3))


def _scalar_of(data: bytes, first: int) -> Value | None:
    """The value of a property or a cell: int, long, float, double, boolean and text, in fields from the `first` on."""
    for tag, value in read_fields(data):
        field = (tag >> 3) - first
        if isinstance(value, int):
            if 0 <= field <= 1:
                return value
            if field == 4:
                return value != 0
        elif field == 2 and len(value) == 4:
            return float_of(value)
        elif field == 3 and len(value) == 8:
            return double_of(value)
        elif field == 5:
            return _text(value)
    return None


def _text(value: bytes) -> str:
    return text_of(value.decode("utf-8", "replace"))

"""A Sparkplug B payload from its JSON rendering, of which there are several.

Eclipse Tahu's payload.json and Chariot have `dataType` and `value`; Protocol Buffers' own JSON has `datatype` as a
number, `intValue` or `int_value` and the like, 64 bits as text and properties as `keys` and `values`; JavaScript has
`type`, dates as text, and 64 bits as `{"low": 5, "high": 0, "unsigned": true}`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import Any

import msgspec

from appliance.errors import Rejected
from firmware_bridge.family.sparkplug_b.metric import (
    DATATYPES,
    MAX_ELEMENTS,
    MAX_METRICS,
    Metric,
    Payload,
    belong_to,
    note_property,
)
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, object_of, text_of, whole_of
from firmware_bridge.notation.protobuf import MAX_DEPTH

VALUES = tuple(
    spelled
    for kind in ("int", "long", "float", "double", "boolean", "string", "dataset", "template")
    for spelled in (f"{kind}Value", f"{kind}_value")
)


def read_json_text(data: bytes) -> Payload:
    """A payload from the bytes of its rendering; Rejected where they are none."""
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Rejected(f"neither a Sparkplug B payload nor its JSON rendering: {error}") from None
    if type(document) is not dict:
        raise Rejected("expected a JSON object with metrics")
    return read_json_payload(document)


def read_json_payload(document: Mapping[str, Any]) -> Payload:
    """A payload from a JSON object."""
    metrics = document.get("metrics", [])
    if type(metrics) is not list:
        raise Rejected("expected a list of metrics", "$.metrics")
    payload = Payload(
        timestamp=_milliseconds_of(document.get("timestamp")),
        seq=_whole_of(document.get("seq")),
        metrics=[],
        rendered=True,
    )
    _read_metrics(metrics, payload.metrics, Metric(), 0)
    return payload


def _read_metrics(items: Iterable[Any], metrics: list[Metric], parent: Metric, depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise Rejected(f"templates within templates deeper than {MAX_DEPTH}")
    for item in items:
        if type(item) is not dict:
            continue
        if len(metrics) >= MAX_METRICS:
            return
        metric = _metric_of(item, parent, depth)
        metrics.append(metric)
        value = _value_of(item)
        if type(value) is dict and type(value.get("rows")) is list:
            _read_data_set(value, metrics, metric)
        elif type(value) is dict and flag_of(value.get("isDefinition", value.get("is_definition"))) is not True:
            _read_metrics(list_of(value.get("metrics")), metrics, metric, depth + 1)


def _metric_of(item: dict[str, Any], parent: Metric, depth: int) -> Metric:
    datatype = item.get("dataType", item.get("datatype", item.get("type")))
    value = _value_of(item)
    whole = _whole_of(value) if type(value) is dict else None
    metric = Metric(
        name=text_of(item.get("name")),
        alias=_alias_of(item.get("alias")),
        timestamp=_milliseconds_of(item.get("timestamp")),
        datatype=DATATYPES.get(datatype.lower(), 0) if type(datatype) is str else _whole_of(datatype) or 0,
        value=whole if whole is not None else value if type(value) in (bool, int, float, str, list) else None,
        is_null=value is None or flag_of(item.get("isNull", item.get("is_null"))) is True,
        historical=flag_of(item.get("isHistorical", item.get("is_historical"))) is True,
    )
    _read_properties(item.get("properties"), metric)
    if depth:
        belong_to(metric, parent)
    return metric


def _read_data_set(data: Mapping[str, Any], metrics: list[Metric], parent: Metric) -> None:
    columns = list_of(data.get("columns", data.get("columnNames")))
    types = list_of(data.get("types"))
    rows = list_of(data.get("rows"))
    for number, row in enumerate(rows[:MAX_ELEMENTS]):
        cells = list_of(row.get("elements")) if type(row) is dict else list_of(row)
        for at, (column, cell) in enumerate(zip(columns, cells, strict=False)):
            if len(metrics) >= MAX_METRICS:
                return
            value = _value_of(cell) if type(cell) is dict else cell
            item = {"name": column, "type": types[at] if at < len(types) else None, "value": value}
            metric = _metric_of(item, parent, 1)
            metric.channel = str(number) if len(rows) > 1 else ""
            metrics.append(metric)


def _value_of(item: Mapping[str, Any]) -> Any:
    value = item.get("value")
    if value is not None:
        return value
    return next((item[name] for name in VALUES if name in item), None)


def _read_properties(properties: object, metric: Metric) -> None:
    """The unit and the quality among the properties."""
    for name, held in _named_properties(properties):
        value = _value_of(held) if type(held) is dict else held
        note_property(metric, name, text_of(value) if type(value) is str else value)


def _named_properties(properties: object) -> Iterator[tuple[str, Any]]:
    """By name: an object, two runs of the same length, or a list of objects with a name of their own."""
    if type(properties) is list:
        for one in properties[:64]:
            yield text_of(object_of(one).get("name")), one
    elif type(properties) is dict:
        keys, values = properties.get("keys"), properties.get("values")
        if type(keys) is list and type(values) is list:
            yield from ((text_of(key), value) for key, value in zip(keys, values, strict=False))
        else:
            yield from properties.items()


def _alias_of(value: object) -> int | str | None:
    whole = _whole_of(value)
    return whole if whole is not None else text_of(value) or None


def _whole_of(value: object) -> int | None:
    """A whole number, or the two halves of one."""
    if type(value) is not dict:
        return whole_of(value)
    low, high = whole_of(value.get("low")), whole_of(value.get("high"))
    if low is None or high is None:
        return None
    return (high & 0xFFFF_FFFF) << 32 | low & 0xFFFF_FFFF


def _milliseconds_of(value: object) -> int | None:
    whole = _whole_of(value)
    if whole is not None or type(value) is not str:
        return whole
    when = read_instant(value, UTC)
    return None if when is None else round(when.timestamp() * 1_000)

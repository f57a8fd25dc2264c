"""What a Sparkplug B payload holds, however it was written, and what its raw values mean.

Signed integers travel as two's complement in unsigned fields, and which they are the datatype tells; so do arrays as
bytes. A data message leaves the datatype out: values stay raw until the caller knows it from the birth.
Source: Eclipse Sparkplug 3.0.0, chapter 6, "Datatype Details".
"""

import struct
from typing import Any

import msgspec

from firmware_bridge.notation.members import flag_of, number_of, whole_of
from firmware_bridge.notation.protobuf import signed_of

MAX_METRICS = 10_000  # of one message, members of templates and cells of data sets included
MAX_ELEMENTS = 64  # of one array, and rows of a data set; a waveform is no run of sensors

DATATYPES: dict[str, int] = {
    name: number
    for number, name in enumerate(
        "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float double boolean string datetime text uuid dataset "
        "bytes file template propertyset propertysetlist int8array int16array int32array int64array uint8array "
        "uint16array uint32array uint64array floatarray doublearray booleanarray stringarray datetimearray".split(),
        start=1,
    )
} | {"bool": 11, "int": 4, "integer": 4, "long": 4, "real": 10, "number": 10}
_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_UNSIGNED_BITS = {5: 8, 6: 16, 7: 32, 8: 64}
_LAST_NUMBER, _BOOLEAN, DATETIME = 10, 11, 13
_MAX_DIGITS = 20  # of 64 bits, or a sign and 63
_BOOLEAN_ARRAY = 32
_ARRAYS = {22: "b", 23: "h", 24: "i", 25: "q", 26: "B", 27: "H", 28: "I", 29: "Q", 30: "f", 31: "d"}

BAD, STALE = 0, 500  # of the property Quality; 192 is good
_QUALITIES = {"bad": BAD, "stale": STALE}
_UNIT_PROPERTIES = frozenset(("engunit", "engineeringunit", "engineeringunits", "engunits", "unit", "units", "uom"))

Value = bool | int | float | str


class Metric(msgspec.Struct):
    """One metric; `value` is None where it is null or of a type that is passed over, and raw until it is settled.

    member   what follows the name where the metric is part of a template or data set that came under an alias
    channel  the row of a data set, where there are several
    """

    name: str = ""
    alias: int | str | None = None
    timestamp: int | None = None
    datatype: int = 0
    value: Value | bytes | list[Any] | None = None
    is_null: bool = False
    historical: bool = False
    unit: str = ""
    quality: int | None = None
    member: str = ""
    channel: str = ""


class Payload(msgspec.Struct):
    """What one message says: its time in Unix milliseconds, its place in the sequence (0..255), its metrics.

    rendered  it came as JSON, where numbers stand as they are meant
    """

    timestamp: int | None = None
    seq: int | None = None
    metrics: list[Metric] = []
    rendered: bool = False


def belong_to(metric: Metric, parent: Metric) -> None:
    """Call a part of another metric after it, or after its alias until that has a name."""
    if parent.name:
        metric.name = f"{parent.name}/{metric.name}"
    else:
        metric.member, metric.name, metric.alias = f"{parent.member}/{metric.name}", "", parent.alias
    metric.timestamp = metric.timestamp or parent.timestamp
    metric.historical = metric.historical or parent.historical
    metric.quality = parent.quality if metric.quality is None else metric.quality


def note_property(metric: Metric, name: str, value: object) -> None:
    """Keep a property where it is the unit or the quality."""
    spelled = name.lower().replace("_", "").replace(" ", "")
    if spelled in _UNIT_PROPERTIES:
        metric.unit = value if type(value) is str else ""
    elif spelled == "quality":
        word = value.lower() if type(value) is str else ""
        metric.quality = _QUALITIES.get(word.partition("_")[0], whole_of(value))


def settled_value(value: object, datatype: int) -> Value | None:
    """A raw value as its datatype means it: -1 for 4294967295 of an Int32, True for 1 of a Boolean."""
    if type(value) is float:
        return value
    if type(value) is int:
        return _settled_whole(value, datatype)
    if type(value) is str and 0 < datatype <= _BOOLEAN:  # JSON has no 64 bits: many write them as text
        if datatype == _BOOLEAN:
            return flag_of(value)
        digits = len(value) <= _MAX_DIGITS and value.isascii() and value.removeprefix("-").isdigit()
        return _settled_whole(int(value), datatype) if digits else number_of(value)
    return value if isinstance(value, bool | str) else None


def _settled_whole(value: int, datatype: int) -> Value:
    bits = _SIGNED_BITS.get(datatype)
    if bits is not None:
        return signed_of(value, bits)
    bits = _UNSIGNED_BITS.get(datatype)
    if bits is not None:
        return value & ((1 << bits) - 1)  # some extend the sign of any
    return bool(value) if datatype == _BOOLEAN else value


def may_be_negative(value: object) -> bool:
    """Whether a raw whole number has its highest bit set, which is a sign or not as its datatype tells."""
    return type(value) is int and (2**31 <= value < 2**32 or value >= 2**63)


def elements_of(value: object, datatype: int) -> list[float] | None:
    """The numbers of an array, from packed little-endian bytes or a list; None for whatever is no array of numbers."""
    if type(value) is list:
        numbers = [float(one) if type(one) is bool else number_of(one) for one in value]
        return [one for one in numbers if one is not None] if None not in numbers else None
    if type(value) is not bytes:
        return None
    if datatype == _BOOLEAN_ARRAY:
        return _booleans_of(value)
    code = _ARRAYS.get(datatype)
    size = struct.calcsize(f"<{code}") if code else 0
    if not size or len(value) % size:
        return None
    return [float(one) for one in struct.unpack(f"<{len(value) // size}{code}", value)]


def _booleans_of(data: bytes) -> list[float] | None:
    """A count in four bytes, then a bit each, the highest first."""
    count = int.from_bytes(data[:4], "little")
    if len(data) < 4 or count > 8 * (len(data) - 4):
        return None
    return [float(data[4 + at // 8] >> (7 - at % 8) & 1) for at in range(count)]

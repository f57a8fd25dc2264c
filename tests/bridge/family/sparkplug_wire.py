"""Sparkplug B payloads as their bytes, field by field, and the node that the tests are about."""

import struct
from datetime import UTC, datetime

MS = 1_700_000_000_000
WHEN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
NODE = "sparkplug_b/Plant/Edge 1"
BIRTH, DATA, DEATH = ("spBv1.0/Plant/NBIRTH/Edge 1", "spBv1.0/Plant/NDATA/Edge 1", "spBv1.0/Plant/NDEATH/Edge 1")


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def field(number: int, value: int | float | bytes | str) -> bytes:
    """One field: a varint, a double, or text and messages with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def metric(name: str = "", alias: int | None = None, *, kind: int = 0, more: bytes = b"") -> bytes:
    parts = (field(1, name) if name else b"") + (field(2, alias) if alias is not None else b"")
    return field(2, parts + (field(4, kind) if kind else b"") + more)


def payload(*metrics: bytes, seq: int | None = 0, ms: int = MS) -> bytes:
    return field(1, ms) + b"".join(metrics) + (field(3, seq) if seq is not None else b"")


def unit(symbol: str) -> bytes:
    """The property set {engUnit: symbol}."""
    return field(9, field(1, "engUnit") + field(2, field(1, 12) + field(8, symbol)))

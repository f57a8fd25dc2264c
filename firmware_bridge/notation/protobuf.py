"""The wire form of Protocol Buffers, taken apart without a schema: bounded, and nothing is trusted.

A message is a run of fields, each a tag (number and wire type) and a value. What a field means is the reader's
business: `firmware_bridge.family.sparkplug_b.payload` knows the messages of Sparkplug B.
Source: protobuf.dev, "Encoding".
"""

import struct

from appliance.errors import Rejected

MAX_DEPTH = 16  # messages within messages
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # wire types; 3 and 4 are the groups of old, which nobody sends

_double = struct.Struct("<d")
_float = struct.Struct("<f")

Field = tuple[int, int | bytes]


def read_fields(data: bytes) -> list[Field]:
    """The fields of one message, in their order.

    returns  (tag, value): the tag as on the wire (`number << 3 | wire type`); an int for a varint (unsigned, 64 bits),
             bytes for everything else
    raises   Rejected    a field reaches past the end, a varint is over ten bytes, or a wire type is unknown
    """
    fields: list[Field] = []
    at, end = 0, len(data)
    while at < end:
        tag, at = _read_varint(data, at)
        wire = tag & 7
        if wire == VARINT:
            number, at = _read_varint(data, at)
            fields.append((tag, number))
            continue
        if wire == LENGTH:
            size, at = _read_varint(data, at)
        elif wire == FIXED64:
            size = 8
        elif wire == FIXED32:
            size = 4
        else:
            raise Rejected(f"not Protocol Buffers: wire type {wire} at byte {at}")
        if size > end - at:
            raise Rejected(f"Protocol Buffers cut short: {size} bytes announced at byte {at}, {end - at} are left")
        fields.append((tag, data[at : at + size]))
        at += size
    return fields


def double_of(value: bytes) -> float:
    """Eight bytes as a double."""
    return float(_double.unpack(value)[0])


def float_of(value: bytes) -> float:
    """Four bytes as a float."""
    return float(_float.unpack(value)[0])


def signed_of(number: int, bits: int) -> int:
    """The lowest `bits` of an unsigned number as two's complement: 0xFFFFFFFF of 32 bits is -1."""
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> (bits - 1) else number


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at this place, and the place after it."""
    try:
        byte = data[at]
        if byte < 0x80:
            return byte, at + 1
        number, shift = byte & 0x7F, 7
        while shift < 70:
            at += 1
            byte = data[at]
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number & 0xFFFF_FFFF_FFFF_FFFF, at + 1
            shift += 7
    except IndexError:
        raise Rejected(f"Protocol Buffers cut short within a number at byte {at}") from None
    raise Rejected(f"not Protocol Buffers: a number of more than ten bytes ends at byte {at}")

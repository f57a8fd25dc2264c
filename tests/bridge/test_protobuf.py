"""The wire form of Protocol Buffers: fields as the encoding guide writes them, and a refusal for the rest."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from firmware_bridge.family.sparkplug_b.payload import read_payload
from firmware_bridge.notation.protobuf import double_of, float_of, read_fields, signed_of
from tests.conftest import examples


def test_fields_come_in_their_order_with_their_tags() -> None:
    # 150 as a varint is 96 01; "testing" is seven bytes; 1.0 as a float is 00 00 80 3f
    data = bytes.fromhex("089601 120774657374696e67 1d0000803f")
    assert read_fields(data) == [(0x08, 150), (0x12, b"testing"), (0x1D, b"\x00\x00\x80\x3f")]
    assert float_of(b"\x00\x00\x80\x3f") == 1.0
    assert double_of(bytes.fromhex("0000000000003540")) == 21.0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("0a05616263", "5 bytes announced"),
        ("08", "cut short within a number"),
        ("0880", "cut short within a number"),
        ("08" + "ff" * 11, "more than ten bytes"),
        ("0b", "wire type 3"),
        ("09112233", "8 bytes announced"),
    ],
)
def test_what_is_cut_short_or_of_another_kind_is_refused(data: str, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        read_fields(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("number", "bits", "meant"),
    [(0xFFFFFFFF, 32, -1), (0xFB, 8, -5), (5, 8, 5), (2**64 - 20, 64, -20), (0x8000, 16, -32768)],
)
def test_signed_integers_are_twos_complement(number: int, bits: int, meant: int) -> None:
    assert signed_of(number, bits) == meant


def test_templates_within_templates_end_somewhere() -> None:
    metric = b"\x0a\x01m\x50\x01"
    for _ in range(20):
        template = b"\x12" + _sized(metric)
        metric = b"\x0a\x01t\x92\x01" + _sized(template)
    with pytest.raises(Rejected, match="deeper than 16"):
        read_payload(b"\x12" + _sized(metric))


@given(st.binary(max_size=200))
@settings(max_examples=examples(500))
def test_any_bytes_are_a_payload_or_refused(data: bytes) -> None:
    try:
        read_payload(data)
    except Rejected:
        return


def _sized(data: bytes) -> bytes:
    size, length = b"", len(data)
    while length > 0x7F:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return size + bytes([length]) + data

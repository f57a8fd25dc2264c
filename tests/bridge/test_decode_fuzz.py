"""Whatever comes in, only decoded or rejected comes out: mutated real messages, and messages made to hurt.

A run of a million is made by hand: `HEXPOST_FUZZ=1000000 pytest tests/bridge/test_decode_fuzz.py`.
"""

import os
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.canonical import Kept, Surroundings, keep_observations
from firmware_bridge.decode import MAX_PAYLOAD, Decoder
from firmware_bridge.decoded import Decoded
from tests.bridge.samples import RECEIVED, Sample, make_decoder, needs_kit, samples
from tests.conftest import QUICK, examples

AROUND = Surroundings(standing=lambda _: None, judge=lambda *_: "good", plate_key=b"k" * 32)
ODD = (
    None,
    True,
    False,
    0,
    -1,
    2**63,
    2**64,
    1e308,
    "",
    "x",
    "NaN",
    "\u0000",
    "2026-13-45",
    [],
    {},
    [[]],
    [None],
    {"": {}},
)
MAX_ITEMS = 10_000


def decode(decoder: Decoder, topic: str, payload: bytes, *, retain: bool = False) -> tuple[Decoded, Kept]:
    """Through decoding and canonical form, as the bridge does it."""
    decoded = decoder.decode(topic, payload, received_at=RECEIVED, retain=retain)
    kept = keep_observations(decoded.observations, received_at=RECEIVED, retained=retain, around=AROUND)
    assert decoded.items <= MAX_ITEMS
    for kept_item in (*kept.events, *kept.readings, *kept.fixes):
        msgspec.json.encode(kept_item)  # whatever is kept can be written down
    for rejection in decoded.rejections:
        assert rejection.reason and len(rejection.reason) < 2_000
    return decoded, kept


def mutate(document: object, chance: random.Random) -> object:
    """The document with some of its members replaced, removed or repeated."""
    roll = chance.random()
    if roll < 0.06:
        return chance.choice(ODD)
    if isinstance(document, dict):
        changed = {key: mutate(value, chance) for key, value in document.items() if chance.random() > 0.04}
        if chance.random() < 0.05:
            changed[chance.choice(("id", "time", "type", "device", "x" * 300))] = chance.choice(ODD)
        return changed
    if isinstance(document, list):
        return [mutate(item, chance) for item in document for _ in range(1 + (chance.random() < 0.05))]
    return document


def mutants(sample: Sample, chance: random.Random) -> bytes:
    """The payload changed: as a document where it is one, else byte by byte."""
    try:
        document = msgspec.json.decode(sample.payload)
    except msgspec.DecodeError:
        document = None
    if document is not None and chance.random() < 0.8:
        return msgspec.json.encode(mutate(document, chance))
    data = bytearray(sample.payload)
    for _ in range(chance.randint(1, 6)):
        if data:
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 3)] = bytes(chance.randrange(256) for _ in range(chance.randint(0, 3)))
    return bytes(data)


@needs_kit
@pytest.mark.parametrize("part", range(4))
def test_mutated_messages_are_decoded_or_rejected_and_nothing_else(part: int) -> None:
    """10,000 in the tests, split so that they run side by side."""
    how_many = int(os.environ.get("HEXPOST_FUZZ") or (1_000 if QUICK else 10_000)) // 4
    chance, decoder, known = random.Random(part), make_decoder(), list(samples())
    for _ in range(how_many):
        sample = chance.choice(known)
        topic = sample.topic if chance.random() < 0.8 else chance.choice(known).topic
        payload = mutants(sample, chance)
        decode(decoder, topic, payload, retain=chance.random() < 0.1)


@given(topic=st.text(max_size=60), payload=st.binary(max_size=300))
@settings(max_examples=examples(500))
def test_noise_is_decoded_or_rejected(topic: str, payload: bytes) -> None:
    decode(DECODER, topic, payload)


DEEP = b"[" * 1_000 + b"]" * 1_000
HEAVY = {
    "a thousand levels deep": DEEP,
    "objects a hundred thousand levels deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "ten megabytes": b'{"a":"' + b"x" * 10_000_000 + b'"}',
    "a number of a million digits": b'{"a":' + b"9" * 1_000_000 + b"}",
    "a million items": b"[" + b"0," * 500_000 + b"0]",
    "an entity bomb": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><x>&c;</x>',
}


@pytest.mark.parametrize(
    "topic", ["zigbee2mqtt/x", "frigate/events", "hexpost/v1/a/b/event", "foo/bar", "tele/x/SENSOR"]
)
@pytest.mark.parametrize("name", HEAVY)
def test_a_payload_made_to_hurt_is_refused_with_a_reason(name: str, topic: str) -> None:
    decoded, kept = decode(DECODER, topic, HEAVY[name])
    assert decoded.rejections and decoded.rejections[0].reason
    assert not kept.events and not kept.readings


def test_what_is_too_long_is_refused_unread() -> None:
    decoded, _ = decode(DECODER, "frigate/events", b"{" * (MAX_PAYLOAD + 1))
    assert "at most" in decoded.rejections[0].reason


DECODER = make_decoder()

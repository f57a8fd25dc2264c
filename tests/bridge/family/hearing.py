"""One message heard by one family, as the decoder hands it over; real ones of the field kit; odd ones made of both."""

import base64
import copy
import functools
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.model.observation import EnvironmentReading, Observation
from firmware_bridge.inbound import NOT_JSON, Context, Family, Inbound, Memory
from firmware_bridge.routing import Router

KIT = os.environ.get("HEXPOST_FIELDKIT", "")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MAX_OBSERVATIONS = 1_000
MAX_BYTES = 8_000  # of one observation
TOPIC = "site/gate"  # of messages that come on a topic of anyone's choosing


class Sample(NamedTuple):
    """A message of the field kit, and which one it is."""

    number: int
    topic: str | None
    payload: bytes
    note: str


class UnknownMessage(Exception):
    """The family takes neither the topic nor the shape; a failed assertion must not look like this."""


def hear(
    family: Family, document: Any, topic: str | None = None, *, memory: Memory | None = None, now: datetime = NOW
) -> list[Observation]:
    """What a family makes of a message: by its topic, else by its shape; UnknownMessage where it knows neither."""
    payload = document if type(document) is bytes else _bytes_of(document)
    inbound = Inbound(topic=topic or TOPIC, payload=payload, received_at=now)
    found = Router([family]).find(topic) if topic else None
    handle = None
    if found is not None:
        inbound.parts = found.parts
        handle = found.route.handle
    elif family.recognise is not None:
        handle = family.recognise(document)
        inbound.parts = {"device": inbound.topic}
    if handle is None:
        raise UnknownMessage(f"{family.name} knows neither {topic} nor this shape")
    inbound.document = document
    if found is not None and found.route.shape is not Any:
        with suppress(*NOT_JSON):
            inbound.document = found.read(payload)  # as `decode` hands it over; what does not fit, plain
    return list(handle(inbound, Context(zone=UTC, memory=memory if memory is not None else Memory())))


def kit_samples(name: str) -> list[Sample]:
    """The messages of a family in the field kit."""
    lines = Path(KIT, "payloads", f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [_sample(number, msgspec.json.decode(line)) for number, line in enumerate(lines)]


def refused(family: Family, samples: Sequence[Sample]) -> dict[int, str]:
    """Which samples a family refuses, and why."""
    reasons = {}
    memory = Memory()
    for sample in samples:
        try:
            hear(family, document_of(sample.payload), sample.topic, memory=memory)
        except (Rejected, UnknownMessage) as reason:
            reasons[sample.number] = str(reason)
    return reasons


def document_of(payload: bytes) -> Any:
    """A payload as the decoder reads it: JSON, else text, else the bytes."""
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload


@functools.cache
def odd_json() -> st.SearchStrategy[Any]:
    """Any JSON value, the awkward ones first; made once, since hypothesis takes a while to look one over."""
    leaves: st.SearchStrategy[Any] = st.sampled_from(
        [None, "", "unavailable", -1, 0, 1e308, -1e308, 2**70, True, [], {}, "NaN", "9" * 300, [[]]]
    ).map(copy.deepcopy)  # `changed` writes into what it was given
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner))


@st.composite
def changed(draw: st.DrawFn, documents: Sequence[Any]) -> Any:
    """One of the documents with some members, at any depth, made something else."""
    document = msgspec.json.decode(msgspec.json.encode(draw(st.sampled_from(documents))))
    for _ in range(draw(st.integers(1, 4))):
        at = document
        for _ in range(draw(st.integers(0, 6))):
            inner = [value for value in _members(at) if type(value) in (dict, list) and value]
            if not inner:
                break
            at = draw(st.sampled_from(inner))
        keys = list(at) if type(at) is dict else list(range(len(at)))
        if keys:
            at[draw(st.sampled_from(keys))] = draw(odd_json())
    return document


def outcome(family: Family, document: Any, topic: str | None = None) -> list[Observation] | Rejected | None:
    """What comes of an odd message: observations, a refusal, or None where no handler takes it; nothing else may.

    Observations are few, can be written as JSON, and have a place within bounds.
    """
    try:
        heard = hear(family, document, topic)
    except Rejected as rejected:
        return rejected
    except UnknownMessage:
        return None
    assert len(heard) <= MAX_OBSERVATIONS
    for seen in heard:
        assert len(msgspec.json.encode(seen)) < MAX_BYTES, seen
        assert (seen.longitude is None) == (seen.latitude is None), seen
        assert seen.longitude is None or -180 <= seen.longitude <= 180, seen
        assert seen.latitude is None or -90 <= seen.latitude <= 90, seen
        assert not isinstance(seen, EnvironmentReading) or math.isfinite(seen.value), seen
    return heard


def _members(value: Any) -> list[Any]:
    return list(value.values()) if type(value) is dict else value


def _bytes_of(document: Any) -> bytes:
    return document.encode() if type(document) is str else msgspec.json.encode(document)


def _sample(number: int, line: dict[str, Any]) -> Sample:
    body = base64.b64decode(line["payload_b64"]) if "payload_b64" in line else _bytes_of(line["payload"])
    return Sample(number, line["topic"], body, line.get("note", ""))

"""The field kit's device messages, and the decoder that the product has."""

import base64
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from appliance.wiring_families import built_in_mappings
from firmware_bridge.decode import Decoder
from firmware_bridge.family.catalogue import build_families
from firmware_bridge.topic import raw_topic

KIT = os.environ.get("HEXPOST_FIELDKIT", "")
needs_kit = pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set: the field kit is not here")
RECEIVED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Sample(NamedTuple):
    """One recorded message; without a topic of its own it comes as a gateway brings it."""

    name: str
    family: str
    topic: str
    payload: bytes
    retain: bool


def samples() -> Iterator[Sample]:
    """Every message of the kit, in order."""
    for file in sorted((Path(KIT) / "payloads").glob("*.jsonl")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            raw = json.loads(line)
            topic = raw["topic"] or raw_topic(f"replay/{raw['family']}", raw["family"])
            if "payload_b64" in raw:
                payload = base64.b64decode(raw["payload_b64"])
            elif isinstance(raw["payload"], str):
                payload = raw["payload"].encode()
            else:
                payload = msgspec.json.encode(raw["payload"])
            yield Sample(f"{file.stem}:{number}", file.stem, topic, payload, raw.get("retain") is True)


def make_decoder() -> Decoder:
    """A decoder with every family that comes with the program."""
    return Decoder(build_families(built_in_mappings()), zone=UTC)

"""A mapping file that uses every feature, and shorthands for what it makes of a message."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from appliance.model.observation import (
    Observation,
)
from firmware_bridge.decode import Decoder
from firmware_bridge.decoded import Decoded
from firmware_bridge.mapping.compile import compile_mapping
from tests.conftest import NOW

FAMILY = '[family]\nname = "river"\n'
KUWAIT = ZoneInfo("Asia/Kuwait")

GOOD = """
[family]
name = "river"
title = "RiverWatch"
source = "the manual"

[metrics]
lvl_mm = { metric = "water_level", unit = "m", scale = 0.001, offset = 0.5 }

[enums.door]
OPEN = true
SHUT = false

[[message]]
topic = ["river/{station}/data", "river/{station}/{part...}/data"]
when = { "$.v" = [1, 2], "$.ts" = true }
device = "{station}"
time = "$.ts"
id = "$.seq"
require = ["$.lvl_mm"]
longitude = "$.at[0]"
latitude = "$.at[1]"

[[message.observation]]
kind = "readings"
only = ["lvl_mm", "temp"]
channel = "{part}"

[[message.observation]]
kind = "alarm"
name = "contact"
active = { path = "$.door", enum = "door" }
severity = { path = ["$.sev", "$.severity"], scale = 0.01 }
attributes = { by = "$.who", note = "gate-{station}" }

[[message]]
shape = ["$.points"]
each = "$.points[*]"
device = "@.name"
time = "@.t"

[[message.observation]]
kind = "people_count"
when = { "@.type" = "line" }
entered = "@.in"
left = "@.out"
line = "{each}"
"""


def decode(mapping: str, document: object, topic: str = "river/north/data") -> Decoded:
    payload = document if isinstance(document, bytes) else msgspec.json.encode(document)
    return Decoder([compile_mapping(mapping)], zone=KUWAIT).decode(topic, payload, received_at=NOW)


def observe(mapping: str, document: object, topic: str = "river/north/data") -> Sequence[Observation]:
    decoded = decode(mapping, document, topic)
    assert not decoded.rejections, decoded.rejections
    return decoded.observations


def refusal(mapping: str, document: object, topic: str = "river/north/data") -> str:
    (rejection,) = decode(mapping, document, topic).rejections
    return rejection.reason


def message(body: str, observation: str = 'kind = "readings"', head: str = FAMILY) -> str:
    """A mapping of one message on `river/{device}/data`."""
    topic = "" if "topic" in body or "shape" in body else 'topic = "river/{device}/data"\n'
    return f"{head}[[message]]\n{topic}{body}\n[[message.observation]]\n{observation}\n"


DATA: dict[str, Any] = {
    "v": 1, "ts": "2026-11-21T13:00:00", "seq": 17, "lvl_mm": 1234, "temp": 8.5, "bat": 71, "door": "OPEN",
    "severity": "40", "who": ["a"], "at": [47.9, 29.3],
}  # fmt: skip

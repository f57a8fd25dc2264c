"""Asking Sparkplug nodes to be born again: where their aliases are unknown or messages are missing.

The family remembers which nodes must (`rebirth:{group}/{node}` in its memory); a node is asked at once, and again
while it does not answer. Called by `bridge`.
Source: Eclipse Sparkplug 3.0, "Node Control/Rebirth".
"""

from datetime import datetime

from appliance.clock import to_us
from appliance.spatial.ring import varint
from firmware_bridge.downlink.orders import Outbound
from firmware_bridge.inbound import Memory

FAMILY = "sparkplug_b"
KEY = "rebirth:"
AGAIN_S = 60.0
MAX_ASKED = 100  # nodes at once: each answers with all that it has

_METRIC = b"\x0a\x14Node Control/Rebirth\x20\x0b\x70\x01"  # name, datatype boolean, true


class Rebirths:
    """Whom was asked when, in monotonic seconds. One a bridge."""

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}

    def due(self, memory: Memory, at: float, now: datetime) -> list[Outbound]:
        """The requests to publish at `now`, which is `at` on the monotonic clock."""
        asked = {key: self._asked.get(key, float("-inf")) for key in memory.keys(FAMILY, KEY) if "/" in key}
        waited = sorted((when, key) for key, when in asked.items() if at - when >= AGAIN_S)
        due = [key for _, key in waited[:MAX_ASKED]]
        self._asked = {**asked, **dict.fromkeys(due, at)}
        return [rebirth_request(key.removeprefix(KEY), now) for key in due]


def rebirth_request(node: str, now: datetime) -> Outbound:
    """The command by which `group/node` publishes its births anew; its payload must tell the time."""
    group, _, name = node.partition("/")
    told = b"\x08" + varint(max(0, to_us(now) // 1000))
    payload = told + b"\x12" + bytes([len(_METRIC)]) + _METRIC
    return Outbound(topic=f"spBv1.0/{group}/NCMD/{name}", payload=payload, qos=0)

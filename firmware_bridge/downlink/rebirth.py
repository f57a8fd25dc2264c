"""Asking Sparkplug nodes to be born again: where their aliases are unknown or messages are missing.

The family remembers which nodes must (`rebirth:{group}/{node}` in its memory); a node is asked at once, and again
while it does not answer. Called by `bridge`.
Source: Eclipse Sparkplug 3.0, "Node Control/Rebirth".
"""

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

    def due(self, memory: Memory, at: float) -> list[Outbound]:
        """The requests to publish now."""
        asked = {key: self._asked.get(key, float("-inf")) for key in memory.keys(FAMILY, KEY) if "/" in key}
        waited = sorted((when, key) for key, when in asked.items() if at - when >= AGAIN_S)
        due = [key for _, key in waited[:MAX_ASKED]]
        self._asked = {**asked, **dict.fromkeys(due, at)}
        return [rebirth_request(*key.removeprefix(KEY).split("/", 1)) for key in due]


def rebirth_request(group: str, node: str) -> Outbound:
    """The command by which a node publishes its births anew."""
    return Outbound(topic=f"spBv1.0/{group}/NCMD/{node}", payload=b"\x12" + bytes([len(_METRIC)]) + _METRIC, qos=0)

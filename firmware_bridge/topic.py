"""Native topics: `hexpost/v1/{agency}/{device}/{event|status|ack}`, taken apart and put together."""

from typing import Literal

import msgspec

PREFIX = "hexpost/v1"
FILTERS = (f"{PREFIX}/+/+/event", f"{PREFIX}/+/+/status")
OUT = "out"  # the box's own outputs stand where an agency would

Leaf = Literal["event", "status"]


class NativeTopic(msgspec.Struct, frozen=True, kw_only=True):
    """Who published, and what kind of message."""

    agency: str
    device: str
    leaf: Leaf

    @property
    def source(self) -> str:
        """The name under which the device's events are kept."""
        return f"{self.agency}/{self.device}"


def read_topic(topic: str) -> NativeTopic | None:
    """The parts of a native topic; None for any other."""
    match topic.split("/"):
        case ["hexpost", "v1", agency, device, ("event" | "status") as leaf] if agency and device and agency != OUT:
            kind: Leaf = "event" if leaf == "event" else "status"
            return NativeTopic(agency=agency, device=device, leaf=kind)
    return None


def ack_topic(source: str) -> str:
    """Where a device sees which of its events are durable."""
    return f"{PREFIX}/{source}/ack"


def health_topic(site_id: str) -> str:
    """Where the box says that it is there; retained, and its last will."""
    return f"{PREFIX}/{OUT}/{site_id}/health"

"""Native topics: `hexpost/v1/{agency}/{device}/…`, taken apart and put together."""

from typing import Literal

import msgspec

PREFIX = "hexpost/v1"
OUT = "out"  # the box's own outputs stand where an agency would

Leaf = Literal["event", "status", "result", "raw"]


class NativeTopic(msgspec.Struct, frozen=True, kw_only=True):
    """Who published, and what kind of message; `family` says whose words a `raw` one is in."""

    agency: str
    device: str
    leaf: Leaf
    family: str = ""

    @property
    def source(self) -> str:
        """The name under which the device's events are kept."""
        return f"{self.agency}/{self.device}"


def is_native(topic: str) -> bool:
    """Whether a topic is in Hexpost's own tree, its outputs included."""
    return topic.startswith(f"{PREFIX}/")


def is_ours(topic: str) -> bool:
    """Whether the box itself publishes on a topic: outputs, acknowledgements, commands."""
    levels = topic.split("/")
    return is_native(topic) and (levels[2] == OUT or levels[-1] in ("ack", "cmd"))


def read_topic(topic: str) -> NativeTopic | None:
    """The parts of a native topic that devices and gateways publish on; None for any other."""
    levels = topic.split("/")
    if len(levels) < 5 or not is_native(topic) or levels[2] == OUT or not (levels[2] and levels[3]):
        return None
    agency, device = levels[2], levels[3]
    match levels[4:]:
        case ["event" | "status" as leaf]:
            kind: Leaf = "event" if leaf == "event" else "status"
            return NativeTopic(agency=agency, device=device, leaf=kind)
        case ["cmd", "result"]:
            return NativeTopic(agency=agency, device=device, leaf="result")
        case ["raw", family] if family:
            return NativeTopic(agency=agency, device=device, leaf="raw", family=family)
    return None


def ack_topic(source: str) -> str:
    """Where a device sees which of its events are durable."""
    return f"{PREFIX}/{source}/ack"


def raw_topic(source: str, family: str) -> str:
    """Where a gateway brings messages of a family that has no topic of its own."""
    return f"{PREFIX}/{source}/raw/{family}"


def health_topic(site_id: str) -> str:
    """Where the box says that it is there; retained, and its last will."""
    return f"{PREFIX}/{OUT}/{site_id}/health"


def alert_topic(site_id: str) -> str:
    """Where the box tells what needs somebody's attention."""
    return f"{PREFIX}/{OUT}/{site_id}/alert"

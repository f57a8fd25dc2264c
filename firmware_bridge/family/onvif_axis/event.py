"""One ONVIF or Axis event as its topic, source and data. Read by `notice` and `counts`."""

import functools
from collections.abc import Mapping
from datetime import datetime

import msgspec

from firmware_bridge.notation.members import flag_of

_NO_STATE = frozenset("objectid objectids object_id classtypes count timestamp likelihood vehiclelanenumber".split())


class Notice(msgspec.Struct, dict=True):
    """One event. `topic` is without namespaces, as ("Device", "Sensor", "PIR"); `operation` '' if it is no property."""

    device: str
    topic: tuple[str, ...]
    when: datetime | None
    source: Mapping[str, str]
    data: Mapping[str, str]
    operation: str = ""

    @functools.cached_property
    def state(self) -> bool | None:
        """The state among the data, None where there is none."""
        for name, value in self.data.items():
            if name.lower() not in _NO_STATE:
                flag = flag_of(value)
                if flag is not None:
                    return flag
        return None

    @property
    def active(self) -> bool:
        """The state; an event without one is the thing happening."""
        return self.state is not False

    @property
    def momentary(self) -> bool:
        """Whether the same told again has happened again."""
        return not self.operation or self.state is None

    @property
    def area(self) -> str:
        """The rule, the application's profile, or whatever else of the device it comes from."""
        rule = self.source.get("Rule") or self.source.get("RuleName") or ""
        if (
            not rule
            and len(self.topic) > 2
            and (self.topic[0] == "CameraApplicationPlatform" or self.topic[1] == "VMD3")
        ):
            rule = self.topic[2]
        return rule or next((value for value in self.source.values() if value), "")


@functools.lru_cache(maxsize=4_096)
def topic_of(text: str) -> tuple[str, ...]:
    """The levels of a topic without their namespaces: `tns1:Device/tnsaxis:IO/Port`, `onvif:Device/axis:IO/Port`."""
    return tuple(level.rpartition(":")[2] for level in text.strip().split("/") if level)[:16]

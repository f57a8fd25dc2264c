"""What the bridge found out about its devices, for the store: states, rhythms, clocks, outages."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from appliance.model.device import State


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """A device is in another state, or for another cause, since `at`."""

    source: str
    state: State
    cause: str
    at: datetime


class OutageNews(msgspec.Struct, frozen=True, kw_only=True):
    """An outage that began, or with `ended_at` one that is over; kind and segment say which.

    devices  at most a hundred names of `device_count`
    """

    kind: str
    segment: str
    devices: tuple[str, ...]
    device_count: int
    began_at: datetime
    ended_at: datetime | None = None


class FieldNews(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is new since the last time.

    intervals_s, skews_ms  source -> its own rhythm in seconds (0: none), its clock less ours in milliseconds
    """

    changes: tuple[StateChange, ...] = ()
    outages: tuple[OutageNews, ...] = ()
    intervals_s: Mapping[str, float] = {}
    skews_ms: Mapping[str, float] = {}

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.changes or self.outages or self.intervals_s or self.skews_ms)

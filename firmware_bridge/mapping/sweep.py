"""All numbers of an object as readings: what `kind = "readings"` of a mapping file does.

Names are looked up in the file's metrics and then in the common ones, once each; objects inside give their name as the
channel, so that two probes of one device stay apart.
"""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from math import isfinite
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import EnvironmentReading, Observation
from firmware_bridge.mapping.file import MetricPart
from firmware_bridge.notation.members import MAX_TEXT, number_of, text_of
from firmware_bridge.notation.metrics import read_metric

SWEEP_DEPTH = 4  # levels of objects that are looked into
SWEEP_ITEMS = 500  # readings of one message; one with more is refused
MAX_NAMES = 2_000  # names whose metric is remembered


class Common(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the observations of a message, or of one of its items, share; `zone` is of times without an offset."""

    device: str
    zone: tzinfo
    observed_at: datetime | None = None
    observation_id: str = ""
    longitude: float | None = None
    latitude: float | None = None


class _Named(msgspec.Struct, frozen=True, gc=False):
    """What a name means; `scale` is None where the value is taken as it is. `wanted`: not left out by the mapping."""

    metric: str
    unit: str
    scale: float | None = None
    offset: float = 0.0
    wanted: bool = True


class Sweep:
    """Reads all numbers of an object. One an entry of a mapping file; it remembers the names that it has met."""

    def __init__(self, metrics: Mapping[str, MetricPart], *, only: frozenset[str], but: frozenset[str]) -> None:
        self._metrics = metrics
        self._only = only
        self._but = but
        self._known: dict[str, _Named] = {}

    def read(self, node: Any, channel: str, common: Common, found: list[Observation]) -> None:
        """Add a reading for each number below `node`.

        common  what the readings have besides: device, time, ...
        raises   Rejected  more than SWEEP_ITEMS
        """
        if type(node) is dict:
            before = len(found)
            self._read(node, channel, SWEEP_DEPTH, common, found)
            if len(found) - before > SWEEP_ITEMS:
                raise Rejected(f"{len(found) - before} values in one object, at most {SWEEP_ITEMS} are taken")

    def add(self, name: str, value: float, channel: str, common: Common, found: list[Observation]) -> None:
        """Add a reading for one named number; none where it is not wanted."""
        named = self._known.get(name) or self._learn(name)
        if not named.wanted:
            return
        if named.scale is not None:
            value = float(f"{value * named.scale + named.offset:.9g}")  # no tail of binary noise, as in `units`
            if not isfinite(value):
                return
        found.append(
            EnvironmentReading(
                device=common.device,
                observed_at=common.observed_at,
                observation_id=common.observation_id,
                longitude=common.longitude,
                latitude=common.latitude,
                metric=named.metric,
                value=value,
                unit=named.unit,
                channel=channel,
            )
        )

    def _read(self, node: dict[str, Any], channel: str, levels: int, common: Common, found: list[Observation]) -> None:
        for name, value in node.items():
            kind = type(value)
            if kind is float:
                self.add(name, value, channel, common, found)
            elif kind is int:
                number = number_of(value)
                if number is not None:
                    self.add(name, number, channel, common, found)
            elif kind is dict and levels > 1 and name not in self._but:
                inner = text_of(name)
                self._read(value, f"{channel}.{inner}" if channel else inner, levels - 1, common, found)

    def _learn(self, name: str) -> _Named:
        own = self._metrics.get(name.strip())
        named = _named(own) if own else _Named(*read_metric(name[:MAX_TEXT]))
        if name in self._but or (self._only and name not in self._only):
            named = msgspec.structs.replace(named, wanted=False)
        if len(name) <= MAX_TEXT:
            if len(self._known) >= MAX_NAMES:
                self._known.clear()
            self._known[name] = named
        return named


def _named(part: MetricPart) -> _Named:
    changed = part.scale != 1.0 or part.offset != 0.0
    return _Named(part.metric, part.unit, part.scale if changed else None, part.offset)

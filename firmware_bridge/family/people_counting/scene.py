"""What happened in a frame of a Xovis sensor: counters that rose, lines crossed, zones, doors, spaces and inputs.

A counter tells its own value, so a passage counted and the crossing that made it are two tellings of one: the first
is `cumulative`, the second is not. Called by `xovis`.
Source: Xovis, Data Push 5, "Live data", the types of event.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from appliance.model.observation import Alarm, CameraStatus, EnvironmentReading, Observation, PeopleCount
from firmware_bridge.notation.members import number_of, object_of, text_of, whole_of

SIDES = {
    "fw": "entered",
    "in": "entered",
    "inflow": "entered",
    "visits": "entered",
    "bw": "left",
    "out": "left",
    "outflow": "left",
    "balance": "present",
    "fill-level": "present",
    "queue-length": "present",
}
"""A counter's name -> the side it counts."""

_COUNTED = frozenset(("COUNT_INCREMENT", "COUNT_DECREMENT", "COUNT_RESET"))
_CROSSINGS = {
    "LINE_CROSS_FORWARD": (1, None),
    "LINE_CROSS_BACKWARD": (None, 1),
    "ZONE_ENTRY": (1, None),
    "ZONE_EXIT": (None, 1),
}
_STATES = {
    "DOOR_OPEN": ("contact", True),
    "DOOR_CLOSED": ("contact", False),
    "BLOCKED_SPACE_ABOVE": ("blocked_space", True),
    "BLOCKED_SPACE_BELOW": ("blocked_space", False),
    "DIGITAL_INPUT_HIGH": ("digital_input", True),
    "DIGITAL_INPUT_LOW": ("digital_input", False),
}
_PLACES = ("geometry_name", "door_id", "space_id", "geometry_id", "input_id")


def read_scene(device: str, at: datetime | None, event: Mapping[str, Any]) -> list[Observation]:
    """One event; nothing of those that repeat another, or tell how a track went."""
    kind, said = text_of(event.get("type")), object_of(event.get("attributes"))
    if kind in _COUNTED:
        return _counter(device, at, said)
    place = next((text for name in _PLACES if (text := text_of(said.get(name)))), "")
    if kind in _CROSSINGS:
        entered, left = _CROSSINGS[kind]
        found: list[Observation] = [PeopleCount(device=device, observed_at=at, entered=entered, left=left, line=place)]
        stayed = number_of(said.get("time_in_zone"))
        if stayed is not None and kind == "ZONE_EXIT":
            found.append(
                EnvironmentReading(
                    device=device, observed_at=at, metric="dwell_time", value=stayed, unit="s", channel=place
                )
            )
        return found
    if kind in _STATES:
        name, active = _STATES[kind]
        return [Alarm(device=device, observed_at=at, name=name, active=active, area=place)]
    if kind == "WRONG_WAY_DETECTED":
        return [Alarm(device=device, observed_at=at, name="wrong_way", active=True, area=place, momentary=True)]
    if kind == "SENSOR_FAILURE":
        return [CameraStatus(device=device, observed_at=at, working=False, reason="sensor failure")]
    return []


def _counter(device: str, at: datetime | None, said: Mapping[str, Any]) -> list[Observation]:
    value, side = whole_of(said.get("counter_value")), SIDES.get(text_of(said.get("counter_name")))
    if value is None or side is None or value < 0:
        return []
    return [
        PeopleCount(
            device=device,
            observed_at=at,
            entered=value if side == "entered" else None,
            left=value if side == "left" else None,
            present=value if side == "present" else None,
            line=text_of(said.get("logic_name")) or text_of(said.get("logic_id")),
            cumulative=True,
        )
    ]

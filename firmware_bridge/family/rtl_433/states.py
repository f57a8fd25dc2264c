"""What rtl_433 hears of doors, motion, leaks, smoke and remote controls, in the words of each maker. Used by `family`.

A state in one decoder is a command in another: `open` is a door's, `ON` is pressed on a remote control, `strike` is
lightning. Source: rtl_433's decoders of Honeywell, Interlogix, DSC, Kerui, Govee, X10, Cavius, SimpliSafe, Neptune.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from appliance.model.observation import Alarm, Incident, Motion, Observation
from firmware_bridge.notation.members import flag_of, number_of, text_of

_ALARMS = {
    **dict.fromkeys(("detect_wet", "leak_detected", "leaking", "leaknow", "water"), "water_leak"),
    "leak_status": "water_leak",
    **dict.fromkeys(("tamper", "tampered", "physical_tamper", "encoder_tamper"), "tamper"),
    **dict.fromkeys(("contact_open", "reed_open", "opened", "open"), "contact"),
    "alarm": "alarm",
    "smoke": "smoke",
    "backflow": "backflow",
    "battery_low": "battery_low",
}
"""A flag -> which alarm it is; any number above 0 raises it."""

_OPEN = {"open": True, "opened": True, "closed": False, "close": False}
_ZONES = {"smoke": "smoke", "heat": "heat", "glass": "glass_break", "freeze": "freeze", "panic": "panic"}
"""What an Interlogix sensor is -> which alarm its switches raise; any other is a contact."""

_WORDS: dict[str, tuple[str, bool]] = {
    "water leak": ("water_leak", True),
    "door/window open": ("contact", True),
    "door/window closed": ("contact", False),
    "contact open": ("contact", True),
    "contact closed": ("contact", False),
    "motion tripped": ("motion", True),
    "motion ready": ("motion", False),
    "fire alarm": ("fire", True),
    "warning/water detected": ("water_leak", True),
    "test alarm": ("test", True),
    "water": ("water_leak", True),
    "tamper": ("tamper", True),
    "motion": ("motion", True),
}
"""What an event or a description says -> the alarm, or motion, and whether it is raised."""

_SAYING = ("event", "state", "text", "extradata")
_MOMENTS = frozenset(("test", "panic", "button"))
_DOORBELL = "Doorbell"
_SMOKE = "Smoke-GS558"  # is heard only when it raises alarm, or while it learns

STATES = frozenset(
    (*_ALARMS, *_SAYING, "motion", "moving", "closed", *(f"switch{number}" for number in range(1, 6)), "subtype")
)
"""Members that are read here and are no numbers."""


def read_state(found: list[Observation], device: str, at: datetime | None, member: str, value: object) -> bool:
    """Whether a member that stands alone is a state; what it says is told."""
    told = states_of({member: value}, device, at)
    found += told
    return bool(told) or member in STATES


def states_of(said: Mapping[str, Any], device: str, at: datetime | None) -> list[Observation]:
    """All states of one message, each once."""
    told: dict[tuple[str, str], bool] = {}
    for member, alarm in _ALARMS.items():
        number = number_of(said.get(member)) if member in said else None
        active = flag_of(said.get(member)) if number is None else number > 0
        if active is not None:
            told[alarm, ""] = active
    for member in ("motion", "moving"):
        active = flag_of(said.get(member))
        if active is not None:
            told["motion", ""] = active
    closed = flag_of(said.get("closed"))
    if closed is not None:
        told["contact", ""] = not closed
    _read_switches(told, said)
    _read_words(told, said)
    if said.get("model") == _SMOKE and flag_of(said.get("learn")) is not True:
        told["smoke", ""] = True
    return [_observe(device, at, name, area, active, said) for (name, area), active in told.items()]


def _read_switches(told: dict[tuple[str, str], bool], said: Mapping[str, Any]) -> None:
    """Interlogix: five switches, whose meaning its kind of sensor says."""
    kind = text_of(said.get("subtype"))
    for number in range(1, 6):
        member = f"switch{number}"
        active = _OPEN.get(text_of(said.get(member)).lower())
        if active is not None:
            told["motion" if kind == "motion" else _ZONES.get(kind, "contact"), member] = active


def _read_words(told: dict[tuple[str, str], bool], said: Mapping[str, Any]) -> None:
    for member in _SAYING:
        words = text_of(said.get(member)).lower()
        if words in _OPEN:
            told.setdefault(("contact", ""), _OPEN[words])
        elif words in _WORDS:
            name, active = _WORDS[words]
            told.setdefault((name, ""), active)
        elif words.endswith(("panic", "panic-3second")):
            told["panic", ""] = True


def _observe(
    device: str, at: datetime | None, name: str, area: str, active: bool, said: Mapping[str, Any]
) -> Observation:
    if name == "motion":
        return Motion(device=device, observed_at=at, active=active, area=area)
    momentary = active and (name in _MOMENTS or (name == "smoke" and said.get("model") == _SMOKE))
    return Alarm(device=device, observed_at=at, name=name, active=active, area=area, momentary=momentary)


def happened(said: Mapping[str, Any], device: str, at: datetime | None) -> list[Observation]:
    """A strike of lightning, or somebody at the door."""
    if said.get("state") == "strike":
        far = number_of(said.get("storm_dist_km"))
        told = {"distance_km": far} if far is not None else {}
        return [Incident(device=device, observed_at=at, event_type="lightning_strike", attributes=told)]
    if said.get("subtype") == _DOORBELL:
        return [Alarm(device=device, observed_at=at, name="doorbell", active=True, momentary=True)]
    return []

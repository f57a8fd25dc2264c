"""What a device tells of itself, put together from its messages: `facts` of a `DeviceReport` and of the registry."""

from collections.abc import Mapping
from typing import Any

import msgspec

from appliance.model.observation import DeviceHealth, Observation

TOLD = "told"
"""The fact that holds what has no fact of its own: a switch that is on, a mode, an update that waits."""
MAX_TOLD = 64  # names of one device; later ones are left out
MAX_NAME = 80
MAX_TEXT = 200

_COMMON = {field.name for field in msgspec.structs.fields(Observation)}
_NAMES = tuple(field.name for field in msgspec.structs.fields(DeviceHealth) if field.name not in {*_COMMON, "state"})


def facts_of(health: DeviceHealth) -> dict[str, Any]:
    """What was told, by name; of the attributes the words, numbers and flags."""
    facts = {name: said for name in _NAMES if (said := getattr(health, name)) not in (None, "")}
    if health.attributes:
        told = [(name[:MAX_NAME], _short(said)) for name, said in health.attributes.items() if _is_plain(said)]
        if told:
            facts[TOLD] = dict(told[:MAX_TOLD])
    return facts


def merge_facts(known: dict[str, Any], told: Mapping[str, Any]) -> None:
    """Put newer facts in the place of older ones; those within `TOLD` one by one."""
    more, before = told.get(TOLD), known.get(TOLD)
    known.update(told)
    if more and before:
        known[TOLD] = dict(list({**before, **more}.items())[:MAX_TOLD])


def _is_plain(value: object) -> bool:
    return value != "" and type(value) in (str, int, float, bool)


def _short(value: Any) -> Any:
    return value[:MAX_TEXT] if type(value) is str else value

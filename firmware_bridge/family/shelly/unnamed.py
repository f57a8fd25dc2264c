"""Statuses of a Shelly without the topic or the object that names their component, as a gateway may hand them on.

Source: Shelly Gen2+ API, the status of each component. Called by `family`.
"""

from collections.abc import Mapping
from typing import Any

from firmware_bridge.family.shelly.component import COMPONENTS
from firmware_bridge.notation.members import whole_of

_BY_MEMBER = (
    *(("current_pos", "cover"), ("brightness", "light"), ("output", "switch"), ("target_C", "thermostat")),
    *(
        ("total_act_power", "em"),
        ("a_total_act_energy", "emdata"),
        ("act_power", "em1"),
        ("total_act_energy", "em1data"),
    ),
    *(("apower", "pm1"), ("state", "input"), ("percent", "input"), ("tC", "temperature"), ("rh", "humidity")),
    *(("lux", "illuminance"), ("battery", "devicepower"), ("voltage", "voltmeter")),
)
"""Member -> the component type whose status has it; the first that is there counts."""


def holds_components(document: Mapping[str, Any]) -> bool:
    """Whether members are components by their names, as in the answer to `Shelly.GetStatus`."""
    return any(name == "sys" or (":" in name and name.partition(":")[0] in COMPONENTS) for name in document)


def component_of(value: Mapping[str, Any]) -> str:
    """`switch:0` of a status that came without its name, by what only such a component says; '' where none does."""
    number = whole_of(value.get("id"))
    kind = next((kind for member, kind in _BY_MEMBER if member in value), "") if number is not None else ""
    return f"{kind}:{number}" if kind else ""

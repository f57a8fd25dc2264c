"""A swimming pool's controller, as Tasmota reads it: `NeoPool`. Called by `tasmota_sensor`.

Each of its groups is named for what it measures and holds the value as `Data` beside the set point. What is left out:
which modules are fitted, which relay does what, and how the bus to the controller fares.
Source: Tasmota, NeoPool.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from appliance.model.observation import EnvironmentReading, Observation
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of
from firmware_bridge.notation.metrics import snake_case
from firmware_bridge.notation.units import Scale, apply

POOL = "NeoPool"

_CELSIUS = Scale("Cel")
_GROUPS: dict[str, tuple[str, str]] = {
    "pH": ("ph", "[pH]"),
    "Redox": ("redox_potential", "mV"),
    "Chlorine": ("chlorine", "[ppm]"),
    "Conductivity": ("conductivity", "%"),
    "Ionization": ("ionization", ""),
    "Hydrolysis": ("hydrolysis", ""),
}
_LIMITS = ("Setpoint", "Min", "Max")
_FLAGS = ("State", "Pump", "FL1", "Tank", "Cover", "Boost", "Low")
_POWER: dict[str, tuple[str, str, float]] = {
    "5V": ("voltage", "V", 1.0),
    "12V": ("voltage", "V", 1.0),
    "24-30V": ("voltage", "V", 1.0),
    "4-20mA": ("current", "A", 0.001),
}
_UNITS = {"%": "%", "g/h": "g/h"}


def read_pool(
    found: list[Observation],
    device: str,
    at: datetime | None,
    said: Mapping[str, Any],
    celsius: Scale | None,
) -> None:
    """All that the controller measures and switches; `celsius` makes its temperatures ours."""

    def keep(metric: str, unit: str, value: object, channel: str = "", factor: float = 1.0) -> None:
        number = number_of(value)
        if number is not None:
            found.append(
                EnvironmentReading(
                    device=device,
                    observed_at=at,
                    metric=metric,
                    value=number * factor,
                    unit=unit,
                    channel=f"neopool.{channel}" if channel else "neopool",
                )
            )

    warm = number_of(said.get("Temperature"))
    keep("temperature", "Cel", None if warm is None else apply(celsius or _CELSIUS, warm))
    for name, (metric, usual) in _GROUPS.items():
        told = said.get(name)
        group = told if type(told) is dict else {"Data": told}
        unit = _UNITS.get(text_of(group.get("Unit")), usual)
        keep(metric, unit, group.get("Data"))
        for limit in _LIMITS:
            keep(f"{metric}_{limit.lower()}", unit, group.get(limit))
        for flag in _FLAGS:
            keep(snake_case(flag), "1", group.get(flag), name.lower())
    for member, (metric, unit, factor) in _POWER.items():
        keep(metric, unit, object_of(said.get("Powerunit")).get(member), member.lower(), factor)
    keep("light", "1", said.get("Light"))
    filtration, relays = object_of(said.get("Filtration")), object_of(said.get("Relay"))
    keep("switch", "1", filtration.get("State"), "filtration")
    keep("filtration_speed", "1", filtration.get("Speed"))
    keep("filtration_mode", "1", filtration.get("Mode"))
    for member, kind in (("State", "relay"), ("Aux", "aux")):
        for number, state in enumerate(list_of(relays.get(member))[:16], start=1):
            keep("output", "1", state, f"{kind}.{number}")

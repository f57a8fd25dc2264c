"""What a French electricity meter tells at its customers' socket, as Tasmota reads it: `TIC`.

Its indexes count watt hours. Days are blue, white or red under one tariff; newer frames number the tariff's periods.
Called by `tasmota_sensor`.
Sources: Enedis-NOI-CPT_54E, the labels of the frames; Tasmota, Teleinfo.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from appliance.model.observation import EnvironmentReading, Observation
from firmware_bridge.notation.members import number_of

TIC = "TIC"

_PHASES = ("", "1", "2", "3")
_KWH, _UNCHANGED, _KILO = 0.001, 1.0, 1000.0
_LABELS: dict[str, tuple[str, str, str, float]] = {
    "BASE": ("energy", "kWh", "", _KWH),
    "EAST": ("energy", "kWh", "", _KWH),
    "EAIT": ("energy", "kWh", "exported", _KWH),
    "HCHC": ("energy", "kWh", "off_peak", _KWH),
    "HCHP": ("energy", "kWh", "peak", _KWH),
    "EJPHN": ("energy", "kWh", "normal", _KWH),
    "EJPHPM": ("energy", "kWh", "peak", _KWH),
    **{
        f"BBRH{hours}J{letter}": ("energy", "kWh", f"{day}_{when}", _KWH)
        for letter, day in (("B", "blue"), ("W", "white"), ("R", "red"))
        for hours, when in (("C", "off_peak"), ("P", "peak"))
    },
    **{f"EASF{number:02}": ("energy", "kWh", f"tariff_{number}", _KWH) for number in range(1, 11)},
    **{name + phase: ("current", "A", phase, _UNCHANGED) for name in ("IINST", "IRMS") for phase in _PHASES},
    **{f"IMAX{phase}": ("current_max", "A", phase, _UNCHANGED) for phase in _PHASES},
    "ISOUSC": ("current_subscribed", "A", "", _UNCHANGED),
    **{f"URMS{phase}": ("voltage", "V", phase, _UNCHANGED) for phase in _PHASES},
    "PAPP": ("apparent_power", "VA", "", _UNCHANGED),
    **{f"SINSTS{phase}": ("apparent_power", "VA", phase, _UNCHANGED) for phase in _PHASES},
    "SINSTI": ("apparent_power", "VA", "exported", _UNCHANGED),
    **{f"SMAXSN{phase}": ("apparent_power_max", "VA", phase, _UNCHANGED) for phase in _PHASES},
    "PREF": ("apparent_power_subscribed", "VA", "", _KILO),
}
"""Label -> (metric, unit, channel, factor). What else the frames hold is the meter's own: states, days, load curves."""


def read_tic(found: list[Observation], device: str, at: datetime | None, said: Mapping[str, Any]) -> None:
    """What the meter counts and measures."""
    for label, value in said.items():
        known = _LABELS.get(label)
        number = number_of(value) if known else None
        if known and number is not None:
            metric, unit, channel, factor = known
            found.append(
                EnvironmentReading(
                    device=device,
                    observed_at=at,
                    metric=metric,
                    value=float(f"{number * factor:.12g}"),
                    unit=unit,
                    channel=f"tic.{channel}" if channel else "tic",
                )
            )

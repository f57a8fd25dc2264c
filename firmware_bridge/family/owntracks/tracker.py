"""What trackers tell beyond a phone: the values a Queclink measures, and Greenwich's comma-separated places.

Source: the OwnTracks booklet, "Queclink", and the Recorder, which reads such lines too. Called by `family`.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from appliance.model.observation import DeviceHealth, EnvironmentReading, Observation
from firmware_bridge.notation.members import flag_of, number_of

VALUES: dict[str, tuple[str, str, str]] = {
    "odometer": ("odometer", "km", ""),
    "ubatt": ("voltage", "V", "battery"),
    "uext": ("voltage", "V", "external"),
    "aiv": ("voltage", "V", "analog"),
    "rpm": ("engine_speed", "/min", ""),
    "fcon": ("fuel_consumption", "L/(100.km)", ""),
    "flvl": ("fuel_level", "%", ""),
    "hmc": ("operating_time", "s", ""),
    "temp": ("temperature", "Cel", ""),
    "humid": ("humidity", "%", ""),
    **{f"temp_c-{n}": ("temperature", "Cel", f"{n}") for n in (*range(10), *(f"{n:02}" for n in range(10)))},
}
"""Member -> (metric, unit, channel)."""

_FLAGS: dict[str, tuple[str, str, str]] = {
    "ign": ("ignition", "1", ""),
    **{f"din{n}": ("input", "1", f"{n}") for n in range(1, 5)},
}
"""Ignition and digital inputs, on or off."""

_ANY = frozenset((*VALUES, *_FLAGS))
_LEAVES = {"voltage/batt": ("voltage", "V", "battery"), "voltage/ext": ("voltage", "V", "external")}
_CSV = re.compile(
    r"(?P<tid>\w+),(?P<tst>[0-9A-Fa-f]+),(?P<t>\w),(?P<lat>-?\d+),(?P<lon>-?\d+)"
    r",(?P<cog>\d+),(?P<vel>\d+),(?P<alt>-?\d+),\d+,\d+",
    re.ASCII,
)


def read_tracker(
    said: Mapping[str, Any], device: str, at: datetime | None, found: list[Observation]
) -> list[Observation]:
    """What was found, with the values that a tracker adds to its location."""
    if _ANY.isdisjoint(said):
        return found  # as from every phone
    for member, metric in VALUES.items():
        number = number_of(said.get(member))
        if number is not None:
            found.append(_reading(device, at, metric, number))
    for member, metric in _FLAGS.items():
        state = flag_of(said.get(member))
        if state is not None:
            found.append(_reading(device, at, metric, float(state)))
    return found


def location_of_csv(said: str) -> dict[str, Any] | None:
    """`X0,542A46AA,k,30365854,7575769,26,4,7,5,872` as the location it stands for; None where it is no such line.

    Tracker id, Unix time in hexadecimal, trigger, millionths of a degree, course and altitude in tens, km/h, and two
    distances.
    """
    line = _CSV.fullmatch(said) if len(said) < 200 else None
    if line is None:
        return None
    return {
        "tid": line["tid"],
        "t": line["t"],
        "tst": int(line["tst"], 16),
        "lat": int(line["lat"]) / 1e6,
        "lon": int(line["lon"]) / 1e6,
        "cog": int(line["cog"]) * 10,
        "vel": int(line["vel"]),
        "alt": int(line["alt"]) * 10,
    }


def read_leaf(leaf: str, said: str, device: str) -> list[Observation]:
    """Text on a topic below the device: its voltages; of anything else only that it was heard."""
    metric, number = _LEAVES.get(leaf), number_of(said)
    health = DeviceHealth(device=device)
    return [health] if metric is None or number is None else [health, _reading(device, None, metric, number)]


def _reading(device: str, at: datetime | None, metric: tuple[str, str, str], value: float) -> EnvironmentReading:
    return EnvironmentReading(
        device=device, observed_at=at, metric=metric[0], value=value, unit=metric[1], channel=metric[2]
    )

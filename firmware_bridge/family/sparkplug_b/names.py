"""What the metrics of plants are called and measured in, in our words.

Sparkplug prescribes neither names nor units: a name may be a path, `Outputs/Pump 1/Speed`, and have its unit in it,
`Pressure (psi)` or `temperature_F`.
"""

import functools
import re
from typing import NamedTuple

from firmware_bridge.notation.metrics import UNITS, read_metric, snake_case
from firmware_bridge.notation.units import scale_to

FACTS: dict[str, str] = {
    **dict.fromkeys(("hardware_make", "make", "manufacturer", "vendor"), "manufacturer"),
    **dict.fromkeys(("hardware_model", "model", "model_number", "device_model"), "model"),
    **dict.fromkeys(("fw", "firmware", "firmware_version", "fw_version", "software_version", "sw_version"), "firmware"),
    **dict.fromkeys(("serial", "serial_number", "serial_no", "sn"), "serial"),
    **dict.fromkeys(("ip", "ip_address", "ipv4", "address"), "address"),
}
SPELLINGS: dict[str, str] = {
    **dict.fromkeys(("℃", "degC", "deg C", "DegC", "celsius", "Celsius", "Cel", "ºC"), "°C"),
    **dict.fromkeys(("℉", "degF", "deg F", "DegF", "fahrenheit", "Fahrenheit", "ºF"), "°F"),
    **dict.fromkeys(("% RH", "percent", "Percent", "pct"), "%"),
    **dict.fromkeys(("PSI", "psig", "psia"), "psi"),
    **dict.fromkeys(("volts", "Volts", "volt"), "V"),
    **dict.fromkeys(("amps", "Amps", "amp"), "A"),
    **dict.fromkeys(("watts", "Watts"), "W"),
    **dict.fromkeys(("deg", "degrees"), "°"),
    **dict.fromkeys(("GPM", "gpm"), "gal/min"),
    **dict.fromkeys(("RPM", "rpm"), "1/min"),
}
"""Engineering units as plants write them -> as `units` knows them."""

ANY_UNIT = frozenset(("pressure", "speed", "distance", "water_level", "water_flow", "power", "energy"))
"""Metrics that plants measure in any unit: without a word of it (bar? rpm? kW?) none is taken for granted."""

_COORDINATES = {
    **dict.fromkeys(("latitude", "lat"), "latitude"),
    **dict.fromkeys(("longitude", "lon", "lng", "long"), "longitude"),
    "altitude": "altitude",
}
_BRACKETS = re.compile(r"(.+?)\s*[(\[]\s*([^()\[\]]{1,12}?)\s*[)\]]\Z")
_SUFFIXES = {
    **dict.fromkeys(("c", "degc", "celsius"), "°C"),
    **dict.fromkeys(("f", "degf", "fahrenheit"), "°F"),
    **dict.fromkeys(("pct", "percent"), "%"),
    **{unit.lower(): unit for unit in ("Pa", "hPa", "kPa", "mbar", "bar", "psi", "kW", "kWh", "Wh", "mA", "mV", "Hz")},
}
_PLAIN = frozenset(("mm", "kg", "dB", "dBm", "Hz", "VA", "var", "kWh", "lx", "m/s", "m3", "m3/h"))
"""Units that are called as in UCUM, with more than one letter: one alone may be the name of a phase or an axis."""


class Named(NamedTuple):
    """A name taken apart: the metric, its usual unit, the unit that the name says, and `coordinate` of `whose` place.

    `Temperature (°F)` is temperature, Cel, °F; `GPS/Lat` is the latitude of gps.
    """

    metric: str
    usual: str
    unit: str
    whose: str = ""
    coordinate: str = ""


@functools.lru_cache(maxsize=4_096)
def read_name(name: str) -> Named:
    """What a metric's name says."""
    path, unit = _unit_in_brackets(name)
    levels = [level for level in path.split("/") if level]
    if len(levels) == 1:
        metric, usual = read_metric(levels[0])
        if not unit and not usual:
            metric, usual, unit = _unit_in_suffix(metric)
    else:
        metric = ".".join(snake_case(level) for level in levels)[:128] or "value"
        usual = UNITS.get(metric, "")
    whose, _, last = metric.rpartition(".")
    return Named(metric, usual, unit, whose, _COORDINATES.get(last, ""))


def _unit_in_suffix(name: str) -> tuple[str, str, str]:
    """Metric, usual unit and the unit it is in: `temperature_f`, where the first part is a metric of such a unit."""
    base, _, suffix = name.rpartition("_")
    unit = _SUFFIXES.get(suffix, "") if base else ""
    metric, usual = read_metric(base)
    return (metric, usual, unit) if unit and usual and scale_to(unit, usual).unit == usual else (name, "", "")


def _unit_in_brackets(name: str) -> tuple[str, str]:
    """The name without its unit, and the unit; as it is and '' where the brackets hold something else."""
    found = _BRACKETS.fullmatch(name)
    if found is None:
        return name, ""
    written = SPELLINGS.get(found[2], found[2])
    usual = read_metric(found[1].rpartition("/")[2])[1]
    unit = scale_to(written, usual).unit
    known = unit != written or written in _PLAIN or written != found[2] or (usual != "" and unit == usual)
    return (found[1], written) if known and (len(found[2]) > 1 or unit == usual) else (name, "")

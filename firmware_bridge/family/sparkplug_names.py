"""What the metrics of plants are called and measured in, in our words.

Sparkplug prescribes neither names nor units: a name may be a path, `Outputs/Pump 1/Speed`, and have its unit in it,
`Pressure (psi)` or `temperature_F`.
"""

import functools
import re

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

_PLACE = {
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


@functools.lru_cache(maxsize=4_096)
def read_name(name: str) -> tuple[str, str, str]:
    """(metric, its usual unit, the unit that the name says): `Temperature (°F)` as temperature, Cel, °F."""
    path, unit = _unit_in_brackets(name)
    levels = [level for level in path.split("/") if level]
    if len(levels) == 1:
        metric, usual = read_metric(levels[0])
        if not unit and not usual:
            base, _, suffix = snake_case(levels[0]).rpartition("_")
            told, known = _SUFFIXES.get(suffix, ""), read_metric(base) if base else ("", "")
            if told and known[1] and scale_to(told, known[1]).unit == known[1]:
                return *known, told
        return metric, usual, unit
    metric = ".".join(snake_case(level) for level in levels)[:128] or "value"
    return metric, UNITS.get(metric, ""), unit


@functools.lru_cache(maxsize=4_096)
def read_place(metric: str) -> tuple[str, str]:
    """(whose, which): `gps.lat` as gps, latitude; which is '' for whatever is no coordinate."""
    whose, _, last = metric.rpartition(".")
    return whose, _PLACE.get(last, "")


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

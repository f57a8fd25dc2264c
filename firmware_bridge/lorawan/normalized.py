"""The Things Stack's normalized payload, of which names and units are laid down for every maker.

One object or a list of them: measurements in groups, each perhaps with its own time. Called by `uplink`.

Source: `lib/payload.json` of https://github.com/TheThingsNetwork/lorawan-devices.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.sweep import MAX_ITEMS, sweep
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, number_of, object_of, text_of

_VALUES: dict[str, tuple[str, str, float]] = {
    "air.temperature": ("temperature", "Cel", 1),
    "air.relativeHumidity": ("humidity", "%", 1),
    "air.pressure": ("pressure", "hPa", 1),
    "air.co2": ("co2", "[ppm]", 1),
    "air.lightIntensity": ("illuminance", "lx", 1),
    "wind.speed": ("wind_speed", "m/s", 1),
    "wind.direction": ("wind_direction", "deg", 1),
    "rain.intensity": ("rain_rate", "mm/h", 1),
    "rain.cumulative": ("rain_total", "mm", 1),
    "soil.moisture": ("soil_moisture", "%", 1),
    "soil.temperature": ("soil_temperature", "Cel", 1),
    "soil.ec": ("soil_conductivity", "uS/cm", 1000),
    "soil.pH": ("soil_ph", "[pH]", 1),
    "soil.n": ("soil_nitrogen", "[ppm]", 1),
    "soil.p": ("soil_phosphorus", "[ppm]", 1),
    "soil.k": ("soil_potassium", "[ppm]", 1),
    "water.temperature": ("water_temperature", "Cel", 1),
    "water.temperature.current": ("water_temperature", "Cel", 1),
    "metering.water.total": ("water_volume", "m3", 0.001),
    "action.motion.count": ("motion_count", "1", 1),
}
_PARTS = {"min": "min", "max": "max", "avg": "mean"}
_DONE = frozenset({"time", "soil.depth", "air.location"})
_DEPTH = 2  # of groups within a measurement


def tell_normalized(payload: Any, findings: Findings) -> None:
    """Tell the findings what was measured; members that are not laid down are read by their names."""
    for measured in (payload if type(payload) is list else [payload])[:MAX_ITEMS]:
        if type(measured) is dict:
            _tell(measured, findings)


def _tell(measured: Mapping[str, Any], findings: Findings) -> None:
    at = read_instant(measured.get("time"), UTC)
    depth = number_of(object_of(measured.get("soil")).get("depth"))
    channel = f"{depth:g} cm" if depth is not None else ""
    rest: dict[str, Any] = {}
    for path, value in _flat(measured, "", _DEPTH):
        if path not in _DONE and not _tell_value(path, value, channel, findings, at):
            group, dot, name = path.partition(".")
            others = rest.setdefault(group, {} if dot else value)
            if dot and type(others) is dict:
                others[name] = value
    position = object_of(measured.get("position"))
    latitude, longitude = number_of(position.get("latitude")), number_of(position.get("longitude"))
    if latitude is not None and longitude is not None:
        rest.pop("position", None)
        findings.locate(latitude, longitude, number_of(position.get("altitude")), at)
    if rest:
        sweep(rest, findings)


def _flat(members: Mapping[str, Any], above: str, deeper: int) -> list[tuple[str, Any]]:
    """Each member with the names of those it lies in."""
    found: list[tuple[str, Any]] = []
    for name, value in members.items():
        path = f"{above}.{name}" if above else name
        found += _flat(value, path, deeper - 1) if type(value) is dict and deeper else [(path, value)]
    return found


def _tell_value(path: str, value: Any, channel: str, findings: Findings, at: datetime | None) -> bool:
    """Tell one value; False where it is none that is laid down."""
    if path in _STATES:
        return _tell_state(path, value, findings, at)
    above, _, part = path.rpartition(".")
    known = _VALUES.get(path) or (_VALUES.get(above) if part in _PARTS else None)
    number = number_of(value)
    if number is None or (known is None and path != "battery"):
        return False
    if known is None:
        findings.tell("voltage_v", number)
        return True
    metric, unit, factor = known
    where = channel if path.startswith("soil.") else _PARTS.get(part, "")
    findings.measure(metric, number * factor, unit, where, at)
    return True


_STATES = frozenset({"water.leak", "action.contactState", "action.motion.detected"})


def _tell_state(path: str, value: Any, findings: Findings, at: datetime | None) -> bool:
    active = {"open": True, "closed": False}.get(text_of(value).lower()) if path == "action.contactState" else None
    active = flag_of(value) if active is None else active
    if active is None:
        return False
    if path == "action.motion.detected":
        findings.motion(active, at)
    else:
        findings.alarm("water_leak" if path == "water.leak" else "contact", active, at=at)
    return True

"""WeatherFlow Tempest, Air and Sky: what a hub broadcasts, forwarded as it stands, and what the cloud's socket tells.

A message names its kind, the sensor (`weatherflow/<serial number>`) and its hub; values stand in rows by their place.
All units are metric. A row's rain is that of its own interval, and a strike's mean distance counts only beside strikes.
Source: WeatherFlow "Tempest UDP reference", v171; "WebSocket reference".
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Incident, Observation
from firmware_bridge.inbound import Context, Family, Handler, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of, whole_of

NAME = "weatherflow"
MAX_ROWS = 100  # of one message; a sensor that was out of reach brings several

_Column = tuple[str, str, str]
"""(metric, unit, channel)."""

_WIND: tuple[_Column, ...] = (("wind_lull", "m/s", ""), ("wind_speed", "m/s", ""), ("wind_gust", "m/s", ""))
_COLUMNS: dict[str, dict[int, _Column]] = {
    "obs_st": {
        **dict(enumerate(_WIND, 1)),
        4: ("wind_direction", "deg", ""),
        6: ("pressure", "hPa", ""),
        7: ("temperature", "Cel", ""),
        8: ("humidity", "%", ""),
        9: ("illuminance", "lx", ""),
        10: ("uv_index", "1", ""),
        11: ("solar_irradiance", "W/m2", ""),
        12: ("rain", "mm", "interval"),
        13: ("precipitation_type", "1", ""),
        15: ("lightning_strikes", "1", ""),
        18: ("rain", "mm", "daily"),
    },
    "obs_air": {
        1: ("pressure", "hPa", ""),
        2: ("temperature", "Cel", ""),
        3: ("humidity", "%", ""),
        4: ("lightning_strikes", "1", ""),
    },
    "obs_sky": {
        1: ("illuminance", "lx", ""),
        2: ("uv_index", "1", ""),
        3: ("rain", "mm", "interval"),
        **dict(enumerate(_WIND, 4)),
        7: ("wind_direction", "deg", ""),
        10: ("solar_irradiance", "W/m2", ""),
        11: ("rain", "mm", "daily"),
        12: ("precipitation_type", "1", ""),
    },
    "rapid_wind": {1: ("wind_speed", "m/s", "rapid"), 2: ("wind_direction", "deg", "rapid")},
}
"""Kind of message -> place in its row -> what stands there."""

_STRIKES = {"obs_st": (15, 14), "obs_air": (4, 5)}  # where they are counted, and their mean distance in kilometres
_CELL = {"obs_st": 16, "obs_air": 6, "obs_sky": 8}  # volts; behind it the minutes between two reports
_DERIVED: dict[str, _Column] = {
    "feels_like": ("apparent_temperature", "Cel", ""),
    "heat_index": ("heat_index", "Cel", ""),
    "wind_chill": ("wind_chill", "Cel", ""),
    "dew_point": ("dew_point", "Cel", ""),
    "wet_bulb_temperature": ("wet_bulb", "Cel", ""),
    "wet_bulb_globe_temperature": ("wet_bulb_globe", "Cel", ""),
    "air_density": ("air_density", "kg/m3", ""),
}
"""What the cloud reckons beside a row."""

_FAULTS = (
    "lightning failed",
    "lightning noise",
    "lightning disturber",
    "pressure failed",
    "temperature failed",
    "humidity failed",
    "wind failed",
    "precipitation failed",
    "light failed",
)
"""The lowest bits of `sensor_status`, in their order; those above are the maker's own."""

_KINDS = frozenset({*_COLUMNS, "evt_strike", "evt_precip", "device_status", "hub_status"})


def _on_message(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    said = object_of(inbound.document)
    kind, serial = text_of(said.get("type")), text_of(said.get("serial_number"))
    if kind not in _KINDS or not serial:
        raise Rejected("expected a message of a WeatherFlow hub: type and serial_number")
    device = f"{NAME}/{serial}"
    if kind in ("device_status", "hub_status"):
        return _status(said, device)
    if kind in ("evt_strike", "evt_precip"):
        return _happened(kind, list_of(said.get("evt")), device)
    if kind == "rapid_wind":
        row = list_of(said.get("ob"))
        return _row(kind, row, device)
    return _report(kind, said, device)


def _report(kind: str, said: Mapping[str, Any], device: str) -> list[Observation]:
    rows = [row for row in list_of(said.get("obs"))[:MAX_ROWS] if type(row) is list]
    last = rows[-1] if rows else []
    health = _health(said, device, read_instant(_at(last, 0), UTC))
    volts, minutes = number_of(_at(last, _CELL[kind])), number_of(_at(last, _CELL[kind] + 1))
    interval = minutes * 60 if minutes else None
    found: list[Observation] = [msgspec.structs.replace(health, voltage_v=volts, interval_s=interval)]
    for row in rows:
        found += _row(kind, row, device)
    summary = object_of(said.get("summary"))
    for name, column in _DERIVED.items():
        _measure(found, device, health.observed_at, column, number_of(summary.get(name)))
    return found


def _row(kind: str, row: list[Any], device: str) -> list[Observation]:
    """The values of one row, at its own time."""
    at = read_instant(_at(row, 0), UTC)
    found: list[Observation] = []
    for place, column in _COLUMNS[kind].items():
        _measure(found, device, at, column, number_of(_at(row, place)))
    counted, far = _STRIKES.get(kind, (0, 0))
    strikes, distance = number_of(_at(row, counted)), number_of(_at(row, far))
    if counted and strikes and distance is not None:
        _measure(found, device, at, ("distance", "m", "lightning"), distance * 1000)
    return found


def _happened(kind: str, row: list[Any], device: str) -> list[Observation]:
    """A strike with its distance and energy, or the first drop of rain."""
    at = read_instant(_at(row, 0), UTC)
    if kind == "evt_precip":
        return [Incident(device=device, observed_at=at, event_type="rain_started")]
    told = {"distance_km": number_of(_at(row, 1)), "energy": number_of(_at(row, 2))}
    attributes = {name: value for name, value in told.items() if value is not None}
    return [Incident(device=device, observed_at=at, event_type="lightning_strike", attributes=attributes)]


def _status(said: Mapping[str, Any], device: str) -> list[Observation]:
    """How a sensor or a hub is, and what of a sensor does not work."""
    at = read_instant(said.get("timestamp"), UTC)
    found: list[Observation] = [_health(said, device, at)]
    bits = whole_of(said.get("sensor_status"))
    if bits is not None and bits >= 0:
        faults = [fault for n, fault in enumerate(_FAULTS) if bits >> n & 1]
        failed = [fault for fault in faults if fault.endswith("failed")]
        attributes = {"faults": faults} if faults else {}
        found.append(
            Alarm(device=device, observed_at=at, name="sensor_fault", active=bool(failed), attributes=attributes)
        )
    return found


def _health(said: Mapping[str, Any], device: str, at: datetime | None) -> DeviceHealth:
    hub = text_of(said.get("hub_sn"))
    return DeviceHealth(
        device=device,
        observed_at=at,
        manufacturer="WeatherFlow",
        firmware=text_of(said.get("firmware_revision")),
        serial=text_of(said.get("serial_number")),
        via=f"{NAME}/{hub}" if hub else "",
        voltage_v=number_of(said.get("voltage")),
        signal_dbm=number_of(said.get("rssi")),
        uptime_s=number_of(said.get("uptime")),
    )


def _measure(found: list[Observation], device: str, at: datetime | None, column: _Column, value: float | None) -> None:
    if value is not None:
        metric, unit, channel = column
        found.append(
            EnvironmentReading(device=device, observed_at=at, metric=metric, value=value, unit=unit, channel=channel)
        )


def _at(row: list[Any], place: int) -> Any:
    return row[place] if place < len(row) else None


def _recognise(document: Any) -> Handler | None:
    if type(document) is not dict or text_of(document.get("type")) not in _KINDS:
        return None
    return _on_message if type(document.get("serial_number")) is str else None


FAMILY = Family(
    name=NAME,
    title="WeatherFlow Tempest weather stations",
    source="https://apidocs.tempestwx.com/reference/tempest-udp-broadcast",
    routes=(),
    recognise=_recognise,
)

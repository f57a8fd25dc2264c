"""weewx, a weather station's software: its records whole (`weather/loop`) and value by value (`weather/outTemp_F`).

A value's name is weewx's own and ends with its unit, unless the site left that off: then it is of the unit system that
`usUnits` tells, in the same record or on its own topic. A station is `weewx/<topic without its last level>`, for its
records name none. The base topic is anyone's choice: single values are known by their last level, and only where no
other family has the topic. Source: weewx-mqtt's manual; weewx "Units" and "Reference: database".
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Observation
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Memory, read_form
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import number_of, whole_of
from firmware_bridge.notation.metrics import UNITS, snake_case
from firmware_bridge.notation.units import Scale, apply, scale_to

NAME = "weewx"
MAX_VALUES = 300  # of one record

US, METRIC, METRICWX = 1, 16, 17
_SYSTEMS: dict[int, Mapping[str, str]] = {
    US: {"°": "°F", "p": "inHg", "v": "mph", "l": "in", "r": "in/h", "h": "ft", "d": "mi"},
    METRIC: {"°": "°C", "p": "mbar", "v": "km/h", "l": "cm", "r": "cm/h", "h": "m", "d": "km"},
    METRICWX: {"°": "°C", "p": "mbar", "v": "m/s", "l": "mm", "r": "mm/h", "h": "m", "d": "km"},
}
"""`usUnits` -> group -> its unit: temperature, pressure, speed, length of rain and its rate, height, distance."""

_LABELS: dict[str, str] = {
    "F": "°F",
    "C": "°C",
    "K": "K",
    "degree_F": "°F",
    "degree_C": "°C",
    "inHg": "inHg",
    "mbar": "mbar",
    "hPa": "hPa",
    "kPa": "kPa",
    "mmHg": "mmHg",
    "mph": "mph",
    "kph": "km/h",
    "mps": "m/s",
    "knot": "kn",
    "knot2": "kn",
    "in": "in",
    "inch": "in",
    "cm": "cm",
    "mm": "mm",
    "inch_per_hour": "in/h",
    "cm_per_hour": "cm/h",
    "mm_per_hour": "mm/h",
    "Wpm2": "W/m²",
    "foot": "ft",
    "meter": "m",
    "mile": "mi",
    "km": "km",
    "volt": "V",
    "centibar": "kPa",
    "microgram_per_meter_cubed": "µg/m³",
    "ppm": "ppm",
    "lux": "lx",
    "count": "",
    "minute": "min",
    "second": "s",
    "dB": "dB",
    "percent": "%",
}
"""How a name ends -> the unit as `units` has it."""

_VALUES: dict[str, tuple[str, str, str]] = {
    "outTemp": ("temperature", "°", ""),
    "inTemp": ("temperature", "°", "indoor"),
    "outHumidity": ("humidity", "%", ""),
    "inHumidity": ("humidity", "%", "indoor"),
    "dewpoint": ("dew_point", "°", ""),
    "inDewpoint": ("dew_point", "°", "indoor"),
    "heatindex": ("heat_index", "°", ""),
    "windchill": ("wind_chill", "°", ""),
    "appTemp": ("apparent_temperature", "°", ""),
    "humidex": ("humidex", "°", ""),
    "barometer": ("sea_level_pressure", "p", ""),
    "pressure": ("pressure", "p", ""),
    "altimeter": ("pressure", "p", "altimeter"),
    "windSpeed": ("wind_speed", "v", ""),
    "windGust": ("wind_gust", "v", ""),
    "windSpeed2": ("wind_speed", "v", "2m"),
    "windSpeed10": ("wind_speed", "v", "10m"),
    "windGust10": ("wind_gust", "v", "10m"),
    "windDir": ("wind_direction", "deg", ""),
    "windGustDir": ("wind_direction", "deg", "gust"),
    "windDir10": ("wind_direction", "deg", "10m"),
    "windrun": ("wind_run", "d", ""),
    "rain": ("rain", "l", "interval"),
    "hourRain": ("rain", "l", "hourly"),
    "rain24": ("rain", "l", "24h"),
    "dayRain": ("rain", "l", "daily"),
    "weekRain": ("rain", "l", "weekly"),
    "monthRain": ("rain", "l", "monthly"),
    "yearRain": ("rain", "l", "yearly"),
    "totalRain": ("rain", "l", "total"),
    "stormRain": ("rain", "l", "event"),
    "hail": ("hail", "l", "interval"),
    "rainRate": ("rain_rate", "r", ""),
    "hailRate": ("hail_rate", "r", ""),
    "ET": ("evapotranspiration", "l", "interval"),
    "dayET": ("evapotranspiration", "l", "daily"),
    "snow": ("snow", "l", "interval"),
    "snowDepth": ("snow_depth", "l", ""),
    "UV": ("uv_index", "1", ""),
    "radiation": ("solar_irradiance", "W/m2", ""),
    "maxSolarRad": ("solar_irradiance", "W/m2", "clear_sky"),
    "illuminance": ("illuminance", "lx", ""),
    "cloudbase": ("cloud_base", "h", ""),
    "lightning_distance": ("distance", "d", "lightning"),
    "lightning_strike_count": ("lightning_strikes", "1", ""),
    "pm1_0": ("pm1", "ug/m3", ""),
    "pm2_5": ("pm2_5", "ug/m3", ""),
    "pm10_0": ("pm10", "ug/m3", ""),
    "co2": ("co2", "[ppm]", ""),
    "noise": ("sound_level", "dB", ""),
    "rxCheckPercent": ("reception", "%", ""),
}
"""weewx's name -> (metric, its group or the unit it always has, channel)."""

_NUMBERED: dict[str, tuple[str, str]] = {
    "extraTemp": ("temperature", "°"),
    "soilTemp": ("soil_temperature", "°"),
    "leafTemp": ("leaf_temperature", "°"),
    "extraHumid": ("humidity", "%"),
    "soilMoist": ("soil_tension", "kPa"),  # of a Watermark, in centibars
    "leafWet": ("leaf_wetness", ""),
}
_MANY = re.compile(rf"({'|'.join(_NUMBERED)})(\d{{1,2}})")
_ENDING = re.compile(rf"([A-Za-z0-9_]+?)_({'|'.join(sorted(_LABELS, key=len, reverse=True))})")
_BATTERIES = re.compile(r"(tx|\w+)BatteryStatus(\d*)")
_CELLS = re.compile(r"(\w+?)(Battery)?Voltage")
_NO_VALUE = frozenset(("dateTime", "usUnits", "interval", "interval_minute"))
_OWN_WORDS = frozenset(("barometer", "altimeter", "dewpoint", "heatindex", "windchill", "humidex", "cloudbase"))
_BOTH_CASES = re.compile(r"[a-z]+[A-Z]\w*")


def _on_record(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """A record or packet with all that the station told."""
    said: Mapping[str, Any] = inbound.document
    device = _device_of(inbound.parts.get("device") or inbound.topic)
    at = read_instant(number_of(said.get("dateTime")), UTC)
    told = _system_of(said.get("usUnits"))
    system = told or _remembered(context.memory, device)
    if told:
        context.memory.put(NAME, device, told)
    minutes = number_of(said.get("interval_minute", said.get("interval")))
    found: list[Observation] = [
        DeviceHealth(device=device, observed_at=at, interval_s=minutes * 60 if minutes else None)
    ]
    for member, value in list(said.items())[:MAX_VALUES]:
        _read_value(found, device, at, member, value, system)
    return found


def _on_single(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """One value on its own topic; `usUnits` tells how those without a unit are to be read."""
    device, member = _device_of(inbound.topic), inbound.topic.rpartition("/")[2]
    value = read_form(inbound.payload, "text")
    if member == "usUnits" and (told := _system_of(value)):
        context.memory.put(NAME, device, told)
    found: list[Observation] = []
    _read_value(found, device, None, member, value, _remembered(context.memory, device))
    return found or [DeviceHealth(device=device)]


def _read_value(
    found: list[Observation], device: str, at: datetime | None, member: str, value: object, system: int
) -> None:
    number = number_of(value)
    if number is None or member in _NO_VALUE:
        return
    battery = _BATTERIES.fullmatch(member)
    if battery is not None:  # of Davis a bit for each transmitter; 0 is good everywhere
        found.append(Alarm(device=device, observed_at=at, name="battery_low", active=number != 0, area=member))
        return
    metric, scale, channel = _metric_of(member[:80], system)
    found.append(
        EnvironmentReading(
            device=device,
            observed_at=at,
            metric=metric,
            value=apply(scale, number),
            unit=scale.unit,
            channel=channel,
        )
    )


@lru_cache(maxsize=2_048)
def _metric_of(member: str, system: int) -> tuple[str, Scale, str]:
    """(metric, scale to its unit, channel); without a unit of its own and an unknown system, the number as it is."""
    name, written = member, ""
    if member not in _VALUES:
        ending = _ENDING.fullmatch(member)
        if ending is not None:
            name, written = ending[1], _LABELS[ending[2]]
    many = _MANY.fullmatch(name)
    metric, group, channel = _VALUES.get(name) or (
        (*_NUMBERED[many[1]], many[2]) if many else (snake_case(name), "", "")
    )
    if cell := _CELLS.fullmatch(name):
        metric, group, channel = "battery_voltage" if cell[2] else "voltage", "V", cell[1]
    if not written:
        written = _SYSTEMS.get(system, {}).get(group, "")
        if not written:
            return metric, Scale("" if group in _SYSTEMS[US] else group), channel
    if written == "kPa" and metric == "soil_tension":
        return metric, Scale("kPa"), channel
    return metric, scale_to(written, UNITS.get(metric, "m" if group == "d" else "")), channel


def _system_of(value: object) -> int:
    """A unit system that is known, else 0."""
    number = whole_of(value)
    return number if number in _SYSTEMS else 0


def _remembered(memory: Memory, device: str) -> int:
    return _system_of(memory.get(NAME, device))


def _device_of(topic: str) -> str:
    """`weewx/weather` for `weather/loop` and for `weather/outTemp_F`; a topic of one level is its own name."""
    base, _, last = topic.rpartition("/")
    return f"{NAME}/{base if base and (last == 'loop' or _name_of(last)) else topic}"[:200]


@lru_cache(maxsize=4_096)
def _name_of(member: str) -> str:
    """A topic's last level without its unit, where weewx may have named it; '' for anything else."""
    ending = _ENDING.fullmatch(member)
    name = ending[1] if ending and member not in _VALUES else member
    known = name in ("dateTime", "usUnits") or name in _VALUES or _MANY.fullmatch(name) or _BATTERIES.fullmatch(name)
    return name if known else ""


def _is_own(name: str) -> bool:
    """Whether nobody else names a value so: `outTemp` and `dewpoint`, but neither `rain` nor `co2`."""
    return name in _OWN_WORDS or _BOTH_CASES.fullmatch(name) is not None


def _announced(topic: str, memory: Memory) -> Handler | None:
    base, _, last = topic.rpartition("/")
    name = _name_of(last[:60])
    known = name and base and (_is_own(name) or memory.get(NAME, f"{NAME}/{base}"[:200]))
    return _on_single if known else None


def _recognise(document: Any) -> Handler | None:
    """By the clock that only weewx writes so, and its system of units or one of its names."""
    if type(document) is not dict or "dateTime" not in document:
        return None
    own = "usUnits" in document or any(_is_own(_name_of(name[:60])) for name in document if name != "dateTime")
    return _on_record if own else None


FAMILY = Family(
    name=NAME,
    title="weewx weather stations",
    source="https://github.com/weewx/weewx/wiki/mqtt",
    routes=(),
    recognise=_recognise,
    announced=_announced,
)

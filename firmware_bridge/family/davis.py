"""Davis WeatherLink Live and AirLink: what their local API answers and broadcasts, as forwarders publish it.

An object for each sensor of a console, in American units. Rain is told in tips of a bucket, whose size stands beside.
Values of a transmitter have its number as channel, the console's own have none. The wind that is broadcast every few
seconds comes without the envelope. Source: Davis, "WeatherLink Live Local API" and "AirLink Local API".
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Observation
from firmware_bridge.inbound import Context, Family, Handler, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of, whole_of
from firmware_bridge.notation.units import Scale, apply, scale_to

NAME = "davis"
MAX_CONDITIONS = 50  # of one console; it hears eight transmitters
_FASTEST_MPH = 250.0  # an average beyond is an overflow, of which the manual's own example has one

_F, _MPH, _INHG = scale_to("°F", "Cel"), scale_to("mph", "m/s"), scale_to("inHg", "hPa")
_PERCENT, _DUST, _DEGREES, _BARE = Scale("%"), Scale("ug/m3"), Scale("deg"), Scale("")
_VALUES: dict[str, tuple[str, Scale, str]] = {
    "temp": ("temperature", _F, ""),
    "hum": ("humidity", _PERCENT, ""),
    "dew_point": ("dew_point", _F, ""),
    "wet_bulb": ("wet_bulb", _F, ""),
    "heat_index": ("heat_index", _F, ""),
    "wind_chill": ("wind_chill", _F, ""),
    "thw_index": ("apparent_temperature", _F, "thw"),
    "thsw_index": ("apparent_temperature", _F, "thsw"),
    "wind_speed_last": ("wind_speed", _MPH, ""),
    "wind_dir_last": ("wind_direction", _DEGREES, ""),
    "wind_speed_avg_last_1_min": ("wind_speed", _MPH, "1m"),
    "wind_speed_avg_last_2_min": ("wind_speed", _MPH, "2m"),
    "wind_speed_avg_last_10_min": ("wind_speed", _MPH, "10m"),
    "wind_speed_hi_last_2_min": ("wind_gust", _MPH, "2m"),
    "wind_speed_hi_last_10_min": ("wind_gust", _MPH, ""),
    "solar_rad": ("solar_irradiance", Scale("W/m2"), ""),
    "uv_index": ("uv_index", Scale("1"), ""),
    **{f"temp_{n}": ("soil_temperature", _F, str(n)) for n in range(1, 5)},
    **{f"moist_soil_{n}": ("soil_tension", Scale("kPa"), str(n)) for n in range(1, 5)},  # centibars
    **{f"wet_leaf_{n}": ("leaf_wetness", _BARE, str(n)) for n in (1, 2)},
    "bar_sea_level": ("sea_level_pressure", _INHG, ""),
    "bar_absolute": ("pressure", _INHG, ""),
    "bar_trend": ("pressure_trend", _INHG, ""),
    "temp_in": ("temperature", _F, "indoor"),
    "hum_in": ("humidity", _PERCENT, "indoor"),
    "dew_point_in": ("dew_point", _F, "indoor"),
    "heat_index_in": ("heat_index", _F, "indoor"),
    "pm_1": ("pm1", _DUST, ""),
    "pm_2p5": ("pm2_5", _DUST, ""),
    "pm_2p5_last_24_hours": ("pm2_5", _DUST, "24h"),
    "pm_10": ("pm10", _DUST, ""),
    "pm_10_last_24_hours": ("pm10", _DUST, "24h"),
}
"""Their name -> (metric, scale to its unit, channel)."""

_BUCKETS = {1: 0.254, 2: 0.2, 3: 0.1, 4: 0.0254}
"""`rain_size` -> millimetres of a tip."""
_RAIN = {
    **dict.fromkeys(("rainfall_last_15_min", "rain_15_min"), "15m"),
    **dict.fromkeys(("rainfall_last_60_min", "rain_60_min"), "hourly"),
    **dict.fromkeys(("rainfall_last_24_hr", "rain_24_hr"), "24h"),
    "rain_storm": "event",
    "rainfall_daily": "daily",
    "rainfall_monthly": "monthly",
    "rainfall_year": "yearly",
}
"""Tips since when -> channel; those of the broadcast have names of their own."""


def _on_answer(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """All that a console hears, or what it broadcast."""
    said = _data_of(inbound.document)
    did = text_of(said.get("did"))
    if not did:
        raise Rejected("expected a WeatherLink Live's answer: did, ts and conditions")
    device, at = f"{NAME}/{did}", read_instant(said.get("ts"), UTC)
    found: list[Observation] = [
        DeviceHealth(device=device, observed_at=at, manufacturer="Davis", name=text_of(said.get("name")), serial=did)
    ]
    for condition in list_of(said.get("conditions"))[:MAX_CONDITIONS]:
        _read_condition(found, device, at, object_of(condition))
    return found


def _read_condition(found: list[Observation], device: str, at: datetime | None, condition: Mapping[str, Any]) -> None:
    """The values of one sensor; null where it has none now."""
    transmitter = text_of(condition.get("txid"))
    for name, told in condition.items():
        number, known = number_of(told), _VALUES.get(name)
        if number is None or known is None or (known[1] is _MPH and number > _FASTEST_MPH):
            continue
        metric, scale, channel = known
        _measure(found, device, at, (metric, apply(scale, number), scale.unit), channel, transmitter)
    tip = _BUCKETS.get(whole_of(condition.get("rain_size")) or 0)
    if tip is not None:
        _read_rain(found, device, at, condition, tip, transmitter)
    low = number_of(condition.get("trans_battery_flag"))
    if low is not None and transmitter:
        found.append(Alarm(device=device, observed_at=at, name="battery_low", active=low != 0, area=transmitter))


def _read_rain(
    found: list[Observation], device: str, at: datetime | None, condition: Mapping[str, Any], tip: float, sender: str
) -> None:
    for name, channel in _RAIN.items():
        tips = number_of(condition.get(name))
        if tips is not None:
            _measure(found, device, at, ("rain", round(tips * tip, 4), "mm"), channel, sender)
    rate = number_of(condition.get("rain_rate_last"))
    if rate is not None:
        _measure(found, device, at, ("rain_rate", round(rate * tip, 4), "mm/h"), "", sender)


def _measure(
    found: list[Observation],
    device: str,
    at: datetime | None,
    measured: tuple[str, float, str],
    channel: str,
    transmitter: str,
) -> None:
    metric, value, unit = measured
    where = ".".join(filter(None, (transmitter, channel)))
    found.append(
        EnvironmentReading(device=device, observed_at=at, metric=metric, value=value, unit=unit, channel=where)
    )


def _data_of(document: Any) -> Mapping[str, Any]:
    """The answer within its envelope, or a broadcast, which has none."""
    said = object_of(document)
    return object_of(said["data"]) if type(said.get("data")) is dict else said


def _recognise(document: Any) -> Handler | None:
    said = _data_of(document)
    conditions = list_of(said.get("conditions")) if "did" in said else []
    return _on_answer if conditions and "lsid" in object_of(conditions[0]) else None


FAMILY = Family(
    name=NAME,
    title="Davis WeatherLink Live weather stations",
    source="https://weatherlink.github.io/weatherlink-live-local-api/",
    routes=(),
    recognise=_recognise,
)

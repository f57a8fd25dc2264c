"""Weather stations of Ecowitt and its kin (Fine Offset, Ambient Weather, Froggit), in American units.

A gateway sends one flat list of texts, as a query string or as JSON, by itself or by whoever forwards what it posts to
the Ecowitt or the Weather Underground server. Its key (`PASSKEY`, `PASSWORD`) is a secret and no name: a station is
`weather_station/<MAC or station id>`, else whoever publishes. Times are UTC. Sensors of one kind are numbered: channel
`2`, `soil.1`; what is indoors is `indoor`. Totals of rain are channels `hourly`, `daily`, ...
`ecowitt2mqtt` writes the same names without their units, in the units that it was set to: the air pressure tells which.
Source: Ecowitt "Data upload protocol"; Weather Underground "PWS upload protocol"; ecowitt2mqtt, README.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from functools import lru_cache
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Observation
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import number_of, object_of, text_of
from firmware_bridge.notation.units import Scale, apply, scale_to

NAME = "weather_station"
MAX_MEMBERS = 300  # of one message
_FEWEST = 3  # of ecowitt2mqtt's names, beside the air pressure
_MOST_INHG = 40  # no air pressure is as high: such a station was set to metric units

_SPANS = {
    **dict.fromkeys(("rain", "hrain"), "hourly"),
    "erain": "event",
    "drain": "daily",
    "wrain": "weekly",
    "mrain": "monthly",
    "yrain": "yearly",
    "last24h": "24h",
    "24hour": "24h",
}
_PATTERNS: tuple[tuple[str, str, str, str, str], ...] = (
    (r"temp(?P<n>\d*)f", "temperature", "°F", "Cel", ""),
    (r"(?:tempinf|indoortempf)", "temperature", "°F", "Cel", "indoor"),
    (r"tf_ch(?P<n>\d+)", "temperature", "°F", "Cel", "probe"),
    (r"tf_co2", "temperature", "°F", "Cel", "co2"),
    (r"soiltemp(?P<n>\d+)f?", "temperature", "°F", "Cel", "soil"),
    (r"(?:dewptf|dewpoint\d*f?)", "dew_point", "°F", "Cel", ""),
    (r"windchillf?", "wind_chill", "°F", "Cel", ""),
    (r"feelslike\d*f?", "apparent_temperature", "°F", "Cel", ""),
    (r"heatindexf?", "heat_index", "°F", "Cel", ""),
    (r"humidity(?P<n>\d*)", "humidity", "%", "%", ""),
    (r"(?:humidityin|indoorhumidity)", "humidity", "%", "%", "indoor"),
    (r"humi_co2", "humidity", "%", "%", "co2"),
    (r"soil(?:moisture|hum)(?P<n>\d+)", "soil_moisture", "%", "%", ""),
    (r"leafwetness_ch(?P<n>\d+)", "leaf_wetness", "%", "%", ""),
    (r"baromabsin", "pressure", "inHg", "hPa", ""),
    (r"(?:baromrelin|baromin)", "sea_level_pressure", "inHg", "hPa", ""),
    (r"winddir", "wind_direction", "°", "deg", ""),
    (r"windgustdir", "wind_direction", "°", "deg", "gust"),
    (r"winddir_avg(?P<n>\d+m)", "wind_direction", "°", "deg", ""),
    (r"windspeedmph", "wind_speed", "mph", "m/s", ""),
    (r"windspd(?:mph)?_avg(?P<n>\d+m)", "wind_speed", "mph", "m/s", ""),
    (r"windgustmph", "wind_gust", "mph", "m/s", ""),
    (r"maxdailygust", "wind_gust", "mph", "m/s", "daily"),
    (r"solarradiation", "solar_irradiance", "W/m²", "W/m2", ""),
    (r"uv", "uv_index", "", "1", ""),
    (r"rainratein", "rain_rate", "in/h", "mm/h", ""),
    (r"rrain_piezo", "rain_rate", "in/h", "mm/h", "piezo"),
    (r"(?P<n>hourly|event|daily|weekly|monthly|yearly|total|last24h|24hour)?(?:rain)in", "rain", "in", "mm", ""),
    (r"(?P<n>[ehdwmy]rain)_piezo", "rain", "in", "mm", "piezo"),
    (r"pm25(?:_ch(?P<n>\d+))?", "pm2_5", "µg/m³", "ug/m3", ""),
    (r"pm25_(?:avg_)?24h(?:_ch(?P<n>\d+))?", "pm2_5", "µg/m³", "ug/m3", "24h"),
    *(
        (rf"{member}_(?:(?P<n>24h)_)?co2", metric, "µg/m³", "ug/m3", "co2")
        for member, metric in (("pm1", "pm1"), ("pm25", "pm2_5"), ("pm4", "pm4"), ("pm10", "pm10"))
    ),
    (r"pm25_in(?:_(?P<n>24h))?", "pm2_5", "µg/m³", "ug/m3", "indoor"),
    (r"co2(?:_(?P<n>24h))?", "co2", "ppm", "[ppm]", ""),
    (r"co2_?in(?:_(?P<n>24h))?", "co2", "ppm", "[ppm]", "indoor"),
    (r"lightning", "distance", "km", "m", "lightning"),
    (r"lightning_mi", "distance", "mi", "m", "lightning"),
    (r"lightning_(?:num|day)", "lightning_strikes", "", "1", "daily"),
    (r"lightning_hour", "lightning_strikes", "", "1", "hourly"),
    (r"srain_piezo", "raining", "", "1", ""),
    (r"air_ch(?P<n>\d+)", "distance", "mm", "m", ""),
    (r"depth_ch(?P<n>\d+)", "depth", "mm", "m", ""),
    (r"vpd", "vapour_pressure_deficit", "inHg", "hPa", ""),
    (r"bgt", "black_globe_temperature", "°F", "Cel", ""),
    (r"wbgt", "wet_bulb_globe", "°F", "Cel", ""),
    (r"feelslikein", "apparent_temperature", "°F", "Cel", "indoor"),
    (r"dewpointin", "dew_point", "°F", "Cel", "indoor"),
    (r"pm25_in_aqin", "pm2_5", "µg/m³", "ug/m3", "aqin"),
    (r"pm25_in_24h_aqin", "pm2_5", "µg/m³", "ug/m3", "aqin.24h"),
    (r"pm10_in_aqin", "pm10", "µg/m³", "ug/m3", "aqin"),
    (r"co2_in_aqin", "co2", "ppm", "[ppm]", "aqin"),
    (r"pm_in_temp_aqin", "temperature", "°F", "Cel", "aqin"),
    (r"pm_in_humidity_aqin", "humidity", "%", "%", "aqin"),
    (r"ws90cap_volt", "voltage", "V", "V", "capacitor"),
)
"""(member in lower case, metric, unit as written, ours, channel); a group `n` is the sensor's number, or the span."""

_KINDS = tuple(
    (re.compile(pattern), metric, written, wanted, channel) for pattern, metric, written, wanted, channel in _PATTERNS
)
_METRIC = {"°F": "°C", "inHg": "hPa", "mph": "km/h", "in": "mm", "in/h": "mm/h", "mi": "km"}
"""What a gateway that was set to metric units writes under the same names."""

_CONVERTED = frozenset(("tempin", "humidityin", "temp", "humidity", "windspeed", "winddir"))
_BARE = (
    (re.compile(r"(temp\d*|tempin)"), "f"),
    (re.compile(r"(barom(?:rel|abs)|rainrate|(?:hourly|event|daily|weekly|monthly|yearly|total)rain)"), "in"),
    (re.compile(r"(windspeed|windgust)"), "mph"),
    (re.compile(r"(lightning)"), "_mi"),
)
"""A name without its unit, and what the gateway itself writes behind it."""

_LEAK = re.compile(r"leak(?:_?ch?)?(\d+)")
_UNHEARD = 2  # a leak detector of Ambient's that does not answer
_LOW = {"ON": True, "OFF": False}  # of a battery, as ecowitt2mqtt writes it: is it low?
_ESCAPED = re.compile(r"%([0-7][0-9A-Fa-f])")
_VOLTS = re.compile(r"\d\.\d+")


def _on_report(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """All that the station's sensors say now."""
    said = _members_of(inbound.document)
    if not said:
        raise Rejected("expected a station's report: a query string or an object with dateutc and its values")
    own = text_of(said.get("mac")) or text_of(said.get("macAddress")) or text_of(said.get("ID"))
    device = f"{NAME}/{own or sender_of(inbound)}"
    at = read_instant(said.get("dateutc"), UTC)
    metric = any((number_of(said.get(name)) or 0) > _MOST_INHG for name in ("baromabsin", "baromrelin"))
    found: list[Observation] = [_health(said, device)]
    for member, value in list(said.items())[:MAX_MEMBERS]:
        told = _alarm_of(member, value)
        if told is not None:
            name, active, area = told
            found.append(Alarm(device=device, observed_at=at, name=name, active=active, area=area))
        number = number_of(value)
        if number is None or told is not None or _LEAK.fullmatch(member):
            continue
        kind = _kind_of(member, metric) or _battery_of(member, value)
        if kind is not None:
            name, scale, channel = kind
            found.append(
                EnvironmentReading(
                    device=device,
                    observed_at=at,
                    metric=name,
                    value=apply(scale, number),
                    unit=scale.unit,
                    channel=channel,
                )
            )
    return found


def _health(said: Mapping[str, Any], device: str) -> DeviceHealth:
    """The gateway itself; `runtime` counts seconds since it started, `interval` is how often it reports."""
    interval = number_of(said.get("interval"))
    return DeviceHealth(
        device=device,
        observed_at=read_instant(said.get("dateutc"), UTC),
        model=text_of(said.get("model")),
        firmware=text_of(said.get("stationtype")) or text_of(said.get("softwaretype")),
        uptime_s=number_of(said.get("runtime")),
        interval_s=interval if interval is not None and interval > 0 else None,
    )


def _alarm_of(member: str, value: object) -> tuple[str, bool, str] | None:
    """(name, whether it stands, area) of a member that tells a state: a leak, or a battery in words."""
    leak, number = _LEAK.fullmatch(member), number_of(value)
    if leak and number is not None and number != _UNHEARD:
        return "water_leak", number != 0, leak[1]
    low = _LOW.get(value) if type(value) is str and "batt" in member else None
    return None if low is None else ("battery_low", low, member[:60])


@lru_cache(maxsize=1_024)
def _kind_of(member: str, metric_units: bool) -> tuple[str, Scale, str] | None:
    """(metric, scale, channel) of a member by its name."""
    name = member[:60].lower()
    for pattern, metric, written, wanted, channel in _KINDS:
        match = pattern.fullmatch(name)
        if match:
            number = match.groupdict().get("n") or ("hourly" if metric == "rain" else "")
            number = _SPANS.get(number, number)
            unit = _METRIC.get(written, written) if metric_units else written
            return metric, scale_to(unit, wanted), ".".join(filter(None, (channel, number)))
    return None


def _battery_of(member: str, value: object) -> tuple[str, Scale, str] | None:
    """A sensor's battery: volts where it has decimals, else a level that each kind of sensor counts in its own way."""
    name = member[:40].lower()
    if "batt" not in name:
        return None
    volts = type(value) is float or (type(value) is str and _VOLTS.fullmatch(value) is not None)
    return ("battery_voltage", Scale("V"), name) if volts else ("battery_level", Scale(""), name)


def _members_of(document: object) -> Mapping[str, Any]:
    """A report's members, whichever way it came; empty where it is none."""
    if type(document) is str:
        pairs = (pair.partition("=") for pair in document[:20_000].lstrip("?").split("&")[:MAX_MEMBERS])
        document = {name: _plain(value) for name, equals, value in pairs if name and equals}
    said = object_of(document)
    if "dateutc" in said:
        return said if _measures(said) else {}
    return _with_units(said) if _is_converted(said) else {}


def _is_converted(said: Mapping[str, Any]) -> bool:
    """Whether it is ecowitt2mqtt's, with the pressure that tells its units."""
    pressed = any(type(said.get(name)) in (int, float) for name in ("baromrel", "baromabs"))
    return pressed and len(_CONVERTED.intersection(said)) >= _FEWEST


def _with_units(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What ecowitt2mqtt wrote, under the names of the gateway."""
    return {_full_name(member): value for member, value in list(said.items())[:MAX_MEMBERS]}


@lru_cache(maxsize=1_024)
def _full_name(member: str) -> str:
    return next((member + unit for bare, unit in _BARE if bare.fullmatch(member)), member)


def _plain(text: str) -> str:
    """A value of a query string as it was before it was put there."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text.replace("+", " "))


def _measures(said: Mapping[str, Any]) -> bool:
    return any(name in said for name in ("stationtype", "tempf", "tempinf", "baromrelin", "baromin", "windspeedmph"))


def _recognise(document: Any) -> Handler | None:
    """By the names that only such stations have."""
    if type(document) is str:
        head = document[:2_000]
        return _on_report if "dateutc=" in head and "&" in head and _members_of(document) else None
    return _on_report if type(document) is dict and _members_of(document) else None


FAMILY = Family(
    name=NAME,
    title="Weather stations (Ecowitt, Ambient Weather, Weather Underground)",
    source="https://doc.ecowitt.net/web/; https://support.weather.com/s/article/PWS-Upload-Protocol",
    routes=(Route(template="ecowitt/{device}", handle=_on_report, form="any"),),
    recognise=_recognise,
)

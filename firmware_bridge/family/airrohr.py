"""Sensor.Community's airrohr, as its "own API" and those who bridge that to MQTT send it, and as the network's API
tells what it keeps.

A list of types and values, both texts. A type carries the name of the sensor, where the firmware knows it; the network
takes that off. A device is `environment/<chip id>`, else the sensor's number in the network, else whoever publishes.
Where two sensors of a device measure the same, the second has its own name as channel. A receiver without a fix tells
-200 degrees, and no altitude. Source: opendata-stuttgart, "APIs" and airrohr-firmware.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from appliance.model.observation import DeviceHealth, EnvironmentReading, Observation, Position
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Handler, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of
from firmware_bridge.notation.metrics import read_metric

PREFIX = "environment"
SOURCE = "https://github.com/opendata-stuttgart/meta/wiki/APIs"
MAX_VALUES = 100  # of one message
MAX_RECORDS = 200  # of an answer of the network's API

_DUST = {
    "P01": "pm0_1",
    "P03": "pm0_3",
    "P05": "pm0_5",
    "P0": "pm1",
    "P1": "pm10",
    "P2": "pm2_5",
    "P4": "pm4",
    "P5": "pm5",
    "N01": "particles_0_1",
    "N03": "particles_0_3",
    "N05": "particles_0_5",
    "N1": "particles_1",
    "N25": "particles_2_5",
    "N4": "particles_4",
    "N5": "particles_5",
    "N10": "particles_10",
}
"""Their number of a size -> metric; P is a mass, N a count in a cubic centimetre."""

_WORDS: dict[str, tuple[str, float, str]] = {
    "temperature": ("temperature", 1, "Cel"),
    "humidity": ("humidity", 1, "%"),
    "pressure": ("pressure", 0.01, "hPa"),  # pascals
    **dict.fromkeys(("pressure_at_sealevel", "pressure_sealevel"), ("sea_level_pressure", 0.01, "hPa")),
    "co2_ppm": ("co2", 1, "[ppm]"),
    "noise_LAeq": ("sound_level", 1, "dB"),
    "noise_LA_min": ("sound_level.min", 1, "dB"),
    "noise_LA_max": ("sound_level.max", 1, "dB"),
    "noise_LA01": ("sound_level.la01", 1, "dB"),
    "noise_LA95": ("sound_level.la95", 1, "dB"),
    "height": ("altitude", 1, "m"),
    "TS": ("particle_size", 1, "um"),
    "counts_per_minute": ("radiation_counts", 1, "/min"),
    "signal": ("signal", 1, "dBm"),
}
"""What stands behind the sensor's name -> (metric and channel, factor, unit)."""

_SENSORS = (
    *("SDS", "PMS", "HPM", "NPM", "IPS", "SPS30", "PPD", "DHT", "HTU21D", "BMP", "BMP180", "BMP280", "BME280", "SHT3X"),
    *("SHT10", "SHT11", "SCD30", "DS18B20", "DNMS", "HECA", "GPS", "NOISE"),
)
_INSIDE = frozenset(("BMP", "BMP280", "DS18B20", "NPM", "HECA"))  # a thermometer beside the one of the air
_COUNTERS = ("durP1", "ratioP1", "durP2", "ratioP2")  # a PPD42, whose P1 and P2 are particles, and no micrograms
_NOWHERE_M = -1000  # the altitude without a fix
_NO_VALUE = frozenset(("GPS_lat", "GPS_lon", "GPS_timestamp", "lat", "lon", "sample_time_ms", "hv_pulses", "counts"))


def _on_values(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """One device's message, or the records that an answer of the network's API holds."""
    records = inbound.document if type(inbound.document) is list else [inbound.document]
    found: list[Observation] = []
    for record in records[:MAX_RECORDS]:
        found += _read_record(object_of(record), inbound, context)
    return found


def _read_record(said: Mapping[str, Any], inbound: Inbound, context: Context) -> list[Observation]:
    named = (said.get(name) for name in ("esp8266id", "esp32id", "raspiid", "chipid"))
    own = next(filter(None, map(text_of, named)), "") or text_of(object_of(said.get("sensor")).get("id"))
    device = f"{PREFIX}/{own or sender_of(inbound)}"
    at = read_instant(said.get("timestamp", said.get("time")), UTC if "sensor" in said else context.zone)
    told = _told(said)
    place = _place_of(told, said)
    found: list[Observation] = [
        DeviceHealth(
            device=device,
            observed_at=at,
            manufacturer="Sensor.Community",
            model=text_of(object_of(object_of(said.get("sensor")).get("sensor_type")).get("name")) or "airrohr",
            firmware=text_of(said.get("software_version")),
            signal_dbm=told.get("signal"),
        )
    ]
    if "GPS_lat" in told and place != (None, None):
        high = told.get("GPS_height")
        altitude = high if high is not None and high > _NOWHERE_M else None
        found.append(
            Position(device=device, observed_at=at, longitude=place[0], latitude=place[1], altitude_m=altitude)
        )
    _read_values(found, device, at, told, place)
    return found


def _read_values(
    found: list[Observation],
    device: str,
    at: datetime | None,
    told: Mapping[str, float],
    place: tuple[float | None, float | None],
) -> None:
    counts = any(name in told for name in _COUNTERS)
    seen = set[tuple[str, str]]()
    for name, value in told.items():
        if name in _NO_VALUE or (name == "GPS_height" and value <= _NOWHERE_M):
            continue
        metric, factor, unit, channel, sensor = _metric_of(name, counts)
        if (metric, channel) in seen:
            channel = ".".join(filter(None, (channel, sensor or name.lower()[:40])))
        seen.add((metric, channel))
        found.append(
            EnvironmentReading(
                device=device,
                observed_at=at,
                longitude=place[0],
                latitude=place[1],
                metric=metric,
                value=value if factor == 1 else float(f"{value * factor:.9g}"),
                unit=unit,
                channel=channel,
            )
        )


@lru_cache(maxsize=1_024)
def _metric_of(name: str, counts: bool) -> tuple[str, float, str, str, str]:
    """(metric, factor, unit, channel, the sensor's name in lower case) of a type."""
    sensor, _, word = name.partition("_")
    if sensor not in _SENSORS:
        sensor, word = "", name
    short = sensor.lower()
    size = _DUST.get(word)
    if size is not None and word[0] == "P" and (sensor == "PPD" or (counts and not sensor)):
        return f"{size}_particles", 1, "{#}/cf", "", short
    if size is not None:
        return size, 1, "ug/m3" if word[0] == "P" else "/cm3", "", short
    known = _WORDS.get(word)
    if known is None:
        metric, unit = read_metric(name)
        return metric, 1, unit, "", short
    metric, _, channel = known[0].partition(".")
    inside = sensor in _INSIDE and metric in ("temperature", "humidity")
    return metric, known[1], known[2], short if inside else channel, short


def _told(said: Mapping[str, Any]) -> dict[str, float]:
    """Type -> number; what holds none, as a time or the name of a tube, is left out."""
    told: dict[str, float] = {}
    for item in list_of(said.get("sensordatavalues"))[:MAX_VALUES]:
        if type(item) is dict:
            value = item.get("value")
            plain = value.removesuffix(" dBm") if type(value) is str else value  # as early versions wrote it
            name, number = text_of(item.get("value_type")), number_of(plain)
            if name and number is not None:
                told[name[:80]] = number
    return told


def _place_of(told: Mapping[str, float], said: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Longitude and latitude: of the receiver, else of the network's record, else none."""
    known = object_of(said.get("location")) or said
    longitude = told.get("GPS_lon", number_of(known.get("longitude")))
    latitude = told.get("GPS_lat", number_of(known.get("latitude")))
    if longitude is None or latitude is None or not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        return None, None
    return (None, None) if longitude == latitude == 0 else (longitude, latitude)


def recognise(document: Any) -> Handler | None:
    """By its list of types and values, or a list of such records."""
    first = document[0] if type(document) is list and document else document
    values = list_of(object_of(first).get("sensordatavalues"))
    return _on_values if values and "value_type" in object_of(values[0]) else None

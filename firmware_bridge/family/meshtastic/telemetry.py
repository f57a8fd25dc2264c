"""What sensors on a Meshtastic node measure, and where the node says it is. Called by `family`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from appliance.model.observation import EnvironmentReading, Observation, Position
from firmware_bridge.notation.members import number_of, text_of
from firmware_bridge.notation.metrics import read_metric
from firmware_bridge.notation.units import apply, scale_to

MAX_VALUES = 60  # of one message

METRICS: dict[str, tuple[str, str, str, float]] = {
    "temperature": ("temperature", "Cel", "", 1.0),
    "relative_humidity": ("humidity", "%", "", 1.0),
    "barometric_pressure": ("pressure", "hPa", "", 1.0),
    "gas_resistance": ("gas_resistance", "MOhm", "", 1.0),
    "iaq": ("air_quality_index", "1", "", 1.0),
    "lux": ("illuminance", "lx", "", 1.0),
    "white_lux": ("illuminance", "lx", "white", 1.0),
    "ir_lux": ("illuminance", "lx", "ir", 1.0),
    "uv_lux": ("illuminance", "lx", "uv", 1.0),
    "distance": ("distance", "m", "", 0.001),
    "weight": ("weight", "kg", "", 1.0),
    "wind_speed": ("wind_speed", "m/s", "", 1.0),
    "wind_gust": ("wind_gust", "m/s", "", 1.0),
    "wind_lull": ("wind_lull", "m/s", "", 1.0),
    "wind_direction": ("wind_direction", "deg", "", 1.0),
    "radiation": ("radiation", "uSv/h", "", 0.01),
    "rainfall_1h": ("rain", "mm", "1h", 1.0),
    "rainfall_24h": ("rain", "mm", "24h", 1.0),
    "soil_moisture": ("soil_moisture", "%", "", 1.0),
    "soil_temperature": ("temperature", "Cel", "soil", 1.0),
    "co2": ("co2", "[ppm]", "", 1.0),
    "co2_temperature": ("temperature", "Cel", "co2", 1.0),
    "co2_humidity": ("humidity", "%", "co2", 1.0),
    "form_formaldehyde": ("formaldehyde", "[ppb]", "", 1.0),
    "form_temperature": ("temperature", "Cel", "form", 1.0),
    "form_humidity": ("humidity", "%", "form", 1.0),
    "heart_bpm": ("heart_rate", "/min", "", 1.0),
    "spO2": ("oxygen_saturation", "%", "", 1.0),
    "heap_free_bytes": ("memory_free", "By", "", 1.0),
    "heap_total_bytes": ("memory_total", "By", "", 1.0),
    "voltage": ("voltage", "V", "", 1.0),
    "current": ("current", "A", "", 0.001),
    "channel_utilization": ("channel_utilization", "%", "", 1.0),
    "air_util_tx": ("air_util_tx", "%", "", 1.0),
    **{
        name: (metric, "ug/m3", channel, 1.0)
        for size, metric in (("10", "pm1"), ("25", "pm2_5"), ("40", "pm4"), ("100", "pm10"))
        for name, channel in (
            (f"pm{size}", ""),
            (f"pm{size}_standard", ""),
            (f"pm{size}_e", "environmental"),
            (f"pm{size}_environmental", "environmental"),
        )
    },
    **{
        name: (metric, unit, f"ch{n}", factor)
        for n in range(1, 9)
        for metric, unit, factor in (("voltage", "V", 1.0), ("current", "A", 0.001))
        for name in (f"{metric}_ch{n}", f"ch{n}_{metric}")
    },
}
"""Member -> (metric, unit, channel, factor). In the firmware `pm10` is PM1.0 and `pm100` is PM10; currents are mA.
Source: telemetry.proto and MeshPacketSerializer."""

_NO_READING = frozenset(
    "battery_level uptime_seconds time timestamp latitude_i longitude_i latitude longitude altitude sensor_value id "
    "from to".split()
)


class Packet(msgspec.Struct, frozen=True, gc=False):
    """Who sent it, when it was received by the gateway, and what it says."""

    device: str
    at: datetime | None
    packet_id: str
    said: Mapping[str, Any]


def read_telemetry(packet: Packet, found: list[Observation], facts: dict[str, Any], told: dict[str, Any]) -> None:
    """Of the device, its surroundings, its power, the air: told by which members there are."""
    said = packet.said
    own = "battery_level" in said or "air_util_tx" in said
    if own:
        _read_power(said, facts, told)
    place = place_of(said)
    for member, value in _fitted(said)[:MAX_VALUES]:
        kind = type(value)
        if (kind is not float and kind is not int) or member in _NO_READING or (own and member == "voltage"):
            if kind is str and member in ("risk_level", "sensor_type", "variant"):
                told[member] = text_of(value)
            continue
        known = METRICS.get(member)
        metric, unit, channel, factor = known or (*read_metric(member), "", 1.0)
        number = value if kind is float else number_of(value)
        if number is not None:
            measured(packet, found, metric, number if factor == 1.0 else number * factor, unit, channel)
    _read_named(packet, found, place)
    if place is not None:
        found.append(
            Position(
                device=packet.device,
                observed_at=packet.at,
                observation_id=packet.packet_id,
                longitude=place[0],
                latitude=place[1],
            )
        )


def _fitted(said: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What was measured. Until 2.7 the firmware wrote every member there is, and 0 for a sensor that is not fitted.

    The six that it had from the first are together only then. A channel without volts and amperes is none, unless
    it is the only one.
    """
    values = list(said.items())
    if "gas_resistance" in said and "current" in said and "voltage" in said and "relative_humidity" in said:
        return [one for one in values if one[1] != 0]
    if "voltage_ch2" in said and any(value for member, value in values if "_ch" in member):
        return [one for one in values if "_ch" not in one[0] or _is_live(said, one[0][-3:])]
    return values


def _is_live(said: Mapping[str, Any], channel: str) -> bool:
    return bool(said.get("voltage_" + channel) or said.get("current_" + channel))


def measured(packet: Packet, found: list[Observation], metric: str, value: float, unit: str, channel: str = "") -> None:
    found.append(
        EnvironmentReading(
            device=packet.device,
            observed_at=packet.at,
            observation_id=packet.packet_id,
            metric=metric,
            value=value,
            unit=unit,
            channel=channel,
        )
    )


def place_of(said: Mapping[str, Any]) -> tuple[float, float] | None:
    """(longitude, latitude) from ten-millionths of a degree, or degrees; None before the first fix, which is 0, 0."""
    east, north = said.get("longitude_i"), said.get("latitude_i")
    if east is None and north is None:  # as bridges write it that decode the packets themselves
        longitude, latitude = number_of(said.get("longitude")), number_of(said.get("latitude"))
        if longitude is None or latitude is None or not (longitude or latitude):
            return None
        return (longitude, latitude) if -180 <= longitude <= 180 and -90 <= latitude <= 90 else None
    if type(east) is not int or type(north) is not int or not (east or north):
        return None
    if not (-1_800_000_000 <= east <= 1_800_000_000 and -900_000_000 <= north <= 900_000_000):
        return None
    return east / 1e7, north / 1e7


def _read_power(said: Mapping[str, Any], facts: dict[str, Any], told: dict[str, Any]) -> None:
    """A level above 100 is power from outside, a voltage of 0 none measured, and both at 0 no battery."""
    level, volts, uptime = (number_of(said.get(name)) for name in ("battery_level", "voltage", "uptime_seconds"))
    if level is not None and level > 100:
        told["external_power"] = True
    elif level is not None and (level > 0 or (level == 0 and volts != 0)):
        facts["battery_percent"] = level
    if volts:
        facts["voltage_v"] = volts
    if uptime is not None:
        facts["uptime_s"] = uptime


def _read_named(packet: Packet, found: list[Observation], place: tuple[float, float] | None) -> None:
    """One value with its name and unit, as projects on top of the firmware send them."""
    name, number = text_of(packet.said.get("sensor_type")), number_of(packet.said.get("sensor_value"))
    if not name or number is None:
        return
    metric, unit = read_metric(name)
    scale = scale_to(text_of(packet.said.get("unit")), unit)
    found.append(
        EnvironmentReading(
            device=packet.device,
            observed_at=packet.at,
            observation_id=packet.packet_id,
            longitude=place[0] if place else None,
            latitude=place[1] if place else None,
            metric=metric,
            value=apply(scale, number),
            unit=scale.unit,
        )
    )

"""Ruuvi Gateway: what RuuviTags and Ruuvi Air advertise, as it stands in the air, or as the gateway decoded it.

`ruuvi/<gateway>/<tag>` brings one advertisement in hexadecimal, the gateway's HTTP forms many of them beneath `tags`.
Formats 3 and 5 are of tags, 6 and E1 of the Air. A value that is all ones, or the lowest, was not measured.
Source: Ruuvi, "Bluetooth advertisements" (data formats 3, 5, 6, E1); "MQTT: time-stamped data from Bluetooth-sensors".
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from appliance.model.observation import DeviceHealth, EnvironmentReading, Observation
from firmware_bridge.inbound import Context, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import number_of, object_of, text_of

NAME = "ble"
MAX_TAGS = 100  # of one message
_MAKER = b"\xff\x99\x04"  # manufacturer's data of Ruuvi within an advertisement
_BRIGHT = math.log(65536) / 254  # of format 6: light by its logarithm

_Value = tuple[str, float, str, str]
"""(metric, value, unit, channel)."""

_DECODED: dict[str, tuple[str, float, str, str]] = {
    "temperature": ("temperature", 1, "Cel", ""),
    "humidity": ("humidity", 1, "%", ""),
    "pressure": ("pressure", 0.01, "hPa", ""),
    "accelX": ("acceleration", 1, "[g]", "x"),
    "accelY": ("acceleration", 1, "[g]", "y"),
    "accelZ": ("acceleration", 1, "[g]", "z"),
    "movementCounter": ("motion_count", 1, "1", ""),
    "PM1.0": ("pm1", 1, "ug/m3", ""),
    "PM2.5": ("pm2_5", 1, "ug/m3", ""),
    "PM4.0": ("pm4", 1, "ug/m3", ""),
    "PM10.0": ("pm10", 1, "ug/m3", ""),
    "CO2": ("co2", 1, "[ppm]", ""),
    "VOC": ("voc_index", 1, "1", ""),
    "NOx": ("nox_index", 1, "1", ""),
    "luminosity": ("illuminance", 1, "lx", ""),
    "sound_inst_dba": ("sound_level", 1, "dB", "instant"),
    "sound_avg_dba": ("sound_level", 1, "dB", ""),
}
"""Names of the gateway's decoder -> what they are; its pressure is in pascals."""


def _on_tag(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`ruuvi/{gateway}/{tag}`: one advertisement."""
    said = object_of(inbound.document)
    return _read_tag(inbound.parts["tag"], said, inbound.parts["gateway"])


def _on_many(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """All tags that a gateway heard, as it posts them; on MQTT a single one with its gateway beside."""
    said = object_of(inbound.document)
    said = object_of(said.get("data")) or said
    gateway = text_of(said.get("gw_mac"))
    found: list[Observation] = [
        DeviceHealth(device=f"{NAME}/{gateway}", observed_at=read_instant(said.get("timestamp"), UTC), model="Gateway")
    ]
    for address, tag in list(object_of(said.get("tags")).items())[:MAX_TAGS]:
        found += _read_tag(address, object_of(tag), gateway)
    return found


def _on_gateway(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`ruuvi/{gateway}/gw_status`: birth and last will."""
    state = object_of(inbound.document).get("state")
    known = state if state in ("online", "offline") else None
    return [
        DeviceHealth(device=f"{NAME}/{inbound.parts['gateway']}", manufacturer="Ruuvi", model="Gateway", state=known)
    ]


def _read_tag(address: str, said: Mapping[str, Any], gateway: str) -> list[Observation]:
    device = f"{NAME}/{address.upper()[:60]}"
    at = read_instant(said.get("ts", said.get("timestamp")), UTC)
    values, volts = _values_of(said)
    if values is None:  # another maker's, which nobody decoded
        return []
    return [
        DeviceHealth(
            device=device,
            observed_at=at,
            name=text_of(said.get("name")),
            manufacturer="Ruuvi",
            address=address.upper()[:60],
            via=f"{NAME}/{gateway}" if gateway else "",
            voltage_v=volts,
            signal_dbm=number_of(said.get("rssi")),
        ),
        *(
            EnvironmentReading(device=device, observed_at=at, metric=metric, value=value, unit=unit, channel=channel)
            for metric, value, unit, channel in values
        ),
    ]


def _values_of(said: Mapping[str, Any]) -> tuple[list[_Value] | None, float | None]:
    """(values, volts) of an advertisement, decoded by the gateway or here; no values where it is not Ruuvi's."""
    decoded = [
        (metric, round(number * factor, 6), unit, channel)
        for name, (metric, factor, unit, channel) in _DECODED.items()
        if name in said and (number := number_of(said[name])) is not None
    ]
    if decoded:
        return decoded, number_of(said.get("voltage"))
    try:
        body = bytes.fromhex(text_of(said.get("data")))
    except ValueError:
        return None, None
    start = body.find(_MAKER)
    body = body[start + len(_MAKER) :] if start >= 0 else b""
    reader = {3: _format_3, 5: _format_5, 6: _format_6, 0xE1: _format_e1}.get(body[0] if body else 0)
    return reader(body) if reader else (None, None)


def _number(body: bytes, at: int, size: int, signed: bool = False) -> int | None:
    """None where it was not measured."""
    raw = body[at : at + size]
    unset = b"\x80" + b"\x00" * (size - 1) if signed else b"\xff" * size
    return int.from_bytes(raw, "big", signed=signed) if len(raw) == size and raw != unset else None


def _told(*values: tuple[str, int | None, float, float, str, str]) -> list[_Value]:
    """Of (metric, raw, factor, offset, unit, channel) those that were measured."""
    return [
        (metric, round(raw * factor + offset, 4), unit, channel)
        for metric, raw, factor, offset, unit, channel in values
        if raw is not None
    ]


def _climate(body: bytes) -> list[_Value]:
    """As formats 5, 6 and E1 begin."""
    return _told(
        ("temperature", _number(body, 1, 2, True), 0.005, 0, "Cel", ""),
        ("humidity", _number(body, 3, 2), 0.0025, 0, "%", ""),
        ("pressure", _number(body, 5, 2), 0.01, 500, "hPa", ""),
    )


def _acceleration(body: bytes, at: int) -> list[_Value]:
    return _told(
        *(("acceleration", _number(body, at + 2 * n, 2, True), 0.001, 0, "[g]", axis) for n, axis in enumerate("xyz"))
    )


def _format_3(body: bytes) -> tuple[list[_Value] | None, float | None]:
    if len(body) < 14:
        return None, None
    degrees = (body[2] & 0x7F) + body[3] / 100
    values = [
        ("humidity", body[1] / 2, "%", ""),
        ("temperature", -degrees if body[2] & 0x80 else degrees, "Cel", ""),
        *_told(("pressure", _number(body, 4, 2), 0.01, 500, "hPa", "")),
    ]
    return [*values, *_acceleration(body, 6)], int.from_bytes(body[12:14], "big") / 1000


def _format_5(body: bytes) -> tuple[list[_Value] | None, float | None]:
    if len(body) < 18:
        return None, None
    power = int.from_bytes(body[13:15], "big") >> 5
    moved = _told(("motion_count", _number(body, 15, 1), 1, 0, "1", ""))
    volts = None if power == 0x7FF else round(1.6 + power / 1000, 3)
    return [*_climate(body), *_acceleration(body, 7), *moved], volts


def _nine_bits(high: int, low: int) -> int | None:
    raw = high << 1 | low
    return None if raw == 0x1FF else raw


def _format_6(body: bytes) -> tuple[list[_Value] | None, float | None]:
    if len(body) < 17:
        return None, None
    flags = body[16]
    light = None if body[13] == 0xFF else round(math.exp(body[13] * _BRIGHT) - 1)
    return [
        *_climate(body),
        *_told(
            ("pm2_5", _number(body, 7, 2), 0.1, 0, "ug/m3", ""),
            ("co2", _number(body, 9, 2), 1, 0, "[ppm]", ""),
            ("voc_index", _nine_bits(body[11], flags >> 6 & 1), 1, 0, "1", ""),
            ("nox_index", _nine_bits(body[12], flags >> 7), 1, 0, "1", ""),
            ("illuminance", light, 1, 0, "lx", ""),
            ("sound_level", _nine_bits(body[14], flags >> 4 & 1), 0.2, 18, "dB", ""),
        ),
    ], None


def _format_e1(body: bytes) -> tuple[list[_Value] | None, float | None]:
    if len(body) < 29:
        return None, None
    flags = body[28]
    sizes = (("pm1", 7), ("pm2_5", 9), ("pm4", 11), ("pm10", 13))
    return [
        *_climate(body),
        *_told(
            *((metric, _number(body, at, 2), 0.1, 0, "ug/m3", "") for metric, at in sizes),
            ("co2", _number(body, 15, 2), 1, 0, "[ppm]", ""),
            ("voc_index", _nine_bits(body[17], flags >> 6 & 1), 1, 0, "1", ""),
            ("nox_index", _nine_bits(body[18], flags >> 7), 1, 0, "1", ""),
            ("illuminance", _number(body, 19, 3), 0.01, 0, "lx", ""),
        ),
    ], None


def recognise(document: Any) -> Handler | None:
    """By the gateway's address beside its tags, as it posts over HTTP."""
    said = object_of(document)
    said = object_of(said.get("data")) or said
    return _on_many if "gw_mac" in said and type(said.get("tags")) is dict else None


ROUTES: tuple[Route, ...] = (
    Route(template="ruuvi/{gateway}/gw_status", handle=_on_gateway),
    Route(template="ruuvi/{gateway}/{tag}", handle=_on_tag),
)

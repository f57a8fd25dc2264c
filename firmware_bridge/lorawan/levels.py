"""How full a bin or a tank is, and what leaks: Pepperl+Fuchs WILSEN, BrighterBins, Adnexo, VEGAPULS Air, Laiier.

Read where the device is named. A distance is what the sensor sees beneath it, in metres.
Source: Pepperl+Fuchs "WILSEN.sonic.level payload", SmartEnds "BrighterBins payload", Adnexo "ax-dist payload", VEGA
"LoRaWAN payload of VEGAPULS Air", Laiier "Severn WLD payload".
"""

import math
import struct

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

_FAR, _FULL, _WARM, _CELL, _LAT, _LNG = 0x0B01, 0x0B06, 0x0201, 0x5101, 0x5001, 0x5002
_SERIAL, _COUNTERS = 0x2A25, (0x3101, 0x3102, 0x3103)


def _float(data: bytes, at: int) -> float | None:
    """None where it is no number, as a place without a fix."""
    value = float(struct.unpack_from(">f", data, at)[0])
    return value if math.isfinite(value) else None


def _read_wilsen(body: Body, findings: Findings) -> bool:
    """Records: how many bytes follow, two of type, the value."""
    data, at = body.data, 0
    place: dict[int, float] = {}
    while at + 3 < len(data):
        size, kind, start = data[at], whole(data, at + 1, 2, "big"), at + 3
        end = at + 1 + size
        if size < 3 or end > len(data):
            return False
        if kind == _FAR and whole(data, start, 2, "big") != 0xFFFF:
            findings.measure("distance", whole(data, start, 2, "big") / 100, "m")
        elif kind == _FULL:
            findings.measure("fill_level", data[start], "%")
        elif kind == _WARM and size == 6 and (warmth := _float(data, start)) is not None:
            findings.measure("temperature", round(warmth, 2), "Cel")
        elif kind == _CELL:
            findings.tell("voltage_v", data[start] / 10)
        elif kind in (_LAT, _LNG) and size == 6:
            place[kind] = signed(data, start, 4, "big") / 1e6
        elif kind == _SERIAL:
            findings.tell("serial", data[start:end].decode("ascii", "ignore"))
        elif kind not in (_FAR, *_COUNTERS):
            return False
        at = end
    if len(place) == 2:
        findings.locate(place[_LAT], place[_LNG])
    return at == len(data) and at > 0


_NO_FILL, _NO_DISTANCE, _NO_BATTERY = 127, 510, 63


def _read_brighter_bins(body: Body, findings: Findings) -> bool:
    """24 bits, of which the last two say what the others are: how full, or how far in centimetres."""
    if len(body.data) != 3:
        return body.data[-1:] != b"" and body.data[-1] & 3 > 1  # what happened, and settings
    raw, kind = whole(body.data, 0, 3, "big"), body.data[2] & 3
    battery, warmth = (raw >> 16 & 63, raw >> 9 & 127) if kind == 0 else (raw >> 18, raw >> 11 & 127)
    if kind == 0 and raw >> 2 & 127 != _NO_FILL:
        findings.measure("fill_level", raw >> 2 & 127, "%")
    elif kind == 1 and raw >> 2 & 511 < _NO_DISTANCE:
        findings.measure("distance", (raw >> 2 & 511) / 100, "m")
    if kind < 2:
        findings.measure("temperature", warmth - 40, "Cel")
        if battery != _NO_BATTERY:
            findings.tell("battery_percent", battery * 2.0)
    return True


_MEASURED, _DOUBTFUL = 100, 104  # ports


def _read_adnexo(body: Body, findings: Findings) -> bool:
    """Millimetres, tenths of degrees, millivolts; what varied too much is no distance."""
    data = body.data
    if body.f_port == _MEASURED and len(data) == 6:
        if whole(data, 0, 2) != 0xFFFF:
            findings.measure("distance", whole(data, 0, 2) / 1000, "m")
        findings.measure("temperature", signed(data, 2, 2) / 10, "Cel")
        findings.tell("voltage_v", whole(data, 4, 2) / 1000)
        return True
    return body.f_port in (1, 2, 3, 4, 5, 99, _DOUBTFUL)


_TO_METRES = {0x2C: 0.3048, 0x2D: 1.0, 0x2F: 0.0254, 0x31: 0.001}
_PLACED = frozenset((9, 11, 13, 15))
_STATED = frozenset((10, 11, 14, 15))
_SCALED = frozenset((12, 13, 14, 15))
_UNMEASURED = 0x8000


def _read_vega(body: Body, findings: Findings) -> bool:
    """A number says which values follow, and in which unit the distance is told."""
    data = body.data
    kind = data[0] if data else 0
    at = 1 + (kind in _STATED)
    if not 8 <= kind <= 15 or len(data) < at + 10:
        return kind in range(1, 30) and len(data) > 1 and kind not in range(8, 16)
    factor = _TO_METRES.get(data[at + 4])
    if factor is None:
        return False
    if (distance := _float(data, at)) is not None:
        findings.measure("distance", round(distance * factor, 4), "m")
    at += 5
    if kind in _SCALED:
        percent = whole(data, at + 2, 2, "big")
        if percent != _UNMEASURED:
            findings.measure("fill_level", signed(data, at + 2, 2, "big") / 100, "%")
        at += 9
    if len(data) < at + 5 + 8 * (kind in _PLACED) + 4 * (kind in _STATED):
        return False
    findings.tell("battery_percent", float(data[at]))
    at += 1
    if kind in _PLACED:
        latitude, longitude = _float(data, at), _float(data, at + 4)
        if latitude is not None and longitude is not None:
            findings.locate(round(latitude, 6), round(longitude, 6))
        at += 8
    at += 4 * (kind in _STATED)
    if whole(data, at, 2, "big") != _UNMEASURED:
        findings.measure("temperature", signed(data, at, 2, "big") / 10, "Cel")
    findings.measure("inclination", data[at + 3], "deg")
    return True


_REGULAR, _EMERGENCY, _SELF_TEST, _STARTED = 1, 99, 102, 100  # ports


def _read_laiier(body: Body, findings: Findings) -> bool:
    """Twelve electrodes, four of them in the first byte with two flags; the temperature stands in the sixth."""
    data, port = body.data, body.f_port
    if port == _STARTED and len(data) >= 11:
        findings.tell("firmware", ".".join(str(part) for part in data[8:11]))
        return True
    if port not in (_REGULAR, _EMERGENCY, _SELF_TEST) or len(data) < 9:
        return False
    if port != _SELF_TEST:
        wet = data[0] >> 4 | data[1]
        findings.alarm("water_leak", wet != 0 or data[0] & 1 == 1)
    findings.alarm("fault", data[0] & 2 != 0, "self test")
    findings.measure("temperature", signed(data, 5, 1), "Cel")
    return True


WILSEN = Codec(
    name="wilsen", title="Pepperl+Fuchs WILSEN", words=("WILSEN", "PEPPERL", "PEPPERLFUCHS"), read=_read_wilsen
)
BRIGHTER_BINS = Codec(
    name="brighter_bins",
    title="SmartEnds BrighterBins",
    words=("BRIGHTERBINS", "BRIGHTER BINS", "SMARTENDS"),
    read=_read_brighter_bins,
)
ADNEXO = Codec(name="adnexo", title="Adnexo ax-dist", words=("ADNEXO", "AX-DIST"), read=_read_adnexo)
VEGA = Codec(name="vega", title="VEGAPULS Air", words=("VEGAPULS", "VEGAPULSE"), read=_read_vega)
LAIIER = Codec(name="laiier", title="Laiier Severn WLD", words=("LAIIER", "SEVERN WLD"), read=_read_laiier)

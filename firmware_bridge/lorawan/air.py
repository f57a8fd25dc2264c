"""Air, noise, water and dust in types and values: Synetica enLink, Yosensi. Read where the device is named.

Source: Synetica "enLink payload format"; Yosensi "YO payload version 2".
"""

import math
import struct
from datetime import datetime, timedelta

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

_Value = tuple[str, str, str, float, str]
"""(how it is written: s and u with its bytes, f; metric, unit, factor, channel)."""

_ENLINK: dict[int, _Value] = {
    0x01: ("s2", "temperature", "Cel", 0.1, ""),
    0x02: ("u1", "humidity", "%", 1, ""),
    0x03: ("u2", "illuminance", "lx", 1, ""),
    0x04: ("u2", "pressure", "hPa", 1, ""),
    0x05: ("u2", "iaq", "1", 1, ""),
    0x06: ("u1", "oxygen", "%", 0.1, ""),
    0x07: ("u2", "co", "[ppm]", 0.01, ""),
    0x08: ("u2", "co2", "[ppm]", 1, ""),
    0x09: ("u2", "ozone", "[ppm]", 0.0001, ""),
    0x0A: ("u2", "gas_resistance", "kOhm", 0.1, ""),
    0x0B: ("u2", "pm2_5", "ug/m3", 1, ""),
    0x0C: ("u2", "pm10", "ug/m3", 1, ""),
    0x0D: ("u2", "hydrogen_sulfide", "[ppm]", 0.01, ""),
    0x12: ("f4", "voc", "[ppb]", 1000, "breath"),
    0x13: ("u4", "motion_count", "1", 1, ""),
    0x14: ("u4", "occupied_time", "s", 1, ""),
    0x17: ("s2", "temperature", "Cel", 0.1, "probe 1"),
    0x18: ("s2", "temperature", "Cel", 0.1, "probe 2"),
    0x19: ("s2", "temperature", "Cel", 0.1, "probe 3"),
    0x2C: ("f4", "differential_pressure", "Pa", 1, ""),
    0x2D: ("f4", "air_speed", "m/s", 1, ""),
    0x2E: ("u2", "voltage", "V", 0.001, "input"),
    0x2F: ("u2", "current", "A", 1e-6, "input"),
    0x30: ("u2", "resistance", "kOhm", 0.001, "input"),
    0x3A: ("u2", "transducer", "", 1, ""),  # millibars or millimetres of water, as the transducer is
    0x3B: ("s2", "temperature", "Cel", 0.1, "transducer"),
    0x3F: ("f4", "co2_equivalent", "[ppm]", 1, ""),
    0x50: ("f4", "sound_level", "dB", 1, "min"),
    0x51: ("f4", "sound_level", "dB", 1, ""),
    0x52: ("f4", "sound_level", "dB", 1, "max"),
    0x53: ("u2", "no", "[ppm]", 0.01, ""),
    0x54: ("u2", "no2", "[ppm]", 0.0001, ""),
    0x55: ("u2", "no2", "[ppm]", 0.001, ""),
    0x56: ("u2", "so2", "[ppm]", 0.001, ""),
    0x57: ("f4", "pm1", "ug/m3", 1, ""),
    0x58: ("f4", "pm2_5", "ug/m3", 1, ""),
    0x59: ("f4", "pm4", "ug/m3", 1, ""),
    0x5A: ("f4", "pm10", "ug/m3", 1, ""),
    0x5B: ("f4", "particles_0_5", "/cm3", 1, ""),
    0x5C: ("f4", "particles_1", "/cm3", 1, ""),
    0x5D: ("f4", "particles_2_5", "/cm3", 1, ""),
    0x5E: ("f4", "particles_4", "/cm3", 1, ""),
    0x5F: ("f4", "particles_10", "/cm3", 1, ""),
    0x60: ("f4", "particle_size", "um", 1, ""),
}
"""enLink's type -> what follows."""

_PRESENT, _WET, _SHAKEN, _CELL, _MILLIVOLTS, _COUNTED, _METERED = 0x15, 0x31, 0x32, 0x41, 0x42, 0x0E, (0x10, 0x11)
_OF_ITSELF = {
    **dict.fromkeys((0x44, 0x47), 1),
    **dict.fromkeys((0x0F, 0x40, 0x43, 0x45, 0x46, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4E), 2),
    **dict.fromkeys((*range(0x1D, 0x20), *range(0x23, 0x26), *range(0x29, 0x2C)), 2),
    **dict.fromkeys((*range(0x1A, 0x1D), *range(0x20, 0x23), *range(0x26, 0x29), 0x4D), 4),
}
"""What is of the device and its thresholds -> bytes."""
_STATES = {_PRESENT: 1, _WET: 1, _SHAKEN: 1, _CELL: 1, _MILLIVOLTS: 2, _COUNTED: 5, **dict.fromkeys(_METERED, 5)}


def _number(data: bytes, at: int, written: str) -> float:
    size = int(written[1])
    if written[0] == "f":
        return float(struct.unpack_from(">f", data, at)[0])
    return signed(data, at, size, "big") if written[0] == "s" else whole(data, at, size, "big")


def _read_enlink(body: Body, findings: Findings) -> bool:
    data, at = body.data, 0
    if data[:1] == b"\xa5":  # an answer to a command
        return True
    while at < len(data):
        kind, start = data[at], at + 1
        known = _ENLINK.get(kind)
        size = int(known[0][1]) if known else _STATES.get(kind) or _OF_ITSELF.get(kind, 0)
        if not size or start + size > len(data):
            return False
        if known:
            written, metric, unit, factor, channel = known
            value = _number(data, start, written)
            if math.isfinite(value):
                findings.measure(metric, value * factor, unit, channel)
        elif kind in _STATES:
            _enlink_state(kind, data, start, findings)
        at = start + size
    return at > 0


def _enlink_state(kind: int, data: bytes, at: int, findings: Findings) -> None:
    if kind == _PRESENT:
        findings.measure("occupancy", float(data[at] == 1), "1")
    elif kind == _WET:
        findings.alarm("water_leak", data[at] == 1)
    elif kind == _SHAKEN:
        findings.alarm("vibration", data[at] == 1)
    elif kind == _CELL and 1 <= data[at] <= 254:
        findings.tell("battery_percent", round(data[at] / 2.54, 1))
    elif kind == _MILLIVOLTS:
        findings.tell("voltage_v", whole(data, at, 2, "big") / 1000)
    elif kind == _COUNTED:
        findings.measure("pulses", whole(data, at + 1, 4, "big"), "1", str(data[at]))
    elif kind in _METERED:
        value = _number(data, at + 1, "f4")
        if math.isfinite(value):
            findings.measure("modbus", value, "", f"{data[at]}{'' if kind == _METERED[0] else '.total'}")


_YOSENSI: dict[int, tuple[str, str, float]] = {
    1: ("state", "", 1),
    3: ("temperature", "Cel", 1),
    4: ("humidity", "%", 1),
    6: ("illuminance", "lx", 1000),
    7: ("co2_equivalent", "[ppm]", 1),
    8: ("voc", "", 1),
    9: ("dust", "ug/m3", 1),
    10: ("distance", "m", 0.001),
    11: ("current", "", 1),
    12: ("voltage", "", 1),
    13: ("power", "W", 1),
    24: ("pulses", "1", 1),
    26: ("co", "[ppm]", 1),
    27: ("co2", "[ppm]", 1),
    28: ("sound_level", "dB", 1),
    32: ("pm1", "ug/m3", 1),
    33: ("pm2_5", "ug/m3", 1),
    34: ("pm4", "ug/m3", 1),
    35: ("pm10", "ug/m3", 1),
    37: ("oxygen", "%", 1),
    40: ("air_speed", "m/s", 1),
}
"""Type -> (metric, unit, factor)."""
_DUST = {
    **{n: (metric, "ug/m3") for n, metric in enumerate(("pm1", "pm2_5", "pm4", "pm10"), 1)},
    **{0x10 + n: (f"particles_{size}", "/cm3") for n, size in enumerate(("1", "2_5", "4", "10"), 1)},
}
"""Address of a dust sensor -> (metric, unit)."""
_MILLIVOLT, _PRESSURE, _SPECKS, _TWICE = 2, 5, 9, (22, 23)
_SEVERAL = {14: 3, 15: 3, 16: 3, 17: 4, 18: 4}
"""Type -> how many values of two bytes it has."""
_LONGEST = 4  # bytes of one number
_FLOODED = "H2O"  # a model whose state is whether it stands in water
_LATE = timedelta(minutes=1)


def _read_yosensi(body: Body, findings: Findings) -> bool:
    """Version, count, seconds ago; then type and decimals, seconds later, sizes, address, value."""
    data = body.data
    if len(data) < 8 or data[0] != 2:
        return False
    ago, at = whole(data, 2, 2, "big"), 4
    while at + 3 < len(data):
        kind, decimals = data[at] >> 2, data[at] & 3
        named, size = data[at + 2] >> 4, (data[at + 2] & 15) + 1
        start = at + 3 + named
        if start + size > len(data):
            return False
        when = _when(findings.observed_at, ago - data[at + 1])
        address = data[at + 3 : start]
        _yosensi_value(kind, data[start : start + size], 10.0**-decimals, address, when, body.model, findings)
        at = start + size
    return at == len(data)


def _when(heard: datetime | None, seconds_ago: int) -> datetime | None:
    """When it was measured, where that is not now."""
    late = timedelta(seconds=seconds_ago)
    return heard - late if heard is not None and late > _LATE else None


def _yosensi_value(
    kind: int, raw: bytes, scale: float, address: bytes, when: datetime | None, model: str, findings: Findings
) -> None:
    number = int.from_bytes(raw, "big", signed=True) * scale
    channel = str(int.from_bytes(address, "big")) if address else ""
    parts = _SEVERAL.get(kind, 0)
    if kind == _MILLIVOLT:
        findings.tell("voltage_v", number / 1000)
    elif parts and len(raw) == 2 * parts:
        for n in range(parts):
            where = ".".join(filter(None, (str(kind), channel, str(n + 1))))
            findings.measure("custom", signed(raw, 2 * n, 2, "big") * scale, "", where, at=when)
    elif kind in _TWICE and len(raw) == 8:
        findings.measure("pulses", whole(raw, 0, 4, "big"), "1", channel, at=when)
        findings.measure("pulses_total", whole(raw, 4, 4, "big"), "1", channel, at=when)
    elif kind == _PRESSURE:
        air = 300 <= number <= 1200  # else between two places, or of a refrigerant
        metric, unit = ("pressure", "hPa") if air else ("pressure_difference", "")
        findings.measure(metric, number, unit, channel, at=when)
    elif kind == 1 and _FLOODED in model:
        findings.alarm("flood", number != 0, at=when)
    elif kind == _SPECKS and len(address) == 1 and address[0] in _DUST:
        findings.measure(_DUST[address[0]][0], number, _DUST[address[0]][1], at=when)
    elif len(raw) <= _LONGEST:
        metric, unit, factor = _YOSENSI.get(kind, ("custom", "", 1.0))
        where = channel if kind in _YOSENSI else ".".join(filter(None, (str(kind), channel)))
        findings.measure(metric, number * factor, unit, where, at=when)


ENLINK = Codec(name="enlink", title="Synetica enLink", words=("ENLINK", "SYNETICA"), read=_read_enlink)
YOSENSI = Codec(name="yosensi", title="Yosensi", words=("YOSENSI", "YO-"), read=_read_yosensi)

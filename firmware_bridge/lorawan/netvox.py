"""Netvox: version 1, device type, report type, then eight bytes as the device type has them; port 6.

Source: "Netvox LoRaWAN Application Command".
"""

import math
import struct
from collections.abc import Callable, Sequence

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

PORT = 6
SIZE = 11
_FACTORS = (1, 5, 10, 100)
_NONE = {2: 0xFFFF, 4: 0xFFFFFFFF}  # a value this report does not carry
Reader = Callable[[Findings, bytes], None]
Kinds = dict[int, tuple[Reader, ...]]  # of report


def _number(
    metric: str, unit: str, at: int, scale: float = 1, *, size: int = 2, minus: bool = False, channel: str = ""
) -> Reader:
    def read(findings: Findings, data: bytes) -> None:
        raw = whole(data, at, size, "big")
        if size == 1 or raw != _NONE[size]:
            findings.measure(metric, (signed(data, at, size, "big") if minus else raw) * scale, unit, channel)

    return read


def _alarm(name: str, at: int = 4, area: str = "") -> Reader:
    def read(findings: Findings, data: bytes) -> None:
        if data[at] > 1:
            findings.implausible = True
        findings.alarm(name, data[at] == 1, area)

    return read


def _occupied(at: int) -> Reader:
    def read(findings: Findings, data: bytes) -> None:
        findings.measure("occupancy", float(data[at] == 1), "1")

    return read


def _currents(findings: Findings, data: bytes) -> None:
    """Three phases in mA, each with a multiplier of its own: two bits each in the last byte."""
    for n in range(3):
        factor = _FACTORS[data[10] >> 2 * n & 3]
        findings.measure("current", whole(data, 4 + 2 * n, 2, "big") * factor / 1000, "A", str(n + 1))


def _first_current(findings: Findings, data: bytes) -> None:
    """The first phase; the multipliers of the other two come in another report."""
    findings.measure("current", whole(data, 4, 2, "big") * data[10] / 1000, "A", "1")


def _one_current(findings: Findings, data: bytes) -> None:
    """Milliampere and by how much to multiply them."""
    findings.measure("current", whole(data, 4, 2, "big") * data[6] / 1000, "A")


def _limits(findings: Findings, data: bytes) -> None:
    """Three phases: a bit each for a current too low and one too high."""
    for n in range(3):
        for side, name in enumerate(("low_current", "high_current")):
            findings.alarm(name, data[4] >> 2 * n + side & 1 == 1, str(n + 1))


def _mains(findings: Findings, data: bytes) -> None:
    """A socket: whether it is on, watt hours, and what went wrong."""
    findings.measure("switch", data[3] & 1)
    findings.measure("energy", whole(data, 4, 4, "big") / 1000, "kWh")
    for at, name in ((8, "overcurrent"), (9, "dash_current"), (10, "power_outage")):
        findings.alarm(name, data[at] == 1)


def _floats(metric: str, unit: str, at: int) -> Reader:
    """Three axes, each the upper half of a float, its lower byte first."""

    def read(findings: Findings, data: bytes) -> None:
        for n, axis in enumerate("xyz"):
            value = struct.unpack("<f", b"\0\0" + data[at + 2 * n : at + 2 * n + 2])[0]
            if math.isfinite(value) and abs(value) < 1e6:
                findings.measure(metric, round(value, 4), unit, axis)

    return read


def _pressed(findings: Findings, data: bytes) -> None:
    findings.alarm("button", data[4] == 1, momentary=True)


def _level(at: int) -> Reader:
    """How full a bin is; 255 where nobody said how deep it is."""

    def read(findings: Findings, data: bytes) -> None:
        if data[at] <= 100:
            findings.measure("level", data[at], "%")

    return read


def _gas(metric: str, at: int) -> Reader:
    return _number(metric, "[ppm]", at, 0.1)


_TEMPERATURE = _number("temperature", "Cel", 4, 0.01, minus=True)
_COARSE = _number("temperature", "Cel", 4, 0.1, minus=True)
_CLIMATE = (_TEMPERATURE, _number("humidity", "%", 6, 0.01))
_WATER_TEMPERATURE = _number("water_temperature", "Cel", 6, 0.01, minus=True)
_AIR_AND_WATER: Kinds = {
    0x01: (_number("pm1", "ug/m3", 4), _number("pm2_5", "ug/m3", 6), _number("pm10", "ug/m3", 8)),
    0x02: (_number("pm2_5", "ug/m3", 6),),
    0x03: tuple(_number("particles", "", 4 + 2 * n, channel=size) for n, size in enumerate(("0_3", "0_5", "1"))),
    0x04: tuple(_number("particles", "", 4 + 2 * n, channel=size) for n, size in enumerate(("2_5", "5", "10"))),
    0x05: (_gas("ozone", 4), _gas("co", 6), _gas("no", 8)),
    0x06: (_gas("no2", 4), _gas("so2", 6), _gas("hydrogen_sulfide", 8)),
    0x07: (_number("co2", "[ppm]", 4, 0.1), _gas("ammonia", 6), _number("sound_level", "dB", 8, 0.1)),
    0x08: (_number("ph", "[pH]", 4, 0.01), _WATER_TEMPERATURE, _number("redox", "mV", 8, minus=True)),
    0x09: (_number("turbidity", "", 4, 0.1), _WATER_TEMPERATURE, _number("soil_moisture", "%", 8, 0.01)),
    0x0A: (
        _number("soil_moisture", "%", 4, 0.01),
        _number("soil_temperature", "Cel", 6, 0.01, minus=True),
        _number("water_level", "m", 8, 0.001),
    ),
    0x0B: (
        _number("water_temperature", "Cel", 4, 0.01, minus=True),
        _number("dissolved_oxygen", "mg/L", 6, 0.01),
        _number("oxygen_saturation", "%", 8, 0.1),
    ),
    0x0C: (*_CLIMATE, _number("wind_speed", "m/s", 8, 0.01)),
    0x0D: (_number("wind_direction", "deg", 4), _number("pressure", "hPa", 6, 0.01, size=4)),
    0x0E: (_number("voc", "[ppb]", 4, 100),),
}
_CONTACT: Kinds = {0x01: (_alarm("contact"),)}
_VIBRATION: Kinds = {0x01: (_alarm("vibration"),)}
_BUTTON: Kinds = {0x01: (_pressed,)}
_LEAK: Kinds = {0x01: (_alarm("water_leak"),)}
_SOCKET: Kinds = {
    0x01: (_mains,),
    0x02: (_number("voltage", "V", 3), _number("current", "A", 5, 0.001), _number("power", "W", 7)),
}
_PROBE: Kinds = {0x01: (_COARSE,)}
_VOLTS: Kinds = {0x01: (_number("voltage", "V", 4, 0.001),)}
_SEEN_ONLY: Kinds = {0x01: ()}  # a device that only says that it is here
_DEVICES: dict[int, Kinds] = {
    0x01: {0x01: _CLIMATE},  # R711, R712
    0x02: _CONTACT,  # R311A
    0x03: {0x01: (_TEMPERATURE, _number("illuminance", "lx", 6), _occupied(8), _alarm("tamper", 9))},  # RB11E
    0x05: _AIR_AND_WATER,  # RA07..
    0x06: {0x01: (_alarm("water_leak", 4, "1"), _alarm("water_leak", 5, "2"))},  # R311W
    0x09: _AIR_AND_WATER,  # R726..
    0x0B: {0x01: _CLIMATE},  # R718A
    0x0D: _AIR_AND_WATER,  # RA02.., RA07..Y
    0x0E: _SOCKET,  # R809A
    0x10: _BUTTON,  # RB02I
    0x12: _LEAK,  # R718WB
    0x13: {0x01: _CLIMATE},  # R718AB
    0x1A: _VIBRATION,  # R718DA
    0x1B: _VIBRATION,  # R718DB
    0x1C: {
        0x01: (_floats("acceleration", "m/s2", 4),),
        0x02: (_floats("velocity", "mm/s", 3), _number("temperature", "Cel", 9, 0.1, minus=True)),
    },  # R718E
    0x1D: _CONTACT,  # R718F
    0x1E: {0x01: (_number("illuminance", "lx", 4, size=4),)},  # R718G
    0x1F: {0x01: (_number("pulses", "1", 4),)},  # R718H
    0x20: _VOLTS,  # R718IA
    0x21: {0x01: (_number("input", "", 4, size=1),)},  # R718J
    0x22: {0x01: (_number("current", "A", 5, 0.0001, size=1),)},  # R718KA
    0x25: _CONTACT,  # R718LB
    0x26: _SEEN_ONLY,  # R718MA
    0x27: _VIBRATION,  # R718MBA
    0x2A: _VOLTS,  # R718IB
    0x2F: {0x01: (_alarm("tilt", 4, "1"), _alarm("tilt", 5, "2"))},  # R718DA2
    0x31: _BUTTON,  # R718T
    0x32: _LEAK,  # R718WA
    0x34: {
        0x01: (
            _number("distance", "m", 5, 0.001),
            _number("temperature", "Cel", 7, 0.1, minus=True),
            _level(9),
        )
    },  # R718X
    0x49: {0x01: (_one_current,)},  # R718N1
    0x4A: {0x01: (_first_current,), 0x02: (), 0x03: (_currents,), 0x04: (_limits,)},  # R718N3
    0x4D: _BUTTON,  # R312A
    0x4E: _SEEN_ONLY,  # R311D
    0x4F: _VIBRATION,  # R311FA
    0x55: _BUTTON,  # R312
    0x59: {0x01: (_occupied(4),)},  # R719A
    0x69: {0x01: (_number("siren", "", 5, size=1),)},  # R602A
    0x73: _SOCKET,  # R816B
    0x74: _VOLTS,  # R730IA
    0x75: _VOLTS,  # R730IB
    0x7D: _CONTACT,  # R730F
    0x81: _SEEN_ONLY,  # R730MA
    0x82: _VIBRATION,  # R730MBA
    0x89: _VIBRATION,  # R730DA
    0x8B: _VIBRATION,  # R730DB
    0x8D: _CONTACT,  # R730LB
    **dict.fromkeys(range(0x90, 0x96), _PROBE),  # R718CJ, CK, CT, CR, CE, R718B
    0xA8: _VIBRATION,  # R311DA
    0xA9: _VIBRATION,  # R311DB
    0xB1: {0x01: (_number("distance", "m", 5, 0.001), _level(7))},  # R718PE
}
_ON_MAINS = frozenset({0x0E, 0x69, 0x73})  # byte 3 is no battery
_CONFIGURED, _CALIBRATED = 7, 14
_OTHER_ANSWER_PORTS = (13, 20)  # of the network, and of buttons: alike for all, so that nobody is told by them


def _read(body: Body, findings: Findings) -> bool:
    data = body.data
    if body.f_port != PORT and not (body.model and data[:1] == b"\x01"):
        return _is_answer(body)
    if not data or len(data) % SIZE:
        return False
    reports = [data[at : at + SIZE] for at in range(0, len(data), SIZE)]
    if not all(_read_report(report, findings) for report in reports):
        return False
    _read_phases(reports, findings)
    return True


def _is_answer(body: Body) -> bool:
    """What a device answers to a setting measures nothing."""
    data, port = body.data, body.f_port
    if len(data) < 2 or not 0x81 <= data[0] <= 0x9F:
        return False
    if port in _OTHER_ANSWER_PORTS:
        return bool(body.model)
    known = data[1] in _DEVICES if port == _CONFIGURED else port == _CALIBRATED
    return len(data) == SIZE and known


def _read_report(data: bytes, findings: Findings) -> bool:
    kinds = _DEVICES.get(data[1]) if data[0] == 1 else None
    if kinds is None:
        return False
    if data[2] == 0:  # of itself: software, hardware, day it was made
        findings.tell("firmware", f"{data[3] / 10:.1f}")
        return True
    readers = kinds.get(data[2])
    if readers is None:
        return False
    if data[3] & 0x7F and data[1] not in _ON_MAINS:  # 0 is a mains supply
        findings.tell("voltage_v", (data[3] & 0x7F) / 10)
    for read in readers:
        read(findings, data)
    return True


def _read_phases(reports: Sequence[bytes], findings: Findings) -> None:
    """The second and third phase, where the report with their multipliers came along."""
    by_kind = {report[2]: report for report in reports if report[1] == 0x4A}
    currents, factors = by_kind.get(1), by_kind.get(2)
    if currents is not None and factors is not None and 3 not in by_kind:
        for n in (0, 1):
            findings.measure("current", whole(currents, 6 + 2 * n, 2, "big") * factors[4 + n] / 1000, "A", str(n + 2))


NETVOX = Codec(
    name="netvox",
    title="Netvox",
    words=(
        "NETVOX",
        *("R311", "R312", "R602", "R711", "R712", "R716", "R718", "R719", "R720", "R726", "R730", "R809", "R816"),
        *("RA02", "RA07", "RB02I", "RB11E"),
    ),
    ouis=("00137a",),
    read=_read,
    checks=True,
)

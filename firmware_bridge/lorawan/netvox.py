"""Netvox: version 1, device type, report type, then eight bytes as the device type has them; port 6.

Source: "Netvox LoRaWAN Application Command".
"""

from collections.abc import Callable

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

PORT = 6
SIZE = 11
_FACTORS = (1, 5, 10, 100)
_NONE = 0xFFFF  # a value this report does not carry
Reader = Callable[[Findings, bytes], None]


def _number(metric: str, unit: str, at: int, scale: float = 1, *, size: int = 2, minus: bool = False) -> Reader:
    def read(findings: Findings, data: bytes) -> None:
        raw = whole(data, at, size, "big")
        if size != 2 or raw != _NONE:
            findings.measure(metric, (signed(data, at, size, "big") if minus else raw) * scale, unit)

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


_TEMPERATURE = _number("temperature", "Cel", 4, 0.01, minus=True)
_CLIMATE = (_TEMPERATURE, _number("humidity", "%", 6, 0.01))
_FINE_CLIMATE = {
    0x01: (_number("pm1", "ug/m3", 4), _number("pm2_5", "ug/m3", 6), _number("pm10", "ug/m3", 8)),
    0x02: (_number("pm2_5", "ug/m3", 6),),
    0x07: (_number("co2", "[ppm]", 4, 0.1), _number("sound_level", "dB", 8, 0.1)),
    0x0C: (*_CLIMATE, _number("wind_speed", "m/s", 8, 0.01)),
}
_DEVICES: dict[int, dict[int, tuple[Reader, ...]]] = {
    0x01: {0x01: _CLIMATE},  # R711, R712
    0x02: {0x01: (_alarm("contact"),)},  # R311A
    0x03: {0x01: (_TEMPERATURE, _number("illuminance", "lx", 6), _occupied(8), _alarm("tamper", 9))},  # RB11E
    0x05: _FINE_CLIMATE,  # RA07..
    0x09: _FINE_CLIMATE,  # R726..
    0x0B: {0x01: _CLIMATE},  # R718A
    0x0D: _FINE_CLIMATE,  # RA02..
    0x12: {0x01: (_alarm("water_leak"),)},  # R718WB
    0x13: {0x01: _CLIMATE},  # R718AB
    0x1A: {0x01: (_alarm("vibration"),)},  # R718DA
    0x1E: {0x01: (_number("illuminance", "lx", 4, size=4),)},  # R718G
    0x1F: {0x01: (_number("pulses", "1", 4),)},  # R718H
    0x22: {0x01: (_number("current", "A", 5, 0.0001, size=1),)},  # R718KA
    0x25: {0x01: (_alarm("contact"),)},  # R718LB
    0x2F: {0x01: (_alarm("tilt", 4, "1"), _alarm("tilt", 5, "2"))},  # R718DA2
    0x32: {0x01: (_alarm("water_leak"),)},  # R718WA
    0x4A: {0x01: (_first_current,), 0x02: (), 0x03: (_currents,), 0x04: ()},  # R718N3
    0x59: {0x01: (_occupied(4),)},  # R719A
    0x95: {0x01: (_number("temperature", "Cel", 4, 0.1, minus=True),)},  # R718B
}


def _read(body: Body, findings: Findings) -> bool:
    data = body.data
    if body.f_port != PORT or not data or len(data) % SIZE:
        return False
    return all(_read_report(data[at : at + SIZE], findings) for at in range(0, len(data), SIZE))


def _read_report(data: bytes, findings: Findings) -> bool:
    readers = _DEVICES.get(data[1], {}).get(data[2]) if data[0] == 1 else None
    if readers is None:
        return False
    if data[3] & 0x7F:  # 0 is a mains supply
        findings.tell("voltage_v", (data[3] & 0x7F) / 10)
    for read in readers:
        read(findings, data)
    return True


NETVOX = Codec(
    name="netvox",
    title="Netvox",
    words=("NETVOX", "R711", "R712", "R718", "R719", "R720", "R311", "RB11E", "RA07", "RA02", "R726"),
    ouis=("00137a",),
    read=_read,
    checks=True,
)

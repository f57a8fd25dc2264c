"""Elsys (ERS, EMS, ELT, ETHd): one byte of type, then a big-endian value of the size its type has.

Source: Elsys' "Sensor payload" document.
"""

from collections.abc import Callable

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

Reader = Callable[[Findings, bytes, int], None]


def _number(
    metric: str, unit: str, size: int, scale: float = 1, *, minus: bool = False, channel: str = ""
) -> tuple[int, Reader]:
    def read(findings: Findings, data: bytes, at: int) -> None:
        raw = signed(data, at, size, "big") if minus else whole(data, at, size, "big")
        findings.measure(metric, raw * scale, unit, channel)

    return size, read


def _acceleration(findings: Findings, data: bytes, at: int) -> None:
    for n, axis in enumerate("xyz"):
        findings.measure("acceleration", signed(data, at + n, 1) / 63, "[g]", axis)


def _place(findings: Findings, data: bytes, at: int) -> None:
    findings.locate(signed(data, at, 3) / 1e4, signed(data, at + 3, 3) / 1e4)


def _supply(findings: Findings, data: bytes, at: int) -> None:
    volts = whole(data, at, 2, "big") / 1000
    if not 1.5 <= volts <= 6:
        findings.implausible = True
    findings.tell("voltage_v", volts)


def _leak(findings: Findings, data: bytes, at: int) -> None:
    findings.alarm("water_leak", data[at] != 0)


def _infrared(findings: Findings, data: bytes, at: int) -> None:
    for n, channel in enumerate(("infrared internal", "infrared external")):
        findings.measure("temperature", signed(data, at + 2 * n, 2, "big") / 10, "Cel", channel)


def _sound(findings: Findings, data: bytes, at: int) -> None:
    findings.measure("sound_level", data[at], "dB", "peak")
    findings.measure("sound_level", data[at + 1], "dB")


def _occupied(findings: Findings, data: bytes, at: int) -> None:
    """0 free, 1 perhaps, 2 taken."""
    if data[at] > 2:
        findings.implausible = True
    findings.measure("occupancy", float(data[at] != 0), "1")


def _motion_count(findings: Findings, data: bytes, at: int) -> None:
    findings.measure("motion_count", data[at], "1")


def _nothing(findings: Findings, data: bytes, at: int) -> None:
    """An image of a heat camera, a checksum, a debugging value."""


_TYPES: dict[int, tuple[int, Reader]] = {
    0x01: _number("temperature", "Cel", 2, 0.1, minus=True),
    0x02: _number("humidity", "%", 1),
    0x03: (3, _acceleration),
    0x04: _number("illuminance", "lx", 2),
    0x05: (1, _motion_count),
    0x06: _number("co2", "[ppm]", 2),
    0x07: (2, _supply),
    0x08: _number("voltage", "V", 2, 0.001, channel="1"),
    0x09: (6, _place),
    0x0A: _number("pulses", "1", 2, channel="1"),
    0x0B: _number("pulses_total", "1", 4, channel="1"),
    0x0C: _number("temperature", "Cel", 2, 0.1, minus=True, channel="external"),
    0x0D: _number("input", "", 1, channel="1"),
    0x0E: _number("distance", "m", 2, 0.001),
    0x0F: _number("acceleration_motion", "", 1),
    0x10: (4, _infrared),
    0x11: (1, _occupied),
    0x12: (1, _leak),
    0x13: (65, _nothing),
    0x14: _number("pressure", "hPa", 4, 0.001),
    0x15: (2, _sound),
    0x16: _number("pulses", "1", 2, channel="2"),
    0x17: _number("pulses_total", "1", 4, channel="2"),
    0x18: _number("voltage", "V", 2, 0.001, channel="2"),
    0x19: _number("temperature", "Cel", 2, 0.1, minus=True, channel="external 2"),
    0x1A: _number("input", "", 1, channel="2"),
    0x1B: _number("voltage", "V", 4, 1e-6, minus=True, channel="external"),
    0x1C: _number("voc", "[ppb]", 2),
    0x1D: _number("air_quality_index", "1", 1),
    0x1E: _number("input", "", 1, channel="generic"),
    0x1F: _number("generic", "", 1, minus=True, channel="8"),
    0x20: _number("generic", "", 2, minus=True, channel="16"),
    0x21: (1, _nothing),
    0x22: _number("setpoint", "Cel", 2, 0.1, minus=True),
    0x23: _number("speed", "m/s", 1, 1 / 3.6),
    0x24: _number("humidity", "%", 1, channel="external"),
    0x3C: (4, _nothing),
    0x3D: (4, _nothing),
}


_SUPPLY = 0x07
_SECOND = 0x19  # a probe that may be there several times


def _read(body: Body, findings: Findings) -> bool:
    data, at, end = body.data, 0, len(body.data)
    if not end or data[0] == 0x3E:  # settings, which measure nothing
        return end > 0 and bool(body.model)
    steps: list[tuple[Reader, int]] = []
    seen: list[int] = []
    while at < end:
        known = _TYPES.get(data[at])
        if known is None or at + 1 + known[0] > end:
            return False
        seen.append(data[at])
        steps.append((known[1], at + 1))
        at += 1 + known[0]
    # a sensor tells each value once, and in every periodic message its supply
    findings.implausible = _SUPPLY not in seen or len(seen) - seen.count(_SECOND) != len({*seen} - {_SECOND})
    if findings.implausible and not body.model:
        return False
    for read, start in steps:
        read(findings, data, start)
    return True


ELSYS = Codec(
    name="elsys",
    title="Elsys",
    words=("ELSYS", "ERS2", "ERS-", "ERS_", "ERSD", "ERS ", "EMS-D", "EMS_D", "ELT-2", "ELT2", "ETHD"),
    ouis=("a81758ff",),
    read=_read,
    checks=True,
)

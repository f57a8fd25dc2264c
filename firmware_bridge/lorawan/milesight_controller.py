"""Milesight's controllers (UC100, UC11xx, UC300, UC50x, UC51x, UC52x): inputs, outputs, and what hangs on their buses.

What a bus brings has no name but its number: it is kept as `modbus` and `sdi12` of that channel. Read by
`milesight_table`.
"""

import math
import re
import struct

from firmware_bridge.lorawan.codec import signed, whole
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.milesight_reader import (
    Field,
    Reader,
    alarm,
    battery,
    both,
    fault,
    later,
    number,
    one,
    skip,
)

_COIL, _DISCRETE, _FLOATS = 0, 1, (5, 7)
_SHORT = frozenset({2, 3})
_LOW_HALF, _HIGH_HALF = frozenset({8, 10}), frozenset({9, 11})
_SDI12 = re.compile(rb"[+-]\d{1,7}(?:\.\d{1,7})?")
_UC300 = frozenset({0x0801, 0x0B02, 0x0C02, 0x0D02, 0x0E02, 0x0BE2, 0x0CE2, 0x0DE2, 0x0EE2, 0x0A67, 0xFF19})
_LITTLE = ("UC11-", "UC11XX", "UC1114", "UC1122", "UC1152")


def statistics(metric: str, unit: str, channel: str, scale: float, *, halves: bool = True) -> Reader:
    """A value, then its least and greatest in either order, then its mean; as short floats or as whole numbers."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        form = "<4e" if halves else "<4h"
        now, least, greatest, mean = struct.unpack_from(form, data, at)
        least, greatest = min(least, greatest), max(least, greatest)
        for part, value in (("", now), (" min", least), (" max", greatest), (" mean", mean)):
            if math.isfinite(value):
                findings.measure(metric, round(value * scale, 6), unit, f"{channel}{part}")

    return read


def _modbus_value(findings: Findings, channel: str, kind: int, data: bytes, at: int) -> None:
    """One register: the low bits are its kind, the highest whether it has a sign."""
    minus, kind = kind >> 7 == 1, kind & 0x7F
    if kind in _FLOATS:
        value = struct.unpack_from("<f", data, at)[0]
        if math.isfinite(value) and abs(value) < 1e15:
            findings.measure("modbus", float(value), "", channel)
        return
    if kind in _HIGH_HALF:
        at += 2
    size = 1 if kind in (_COIL, _DISCRETE) else 2 if kind in _SHORT | _LOW_HALF | _HIGH_HALF else 4
    findings.measure("modbus", signed(data, at, size) if minus else whole(data, at, size), "", channel)


def _modbus_size(kind: int) -> int:
    kind &= 0x7F
    return 1 if kind in (_COIL, _DISCRETE) else 2 if kind in _SHORT else 4


def _modbus(findings: Findings, data: bytes, at: int) -> None:
    """UC100 and UC300: the channel, how much there is, the register's kind, its value."""
    _modbus_value(findings, str(data[at] + 1), data[at + 2], data, at + 3)


def _sized_modbus(data: bytes, at: int) -> int:
    return 3 + _modbus_size(data[at + 2]) if at + 2 < len(data) else 0


def _old_modbus(findings: Findings, data: bytes, at: int) -> None:
    """UC11xx and UC50x: the channel, which UC50x begin at 7; the register's kind in three bits; its value."""
    channel = data[at] - 6 if data[at] > 6 else data[at]
    _modbus_value(findings, str(channel), data[at + 1] & 7, data, at + 2)


def _sized_old_modbus(data: bytes, at: int) -> int:
    return 2 + _modbus_size(data[at + 1] & 7) if at + 1 < len(data) else 0


def _modbus_fault(findings: Findings, data: bytes, at: int) -> None:
    findings.alarm("fault", True, f"modbus {data[at] - 6 if data[at] > 6 else data[at] + 1}", momentary=True)


def _sdi12(findings: Findings, data: bytes, at: int) -> None:
    """The answer of a sensor as text: its address, then numbers with their signs."""
    for n, value in enumerate(_SDI12.findall(data[at + 1 : at + 37])):
        findings.measure("sdi12", float(value), "", f"{data[at] + 1}.{n}")


def _valve(channel: str) -> Reader:
    """A motor valve: its kind, or that its state could not be told; how far it is open."""
    return later(1, number("valve_opening", "%", size=1, channel=channel))


def _screen(data: bytes, at: int) -> int:
    """A text for a display, echoed: its block, its length, its letters."""
    return 2 + data[at + 1] if at + 1 < len(data) else 0


def _input(channel: str) -> Field:
    """UC300 and UC50x: an input that is on or off."""
    return Field(size=1, read=number("input", size=1, channel=channel), models=("UC300", "UC501", "UC502"), near=_UC300)


_PIPE = number("pipe_pressure", "kPa")
CONTROLLER: dict[int, tuple[Field, ...]] = {
    0x0100: one(1, number("input", size=1, channel="1")),
    0x01C8: one(4, number("pulses", size=4, channel="1")),
    0x0167: one(2, number("temperature", "Cel", scale=0.1, minus=True)),
    0x0200: one(1, number("input", size=1, channel="2")),
    0x0268: one(1, number("humidity", "%", size=1, scale=0.5)),
    0x02C8: one(4, number("pulses", size=4, channel="2")),
    0x0300: (_input("1"),),
    0x0301: (Field(size=1, read=number("output", size=1, channel="1"), models=("UC501", "UC502")),),
    0x0375: one(1, battery),
    0x03C8: one(4, number("pulses", size=4, channel="1")),
    0x03F6: one(2, _valve("1")),
    0x0400: (_input("2"),),
    0x0401: one(1, number("output", size=1, channel="2")),
    0x04C8: (
        Field(
            size=4,
            read=number("pulses", size=4, channel="2"),
            models=("UC300", "UC501", "UC502", "UC11"),
            near=_UC300 | {0x03C8},
        ),
    ),
    0x0500: (_input("3"),),
    0x0502: (
        Field(size=8, read=statistics("analog_input", "", "1", 0.01, halves=False), models=_LITTLE),
        Field(size=8, read=statistics("analog_input", "", "1", 0.001, halves=False)),
    ),
    0x05C8: (Field(size=4, read=number("pulses", size=4, channel="3"), models=("UC300",), near=_UC300),),
    0x05E2: one(8, statistics("analog_input", "", "1", 1)),
    0x05F6: one(2, _valve("2")),
    0x0600: (_input("4"),),
    0x0602: (
        Field(size=8, read=statistics("analog_input", "", "2", 0.01, halves=False), models=_LITTLE),
        Field(size=8, read=statistics("analog_input", "", "2", 0.001, halves=False)),
    ),
    0x06C8: (Field(size=4, read=number("pulses", size=4, channel="4"), models=("UC300",), near=_UC300),),
    0x06E2: one(8, statistics("analog_input", "", "2", 1)),
    0x0701: (
        Field(size=1, read=number("output", size=1, channel="1"), models=("UC300",), near=_UC300),
        Field(size=1, read=number("input", size=1, channel="1"), models=("UC51", "UC52")),
    ),
    0x0801: (
        Field(size=1, read=number("output", size=1, channel="2")),
        Field(size=1, read=number("input", size=1, channel="2"), models=("UC51", "UC52")),
    ),
    0x08DB: one(37, _sdi12),
    0x0901: one(1, number("output", size=1, channel="1")),
    0x0967: (Field(size=2, read=number("temperature", "Cel", scale=0.1, minus=True, channel="1"), models=("UC300",)),),
    0x097B: one(2, number("pipe_pressure", "kPa", channel="1")),
    0x09E2: one(8, statistics("temperature", "Cel", "1", 1)),
    0x0A01: one(1, number("output", size=1, channel="2")),
    0x0A67: one(2, number("temperature", "Cel", scale=0.1, minus=True, channel="2")),
    0x0A7B: one(2, number("pipe_pressure", "kPa", channel="2")),
    0x0AE2: one(8, statistics("temperature", "Cel", "2", 1)),
    0x0B02: one(4, number("current", "A", size=4, scale=1e-5, channel="1")),
    0x0BE2: one(8, statistics("current", "A", "1", 0.001)),
    0x0BF5: one(9, both(later(6, _PIPE), alarm("pressure_alarm", at=8))),
    0x0C02: one(4, number("current", "A", size=4, scale=1e-5, channel="2")),
    0x0CE2: one(8, statistics("current", "A", "2", 0.001)),
    0x0CF5: one(9, both(later(6, _PIPE), alarm("pressure_alarm", area="2", at=8))),
    0x0D02: one(4, number("voltage", "V", size=4, scale=0.01, channel="1")),
    0x0DE2: one(8, statistics("voltage", "V", "1", 1)),
    0x0DE3: one(4, skip),
    0x0E02: one(4, number("voltage", "V", size=4, scale=0.01, channel="2")),
    0x0EAF: one(3, skip),
    0x0EE2: one(8, statistics("voltage", "V", "2", 1)),
    0x0F01: one(1, skip),
    0x0FAF: one(3, skip),
    0x1102: one(8, statistics("analog_input", "", "1", 0.01, halves=False)),
    0x1202: one(8, statistics("analog_input", "", "2", 0.01, halves=False)),
    0x85E2: one(9, statistics("analog_input", "", "1", 1)),
    0x86E2: one(9, statistics("analog_input", "", "2", 1)),
    0xB3F6: one(2, later(1, fault("valve 1"))),
    0xB5F6: one(2, later(1, fault("valve 2"))),
    0xB97B: one(1, fault("pressure 1")),
    0xBA7B: one(1, fault("pressure 2")),
    0xFB01: (Field(size=0, read=skip, sized=_screen),),
    0xFB03: (Field(size=0, read=skip, sized=_screen),),
    0xFF0E: (Field(size=0, read=_old_modbus, sized=_sized_old_modbus),),
    0xFF14: one(1, skip),
    0xFF15: one(1, _modbus_fault),
    0xFF19: (Field(size=0, read=_modbus, sized=_sized_modbus),),
}
"""Channel << 8 | type -> what it means of a controller."""

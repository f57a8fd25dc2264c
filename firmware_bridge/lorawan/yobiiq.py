"""Yobiiq: meters EM2101 and EM4301, relays RM200, smoke detectors SD-1001. The port tells what sort of message it is.

All are a byte of channel, a byte of type, then a big-endian value; what a type means differs with the port and the
channel. Source: Yobiiq's user manuals ("LoRaWAN payload") of EM2101, EM4301, RM200 and SD-1001.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.notation.instant import from_unix

SMOKE_PORT = 8
CHANGE_PORT = 11
ABOUT_PORT = 50
LOG_PORT = 60
SETTINGS_PORT = 100
_BATTERY, _MAINS = b"\x01\x75", b"\x02\x0b"
_MEASURED_PORTS = range(1, 11)
_MEASURED, _CHANGED, _ABOUT, _LOGGED = 0xDD, 0xAA, 0xFF, 0xFD  # channels; meters number theirs, or have 0xfe
_EARLIEST, _LATEST = datetime(2015, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)


class _Report(msgspec.Struct, gc=False):
    """How far a message was read; `at` is when its values were measured, where it says so."""

    findings: Findings
    at: datetime | None = None


Reader = Callable[[_Report, bytes], None]


class _Type(msgspec.Struct, frozen=True):
    """A value's size in bytes, and what it tells."""

    size: int
    read: Reader


def _number(
    metric: str, unit: str, channel: str = "", scale: float = 1.0, *, size: int = 4, minus: bool = True
) -> _Type:
    def read(report: _Report, value: bytes) -> None:
        raw = signed(value, 0, size, "big") if minus else whole(value, 0, size, "big")
        report.findings.measure(metric, raw * scale, unit, channel, at=report.at)

    return _Type(size, read)


def _alarm(name: str, size: int = 1) -> _Type:
    def read(report: _Report, value: bytes) -> None:
        report.findings.alarm(name, value[0] == 1, at=report.at)

    return _Type(size, read)


def _relay(channel: str) -> _Type:
    """The lower bit says whether it is on, the one above whether by hand."""

    def read(report: _Report, value: bytes) -> None:
        report.findings.measure("relay", value[0] & 1, "", channel, at=report.at)

    return _Type(1, read)


def _nothing(report: _Report, value: bytes) -> None:
    """A setting, or what is known from elsewhere."""


def _when(report: _Report, value: bytes) -> None:
    at = from_unix(whole(value, 0, 4, "big"))
    if at is None or not _EARLIEST < at < _LATEST:
        report.findings.implausible = True
    else:
        report.at = at


def _is_plausible(report: _Report, value: bytes) -> None:
    """The time of sending, which the network knows better; it tells a meter's message from others'."""
    at = from_unix(whole(value, 0, 4, "big"))
    report.findings.implausible |= at is None or not _EARLIEST < at < _LATEST


def _firmware(report: _Report, value: bytes) -> None:
    report.findings.tell("firmware", f"{value[0]}.{value[1]}")


def _serial(report: _Report, value: bytes) -> None:
    """Meters and relays write it as a number, smoke detectors in five bytes digit by digit."""
    report.findings.tell("serial", value.hex() if len(value) == 5 else str(whole(value, 0, 4, "big")))


def _percent(report: _Report, value: bytes) -> None:
    report.findings.tell("battery_percent", float(value[0]))


def _decivolts(report: _Report, value: bytes) -> None:
    if value[0]:
        report.findings.tell("voltage_v", value[0] / 10)


def _energies() -> dict[int, _Type]:
    """Imported and exported, active and reactive, each in two tariffs."""
    names = [
        (f"{kind}energy_{way}", unit, f"tariff {tariff}")
        for kind, unit in (("", "kWh"), ("reactive_", "kvar.h"))
        for way in ("imported", "exported")
        for tariff in (1, 2)
    ]
    return {
        0x04 + n: _number(metric, unit, tariff, 0.001, minus=False) for n, (metric, unit, tariff) in enumerate(names)
    }


def _phases(first: int, metric: str, unit: str, scale: float, size: int = 4) -> dict[int, _Type]:
    return {first + n: _number(metric, unit, f"L{n + 1}", scale, size=size) for n in range(3)}


_METER: dict[int, _Type] = {
    0x00: _Type(4, _nothing),
    0x01: _Type(4, _is_plausible),
    0x03: _Type(4, _when),
    **_energies(),
    **_phases(0x0C, "voltage", "V", 0.1),
    0x0F: _number("current", "A", "total", 0.001),
    **_phases(0x10, "current", "A", 0.001),
    0x13: _number("power", "W", "total"),
    **_phases(0x14, "power", "W", 1),
    **_phases(0x17, "reactive_power", "var", 1),
    **_phases(0x1A, "apparent_power", "VA", 1),
    **_phases(0x1D, "power_factor", "1", 0.01, 1),
    **_phases(0x20, "phase_angle", "deg", 0.01, 2),
    0x23: _number("frequency", "Hz", "", 0.01, size=2),
    0x24: _number("power", "W", "system"),
    0x25: _number("reactive_power", "var", "system"),
    0x26: _number("apparent_power", "VA", "system"),
    **_phases(0x27, "current_max", "A", 0.001),
    0x2A: _number("power", "W", "mean"),
    0x2B: _Type(4, _nothing),
    0xF0: _Type(2, _nothing),
    0xF1: _Type(2, _firmware),
    0xF2: _Type(2, _nothing),
}
_CIRCUIT: dict[int, _Type] = {
    0xFD: _Type(4, _when),
    0xFE: _Type(4, _is_plausible),
    **dict.fromkeys((0x12, 0x13, 0x14, 0x64, 0x65, 0x66, 0x67, 0x96, 0x99), _Type(1, _nothing)),
    0x15: _Type(2, _nothing),
    0x16: _alarm("watchdog"),
    0x69: _alarm("overheat"),
    0x70: _Type(4, _nothing),
    0x71: _number("temperature", "Cel", "internal", 0.01, size=2),
    0x72: _number("humidity", "%", "internal", size=1, minus=False),
    0x95: _relay("1"),
    0x97: _number("relay_count", "1", "1", minus=False),
    0x98: _relay("2"),
    0x9A: _number("relay_count", "1", "2", minus=False),
}
_CIRCUIT_CHANGES: dict[int, _Type] = {
    0xFE: _Type(4, _when),
    0x00: _alarm("overheat"),
    0x01: _relay("1"),
    0x02: _relay("2"),
    0x03: _alarm("watchdog"),
    0x97: _CIRCUIT[0x97],
    0x9A: _CIRCUIT[0x9A],
}
_METER_CHANGES = {0x01: _number("relay", "", size=1), 0x02: _number("input", "", "1", size=1)}
_LOG: dict[int, _Type] = {
    0x01: _Type(1, lambda report, value: report.findings.alarm("overcurrent", value[0] == 1)),
    **dict.fromkeys((0x02, 0x08), _Type(1, _nothing)),
    **dict.fromkeys((0x03, 0x04, 0x05, 0x06, 0x07), _Type(4, _nothing)),
}
_LIMITS = {
    **dict.fromkeys((0x3C, 0x3D, 0x3E, 0x3F, 0x40, 0x41, 0x42, 0x43), _Type(2, _nothing)),
    **dict.fromkeys((0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57), _Type(2, _nothing)),
    **dict.fromkeys((0x44, 0x58), _Type(1, _nothing)),
}
_METER_ABOUT: dict[int, _Type] = {
    0x00: _Type(1, lambda report, value: report.findings.measure("relay", value[0] & 1)),
    0x09: _Type(2, _nothing),
    0x0A: _Type(2, _firmware),
    0x0B: _Type(1, _nothing),
    0x0F: _Type(1, _nothing),
    0x16: _Type(4, _serial),
    **{kind: _Type(size, _nothing) for kind, size in ((0x1E, 2), (0x1F, 1), (0x20, 4), (0x21, 2), (0x28, 0))},
    **_LIMITS,
}
_DETECTOR_ABOUT = {**_METER_ABOUT, 0x16: _Type(5, _serial)}
_CIRCUIT_ABOUT: dict[int, _Type] = {
    0x01: _Type(0, _nothing),
    0x02: _Type(0, _nothing),
    0x03: _Type(4, _serial),
    0x04: _Type(2, _firmware),
    0x05: _Type(2, _nothing),
    0x06: _Type(1, _nothing),
    0x07: _Type(1, lambda report, value: _percent(report, value) if value[0] else None),
    0x08: _Type(1, _decivolts),
    0x11: _Type(1, _nothing),
}
_SMOKE = {
    0x03: _alarm("battery_low"),
    0x04: _alarm("fault"),
    0x05: _alarm("smoke"),
    0x06: _alarm("smoke_interconnected"),
    0x07: _Type(1, lambda report, value: report.findings.alarm("test_button", value[0] == 1, momentary=True)),
}
_Form = tuple[Mapping[int, _Type], int]
"""Types, and the channel that all items have; 0 where channels count up."""

_BY_CHANNEL: dict[tuple[int, int], tuple[_Form, ...]] = {
    (ABOUT_PORT, _ABOUT): ((_METER_ABOUT, _ABOUT), (_DETECTOR_ABOUT, _ABOUT), (_CIRCUIT_ABOUT, _ABOUT)),
    (SETTINGS_PORT, _ABOUT): ((_CIRCUIT, _ABOUT),),
    (CHANGE_PORT, _CHANGED): ((_CIRCUIT_CHANGES, _CHANGED),),
    (LOG_PORT, _LOGGED): ((_LOG, _LOGGED),),
    **{(port, _MEASURED): ((_CIRCUIT, _MEASURED),) for port in _MEASURED_PORTS},
}
"""Port and first channel -> what such a message can be."""


def _read(body: Body, findings: Findings) -> bool:
    port, data = body.f_port, body.data
    if port == SMOKE_PORT and _read_smoke(data, findings):
        return True
    for types, channel in _forms(port, data):
        tried = _Report(findings.fresh())
        if _walk(data, types, channel, tried):
            findings.observations += tried.findings.observations
            findings.facts.update(tried.findings.facts)
            findings.implausible |= tried.findings.implausible
            return True
    return False


def _forms(port: int, data: bytes) -> tuple[_Form, ...]:
    """What a message on this port can be."""
    named = _BY_CHANNEL.get((port, data[0] if data else 0))
    if named is not None:
        return named
    if port == CHANGE_PORT:
        return ((_METER_CHANGES, 0),)
    if port in _MEASURED_PORTS and data[1:2] in (b"\x00", b"\x01", b"\x03"):  # a meter begins with its clock
        return ((_METER, 0),)
    return ()


def _walk(data: bytes, types: Mapping[int, _Type], channel: int, report: _Report) -> bool:
    """Whether every item is known, and the last ends where the message does."""
    at, before = 0, 0
    while at + 1 < len(data):
        if channel and data[at] != channel:
            return False
        if not channel and data[at : at + 2] == b"\x0b\x0a":  # what went wrong on the meter's own bus
            at += 3
            continue
        if not channel and data[at] < before:
            return False
        before = data[at]
        kind = types.get(data[at + 1])
        if kind is None:
            return False
        at += 2
        size = kind.size or _text_size(data, at, channel)
        value = data[at : at + size]
        if len(value) < size:
            return False
        kind.read(report, value)
        at += size
    return at == len(data) and at > 0


def _text_size(data: bytes, at: int, channel: int) -> int:
    """A text goes on until the channel is named again."""
    end = data.find(bytes((channel,)), at)
    return (end if end >= 0 else len(data)) - at


def _read_smoke(data: bytes, findings: Findings) -> bool:
    report = _Report(findings)
    if not data or len(data) % 3 or data[:2] not in (_BATTERY, _MAINS):
        return False
    for at in range(0, len(data), 3):
        head, channel, value = data[at : at + 2], data[at], data[at + 2 : at + 3]
        if head == _BATTERY:
            _percent(report, value)
        elif head == _MAINS and value[0] < 2:
            findings.measure("mains", value[0], "1")
        elif channel in _SMOKE and data[at + 1] == 0 and value[0] < 2:
            _SMOKE[channel].read(report, value)
        else:
            return False
    return True


YOBIIQ = Codec(
    name="yobiiq",
    title="Yobiiq",
    words=("YOBIIQ", "SD1001", "SD-1001", "EM2101", "EM4301", "RM200"),
    read=_read,
    checks=True,
)

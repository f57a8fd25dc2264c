"""Tektelic (Smart Room Sensor, Comfort, Vivid, Kiwi, Clover, Aura, Flux): two bytes of key, then a big-endian value.

The sensors of a room and those of a field have some keys in common that mean different things; port 10.

Source: Tektelic's technical reference manuals, "Uplink payload".
"""

import math
from collections.abc import Callable, Mapping

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

PORT = 10
Reader = Callable[[Findings, bytes, int], None]


def _number(
    metric: str, unit: str, size: int, scale: float = 1, *, minus: bool = False, channel: str = ""
) -> tuple[int, Reader]:
    def read(findings: Findings, data: bytes, at: int) -> None:
        raw = signed(data, at, size, "big") if minus else whole(data, at, size, "big")
        findings.measure(metric, raw * scale, unit, channel)

    return size, read


def _alarm(name: str, active: int = 0xFF) -> tuple[int, Reader]:
    def read(findings: Findings, data: bytes, at: int) -> None:
        if data[at] not in (0, 1, 0xFF):
            findings.implausible = True
        findings.alarm(name, data[at] == active)

    return 1, read


def _light(findings: Findings, data: bytes, at: int) -> None:
    """Whether there is any: all ones of some devices, one of others."""
    findings.measure("light_detected", float(data[at] != 0), "1")


def _motion(findings: Findings, data: bytes, at: int) -> None:
    findings.motion(data[at] == 0xFF)


def _cell(findings: Findings, data: bytes, at: int) -> None:
    """A battery in one byte: hundredths of a volt above 2.5, and whether its end is near."""
    findings.tell("voltage_v", round(2.5 + (data[at] & 0x7F) / 100, 2))
    findings.alarm("battery_low", data[at] > 0x7F)


def _volts(scale: float) -> tuple[int, Reader]:
    def read(findings: Findings, data: bytes, at: int) -> None:
        findings.tell("voltage_v", round(whole(data, at, 2, "big") * scale, 3))

    return 2, read


def _percent(findings: Findings, data: bytes, at: int) -> None:
    findings.tell("battery_percent", float(data[at]))


def _acceleration(findings: Findings, data: bytes, at: int) -> None:
    for n, axis in enumerate("xyz"):
        findings.measure("acceleration", signed(data, at + 2 * n, 2, "big") / 1000, "[g]", axis)


def _consumption(findings: Findings, data: bytes, at: int) -> None:
    """Over how many seconds how much went through; no document tells the unit of the meter."""
    findings.measure("consumption_time", whole(data, at, 4, "big"), "s")
    findings.measure("consumption", whole(data, at + 4, 4, "big"))


def _soil_temperature(findings: Findings, data: bytes, at: int) -> None:
    """A thermistor: the voltage over it and what it tells of the temperature."""
    millivolts = whole(data, at, 2, "big")
    findings.measure("input_voltage", millivolts / 1000, "V", "2")
    if millivolts:
        findings.measure("soil_temperature", round(236.36 - 32.46 * math.log(millivolts), 1), "Cel")


_Keys = Mapping[int, tuple[int, Reader]]
_ROOM: _Keys = {
    0x0000: _number("meter_status", "", 1),
    0x0001: _number("switch", "1", 1, 1 / 255),
    0x0074: _number("voltage", "V", 2, 0.1),
    0x0075: _number("current", "", 2, 0.1),
    0x0076: _number("frequency", "Hz", 2, 0.1),
    0x0080: _number("active_power", "W", 2, 0.1, minus=True),
    0x0081: _number("power_factor", "1", 1, 0.01, minus=True),
    0x00BA: _volts(0.001),
    0x00BD: _number("battery_days", "d", 2),
    0x00D3: (1, _percent),
    0x00FE: (8, _consumption),
    0x00FF: _volts(0.01),
    0x0100: _alarm("contact"),
    0x0180: _number("apparent_power", "VA", 2, 0.1),
    0x0200: (1, _light),
    0x0280: _number("reactive_power", "var", 2, 0.1),
    0x0367: _number("temperature", "Cel", 2, 0.1, minus=True),
    0x0468: _number("humidity", "%", 1, 0.5),
    0x0502: _number("impact", "[g]", 2, 0.001),
    0x0600: _alarm("break_in"),
    0x0771: (6, _acceleration),
    0x0804: _number("contact_count", "1", 2),
    0x0900: _alarm("water_leak"),
    0x0A00: (1, _motion),
    0x0B67: _number("temperature", "Cel", 2, 0.1, minus=True, channel="processor"),
    0x0C00: _alarm("impact"),
    0x0D04: _number("motion_count", "1", 2),
    0x0E00: _number("input", "", 1),
    0x0F04: _number("input_count", "1", 2),
    0x1002: _number("light_level", "1", 1),
    0x1102: _number("input_voltage", "V", 2, 0.001),
    0x1204: _number("input_count_total", "1", 4),
}

_FIELD: _Keys = {
    **_ROOM,
    0x00BA: (1, _cell),
    0x0104: _number("input_frequency", "Hz", 2, channel="1"),
    0x0202: (2, _soil_temperature),
    0x0302: _number("input_voltage", "V", 2, 0.001, channel="3"),
    0x0402: _number("input_voltage", "V", 2, 0.001, channel="4"),
    0x0504: _number("input_frequency", "Hz", 2, channel="5"),
    0x0604: _number("input_frequency", "Hz", 2, channel="6"),
    0x0900: (1, _light),
    0x0965: _number("illuminance", "lx", 2),
    0x0A00: _alarm("orientation"),
    0x0A71: (6, _acceleration),
    0x0B67: _number("temperature", "Cel", 2, 0.1, minus=True),
    0x0B68: _number("humidity", "%", 1, 0.5),
}
"""Kiwi and Clover, of which no room's sensor has the frequencies, the voltages or the light."""
_ONLY_FIELD = _FIELD.keys() - _ROOM.keys()
_PLAIN = (0x0000, 0x0001)  # which fit too much else
_FIELDS = ("KIWI", "CLOVER", "AGRICULTURE")


def _steps(data: bytes, keys: _Keys) -> list[tuple[int, Reader, int]]:
    """(key, reader, place) of each value; none where the body is not made of such keys to its last byte."""
    steps: list[tuple[int, Reader, int]] = []
    at, end = 0, len(data)
    while at < end:
        key = data[at] << 8 | data[at + 1] if at + 1 < end else -1
        known = keys.get(key)
        if known is None or at + 2 + known[0] > end:
            return []
        steps.append((key, known[1], at + 2))
        at += 2 + known[0]
    return steps


def _read(body: Body, findings: Findings) -> bool:
    if body.f_port != PORT:
        return False
    steps = [] if any(word in body.model for word in _FIELDS) else _steps(body.data, _ROOM)
    if not steps:
        steps = _steps(body.data, _FIELD)
        if not body.model and _ONLY_FIELD.isdisjoint(key for key, _, _ in steps):
            return False
    if not body.model and all(key in _PLAIN for key, _, _ in steps):
        return False
    for _, read, at in steps:
        read(findings, body.data, at)
    return bool(steps)


TEKTELIC = Codec(
    name="tektelic",
    title="Tektelic",
    words=("TEKTELIC", "SMART ROOM", "KIWI", "CLOVER", "VIVID", "AGRICULTURE SENSOR"),
    ouis=("647fda",),
    read=_read,
    checks=True,
)

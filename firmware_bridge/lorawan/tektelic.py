"""Tektelic (Home/Smart Room Sensor, Comfort, Vivid, Kiwi, Clover): two bytes of key, then a big-endian value; port 10.

Source: Tektelic's technical reference manuals, "Uplink payload".
"""

from collections.abc import Callable

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


def _motion(findings: Findings, data: bytes, at: int) -> None:
    findings.motion(data[at] == 0xFF)


def _volts(scale: float) -> tuple[int, Reader]:
    def read(findings: Findings, data: bytes, at: int) -> None:
        findings.tell("voltage_v", round(whole(data, at, 2, "big") * scale, 3))

    return 2, read


def _percent(findings: Findings, data: bytes, at: int) -> None:
    findings.tell("battery_percent", float(data[at]))


def _acceleration(findings: Findings, data: bytes, at: int) -> None:
    for n, axis in enumerate("xyz"):
        findings.measure("acceleration", signed(data, at + 2 * n, 2, "big") / 1000, "[g]", axis)


def _nothing(findings: Findings, data: bytes, at: int) -> None:
    """What the battery was drained of since the last report, in units of the maker."""


_KEYS: dict[int, tuple[int, Reader]] = {
    0x00BA: _volts(0.001),
    0x00BD: _number("battery_days", "d", 2),
    0x00D3: (1, _percent),
    0x00FE: (11, _nothing),
    0x00FF: _volts(0.01),
    0x0100: _alarm("contact"),
    0x0104: _number("input_frequency", "Hz", 2, channel="1"),
    0x0200: _number("light_detected", "1", 1, 1 / 255),
    0x0202: _number("input_voltage", "V", 2, 0.001, channel="2"),
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


def _read(body: Body, findings: Findings) -> bool:
    data, at, end = body.data, 0, len(body.data)
    if body.f_port != PORT:
        return False
    while at + 2 < end:
        size, read = _KEYS.get(data[at] << 8 | data[at + 1], (0, _nothing))
        if not size or at + 2 + size > end:
            return False
        read(findings, data, at + 2)
        at += 2 + size
    return at == end and end > 0


TEKTELIC = Codec(
    name="tektelic",
    title="Tektelic",
    words=("TEKTELIC", "SMART ROOM", "KIWI", "CLOVER", "VIVID"),
    ouis=("647fda",),
    read=_read,
    checks=True,
)

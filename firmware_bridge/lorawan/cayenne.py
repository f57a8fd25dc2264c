"""Cayenne Low Power Payload: channel, type (IPSO object less 3200), big-endian value.

Source: "Cayenne LPP" of myDevices, the further types of the ElectronicCats library, and those of RAKwireless for its
WisBlock and Sensor Hub.
"""

from collections.abc import Callable

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

Reader = Callable[[Findings, bytes, int, str], None]


def _number(metric: str, unit: str, size: int, scale: float = 1, *, minus: bool = False) -> tuple[int, Reader]:
    def read(findings: Findings, data: bytes, at: int, channel: str) -> None:
        raw = signed(data, at, size, "big") if minus else whole(data, at, size, "big")
        findings.measure(metric, raw * scale, unit, channel)

    return size, read


def _axes(metric: str, unit: str, scale: float) -> tuple[int, Reader]:
    def read(findings: Findings, data: bytes, at: int, channel: str) -> None:
        for n, axis in enumerate("xyz"):
            findings.measure(metric, signed(data, at + 2 * n, 2, "big") * scale, unit, f"{channel}.{axis}")

    return 6, read


def _place(findings: Findings, data: bytes, at: int, _channel: str) -> None:
    latitude, longitude, altitude = (signed(data, at + 3 * n, 3, "big") for n in range(3))
    findings.locate(latitude / 1e4, longitude / 1e4, altitude / 100)


def _near_place(findings: Findings, data: bytes, at: int, _channel: str) -> None:
    """The place of a WisBlock, a hundred times as precise."""
    latitude, longitude = (signed(data, at + 4 * n, 4, "big") for n in range(2))
    findings.locate(latitude / 1e6, longitude / 1e6, signed(data, at + 8, 3, "big") / 100)


def _nothing(_findings: Findings, _data: bytes, _at: int, _channel: str) -> None:
    """A device's own clock, the colour of a lamp."""


def _percent(findings: Findings, data: bytes, at: int, _channel: str) -> None:
    findings.tell("battery_percent", float(data[at]))


def _volts(findings: Findings, data: bytes, at: int, _channel: str) -> None:
    findings.tell("voltage_v", whole(data, at, 2, "big") / 100)


def _presence(findings: Findings, data: bytes, at: int, channel: str) -> None:
    findings.measure("presence", data[at], "1", channel)


_TYPES: dict[int, tuple[int, Reader]] = {
    0x00: _number("digital_input", "", 1),
    0x01: _number("digital_output", "", 1),
    0x02: _number("analog_input", "", 2, 0.01, minus=True),
    0x03: _number("analog_output", "", 2, 0.01, minus=True),
    0x10: _number("nitrogen", "mg/kg", 2),
    0x11: _number("phosphorus", "mg/kg", 2),
    0x12: _number("potassium", "mg/kg", 2),
    0x64: _number("generic", "", 4),
    0x65: _number("illuminance", "lx", 2),
    0x66: (1, _presence),
    0x67: _number("temperature", "Cel", 2, 0.1, minus=True),
    0x68: _number("humidity", "%", 1, 0.5),
    0x69: _number("air_quality_index", "1", 2),
    0x70: _number("humidity", "%", 2, 0.1),
    0x71: _axes("acceleration", "[g]", 0.001),
    0x73: _number("pressure", "hPa", 2, 0.1),
    0x74: _number("voltage", "V", 2, 0.01),
    0x75: _number("current", "A", 2, 0.001),
    0x76: _number("frequency", "Hz", 4),
    0x77: _number("rain_rate", "mm/h", 4),
    0x78: _number("percentage", "%", 1),
    0x79: _number("altitude", "m", 2, minus=True),
    0x7D: _number("concentration", "[ppm]", 2),
    0x80: _number("power", "W", 2),
    0x82: _number("distance", "m", 4, 0.001),
    0x83: _number("energy", "kWh", 4, 0.001),
    0x84: _number("direction", "deg", 2),
    0x85: (4, _nothing),
    0x86: _axes("angular_velocity", "deg/s", 0.01),
    0x87: (3, _nothing),
    0x88: (9, _place),
    0x89: (11, _near_place),
    0x8A: _number("voc_index", "1", 2),
    0x8E: _number("switch", "", 1),
    0x90: _number("wind_speed", "m/s", 2, 0.01),
    0xB8: (1, _percent),
    0xB9: _number("charging_current", "A", 2, 0.01),
    0xBA: (2, _volts),
    0xBC: _number("soil_moisture", "%", 2, 0.1),
    0xBE: _number("wind_speed", "m/s", 2, 0.01),
    0xBF: _number("wind_direction", "deg", 2),
    0xC0: _number("soil_conductivity", "uS/cm", 2),
    0xC1: _number("soil_ph", "[pH]", 2, 0.01),
    0xC2: _number("soil_ph", "[pH]", 2, 0.1),
    0xC3: _number("solar_irradiance", "W/m2", 2),
    0xE3: _number("pm10", "ug/m3", 2),
    0xE4: _number("pm2_5", "ug/m3", 2),
    0xE9: _number("sound_level", "dB", 2, 0.1),
}
_PLACES = {0x88, 0x89}
_PLAIN = {0x00, 0x01, 0x02, 0x03}
_USUAL = {0x00, 0x01, 0x02, 0x03, 0x65, 0x66, 0x67, 0x68, 0x71, 0x73, 0x86, 0x88, 0x89}


def _read(body: Body, findings: Findings) -> bool:
    data, at, end = body.data, 0, len(body.data)
    steps: list[tuple[Reader, int, int]] = []
    while at + 2 < end:
        known = _TYPES.get(data[at + 1])
        if known is None or at + 2 + known[0] > end:
            return False
        steps.append((known[1], at, data[at + 1]))
        at += 2 + known[0]
    if at != end or not steps:
        return False
    kinds = {kind for _, _, kind in steps}
    repeated = len({(data[start], kind) for _, start, kind in steps}) < len(steps)
    levels = any(kind < 2 and data[start + 2] not in (0, 1, 255) for _, start, kind in steps)
    plain = kinds <= _PLAIN or (len(steps) < 2 and not kinds & _PLACES)  # fits too much else
    findings.implausible = repeated or levels or plain or not kinds <= _USUAL
    if findings.implausible and not body.model:
        return False
    for read, start, _ in steps:
        read(findings, data, start + 2, str(data[start]))
    return True


CAYENNE = Codec(
    name="cayenne_lpp",
    title="Cayenne LPP",
    words=("CAYENNE", "LPP", "RAKWIRELESS", "WISBLOCK", "SENSOR HUB", "SENSORHUB"),
    read=_read,
    checks=True,
)

"""Yobiiq SD-1001, a smoke detector: a byte of channel, a byte of type, one byte of value; port 8.

On port 50 it tells of itself: 255, a byte of type, a value. Source: Yobiiq's "SD-1001 smoke detector" user manual.
"""

from firmware_bridge.lorawan.codec import Body, Codec
from firmware_bridge.lorawan.findings import Findings

PORT = 8
ABOUT_PORT = 50
_ALARMS = {
    0x03: "battery_low",
    0x04: "fault",
    0x05: "smoke",
    0x06: "smoke_interconnected",
    0x07: "test_button",
}
_ABOUT = {0x09: 2, 0x0A: 2, 0x16: 5, 0x0F: 1, 0x0B: 1}
_FIRMWARE, _SERIAL = 0x0A, 0x16


def _read(body: Body, findings: Findings) -> bool:
    if body.f_port == ABOUT_PORT:
        return _read_about(body.data, findings)
    data = body.data
    if body.f_port != PORT or not data or len(data) % 3 or data[0] not in (1, 2):
        return False
    for at in range(0, len(data), 3):
        channel, value = data[at], data[at + 2]
        if channel == 1:
            findings.tell("battery_percent", float(value))
        elif channel == 2 and value < 2:
            findings.measure("mains", value, "1")
        elif channel in _ALARMS and value < 2:
            name = _ALARMS[channel]
            findings.alarm(name, value == 1, momentary=name == "test_button")
        else:
            return False
    return True


def _read_about(data: bytes, findings: Findings) -> bool:
    at = 0
    while at + 2 < len(data):
        size = _ABOUT.get(data[at + 1], 0)
        value = data[at + 2 : at + 2 + size]
        if data[at] != 0xFF or not size or len(value) < size:
            return False
        if data[at + 1] == _FIRMWARE:
            findings.tell("firmware", f"{value[0]}.{value[1]}")
        elif data[at + 1] == _SERIAL:
            findings.tell("serial", value.hex())
        at += 2 + size
    return at == len(data) and at > 0


YOBIIQ = Codec(name="yobiiq", title="Yobiiq", words=("SD1001", "SD-1001"), read=_read, checks=True)

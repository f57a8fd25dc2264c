"""STREGA's valves: letters and digits, of which the first four are the battery and the fifth the states.

A battery is told in millivolts; the upper half of the first byte says what the device is fed by, so a tail of the
digits may stand alone. Then what it measures, each behind a letter of its own. Read where the device is named.
Source: STREGA, "Smart Valve uplink format" (V3, V4).
"""

from firmware_bridge.lorawan.codec import Body, Codec, whole
from firmware_bridge.lorawan.findings import Findings

_ZERO = 0x30
_CLIMATE, _ANSWER = ord("#"), ord("@")
_FED = {0x30: False, 0xB0: False, 0x70: True, 0xF0: True}
"""Upper half of the first byte -> whether it is fed from outside."""


def _read_strega(body: Body, findings: Findings) -> bool:
    data = body.data
    if data[:1] == b"@":  # an answer to a command
        return True
    if len(data) < 5 or data[0] & 0xF0 not in _FED or not data[1:4].isdigit():
        return False
    if not _FED[data[0] & 0xF0]:
        millivolts = (data[0] & 15) * 1000 + int(data[1:4])
        findings.tell("voltage_v", millivolts / 1000)
        findings.tell("battery_percent", float(min(100, max(0, round((millivolts - 2000) / 16)))))
    _states(data[4] - _ZERO, findings)
    at = 5
    if len(data) > at and data[at] == _ANSWER:
        return True
    if len(data) >= at + 5 and data[at] == _CLIMATE:
        findings.measure("temperature", round(whole(data, at + 1, 2, "big") / 65536 * 165 - 40, 2), "Cel")
        findings.measure("humidity", round(whole(data, at + 3, 2, "big") / 65536 * 100, 2), "%")
        at += 5
    return _counted(data[at:], findings)


def _states(bits: int, findings: Findings) -> None:
    findings.measure("valve", bits & 1)
    findings.alarm("tamper", bits >> 1 & 1 == 1)
    findings.measure("cable", bits >> 2 & 1)
    for n in range(2):
        findings.measure("input", bits >> 3 + n & 1, channel=str(n))
    findings.alarm("water_leak", bits >> 5 & 1 == 1)
    findings.alarm("fraud", bits >> 6 & 1 == 1)


def _counted(rest: bytes, findings: Findings) -> bool:
    """`C` with six digits counts pulses, `V` with four measures millivolts, both in base sixteen."""
    at = 0
    while at < len(rest):
        letter = rest[at : at + 1]
        size = 6 if letter == b"C" else 4 if letter == b"V" else 0
        digits = rest[at + 1 : at + 1 + size]
        try:
            value = int(digits, 16) if size and len(digits) == size else -1
        except ValueError:
            return False
        if value < 0:
            return False
        if letter == b"C":
            findings.measure("pulses", value, "1")
        else:
            findings.measure("voltage", value / 1000, "V", "analog")
        at += 1 + size
    return True


STREGA = Codec(name="strega", title="STREGA", words=("STREGA",), read=_read_strega)

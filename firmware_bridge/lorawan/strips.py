"""Sensative Strips and Quandify's CubicMeter: doors, climate, wetness; water through a pipe. Read where they are named.

Of a door's own alarm two public decoders say the opposite of each other: it is left out, since the door itself is told.
Source: Sensative, "Strips LoRaWAN payload format"; Quandify, "CubicMeter uplinks".
"""

from datetime import datetime, timedelta

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

_NOW, _EARLIER = 1, 2  # ports
_SIZES = {
    **dict.fromkeys((1, 3, 5, 6, 9, 10, 11, 12, 13, 14, 15, 16, 18, 21, 22), 1),
    **dict.fromkeys((2, 4, 7, 8, 17, 19, 20, 112, 113, 114), 2),
    **dict.fromkeys((80, 81, 82), 3),
    0: 0,
    110: 8,
}
"""Type -> bytes."""
_ALARMS = {11: "tamper", 12: "tamper", 14: "flood", 15: "foil", 16: "user_switch", 21: "close_proximity"}
_NUMBERS = {
    7: ("illuminance", "lx", ""),
    8: ("illuminance", "lx", "2"),
    13: ("wetness", "%", ""),
    17: ("contact_count", "1", ""),
    19: ("proximity", "", ""),
    20: ("proximity", "", "close"),
}
_BATTERY, _DOOR, _PRESENT = 1, 9, 18
_WARMTH, _MEAN, _HUMID, _BOTH, _BOTH_MEAN, _DOOR_AND_WARMTH = 2, 4, 6, 80, 81, 82


def _read_sensative(body: Body, findings: Findings) -> bool:
    """A number, then types with their values; on port 2 each with how many seconds ago it was."""
    data, at = body.data, 2
    if body.f_port not in (_NOW, _EARLIER) or len(data) < 3:
        return False
    while at < len(data):
        when = None
        if body.f_port == _EARLIER:
            if at + 5 > len(data):
                return False
            ago = timedelta(seconds=whole(data, at, 4, "big"))
            when = findings.observed_at - ago if findings.observed_at is not None else None
            at += 4
        kind = data[at] & 0x7F
        size = _SIZES.get(kind)
        if size is None or at + 1 + size > len(data):
            return False
        if body.f_port == _NOW or when is not None:
            _strip(kind, data[at + 1 : at + 1 + size], when, findings)
        at += 1 + size
    return True


def _strip(kind: int, value: bytes, when: datetime | None, findings: Findings) -> None:
    if kind == _BATTERY:
        findings.tell("battery_percent", float(value[0]))
    elif kind in (_DOOR, _DOOR_AND_WARMTH):
        findings.alarm("contact", value[0] == 1, at=when)
    elif kind == _PRESENT:
        findings.measure("occupancy", float(value[0] == 1), "1", at=when)
    elif kind in _ALARMS:
        findings.alarm(_ALARMS[kind], value[0] == 1, at=when)
    elif kind in _NUMBERS:
        metric, unit, channel = _NUMBERS[kind]
        findings.measure(metric, int.from_bytes(value, "big"), unit, channel, at=when)
    elif kind in (_HUMID, _BOTH, _BOTH_MEAN):
        findings.measure("humidity", value[0] / 2, "%", at=when)
    if kind in (_WARMTH, _MEAN, _BOTH, _BOTH_MEAN, _DOOR_AND_WARMTH):
        mean = "mean" if kind in (_MEAN, _BOTH_MEAN) else ""
        findings.measure("temperature", signed(value, len(value) - 2, 2, "big") / 10, "Cel", mean, at=when)


_STATUS, _ANSWER = 1, 6  # ports
_NO_LEAK, _MEDIUM, _LARGE = 2, 3, 4
_REPORT = 28  # bytes
_DEAF = 0x8000  # the ultrasound meets no water


def _read_quandify(body: Body, findings: Findings) -> bool:
    """Little-endian: the time, an error, litres in all, the leak, the battery at work and at rest, temperatures."""
    data = body.data
    if body.f_port == _ANSWER and len(data) == 3 + _REPORT and data[2] == 1:
        data = data[3:]
    elif body.f_port != _STATUS or len(data) != _REPORT:
        return body.f_port in (0, _ANSWER)
    findings.measure("water_volume", whole(data, 6, 4) / 1000, "m3")
    if data[22] in (0, _NO_LEAK, _MEDIUM, _LARGE):
        findings.alarm("water_leak", data[22] in (_MEDIUM, _LARGE))
    findings.alarm("fault", whole(data, 4, 2) & _DEAF != 0, "ultrasound")
    findings.tell("voltage_v", (1800 + 8 * data[24]) / 1000)
    for at, channel in ((25, "water min"), (26, "water max"), (27, "")):
        findings.measure("temperature", data[at] / 2 - 20, "Cel", channel)
    return True


SENSATIVE = Codec(
    name="sensative", title="Sensative Strips", words=("SENSATIVE", "STRIPS", "MS-GUARD"), read=_read_sensative
)
QUANDIFY = Codec(
    name="quandify", title="Quandify CubicMeter", words=("QUANDIFY", "CUBICMETER", "CUBIC METER"), read=_read_quandify
)

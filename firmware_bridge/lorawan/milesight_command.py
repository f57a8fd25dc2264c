"""Milesight's newer models: one byte of command, then a value of the size it has for that model, little-endian.

Read only where the model is known: one byte tells too little of who wrote it. Used by `milesight`.
Source: Milesight's user guides of GS601, TS601, TS602, WT102, WT303, WT304 and WT401.
"""

from firmware_bridge.lorawan.codec import Body
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.milesight_reader import (
    Reader,
    alarm,
    battery,
    bits,
    both,
    number,
    occupied,
    place,
    serial,
    skip,
    tamper,
)

Commands = dict[int, tuple[int, Reader]]


def _firmware(findings: Findings, data: bytes, at: int) -> None:
    """Two bytes of hardware, six of firmware, of which the first two are its number."""
    findings.tell("firmware", f"{data[at + 2]}.{data[at + 3]}")


_STARTED, _ENDED = 0x11, 0x10  # of an alarm; the value that caused it follows
_ABOUT: Commands = {
    0xC8: (1, skip),
    0xCF: (2, skip),
    0xD8: (16, skip),
    0xD9: (2, skip),
    0xDA: (8, _firmware),
    0xDB: (8, serial(8)),
    0xDF: (2, skip),
    0xEE: (0, skip),
    0xFE: (1, skip),
}


_CENTI = number("temperature", "Cel", scale=0.01, minus=True)
_TENTH = number("temperature", "Cel", scale=0.1, minus=True)
_HUMIDITY = number("humidity", "%", scale=0.1)
_SETPOINT = number("setpoint", "Cel", scale=0.01, minus=True)
_GS601: Commands = {
    0x00: (1, battery),
    0x01: (1, number("vaping_index", "1", size=1)),
    0x03: (2, number("pm1", "ug/m3")),
    0x05: (2, number("pm2_5", "ug/m3")),
    0x07: (2, number("pm10", "ug/m3")),
    0x09: (2, _TENTH),
    0x0B: (2, _HUMIDITY),
    0x0D: (2, number("voc", "[ppb]")),
    0x0F: (1, tamper),
    0x10: (1, alarm("tamper", when=(0x21,))),
    0x11: (1, number("buzzer", size=1)),
    0x12: (1, occupied),
    **dict.fromkeys(range(32, 43), (8, skip)),
    0x2B: (4, skip),
}
_CAUSES: dict[int, tuple[str, int, Reader]] = {
    0x02: ("vaping", 1, number("vaping_index", "1", size=1)),
    0x04: ("pm1_alarm", 2, number("pm1", "ug/m3")),
    0x06: ("pm2_5_alarm", 2, number("pm2_5", "ug/m3")),
    0x08: ("pm10_alarm", 2, number("pm10", "ug/m3")),
    0x0A: ("temperature_alarm", 2, _TENTH),
    0x0C: ("humidity_alarm", 2, _HUMIDITY),
    0x0E: ("voc_alarm", 2, number("voc", "[ppb]")),
}
"""GS601: the command of an alarm -> its name, the size of the value that may follow its kind, how that is read."""

_TS601: Commands = {
    0x01: (1, battery),
    0x03: (9, skip),
    0x04: (4, number("temperature", "Cel", size=4, scale=0.01, minus=True)),
    0x05: (2, _HUMIDITY),
    0x06: (8, place),
    0x07: (1, skip),
    0x0E: (1, skip),
}
_WT102: Commands = {
    0x00: (1, battery),
    0x01: (2, _CENTI),
    0x02: (2, skip),
    0x03: (2, skip),
    0x04: (1, number("valve_opening", "%", size=1)),
    0x05: (1, skip),
    0x06: (2, _SETPOINT),
    0x07: (1, skip),
    0x08: (1, both(battery, alarm("battery_low", when=tuple(range(256))))),
}
_WT303: Commands = {
    0x01: (2, _CENTI),
    0x02: (2, _HUMIDITY),
    0x03: (2, _SETPOINT),
    0x04: (1, skip),
    0x05: (1, both(bits("control_status", 0, 4), bits("control_mode", 4, 4))),
    0x06: (1, number("valve_opening", "%", size=1)),
    0x07: (1, both(bits("fan_status", 0, 4), bits("fan_mode", 4, 4))),
    0x08: (1, skip),
    0x10: (4, skip),
}
_WT401: Commands = {
    0x00: (1, battery),
    0x01: (2, _CENTI),
    0x02: (2, _HUMIDITY),
    0x03: (1, number("control_mode", size=1)),
    0x04: (1, number("fan_mode", size=1)),
    0x05: (1, skip),
    0x06: (2, _SETPOINT),
    0x07: (2, number("setpoint", "Cel", scale=0.01, minus=True, channel="2")),
    0x08: (1, occupied),
}
_MODELS: dict[str, Commands] = {
    "GS601": _GS601,
    "TS601": _TS601,
    "TS602": _TS601,
    "WT102": _WT102,
    "WT303": _WT303,
    "WT304": _WT303,
    "WT401": _WT401,
}
COMMANDED = tuple(_MODELS)


def commands_of(model: str) -> Commands | None:
    """The commands of a model, if it is one of those that speak so."""
    return next((commands for name, commands in _MODELS.items() if name in model), None)


def read_commands(body: Body, commands: Commands, findings: Findings) -> bool:
    """Tell what is known of a body up to the first command that is not; whether that was all of it."""
    data, at = body.data, 0
    while at < len(data):
        command = data[at]
        at += 1
        if commands is _GS601 and command in _CAUSES:
            size = _read_cause(command, data, at, findings)
            if not size:
                return False
        else:
            known = commands.get(command) or _ABOUT.get(command)
            if known is None or at + known[0] > len(data):
                return False
            size = known[0]
            known[1](findings, data, at)
        at += size
    return len(data) > 0


def _read_cause(command: int, data: bytes, at: int, findings: Findings) -> int:
    """An alarm of a GS601: its kind, and for a threshold the value; the size of both, 0 where it is cut off."""
    name, size, read = _CAUSES[command]
    kind = data[at] if at < len(data) else -1
    if kind in (_STARTED, _ENDED):
        if at + 1 + size > len(data):
            return 0
        read(findings, data, at + 1)
        findings.alarm(name, kind == _STARTED)
        return 1 + size
    if kind in (0, 1, 2):
        findings.alarm("fault", True, name.removesuffix("_alarm"), momentary=True)
    elif kind in (0x20, 0x21):
        findings.alarm("burning" if name == "temperature_alarm" else "interference", kind == 0x21)
    return 1 if kind >= 0 else 0

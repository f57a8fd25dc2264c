"""Climate of rooms and contacts: Enless, comtac, Talkpool, Thermokon. Read where the device is named.

Source: Enless "LoRaWAN transmitters' frames", comtac "LPN CM payload", Talkpool "OY1xx0 payload", Thermokon "LoRaWAN
payload of MCS".
"""

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

_Value = tuple[int, str, str, float, str]
"""(where it stands, metric, unit, factor, channel)."""

_CLIMATE: tuple[_Value, ...] = ((6, "temperature", "Cel", 0.1, ""), (8, "humidity", "%", 0.1, ""))
_NEW: tuple[_Value, ...] = ((6, "temperature", "Cel", 0.1, ""), (10, "humidity", "%", 0.1, ""))
_CO2_AT_12: tuple[_Value, ...] = ((12, "co2", "[ppm]", 1, ""),)
_VOC: tuple[_Value, ...] = ((10, "voc", "[ppb]", 1, ""),)
_ONE: tuple[_Value, ...] = ((6, "temperature", "Cel", 0.1, ""),)
_ENLESS: dict[int, tuple[int, tuple[_Value, ...]]] = {
    0x04: (18, _CLIMATE),
    0x05: (18, (*_CLIMATE, *_VOC)),
    0x06: (18, (*_CLIMATE, *_VOC, *_CO2_AT_12)),
    0x07: (14, _ONE),
    0x0C: (14, ((6, "temperature", "Cel", 0.1, "1"), (8, "temperature", "Cel", 0.1, "2"))),
    0x0D: (12, ((6, "loop_current", "", 1, ""),)),  # of which two public decoders have two scales
    0x0E: (14, _CLIMATE),
    0x0F: (14, _ONE),
    0x10: (14, _ONE),
    0x11: (14, ((6, "temperature", "Cel", 0.1, "1"), (8, "temperature", "Cel", 0.1, "2"))),
    0x1F: (30, _NEW),
    0x20: (30, _NEW),
    0x22: (30, _NEW),
    0x25: (30, (*_NEW, *_CO2_AT_12)),
    0x27: (30, _NEW),
}
"""Kind of transmitter -> the size of its message, and what it measures."""

_PULSES = frozenset((0x08, 0x09, 0x0A, 0x0B))
_OCCUPANCY, _WINDOW, _LOGGED = 0x22, 0x26, frozenset((0x28, 0x29, 0x2A))
_STEPS = (100.0, 75.0, 50.0, 25.0)
_HIGH_AND_LOW = ("temperature", "humidity")


def _read_enless(body: Body, findings: Findings) -> bool:
    """Number, kind, count, version; the values; two bytes of alarms, two of states with the battery in four steps."""
    data = body.data
    kind = data[3] if len(data) >= 12 else 0
    if kind in _PULSES and len(data) == 22:
        for at, channel in ((6, "1"), (10, "2"), (14, "oc")):
            findings.measure("pulses", whole(data, at, 4, "big"), "1", channel)
        for bit, channel in ((8, "1"), (9, "2"), (10, "oc")):
            findings.alarm("leak", whole(data, 18, 2, "big") >> bit & 1 == 1, channel)
    elif kind in _ENLESS and len(data) == _ENLESS[kind][0]:
        for at, metric, unit, factor, channel in _ENLESS[kind][1]:
            raw = signed(data, at, 2, "big") if metric == "temperature" else whole(data, at, 2, "big")
            findings.measure(metric, raw * factor, unit, channel)
        _enless_presence(kind, data, findings)
        _enless_alarms(kind, whole(data, len(data) - 4, 2, "big"), findings)
    elif kind == _WINDOW and len(data) == 30:
        findings.alarm("contact", whole(data, 28, 2, "big") >> 5 & 1 == 1)
        findings.measure("contact_count", whole(data, 16, 2, "big"), "1")
    elif kind not in _LOGGED or len(data) != 34:
        return False
    findings.tell("battery_percent", _STEPS[data[-1] >> 2 & 3])
    return True


def _enless_presence(kind: int, data: bytes, findings: Findings) -> None:
    if kind == _OCCUPANCY:
        findings.measure("motion_count", whole(data, 16, 2, "big"), "1")
        findings.measure("illuminance", whole(data, 22, 4, "big"), "lx")
        findings.motion(whole(data, 28, 2, "big") >> 5 & 1 == 1)


def _enless_alarms(kind: int, raised: int, findings: Findings) -> None:
    """Two bits each for what is too high or too low; of a second thermometer where there is one."""
    climate = (8, "humidity") in ((value[0], value[1]) for value in _ENLESS[kind][1]) or kind >= 0x1F
    names = _HIGH_AND_LOW if climate else ("temperature",)
    if kind == 0x0D:
        names = ("loop_current",)
    for n, name in enumerate(names):
        if raised >> 2 * n & 3:
            findings.alarm(f"{name}_alarm", True)


_CM = frozenset((1, 2, 3, 4))  # what a record is: temperature, eight of them, both, eight of both
_NO_WARMTH, _NO_HUMIDITY = 25_000, 250


def _read_comtac(body: Body, findings: Findings) -> bool:
    """CM: version, states, the battery in half per cents, a record; the eldest CM-1 has fixed places."""
    data, port = body.data, body.f_port
    if port != 3:
        return port in (100, 101)
    if len(data) == 13 and "CM-1" in body.model.replace("CM1", "CM-1"):
        findings.tell("voltage_v", whole(data, 7, 2, "big") / 1000)
        return _comtac_climate(data, 9, findings)
    if len(data) == 22 and "CM-2" in body.model.replace("CM2", "CM-2"):
        findings.tell("voltage_v", whole(data, 3, 2, "big") / 1000)
        findings.measure("temperature", signed(data, 9, 2, "big") / 100, "Cel", "pt100")
        return _comtac_climate(data, 5, findings)
    if len(data) < 7 or data[0] > 1 or data[4] not in _CM:
        return False
    findings.tell("battery_percent", data[3] / 2)
    if data[2] & 0x08:
        findings.alarm("button", True, momentary=True)
    if signed(data, 5, 2, "big") != _NO_WARMTH:
        findings.measure("temperature", signed(data, 5, 2, "big") / 100, "Cel")
    if data[4] > 2 and len(data) > 7 and data[7] != _NO_HUMIDITY:
        findings.measure("humidity", data[7], "%")
    return True


def _comtac_climate(data: bytes, at: int, findings: Findings) -> bool:
    findings.measure("temperature", signed(data, at, 2, "big") / 100, "Cel")
    findings.measure("humidity", signed(data, at + 2, 2, "big") / 100, "%")
    return True


def _read_talkpool(body: Body, findings: Findings) -> bool:
    """Twelve bits each for warmth and humidity, the lowest of both in a byte they share; then air, as the model has."""
    data, port = body.data, body.f_port
    if port == 3 and len(data) >= 4:
        data = data[1:4]  # several with the time between; the newest comes first
    elif port != 2 or len(data) < 3:
        return port == 1
    findings.measure("temperature", ((data[0] << 4 | data[2] >> 4) - 800) / 10, "Cel")
    findings.measure("humidity", ((data[1] << 4 | data[2] & 15) - 250) / 10, "%")
    if len(data) == 5:
        findings.measure("co2", whole(data, 3, 2, "big"), "[ppm]")
    elif len(data) >= 9:
        for n, metric in enumerate(("pm1", "pm2_5", "pm10")):
            findings.measure(metric, whole(data, 3 + 2 * n, 2, "big"), "ug/m3")
    return True


_THERMOKON: dict[int, tuple[int, str, str, float]] = {
    0x10: (2, "temperature", "Cel", 0.1),
    0x11: (1, "humidity", "%", 1),
    0x12: (2, "co2", "[ppm]", 1),
    0x13: (2, "voc", "[ppb]", 1),
    0x30: (2, "pressure", "hPa", 1),
    0x31: (2, "differential_pressure", "Pa", 1),
    0x32: (2, "flow", "", 1),
    0x40: (2, "illuminance", "lx", 1),
    0x51: (2, "condensation", "", 1),
    0x63: (1, "setpoint", "", 1),
}
"""Type -> (bytes, metric, unit, factor)."""
_PRESENT, _REED, _CELL, _CELL_MV, _REED_2 = 0x41, 0x50, 0x54, 0x8540, 0x9500
_MINUS = frozenset((0x10, 0x11, 0x31, 0x63))


def _read_thermokon(body: Body, findings: Findings) -> bool:
    """Types of one byte, of two where the first bit is set, and their values."""
    data, at = body.data, 0
    while at < len(data):
        kind = data[at] if data[at] < 0x80 else whole(data, at, 2, "big")
        at += 1 if kind < 0x80 else 2
        known = _THERMOKON.get(kind)
        size = known[0] if known else 2 if kind == _CELL_MV or kind >> 8 == 0xC0 else 1
        if at + size > len(data) or (
            known is None and kind not in (_PRESENT, _REED, _CELL, _CELL_MV, _REED_2) and kind >> 8 != 0xC0
        ):
            return kind >> 8 in (0xC1, 0xC2, 0x84)  # settings
        if known:
            raw = signed(data, at, size, "big") if kind in _MINUS else whole(data, at, size, "big")
            findings.measure(known[1], raw * known[3], known[2])
        else:
            _thermokon_state(kind, data, at, findings)
        at += size
    return True


def _thermokon_state(kind: int, data: bytes, at: int, findings: Findings) -> None:
    """The lowest bit is the state, the others count; batteries in steps of 20 mV, or in millivolts."""
    if kind == _PRESENT:
        findings.measure("occupancy", data[at] & 1, "1")
        findings.measure("motion_count", data[at] >> 1, "1")
    elif kind in (_REED, _REED_2):
        findings.alarm("contact", data[at] & 1 == 1, "2" if kind == _REED_2 else "")
    elif kind == _CELL:
        findings.tell("voltage_v", data[at] / 50)
    elif kind == _CELL_MV:
        findings.tell("voltage_v", whole(data, at, 2, "big") / 1000)


ENLESS = Codec(name="enless", title="Enless Wireless", words=("ENLESS",), read=_read_enless)
COMTAC = Codec(name="comtac", title="comtac LPN CM", words=("COMTAC", "LPN CM", "LPN-CM"), read=_read_comtac)
TALKPOOL = Codec(
    name="talkpool",
    title="Talkpool OY1xx0",
    words=("TALKPOOL", "OY1100", "OY1110", "OY1210", "OY1700"),
    read=_read_talkpool,
)
THERMOKON = Codec(name="thermokon", title="Thermokon MCS", words=("THERMOKON",), read=_read_thermokon)

"""Dragino's nodes with sockets of their own: probes, current loops, inputs. Read by `dragino_models`."""

from collections.abc import Callable

from firmware_bridge.lorawan.codec import Body, signed
from firmware_bridge.lorawan.dragino_reader import STORED_PORT, humidity, temperature, unsigned, volts
from firmware_bridge.lorawan.findings import Findings


def node(body: Body, findings: Findings) -> bool:
    """LSN50, SN50: what is wired to it is told by a mode in byte 6."""
    data = body.data
    mode = data[6] >> 2 & 31 if len(data) > 6 else -1
    if body.f_port == STORED_PORT or len(data) != {2: 12, 8: 17}.get(mode, 11):
        return False
    if mode == 2:
        findings.tell("voltage_v", data[11] / 10)
        for n in range(3):
            findings.measure("voltage", unsigned(data, 2 * n) / 1000, "V", str(n))
        return _wired_climate(data, findings)
    volts(data, findings, 0xFFFF)
    temperature(data, 2, findings, 0.1, channel="probe")
    if mode not in (8, 11):
        findings.measure("voltage", unsigned(data, 4) / 1000, "V", "0")
    wired = _WIRED.get(mode)
    return wired(data, findings) if wired is not None else False


def _wired_climate(data: bytes, findings: Findings) -> bool:
    if unsigned(data, 9) == 0:
        findings.measure("illuminance", unsigned(data, 7), "lx")
    else:
        temperature(data, 7, findings, 0.1)
        humidity(data, 9, findings)
    return True


def _wired_distance(data: bytes, findings: Findings) -> bool:
    if unsigned(data, 7):
        findings.measure("distance", unsigned(data, 7) / 1000, "m")
    return True


def _wired_probes(data: bytes, findings: Findings) -> bool:
    temperature(data, 7, findings, 0.1, channel="probe 2")
    temperature(data, 9, findings, 0.1, channel="probe 3")
    return True


def _wired_count(data: bytes, findings: Findings) -> bool:
    findings.measure("pulses", unsigned(data, 7, 4), "1")
    return True


def _wired_volts(data: bytes, findings: Findings) -> bool:
    findings.measure("voltage", unsigned(data, 7) / 1000, "V", "1")
    findings.measure("voltage", unsigned(data, 9) / 1000, "V", "2")
    return True


def _wired_counts(data: bytes, findings: Findings) -> bool:
    temperature(data, 4, findings, 0.1, channel="probe 2")
    temperature(data, 7, findings, 0.1, channel="probe 3")
    findings.measure("pulses", unsigned(data, 9, 4), "1", "1")
    findings.measure("pulses", unsigned(data, 13, 4), "1", "2")
    return True


_WIRED: dict[int, Callable[[bytes, Findings], bool]] = {
    0: _wired_climate,
    1: _wired_distance,
    3: _wired_probes,
    5: _wired_count,
    7: _wired_volts,
    8: _wired_counts,
}


def probes(body: Body, findings: Findings) -> bool:
    """D20, D22, D23: up to three probes."""
    data = body.data
    if body.f_port == STORED_PORT or len(data) != 11 or data[6] >> 2 & 31 != 3:
        return False
    volts(data, findings, 0xFFFF)
    for n, at in enumerate((2, 7, 9)):
        temperature(data, at, findings, 0.1, channel=str(n + 1))
    return True


def outdoor(body: Body, findings: Findings) -> bool:
    """S31: the time, flags, climate."""
    data = body.data
    if body.f_port == STORED_PORT or len(data) != 11 or data[6] >> 2 & 31 != 0:
        return False
    volts(data, findings, 0xFFFF)
    return _wired_climate(data, findings)


def thermocouples(body: Body, findings: Findings) -> bool:
    """LTC2: hundredths, tenths or ohms as byte 2 tells; LTC2-LB always tenths."""
    data = body.data
    if body.f_port == STORED_PORT or len(data) < 7:
        return False
    volts(data, findings)
    kind = 2 if "LTC2-L" in body.model else data[2] & 15
    for n, at in enumerate((3, 5)):
        if kind == 3:
            findings.measure("resistance", unsigned(data, at) / 100, "Ohm", str(n + 1))
        elif kind in (1, 2):
            temperature(data, at, findings, 0.01 if kind == 1 else 0.1, channel=str(n + 1))
    return kind in (1, 2, 3)


_SPANS = {1: 0.6, 2: 1.0, 3: 1.6, 4: 2.5, 5: 10.0, 6: 40.0, 7: 60.0, 10: 5.0, 11: 50.0, 12: 100.0}
"""Number of a pressure probe -> MPa from 4 to 20 mA."""


def loop(body: Body, findings: Findings) -> bool:
    """PS-LB: a current loop and a voltage; what hangs on the loop is told by the two bytes before."""
    data = body.data
    if body.f_port == STORED_PORT or len(data) < 9:
        return False
    volts(data, findings)
    milliampere, kind, span = unsigned(data, 4) / 1000, data[2], data[3]
    findings.measure("current", milliampere / 1000, "A")
    findings.measure("voltage", unsigned(data, 6) / 1000, "V")
    part = max(milliampere - 4, 0) / 16
    if kind == 0 and span and milliampere:
        findings.measure("water_level", part * span, "m")
    elif kind == 1 and span in _SPANS and milliampere:
        findings.measure("pipe_pressure", part * _SPANS[span] * 1000, "kPa")
    return True


def inputs(body: Body, findings: Findings) -> bool:
    """LT-22222: two voltages and two currents in its first mode, counts in others; relays in byte 8."""
    data = body.data
    mode = data[10] & 0x3F if len(data) == 11 else 0
    if mode not in (1, 2, 3, 4, 5):
        return False
    for n, bit in enumerate((0x80, 0x40)):
        findings.measure("relay", data[8] & bit != 0, "", str(n + 1))
    if mode in (1, 5):
        for n in range(2):
            findings.measure("voltage", signed(data, 2 * n, 2, "big") / 1000, "V", str(n + 1))
    if mode in (1, 3, 5):
        for n in range(1 if mode == 5 else 2):
            findings.measure("current", signed(data, 4 + 2 * n, 2, "big") / 1e6, "A", str(n + 1))
    if mode in (2, 3, 4):
        findings.measure("pulses", unsigned(data, 0, 4), "1", "1")
    if mode in (2, 4):
        findings.measure("pulses", unsigned(data, 4, 4), "1", "2")
    if mode == 1:
        for n, bit in enumerate((0x08, 0x10)):
            findings.measure("input", data[8] & bit != 0, "", str(n + 1))
    return True


def clamps(body: Body, findings: Findings) -> bool:
    """CS01: four current clamps; how much each is multiplied is told by the upper bits of the port."""
    data = body.data
    if body.f_port & 15 != 2 or len(data) not in (11, 28):
        return False
    volts(data, findings)
    for n in range(4):
        times = {0: 1, 1: 3, 2: 6}.get(body.f_port >> (6 if n < 2 else 4) & 3, 1)
        findings.measure("current", unsigned(data, 2 + 2 * n) / 100 * times, "A", str(n + 1))
    return True


def fridge(body: Body, findings: Findings) -> bool:
    """T68DL: a temperature, which limit it passed, the time."""
    data = body.data
    if body.f_port != 2 or len(data) != 9:
        return False
    volts(data, findings)
    temperature(data, 2, findings, 0.01)
    findings.alarm("temperature_alarm", data[4] & 3 != 0)
    return True

"""Dragino: big-endian bytes in the order each model has them, the battery first; read where the model is known.

Source: Dragino's user manuals, "Uplink payload".
"""

from collections.abc import Callable

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

Reader = Callable[[bytes, Findings], bool]

_NO_PROBE = 0x7FFF
_ONES = 0xFFFF


def _volts(data: bytes, findings: Findings) -> None:
    findings.tell("voltage_v", (whole(data, 0, 2, "big") & 0x3FFF) / 1000)


def _temperature(
    data: bytes, at: int, findings: Findings, scale: float, metric: str = "temperature", channel: str = ""
) -> None:
    if whole(data, at, 2, "big") not in (_NO_PROBE, _ONES):
        findings.measure(metric, signed(data, at, 2, "big") * scale, "Cel", channel)


def _climate(data: bytes, findings: Findings) -> bool:
    """LHT65, LHT65N, LHT52: climate within, and an outer sensor whose kind byte 6 tells."""
    if len(data) != 11:
        return False
    kind = data[6] & 0x0F
    if kind == 9:
        _temperature(data, 0, findings, 0.01, channel="external")
    else:
        _volts(data, findings)
    if kind != 15:
        _temperature(data, 2, findings, 0.01)
        findings.measure("humidity", (whole(data, 4, 2, "big") & 0xFFF) / 10, "%")
    if kind == 1:
        _temperature(data, 7, findings, 0.01, channel="external")
    elif kind == 4:
        findings.alarm("contact", data[7] != 0)
    elif kind == 5:
        findings.measure("illuminance", whole(data, 7, 2, "big"), "lx")
    elif kind == 6:
        findings.measure("voltage", whole(data, 7, 2, "big") / 1000, "V")
    elif kind in (7, 8):
        findings.measure("pulses", whole(data, 7, 2 if kind == 7 else 4, "big"), "1")
    return True


def _distance(data: bytes, findings: Findings) -> bool:
    """LDDS75, LDDS45, LDDS20, DDS: millimetres, an interrupt, and where it is fitted a thermometer."""
    if len(data) not in (5, 8):
        return False
    _volts(data, findings)
    millimetres = whole(data, 2, 2, "big")
    if millimetres > 20:  # 0 and 20 say that nothing was heard
        findings.measure("distance", millimetres / 1000, "m")
    if len(data) == 8:
        _temperature(data, 5, findings, 0.1)
    return True


def _soil(data: bytes, findings: Findings) -> bool:
    """LSE01: a thermometer where fitted, soil moisture, temperature and conductivity."""
    if len(data) != 11:
        return False
    _volts(data, findings)
    if whole(data, 2, 2, "big"):
        _temperature(data, 2, findings, 0.1)
    findings.measure("soil_moisture", whole(data, 4, 2, "big") / 100, "%")
    _temperature(data, 6, findings, 0.01, "soil_temperature")
    findings.measure("soil_conductivity", whole(data, 8, 2, "big"), "uS/cm")
    return True


def _leaf(data: bytes, findings: Findings) -> bool:
    """LLMS01."""
    if len(data) != 11:
        return False
    _volts(data, findings)
    findings.measure("leaf_moisture", whole(data, 4, 2, "big") / 10, "%")
    _temperature(data, 6, findings, 0.1, "leaf_temperature")
    return True


def _acidity(data: bytes, findings: Findings) -> bool:
    """LSPH01: acidity of the soil."""
    if len(data) != 11:
        return False
    _volts(data, findings)
    findings.measure("soil_ph", whole(data, 4, 2, "big") / 100, "[pH]")
    _temperature(data, 6, findings, 0.1, "soil_temperature")
    return True


def _switch(name: str, bit: int) -> Reader:
    """LDS02 and LWL02: a state in byte 0, how often and how long in the rest."""

    def read(data: bytes, findings: Findings) -> bool:
        if len(data) != 10:
            return False
        _volts(data, findings)
        findings.alarm(name, data[0] & bit != 0)
        findings.measure(f"{name}_count", whole(data, 3, 3, "big"), "1")
        findings.measure(f"{name}_minutes", whole(data, 6, 3, "big"), "min")
        return True

    return read


def _node(data: bytes, findings: Findings) -> bool:
    """LSN50: in its first mode an I2C climate sensor, in its second a distance in centimetres."""
    if len(data) != 11:
        return False
    mode = data[6] >> 2 & 31
    if mode > 1:
        return False
    findings.tell("voltage_v", whole(data, 0, 2, "big") / 1000)
    _temperature(data, 2, findings, 0.1, channel="probe")
    findings.measure("voltage", whole(data, 4, 2, "big") / 1000, "V", "0")
    if mode == 1:
        findings.measure("distance", whole(data, 7, 2, "big") / 1000, "m")
    elif whole(data, 9, 2, "big") == 0:
        findings.measure("illuminance", whole(data, 7, 2, "big"), "lx")
    else:
        _temperature(data, 7, findings, 0.1)
        findings.measure("humidity", whole(data, 9, 2, "big") / 10, "%")
    return True


_MODELS: tuple[tuple[str, Reader], ...] = (
    ("LHT", _climate),
    ("LDDS", _distance),
    ("DDS", _distance),
    ("LSE01", _soil),
    ("LLMS01", _leaf),
    ("LSPH01", _acidity),
    ("LDS0", _switch("contact", 0x80)),
    ("LWL0", _switch("water_leak", 0x40)),
    ("LSN50", _node),
)


def _read(body: Body, findings: Findings) -> bool:
    for word, read in _MODELS:
        if word in body.model:
            return read(body.data, findings)
    return False


DRAGINO = Codec(
    name="dragino",
    title="Dragino",
    words=("DRAGINO", "LHT65", "LHT52", "LDDS", "LSE01", "LLMS01", "LSPH01", "LDS0", "LWL0", "LSN50"),
    ouis=("a84041",),
    read=_read,
)

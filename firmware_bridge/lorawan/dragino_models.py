"""Dragino's models: what the bytes of each mean. Read by `dragino`."""

from firmware_bridge.lorawan.codec import Body, signed
from firmware_bridge.lorawan.dragino_reader import (
    NO_PROBE,
    ONES,
    STORED_PORT,
    Reader,
    humidity,
    temperature,
    unsigned,
    volts,
)
from firmware_bridge.lorawan.dragino_wired import clamps, fridge, inputs, loop, node, outdoor, probes, thermocouples
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.notation.instant import from_unix

MEASURED_PORT = 2
JOLT_PORT = 9


def _climate(body: Body, findings: Findings) -> bool:
    """LHT65, LHT65N: climate within, and an outer sensor whose kind byte 6 tells; or records with their time."""
    data = body.data
    if len(data) % 11 or not data:
        return False
    if body.f_port == STORED_PORT or data[6] & 0x40:
        return all(_stored_climate(data[at : at + 11], findings) for at in range(0, len(data), 11))
    kind = data[6] & 0x0F
    if kind in (9, 10):
        temperature(data, 0, findings, 0.01, channel="external")
    else:
        volts(data, findings)
    if kind not in (14, 15):
        temperature(data, 2, findings, 0.01)
        findings.measure("humidity", (unsigned(data, 4) & 0xFFF) / 10, "%")
    if not data[6] & 0x80:  # an outer sensor that is not connected says nothing
        _outer(kind, data, findings)
    return True


def _outer(kind: int, data: bytes, findings: Findings) -> None:
    if kind in (1, 2):
        temperature(data, 7, findings, 0.01, channel="external")
    elif kind == 4:
        findings.alarm("contact", data[7] != 0)
    elif kind == 5:
        findings.measure("illuminance", unsigned(data, 7), "lx")
    elif kind == 6:
        findings.measure("voltage", unsigned(data, 7) / 1000, "V")
    elif kind in (7, 8):
        findings.measure("pulses", unsigned(data, 7, 2 if kind == 7 else 4), "1")


def _stored_climate(data: bytes, findings: Findings) -> bool:
    at = from_unix(unsigned(data, 7, 4))
    if at is None:
        return False
    if unsigned(data, 0) not in (NO_PROBE, ONES):
        findings.measure("temperature", signed(data, 0, 2, "big") / 100, "Cel", "external", at=at)
    if unsigned(data, 2) not in (NO_PROBE, ONES):
        findings.measure("temperature", signed(data, 2, 2, "big") / 100, "Cel", at=at)
        findings.measure("humidity", (unsigned(data, 4) & 0xFFF) / 10, "%", at=at)
    return True


def _vibrations(body: Body, findings: Findings) -> bool:
    """LHT65N-VIB: in bits what two of count, climate and minutes follow; on a port of their own the greatest jolts."""
    data = body.data
    volts(data, findings)
    if body.f_port == JOLT_PORT and len(data) == 8:
        for n, axis in enumerate("xyz"):
            findings.measure("acceleration_max", signed(data, 2 + 2 * n, 2, "big") / 1000, "[g]", axis)
        return True
    kind = data[2] >> 2 & 7 if len(data) == 11 else 0
    if body.f_port != MEASURED_PORT or kind not in (1, 2, 3):
        return False
    if kind != 3:
        findings.measure("vibration_count", unsigned(data, 3, 4), "1")
    if kind != 1:
        at = 7 if kind == 2 else 3
        temperature(data, at, findings, 0.01)
        findings.measure("humidity", (unsigned(data, at + 2) & 0xFFF) / 10, "%")
    if kind != 2:
        findings.measure("vibration_minutes", unsigned(data, 7, 4), "min")
    findings.alarm("vibration", data[2] & 1 == 1)
    return True


def _small_climate(body: Body, findings: Findings) -> bool:
    """LHT52: temperature, humidity, an outer temperature, its kind, the time."""
    data = body.data
    if body.f_port == STORED_PORT or len(data) != 11:
        return False
    temperature(data, 0, findings, 0.01)
    humidity(data, 2, findings)
    temperature(data, 4, findings, 0.01, channel="external")
    return True


def _distance(body: Body, findings: Findings) -> bool:
    """LDDS75, LDDS45, LDDS20, DDS: millimetres, an interrupt, and where it is fitted a thermometer."""
    data = body.data
    if len(data) not in (5, 8):
        return False
    volts(data, findings)
    millimetres = unsigned(data, 2)
    if millimetres > 20:  # 0 and 20 say that nothing was heard
        findings.measure("distance", millimetres / 1000, "m")
    if len(data) == 8:
        temperature(data, 5, findings, 0.1)
    return True


def _distances(how_many: int, size: int) -> Reader:
    """LDDS04, LMDS200: several of them."""

    def read(body: Body, findings: Findings) -> bool:
        data = body.data
        if len(data) != size:
            return False
        volts(data, findings)
        for n in range(how_many):
            millimetres = unsigned(data, 2 + 2 * n)
            if 20 < millimetres < ONES:
                findings.measure("distance", millimetres / 1000, "m", str(n + 1))
        return True

    return read


def _lidar(body: Body, findings: Findings) -> bool:
    """LLDS12, LDS12, LDS40: a thermometer, millimetres, how strong the echo was, the lidar's own temperature."""
    data = body.data
    if len(data) != 11:
        return False
    volts(data, findings)
    temperature(data, 2, findings, 0.1)
    if unsigned(data, 4):
        findings.measure("distance", unsigned(data, 4) / 1000, "m")
    findings.measure("temperature", signed(data, 9, 1), "Cel", "lidar")
    return True


def _near(body: Body, findings: Findings) -> bool:
    """DS20L: flags, then millimetres."""
    data = body.data
    if len(data) < 6:
        return False
    volts(data, findings)
    if unsigned(data, 3) not in (0, ONES):
        findings.measure("distance", unsigned(data, 3) / 1000, "m")
    return True


_WATER = 90  # more than the permittivity of anything in the ground


def _soil(body: Body, findings: Findings) -> bool:
    """LSE01, SE01: a thermometer where fitted, soil moisture, temperature and conductivity; or raw values."""
    data = body.data
    if len(data) != 11:
        return False
    volts(data, findings)
    if unsigned(data, 2):
        temperature(data, 2, findings, 0.1)
    permittivity = unsigned(data, 4) / 10
    if data[10] & 0x80 and permittivity < _WATER:  # raw values; older firmware has no such bit
        findings.measure("permittivity", permittivity, "1")
        return True
    findings.measure("soil_moisture", unsigned(data, 4) / 100, "%")
    temperature(data, 6, findings, 0.01, "soil_temperature")
    findings.measure("soil_conductivity", unsigned(data, 8), "uS/cm")
    return True


def _leaf(body: Body, findings: Findings) -> bool:
    """LLMS01, LMS01."""
    data = body.data
    if len(data) != 11:
        return False
    volts(data, findings)
    findings.measure("leaf_moisture", unsigned(data, 4) / 10, "%")
    temperature(data, 6, findings, 0.1, "leaf_temperature")
    return True


def _acidity(body: Body, findings: Findings) -> bool:
    """LSPH01, SPH01: acidity of the soil."""
    data = body.data
    if len(data) != 11:
        return False
    volts(data, findings)
    findings.measure("soil_ph", unsigned(data, 4) / 100, "[pH]")
    temperature(data, 6, findings, 0.1, "soil_temperature")
    return True


def _nutrients(body: Body, findings: Findings) -> bool:
    """LSNPK01: nitrogen, phosphorus and potassium in mg/kg."""
    data = body.data
    if len(data) != 11:
        return False
    volts(data, findings)
    temperature(data, 2, findings, 0.1)
    for n, name in enumerate(("nitrogen", "phosphorus", "potassium")):
        findings.measure(f"soil_{name}", unsigned(data, 4 + 2 * n), "mg/kg")
    return True


def _switch(name: str, bit: int) -> Reader:
    """LDS02 and LWL02: a state in byte 0, how often and how long in the rest."""

    def read(body: Body, findings: Findings) -> bool:
        data = body.data
        if len(data) != 10:
            return False
        volts(data, findings)
        findings.alarm(name, data[0] & bit != 0)
        findings.measure(f"{name}_count", unsigned(data, 3, 3), "1")
        findings.measure(f"{name}_minutes", unsigned(data, 6, 3), "min")
        return True

    return read


def _timed_switch(name: str) -> Reader:
    """LDS03A and LWL03A: the state in the lowest bit, how often, how long the last time; no battery."""

    def read(body: Body, findings: Findings) -> bool:
        data = body.data
        if body.f_port != 2 or len(data) != 11:
            return False
        findings.alarm(name, data[0] & 1 == 1)
        findings.measure(f"{name}_count", unsigned(data, 1, 3), "1")
        findings.measure(f"{name}_minutes", unsigned(data, 4, 3), "min")
        return True

    return read


def _pulses(size: int) -> Reader:
    """CPL01 and SW3L: flags, then how many there were."""

    def read(body: Body, findings: Findings) -> bool:
        if body.f_port != 2 or len(body.data) != 11:
            return False
        findings.measure("pulses", unsigned(body.data, 1, size), "1")
        return True

    return read


def _tracker(body: Body, findings: Findings) -> bool:
    """TrackerD and LGT-92: where it is, an alarm and the battery, flags; on port 2 climate or what it is held at."""
    data = body.data
    if body.f_port not in (0, 2, 3) or len(data) < 11:
        return False
    findings.tell("voltage_v", (unsigned(data, 8) & 0x3FFF) / 1000)
    findings.locate(signed(data, 0, 4, "big") / 1e6, signed(data, 4, 4, "big") / 1e6)
    findings.alarm("button", data[8] & 0x40 != 0, momentary=True)
    if "TRACKERD" in body.model and body.f_port == 2 and len(data) >= 15 and not data[10] & 0x08:
        temperature(data, 13, findings, 0.1)
        humidity(data, 11, findings)
    return True


def _air(body: Body, findings: Findings) -> bool:
    """AQS01: climate, pressure, CO2."""
    data = body.data
    if body.f_port == STORED_PORT or len(data) != 11:
        return False
    volts(data, findings)
    temperature(data, 2, findings, 0.01 if data[10] & 0x10 else 0.1)
    humidity(data, 4, findings)
    findings.measure("pressure", unsigned(data, 6) / 10, "hPa")
    findings.measure("co2", unsigned(data, 8), "[ppm]")
    return True


_WEATHER: dict[int, tuple[str, str, float]] = {
    0x01: ("wind_speed", "m/s", 0.1),
    0x02: ("wind_direction", "deg", 0.1),
    0x03: ("illuminance", "lx", 10),
    0x05: ("co2", "[ppm]", 1),
    0x06: ("temperature", "Cel", 0.1),
    0x07: ("humidity", "%", 0.1),
    0x08: ("pressure", "hPa", 0.1),
    0x09: ("rain", "mm", 0.1),
    0x0A: ("pm2_5", "ug/m3", 1),
    0x0B: ("pm10", "ug/m3", 1),
    0x0C: ("par", "umol/m2/s", 1),
    0x0D: ("solar_irradiance", "W/m2", 0.1),
}


def _weather(body: Body, findings: Findings) -> bool:
    """WSC1-L: a byte of sensor, a byte of length, its values."""
    data, at = body.data, 0
    if body.f_port not in (0, 2):
        return False
    while at + 3 < len(data):
        kind, size = data[at], data[at + 1]
        if not size or at + 2 + size > len(data) or kind >= 0xE0:
            return False
        if kind == 0:
            findings.tell("voltage_v", unsigned(data, at + 2) / 1000)
        elif kind == 4:
            findings.measure("precipitation", data[at + 2])
        elif kind in _WEATHER and size >= 2:
            metric, unit, scale = _WEATHER[kind]
            findings.measure(
                metric, signed(data, at + 2, 2, "big") * scale if kind == 6 else unsigned(data, at + 2) * scale, unit
            )
            if kind == 1 and size >= 4:
                findings.measure("wind_gust", unsigned(data, at + 4) * scale, unit)
        at += 2 + size
    return at >= len(data) > 0


MODELS: dict[str, Reader] = {
    "LHT52": _small_climate,
    "LHT65N-VIB": _vibrations,
    **dict.fromkeys(("LHT65", "LHT"), _climate),
    **dict.fromkeys(("LDDS04", "DDS04"), _distances(4, 11)),
    **dict.fromkeys(("LDDS", "DDS"), _distance),
    **dict.fromkeys(("LMDS", "MDS"), _distances(2, 7)),
    **dict.fromkeys(("LLDS", "LDS12", "LDS40"), _lidar),
    "DS20L": _near,
    **dict.fromkeys(("LSE01", "SE01"), _soil),
    **dict.fromkeys(("LLMS01", "LMS01"), _leaf),
    **dict.fromkeys(("LSPH01", "SPH01"), _acidity),
    "LSNPK": _nutrients,
    **dict.fromkeys(("LDS03A", "DS03A"), _timed_switch("contact")),
    **dict.fromkeys(("LWL03A", "WL03A", "LWL04", "WL04"), _timed_switch("water_leak")),
    "LDS0": _switch("contact", 0x80),
    "LWL0": _switch("water_leak", 0x40),
    "CPL01": _pulses(3),
    "SW3L": _pulses(4),
    **dict.fromkeys(("LSN50", "SN50V3", "SN50_V3", "SN50"), node),
    **dict.fromkeys(("D20-L", "D20S-L", "D22-L", "D23-L", "D2X-L"), probes),
    **dict.fromkeys(("S31-L", "S31B-L", "S31LB", "S31BLB"), outdoor),
    "LTC2": thermocouples,
    "PS-L": loop,
    **dict.fromkeys(("TRACKERD", "LGT92", "LGT-92"), _tracker),
    "AQS01": _air,
    **dict.fromkeys(("LT22222", "LT-22222", "LT33222", "LT-33222"), inputs),
    "WSC1": _weather,
    "CS01": clamps,
    "T68DL": fridge,
}
"""A model as its name begins -> what its bytes mean."""

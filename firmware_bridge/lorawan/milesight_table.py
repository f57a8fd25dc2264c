"""Milesight's channels: what stands under which channel and type. Read by `milesight`."""

from collections.abc import Mapping

from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.milesight_alarm import ALARMS, ECHOES
from firmware_bridge.lorawan.milesight_controller import CONTROLLER
from firmware_bridge.lorawan.milesight_reader import (
    Field,
    alarm,
    angles,
    battery,
    bits,
    both,
    current,
    dwell,
    flows,
    free_regions,
    later,
    motion,
    noise,
    number,
    occupied,
    one,
    passed,
    place,
    place_turned,
    present,
    present_many,
    pressed,
    regions,
    serial,
    skip,
    sockets,
    switches,
    taken_regions,
    tamper,
    total_passed,
    version,
    water_pulses,
)

_TEMPERATURE = number("temperature", "Cel", scale=0.1, minus=True)
_HUMIDITY = number("humidity", "%", size=1, scale=0.5)
_DISTANCE = number("distance", "m", scale=0.001)
_CO2 = number("co2", "[ppm]")


def _of_a_gas_sensor(findings: Findings, data: bytes, at: int) -> None:
    """GS101: power off and on, a fault and its end, the end of its life soon, and now."""
    if data[at] == 0:
        findings.alarm("power_outage", True, momentary=True)
    elif data[at] in (2, 3):
        findings.alarm("fault", data[at] == 2)
    elif data[at] in (4, 5):
        findings.alarm("end_of_life", True)


_AM300 = frozenset({0x06CB, 0x077D, 0x087D, 0x0973})
_PEOPLE_LINES = {
    first << 8 | 0xD2: one(4, total_passed(str(1 + (first - 3) // 3), "in" if first % 3 == 0 else "out"))
    for first in (3, 4, 6, 7, 9, 10, 12, 13)
}
_COMMON = {
    0xFF01: one(1, skip),
    0xFF08: one(6, serial(6)),
    0xFF09: one(2, skip),
    0xFF0A: one(2, version("firmware", 2)),
    0xFF0B: one(1, skip),
    0xFF0F: one(1, skip),
    0xFF16: one(8, serial(8)),
    0xFF18: one(2, skip),
    0xFF1F: one(4, version("firmware", 4)),
    0xFF29: one(1, switches),
    0xFF2B: one(1, alarm("button", when=tuple(range(256)), momentary=True)),
    0xFF2E: (
        Field(size=1, read=alarm("button", when=(0, 1, 2, 3), momentary=True), models=("DS3604",)),
        Field(size=1, read=alarm("button", when=(1, 2, 3), momentary=True)),
    ),
    0xFF34: one(3, pressed),
    0xFF3F: (
        Field(size=1, read=_of_a_gas_sensor, models=("GS101",)),
        Field(size=1, read=alarm("power_outage", when=(0, 0xFF), momentary=True)),
    ),
    0xFFAC: one(5, skip),
    0xFFAD: one(1, skip),
    0xFFCC: one(1, skip),
    0xFFFE: one(1, skip),
    0xFFFF: one(2, skip),
    0x0175: one(1, battery),
}
_OWN: dict[int, tuple[Field, ...]] = {
    **_COMMON,
    **_PEOPLE_LINES,
    0x0275: one(1, number("battery", "%", size=1, channel="node")),
    0x0267: one(2, _TEMPERATURE),
    0x0282: one(2, _DISTANCE),
    0x0300: (
        Field(size=1, read=motion, models=("WS202",)),
        Field(size=1, read=alarm("contact"), models=("WS301", "TS301", "TS302")),
        Field(size=1, read=occupied, models=("VS340", "VS341", "VS34X", "VS370")),
        Field(size=1, read=alarm("water_leak"), models=("WS303",)),
    ),
    0x0301: one(1, number("valve", size=1, channel="1")),
    0x0367: one(2, _TEMPERATURE),
    0x0368: one(1, _HUMIDITY),
    0x0374: one(2, number("voltage", "V", scale=0.1)),
    0x0377: one(2, number("water_level", "m", scale=0.01)),
    0x037B: one(2, number("pipe_pressure", "kPa")),
    0x0382: one(2, _DISTANCE),
    0x038E: one(1, occupied),
    0x0394: one(4, number("illuminance", "lx", size=4)),
    0x0397: one(4, number("current_total", "A.h", size=4, scale=0.01, channel="1")),
    0x039A: one(2, number("humidity", "%", scale=0.1)),
    0x03A1: one(8, place_turned),
    0x03CF: one(7, angles(0)),
    0x03D4: one(6, angles(1)),
    0x03ED: one(1, alarm("low_level", when=(2,))),
    0x0400: (
        Field(size=1, read=number("daylight", size=1), models=("WS202", "VS370")),
        Field(size=1, read=tamper, models=("WS301",)),
        Field(size=1, read=alarm("contact", area="2"), models=("TS301", "TS302")),
        Field(size=1, read=alarm("tilt"), models=("EM310",), near=frozenset({0x0382})),
    ),
    0x0467: (
        Field(
            size=2,
            read=number("setpoint", "Cel", scale=0.1, minus=True),
            models=("WT101", "WT201", "WT211"),
            near=frozenset({0x0592, 0x05E7, 0x06E8}),
        ),
        Field(size=2, read=number("temperature", "Cel", scale=0.1, minus=True, channel="2")),
    ),
    0x0468: (
        Field(size=1, read=_HUMIDITY),
        Field(
            size=1,
            read=number("soil_moisture", "%", size=1, scale=0.5),
            models=("EM500-SMT", "EM500_SMT"),
            near=frozenset({0x057F}),
        ),
    ),
    0x047D: one(2, number("ammonia", "[ppm]", scale=0.01)),
    0x0480: one(4, number("power", "W", size=4)),
    0x0482: one(2, _DISTANCE),
    0x0488: one(9, place),
    0x048E: one(1, skip),
    0x0498: one(2, current("1", 0.01)),
    0x0499: one(2, current("1", 0.1)),
    0x049A: one(2, number("humidity", "%", scale=0.1)),
    0x04A2: one(4, skip),
    0x04C8: one(4, number("pulses", size=4, channel="1")),
    0x04C9: one(4, present),
    0x04CA: one(2, number("soil_moisture", "%", scale=0.01)),
    0x04CC: one(4, passed(line="", cumulative=True)),
    0x04D6: one(1, number("remaining", "%", size=1)),
    0x04EE: one(1, skip),
    0x04F9: one(4, free_regions),
    0x0500: (
        Field(
            size=1,
            read=alarm("water_leak"),
            models=("EM300-SLD", "EM300-ZLD", "EM300-MLD"),
            without=frozenset({0x0367, 0x0801, 0x0482, 0x0488, 0x05C8, 0x05E1, 0x06D9}) | _AM300,
        ),
        Field(size=1, read=motion, models=("AM30", "AM319"), near=_AM300),
        Field(size=1, read=alarm("tilt"), models=("AT101", "EM400"), near=frozenset({0x0482, 0x0488, 0x06D9})),
        Field(size=1, read=number("input", size=1), models=("EM300-DI",), near=frozenset({0x05C8, 0x05E1})),
        Field(size=1, read=occupied, models=("WS203",)),
    ),
    0x0501: one(1, number("valve", size=1, channel="2")),
    0x055B: one(7, noise),
    0x056A: one(2, number("activity")),
    0x056B: one(1, skip),
    0x057D: (
        Field(size=2, read=_CO2, models=("EM500-CO2",)),
        Field(
            size=2,
            read=number("hydrogen_sulfide", "[ppm]", scale=0.01),
            models=("GS301",),
            near=frozenset({0x047D, 0x0267, 0x0368}),
        ),
    ),
    0x057F: one(2, number("soil_conductivity", "uS/cm")),
    0x0581: one(1, number("power_factor", "1", size=1, scale=0.01)),
    0x0584: one(2, number("wind_direction", "deg", scale=0.1)),
    0x058E: one(1, alarm("gas")),
    0x0592: one(1, number("valve_opening", "%", size=1)),
    0x059C: one(1, skip),
    0x0597: one(4, number("current_total", "A.h", size=4, scale=0.01, channel="2")),
    0x05A3: one(1, skip),
    0x05C8: one(4, number("pulses", size=4)),
    0x05CC: one(4, passed(line="", cumulative=False)),
    0x05E1: one(8, water_pulses),
    0x05E7: one(1, both(bits("control_mode", 0, 4), bits("control_status", 4, 4))),
    0x05FA: one(8, skip),
    0x05FD: one(2, present_many),
    0x0600: (
        Field(size=1, read=alarm("contact"), models=("EM300-MCS", "EM300-MC")),
        Field(size=1, read=skip, models=("WT101",), near=frozenset({0x0592})),
    ),
    0x0601: one(1, number("valve", size=1)),
    0x0665: one(
        6,
        both(
            number("illuminance", "lx"),
            later(2, number("visible_infrared")),
            later(4, number("infrared")),
        ),
    ),
    0x0673: one(2, number("pressure", "hPa", scale=0.1)),
    0x067D: one(2, number("hydrogen_sulfide", "[ppm]", scale=0.001)),
    0x0683: one(4, number("energy", "kWh", size=4, scale=0.001)),
    0x0699: one(2, current("2", 0.1)),
    0x06A4: one(2, skip),
    0x0688: one(9, place),
    0x06C7: one(2, skip),
    0x06C8: one(4, number("pulses", size=4, channel="2")),
    0x06CB: one(1, number("light_level", "1", size=1)),
    0x06CD: one(1, number("people_max", "1", size=1)),
    0x06D9: one(9, skip),
    0x06E1: one(8, water_pulses),
    0x06E8: one(1, both(bits("fan_mode", 0, 2), bits("fan_status", 2, 2))),
    0x06FE: one(4, taken_regions),
    0x0700: (
        Field(size=1, read=tamper, models=("AT101",), near=frozenset({0x0488, 0x06D9})),
        Field(size=1, read=alarm("window"), models=("WT101",), near=frozenset({0x0592})),
    ),
    0x0701: one(1, number("relay", size=1)),
    0x077D: one(2, _CO2),
    0x0792: one(2, number("wind_speed", "m/s", scale=0.1)),
    0x0797: one(4, number("current_total", "A.h", size=4, scale=0.01, channel="3")),
    0x07BC: one(1, skip),
    0x07C9: one(2, number("current", "A", scale=0.001)),
    0x07D5: one(8, regions(1, 8)),
    0x07E9: one(1, skip),
    0x07EA: one(5, skip),
    0x07FF: one(1, number("daylight", size=1)),
    0x0829: one(1, switches),
    0x0831: one(2, sockets),
    0x0870: one(1, number("switch", size=1)),
    0x087D: (
        Field(size=2, read=number("voc", "1"), models=("AM307", "AM308", "AM319"), near=frozenset({0x06CB})),
        Field(size=2, read=number("voc", "[ppb]")),
    ),
    0x0877: one(3, number("rain_total", "mm", scale=0.01)),
    0x088E: one(1, number("switch", size=1)),
    0x08EC: one(5, number("rain_total", "mm", size=4, scale=0.01)),
    0x08F4: one(2, skip),
    0x0890: one(4, skip),
    0x0899: one(2, current("3", 0.1)),
    0x08CC: one(4, passed(line="2", cumulative=False)),
    0x08D5: one(8, regions(9, 8)),
    0x08E5: one(1, skip),
    0x08E6: one(2, number("voc", "ug/m3")),
    0x0967: one(2, number("temperature", "Cel", scale=0.1, minus=True, void=0xFFFD)),
    0x0968: one(1, _HUMIDITY),
    0x0973: one(2, number("pressure", "hPa", scale=0.1)),
    0x0990: one(2, skip),
    0x09B2: one(6, skip),
    0x09DA: one(8, flows("A")),
    0x0AB3: one(5, skip),
    0x0A00: one(1, alarm("freeze")),
    0x0A6E: one(1, skip),
    0x0A7D: one(2, number("formaldehyde", "mg/m3", scale=0.01)),
    0x0ADA: one(8, flows("B")),
    0x0AEF: one(4, skip),
    0x0B7D: one(2, number("pm2_5", "ug/m3")),
    0x0B90: one(2, skip),
    0x0BCC: one(4, passed(line="3", cumulative=False)),
    0x0B67: one(2, number("setpoint", "Cel", scale=0.1, minus=True, channel="2")),
    0x0BB4: one(9, skip),
    0x0BDA: one(8, flows("C")),
    0x0C7D: one(2, number("pm10", "ug/m3")),
    0x0CB4: one(9, skip),
    0x0CDA: one(8, flows("D")),
    0x0DCC: one(4, passed(line="", cumulative=True)),
    0x0D7D: one(2, number("ozone", "[ppm]", scale=0.01)),
    0x0E01: one(1, skip),
    0x0ECC: one(4, passed(line="4", cumulative=False)),
    0x0EE4: one(5, dwell),
    0x0F7D: one(2, number("formaldehyde", "mg/m3", scale=0.001)),
    0x0F85: one(4, skip),
    0x0FE3: one(4, regions(1, 4)),
    0x1063: one(4, number("energy", "kWh", size=4, scale=0.01, channel="1")),
    0x10E4: one(5, dwell),
    0x10F7: one(4, passed(line="crossing", cumulative=False)),
    0x1163: one(4, number("energy", "kWh", size=4, scale=0.01, channel="2")),
    0x1263: one(4, number("energy", "kWh", size=4, scale=0.01, channel="3")),
    0x1DE3: one(4, regions(1, 4, "children ")),
    0x1EE4: one(5, skip),
    0x81EE: one(1, skip),
}
"""Channel << 8 | type -> what it means of sensors, switches and thermostats."""


def _joined(*tables: Mapping[int, tuple[Field, ...]]) -> dict[int, tuple[Field, ...]]:
    """All meanings of each channel; what only some models mean by it comes first."""
    joined: dict[int, tuple[Field, ...]] = {}
    for table in tables:
        for key, fields in table.items():
            joined[key] = tuple(sorted((*joined.get(key, ()), *fields), key=lambda field: not field.models))
    return joined


TABLE = _joined(ECHOES, _OWN, CONTROLLER, ALARMS)
"""Channel << 8 | type -> what it can mean."""

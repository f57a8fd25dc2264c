"""What Milesight's devices send at once: a threshold that was passed, a sensor that failed; and echoes of settings.

Read by `milesight_table`.
"""

from firmware_bridge.lorawan.codec import whole
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.milesight_reader import (
    Field,
    Reader,
    alarm,
    both,
    current_alarm,
    fault,
    number,
    one,
    passed,
    place,
    skip,
    water_pulses,
)

_DEGREES = {name: number("temperature", "Cel", scale=0.1, minus=True, channel=name) for name in ("", "2")}
_PARTS = {name: number("humidity", "%", scale=0.1, channel=name) for name in ("", "2")}
_DISTANCE = number("distance", "m", scale=0.001)
_HUMIDITY = number("humidity", "%", size=1, scale=0.5)
_ONE = (1,)
_CHANGED = (1, 2)  # over the threshold, or changed too quickly; 0 is an alarm's end
_ANY = tuple(range(1, 256))


def _degrees(at: int, when: tuple[int, ...] = _CHANGED, channel: str = "") -> Reader:
    """A temperature and, at a later byte, why it was sent."""
    return both(_DEGREES[channel], alarm("temperature_alarm", when=when, area=channel, at=at))


def _parts(at: int, channel: str = "") -> Reader:
    """Humidity in tenths and, at a later byte, why it was sent."""
    return both(_PARTS[channel], alarm("humidity_alarm", when=_CHANGED, area=channel, at=at))


def _blind(findings: Findings, data: bytes, at: int) -> None:
    """A radar that sees nothing, or too near: what is wrong stands behind the distance."""
    _DISTANCE(findings, data, at)
    findings.alarm("fault", data[at + 2] != 0, "distance")


def _crossed(findings: Findings, data: bytes, at: int) -> None:
    """A counter of people that counts oddly, has lost its node, or is out of line."""
    findings.alarm("fault", data[at + 1] == 1, ("counting", "node", "alignment")[min(data[at], 2)])


_FALLS = {0: "fall", 1: "motionless", 2: "dwell", 3: "out_of_bed", 6: "bradypnea", 7: "tachypnea", 8: "lying_down"}


def _watched(findings: Findings, data: bytes, at: int) -> None:
    """VS373: number of the alarm, its kind, whether it began, where."""
    name = _FALLS.get(data[at + 2])
    if name is not None:
        findings.alarm(name, data[at + 3] == 1, f"region {data[at + 4]}" if data[at + 2] in (3, 6, 7) else "")


def _in_room(findings: Findings, data: bytes, at: int) -> None:
    """VS373: 1 nobody, 2 in bed, 3 out of it, 4 fallen; then how the person is."""
    findings.measure("occupancy", float(data[at] != 1), "1")
    findings.alarm("fall", data[at] == 4)


def _breath(findings: Findings, data: bytes, at: int) -> None:
    if data[at] in (2, 3, 4):
        findings.measure("respiratory_rate", whole(data, at + 1, 2) / 100, "/min")


ALARMS: dict[int, tuple[Field, ...]] = {
    0x03F4: one(2, _crossed),
    0x03F8: one(6, _in_room),
    0x06FB: one(5, _watched),
    0x07B0: one(8, _in_room),
    0x08B1: one(3, _breath),
    0x1375: one(1, alarm("battery_low")),
    0x50FC: one(3, alarm("occlusion", at=2)),
    0x8367: (
        Field(size=3, read=_degrees(2, (1, 2, 3, 4)), models=("EM320-TH",)),
        Field(size=3, read=_degrees(2, (1, 2, 4, 6, 8)), models=("TS301", "TS302")),
        Field(size=3, read=_degrees(2, (1, 2, 3, 5, 7, 9))),
    ),
    0x839A: one(3, _parts(2)),
    0x83D7: one(5, _degrees(4)),
    0x83E9: one(5, both(_DISTANCE, alarm("distance_alarm", when=_CHANGED, at=4))),
    0x83ED: one(2, alarm("low_level", when=(2,))),
    0x8467: one(3, _degrees(2, _ONE, "2")),
    0x8468: one(2, both(_HUMIDITY, alarm("humidity_alarm", when=_CHANGED, at=1))),
    0x8482: one(3, both(_DISTANCE, alarm("distance_alarm", when=_CHANGED, at=2))),
    0x8488: one(9, place),
    0x8498: one(7, current_alarm("1", 0.01)),
    0x8499: one(7, current_alarm("1", 0.1)),
    0x849A: one(3, _parts(2, "2")),
    0x84CC: one(5, both(passed(line="", cumulative=True), alarm("people_alarm", at=4))),
    0x8500: one(2, both(number("input", size=1), alarm("input_alarm", at=1))),
    0x85CC: one(5, both(passed(line="", cumulative=False), alarm("period_people_alarm", at=4))),
    0x85E1: one(9, both(water_pulses, alarm("water_alarm", when=(1, 3, 5), at=8))),
    0x8673: one(3, both(number("pressure", "hPa", scale=0.1), alarm("pressure_alarm", at=2))),
    0x8699: one(7, current_alarm("2", 0.1)),
    0x8792: one(3, both(number("wind_speed", "m/s", scale=0.1), alarm("wind_alarm", at=2))),
    0x87C9: one(3, both(number("current", "A", scale=0.001), alarm("overcurrent", at=2))),
    0x87E9: one(2, skip),
    0x8829: one(1, alarm("fault")),
    0x8899: one(7, current_alarm("3", 0.1)),
    0x88EC: one(6, both(number("rain_total", "mm", size=4, scale=0.01), alarm("rain_alarm", at=5))),
    0x8967: one(3, _degrees(2)),
    0x89DF: one(1, alarm("overheat")),
    0x9367: one(5, _degrees(4)),
    0x939A: one(5, _parts(4)),
    0x93D7: one(5, _degrees(4)),
    0x9467: one(5, _degrees(4, channel="2")),
    0x9468: one(3, both(_HUMIDITY, alarm("humidity_alarm", when=_CHANGED, at=2))),
    0x9482: one(5, both(_DISTANCE, alarm("distance_alarm", when=_CHANGED, at=4))),
    0x949A: one(5, _parts(4, "2")),
    0x94D7: one(5, _degrees(4, channel="2")),
    0x9967: one(5, _degrees(4, _ANY)),
    0xB367: one(1, fault("temperature")),
    0xB374: one(1, fault("voltage", when=_ONE)),
    0xB39A: one(1, fault("humidity")),
    0xB467: one(1, fault("temperature 2")),
    0xB468: one(1, fault("humidity")),
    0xB480: one(1, fault("power", when=_ONE)),
    0xB482: one(3, _blind),
    0xB49A: one(1, fault("humidity 2")),
    0xB581: one(1, fault("power_factor", when=_ONE)),
    0xB683: one(1, fault("energy", when=_ONE)),
    0xB7C9: one(1, fault("current", when=_ONE)),
    0xB968: one(1, fault("humidity")),
}
"""Channel << 8 | type -> what it means of an alarm."""

_ECHOED = {
    1: "10 27 28 2c 2d 3b 3c 3d 3e 56 57 59 5e 68 69 6d 70 71 73 74 82 84 85 86 c2 c3 c5 c7 e9 eb f3 f4 f5 f6 f8 fb",
    2: "02 03 17 1c 23 24 30 4e 5a b7 b8 bd c4 ce f2",
    3: "05 6a 8e ab b9 ca cb ea f9 fa",
    4: "11 22 c1 f0 f1 f7",
    5: "1b 91 92 98 99 c8",
    6: "c9",
    8: "35 96",
    9: "06 a0",
    10: "ba",
    43: "7c",
}
ECHOES = {
    first << 8 | int(second, 16): one(size, skip)
    for first in (0xFE, 0xFF)
    for size, seconds in _ECHOED.items()
    for second in seconds.split()
}
"""Settings as a device repeats them after a command, where all models have them in one size."""

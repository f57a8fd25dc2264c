"""Milesight's stored records: sent later, each with its time. Read by `milesight`."""

import math
import struct
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from firmware_bridge.lorawan.codec import signed, whole
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.notation.instant import from_unix

HISTORY = frozenset({0x20CE, 0x21CE})
_EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
_LATEST = datetime(2060, 1, 1, tzinfo=UTC)

Value = Callable[[Findings, bytes, int, datetime], None]


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What follows the time of a record: (offset from the record's start, reader).

    named  too like others to be taken where nobody names the model
    """

    models: tuple[str, ...]
    values: tuple[tuple[int, Value], ...]
    named: bool = False

    def read(self, findings: Findings, data: bytes, start: int) -> None:
        """Read one record; a time that cannot be makes it implausible."""
        at = from_unix(whole(data, start, 4))
        if at is None or not _EARLIEST < at < _LATEST:
            findings.implausible = True
            return
        for offset, value in self.values:
            value(findings, data, start + offset, at)


def _number(metric: str, unit: str, size: int, scale: float, *, minus: bool = False) -> Value:
    def read(findings: Findings, data: bytes, where: int, at: datetime) -> None:
        raw = signed(data, where, size) if minus else whole(data, where, size)
        findings.measure(metric, raw * scale, unit, at=at)

    return read


def _alarm(name: str) -> Value:
    def read(findings: Findings, data: bytes, where: int, at: datetime) -> None:
        if data[where] > 1:
            findings.implausible = True
        findings.alarm(name, data[where] == 1, at=at)

    return read


def _motion(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    if data[where] > 1:
        findings.implausible = True
    findings.motion(data[where] == 1, at)


def _passed(kind: int) -> Value:
    """In and out of a period; with `kind` 1 the totals follow."""

    def read(findings: Findings, data: bytes, where: int, at: datetime) -> None:
        if data[where] != kind:
            findings.implausible = True
            return
        entered, left = whole(data, where + 1, 2), whole(data, where + 3, 2)
        findings.count(entered=entered, left=left, at=at)
        if kind == 1:
            entered, left = whole(data, where + 5, 2), whole(data, where + 7, 2)
            findings.count(entered=entered, left=left, cumulative=True, at=at)

    return read


def _gpio(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    """A level or a pulse count, as the byte before says."""
    if data[where] not in (1, 2):
        findings.implausible = True
    elif data[where] == 1:
        findings.measure("input", data[where + 1], at=at)
    else:
        findings.measure("pulses", whole(data, where + 2, 4), at=at)


def _probe(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    """Temperature, unless the status in the high half byte says that it could not be read."""
    if data[where] >> 4 > 2 or data[where] & 15 > 3:
        findings.implausible = True
    elif data[where] >> 4 == 0:
        findings.measure("temperature", signed(data, where + 1, 2) / 10, "Cel", at=at)


def _place(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    findings.locate(signed(data, where + 4, 4) / 1e6, signed(data, where, 4) / 1e6, at=at)


def _thermostat(metric: str) -> Value:
    """WT201: in two bytes eleven bits of temperature, in tenths from -100; the lowest five are what it was doing."""

    def read(findings: Findings, data: bytes, where: int, at: datetime) -> None:
        value = (whole(data, where, 2) >> 5) / 10 - 100
        if not -60 <= value <= 105:
            findings.implausible = True
        findings.measure(metric, value, "Cel", at=at)

    return read


def _occupied(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    """WS203: why it was stored, then whether anybody was there."""
    if data[where] > 4 or data[where + 1] > 1:
        findings.implausible = True
    findings.measure("occupancy", float(data[where + 1]), "1", at=at)


def _parts_of_probe(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    """TS301: why each of two values was stored, then the two in tenths; from -1002 up to -999 there is none.

    Older ones have no second, and the first is the temperature; of newer ones the first is the humidity.
    """
    first, second = signed(data, where + 1, 2), signed(data, where + 3, 2)
    if not data[where] & 15:
        first, second = -999, first
    for raw, metric, unit in ((second, "temperature", "Cel"), (first, "humidity", "%")):
        if not -1002 <= raw <= -999:
            findings.measure(metric, raw / 10, unit, at=at)


def _two_parts(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    """TS302: half a byte for each of two parts, which says whether it is a thermometer and why it was stored."""
    for n, sort in enumerate((data[where] >> 4, data[where] & 15)):
        start, channel = where + 1 + 2 * n, str(n + 1)
        if sort in (1, 2, 3, 4):
            findings.measure("temperature", signed(data, start, 2) / 10, "Cel", channel, at=at)
        elif sort in (5, 6):
            findings.alarm("contact", whole(data, start, 2) == 1, channel, at=at)
        elif sort:
            findings.implausible = True


def _valve(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    """UC51x: bits for open, counting, the input, and which valve; then its pulses."""
    state, channel = data[where], "2" if data[where] & 16 else "1"
    findings.measure("valve", state & 1, "", channel, at=at)
    if state & 2:
        findings.measure("pulses", whole(data, where + 1, 4), "", channel, at=at)


def _water(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    """EM300-DI: a level, or what a water meter counted."""
    if data[where] not in (1, 2) or data[where + 1] > 1:
        findings.implausible = True
    elif data[where] == 1:
        findings.measure("input", data[where + 1], at=at)
    else:
        value = struct.unpack_from("<f", data, where + 6)[0]
        if math.isfinite(value) and 0 <= value < 1e12:
            findings.measure("water_volume", round(value, 3), at=at)


def _probe_of(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    """TS201: which probe, temperature, humidity where the probe has it, why it was stored."""
    if data[where] not in (1, 2):
        findings.implausible = True
    findings.measure("temperature", signed(data, where + 1, 2) / 10, "Cel", at=at)
    if data[where] == 2:
        findings.measure("humidity", data[where + 3] / 2, "%", at=at)


def _line(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    """VS133: which number it is, as the channel has it that it would have come in, then the number."""
    kind, line = data[where], str((data[where] - 3) // 3 + 1)
    if kind == 15:
        for n in range(4):
            findings.count(present=data[where + 1 + n], line=f"region {n + 1}", at=at)
    elif not 3 <= kind <= 14:
        findings.implausible = True
    elif kind % 3 == 2:
        findings.count(entered=whole(data, where + 1, 2), left=whole(data, where + 3, 2), line=line, at=at)
    elif kind % 3 == 0:
        findings.count(entered=whole(data, where + 1, 4), line=line, cumulative=True, at=at)
    else:
        findings.count(left=whole(data, where + 1, 4), line=line, cumulative=True, at=at)


def _voc(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    """AM307, AM308, AM319: an index, of which the maker calls 100 a level; under the other channel a mass."""
    if data[where - 14] == 0x21:
        findings.measure("voc", whole(data, where, 2), "ug/m3", at=at)
    else:
        findings.measure("voc", whole(data, where, 2), "1", at=at)


def _distance(findings: Findings, data: bytes, where: int, at: datetime) -> None:
    """EM410: from 0xfffd on there is none."""
    if whole(data, where, 2) < 0xFFFD:
        findings.measure("distance", signed(data, where, 2) / 1000, "m", at=at)


_TEMPERATURE = _number("temperature", "Cel", 2, 0.1, minus=True)
_HUMIDITY = _number("humidity", "%", 1, 0.5)
_CLIMATE = ((4, _TEMPERATURE), (6, _HUMIDITY))
_TENTHS = _number("humidity", "%", 2, 0.1)
_WEATHER = (
    *_CLIMATE,
    (7, _number("pressure", "hPa", 2, 0.1)),
    (9, _number("wind_direction", "deg", 2, 0.1)),
    (11, _number("wind_speed", "m/s", 2, 0.1)),
)
_CO2 = _number("co2", "[ppm]", 2, 1)
_AM300 = (
    (4, _TEMPERATURE),
    (6, _number("humidity", "%", 2, 0.5)),
    (8, _motion),
    (9, _number("light_level", "1", 1, 1)),
    (10, _CO2),
    (12, _voc),
    (14, _number("pressure", "hPa", 2, 0.1)),
)
_AM308 = (*_AM300, (16, _number("pm2_5", "ug/m3", 2, 1)), (18, _number("pm10", "ug/m3", 2, 1)))
RECORD: dict[int, tuple[Layout, ...]] = {
    6: (
        Layout(models=("TS101", "EM500-PT100"), values=((4, _TEMPERATURE),)),
        Layout(models=("EM500-UDL",), values=((4, _number("distance", "m", 2, 0.001)),)),
        Layout(models=("EM500-SWL",), values=((4, _number("water_level", "m", 2, 0.01)),)),
        Layout(models=("EM500-PP", "UC511", "UC512"), values=((4, _number("pipe_pressure", "kPa", 2, 1)),)),
    ),
    7: (
        Layout(models=("EM300-TH", "EM320-TH", "AM102"), values=_CLIMATE),
        Layout(models=("TS201",), values=((4, _probe),)),
    ),
    8: (
        Layout(models=("EM300-MCS",), values=(*_CLIMATE, (7, _alarm("contact")))),
        Layout(models=("EM300-SLD", "EM300-ZLD", "EM300-MLD"), values=(*_CLIMATE, (7, _alarm("water_leak")))),
        Layout(models=("WT201",), values=((4, _thermostat("temperature")), (6, _thermostat("setpoint")))),
    ),
    9: (
        Layout(models=("AM103",), values=(*_CLIMATE, (7, _CO2))),
        Layout(models=("VS350", "VS351", "VS360"), values=((4, _passed(0)),)),
        Layout(models=("WS203",), values=((4, _occupied), (6, _TEMPERATURE), (8, _HUMIDITY)), named=True),
        Layout(models=("UC511", "UC512"), values=((4, _valve),), named=True),
        Layout(models=("TS201",), values=((4, _probe_of),), named=True),
        Layout(models=("TS301",), values=((4, _parts_of_probe),), named=True),
        Layout(models=("TS302",), values=((4, _two_parts),), named=True),
        Layout(models=("EM320-TH",), values=((4, _TEMPERATURE), (6, _TENTHS)), named=True),
        Layout(models=("VS133", "VS135", "VS132"), values=((4, _line),), named=True),
    ),
    11: (Layout(models=("EM410", "EM411"), values=((4, _distance), (6, _TEMPERATURE))),),
    12: (Layout(models=("AT101",), values=((4, _place),)),),
    13: (
        Layout(models=("EM300-DI",), values=(*_CLIMATE, (7, _gpio))),
        Layout(models=("VS350", "VS351", "VS360"), values=((4, _passed(1)),)),
    ),
    15: (Layout(models=("WTS506",), values=(*_WEATHER, (13, _number("rain_total", "mm", 2, 0.01)))),),
    17: (Layout(models=("WTS506",), values=(*_WEATHER, (13, _number("rain_total", "mm", 4, 0.01)))),),
    18: (Layout(models=("EM300-DI",), values=(*_CLIMATE, (8, _water))),),
    16: (Layout(models=("AM307",), values=_AM300),),
    20: (Layout(models=("AM308",), values=_AM308),),
    22: (Layout(models=("AM319",), values=(*_AM308, (20, _number("formaldehyde", "mg/m3", 2, 0.01)))),),
}
"""Size without channel and type -> the models whose records have it."""

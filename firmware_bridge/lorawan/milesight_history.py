"""Milesight's stored records: sent later, each with its time. Read by `milesight`."""

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
    """What follows the time of a record: (offset from the record's start, reader)."""

    models: tuple[str, ...]
    values: tuple[tuple[int, Value], ...]

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


_TEMPERATURE = _number("temperature", "Cel", 2, 0.1, minus=True)
_HUMIDITY = _number("humidity", "%", 1, 0.5)
_CLIMATE = ((4, _TEMPERATURE), (6, _HUMIDITY))
_CO2 = _number("co2", "[ppm]", 2, 1)
_AM300 = (
    (4, _TEMPERATURE),
    (6, _number("humidity", "%", 2, 0.5)),
    (8, _motion),
    (9, _number("light_level", "1", 1, 1)),
    (10, _CO2),
    (12, _number("voc", "[ppb]", 2, 1)),
    (14, _number("pressure", "hPa", 2, 0.1)),
)
_AM308 = (*_AM300, (16, _number("pm2_5", "ug/m3", 2, 1)), (18, _number("pm10", "ug/m3", 2, 1)))
RECORD: dict[int, tuple[Layout, ...]] = {
    6: (
        Layout(models=("TS101", "EM500-PT100"), values=((4, _TEMPERATURE),)),
        Layout(models=("EM500-UDL",), values=((4, _number("distance", "m", 2, 0.001)),)),
        Layout(models=("EM500-SWL",), values=((4, _number("water_level", "m", 2, 0.01)),)),
        Layout(models=("EM500-PP",), values=((4, _number("pipe_pressure", "kPa", 2, 1)),)),
    ),
    7: (
        Layout(models=("EM300-TH", "EM320-TH", "AM102"), values=_CLIMATE),
        Layout(models=("TS201",), values=((4, _probe),)),
    ),
    8: (
        Layout(models=("EM300-MCS",), values=(*_CLIMATE, (7, _alarm("contact")))),
        Layout(models=("EM300-SLD", "EM300-ZLD", "EM300-MLD"), values=(*_CLIMATE, (7, _alarm("water_leak")))),
    ),
    9: (
        Layout(models=("AM103",), values=(*_CLIMATE, (7, _CO2))),
        Layout(models=("VS350", "VS351", "VS360"), values=((4, _passed(0)),)),
    ),
    12: (Layout(models=("AT101",), values=((4, _place),)),),
    13: (
        Layout(models=("EM300-DI",), values=(*_CLIMATE, (7, _gpio))),
        Layout(models=("VS350", "VS351", "VS360"), values=((4, _passed(1)),)),
    ),
    16: (Layout(models=("AM307",), values=_AM300),),
    20: (Layout(models=("AM308",), values=_AM308),),
    22: (Layout(models=("AM319",), values=(*_AM308, (20, _number("formaldehyde", "mg/m3", 2, 0.01)))),),
}
"""Size without channel and type -> the models whose records have it."""

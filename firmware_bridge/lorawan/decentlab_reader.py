"""How the words of Decentlab's sensors are read. Used by `decentlab_table`."""

from collections.abc import Callable, Sequence
from math import inf, log

import msgspec

from firmware_bridge.lorawan.findings import Findings

Words = Sequence[int]
Read = Callable[[Findings, Words], None]
Range = tuple[float, float]
HALF = 32768
ANY: Range = (-inf, inf)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One flag: how many words belong to it, and who reads them."""

    words: int
    values: tuple[Read, ...]

    def read(self, findings: Findings, words: Words) -> None:
        """Tell what the words say."""
        for value in self.values:
            value(findings, words)


def value(
    metric: str,
    unit: str,
    n: int,
    offset: float = HALF,
    scale: float = 1,
    channel: str = "",
    void: int = -1,
    within: Range = ANY,
) -> Read:
    """Word `n`, less an offset, times a scale; `void` is the word of a sensor that is not there.

    within  what the data sheet says the sensor can measure: beyond, the words are another model's
    """

    def read(findings: Findings, words: Words) -> None:
        if words[n] != void:
            _measure(findings, metric, (words[n] - offset) * scale, unit, channel, within)

    return read


def long(
    metric: str, unit: str, n: int, scale: float = 1, offset: float = 0, channel: str = "", within: Range = ANY
) -> Read:
    """Words `n` and `n` + 1, the lower first."""

    def read(findings: Findings, words: Words) -> None:
        _measure(findings, metric, (words[n] + words[n + 1] * 65536) * scale - offset, unit, channel, within)

    return read


def _measure(findings: Findings, metric: str, number: float, unit: str, channel: str, within: Range) -> None:
    if not within[0] <= number <= within[1]:
        findings.implausible = True
    findings.measure(metric, number, unit, channel)


def battery(findings: Findings, words: Words) -> None:
    volts = words[0] / 1000
    if not 1.8 <= volts <= 4.2:  # lithium cells; else it was no battery
        findings.implausible = True
    findings.tell("voltage_v", volts)


def light(findings: Findings, words: Words) -> None:
    """Illuminance from the two channels of the light sensor, as the data sheet gives it."""
    visible, infrared = words[0], words[1]
    lux = max(visible - 1.64 * infrared, 0.59 * visible - 0.86 * infrared, 0) * 1.5504
    findings.measure("illuminance", lux, "lx")


def permittivity(findings: Findings, words: Words) -> None:
    raw = words[0] / 10
    findings.measure("permittivity", (0.000000002887 * raw**3 - 0.0000208 * raw**2 + 0.05276 * raw - 43.39) ** 2, "1")


def ratio(words: Words) -> float:
    return (words[0] + words[1] * 65536) / 8388608 - 1


def thermistor(findings: Findings, words: Words) -> None:
    """Black globe: a 100 kOhm thermistor by Steinhart and Hart."""
    half = ratio(words) / 2
    if half <= 0 or 1000 / half <= 41000:
        findings.implausible = True
        return
    ohm = log(1000 / half - 41000)
    findings.measure("temperature", 1 / (0.0008271111 + 0.000208802 * ohm + 0.000000080592 * ohm**3) - 273.15, "Cel")


def platinum(bridge: float, zero: float, linear: float, square: float) -> Read:
    """A platinum thermometer against a resistor of 2 kOhm; `bridge` is the gain before it, the rest its curve."""

    def read(findings: Findings, words: Words) -> None:
        part = ratio(words) / bridge
        if not 0 < part < 1:
            findings.implausible = True
            return
        ohm = part * 2000 / (1 - part)
        _measure(findings, "temperature", zero + linear * ohm + square * ohm**2, "Cel", "", (-200, 850))

    return read


def vibrating_wire(findings: Findings, words: Words) -> None:
    """Counts within an interval of a 32,768 Hz clock; what load that is, a calibration of the single device tells."""
    if words[1]:
        _measure(findings, "frequency", words[0] / words[1] * 32768, "Hz", "", (100, 100_000))


def second_dendrometer(findings: Findings, words: Words) -> None:
    """The second of two is measured against the first, over their range of 20 mm."""
    position = ratio(words) - ratio(words[2:])
    _measure(findings, "dendrometer", position * 20000, "um", "b", (-500, 20_500))


def water_content(findings: Findings, words: Words) -> None:
    """Of mineral soil from its permittivity, as the data sheet has it from Topp."""
    epsilon = words[0] / 50
    content = 4.3e-6 * epsilon**3 - 5.5e-4 * epsilon**2 + 2.92e-2 * epsilon - 5.3e-2
    findings.measure("soil_moisture", content * 100, "%")


def albedo(findings: Findings, words: Words) -> None:
    incoming, reflected = words[0] - HALF, words[1] - HALF
    if incoming > 0 and reflected > 0:
        findings.measure("albedo", reflected / incoming, "1")


def group(words: int, *values: Read) -> Group:
    return Group(words=words, values=values)


def row(metric: str, unit: str, how_many: int, scale: float = 0.01, first: int = 0, offset: float = HALF) -> list[Read]:
    """The same at several depths; a missing one has the word 0."""
    return [
        value(metric, unit, first + n, offset, scale, str(n), void=0 if offset == HALF else -1) for n in range(how_many)
    ]


def wind(first: int) -> tuple[Read, ...]:
    """Speed, direction and gust from three words."""
    return (
        value("wind_speed", "m/s", first, scale=0.01),
        value("wind_direction", "deg", first + 1, scale=0.1),
        value("wind_gust", "m/s", first + 2, scale=0.01),
    )

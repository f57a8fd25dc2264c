"""What Dragino's models have in common: battery first, temperatures that may be missing. Used by `dragino_models`."""

from collections.abc import Callable

from firmware_bridge.lorawan.codec import Body, signed, whole
from firmware_bridge.lorawan.findings import Findings

Reader = Callable[[Body, Findings], bool]

NO_PROBE = 0x7FFF
ONES = 0xFFFF
FAR = 3270  # tenths from which on a probe of a node is none: it reaches to 125 degrees
STORED_PORT = 3  # what was kept while nobody heard it


def unsigned(data: bytes, at: int, size: int = 2) -> int:
    """A whole number, most significant byte first."""
    return whole(data, at, size, "big")


def volts(data: bytes, findings: Findings, mask: int = 0x3FFF) -> None:
    """The battery, in millivolts; the upper bits may say how good it is."""
    findings.tell("voltage_v", (unsigned(data, 0) & mask) / 1000)


def temperature(
    data: bytes, at: int, findings: Findings, scale: float, metric: str = "temperature", channel: str = ""
) -> None:
    """A temperature, unless nothing measures it."""
    raw = signed(data, at, 2, "big")
    if unsigned(data, at) not in (NO_PROBE, ONES) and (scale < 0.1 or raw < FAR):
        findings.measure(metric, raw * scale, "Cel", channel)


def humidity(data: bytes, at: int, findings: Findings) -> None:
    """Relative humidity in tenths, unless nothing measures it."""
    if unsigned(data, at) != ONES:
        findings.measure("humidity", unsigned(data, at) / 10, "%")

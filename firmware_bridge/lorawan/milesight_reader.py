"""How the values of Milesight's channels are read. Used by `milesight_table`."""

import math
import struct
from collections.abc import Callable

import msgspec

from firmware_bridge.lorawan.codec import signed, whole
from firmware_bridge.lorawan.findings import Findings

Reader = Callable[[Findings, bytes, int], None]
Sized = Callable[[bytes, int], int]

_VOID = {2: 0xFFFD, 4: 0xFFFFFFFD}  # from here on a value says "failed", "not ready" or "out of range"
_FAILED = 0xFFFF


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One channel and type.

    size    in bytes; 0 where `sized` tells it from the bytes themselves
    models  in upper case, where other models mean something else by it
    near    the keys of which one stands in the same body where this is meant
    without the keys of which none does
    """

    size: int
    read: Reader
    sized: Sized | None = None
    models: tuple[str, ...] = ()
    near: frozenset[int] = frozenset()
    without: frozenset[int] = frozenset()

    def suits(self, keys: frozenset[int]) -> bool:
        """Whether the company of these keys says that this is meant."""
        return bool(self.near and not self.near.isdisjoint(keys)) or bool(
            self.without and self.without.isdisjoint(keys)
        )


def number(
    metric: str,
    unit: str = "",
    *,
    size: int = 2,
    scale: float = 1,
    channel: str = "",
    minus: bool = False,
    void: int = 0,
) -> Reader:
    """A number; `minus` where it is signed, `void` the raw value from which on it is none."""
    void = void or (1 << 8 * size if minus or size == 1 else _VOID[size])

    def read(findings: Findings, data: bytes, at: int) -> None:
        raw = whole(data, at, size)
        if raw < void:
            findings.measure(metric, (signed(data, at, size) if minus else raw) * scale, unit, channel)

    return read


def alarm(name: str, *, when: tuple[int, ...] = (1,), area: str = "", at: int = 0, momentary: bool = False) -> Reader:
    """An alarm that is active at these values of a byte."""

    def read(findings: Findings, data: bytes, start: int) -> None:
        findings.alarm(name, data[start + at] in when, area, momentary=momentary)

    return read


def fault(part: str, *, when: tuple[int, ...] = tuple(range(256))) -> Reader:
    """A notice that a sensor could not be read, or is out of its range; none is sent when it can be again."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        if data[at] in when:
            findings.alarm("fault", True, part, momentary=True)

    return read


def current(channel: str, scale: float) -> Reader:
    """A current clamp: ampere, or that it could not be read."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        raw = whole(data, at, 2)
        if raw < _VOID[2]:
            findings.measure("current", raw * scale, "A", channel)
        findings.alarm("fault", raw == _FAILED, f"current {channel}")

    return read


def current_alarm(channel: str, scale: float) -> Reader:
    """Greatest, smallest and present current, then bits: over the threshold, so no more, over range, so no more."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        findings.measure("current", whole(data, at + 4, 2) * scale, "A", channel)
        findings.alarm("current_alarm", data[at + 6] & 0b101 != 0, "" if channel == "1" else channel)

    return read


def bits(metric: str, low: int, width: int) -> Reader:
    """A code in some bits of a byte, as the maker numbers it."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        findings.measure(metric, data[at] >> low & (1 << width) - 1)

    return read


def switches(findings: Findings, data: bytes, at: int) -> None:
    """Up to three switches: their states in the low half of the byte, which of them changed in the high half."""
    there = (data[at] | data[at] >> 4) & 7
    for n in range(max(1, there.bit_length())):
        findings.measure("switch", data[at] >> n & 1, "", str(n + 1))


def sockets(findings: Findings, data: bytes, at: int) -> None:
    """Eight switches: which of them changed, then their states."""
    for n in range(8):
        findings.measure("switch", data[at + 1] >> n & 1, "", str(n + 1))


def pressed(findings: Findings, data: bytes, at: int) -> None:
    """One of several buttons was pressed."""
    findings.alarm("button", True, str(data[at]), momentary=True)


def flows(start: str) -> Reader:
    """People who went from one area to each of four."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        for n, end in enumerate("ABCD"):
            findings.count(entered=whole(data, at + 2 * n, 2), line=f"{start} to {end}")

    return read


def taken_regions(findings: Findings, data: bytes, at: int) -> None:
    """Which regions are watched, then which of them are taken."""
    watched, taken = whole(data, at, 2), whole(data, at + 2, 2)
    for n in range(16):
        if watched >> n & 1:
            findings.measure("occupancy", taken >> n & 1, "1", f"region {n + 1}")


def free_regions(findings: Findings, data: bytes, at: int) -> None:
    """Four regions, each 1 where it is free."""
    for n in range(4):
        findings.measure("occupancy", float(data[at + n] != 1), "1", f"region {n + 1}")


def both(*readers: Reader) -> Reader:
    """Several values from the same bytes."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        for reader in readers:
            reader(findings, data, at)

    return read


def later(by: int, reader: Reader) -> Reader:
    """A value some bytes on."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        reader(findings, data, at + by)

    return read


def skip(findings: Findings, data: bytes, at: int) -> None:
    """Settings and echoes: their size is known, and there is nothing in them to keep."""


def battery(findings: Findings, data: bytes, at: int) -> None:
    """Percent; 255 where the device has no battery."""
    if data[at] != 0xFF:
        findings.tell("battery_percent", float(data[at]))


def motion(findings: Findings, data: bytes, at: int) -> None:
    """A passive infrared sensor."""
    findings.motion(data[at] == 1)


def occupied(findings: Findings, data: bytes, at: int) -> None:
    """A desk, a seat, a parking place or a cabin is taken."""
    findings.measure("occupancy", float(data[at] != 0), "1")


def passed(*, line: str, cumulative: bool, size: int = 2) -> Reader:
    """People in, then people out."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        entered, left = whole(data, at, size), whole(data, at + size, size)
        findings.count(entered=entered, left=left, line=line, cumulative=cumulative)

    return read


def total_passed(line: str, way: str) -> Reader:
    """People who passed a line one way since the counter began."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        people = whole(data, at, 4)
        if way == "in":
            findings.count(entered=people, line=line, cumulative=True)
        else:
            findings.count(left=people, line=line, cumulative=True)

    return read


def regions(first: int, how_many: int, who: str = "") -> Reader:
    """People in each of several regions now."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        for n in range(how_many):
            findings.count(present=data[at + n], line=f"{who}region {first + n}")

    return read


def dwell(findings: Findings, data: bytes, at: int) -> None:
    """How long people stayed in a region, on average and at most, in seconds."""
    region = f"region {data[at]}"
    findings.measure("dwell_time", whole(data, at + 1, 2), "s", region)
    findings.measure("dwell_time_max", whole(data, at + 3, 2), "s", region)


def present(findings: Findings, data: bytes, at: int) -> None:
    """People in view now."""
    findings.count(present=data[at])


def present_many(findings: Findings, data: bytes, at: int) -> None:
    """The same, of more than 255."""
    findings.count(present=whole(data, at, 2))


def version(fact: str, size: int) -> Reader:
    """A version as numbers with dots."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        findings.tell(fact, ".".join(str(part) for part in data[at : at + size]))

    return read


def serial(size: int) -> Reader:
    """A serial number as hexadecimal digits."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        findings.tell("serial", data[at : at + size].hex())

    return read


def angles(shift: int) -> Reader:
    """Three angles in hundredths of a degree; the bits that say which is over its threshold."""

    def read(findings: Findings, data: bytes, at: int) -> None:
        for n, axis in enumerate("xyz"):
            findings.measure("angle", (signed(data, at + 2 * n, 2) >> shift) / 100, "deg", axis)
        over = data[at + 6] & 7 if not shift else sum((data[at + 2 * n] & 1) << n for n in range(3))
        findings.alarm("tilt", over != 0)

    return read


def place(findings: Findings, data: bytes, at: int) -> None:
    """Latitude, then longitude, in millionths of a degree."""
    findings.locate(signed(data, at, 4) / 1e6, signed(data, at + 4, 4) / 1e6)


def place_turned(findings: Findings, data: bytes, at: int) -> None:
    """Longitude, then latitude."""
    findings.locate(signed(data, at + 4, 4) / 1e6, signed(data, at, 4) / 1e6)


def noise(findings: Findings, data: bytes, at: int) -> None:
    """Sound level, its equivalent and its maximum, in tenths of dB."""
    for n, channel in enumerate(("", "equivalent", "max")):
        findings.measure("sound_level", whole(data, at + 1 + 2 * n, 2) / 10, "dB", channel)


def water_pulses(findings: Findings, data: bytes, at: int) -> None:
    """What a water meter counted, in the unit of the pulses."""
    value = struct.unpack_from("<f", data, at + 4)[0]
    if math.isfinite(value) and abs(value) < 1e12:
        findings.measure("water_volume", round(value, 3))


def tamper(findings: Findings, data: bytes, at: int) -> None:
    """The device was taken off its place."""
    findings.alarm("tamper", data[at] == 1)


def one(size: int, read: Reader) -> tuple[Field, ...]:
    """A channel that means the same in all models."""
    return (Field(size=size, read=read),)

"""NMEA 0183 sentences of a GNSS receiver: time, place, speed and course.

    $GPRMC,092750.000,A,5321.6802,N,00630.3372,W,0.02,31.66,280511,,,A*43

Only what a box needs is read (RMC, GGA, GNS, GLL, ZDA), of any talker (GP, GN, GL, GA, BD). Called by `serial_port`.
Source: NMEA 0183 version 4.11; https://gpsd.gitlab.io/gpsd/NMEA.html.
"""

import math
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from appliance.errors import Rejected

MAX_SENTENCE = 120  # characters; the standard allows 82, receivers write a few more
KNOT_MPS = 1852 / 3600
ROLLOVER = timedelta(weeks=1024)  # an old receiver counts weeks to 1,024 and begins again
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # no fix is older than this program


class GnssFix(msgspec.Struct, frozen=True, kw_only=True):
    """What one sentence says; None where it does not. `observed_at` needs a date, which RMC and ZDA bring."""

    observed_at: datetime | None = None
    longitude: float | None = None
    latitude: float | None = None
    altitude_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    satellites: int | None = None
    hdop: float | None = None


def read_sentence(line: str) -> GnssFix | None:
    """What a sentence says; None for one that is of another kind, or says that there is no fix.

    raises  Rejected  the checksum is wrong, or a field is not what its kind has there
    """
    line = line.strip()
    if not line.startswith("$") or len(line) > MAX_SENTENCE:
        raise Rejected("not an NMEA sentence: it begins with $ and has at most 120 characters")
    body, star, given = line[1:].partition("*")
    if star and (not given or f"{_checksum(body):02X}" != given.strip().upper()):
        raise Rejected(f"checksum {given!r} is wrong, the sentence gives {_checksum(body):02X}; is the line disturbed?")
    address, *fields = body.split(",")
    read = _KINDS.get(address[2:]) if len(address) == 5 else None
    if read is None:
        return None
    try:
        return read(fields)
    except (ValueError, IndexError, OverflowError) as error:
        raise Rejected(f"{address}: {error}") from None


def _checksum(body: str) -> int:
    total = 0
    for character in body.encode("ascii", "replace"):
        total ^= character
    return total


def _read_rmc(fields: list[str]) -> GnssFix | None:
    if fields[1] != "A":
        return None
    return GnssFix(
        observed_at=_instant(fields[0], _date(fields[8])),
        latitude=_degrees(fields[2], fields[3], "NS", 90),
        longitude=_degrees(fields[4], fields[5], "EW", 180),
        speed_mps=_scaled(fields[6], KNOT_MPS),
        heading_deg=_scaled(fields[7], 1.0),
    )


def _read_gga(fields: list[str]) -> GnssFix | None:
    if fields[5] in ("", "0"):
        return None
    return GnssFix(
        latitude=_degrees(fields[1], fields[2], "NS", 90),
        longitude=_degrees(fields[3], fields[4], "EW", 180),
        satellites=int(fields[6]) if fields[6] else None,
        hdop=_scaled(fields[7], 1.0),
        altitude_m=_scaled(fields[8], 1.0),
    )


def _read_gns(fields: list[str]) -> GnssFix | None:
    if not fields[5].strip("N"):
        return None
    return _read_gga([*fields[:5], "1", *fields[6:]])


def _read_gll(fields: list[str]) -> GnssFix | None:
    if fields[5] != "A":
        return None
    return GnssFix(
        latitude=_degrees(fields[0], fields[1], "NS", 90), longitude=_degrees(fields[2], fields[3], "EW", 180)
    )


def _read_zda(fields: list[str]) -> GnssFix | None:
    if not all(fields[:4]):
        return None
    return GnssFix(observed_at=_instant(fields[0], date(int(fields[3]), int(fields[2]), int(fields[1]))))


def _date(text: str) -> date:
    day, month, year = int(text[:2]), int(text[2:4]), int(text[4:6])
    return date(2000 + year, month, day)


def _instant(text: str, day: date) -> datetime:
    second = float(text[4:])
    leap = second >= 60  # the second that Unix time does not count is the one after it
    whole = min(int(second), 59)
    clock = time(int(text[:2]), int(text[2:4]), whole, 0 if leap else round((second - whole) * 1e6) % 1_000_000, UTC)
    when = datetime.combine(day, clock) + timedelta(seconds=1 if leap else 0)
    while when < EARLIEST:
        when += ROLLOVER
    return when


def _degrees(text: str, hemisphere: str, hemispheres: str, limit: int) -> float:
    if hemisphere not in hemispheres or not hemisphere:
        raise ValueError(f"{hemisphere!r} is no hemisphere of {hemispheres}")
    point = text.index(".") if "." in text else len(text)
    degrees = float(text[: point - 2] or 0) + float(text[point - 2 :]) / 60
    if not 0 <= degrees <= limit:
        raise ValueError(f"{text!r} is not an angle up to {limit} degrees")
    return -degrees if hemisphere == hemispheres[1] else degrees


def _scaled(text: str, factor: float) -> float | None:
    if not text:
        return None
    number = float(text) * factor
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not finite")
    return number


_KINDS = {"RMC": _read_rmc, "GGA": _read_gga, "GNS": _read_gns, "GLL": _read_gll, "ZDA": _read_zda}

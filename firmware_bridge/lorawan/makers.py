"""Makers of few kinds of bodies: Laird (Ezurio) RS1xx, Enginko (MCF88), Adeunis. Read where the device is named.

Source: Laird's "RS1xx LoRa protocol", Enginko's "LoRaWAN devices' frame formats", Adeunis' user guides (frames 0x40,
0x43, 0x46, 0x57, 0x5a).
"""

from datetime import UTC, datetime

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

_CAPACITY = (2.5, 12.5, 30.0, 50.0, 70.0, 90.0)  # the middle of each step that RS1xx knows
_LAIRD_EPOCH = datetime(2000, 1, 1, tzinfo=UTC).timestamp()


def _laird_climate(data: bytes, at: int, findings: Findings, when: datetime | None = None) -> None:
    """Hundredths, then whole per cents of humidity; the same of degrees, both with their sign."""
    findings.measure("humidity", data[at + 1] + data[at] / 100, "%", at=when)
    findings.measure("temperature", signed(data, at + 3, 1) + signed(data, at + 2, 1) / 100, "Cel", at=when)


def _laird_time(data: bytes, at: int) -> datetime | None:
    return datetime.fromtimestamp(_LAIRD_EPOCH + whole(data, at, 4, "big"), UTC)


def _read_laird(body: Body, findings: Findings) -> bool:
    """RS1xx: kind, options, then what the kind has."""
    data = body.data
    kind, size = (data[0], len(data)) if len(data) > 1 else (0, 0)
    if kind == 1 and size >= 11:
        _laird_climate(data, 2, findings)
        findings.tell("battery_percent", _CAPACITY[min(data[6], 5)])
    elif kind == 2 and size >= 11:
        findings.tell("battery_percent", _CAPACITY[min(data[5], 5)])
        for n in range(min(data[6], (size - 11) // 4)):
            _laird_climate(data, 11 + 4 * n, findings)
    elif kind == 3 and size >= 10:
        _laird_climate(data, 6, findings, _laird_time(data, 2))
    elif kind == 4 and size >= 3:
        for n in range(min(data[2], (size - 3) // 8)):
            _laird_climate(data, 7 + 8 * n, findings, _laird_time(data, 3 + 8 * n))
    elif kind == 9 and size >= 3:
        findings.alarm("contact", data[2] == 1)
    elif kind == 10 and size >= 4:
        findings.tell("voltage_v", data[3] + data[2] / 100)
    else:
        return kind in (5, 6, 7, 8, 12)
    return True


def _packed_time(data: bytes, at: int) -> datetime | None:
    """Years since 2000 in seven bits, month, day, hour, minute, every other second."""
    raw = whole(data, at, 4)
    year, month, day = 2000 + (raw >> 25), raw >> 21 & 15, raw >> 16 & 31
    try:
        return datetime(year, month, day, raw >> 11 & 31, raw >> 5 & 63, (raw & 31) * 2, tzinfo=UTC)
    except ValueError:
        return None


def _read_enginko(body: Body, findings: Findings) -> bool:
    """MCF88: records of climate or air, each with its time; little-endian."""
    data = body.data
    kind = data[0] if data else 0
    size = {0x04: 10, 0x0E: 16}.get(kind, 0)
    if not size or len(data) < 1 + size:
        return False
    for at in range(1, len(data) - size + 1, size):
        when = _packed_time(data, at)
        findings.measure("temperature", signed(data, at + 4, 2) / 100, "Cel", at=when)
        findings.measure("humidity", data[at + 6] / 2, "%", at=when)
        findings.measure("pressure", whole(data, at + 7, 3) / 100, "hPa", at=when)
        if kind == 0x0E:
            findings.measure("illuminance", whole(data, at + 10, 2), "lx", at=when)
            findings.measure("voc_index", whole(data, at + 12, 2), "1", at=when)
            findings.measure("co2", whole(data, at + 14, 2), "[ppm]", at=when)
    if (len(data) - 1) % size:
        findings.tell("battery_percent", float(data[-1]))
    return True


_CONTACTS, _OLD_PROBES, _PROBES = 0x40, 0x43, 0x57
_COUNTERS, _COUNTER = 0x46, {0x5A: "a", 0x5B: "b"}


def _read_adeunis(body: Body, findings: Findings) -> bool:
    """A kind of frame, a status, its values, most significant byte first."""
    data = body.data
    kind = data[0] if len(data) > 2 else 0
    if kind == _CONTACTS and len(data) == 11:
        for n, channel in enumerate("abcd"):
            findings.measure("pulses", whole(data, 2 + 2 * n, 2, "big"), "1", channel)
            findings.measure("input", data[10] >> 2 * n & 1, "", channel)
    elif kind == _COUNTERS and len(data) >= 10:
        for n, channel in enumerate("ab"):
            findings.measure("pulses", whole(data, 2 + 4 * n, 4, "big"), "1", channel)
    elif kind in _COUNTER and len(data) >= 6:  # what it was before follows, as differences
        findings.measure("pulses", whole(data, 2, 4, "big"), "1", _COUNTER[kind])
    elif kind == _PROBES and len(data) >= 4:
        for n in range(2 if data[1] & 0x10 and len(data) >= 6 else 1):
            _probe(data, 2 + 2 * n, findings, str(n + 1))
    elif kind == _OLD_PROBES and len(data) in (5, 8):
        for n in range((len(data) - 2) // 3):
            if data[2 + 3 * n] & 15:
                _probe(data, 3 + 3 * n, findings, str(n + 1))
    else:
        return kind in (0x10, 0x11, 0x12, 0x1F, 0x20, 0x30)  # settings and answers
    return True


def _probe(data: bytes, at: int, findings: Findings, channel: str) -> None:
    if whole(data, at, 2, "big") != 0x8000:
        findings.measure("temperature", signed(data, at, 2, "big") / 10, "Cel", channel)


LAIRD = Codec(name="laird", title="Laird RS1xx", words=("LAIRD", "EZURIO", "RS1XX", "RS186", "RS191"), read=_read_laird)
ENGINKO = Codec(name="enginko", title="Enginko MCF88", words=("ENGINKO", "MCF88", "MCF-LW"), read=_read_enginko)
ADEUNIS = Codec(name="adeunis", title="Adeunis", words=("ADEUNIS",), ouis=("0018b2",), read=_read_adeunis)

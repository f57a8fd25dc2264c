"""Seeed SenseCAP: sensors S210x (frames of seven bytes, with a checksum), the station S2120, the tracker T1000.

Source: Seeed's user guides of SenseCAP S210x, S2120 and T1000 ("Payload decoding").
"""

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.names import NUMBERED
from firmware_bridge.notation.instant import from_unix

_FRAME = 7
_CHECKSUM = 2
_MEASURED = 0x1000  # numbers from here on are of what is measured
_BATTERY, _VERSION = 7, 0  # numbers of frames that are no measurement
_FAILED = 2_000_000  # thousandths that are an error code begin here and are negative
_TRACKER_PORT = 5
_SOS, _PRESSED, _SHOCK, _STARTED, _STOPPED = 0x40, 0x80, 0x08, 0x01, 0x02


def _kermit(data: bytes) -> int:
    """CRC-16 of CCITT, reflected."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
    return crc


def _is_framed(data: bytes) -> bool:
    """Whether whole frames and a checksum are there, each of a number that is known."""
    end = len(data) - _CHECKSUM
    return end > 0 and end % _FRAME == 0 and all(_is_number(whole(data, at + 1, 2)) for at in range(0, end, _FRAME))


def _is_number(number: int) -> bool:
    return number < _MEASURED or number in NUMBERED or number >> 8 in (0x10, 0x11)


def _read(body: Body, findings: Findings) -> bool:
    data = body.data
    if _is_framed(data) and (body.model or whole(data, len(data) - _CHECKSUM, _CHECKSUM) == _kermit(data[:-_CHECKSUM])):
        return _read_frames(data, findings)
    if not body.model:
        return False
    if body.f_port == _TRACKER_PORT and "T1000" in body.model:
        return _read_tracker(data, findings)
    return _read_station(data, findings)


def _read_frames(data: bytes, findings: Findings) -> bool:
    """Channel, number of what is measured, thousandths of it; numbers below 0x1000 tell of the device."""
    place: dict[str, float] = {}
    for at in range(0, len(data) - _CHECKSUM, _FRAME):
        number, raw = whole(data, at + 1, 2), signed(data, at + 3, 4)
        if number == _BATTERY:
            findings.tell("battery_percent", float(whole(data, at + 3, 2)))
        elif number == _VERSION and data[at] == 0:
            findings.tell("firmware", f"{data[at + 6]}.{data[at + 5]}")
        known = NUMBERED.get(number)
        if known is None or raw <= -_FAILED:
            continue
        metric, unit, factor = known
        if metric in ("longitude", "latitude"):
            place[metric] = raw / 1000
        elif metric != "battery_percent":
            findings.measure(metric, raw / 1000 * factor, unit, "" if data[at] == 1 else str(data[at]))
    if len(place) == 2:
        findings.locate(place["latitude"], place["longitude"])
    return True


_STATION_SIZES = {
    **dict.fromkeys((0x01, 0x4A), 10),
    0x02: 8,
    0x4B: 8,
    0x03: 1,
    0x4C: 6,
    0x04: 9,
    0x05: 4,
    0x06: 1,
    0x10: 9,
}


def _read_station(data: bytes, findings: Findings) -> bool:
    """S2120: a byte says which values follow, most significant byte first."""
    steps: list[tuple[int, int]] = []
    at = 0
    while at < len(data):
        size = _STATION_SIZES.get(data[at], 0)
        if not size or at + 1 + size > len(data):
            return False
        steps.append((data[at], at + 1))
        at += 1 + size
    for kind, start in steps:
        _read_station_part(kind, data, start, findings)
    return at > 0


def _read_station_part(kind: int, data: bytes, start: int, findings: Findings) -> None:
    if kind in (0x01, 0x4A):
        findings.measure("temperature", signed(data, start, 2, "big") / 10, "Cel")
        findings.measure("humidity", data[start + 2], "%")
        findings.measure("illuminance", whole(data, start + 3, 4, "big"), "lx")
        findings.measure("uv_index", data[start + 7] / 10, "1")
        findings.measure("wind_speed", whole(data, start + 8, 2, "big") / 10, "m/s")
    elif kind in (0x02, 0x4B):
        findings.measure("wind_direction", whole(data, start, 2, "big"), "deg")
        findings.measure("rain_rate", whole(data, start + 2, 4, "big") / 1000, "mm/h")
        findings.measure("pressure", whole(data, start + 6, 2, "big") / 10, "hPa")
    elif kind == 0x4C:
        findings.measure("wind_gust", whole(data, start, 2, "big") / 10, "m/s")
        findings.measure("rain_total", whole(data, start + 2, 4, "big") / 1000, "mm")
    elif kind in (0x03, 0x04):
        findings.tell("battery_percent", float(data[start]))
    elif kind == 0x06:
        findings.alarm("fault", data[start] != 0, "station")


def _read_tracker(data: bytes, findings: Findings) -> bool:
    """T1000: the first byte says what it is; of a position the events, the time, where, and what else it measures."""
    kind = data[0] if data else 0
    if kind in (0x01, 0x02, 0x05) and len(data) > 1:
        findings.tell("battery_percent", float(data[1]))
        if kind != 0x05 and len(data) > 3:
            findings.tell("firmware", f"{data[2]}.{data[3]}")
        return True
    if kind not in (0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B) or len(data) < 17:
        return kind in (0x0D, 0x11)
    events = data[3]
    findings.tell("battery_percent", float(data[-1]))
    if events & (_SOS | _PRESSED):
        findings.alarm("button", True, "sos" if events & _SOS else "", momentary=True)
    if events & _SHOCK:
        findings.alarm("impact", True, momentary=True)
    if events & (_STARTED | _STOPPED):
        findings.motion(events & _STARTED != 0)
    if kind in (0x06, 0x09):
        at = from_unix(whole(data, 5, 4, "big"))
        findings.locate(signed(data, 13, 4, "big") / 1e6, signed(data, 9, 4, "big") / 1e6, at=at)
    if kind in (0x06, 0x07, 0x08) and len(data) >= 22:
        findings.measure("temperature", signed(data, len(data) - 5, 2, "big") / 10, "Cel")
        findings.measure("illuminance", whole(data, len(data) - 3, 2, "big"), "%")
    return True


SEEED = Codec(
    name="seeed",
    title="Seeed SenseCAP",
    words=("SENSECAP", "SEEED", "S2100", "S2101", "S2102", "S2103", "S2104", "S2105", "S2120"),
    ouis=("2cf7f1",),
    read=_read,
    checks=True,
)

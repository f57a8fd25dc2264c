"""Trackers: Abeeway (micro, compact, badge), Digital Matter (Oyster, Yabby, Guppy, G62), Adeunis' field test device.

Read where the device is named: their bytes are numbers without a mark. Source: Abeeway's "Trackers reference guide",
Digital Matter's "LoRaWAN payload formats" of Oyster and Yabby, Adeunis' "FTD user guide".
"""

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

_HEAD = 5
_POSITION, _ENERGY, _HEARTBEAT, _ACTIVITY, _EVENT = 0x03, 0x04, 0x05, 0x07, 0x0A
_GPS = 0


def _read_abeeway(body: Body, findings: Findings) -> bool:
    """Kind, status, battery in percent, temperature, and in half a byte what the rest is."""
    data = body.data
    if len(data) < _HEAD or data[0] not in (_POSITION, _ENERGY, _HEARTBEAT, _ACTIVITY, 0x09, _EVENT, 0x0E, 0x0F):
        return False
    if 0 < data[2] <= 100:
        findings.tell("battery_percent", float(data[2]))
    findings.measure("temperature", round(data[3] * 129 / 255 - 44, 1), "Cel")
    if data[1] & 0x10:
        findings.alarm("button", True, "sos", momentary=True)
    if data[0] == _POSITION and data[4] & 15 == _GPS and len(data) >= 13:
        latitude, longitude = (signed(data, at, 3, "big") * 256 / 1e7 for at in (6, 9))
        findings.locate(latitude, longitude)
    elif data[0] == _HEARTBEAT and len(data) >= 9:
        findings.tell("firmware", ".".join(str(part) for part in data[6:9]))
    elif data[0] == _ACTIVITY and data[5:6] == b"\x01" and len(data) >= 10:
        findings.measure("activity", whole(data, 6, 4, "big"))
    return True


_FIX_FAILED = 2
_FINE_CELL = 8  # newer trackers tell the battery from 3.5 V on
_GUPPY, _PLUGGED = "GUPPY", ("G62", "G120", "G150")


def _new_volts(raw: int) -> float:
    return round(3.5 + 0.032 * raw, 3)


def _read_digital_matter(body: Body, findings: Findings) -> bool:
    """Little-endian; a position whose fix failed is an old one and is left out. Guppy and G62 have their own bodies."""
    data, port = body.data, body.f_port
    if _GUPPY in body.model:
        return _read_guppy(data, port, findings)
    if any(word in body.model for word in _PLUGGED):
        return _read_plugged(data, port, findings)
    if port == 33 and len(data) == 11:
        return _read_binary(data, findings)
    if port == 1 and len(data) == 11:
        volts, moving, failed = data[10] / 40, data[8] & 1 == 1, data[8] & _FIX_FAILED != 0
        fine, speed = (signed(data, 0, 4), signed(data, 4, 4)), data[9]
    elif port == 4 and len(data) == 9:
        volts = _new_volts(data[7]) if data[8] & _FINE_CELL else data[7] / 40
        moving, failed = data[8] & 1 == 1, data[8] & _FIX_FAILED != 0
        fine, speed = (signed(data, 0, 3) * 256, signed(data, 3, 3) * 256), (data[6] >> 3) * 5
    elif port == 31 and len(data) >= 4:
        findings.tell("voltage_v", _new_volts(data[3]))
        return True
    else:
        return port in (2, 3, 30)  # answers and statistics
    findings.tell("voltage_v", volts)
    findings.motion(moving)
    if not failed:
        _moved(findings, (fine[0] / 1e7, fine[1] / 1e7), speed)
    return True


def _moved(findings: Findings, place: tuple[float, float], kmh: float) -> None:
    findings.locate(*place)
    findings.measure("speed", kmh / 3.6, "m/s")


def _read_binary(data: bytes, findings: Findings) -> bool:
    """Bits from the lowest on: parts of half a turn, states, minutes of rest, the battery, heading and speed."""
    bits = whole(data, 0, len(data))
    north, east = bits >> 1 & 0x7FFFFF, bits >> 24 & 0xFFFFFF
    latitude = 180 * (north - (north >> 22 << 23)) / (1 << 23)
    longitude = 360 * (east - (east >> 23 << 24)) / (1 << 24)
    findings.tell("voltage_v", _new_volts(bits >> 65 & 255))
    findings.motion(bits >> 48 & 1 == 1)
    if not bits & 1:
        _moved(findings, (round(latitude, 6), round(longitude, 6)), 5 * (bits >> 76 & 31))
    return True


def _read_guppy(data: bytes, port: int, findings: Findings) -> bool:
    """Volts from two on and whether it moves, half degrees; four bytes tell how it lies as well."""
    if port != 1 or len(data) not in (2, 4):
        return port in (2, 3)
    findings.motion(data[0] & 1 == 1)
    findings.tell("voltage_v", round(2 + 0.014 * (data[0] >> 1), 3))
    findings.measure("temperature", data[1] / 2 - 40, "Cel")
    if len(data) == 4:
        findings.alarm("man_down", data[2] & 1 == 1)
        findings.measure("inclination", (data[2] >> 1) * 1.5, "deg")
    return True


def _read_plugged(data: bytes, port: int, findings: Findings) -> bool:
    """G62: the lowest four bits of both coordinates are states; ports 1 and 2 differ in what follows the battery."""
    if port not in (1, 2) or len(data) < (17 if port == 1 else 11):
        return port in (3, 4)
    findings.motion(data[0] & 3 != 0)
    findings.measure("ignition", data[4] & 1)
    findings.tell("voltage_v", round(data[10] * 0.02, 3))
    if data[0] & 8:
        place = signed(bytes([data[0] & 0xF0]) + data[1:4], 0, 4), signed(bytes([data[4] & 0xF0]) + data[5:8], 0, 4)
        _moved(findings, (place[0] / 1e7, place[1] / 1e7), data[9])
    if port == 1:
        findings.measure("voltage", whole(data, 11, 2) / 1000, "V", "external")
        findings.measure("temperature", signed(data, 15, 1), "Cel")
    return True


def _digits(data: bytes, at: int, size: int) -> str:
    return data[at : at + size].hex()


def _read_field_test(body: Body, findings: Findings) -> bool:
    """Adeunis: a bit for each part that follows."""
    data = body.data
    if len(data) < 2:
        return False
    flags, at = data[0], 1
    if flags & 0x80:
        findings.measure("temperature", signed(data, at, 1), "Cel")
        at += 1
    if flags & 0x20:
        findings.alarm("button", True, momentary=True)
    if flags & 0x10:
        north, east = _digits(data, at, 4), _digits(data, at + 4, 4)
        if len(east) < 8 or not (north + east).isdigit():
            return False
        latitude = int(north[:2]) + (int(north[2:7]) / 1000) / 60
        longitude = int(east[:3]) + (int(east[3:7]) / 100) / 60
        findings.locate(-latitude if data[at + 3] & 1 else latitude, -longitude if data[at + 7] & 1 else longitude)
        at += 9
    at += (flags & 0x08 != 0) + (flags & 0x04 != 0)
    if flags & 0x02 and at + 2 <= len(data):
        findings.tell("voltage_v", whole(data, at, 2, "big") / 1000)
        at += 2
    return at + 2 * (flags & 1) <= len(data)


ABEEWAY = Codec(name="abeeway", title="Abeeway", words=("ABEEWAY",), ouis=("20635f",), read=_read_abeeway)
DIGITAL_MATTER = Codec(
    name="digital_matter",
    title="Digital Matter",
    words=("DIGITAL MATTER", "DIGITAL-MATTER", "DIGITALMATTER", "OYSTER", "YABBY", "GUPPY"),
    ouis=("70b3d5705",),
    read=_read_digital_matter,
)
FIELD_TEST = Codec(
    name="adeunis_ftd",
    title="Adeunis FTD",
    words=("ADEUNIS FTD", "ARF8123", "FIELD TEST DEVICE", "ADEUNIS FIELD"),
    read=_read_field_test,
)

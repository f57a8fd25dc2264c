"""Trackers: Abeeway (micro, compact, badge), Digital Matter (Oyster, Yabby), Adeunis' field test device.

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


def _read_digital_matter(body: Body, findings: Findings) -> bool:
    """Little-endian; a position whose fix failed is an old one and is left out."""
    data, port = body.data, body.f_port
    if port == 1 and len(data) == 11:
        findings.tell("voltage_v", data[10] / 40)
        moving, failed, fine = data[8] & 1 == 1, data[8] & _FIX_FAILED != 0, (signed(data, 0, 4), signed(data, 4, 4))
        speed = data[9]
    elif port == 4 and len(data) == 9:
        findings.tell("voltage_v", data[7] / 40)
        moving, failed, fine = (
            data[8] & 1 == 1,
            data[8] & _FIX_FAILED != 0,
            (signed(data, 0, 3) * 256, signed(data, 3, 3) * 256),
        )
        speed = (data[6] >> 3) * 5
    else:
        return port in (2, 3, 30, 31)  # answers and statistics
    findings.motion(moving)
    if not failed:
        findings.locate(fine[0] / 1e7, fine[1] / 1e7)
        findings.measure("speed", speed / 3.6, "m/s")
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
    words=("DIGITAL MATTER", "DIGITAL-MATTER", "DIGITALMATTER", "OYSTER", "YABBY"),
    ouis=("70b3d5705",),
    read=_read_digital_matter,
)
FIELD_TEST = Codec(
    name="adeunis_ftd",
    title="Adeunis FTD",
    words=("ADEUNIS FTD", "ARF8123", "FIELD TEST DEVICE", "ADEUNIS FIELD"),
    read=_read_field_test,
)

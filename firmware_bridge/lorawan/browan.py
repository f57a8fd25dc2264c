"""Browan (TrackNet Tabs): the port names the kind of sensor, then fixed bytes.

Byte 0 is the sensor's state, the low half of byte 1 the battery, byte 2 the temperature of the board.
Source: Browan's reference manuals.
"""

from firmware_bridge.lorawan.codec import Body, Codec, whole
from firmware_bridge.lorawan.findings import Findings

_SIZES = {
    100: (8,),
    101: (8,),
    102: (8,),
    103: (8, 11),
    104: (6, 11),
    105: (4,),
    106: (4, 5),
    136: (11,),
    147: (3, 6),
}
_DOOR = (100, 101)
_LOCATOR, _PRESSED = 136, 147
_NO_FIX = 0x08


def _read(body: Body, findings: Findings) -> bool:
    data, port = body.data, body.f_port
    if len(data) not in _SIZES.get(port, ()):
        return False
    findings.tell("voltage_v", (25 + (data[1] & 15)) / 10)
    ambient = {103: 10, 106: 4}.get(port, len(data))
    if ambient < len(data):  # a thermometer of its own
        findings.measure("temperature", (data[ambient] & 127) - 32, "Cel")
    findings.measure("temperature", (data[2] & 127) - 32, "Cel", "board" if ambient < len(data) else "")
    if port in _DOOR:
        findings.alarm("contact", data[0] & 1 == 1)
        findings.measure("contact_count", whole(data, 5, 3), "1")
    elif port == 102:
        findings.motion(data[0] & 1 == 1)
        findings.measure("motion_count", whole(data, 5, 3), "1")
    elif port in (103, 106):
        _read_air(data, port, findings)
    elif port == 104:
        findings.measure("illuminance", whole(data, 3, 3) / 100, "lx")
    elif port == 105:
        findings.measure("sound_level", data[3], "dB")
    else:
        findings.alarm("button", data[0] & 1 == 1, momentary=True)
        if port == _LOCATOR and not data[0] & _NO_FIX:
            findings.locate(_bits(data, 3, 28) / 1e6, _bits(data, 7, 29) / 1e6)
    return True


def _read_air(data: bytes, port: int, findings: Findings) -> None:
    if port == 106:
        findings.alarm("water_leak", data[0] & 1 == 1)
    findings.measure("humidity", data[3] & 127, "%")
    if port == 103 and len(data) == 11:
        findings.measure("co2", whole(data, 4, 2), "[ppm]")
        findings.measure("voc", whole(data, 6, 2), "[ppb]")
        findings.measure("air_quality_index", whole(data, 8, 2), "1")


def _bits(data: bytes, at: int, size: int) -> int:
    """A signed number in the lowest bits of four bytes."""
    raw = whole(data, at, 4) & (1 << size) - 1
    return raw - (1 << size) if raw >> size - 1 else raw


BROWAN = Codec(
    name="browan",
    title="Browan",
    words=(
        "BROWAN",
        *("TBMS100", "TBDW100", "TBSOUND", "TBHV", "TBWL100", "TBWATER", "TBSL100", "TBHH100", "TBCLIMATE"),
        *("TBAM100", "TBPB100", "TBOL100", "MERRYIOT"),
    ),
    ouis=("e8e1e1",),
    read=_read,
    checks=True,
)

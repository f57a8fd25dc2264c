"""Browan (TrackNet Tabs): the port names the kind of sensor, then fixed bytes.

Byte 0 is the sensor's state, the low half of byte 1 the battery, byte 2 the temperature.
Source: Browan's reference manuals.
"""

from firmware_bridge.lorawan.codec import Body, Codec, whole
from firmware_bridge.lorawan.findings import Findings

_SIZES = {100: (8,), 101: (8,), 102: (8,), 103: (8, 11), 104: (11,), 105: (4,), 106: (4, 5), 147: (6,)}
_DOOR = (100, 101)


def _read(body: Body, findings: Findings) -> bool:
    data, port = body.data, body.f_port
    if len(data) not in _SIZES.get(port, ()):
        return False
    findings.tell("voltage_v", (25 + (data[1] & 15)) / 10)
    findings.measure("temperature", (data[2] & 127) - 32, "Cel")
    if port in _DOOR:
        findings.alarm("contact", data[0] & 1 == 1)
        findings.measure("contact_count", whole(data, 5, 3), "1")
    elif port == 102:
        findings.motion(data[0] & 1 == 1)
        findings.measure("motion_count", whole(data, 5, 3), "1")
    elif port == 103 and len(data) == 11:
        findings.measure("humidity", data[3] & 127, "%")
        findings.measure("co2", whole(data, 4, 2), "[ppm]")
        findings.measure("voc", whole(data, 6, 2), "[ppb]")
    elif port == 103:
        findings.measure("humidity", data[3] & 127, "%")
    elif port == 105:
        findings.measure("sound_level", data[3], "dB")
    elif port == 106:
        findings.alarm("water_leak", data[0] & 1 == 1)
        findings.measure("humidity", data[3] & 127, "%")
    return True


BROWAN = Codec(
    name="browan",
    title="Browan",
    words=("BROWAN", "TBMS100", "TBDW100", "TBSOUND", "TBHV", "TBWL100", "TBWATER", "TBSL100", "TBHH100", "TBCLIMATE"),
    ouis=("e8e1e1",),
    read=_read,
    checks=True,
)

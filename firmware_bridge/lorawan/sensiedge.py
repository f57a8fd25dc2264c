"""SensiEDGE SensiLoRa 2: fourteen big-endian words in a fixed order. Source: the maker's published decoder."""

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

SIZE = 28
_AXES = (("acceleration", "[g]", 0.001, 6), ("angular_velocity", "deg/s", 0.001, 12), ("magnetic_field", "uT", 0.1, 18))


def _read(body: Body, findings: Findings) -> bool:
    data = body.data
    if len(data) != SIZE:
        return False
    volts = whole(data, 26, 2, "big") / 100
    if not 2.5 <= volts <= 4.5:
        return False
    findings.tell("voltage_v", volts)
    findings.measure("pressure", whole(data, 0, 2, "big") / 10, "hPa")
    findings.measure("temperature", signed(data, 2, 2, "big") / 100, "Cel")
    findings.measure("humidity", whole(data, 4, 2, "big") / 100, "%")
    findings.measure("illuminance", whole(data, 24, 2, "big"), "lx")
    for metric, unit, scale, first in _AXES:
        for n, axis in enumerate("xyz"):
            findings.measure(metric, signed(data, first + 2 * n, 2, "big") * scale, unit, axis)
    return True


SENSIEDGE = Codec(name="sensiedge", title="SensiEDGE", words=("SENSIEDGE", "SENSILORA"), read=_read, checks=True)

"""MClimate: Vicki (a radiator's thermostat), HT and CO2 sensors, thermostats, flood sensors, buttons; read where named.

A device may put answers to commands before what it always says: that is the end of the body.
Source: MClimate's "uplink messages" documentation.
"""

from collections.abc import Callable

from firmware_bridge.lorawan.codec import Body, Codec, whole
from firmware_bridge.lorawan.findings import Findings

Reader = Callable[[bytes, Findings], None]

_OLD_KEEPALIVE = 0x01
_SHORT = 5  # bytes of a climate sensor that has no room for a thermistor
_PART = 100 / 256  # of humidity


def _temperature(raw: int) -> float:
    return (raw - 400) / 10


def _vicki(data: bytes, findings: Findings) -> None:
    """What is wanted, measured and how far the valve is open; the motor's way in twelve bits each."""
    old = data[0] == _OLD_KEEPALIVE
    findings.measure("setpoint", data[1], "Cel")
    findings.measure(
        "temperature", round(data[2] * 165 / 256 - 40 if old else (data[2] - 28.33333) / 5.66666, 2), "Cel"
    )
    findings.measure("humidity", data[3] * _PART, "%")
    reached, way = data[4] | (data[6] & 0xF0) << 4, data[5] | (data[6] & 0x0F) << 8
    if way and reached <= way:
        findings.measure("valve_opening", round((1 - reached / way) * 100), "%")
    findings.tell("voltage_v", 2 + (data[7] >> 4) / 10)
    findings.alarm("window", data[7] & 8 != 0)
    findings.alarm("fault", data[7] & 1 != 0, "sensor")


def _climate(data: bytes, findings: Findings) -> None:
    findings.measure("temperature", _temperature((data[1] & 7) << 8 | data[2]), "Cel")
    findings.measure("humidity", data[3] * _PART, "%")
    findings.tell("voltage_v", (data[4] * 8 + 1600) / 1000)
    if len(data) > _SHORT and not data[5] & 4:  # a thermistor is connected
        findings.measure("temperature", ((data[5] & 3) << 8 | data[6]) / 10, "Cel", "external")


def _air(data: bytes, findings: Findings) -> None:
    findings.measure("co2", whole(data, 1, 2, "big"), "[ppm]")
    findings.measure("temperature", _temperature(whole(data, 3, 2, "big")), "Cel")
    findings.measure("humidity", data[5] * _PART, "%")
    findings.tell("voltage_v", (data[6] * 8 + 1600) / 1000)


def _thermostat(data: bytes, findings: Findings) -> None:
    findings.measure("temperature", _temperature(whole(data, 1, 2, "big")), "Cel")
    findings.measure("humidity", data[3] * _PART, "%")
    findings.tell("voltage_v", whole(data, 4, 2, "big") / 1000)
    findings.measure("setpoint", data[6], "Cel")
    findings.measure("illuminance", whole(data, 8, 2, "big"), "lx")
    findings.motion(data[10] != 0)


def _button(data: bytes, findings: Findings) -> None:
    findings.tell("voltage_v", (data[1] * 8 + 1600) / 1000)
    findings.measure("temperature", whole(data[2:4], 0, 2, "big") % 1024 / 10, "Cel")
    findings.alarm("button", data[4] != 0, momentary=True)


def _flood(data: bytes, findings: Findings) -> None:
    """Three bits of why it was sent, then tampered with, and flooded; sixteen millivolts a step."""
    findings.tell("voltage_v", data[1] * 16 / 1000)
    findings.alarm("water_leak", data[0] & 2 != 0)
    findings.alarm("tamper", data[0] & 8 != 0)
    if len(data) > 2:
        findings.measure("temperature", data[2], "Cel")


_MODELS: tuple[tuple[tuple[str, ...], int, Reader], ...] = (
    (("VICKI",), 9, _vicki),
    (("THERMOSTAT",), 11, _thermostat),
    (("CO2",), 7, _air),
    (("BUTTON",), 5, _button),
    (("HT-SENSOR", "HT SENSOR", "T/RH", "MC-HT", "MCLIMATE HT"), 7, _climate),
)
"""Words of a model -> how long what it always says is, and what that means."""


def _read(body: Body, findings: Findings) -> bool:
    if "FLOOD" in body.model and len(body.data) in (2, 3):
        _flood(body.data, findings)
        return True
    for words, full, read in _MODELS:
        if any(word in body.model for word in words):
            size = _SHORT if read is _climate and len(body.data) == _SHORT else full
            data = body.data[-size:]
            if len(data) < size or data[0] not in (_OLD_KEEPALIVE, 0x81):
                return False
            read(data, findings)
            return True
    return False


MCLIMATE = Codec(name="mclimate", title="MClimate", words=("MCLIMATE", "VICKI"), ouis=("70b3d52dd",), read=_read)

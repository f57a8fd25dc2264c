"""Parking bays and counters of few bytes: Bosch, Nwave, PNI PlacePod, Terabee. Read where the model is known.

Source: Bosch "Parking Lot Sensor communication interface", Nwave "G4 uplink format", PNI "PlacePod
communications protocol", Terabee "People Counting L-XL LoRaWAN".
"""

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

_STATE, _HEARTBEAT, _STARTUP = 1, 2, 3  # ports


def _occupied(findings: Findings, taken: bool) -> None:
    findings.measure("occupancy", float(taken), "1")


def _read_bosch(body: Body, findings: Findings) -> bool:
    data, port = body.data, body.f_port
    if port == _STATE and len(data) == 1:
        _occupied(findings, data[0] & 1 == 1)
    elif port == _HEARTBEAT and len(data) in (1, 2):
        _occupied(findings, data[0] & 1 == 1)
        if len(data) == 2:
            findings.measure("temperature", signed(data, 1, 1), "Cel")
    elif port == _STARTUP and len(data) >= 17:
        findings.tell("firmware", ".".join(str(part) for part in data[12:15]))
        _occupied(findings, data[16] & 1 == 1)
    else:
        return False
    return True


def _read_nwave(body: Body, findings: Findings) -> bool:
    """A bay sensor has one byte of state, a counter two; the heartbeats differ in length as well."""
    data, port = body.data, body.f_port
    if port == _STATE and len(data) == 1:
        _occupied(findings, data[0] & 1 == 1)
    elif port == _STATE and len(data) == 2:
        findings.count(present=whole(data, 0, 2, "big"), subject="vehicles")
    elif port == _HEARTBEAT and len(data) == 3:
        findings.tell("voltage_v", (2500 + data[1] * 4) / 1000)
    elif port == _HEARTBEAT and len(data) == 6:
        _occupied(findings, data[0] & 1 == 1)
        findings.tell("voltage_v", (2500 + data[1] * 4) / 1000)
        findings.measure("temperature", signed(data, 2, 1) / 2 + 10, "Cel")
    elif port == _STARTUP and len(data) in (4, 5):
        findings.tell("firmware", ".".join(str(part) for part in data[:3]))
        if len(data) == 5:
            _occupied(findings, data[4] & 1 == 1)
    else:
        return False
    return True


def _read_placepod(body: Body, findings: Findings) -> bool:
    """Channel and type like Cayenne's, with channels of its own."""
    data, at = body.data, 0
    while at + 2 < len(data):
        channel = data[at]
        size = 2 if channel in (2, 3) else 1
        if at + 2 + size > len(data):
            return False
        start = at + 2
        if channel == 2:
            findings.measure("temperature", signed(data, start, 2, "big") / 10, "Cel")
        elif channel == 3:
            findings.tell("voltage_v", whole(data, start, 2, "big") / 100)
        elif channel in (21, 55):
            _occupied(findings, data[start] == 1)
        elif channel == 33 and data[start] != 128:
            findings.count(present=data[start], subject="vehicles")
        elif channel not in (1, 5, 6, 28, 33):
            return False
        at = start + size
    return at == len(data) and at > 0


def _read_terabee(body: Body, findings: Findings) -> bool:
    data = body.data
    if len(data) not in (8, 9):
        return False
    findings.count(entered=whole(data, 0, 4, "big"), left=whole(data, 4, 4, "big"), cumulative=True)
    return True


BOSCH = Codec(
    name="bosch_parking", title="Bosch Parking Lot Sensor", words=("BOSCH", "PARKING LOT", "TPS110"), read=_read_bosch
)
NWAVE = Codec(name="nwave", title="Nwave", words=("NWAVE", "G4_NPS", "G4_NCC", "G4 NPS", "G4 NCC"), read=_read_nwave)
PLACEPOD = Codec(name="placepod", title="PNI PlacePod", words=("PLACEPOD", "PNI"), read=_read_placepod)
TERABEE = Codec(name="terabee", title="Terabee", words=("TERABEE",), read=_read_terabee)

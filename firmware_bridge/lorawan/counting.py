"""Counters of people and traffic: IMBuildings, HKT, Parametric PCR2, PMX TCR. Read where the device is named.

Which way is in and which is out the site decides by how it hangs them; so a way is a channel of its own here.
Source: IMBuildings "LoRaWAN payload documentation", HKT "communication protocol", Parametric "PCR2 payload" (v3, v4),
Parametric "TCR payload".
"""

from firmware_bridge.lorawan.codec import Body, Codec, signed, whole
from firmware_bridge.lorawan.findings import Findings

_COMFORT, _PASSED, _BUTTONS = 0x01, 0x02, 0x03
_ANSWERS = frozenset((0x04, 0x05, 0xF1))


def _ways(findings: Findings, numbers: tuple[int, int], ways: tuple[str, str], what: str) -> None:
    for number, way in zip(numbers, ways, strict=True):
        findings.measure(what, number, "1", way)


def _read_imbuildings(body: Body, findings: Findings) -> bool:
    """Kind and variant first, where the device's own number may follow; the values stand at the end."""
    data = body.data
    kind, variant, end = (data[0], data[1], len(data)) if len(data) > 1 else (0, 0, 0)
    if kind == _COMFORT and variant == 3 and end >= 12:
        findings.tell("voltage_v", whole(data, end - 9, 2, "big") / 100)
        findings.measure("temperature", signed(data, end - 7, 2, "big") / 100, "Cel")
        findings.measure("humidity", whole(data, end - 5, 2, "big") / 100, "%")
        findings.measure("co2", whole(data, end - 3, 2, "big"), "[ppm]")
        findings.measure("occupancy", float(data[end - 1] == 1), "1")
    elif kind == _PASSED and variant == 6 and end >= 15:
        findings.tell("voltage_v", whole(data, end - 12, 2, "big") / 100)
        _ways(findings, (whole(data, end - 10, 2, "big"), whole(data, end - 8, 2, "big")), ("a", "b"), "people_counted")
        totals = whole(data, end - 5, 2, "big"), whole(data, end - 3, 2, "big")
        _ways(findings, totals, ("a", "b"), "people_counted_total")
    elif kind == _PASSED and variant == 7 and end >= 7:
        totals = whole(data, end - 4, 2, "big"), whole(data, end - 2, 2, "big")
        _ways(findings, totals, ("a", "b"), "people_counted_total")
    elif kind == _BUTTONS and variant == 4 and end >= 13:
        findings.tell("voltage_v", whole(data, end - 12, 2, "big") / 100)
        for n in range(5):
            findings.measure("presses", whole(data, end - 10 + 2 * n, 2, "big"), "1", str(n + 1))
    else:
        return kind in _ANSWERS
    return True


_SIZES = {0x01: 2, 0x04: 1, 0x05: 2, 0x06: 2, 0x22: 1, 0x23: 4, 0x24: 2, 0x25: 1, 0x83: 1, 0x84: 1, 0x86: 2}
"""HKT: type of a setting or a state -> its bytes."""


def _read_hkt(body: Body, findings: Findings) -> bool:
    """The maker's name in three letters and two bytes, then types and their values."""
    data, at = body.data, 5
    if data[:3] != b"hkt":
        return False
    while at < len(data):
        kind, start = data[at], at + 1
        size = {0x03: 1, 0x07: 12, 0x08: 1, 0x26: 12}.get(kind) or _SIZES.get(kind, 0)
        if not size or start + size > len(data):
            return False
        if kind == 0x03:
            findings.tell("battery_percent", float(data[start]))
        elif kind == 0x08:
            findings.alarm("contact", data[start] == 1)
        elif kind in (0x07, 0x26):
            what, ways = ("people_counted", ("a", "b")) if kind == 0x07 else ("contact_count", ("opened", "closed"))
            _ways(findings, (whole(data, start, 2, "big"), whole(data, start + 2, 2, "big")), ways, what)
            totals = whole(data, start + 4, 4, "big"), whole(data, start + 8, 4, "big")
            _ways(findings, totals, ways, f"{what}_total")
        elif kind == 0x83:
            findings.alarm("fault", data[start] == 1, "infrared")
        at = start + size
    return True


_LTR, _RTL = "left_to_right", "right_to_left"
_SETTINGS = 190  # a port


def _read_parametric(body: Body, findings: Findings) -> bool:
    """PCR2: a radar for people; the version stands behind its mark. TCR: one for traffic, a port for each category."""
    data = body.data
    if data[:1] == b"\xa2" and len(data) == 10 and 13 <= body.f_port <= 17:
        return _read_traffic(body, findings)
    if body.f_port == _SETTINGS:
        return True
    if data[:2] == b"\xbe\x01" and len(data) >= 16 and data[2] in (3, 4):
        _ways(findings, (whole(data, 3, 2, "big"), whole(data, 5, 2, "big")), (_LTR, _RTL), "people_counted")
        totals = whole(data, 7, 2, "big"), whole(data, 9, 2, "big")
        _ways(findings, totals, (_LTR, _RTL), "people_counted_total")
        return True
    if len(data) >= 6 and data[0] == 0x0A and data[3] == 0x16:
        _ways(findings, (whole(data, 1, 2, "big"), whole(data, 4, 2, "big")), (_LTR, _RTL), "people_counted")
        return True
    return False


def _read_traffic(body: Body, findings: Findings) -> bool:
    """Hour and minute, then for each way how many passed and how fast in km/h; volts in tenths."""
    data = body.data
    category = "" if body.f_port == 13 else f"{body.f_port - 13}."
    for start, way in ((3, _LTR), (6, _RTL)):
        findings.measure("vehicles_counted", whole(data, start, 2, "big"), "1", category + way)
        if whole(data, start, 2, "big"):
            findings.measure("speed", data[start + 2] / 3.6, "m/s", category + way)
    findings.tell("voltage_v", data[9] / 10)
    return True


IMBUILDINGS = Codec(name="imbuildings", title="IMBuildings", words=("IMBUILDINGS",), read=_read_imbuildings)
HKT = Codec(name="hkt", title="HKT", words=("HKT",), read=_read_hkt)
PARAMETRIC = Codec(
    name="parametric",
    title="Parametric PCR2 and TCR",
    words=("PARAMETRIC", "PCR2", "PMX", "TCR-"),
    read=_read_parametric,
)

"""What a network server's codec made of a body, member by member, whoever wrote that codec.

Numbers become readings by their names, states alarms, motion or occupancy, pairs of coordinates positions, ins and
outs counts. Called by `uplink`.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from firmware_bridge.lorawan.findings import MAX_FINDINGS, Findings
from firmware_bridge.lorawan.kinds import Kind, below, kind_of
from firmware_bridge.lorawan.makers_names import MAKERS, Own
from firmware_bridge.lorawan.names import ALARMS, NUMBERED, PASSED_OVER, WORDS
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, number_of, text_of, whole_of
from firmware_bridge.notation.metrics import UNITS, snake_case
from firmware_bridge.notation.units import apply, scale_to

MAX_DEPTH = 4
MAX_MEMBERS = 300
MAX_ITEMS = 20  # of an array
ALL_ONES = 255  # as a state it is yes: a byte all of whose bits are set
VOLTS_MAKERS = frozenset(("browan", "dragino"))  # who have volts under a plain "battery"
MAX_CELLS = 6  # volts
PROBE_LIMIT = 320  # degrees from which on a DS18B20, which reaches to 125, is not there
_LATITUDES = frozenset(
    f"{gps}{name}{unit}" for gps in ("", "gps_") for name in ("latitude", "lat") for unit in ("", "_deg")
)
_LONGITUDES = frozenset(
    f"{gps}{name}{unit}"
    for gps in ("", "gps_")
    for name in ("longitude", "lng", "lon", "long")
    for unit in ("", "_deg")
)
_ALTITUDES = frozenset(("altitude", "alt", "gps_altitude", "gps_alt", "altitude_m"))
_TIMES = ("timestamp", "time", "ts")
_FIRST_S = 1_000_000_000  # below it a number is no Unix time, but a counter or an interval
_QUANTITY = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?) ?([A-Za-z°%µ][A-Za-z°%µ³²/.]{0,9})")
_ALARMED = frozenset(ALARMS.values())
_SETTINGS = re.compile(r"(?:\w+_)?(?:config|cfg|settings|schedule|support_mode|support_status|wires)(?:_\d+)?")


class _Swept:
    """How far a sweep has come; `maker` is whose names they are, `own` what those mean."""

    __slots__ = ("findings", "left", "maker", "own", "people", "place")

    def __init__(self, findings: Findings, maker: str) -> None:
        self.findings = findings
        self.maker = maker
        self.own: Mapping[str, Own] = MAKERS.get(maker, {})
        self.left = MAX_MEMBERS
        self.people: dict[tuple[str, bool], dict[str, int]] = {}
        self.place: dict[str, float] = {}


def sweep(decoded: Any, findings: Findings, maker: str = "") -> None:
    """Tell the findings what a decoded object, or an array of them, says; at most 300 members of it.

    maker  one of `MAKERS`, where it is known whose decoder that was
    """
    swept = _Swept(findings, maker)
    if type(decoded) is list:
        for one in decoded[:MAX_ITEMS]:
            if type(one) is dict:
                _sweep_object(one, "", swept, 0)
    elif type(decoded) is dict:
        _sweep_object(decoded, "", swept, 0)
    for (line, cumulative), numbers in swept.people.items():
        findings.count(
            entered=numbers.get("entered"),
            left=numbers.get("left"),
            present=numbers.get("present"),
            line=line,
            cumulative=cumulative,
        )
    if len(swept.place) == 2:
        findings.locate(swept.place["latitude"], swept.place["longitude"])


def _sweep_object(members: Mapping[str, Any], above: str, swept: _Swept, depth: int) -> None:
    if "measurementId" in members:
        _sweep_numbered(members, swept)
        return
    located = _locate(members, swept.findings)
    for given, value in members.items():
        swept.left -= 1
        if swept.left < 0:
            return
        kind = type(value)
        if value is None or given in located:
            continue
        name = given.replace(".", "_") if "." in given else given
        if kind is dict:
            if "value" in value and type(value.get("unit")) is str:
                _sweep_value(below(above, name), value["value"], swept, value["unit"])
            elif depth < MAX_DEPTH and not _SETTINGS.fullmatch(name):
                _sweep_object(value, below(above, name), swept, depth + 1)
        elif kind is list:
            if depth < MAX_DEPTH and name not in PASSED_OVER and not _SETTINGS.fullmatch(name):
                _sweep_array(value, below(above, name), swept, depth + 1)
        else:
            _sweep_value(below(above, name) if above else name, value, swept)


def _sweep_array(values: list[Any], above: str, swept: _Swept, depth: int) -> None:
    several = len(values) > 1
    for n, value in enumerate(values[:MAX_ITEMS]):
        if type(value) is dict:
            if not _sweep_earlier(value, swept, depth):
                _sweep_object(value, f"{above}.{_number_of_item(value, n)}" if several else above, swept, depth)
        elif type(value) is list:
            if depth < MAX_DEPTH:
                _sweep_array(value, above, swept, depth + 1)
        elif type(value) is float or type(value) is int:
            swept.left -= 1
            if swept.left < 0:
                return
            _sweep_value(f"{above}.{n}", value, swept)


def _sweep_earlier(item: Mapping[str, Any], swept: _Swept, depth: int) -> bool:
    """An item of a list that has a time of its own, as what a device kept while nobody heard it; False if none."""
    stamp = next((item[name] for name in _TIMES if name in item), None)
    number = number_of(stamp)
    at = read_instant(stamp, UTC) if number is None or number >= _FIRST_S else None
    if at is None:
        return False
    now, swept.findings = swept.findings, Findings(swept.findings.device, at, "")
    _sweep_object(item, "", swept, depth)
    now.observations += swept.findings.observations[: MAX_FINDINGS - len(now.observations)]
    for fact, value in swept.findings.facts.items():
        now.facts.setdefault(fact, value)
    swept.findings = now
    return True


def _number_of_item(item: Mapping[str, Any], place: int) -> str:
    """What tells an item of a list from the others: its own number, else its place."""
    own = next((item[name] for name in ("index", "channel", "id") if name in item), None)
    number = whole_of(own)
    return str(number) if number is not None and 0 <= number < 1_000 else str(place)


def _sweep_numbered(item: Mapping[str, Any], swept: _Swept) -> None:
    """A measurement of SenseCAP: its number says what it is, its value comes beside."""
    swept.left -= 3
    number, value = whole_of(item["measurementId"]), number_of(item.get("measurementValue"))
    known = NUMBERED.get(number or 0)
    if value is None or known is None:
        return
    metric, unit, factor = known
    if metric in ("longitude", "latitude"):
        swept.place[metric] = value
    elif metric == "battery_percent":
        swept.findings.tell(metric, value)
    else:
        swept.findings.measure(metric, value * factor, unit)


def _sweep_value(path: str, value: Any, swept: _Swept, written: str = "") -> None:
    """A plain member; `written` is its unit, where the message tells that."""
    kind = kind_of(path, swept.maker)
    sort, findings = kind.sort, swept.findings
    if sort == "":
        return
    if sort == "fact":
        if text := text_of(value):
            findings.tell(kind.name, text)
        return
    if sort == "people":
        number = number_of(value)
        if number is not None and number == int(number) and 0 <= number < 2**53:
            swept.people.setdefault((kind.channel, kind.unit == "total"), {})[kind.name] = int(number)
        return
    if sort in ("alarm", "motion", "taken"):
        _sweep_state(kind, value, findings)
        return
    number = float(value) if value is True or value is False else number_of(value)
    if number is not None:
        _sweep_number(kind, number, swept, written)
    elif type(value) is str:
        _sweep_text(path, kind, value, swept)


def _sweep_number(kind: Kind, number: float, swept: _Swept, written: str) -> None:
    findings = swept.findings
    if kind.sort in ("percent", "volts"):
        _sweep_battery("volts" if swept.maker in VOLTS_MAKERS and number < MAX_CELLS else kind.sort, number, findings)
    elif written := written or kind.written:
        scale = scale_to(written, UNITS.get(kind.name) or kind.unit)
        findings.measure(kind.name, apply(scale, number), scale.unit, kind.channel)
    else:
        number, unit = _in_unit(kind, number)
        if not unit and kind.name in swept.own:
            metric, unit, factor, channel = swept.own[kind.name]
            findings.measure(metric, number * factor, unit, kind.channel or channel)
        elif not (number > PROBE_LIMIT and kind.channel.startswith("ds18")):
            findings.measure(kind.name, number, unit, kind.channel)


def _sweep_text(path: str, kind: Kind, text: str, swept: _Swept) -> None:
    """A state in words, as the relay's that is "on", or a number with its unit behind it."""
    active = flag_of(text)
    quantity = _QUANTITY.fullmatch(text.strip()[:30]) if active is None else None
    if active is not None and kind.sort == "measure":
        swept.findings.measure(kind.name, float(active), "1", kind.channel)
    elif quantity:
        _sweep_value(path, quantity[1], swept, quantity[2])


def _sweep_state(kind: Kind, value: Any, findings: Findings) -> None:
    active = flag_of(value)
    if active is None and type(value) is str:
        active = WORDS.get(value.strip().lower())
    number = number_of(value) if active is None else None
    if number == ALL_ONES:
        active = True
    if active is None:
        if number is not None and (kind.sort != "alarm" or kind.name not in _ALARMED):
            findings.measure(kind.name, number, "1" if kind.sort != "alarm" else "", kind.channel)
    elif kind.sort == "alarm":
        findings.alarm(kind.name, active, kind.channel, momentary=kind.name == "button")
    elif kind.sort == "motion":
        findings.motion(active)
    else:
        findings.measure("occupancy", float(active), "1", kind.channel)


def _sweep_battery(sort: str, number: float, findings: Findings) -> None:
    """Volts, millivolts or percent: a whole number up to 100 is percent, 1.5 to 5 with decimals are volts."""
    if sort == "volts":
        findings.tell("voltage_v", number / 1000 if number > 100 else number)
    elif number > 1000:
        findings.tell("voltage_v", number / 1000)
    elif number != int(number) and 1.5 <= number < 5:
        findings.tell("voltage_v", number)
    else:
        findings.tell("battery_percent", number)


def _in_unit(kind: Kind, number: float) -> tuple[float, str]:
    """A number in its canonical unit; air pressure is told from its size, for no place on earth has both."""
    if kind.name == "pressure" and kind.factor == 1:
        if 30_000 <= number <= 120_000:
            return number / 100, "hPa"
        if 30 <= number <= 120:
            return number * 10, "hPa"
        if not 300 <= number <= 1200:
            return number, ""
    if kind.name == "voc" and number < 30 and number != int(number):
        return number, ""  # mg/m3, or an index, under the name that others have for ppb
    if kind.name == "power_factor" and 1 < abs(number) <= 100:
        return number / 100, kind.unit
    return number * kind.factor, kind.unit


def _locate(members: Mapping[str, Any], findings: Findings) -> tuple[str, ...]:
    """A position where an object holds both coordinates; the names that are done with."""
    for name in members:
        if "lat" in name.lower() and snake_case(name) in _LATITUDES:
            other = next((one for one in members if snake_case(one) in _LONGITUDES), "")
            latitude, longitude = number_of(members[name]), number_of(members.get(other))
            if latitude is None or longitude is None:
                return ()
            high = next((one for one in members if snake_case(one) in _ALTITUDES), "")
            findings.locate(latitude, longitude, number_of(members.get(high)))
            return (name, other, high)
    return ()

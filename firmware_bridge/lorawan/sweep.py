"""What a network server's codec made of a body, member by member, whoever wrote that codec.

Numbers become readings by their names, states alarms, motion or occupancy, pairs of coordinates positions, ins and
outs counts. Called by `uplink`.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from functools import lru_cache
from typing import Any

import msgspec

from firmware_bridge.lorawan.findings import MAX_FINDINGS, Findings
from firmware_bridge.lorawan.makers_names import MAKERS, Own
from firmware_bridge.lorawan.names import (
    ALARMS,
    FACTS,
    MOTIONS,
    NUMBERED,
    PASSED_OVER,
    TAKEN,
    WORDS,
    battery_sort,
    metric_of,
    split_number,
)
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, number_of, text_of, whole_of
from firmware_bridge.notation.metrics import UNITS, snake_case
from firmware_bridge.notation.units import apply, scale_to

MAX_DEPTH = 4
MAX_MEMBERS = 300
MAX_ITEMS = 20  # of an array
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
_PEOPLE = re.compile(
    r"(?:(?P<line>(?:line|region|zone|channel)_?\w*?)_)?(?P<total>total_|cumulative_)?"
    r"(?:(?:people|person|persons|passenger|visitor|visitors|count|counter|counts|period|periodic|total)_)*"
    r"(?P<way>in|out|entered|exited|entries|exits|entry|exit)(?:_(?:total|count|counter))?"
)
_PRESENT = re.compile(
    r"(?:(?P<line>(?:region|zone|area)_?\w*?)_)?(?:people|person|occupants)?_?(?:count|present|people_count)(?:er_all|_all)?"
)
_PEOPLE_WORDS = ("people", "person", "passenger", "visitor", "count", "total", "period", "line")
_ALARMED = frozenset(ALARMS.values())
_ALARM = re.compile(r"(?P<name>\w{1,40}_alarm)(?:_status)?")
_NO_STATE = re.compile(r"\w+_(?:alarm_release|\d_change|msgid|d2d|flag)")
_SETTINGS = re.compile(r"(?:\w+_)?(?:config|cfg|settings|schedule|support_mode|support_status|wires)(?:_\d+)?")
_FAHRENHEIT = re.compile(r"(?P<first>\w*?)_?(?:fahrenheit|deg_?f|(?<=[a-z]_)f)(?:_(?P<rest>\w+))?")
_LAID_DOWN = {
    "soil.temperature": ("soil_temperature", "Cel", 1.0),
    "soil.moisture": ("soil_moisture", "%", 1.0),
    "soil.ec": ("soil_conductivity", "uS/cm", 1000.0),
    "soil.ph": ("soil_ph", "[pH]", 1.0),
    "wind.speed": ("wind_speed", "m/s", 1.0),
    "wind.direction": ("wind_direction", "deg", 1.0),
    "air.pressure": ("pressure", "hPa", 1.0),
    "water.temperature": ("water_temperature", "Cel", 1.0),
}
_NORMALIZED = ("air", "soil", "wind", "water")
_INS = frozenset({"in", "entered", "entries", "entry"})


class _Kind(msgspec.Struct, frozen=True):
    """What a member is, by its name alone; `written` is the unit its name tells, where that is not canonical."""

    sort: str
    name: str = ""
    unit: str = ""
    factor: float = 1.0
    channel: str = ""
    written: str = ""


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
    for name, value in members.items():
        swept.left -= 1
        if swept.left < 0:
            return
        kind = type(value)
        if value is None or name in located:
            continue
        if kind is dict:
            if "value" in value and type(value.get("unit")) is str:
                _sweep_value(_below(above, name), value["value"], swept, value["unit"])
            elif depth < MAX_DEPTH and not _SETTINGS.fullmatch(name):
                _sweep_object(value, _below(above, name), swept, depth + 1)
        elif kind is list:
            if depth < MAX_DEPTH and name not in PASSED_OVER and not _SETTINGS.fullmatch(name):
                _sweep_array(value, _below(above, name), swept, depth + 1)
        else:
            _sweep_value(_below(above, name) if above else name, value, swept)


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
    kind = _kind_of(path, swept.maker)
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


def _sweep_number(kind: _Kind, number: float, swept: _Swept, written: str) -> None:
    findings = swept.findings
    if kind.sort in ("percent", "volts"):
        _sweep_battery(kind.sort, number, findings)
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


def _sweep_text(path: str, kind: _Kind, text: str, swept: _Swept) -> None:
    """A state in words, as the relay's that is "on", or a number with its unit behind it."""
    active = flag_of(text)
    quantity = _QUANTITY.fullmatch(text.strip()[:30]) if active is None else None
    if active is not None and kind.sort == "measure":
        swept.findings.measure(kind.name, float(active), "1", kind.channel)
    elif quantity:
        _sweep_value(path, quantity[1], swept, quantity[2])


def _sweep_state(kind: _Kind, value: Any, findings: Findings) -> None:
    active = flag_of(value)
    if active is None and type(value) is str:
        active = WORDS.get(value.strip().lower())
    if active is None:
        number = number_of(value)
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


def _in_unit(kind: _Kind, number: float) -> tuple[float, str]:
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


def _below(above: str, name: str) -> str:
    return f"{above}.{name}" if above else name


@lru_cache(maxsize=4096)
def _kind_of(path: str, maker: str = "") -> _Kind:
    """What a member is; dotted where it lies within others, and its own name or theirs decides."""
    *above, last = [snake_case(part) for part in path[:300].split(".")]
    if above and (last.isdigit() or last in ("value", "state", "status", "detected")):
        inner = _kind_of(path[:300].rpartition(".")[0], maker)  # Cayenne: temperatureSensor.3
        channel = _below(inner.channel, last) if last.isdigit() else inner.channel
        return msgspec.structs.replace(inner, channel=channel) if inner.sort else inner
    channel = ".".join(above)
    own = MAKERS.get(maker, {}).get(last)
    if own is not None:
        metric, unit, factor, number = own
        return _Kind(
            "measure", metric, unit, factor, _below(channel, number) if channel and number else channel or number
        )
    kind = _named(last, channel)
    if kind is None:
        kind = _normalized(above[-1], last) if above and above[-1] in _NORMALIZED else _measured(last, channel)
    return kind


def _named(last: str, channel: str) -> _Kind | None:
    """Members that are no plain measured value, or not worth keeping."""
    if last in PASSED_OVER or _NO_STATE.fullmatch(last):
        return _Kind("")
    if last in FACTS:
        return _Kind("fact", FACTS[last])
    if battery := battery_sort(last):
        return _Kind(battery)
    stem, number = (last, "") if last in ALARMS else split_number(last)
    for sort, known in (("alarm", ALARMS), ("motion", MOTIONS), ("taken", TAKEN)):
        if stem in known:
            name = ALARMS.get(stem, "motion_count" if sort == "motion" else "occupancy")
            return _Kind(sort, name, channel=_below(channel, number) if channel and number else channel or number)
    alarm = _ALARM.fullmatch(last)
    if alarm is not None:
        return _Kind("alarm", alarm["name"], channel=channel)
    return _people(last, channel)


def _measured(last: str, channel: str) -> _Kind:
    """A name with a known unit keeps its metric wherever it lies; any other is dotted."""
    fahrenheit = _FAHRENHEIT.fullmatch(last)
    if fahrenheit is not None:
        last = "_".join(part for part in (fahrenheit["first"], fahrenheit["rest"]) if part) or "temperature"
    metric, unit, factor, number = metric_of(last)
    if fahrenheit is not None and unit == "Cel":
        return _Kind("measure", metric, unit, factor, _below(channel, number) if channel else number, "°F")
    if not channel:
        return _Kind("measure", metric, unit, factor, number)
    if unit:
        return _Kind("measure", metric, unit, factor, _below(channel, number) if number else channel)
    return _Kind("measure", f"{channel}.{metric}"[:64], "", factor, number)


def _people(last: str, channel: str) -> _Kind | None:
    passed = _PEOPLE.fullmatch(last)
    if passed and any(word in last or word in channel for word in _PEOPLE_WORDS):
        total = "total" if "total" in last or "cumulative" in last else ""
        way = "entered" if passed["way"] in _INS else "left"
        return _Kind("people", way, total, channel=passed["line"] or channel)
    present = _PRESENT.fullmatch(last)
    if present and present["line"] in ("region", "zone", "area"):
        return None  # how many there are of them
    if present and ("people" in last or "person" in last or (present["line"] and "count" in last)):
        return _Kind("people", "present", channel=present["line"] or channel)
    return None


def _normalized(above: str, last: str) -> _Kind:
    """The Things Stack's normalized payload, whose units are laid down: air.temperature, soil.moisture, wind.speed."""
    if f"{above}.{last}" in _LAID_DOWN:
        metric, unit, factor = _LAID_DOWN[f"{above}.{last}"]
        return _Kind("measure", metric, unit, factor)
    metric, unit, factor, number = metric_of(last)
    return _Kind("measure", metric if above == "air" else f"{above}_{metric}", unit, factor, number)

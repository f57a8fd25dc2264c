"""What a network server's codec made of a body, member by member, whoever wrote that codec.

Numbers become readings by their names, states alarms, motion or occupancy, pairs of coordinates positions, ins and
outs counts. Called by `uplink`.
"""

import re
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any, TypeGuard

from appliance.model.observation import EnvironmentReading, Observation
from firmware_bridge.lorawan.findings import MAX_FINDINGS, Findings
from firmware_bridge.lorawan.kinds import Kind, below, kind_of
from firmware_bridge.lorawan.makers_names import MAKERS, Own
from firmware_bridge.lorawan.names import ALARMS, NUMBERED, PASSED_OVER, WORDS
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of, whole_of
from firmware_bridge.notation.metrics import UNITS, snake_case
from firmware_bridge.notation.units import apply, scale_to

MAX_DEPTH = 4
MAX_MEMBERS = 300
MAX_ITEMS = 20  # of an array
ALL_ONES = 255  # as a state it is yes: a byte all of whose bits are set
VOLTS_MAKERS = frozenset(("browan", "dragino"))  # who have volts under a plain "battery"
MAX_CELLS = 6  # volts
ROUNDED = 0.3  # degrees Celsius that a whole degree Fahrenheit may be off
MOST_OZONE = 2  # ppm; more would be ppb
PROBES = ("ds18", "external")
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
_WRAPPERS = frozenset(
    ("bytes", "payload", "decoded", "data", "decoded_payload", "Measurements")
)  # around all that a decoder made
_LABELS = ("label", "variable", "measurement", "type", "name")
_NOW = timedelta(minutes=1)  # what a decoder stamps with its own clock
_FIRST_S = 1_000_000_000  # below it a number is no Unix time, but a counter or an interval
_QUANTITY = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?) ?([A-Za-z°%µ℃℉][A-Za-z°%µ³²/.]{0,9})")
_RUNNING_OUT = re.compile(r"(\d(?:\.\d{1,3})?) ?V? ?\(low battery\)", re.IGNORECASE)  # Netvox
_UNIT_BEHIND = re.compile(r"(?:\[\d+\] )?(?P<name>[^\[(]+?) ?(?:[\[(](?P<unit>[^\])]{1,12})[\])])?")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_EVENTS, _SHOCK = 4200, 4  # SenseCAP's number of events, and of a shock among them
_PRESSES = {7: "sos", 8: ""}
_MOVES = {1: True, 2: False}
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
    if "value" in members and _sweep_labelled(members, swept):
        return
    located = _locate(members, swept.findings)
    for given, value in members.items():
        swept.left -= 1
        if swept.left < 0:
            return
        kind = type(value)
        if value is None or given in located:
            continue
        name, written = (given, "") if given.isidentifier() else _name_of(given)
        if not above and name in _WRAPPERS and (kind is dict or kind is list):
            name = ""
        if kind is dict:
            if type(value.get("unit")) is str and ("value" in value or "values" in value):
                _sweep_quantity(below(above, name), value, swept)
            elif depth < MAX_DEPTH and not _SETTINGS.fullmatch(name):
                _sweep_object(value, below(above, name), swept, depth + 1)
        elif kind is list:
            if depth < MAX_DEPTH and given not in PASSED_OVER and not _SETTINGS.fullmatch(name):
                _sweep_array(value, below(above, name), swept, depth + 1)
        else:
            _sweep_value(below(above, name) if above else name, value, swept, written)


def _name_of(given: str) -> tuple[str, str]:
    """`[03] Pressure [hPa]` and `PM2.5` as a name and the unit behind it."""
    found = _UNIT_BEHIND.fullmatch(given) if "[" in given or "(" in given else None
    name, unit = (found["name"], found["unit"] or "") if found else (given, "")
    return name.replace(".", "_").translate(_SUBSCRIPTS), unit


def _sweep_quantity(path: str, said: Mapping[str, Any], swept: _Swept) -> None:
    """A value, or the last few beginning with the newest, with the unit beside."""
    values, unit = said.get("value", said.get("values")), said["unit"]
    unit = "" if unit == "None" else unit
    for n, value in enumerate(values[:MAX_ITEMS] if type(values) is list else [values]):
        _sweep_value(f"earlier_{n}.{path}" if n else path, value, swept, unit)


def _sweep_labelled(item: Mapping[str, Any], swept: _Swept) -> bool:
    """A record that names what it measures: `{"type": "co2", "value": 742, "unit": "ppm"}`; False if it is none."""
    label = next((text for name in _LABELS if (text := text_of(item.get(name)))), "")
    if not label or type(item["value"]) is dict or type(item["value"]) is list:
        return False
    swept.left -= 3
    part = whole_of(item.get("channel", object_of(item.get("hardwareData")).get("channel")))
    path = f"{label.replace('.', '_')}.{part}" if part else label.replace(".", "_")
    kind = kind_of(path, swept.maker)
    if not any(_is_about(seen, kind) for seen in swept.findings.observations):  # else the value stands beside as well
        _sweep_value(path, item["value"], swept, text_of(item.get("unit")))
    return True


def _is_about(seen: Observation, kind: Kind) -> TypeGuard[EnvironmentReading]:
    return isinstance(seen, EnvironmentReading) and (seen.metric, seen.channel) == (kind.name, kind.channel)


def _sweep_array(values: list[Any], above: str, swept: _Swept, depth: int) -> None:
    several = len(values) > 1
    for n, value in enumerate(values[:MAX_ITEMS]):
        if type(value) is dict:
            if not _sweep_earlier(value, swept, depth):
                _sweep_object(value, below(above, _number_of_item(value, n)) if several else above, swept, depth)
        elif type(value) is list:
            if depth < MAX_DEPTH:
                _sweep_array(value, above, swept, depth + 1)
        elif type(value) is float or type(value) is int:
            swept.left -= 1
            if swept.left < 0:
                return
            _sweep_value(below(above, str(n)) if several else above, value, swept)


def _sweep_earlier(item: Mapping[str, Any], swept: _Swept, depth: int) -> bool:
    """An item of a list that has a time of its own, as what a device kept while nobody heard it; False if none."""
    stamp = next((item[name] for name in _TIMES if name in item), item.get("date") if "value" in item else None)
    number = number_of(stamp)
    at = read_instant(stamp, UTC) if number is None or number >= _FIRST_S else None
    heard = swept.findings.observed_at
    if at is None or (heard is not None and abs(heard - at) < _NOW):
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
    if number == _EVENTS:
        _sweep_events(list_of(item.get("measurementValue")), swept.findings)
    known = NUMBERED.get(number or 0)
    if value is None or known is None:
        return
    metric, unit, factor = known
    if metric in ("longitude", "latitude"):
        swept.place[metric] = value
    elif metric == "battery_percent":
        swept.findings.tell(metric, value)
    elif unit == "%" and value > 100:
        swept.findings.measure(metric, value, "lx")  # SenseCAP's old decoder of a light sensor
    else:
        swept.findings.measure(metric, value * factor, unit)


def _sweep_events(events: list[Any], findings: Findings) -> None:
    """What happened to a SenseCAP tracker."""
    for event in events[:MAX_ITEMS]:
        happened = whole_of(object_of(event).get("id")) or 0
        if happened in _PRESSES:
            findings.alarm("button", True, _PRESSES[happened], momentary=True)
        elif happened == _SHOCK:
            findings.alarm("impact", True, momentary=True)
        elif happened in _MOVES:
            findings.motion(_MOVES[happened])


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
    if value is True or value is False:
        if sort == "measure" and kind.unit in ("", "1"):  # a state; no battery has "false"
            findings.measure(kind.name, float(value), kind.unit, kind.channel)
        return
    number = number_of(value)
    if number is not None:
        _sweep_number(kind, number, swept, written)
    elif type(value) is str:
        _sweep_text(path, kind, value, swept)


def _sweep_number(kind: Kind, number: float, swept: _Swept, written: str) -> None:
    findings = swept.findings
    if kind.sort in ("percent", "volts"):
        volts = swept.maker.split(" ")[0] in VOLTS_MAKERS and number < MAX_CELLS
        _sweep_battery("volts" if volts else kind.sort, number, findings)
    elif written := written or kind.written:
        scale = scale_to(written, UNITS.get(kind.name) or kind.unit)
        unit = "%" if scale.unit == "Cel" and "humidity" in kind.name else scale.unit  # a slip of some decoders
        number = apply(scale, number)
        if not (kind.written and _is_told(kind, number, findings)):  # in Fahrenheit what was told in Celsius
            findings.measure(kind.name, number, unit, kind.channel)
    else:
        number, unit = _in_unit(kind, number)
        if not unit and kind.name in swept.own:
            metric, unit, factor, channel = swept.own[kind.name]
            findings.measure(metric, number * factor, unit, kind.channel or channel)
        elif not (number > PROBE_LIMIT and kind.channel.startswith(PROBES) and unit == "Cel"):
            findings.measure(kind.name, number, unit, kind.channel)


def _sweep_text(path: str, kind: Kind, text: str, swept: _Swept) -> None:
    """A state in words, as the relay's that is "on", or a number with its unit behind it."""
    active = flag_of(text)
    quantity = _QUANTITY.fullmatch(text.strip()[:30]) if active is None else None
    if active is not None and kind.sort == "measure":
        swept.findings.measure(kind.name, float(active), "1", kind.channel)
    elif quantity:
        _sweep_value(path, quantity[1], swept, quantity[2])
    elif kind.sort in ("percent", "volts") and (low := _RUNNING_OUT.fullmatch(text.strip()[:30])):
        _sweep_battery(kind.sort, float(low[1]), swept.findings)
        swept.findings.alarm("battery_low", True)


def _sweep_state(kind: Kind, value: Any, findings: Findings) -> None:
    active = flag_of(value)
    if active is None and type(value) is str:
        active = _state_in_words(value, kind)
    number = number_of(value) if active is None else None
    if number == ALL_ONES or (number is not None and number > 0 and kind.name in ("water_leak", "motion_count")):
        active = True  # how wet it is, how often it moved
        if kind.name == "motion_count" and number != ALL_ONES:
            findings.measure(kind.name, number or 0.0, "1", kind.channel)
    if active is None:
        if number is not None and (kind.sort != "alarm" or kind.name not in _ALARMED):
            findings.measure(kind.name, number, "1" if kind.sort != "alarm" else "", kind.channel)
    elif kind.sort == "alarm":
        findings.alarm(kind.name, active, kind.channel, momentary=kind.name == "button")
    elif kind.sort == "motion":
        findings.motion(active)
    else:
        findings.measure("occupancy", float(active), "1", kind.channel)


def _state_in_words(text: str, kind: Kind) -> bool | None:
    """What a decoder's words say; of an alarm also `high temperature alarm` and `threshold_alarm_release`."""
    words = text.strip().lower().replace("_", " ")[:60]
    active = WORDS.get(words)
    if active is None and kind.sort == "alarm" and words.endswith(("alarm", "release")):
        return words.endswith("alarm")
    return active


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


def _is_told(kind: Kind, number: float, findings: Findings) -> bool:
    """Whether nearly the same was told already of the same."""
    return any(_is_about(seen, kind) and abs(seen.value - number) < ROUNDED for seen in findings.observations)


def _in_unit(kind: Kind, number: float) -> tuple[float, str]:
    """A number in its canonical unit; air pressure is told from its size, for no place on earth has both."""
    if kind.name == "pressure" and kind.factor == 1:
        if 30_000 <= number <= 120_000:
            return number / 100, "hPa"
        if 30 <= number <= 120:
            return number * 10, "hPa"
    if kind.name == "power_factor" and 1 < abs(number) <= 100:
        return number / 100, kind.unit
    return (number, "") if _is_unsure(kind, number) else (number * kind.factor, kind.unit)


def _is_unsure(kind: Kind, number: float) -> bool:
    """Whether others write another unit under this name, and the number looks like theirs."""
    return (
        (kind.name == "pressure" and kind.factor == 1 and not 300 <= number <= 1200)
        or (kind.name == "voc" and number < 30 and number != int(number))  # mg/m3, or an index
        or (kind.name == "ozone" and number >= MOST_OZONE)
        or (kind.name == "soil_moisture" and 0 < number < 1)  # a part of one
    )


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

"""What the member of a decoded uplink is, by its name and by those it lies in. Used by `sweep`."""

import re
from functools import lru_cache

import msgspec

from firmware_bridge.lorawan.makers_names import MAKERS, STATES
from firmware_bridge.lorawan.names import (
    ALARMS,
    FACTS,
    MOTIONS,
    PASSED_OVER,
    TAKEN,
    battery_sort,
    metric_of,
    split_number,
)
from firmware_bridge.notation.metrics import snake_case

_PEOPLE = re.compile(
    r"(?:(?P<line>(?:line|region|zone|channel)_?\w*?)_)?(?P<total>total_|cumulative_)?"
    r"(?:(?:people|person|persons|passenger|visitor|visitors|count|counter|counts|period|periodic|total)_)*"
    r"(?P<way>in|out|entered|exited|entries|exits|entry|exit)(?:_(?:total|count|counter))?"
)
_PRESENT = re.compile(
    r"(?:(?P<line>(?:region|zone|area)_?\w*?)_)?(?:people|person|occupants)?_?(?:count|present|people_count)(?:er_all|_all)?"
)
_PEOPLE_WORDS = ("people", "person", "passenger", "visitor", "count", "total", "period", "line")
_ALARM = re.compile(r"(?P<name>\w{1,40}_alarm)(?:_status)?")
_NO_STATE = re.compile(r"\w+_(?:alarm_release|change|changed|msgid|d2d|flag)")
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


class Kind(msgspec.Struct, frozen=True):
    """What a member is, by its name alone; `written` is the unit its name tells, where that is not canonical."""

    sort: str
    name: str = ""
    unit: str = ""
    factor: float = 1.0
    channel: str = ""
    written: str = ""


def below(above: str, name: str) -> str:
    """A name, dotted where it lies within others."""
    return f"{above}.{name}" if above else name


@lru_cache(maxsize=4096)
def kind_of(path: str, maker: str = "") -> Kind:
    """What a member is; dotted where it lies within others, and its own name or theirs decides."""
    *above, last = [snake_case(part) for part in path[:300].split(".")]
    if above and (last.isdigit() or last in ("value", "state", "status", "detected")):
        inner = kind_of(path[:300].rpartition(".")[0], maker)  # Cayenne: temperatureSensor.3
        channel = below(inner.channel, last) if last.isdigit() else inner.channel
        return msgspec.structs.replace(inner, channel=channel) if inner.sort else inner
    channel = ".".join(above)
    own = MAKERS.get(maker, {}).get(last)
    if own is not None:
        metric, unit, factor, number = own
        return Kind(
            "measure", metric, unit, factor, below(channel, number) if channel and number else channel or number
        )
    state = STATES.get(maker, {}).get(last)
    if state is not None:
        sort, name, part = state
        return Kind(sort, name, channel=below(channel, part) if channel and part else channel or part)
    kind = _named(last, channel)
    if kind is None:
        kind = _normalized(above[-1], last) if above and above[-1] in _NORMALIZED else _measured(last, channel)
    return kind


def _named(last: str, channel: str) -> Kind | None:
    """Members that are no plain measured value, or not worth keeping."""
    if last in PASSED_OVER or _NO_STATE.fullmatch(last):
        return Kind("")
    if last in FACTS:
        return Kind("fact", FACTS[last])
    if battery := battery_sort(last):
        return Kind(battery)
    stem, number = (last, "") if last in ALARMS else split_number(last)
    for sort, known in (("alarm", ALARMS), ("motion", MOTIONS), ("taken", TAKEN)):
        if stem in known:
            name = ALARMS.get(stem, "motion_count" if sort == "motion" else "occupancy")
            return Kind(sort, name, channel=below(channel, number) if channel and number else channel or number)
    alarm = _ALARM.fullmatch(last)
    if alarm is not None:
        return Kind("alarm", alarm["name"], channel=channel)
    return _people(last, channel)


def _measured(last: str, channel: str) -> Kind:
    """A name with a known unit keeps its metric wherever it lies; any other is dotted."""
    fahrenheit = _FAHRENHEIT.fullmatch(last)
    if fahrenheit is not None:
        last = "_".join(part for part in (fahrenheit["first"], fahrenheit["rest"]) if part) or "temperature"
    metric, unit, factor, number = metric_of(last)
    if fahrenheit is not None and unit == "Cel":
        return Kind("measure", metric, unit, factor, below(channel, number) if channel else number, "°F")
    if not channel:
        return Kind("measure", metric, unit, factor, number)
    if unit:
        return Kind("measure", metric, unit, factor, below(channel, number) if number else channel)
    return Kind("measure", f"{channel}.{metric}"[:64], "", factor, number)


def _people(last: str, channel: str) -> Kind | None:
    passed = _PEOPLE.fullmatch(last)
    if passed and any(word in last or word in channel for word in _PEOPLE_WORDS):
        total = "total" if "total" in last or "cumulative" in last else ""
        way = "entered" if passed["way"] in _INS else "left"
        return Kind("people", way, total, channel=passed["line"] or channel)
    present = _PRESENT.fullmatch(last)
    if present and present["line"] in ("region", "zone", "area"):
        return None  # how many there are of them
    if present and ("people" in last or "person" in last or (present["line"] and "count" in last)):
        return Kind("people", "present", channel=present["line"] or channel)
    return None


def _normalized(above: str, last: str) -> Kind:
    """The Things Stack's normalized payload, whose units are laid down: air.temperature, soil.moisture, wind.speed."""
    if f"{above}.{last}" in _LAID_DOWN:
        metric, unit, factor = _LAID_DOWN[f"{above}.{last}"]
        return Kind("measure", metric, unit, factor)
    metric, unit, factor, number = metric_of(last)
    return Kind("measure", metric if above == "air" else f"{above}_{metric}", unit, factor, number)

"""What Hikvision cameras count and measure: people by line and by region, queues, and temperatures.

`isapi_alert` brings its alerts here. A count in real time is that since the camera's own reset, one of a time range
that of the range; the camera says which.
Source: Hikvision ISAPI, "People counting", "Queue management" and "Thermal"; "Multi-Target Counting".
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from appliance.model.observation import Alarm, CrowdDensity, EnvironmentReading, Observation, PeopleCount
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of, whole_of

MAX_ITEMS = 64  # regions or directions of one alert


class Measured(NamedTuple):
    """An alert that measures: whose, when, what it says, and the zone of times without an offset."""

    device: str
    when: datetime | None
    said: Mapping[str, Any]
    zone: tzinfo


def read_people(alert: Measured) -> Sequence[Observation]:
    """`peopleCounting`: who went in and out, with the children, vehicles and bicycles among or beside them."""
    counted = object_of(alert.said.get("peopleCounting", alert.said.get("PeopleCounting")))
    children = object_of(alert.said.get("childCounting"))
    span = object_of(counted.get("TimeRange", counted.get("timeRange")))
    now = object_of(counted.get("RealTime", counted.get("realTime")))
    live = text_of(counted.get("statisticalMethods")).lower() == "realtime"
    since = None if live else read_instant(span.get("startTime"), alert.zone)
    told = now.get("time") if live else span.get("endTime")
    at = read_instant(told, alert.zone) or alert.when
    line = text_of(counted.get("regionsID")) or text_of(counted.get("regionID"))
    found: list[Observation] = []
    for subject, entered, left in (
        ("people", counted.get("enter"), counted.get("exit")),
        ("children", children.get("enter"), children.get("exit")),
        ("vehicles", counted.get("vehicleEnter"), counted.get("vehicleExit")),
        ("bicycles", counted.get("bicycleEnter"), counted.get("bicycleExit")),
        ("passers_by", counted.get("pass"), None),
    ):
        count = PeopleCount(
            device=alert.device,
            observed_at=at,
            entered=whole_of(entered),
            left=whole_of(left),
            line=line,
            subject=subject,
            since=since,
            cumulative=since is None,
        )
        if count.entered is not None or count.left is not None:
            found.append(count)
    return found


def read_targets(alert: Measured) -> Sequence[Observation]:
    """`regionTargetNumberCounting`: what crossed a rule's line, by direction; both ways is the sum."""
    live = text_of(alert.said.get("statisticalMethod")).lower() in ("", "realtime")
    span = object_of(alert.said.get("TimeRange"))
    since = None if live else read_instant(span.get("startTime"), alert.zone)
    sides: dict[str, Mapping[str, Any]] = {}
    held = object_of(alert.said.get("CountingList")).get("DataList", alert.said.get("CountingList"))
    for item in _items(held):
        sides[text_of(item.get("statisticalDirection")).lower()] = item
    forward, back = sides.get("forward", {}), sides.get("back", {})
    return [
        PeopleCount(
            device=alert.device,
            observed_at=read_instant(span.get("endTime"), alert.zone) or alert.when,
            entered=whole_of(forward.get(member)),
            left=whole_of(back.get(member)),
            line=text_of(alert.said.get("ruleID")),
            subject=subject,
            since=since,
            cumulative=since is None,
        )
        for member, subject in _TARGETS
        if member in forward or member in back
    ]


def read_crowd(alert: Measured) -> Sequence[Observation]:
    """How many are in a region or a queue, and what of it is an alarm by the camera's own rule."""
    said, found = alert.said, list[Observation]()
    for target in _items(object_of(said.get("personDensityResult")).get("Target")):
        found += _density(alert, object_of(target.get("TargetInfo")))
    frames = object_of(said.get("FramesPeopleCounting"))
    people = next((number for name in _PEOPLE if (number := whole_of(frames.get(name))) is not None), None)
    if people is not None:
        found.append(_people(alert, people, text_of(frames.get("regionID"))))
    queue = object_of(said.get("RegionCapture"))
    number = whole_of(object_of(queue.get("humanCounting")).get("count"))
    if number is not None:
        area = text_of(object_of(queue.get("rule")).get("ruleID"))
        found.append(PeopleCount(device=alert.device, observed_at=alert.when, present=number, line=area))
    waiting = object_of(said.get("humanCapture"))
    seconds = number_of(object_of(waiting.get("human")).get("waitTime"))
    if seconds is not None:
        found.append(_stay(alert, "waiting_time", seconds, text_of(object_of(waiting.get("rule")).get("ruleID"))))
    return found


def _density(alert: Measured, told: Mapping[str, Any]) -> list[Observation]:
    """One region of `personDensityDetection`: a count, one past a threshold, or one who stays too long."""
    area = text_of(told.get("regionName")) or text_of(told.get("regionID"))
    quantity, stay = object_of(told.get("PQA")), object_of(told.get("DSA"))
    people = whole_of(told.get("framesPeopleCounting_number", quantity.get("alarmCount")))
    found: list[Observation] = [] if people is None else [_people(alert, people, area)]
    if quantity or told.get("densityLevelChangeType") == "lowToHigh":
        found.append(_alarm(alert, "occupancy_threshold", area))
    seconds = number_of(stay.get("alarmTime"))
    if seconds is not None:
        found += [_alarm(alert, "loitering", area), _stay(alert, "dwell_time", seconds, area)]
    return found


def _people(alert: Measured, people: int, area: str) -> CrowdDensity:
    return CrowdDensity(device=alert.device, observed_at=alert.when, people=float(people), area=area)


def _alarm(alert: Measured, name: str, area: str) -> Alarm:
    return Alarm(device=alert.device, observed_at=alert.when, name=name, active=True, area=area)


def _stay(alert: Measured, metric: str, seconds: float, area: str) -> EnvironmentReading:
    return EnvironmentReading(
        device=alert.device, observed_at=alert.when, metric=metric, value=seconds, unit="s", channel=area
    )


def read_temperatures(alert: Measured) -> Sequence[Observation]:
    """The temperature that a rule measured: beside it, in an element of its own, or in its region's."""
    regions = object_of(alert.said.get("DetectionRegionList"))
    entries = _items(regions.get("DetectionRegionEntry", alert.said.get("DetectionRegionList")))
    for held in (alert.said, *entries):
        for read in (object_of(held.get("TMA")), object_of(held.get("TMPA")), object_of(held)):
            value = number_of(read.get("currTemperature"))
            celsius = _celsius(value, text_of(read.get("thermometryUnit")).lower()) if value is not None else None
            if celsius is not None:
                return [
                    EnvironmentReading(
                        device=alert.device,
                        observed_at=alert.when,
                        metric="temperature",
                        value=celsius,
                        unit="Cel",
                        channel=text_of(read.get("ruleName")) or "thermal",
                    )
                ]
    return []


def _celsius(value: float, unit: str) -> float | None:
    """Degrees Celsius, which is meant where no unit is told; None for a unit nobody knows."""
    if unit == "fahrenheit":
        return round((value - 32) / 1.8, 3)
    if unit == "kelvin":
        return round(value - 273.15, 3)
    return value if unit in ("", "celsius", "degreecentigrade") else None


def _items(value: object) -> list[dict[str, Any]]:
    """Objects of a list; one object alone is a list of one, as XML has it."""
    items = [value] if type(value) is dict else list_of(value)
    return [item for item in items[:MAX_ITEMS] if type(item) is dict]


_TARGETS = (("humanCount", "people"), ("nonMotorCount", "bicycles"), ("vehicleCount", "vehicles"))
_PEOPLE = ("framesPeopleCountingNum", "framesPeopleCounting_number", "peopleCount", "personCount")

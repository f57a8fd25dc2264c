"""What counting applications tell: AXIS Object Analytics, people counters, ONVIF counters. Called by `notice`.

Source: developer.axis.com, "AXIS Object Analytics counting data"; reelyactive/barnowl-axis (scenario Occupancy and
Crossline); ONVIF Analytics Service Specification, annex on counting.
"""

from collections.abc import Mapping
from datetime import UTC

from appliance.model.observation import Alarm, EnvironmentReading, Motion, ObjectDetection, Observation, PeopleCount
from firmware_bridge.family.onvif_axis.event import Notice
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, number_of, whole_of
from firmware_bridge.notation.metrics import snake_case

MAX_READINGS = 16  # of one event of a topic nobody knows

_PLAIN_NAMES = frozenset(
    "state active value status triggered level ready running accessed detected sensor_level failed".split()
)
_THRESHOLDS: Mapping[str, str] = {"Threshold": "occupancy_threshold", "Passthrough": "passage_threshold"}
_SUBJECTS: Mapping[str, str] = {
    "human": "people",
    **dict.fromkeys(("car", "bus", "truck", "othervehicle", "vehicle"), "vehicles"),
    **dict.fromkeys(("motorcycle/bicycle", "bike"), "bicycles"),
    "": "objects",
}
"""Counter of AXIS Object Analytics without its `total` -> what it counts; motorcycles and bicycles are one."""


def read_object_analytics(notice: Notice) -> list[Observation]:
    """AXIS Object Analytics: a counting scenario has totals, the others a state with the class and id of the object.

    Beside its scenarios the application tells of thresholds that a count has passed, and what it draws on the picture.
    """
    area, active = notice.area, notice.active
    for suffix, name in _THRESHOLDS.items():
        if area.endswith(suffix):
            return [_threshold(notice, name, area.removesuffix(suffix))]
    if any(name.startswith("total") for name in notice.data):
        return _totals(notice)
    number = notice.data.get("objectId", "")
    label = notice.data.get("classTypes", "").partition(",")[0].strip()
    if not label and (not active or not number):
        return [Motion(device=notice.device, observed_at=notice.when, active=active, area=area)]
    identity, rev = "", 0
    if number and notice.when is not None:  # object numbers begin anew when the camera does: the day tells them apart
        identity = f"{area}.{number}.{notice.when:%Y%m%d}"
        rev = round(notice.when.timestamp() * 1_000)
    return [
        ObjectDetection(
            device=notice.device,
            observed_at=notice.when,
            observation_id=identity,
            label=label or "object",
            area=area,
            phase="new" if active else "end",
            rev=rev,
        )
    ]


def _threshold(notice: Notice, name: str, area: str) -> Alarm:
    return Alarm(
        device=notice.device,
        observed_at=notice.when,
        name=name,
        active=notice.active,
        area=area,
        momentary=notice.momentary,
    )


def _totals(notice: Notice) -> list[Observation]:
    """Counts by class: passed since `startTime` (crossline counting), or inside now (occupancy in area)."""
    since = read_instant(notice.data.get("startTime"), UTC)
    passing = since is not None or notice.data.get("scenario", "").lower().startswith("cross")
    interval = notice.area.endswith("Interval")
    until = read_instant(notice.data.get("endTime"), UTC) if interval else None
    subjects: dict[str, int] = {}
    for name, value in notice.data.items():
        subject = _SUBJECTS.get(name.lower().removeprefix("total"))
        count = whole_of(value)
        if subject is not None and count is not None and count >= 0:
            subjects[subject] = subjects.get(subject, 0) + count
    if len(subjects) > 1:
        subjects.pop("objects", None)  # the sum of the others
    return [
        PeopleCount(
            device=notice.device,
            observed_at=until or notice.when,
            entered=count if passing else None,
            present=None if passing else count,
            line=notice.area.removesuffix("Interval"),
            subject=subject,
            since=since,
            cumulative=passing and not interval,
        )
        for subject, count in subjects.items()
    ]


def read_count(notice: Notice) -> list[Observation]:
    """A counter of ONVIF (`Count` since its reset) or of a counting application (`in`, `out`, `occupancy`)."""
    told = {name.lower(): whole_of(value) for name, value in notice.data.items()}
    entered = next((told[name] for name in ("in", "count", "entered", "totalin") if name in told), None)
    left = next((told[name] for name in ("out", "exited", "totalout") if name in told), None)
    present = next((told[name] for name in ("occupancy", "inside", "present") if name in told), None)
    if entered is None and left is None and present is None:
        return read_readings(notice)
    return [
        PeopleCount(
            device=notice.device,
            observed_at=notice.when,
            entered=entered,
            left=left,
            present=present,
            line=notice.area,
            cumulative=True,
        )
    ]


def read_readings(notice: Notice) -> list[Observation]:
    """Flags and numbers of a topic nobody knows; `state` and the like are called after the topic."""
    levels = [level for level in notice.topic[1:] if not level.startswith("Channel_")] or list(notice.topic)
    found: list[Observation] = []
    for name, value in notice.data.items():
        flag = flag_of(value)
        number = number_of(value) if flag is None else float(flag)
        if number is None or len(found) >= MAX_READINGS:
            continue
        metric = snake_case("_".join(levels[:3]) if name.lower() in _PLAIN_NAMES else name)
        found.append(
            EnvironmentReading(
                device=notice.device,
                observed_at=notice.when,
                metric=metric,
                value=number,
                unit="1" if flag is not None else "",
                channel=notice.area,
            )
        )
    return found

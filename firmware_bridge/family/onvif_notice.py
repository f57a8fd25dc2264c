"""What an ONVIF or Axis event means: its topic says of what it speaks, its data how it stands.

`onvif_axis` brings them here, from XML or JSON. A property that is Initialized tells how things stand and is no news;
one that is Deleted tells nothing. Of topics nobody knows, flags and numbers are kept as readings.
Source: ONVIF Core and Analytics Service Specifications, annexes on events; developer.axis.com, "Event declarations".
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from appliance.model.observation import (
    Alarm,
    CameraStatus,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    ObjectDetection,
    Observation,
    PeopleCount,
    PlateRead,
)
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, number_of, whole_of
from firmware_bridge.notation.metrics import snake_case

MAX_READINGS = 16  # of one event of a topic nobody knows

_NO_STATE = frozenset(("objectid", "objectids", "object_id", "classtypes", "count", "timestamp"))
_PLAIN_NAMES = frozenset(("state", "active", "value", "status", "triggered", "level"))
_PLATE_NAMES = frozenset(("platenumber", "licenseplate", "plate", "text", "plate_text", "plate_number"))


class Notice(msgspec.Struct):
    """One event. `topic` is without namespaces, as ("Device", "Sensor", "PIR"); `operation` '' if it is no property."""

    device: str
    topic: tuple[str, ...]
    when: datetime | None
    source: Mapping[str, str]
    data: Mapping[str, str]
    operation: str = ""

    @property
    def state(self) -> bool | None:
        """The state among the data, None where there is none."""
        for name, value in self.data.items():
            if name.lower() not in _NO_STATE:
                flag = flag_of(value)
                if flag is not None:
                    return flag
        return None

    @property
    def active(self) -> bool:
        """The state; an event without one is the thing happening."""
        return self.state is not False

    @property
    def momentary(self) -> bool:
        """Whether the same told again has happened again."""
        return not self.operation or self.state is None

    @property
    def area(self) -> str:
        """The rule, the application's profile, or whatever else of the device it comes from."""
        rule = self.source.get("Rule") or self.source.get("RuleName") or ""
        if (
            not rule
            and len(self.topic) > 2
            and (self.topic[0] == "CameraApplicationPlatform" or self.topic[1] == "VMD3")
        ):
            rule = self.topic[2]
        return rule or next((value for value in self.source.values() if value), "")


@functools.lru_cache(maxsize=4_096)
def topic_of(text: str) -> tuple[str, ...]:
    """The levels of a topic without their namespaces: `tns1:Device/tnsaxis:IO/Port`, `onvif:Device/axis:IO/Port`."""
    return tuple(level.rpartition(":")[2] for level in text.strip().split("/") if level)[:16]


def observe_notice(notice: Notice) -> list[Observation]:
    """What an event tells; at least that its device was heard."""
    health = DeviceHealth(device=notice.device, observed_at=notice.when)
    if notice.operation == "Deleted":
        return [health]
    found: Sequence[Observation] = _reader_of(notice.topic)(notice)
    if notice.operation == "Initialized":
        found = [state for item in found if (state := _standing(item)) is not None]
    return [*found, health]


def _reader_of(topic: tuple[str, ...]) -> "Reader":
    for levels in (3, 2):
        reader = _READERS.get(topic[:levels])
        if reader is not None:
            return reader
    return _plate if any("plate" in level.lower() for level in topic) else _readings


def _standing(item: Observation) -> Observation | None:
    """An observation as a state that has stood for who knows how long: no event comes of it."""
    if isinstance(item, Motion | Alarm) and item.active:
        name = item.name if isinstance(item, Alarm) else "motion"
        return EnvironmentReading(
            device=item.device, observed_at=item.observed_at, metric=name, value=1.0, unit="1", channel=item.area
        )
    return None if isinstance(item, ObjectDetection | PlateRead) else item


def _motion(notice: Notice) -> list[Observation]:
    return [
        Motion(
            device=notice.device,
            observed_at=notice.when,
            active=notice.active,
            area=notice.area,
            momentary=notice.momentary,
        )
    ]


def _alarm(name: str) -> "Reader":
    def read(notice: Notice) -> list[Observation]:
        return [
            Alarm(
                device=notice.device,
                observed_at=notice.when,
                name=name,
                active=notice.active,
                area=notice.area,
                momentary=notice.momentary,
            )
        ]

    return read


def _detection(label: str) -> "Reader":
    """A detector of one kind of object: what it saw, or that it sees no more, for which it has no name."""

    def read(notice: Notice) -> list[Observation]:
        if not notice.active:
            return [Motion(device=notice.device, observed_at=notice.when, active=False, area=label)]
        return [ObjectDetection(device=notice.device, observed_at=notice.when, label=label, area=notice.area)]

    return read


def _picture(reason: str) -> "Reader":
    """A fault of the picture: while it is active the camera does not deliver."""

    def read(notice: Notice) -> list[Observation]:
        told = reason if notice.active else ""
        return [CameraStatus(device=notice.device, observed_at=notice.when, working=not notice.active, reason=told)]

    return read


def _relay(notice: Notice) -> list[Observation]:
    return [
        EnvironmentReading(
            device=notice.device,
            observed_at=notice.when,
            metric="relay",
            value=float(notice.active),
            unit="1",
            channel=notice.area,
        )
    ]


def _smart_event(notice: Notice) -> list[Observation]:
    """An event whose data name what was seen: `IsPeople`, `IsVehicle`, `IsPet`."""
    labels = {"IsPeople": "person", "IsVehicle": "vehicle", "IsPet": "animal", "IsFace": "face"}
    for name, label in labels.items():
        if name in notice.data:
            return list(_detection(label)(notice))
    return _motion(notice)


def _object_analytics(notice: Notice) -> list[Observation]:
    """AXIS Object Analytics: a counting scenario has totals, the others a state with the class and id of the object."""
    if any(name.startswith("total") for name in notice.data):
        return _totals(notice)
    area, active = notice.area, notice.active
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


def _totals(notice: Notice) -> list[Observation]:
    """Counts by class: passed since `startTime` (crossline counting), or inside now (occupancy in area)."""
    since = read_instant(notice.data.get("startTime"), UTC)
    passing = "startTime" in notice.data
    subjects: dict[str, int] = {}
    for name, value in notice.data.items():
        subject = _SUBJECTS.get(name)
        count = whole_of(value)
        if subject is not None and count is not None and count >= 0:
            subjects[subject] = subjects.get(subject, 0) + count
    if len(subjects) > 1:
        subjects.pop("objects", None)  # the sum of the others
    return [
        PeopleCount(
            device=notice.device,
            observed_at=notice.when,
            entered=count if passing else None,
            present=None if passing else count,
            line=notice.area,
            subject=subject,
            since=since,
            cumulative=passing,
        )
        for subject, count in subjects.items()
    ]


def _count(notice: Notice) -> list[Observation]:
    """A counter of ONVIF (`Count` since its reset) or of a counting application (`in`, `out`, `occupancy`)."""
    told = {name.lower(): whole_of(value) for name, value in notice.data.items()}
    entered = next((told[name] for name in ("in", "count", "entered", "totalin") if name in told), None)
    left = next((told[name] for name in ("out", "exited", "totalout") if name in told), None)
    present = next((told[name] for name in ("occupancy", "inside", "present") if name in told), None)
    if entered is None and left is None and present is None:
        return _readings(notice)
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


def _plate(notice: Notice) -> list[Observation]:
    told = {name.lower(): value for name, value in notice.data.items()}
    plate = next((told[name] for name in _PLATE_NAMES if told.get(name)), "")
    if not plate:
        return []
    score = number_of(told.get("likelihood", told.get("confidence")))
    if score is not None and score > 1:
        score /= 100
    return [
        PlateRead(
            device=notice.device,
            observed_at=notice.when,
            plate=plate,
            score=score if score is not None and 0 <= score <= 1 else None,
            region=told.get("countrycode", told.get("country", "")),
            direction=told.get("direction", ""),
            vehicle=told.get("vehicletype", ""),
        )
    ]


def _readings(notice: Notice) -> list[Observation]:
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


Reader = Callable[[Notice], Sequence[Observation]]

_SUBJECTS: dict[str, str] = {
    "totalHuman": "people",
    "totalCar": "vehicles",
    "totalBus": "vehicles",
    "totalTruck": "vehicles",
    "totalOtherVehicle": "vehicles",
    "totalVehicle": "vehicles",
    "totalMotorcycle/bicycle": "bicycles",
    "totalBike": "bicycles",
    "total": "objects",
}
"""Counter of AXIS Object Analytics -> what it counts; motorcycles and bicycles are one class there."""

_READERS: dict[tuple[str, ...], Reader] = {
    ("RuleEngine", "CellMotionDetector"): _motion,
    ("RuleEngine", "MotionRegionDetector"): _motion,
    ("RuleEngine", "DeclarativeMotionDetector"): _motion,
    ("RuleEngine", "VMD3"): _motion,
    ("RuleEngine", "MyRuleDetector", "PeopleDetect"): _detection("person"),
    ("RuleEngine", "MyRuleDetector", "VehicleDetect"): _detection("vehicle"),
    ("RuleEngine", "MyRuleDetector", "DogCatDetect"): _detection("animal"),
    ("RuleEngine", "MyRuleDetector", "FaceDetect"): _detection("face"),
    ("RuleEngine", "MyRuleDetector", "Package"): _detection("package"),
    ("RuleEngine", "MyRuleDetector", "Visitor"): _alarm("button"),
    ("RuleEngine", "PeopleDetector"): _detection("person"),
    ("RuleEngine", "VehicleDetector"): _detection("vehicle"),
    ("RuleEngine", "FaceDetector"): _detection("face"),
    ("RuleEngine", "Recognition", "Face"): _detection("face"),
    ("RuleEngine", "Recognition", "LicensePlate"): _plate,
    ("RuleEngine", "TPSmartEventDetector"): _smart_event,
    ("RuleEngine", "LineDetector"): _alarm("line_crossing"),
    ("RuleEngine", "LineCrossDetector"): _alarm("line_crossing"),
    ("RuleEngine", "FieldDetector"): _alarm("intrusion"),
    ("RuleEngine", "IntrusionDetector"): _alarm("intrusion"),
    ("RuleEngine", "LoiteringDetector"): _alarm("loitering"),
    ("RuleEngine", "TamperDetector"): _alarm("tamper"),
    ("RuleEngine", "CountAggregation"): _count,
    ("VideoSource", "MotionAlarm"): _motion,
    ("VideoSource", "GlobalSceneChange"): _alarm("tamper"),
    ("VideoSource", "Tampering"): _alarm("tamper"),
    ("VideoSource", "ImageTooBlurry"): _picture("image_too_blurry"),
    ("VideoSource", "ImageTooDark"): _picture("image_too_dark"),
    ("VideoSource", "ImageTooBright"): _picture("image_too_bright"),
    ("VideoSource", "SignalLoss"): _picture("signal_loss"),
    ("VideoSource", "SignalLost"): _picture("signal_loss"),
    ("VideoSource", "VideoLoss"): _picture("signal_loss"),
    ("VideoAnalytics", "Motion"): _motion,
    ("VideoAnalytics", "MotionDetection"): _motion,
    ("UserAlarm", "IVA", "HumanShapeDetect"): _detection("person"),
    ("UserAlarm", "GlobalSceneChange"): _alarm("tamper"),
    ("AudioSource", "TriggerLevel"): _alarm("sound"),
    ("AudioAnalytics", "Audio"): _alarm("sound"),
    ("Device", "Trigger", "DigitalInput"): _alarm("digital_input"),
    ("Device", "Trigger", "Relay"): _relay,
    ("Device", "IO", "Port"): _alarm("digital_input"),
    ("Device", "IO", "SupervisedPort"): _alarm("digital_input"),
    ("Device", "IO", "VirtualInput"): _alarm("virtual_input"),
    ("Device", "IO", "VirtualPort"): _alarm("virtual_input"),
    ("Device", "IO", "OutputPort"): _relay,
    ("Device", "Sensor", "PIR"): _motion,
    ("Device", "ShockDetection"): _alarm("vibration"),
    ("Device", "CasingOpen"): _alarm("tamper"),
    ("Device", "Casing", "Open"): _alarm("tamper"),
    ("Device", "Tampering"): _alarm("tamper"),
    ("Device", "HardwareFailure", "FanFailure"): _alarm("fan_failure"),
    ("Device", "HardwareFailure", "PowerSupplyFailure"): _alarm("power_failure"),
    ("Device", "HardwareFailure", "StorageFailure"): _alarm("storage_failure"),
    ("Device", "HardwareFailure", "TemperatureCritical"): _alarm("temperature_alarm"),
    ("Device", "Network", "Lost"): _alarm("network_failure"),
    ("Storage", "Disruption"): _alarm("storage_failure"),
    ("CameraApplicationPlatform", "VMD"): _motion,
    ("CameraApplicationPlatform", "MotionGuard"): _motion,
    ("CameraApplicationPlatform", "FenceGuard"): _alarm("intrusion"),
    ("CameraApplicationPlatform", "LoiteringGuard"): _alarm("loitering"),
    ("CameraApplicationPlatform", "CrossLineDetection"): _alarm("line_crossing"),
    ("CameraApplicationPlatform", "ObjectAnalytics"): _object_analytics,
    ("CameraApplicationPlatform", "PeopleCounter"): _count,
    ("CameraApplicationPlatform", "TrueViewPeopleCounter"): _count,
    ("CameraApplicationPlatform", "OccupancyEstimator"): _count,
}
"""The first three or two levels of a topic -> what reads it."""

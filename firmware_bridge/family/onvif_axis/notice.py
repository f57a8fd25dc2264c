"""What an ONVIF or Axis event means: its topic says of what it speaks, its data how it stands.

`family` brings them here, from XML or JSON. A property that is Initialized tells how things stand and is no news;
one that is Deleted tells nothing. Of topics nobody knows, flags and numbers are kept as readings.
Source: ONVIF Core and Analytics Service Specifications, annexes on events; developer.axis.com, "Event declarations".
"""

import functools
from collections.abc import Callable, Sequence

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
from firmware_bridge.family.onvif_axis.counts import read_count, read_object_analytics, read_readings
from firmware_bridge.family.onvif_axis.event import Notice
from firmware_bridge.notation.members import number_of, whole_of

_INTERNAL = "xinternal_data"  # what an application draws on the picture, many times a second
_DISK = (("temperature", "disk_temperature", "Cel"), ("wear", "disk_wear", "%"), ("overall_health", "disk_health", "%"))
_PRESENT = frozenset(("queuelength", "peoplecount", "objectcount"))
_PLATE_NAMES = frozenset(("platenumber", "licenseplate", "plate", "text", "plate_text", "plate_number"))
_UNREAD = frozenset(("unknown", "noplate", "no plate"))  # what stands for a plate that was not read


def observe_notice(notice: Notice) -> list[Observation]:
    """What an event tells; at least that its device was heard."""
    health = DeviceHealth(device=notice.device, observed_at=notice.when)
    if notice.operation == "Deleted":
        return [health]
    found: Sequence[Observation] = _reader_of(notice.topic)(notice)
    if notice.operation == "Initialized":
        found = [state for item in found if (state := _standing(item)) is not None]
    return [*found, health]


@functools.lru_cache(maxsize=4_096)
def _reader_of(topic: tuple[str, ...]) -> "Reader":
    if _INTERNAL in topic:
        return _nothing
    for levels in (3, 2, 1):
        reader = _READERS.get(topic[:levels])
        if reader is not None:
            return reader
    return _plate if any("plate" in level.lower() for level in topic) else read_readings


def _standing(item: Observation) -> Observation | None:
    """An observation as a state that has stood for who knows how long: no event comes of it."""
    if isinstance(item, Motion | Alarm) and item.active:
        name = item.name if isinstance(item, Alarm) else "motion"
        return EnvironmentReading(
            device=item.device, observed_at=item.observed_at, metric=name, value=1.0, unit="1", channel=item.area
        )
    return None if isinstance(item, ObjectDetection | PlateRead) else item


def _nothing(_notice: Notice) -> list[Observation]:
    return []


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


def _state(metric: str) -> "Reader":
    """How something stands, of which no event comes: a relay; a picture that is dark, as each night makes it."""

    def read(notice: Notice) -> list[Observation]:
        return [
            EnvironmentReading(
                device=notice.device,
                observed_at=notice.when,
                metric=metric,
                value=float(notice.active),
                unit="1",
                channel=notice.area,
            )
        ]

    return read


def _temperature(notice: Notice) -> list[Observation]:
    """Above or below what the camera is made for; that it is inside, or one of both, says the same again."""
    side = notice.topic[3] if len(notice.topic) > 3 else ""
    if side not in ("Above", "Below"):
        return []
    alarm = _alarm("temperature_alarm")(notice)
    return [msgspec.structs.replace(alarm[0], area=side.lower())]


def _sound(notice: Notice) -> list[Observation]:
    """What the camera took a sound for: speech, a shout, glass that breaks."""
    kind = notice.topic[1] if len(notice.topic) > 1 else ""
    return [msgspec.structs.replace(_alarm("sound")(notice)[0], area=kind.lower())]


def _disk(notice: Notice) -> list[Observation]:
    """A disk's alert, its temperature, wear and health; what it does not measure is negative."""
    alarm = _alarm("storage_alert")(msgspec.structs.replace(notice, data={"alert": notice.data.get("alert", "")}))
    found: list[Observation] = list(alarm) if notice.data.get("alert") else []
    for member, metric, unit in _DISK:
        value = number_of(notice.data.get(member))
        if value is not None and value >= 0:
            found.append(
                EnvironmentReading(
                    device=notice.device,
                    observed_at=notice.when,
                    metric=metric,
                    value=value,
                    unit=unit,
                    channel=notice.area,
                )
            )
    return found


def _processor(notice: Notice) -> list[Observation]:
    """How busy it is, in percent."""
    usage = next((number for told in notice.data.values() if (number := number_of(told)) is not None), None)
    if usage is None:
        return []
    return [
        EnvironmentReading(
            device=notice.device, observed_at=notice.when, metric="cpu_load", value=usage, unit="%", channel=notice.area
        )
    ]


def _queue(notice: Notice) -> list[Observation]:
    """How many stand in a queue, or in an area."""
    number = next((whole_of(value) for name, value in notice.data.items() if name.lower() in _PRESENT), None)
    if number is None:
        return list(read_readings(notice))
    return [PeopleCount(device=notice.device, observed_at=notice.when, present=number, line=notice.area)]


def _smart_event(notice: Notice) -> list[Observation]:
    """An event whose data name what it is, whatever its topic calls it: `IsPeople`, `IsVehicle`, `IsTamper`."""
    read = next((_SMART[name] for name in notice.data if name in _SMART), _motion)
    return list(read(notice))


def _vehicle(notice: Notice) -> list[Observation]:
    """A vehicle by its plate; without one, or with one that could not be read, the vehicle."""
    return _plate(notice) or list(_detection("vehicle")(notice))


def _plate(notice: Notice) -> list[Observation]:
    told = {name.lower(): value for name, value in notice.data.items()}
    plate = next((told[name] for name in _PLATE_NAMES if told.get(name)), "")
    if not plate or plate.lower() in _UNREAD:
        return []
    lane = told.get("vehiclelanenumber", "")
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
            direction=told.get("direction", told.get("vehicledirection", "")),
            vehicle=told.get("vehicletype", ""),
            attributes={"lane": lane} if lane else {},
        )
    ]


Reader = Callable[[Notice], Sequence[Observation]]

_SMART: dict[str, Reader] = {
    "IsPeople": _detection("person"),
    "IsVehicle": _detection("vehicle"),
    "IsPet": _detection("animal"),
    "IsFace": _detection("face"),
    "IsLineCross": _alarm("line_crossing"),
    "IsIntrusion": _alarm("intrusion"),
    "IsTamper": _alarm("tamper"),
}
"""An item of the data of TP-Link's cameras, which tell all they detect as cells in motion too -> what reads it."""

_READERS: dict[tuple[str, ...], Reader] = {
    ("RuleEngine", "CellMotionDetector"): _smart_event,
    ("RuleEngine", "MotionRegionDetector"): _motion,
    ("RuleEngine", "DeclarativeMotionDetector"): _motion,
    ("RuleEngine", "VMD3"): _motion,
    ("RuleEngine", "MyRuleDetector", "PeopleDetect"): _detection("person"),
    ("RuleEngine", "MyRuleDetector", "HumanDetect"): _detection("person"),
    ("RuleEngine", "MyRuleDetector", "ObjectsInside"): _alarm("intrusion"),
    ("RuleEngine", "MyRuleDetector", "VehicleDetect"): _detection("vehicle"),
    ("RuleEngine", "MyRuleDetector", "DogCatDetect"): _detection("animal"),
    ("RuleEngine", "MyRuleDetector", "FaceDetect"): _detection("face"),
    ("RuleEngine", "MyRuleDetector", "Package"): _detection("package"),
    ("RuleEngine", "MyRuleDetector", "Visitor"): _alarm("button"),
    ("RuleEngine", "PeopleDetector"): _detection("person"),
    ("RuleEngine", "VehicleDetector"): _vehicle,
    ("RuleEngine", "PetDetector"): _detection("animal"),
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
    ("RuleEngine", "CountAggregation"): read_count,
    ("RuleEngine", "QueueDetector"): _queue,
    ("RuleEngine", "CrowdDetector"): _queue,
    ("VideoSource", "MotionAlarm"): _motion,
    ("VideoSource", "GlobalSceneChange"): _alarm("tamper"),
    ("VideoSource", "Tampering"): _alarm("tamper"),
    ("VideoSource", "ImageTooBlurry"): _alarm("defocus"),
    ("VideoSource", "ImageTooDark"): _state("image_too_dark"),
    ("VideoSource", "ImageTooBright"): _state("image_too_bright"),
    ("VideoSource", "DefocusDetection"): _alarm("defocus"),
    ("VideoSource", "TamperingDetection"): _alarm("tamper"),
    ("VideoSource", "SignalLoss"): _picture("signal_loss"),
    ("VideoSource", "SignalLost"): _picture("signal_loss"),
    ("VideoSource", "VideoLoss"): _picture("signal_loss"),
    ("VideoAnalytics", "Motion"): _motion,
    ("VideoAnalytics", "MotionDetection"): _motion,
    ("VideoAnalytics", "MotionAlarm"): _motion,
    ("UserAlarm", "IVA", "HumanShapeDetect"): _detection("person"),
    ("UserAlarm", "GlobalSceneChange"): _alarm("tamper"),
    ("AudioSource", "TriggerLevel"): _alarm("sound"),
    ("AudioSource", "AudioDetection"): _alarm("sound"),
    ("AudioAnalytics", "Audio"): _alarm("sound"),
    ("Device", "Trigger", "DigitalInput"): _alarm("digital_input"),
    ("Device", "Trigger", "Relay"): _state("relay"),
    ("Device", "IO", "Port"): _alarm("digital_input"),
    ("Device", "IO", "SupervisedPort"): _alarm("digital_input"),
    ("Device", "IO", "VirtualInput"): _alarm("virtual_input"),
    ("Device", "IO", "VirtualPort"): _alarm("virtual_input"),
    ("Device", "IO", "OutputPort"): _state("relay"),
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
    ("Device", "Status", "Temperature"): _temperature,
    ("Monitoring", "ProcessorUsage"): _processor,
    ("Storage", "Alert"): _disk,
    ("Storage", "Disruption"): _alarm("storage_failure"),
    ("AudioClassification",): _sound,
    ("CameraApplicationPlatform", "VMD"): _motion,
    ("CameraApplicationPlatform", "MotionGuard"): _motion,
    ("CameraApplicationPlatform", "FenceGuard"): _alarm("intrusion"),
    ("CameraApplicationPlatform", "LoiteringGuard"): _alarm("loitering"),
    ("CameraApplicationPlatform", "CrossLineDetection"): _alarm("line_crossing"),
    ("CameraApplicationPlatform", "ObjectAnalytics"): read_object_analytics,
    ("CameraApplicationPlatform", "PeopleCounter"): read_count,
    ("CameraApplicationPlatform", "TrueViewPeopleCounter"): read_count,
    ("CameraApplicationPlatform", "OccupancyEstimator"): read_count,
}
"""The first levels of a topic, at most three -> what reads it."""

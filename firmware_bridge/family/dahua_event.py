"""Events of Dahua cameras and door stations (and of Amcrest and Lorex, which are the same), as observations.

A code and an action: Start and Stop of something that lasts, Pulse of something that does not. `hikvision_dahua` reads
them.
Source: Dahua HTTP API, "Event management"; DahuaVTO2MQTT MQTTEvents.MD.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from appliance.model.observation import (
    Alarm,
    CameraStatus,
    CrowdDensity,
    DeviceHealth,
    Incident,
    Motion,
    ObjectDetection,
    Observation,
    PeopleCount,
    PlateRead,
)
from firmware_bridge.inbound import Context
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of, whole_of

_LABELS: dict[str, str] = {
    "SmartMotionHuman": "person",
    "SmartMotionVehicle": "vehicle",
    "FaceDetection": "face",
    "FaceRecognition": "face",
    "HumanTrait": "person",
    "VehicleDetect": "vehicle",
    "NonMotorDetect": "bicycle",
    "AnimalDetection": "animal",
}
_ALARMS: dict[str, str] = {
    "CrossLineDetection": "line_crossing",
    "CrossFenceDetection": "line_crossing",
    "CrossRegionDetection": "intrusion",
    "LeftDetection": "object_left",
    "TakenAwayDetection": "object_removed",
    "WanderDetection": "loitering",
    "StayDetection": "loitering",
    "RioterDetection": "gathering",
    "ParkingDetection": "parking",
    "FightDetection": "fight",
    "VideoBlind": "tamper",
    "VideoUnFocus": "defocus",
    "SceneChange": "scene_change",
    "VideoAbnormalDetection": "scene_change",
    "AlarmLocal": "digital_input",
    "AlarmNet": "digital_input",
    "ProfileAlarmTransmit": "digital_input",
    "AudioMutation": "sound",
    "AudioAnomaly": "sound",
    "FireDetection": "fire",
    "FireWarning": "fire",
    "SmokeDetection": "smoke",
    "HeatImagingTemper": "temperature_alarm",
    "StorageNotExist": "storage_failure",
    "StorageFailure": "storage_failure",
    "StorageLowSpace": "storage_low",
    "NetAbort": "network_failure",
    "IPConflict": "network_failure",
    "LoginFailure": "login_failure",
    "ChassisIntruded": "tamper",
    "DoorStatus": "contact",
    "Invite": "button",
    "_DoTalkAction_": "button",
    "DoorBell": "button",
    "_DoorBell": "button",
    "AlarmButton": "panic_button",
}
_PRESSES = frozenset(("button", "panic_button"))
_LASTING = frozenset(("start", "stop"))
_ACCESS = ("Method", "Name", "Status", "Type")  # of AccessControl; not who it was, nor the card or the password


class DahuaEvent(msgspec.Struct):
    """One event, whoever forwarded it; `device` as it is filed."""

    device: str
    code: str
    action: str = ""
    index: str = ""
    data: Mapping[str, Any] = {}
    when: datetime | None = None
    model: str = ""
    serial: str = ""
    name: str = ""

    @property
    def active(self) -> bool:
        return self.action.lower() != "stop"

    @property
    def momentary(self) -> bool:
        """A Pulse, or no action at all: it happened, and does not last."""
        return self.action.lower() not in _LASTING

    @property
    def area(self) -> str:
        """The rule or region by name, else the channel or input by number."""
        regions = list_of(self.data.get("RegionName"))
        return text_of(self.data.get("Name")) or (text_of(regions[0]) if regions else "") or self.index


def event_instant(data: Mapping[str, Any], context: Context) -> datetime | None:
    """When an event was: its Unix time, which leads its words for it, `LocaleTime` of no told offset."""
    return read_instant(data.get("UTC"), context.zone) or read_instant(data.get("LocaleTime"), context.zone)


def observe_event(event: DahuaEvent) -> list[Observation]:
    """What an event tells; at least that its device was heard."""
    health = DeviceHealth(
        device=event.device, observed_at=event.when, name=event.name, model=event.model, serial=event.serial
    )
    return [*_news_of(event), health]


def _news_of(event: DahuaEvent) -> Sequence[Observation]:
    read = _READERS.get(event.code)
    if read is not None:
        return read(event)
    return _plate(event) if event.code.startswith("Traffic") else ()  # the device's own housekeeping


def _motion(event: DahuaEvent) -> list[Observation]:
    return [
        Motion(
            device=event.device,
            observed_at=event.when,
            active=event.active,
            area=event.area,
            momentary=event.momentary,
        )
    ]


def _alarm(event: DahuaEvent) -> list[Observation]:
    target = text_of(object_of(event.data.get("Object")).get("ObjectType"))
    name, active = _ALARMS[event.code], event.active
    return [
        Alarm(
            device=event.device,
            observed_at=event.when,
            name=name,
            active=active,
            area=event.area,
            momentary=event.momentary or (active and name in _PRESSES),
            attributes={"target": target} if target else {},
        )
    ]


def _door(event: DahuaEvent) -> list[Observation]:
    """A door's contact: a Pulse, and among its data how the door is now."""
    state = flag_of(event.data.get("Status"))
    if state is None:
        return _alarm(event)
    return [Alarm(device=event.device, observed_at=event.when, name="contact", active=state, area=event.area)]


def _object(event: DahuaEvent) -> list[Observation]:
    label = _LABELS[event.code]
    return (
        [ObjectDetection(device=event.device, observed_at=event.when, label=label, area=event.area)]
        if event.active
        else []
    )


def _picture(event: DahuaEvent) -> list[Observation]:
    reason = "video_loss" if event.active else ""
    return [CameraStatus(device=event.device, observed_at=event.when, working=not event.active, reason=reason)]


def _incident(event: DahuaEvent) -> list[Observation]:
    told = {name.lower(): word for name in _ACCESS if (word := text_of(event.data.get(name)))}
    incident = Incident(device=event.device, observed_at=event.when, event_type=event.code, attributes=told)
    return [incident] if event.active else []


def _plate(event: DahuaEvent) -> list[Observation]:
    data = event.data
    car, seen = object_of(data.get("TrafficCar")), object_of(data.get("Object"))
    plate = text_of(car.get("PlateNumber"))
    if not plate and text_of(seen.get("ObjectType")) == "Plate":
        plate = text_of(seen.get("Text"))
    if not plate or plate.lower() == "unknown":
        return []
    words = (text_of(car.get("VehicleColor")), text_of(car.get("VehicleSign")) or text_of(car.get("CarType")))
    score = number_of(seen.get("Confidence"))  # 0..255, as Dahua counts
    return [
        PlateRead(
            device=event.device,
            observed_at=event.when,
            plate=plate,
            score=score / 255 if score is not None and 0 <= score <= 255 else None,
            region=text_of(car.get("Country")),
            direction=text_of(car.get("DrivingDirection")),
            vehicle=" ".join(word for word in words if word and word != "Unknown"),
        )
    ]


def _count(event: DahuaEvent) -> list[Observation]:
    data = event.data
    return [
        PeopleCount(
            device=event.device,
            observed_at=event.when,
            entered=whole_of(data.get("EnteredTotal", data.get("EnteredSubtotal"))),
            left=whole_of(data.get("ExitedTotal", data.get("ExitedSubtotal"))),
            present=whole_of(data.get("InsideTotal", data.get("InsideSubtotal"))),
            line=event.area,
            cumulative=True,
        )
    ]


def _crowd(event: DahuaEvent) -> list[Observation]:
    data = event.data
    people = number_of(data.get("ManNum", data.get("PeopleNum", data.get("Number"))))
    return [CrowdDensity(device=event.device, observed_at=event.when, people=people, area=event.area)]


_READERS: dict[str, Callable[[DahuaEvent], Sequence[Observation]]] = {
    **dict.fromkeys(("VideoMotion", "VideoMotionInfo", "MDResult", "PIRAlarm"), _motion),
    **dict.fromkeys(_ALARMS, _alarm),
    "DoorStatus": _door,
    **dict.fromkeys(_LABELS, _object),
    **dict.fromkeys(("AccessControl", "CallNoAnswered", "RebootEvent", "FingerPrintCheck", "DoorOpened"), _incident),
    "VideoLoss": _picture,
    "NumberStat": _count,
    "ManNumDetection": _crowd,
    "CrowdDetection": _crowd,
}
"""Code -> what reads it; codes of traffic besides carry a plate."""

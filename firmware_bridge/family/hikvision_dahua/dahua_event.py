"""Events of Dahua cameras and door stations (and of Amcrest and Lorex, which are the same), as observations.

A code and an action: Start and Stop of something that lasts, Pulse of something that does not. `family` reads
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
    EnvironmentReading,
    Incident,
    Motion,
    ObjectDetection,
    Observation,
    PeopleCount,
    PlateRead,
)
from firmware_bridge.inbound import Context, Memory
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of, whole_of

NAME = "hikvision_dahua"
MAX_REGIONS = 64  # of one event

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
    "TumbleDetection": "fall",
    "ClimbDetection": "climbing",
    "MoveDetection": "rapid_motion",
    "ObjectPlacementDetection": "object_left",
    "ObjectRemovalDetection": "object_removed",
    "QueueStayDetection": "loitering",
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
    "HotSpotWarning": "temperature_alarm",
    "ColdSpotWarning": "temperature_alarm",
    "UnFocusDetection": "defocus",
    "NetMonitorAbort": "network_failure",
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
_CROWDS: dict[str, str] = {
    "ManNumDetection": "occupancy_threshold",
    "QueueNumDetection": "occupancy_threshold",
    "CrowdDetection": "gathering",
}
"""Code of an event that also tells how many there are -> what it is."""
_OVER: dict[str, str] = {
    "EnterOver": "passage_threshold",
    "ExitOver": "passage_threshold",
    "InsideOver": "occupancy_threshold",
}
"""Why a counter tells its count -> what it is; else because somebody passed."""
_UNREAD = frozenset(("unknown", "unlicensed", "noplate"))
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
    """When an event was: its Unix time, which leads its words for it, `LocaleTime` of no told offset.

    Traffic cameras count `UTC` from their own midnight: where they do, `RealUTC` stands beside it.
    """
    for name in ("RealUTC", "UTC", "LocaleTime"):
        if (when := read_instant(data.get(name), context.zone)) is not None:
            return when
    return None


def observe_event(event: DahuaEvent) -> list[Observation]:
    """What an event tells; at least that its device was heard."""
    health = DeviceHealth(
        device=event.device, observed_at=event.when, name=event.name, model=event.model, serial=event.serial
    )
    return [*_news_of(event), health]


def observe_lasting(event: DahuaEvent, memory: Memory) -> list[Observation]:
    """The same, of those that begin and end. An end that does not name its rule or region ends all that began."""
    found = observe_event(event)
    first = found[0]
    if event.momentary or not isinstance(first, Motion | Alarm):
        return found
    key = f"begun:{event.device}:{event.code}:{event.index}"
    begun = [area for area in list_of(memory.get(NAME, key)) if area != event.area]
    if event.active:
        memory.put(NAME, key, [*begun[1 - MAX_REGIONS :], event.area])
        return found
    if event.area != event.index or not begun:
        memory.put(NAME, key, begun or None)
        return found
    memory.put(NAME, key, None)
    ended: list[Observation] = [msgspec.structs.replace(first, area=area) for area in begun]
    return [*ended, *found]


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
    name = _ALARMS[event.code]
    words = (
        ("target", text_of(object_of(event.data.get("Object")).get("ObjectType"))),
        ("direction", text_of(event.data.get("Direction"))),  # across a line: LeftToRight; of a region: Enter
    )
    alarm = _alarm_of(event, name, {what: word for what, word in words if word})
    return [alarm, *_temperature(event)] if name == "temperature_alarm" else [alarm]


def _alarm_of(event: DahuaEvent, name: str, attributes: dict[str, Any]) -> Alarm:
    return Alarm(
        device=event.device,
        observed_at=event.when,
        name=name,
        active=event.active,
        area=event.area,
        momentary=event.momentary or (event.active and name in _PRESSES),
        attributes=attributes,
    )


def _talk(event: DahuaEvent) -> list[Observation]:
    """A door station's call: somebody rang only where it invites; hanging up is no press."""
    action = text_of(event.data.get("Action"))
    return _alarm(event) if action in ("", "Invite") else []


def _temperature(event: DahuaEvent) -> list[Observation]:
    value, unit = number_of(event.data.get("TemperatureValue")), text_of(event.data.get("TemperatureUnit"))
    step = _DEGREES.get(unit)
    if value is None or step is None:
        return []
    return [
        EnvironmentReading(
            device=event.device,
            observed_at=event.when,
            metric="temperature",
            value=round((value + step[0]) * step[1], 3),
            unit="Cel",
            channel=event.area,
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
    """A vehicle by its plate, or, where there was none to read, the vehicle."""
    data = event.data
    car, seen = object_of(data.get("TrafficCar")), object_of(data.get("Object"))
    plate = text_of(car.get("PlateNumber"))
    if not plate and text_of(seen.get("ObjectType")) == "Plate":
        plate = text_of(seen.get("Text"))
    if not plate or plate.lower() in _UNREAD:
        return _vehicle(event) if car else []
    sign = text_of(car.get("VehicleSign")) or text_of(car.get("CarType"))
    words = (text_of(car.get("VehicleColor")), sign)
    score = number_of(seen.get("Confidence"))  # 0..255, as Dahua counts
    told = {"lane": car.get("Lane", data.get("Lane")), "speed_kmh": car.get("Speed")}
    return [
        PlateRead(
            device=event.device,
            observed_at=event.when,
            plate=plate,
            score=score / 255 if score is not None and 0 <= score <= 255 else None,
            region=text_of(car.get("Country")),
            direction=_direction(car.get("DrivingDirection")),
            vehicle=" ".join(word for word in words if word and word != "Unknown"),
            attributes={name: number for name, value in told.items() if (number := whole_of(value)) is not None},
        )
    ]


def _vehicle(event: DahuaEvent) -> list[Observation]:
    cycle = text_of(object_of(event.data.get("Vehicle")).get("ObjectType")) == "NonMotor"
    label = "bicycle" if cycle else "vehicle"
    return [ObjectDetection(device=event.device, observed_at=event.when, label=label, area=event.area)]


def _direction(value: object) -> str:
    """`Approach`, alone or before the names of where from and where to."""
    named = list_of(value)
    return text_of(named[0] if named else value)


def _count(event: DahuaEvent) -> list[Observation]:
    """Who passed since the counter was reset, and why it tells: a threshold, or that somebody passed."""
    data = event.data
    count = PeopleCount(
        device=event.device,
        observed_at=event.when,
        entered=_told(data, "EnteredTotal", "EnteredNumber", "EnteredSubtotal"),
        left=_told(data, "ExitedTotal", "ExitedNumber", "ExitedSubtotal"),
        present=_told(data, "InsideTotal", "InsideSubtotal", "Number"),
        line=event.area,
        cumulative=True,
    )
    over = _OVER.get(text_of(data.get("Type")))
    return [count] if over is None else [count, _alarm_of(event, over, {})]


def _told(data: Mapping[str, Any], *names: str) -> int | None:
    """The first of these numbers that is there; a sum may be told by hour, day and in all."""
    for name in names:
        value = data.get(name)
        number = whole_of(object_of(value).get("Total") if type(value) is dict else value)
        if number is not None and number >= 0:
            return number
    return None


def _crowd(event: DahuaEvent) -> list[Observation]:
    """How many there are, where it is told, and that they are too many or too few."""
    data = event.data
    people = _told(data, "ManNum", "PeopleNum", "Number")
    if people is None:
        regions = [_told(object_of(item), "PeopleNum") for item in list_of(data.get("RegionList"))[:MAX_REGIONS]]
        people = sum(number for number in regions if number is not None) if any(regions) else None
    if people is None and list_of(data.get("ManList")):
        people = len(list_of(data.get("ManList")))
    found: list[Observation] = [_alarm_of(event, _CROWDS[event.code], {})]
    if people is not None:
        found.append(CrowdDensity(device=event.device, observed_at=event.when, people=float(people), area=event.area))
    return found


_DEGREES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("", "Centigrade", "Celsius"), (0.0, 1.0)),
    "Fahrenheit": (-32.0, 1 / 1.8),
    "Kelvin": (-273.15, 1.0),
}
"""Unit -> what to add, and then to multiply with, for degrees Celsius."""

_READERS: dict[str, Callable[[DahuaEvent], Sequence[Observation]]] = {
    **dict.fromkeys(("VideoMotion", "VideoMotionInfo", "MDResult", "PIRAlarm"), _motion),
    **dict.fromkeys(_ALARMS, _alarm),
    "DoorStatus": _door,
    **dict.fromkeys(_LABELS, _object),
    **dict.fromkeys(("AccessControl", "CallNoAnswered", "RebootEvent", "FingerPrintCheck", "DoorOpened"), _incident),
    "VideoLoss": _picture,
    "NumberStat": _count,
    "_DoTalkAction_": _talk,
    **dict.fromkeys(_CROWDS, _crowd),
}
"""Code -> what reads it; codes of traffic besides carry a plate."""

CODES = frozenset(_READERS)
"""Those that are told as more than that their device was heard."""

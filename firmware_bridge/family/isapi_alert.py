"""Hikvision's EventNotificationAlert, XML or its JSON form, as observations.

Read by `hikvision_dahua`, and by `lpr` for its number plates. An alert is repeated while it lasts: posts after the
first (`activePostCount`) of an alert that is known are no news. Many cameras never tell that it ended: a first post
long after the last one is another alert. An inactive `videoloss` is the heartbeat of the stream.
Source: Hikvision ISAPI, "Event notification alert".
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import (
    Alarm,
    CameraStatus,
    DeviceHealth,
    EnvironmentReading,
    Incident,
    Motion,
    ObjectDetection,
    Observation,
    PeopleCount,
    PlateRead,
)
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import number_of, object_of, text_of, whole_of
from firmware_bridge.notation.xml_document import local_name, plain_of, read_xml

ROOT = "EventNotificationAlert"
MEMORY = "hikvision_dahua"  # the family whose memory holds the alerts that last

ENDED_S = 60  # an alert is posted each second while it lasts; after this long it is another
REMEMBER_AGAIN_S = 20  # where firmware does not count its posts: how often the last one is written down

_MOTION = frozenset(("vmd", "motion", "motiondetection", "pir", "wlsensor", "duration"))
_ALARMS: dict[str, str] = {
    "linedetection": "line_crossing",
    "fielddetection": "intrusion",
    "regionentrance": "region_entrance",
    "regionexiting": "region_exit",
    "loitering": "loitering",
    "group": "gathering",
    "rapidmove": "rapid_motion",
    "parking": "parking",
    "unattendedbaggage": "object_left",
    "attendedbaggage": "object_removed",
    "shelteralarm": "tamper",
    "tamperdetection": "tamper",
    "videotampering": "tamper",
    "scenechangedetection": "scene_change",
    "io": "digital_input",
    "alarmlocal": "digital_input",
    "audioexception": "sound",
    "audiodetection": "sound",
    "firedetection": "fire",
    "smokedetection": "smoke",
    "smokeandfiredetection": "fire",
    "tma": "temperature_alarm",
    "tmpa": "temperature_alarm",
    "temperature": "temperature_alarm",
    "diskfull": "storage_failure",
    "diskerror": "storage_failure",
    "diskunformat": "storage_failure",
    "hddfull": "storage_failure",
    "nicbroken": "network_failure",
    "ipconflict": "network_failure",
    "illaccess": "illegal_access",
    "doorbell": "button",
}
_LABELS: dict[str, str] = {"facedetection": "face", "humandetection": "person", "vehicledetection": "vehicle"}
_PICTURE: dict[str, str] = {
    "videoloss": "video_loss",
    "defocus": "defocus",
    "defocusdetection": "defocus",
    "videomismatch": "video_mismatch",
    "badvideo": "bad_video",
}
"""eventType in lower case -> what it is."""


class _Alert(msgspec.Struct):
    """What all alerts say."""

    device: str
    via: str
    kind: str
    active: bool
    when: datetime | None
    said: Mapping[str, Any]
    received_at: datetime
    context: Context


def read_alert_xml(text: str) -> Mapping[str, Any]:
    """The alert in a text: XML, also within the parts of a multipart stream.

    raises   Rejected    no alert in it, or XML that cannot be read
    """
    start, end = text.find(f"<{ROOT}"), text.rfind(f"</{ROOT}>")
    if start < 0 or end < start:
        raise Rejected(f"expected XML with {ROOT}")
    head = text[:start]
    root = read_xml(("" if "<!" not in head else head) + text[start : end + len(ROOT) + 3])
    if local_name(root) != ROOT:
        raise Rejected(f"expected XML with {ROOT}")
    return plain_of(root)


def is_alert_text(text: str) -> bool:
    """Whether a text holds an alert, by its first kilobyte."""
    return f"<{ROOT}" in text[:1_024]


def alert_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The alert in a JSON document, which may be wrapped as the XML is."""
    return object_of(document.get(ROOT)) or document


def observe_alert(family: str, said: Mapping[str, Any], inbound: Inbound, context: Context) -> list[Observation]:
    """What an alert tells; `family` is what its device is filed under."""
    kind = text_of(said.get("eventType"))
    if not kind:
        raise Rejected("an alert without eventType", "$.eventType")
    if kind == "duration":  # another that goes on
        kind = _lasting(said) or kind
    device, via = _device_of(family, said, inbound)
    state = text_of(said.get("eventState")).lower()
    alert = _Alert(
        device=device,
        via=via,
        kind=kind.lower(),
        active=state != "inactive",
        when=read_instant(said.get("dateTime"), context.zone),
        said=said,
        received_at=inbound.received_at,
        context=context,
    )
    return [*_news_of(alert), _health(alert)]


def _lasting(said: Mapping[str, Any]) -> str:
    """The first of the events that an alert of their duration is about."""
    one = object_of(said.get("DurationList")).get("Duration", said.get("DurationList"))
    first = one[0] if type(one) is list and one else one
    return text_of(object_of(object_of(first).get("Duration", first)).get("relationEvent"))


def _device_of(family: str, said: Mapping[str, Any], inbound: Inbound) -> tuple[str, str]:
    """The device's name and what it is heard through: a recorder's channels are cameras of their own."""
    extensions = object_of(said.get("Extensions"))
    known = (
        text_of(said.get("macAddress")) or text_of(extensions.get("serialNumber")) or text_of(said.get("deviceSerial"))
    )
    known = known or text_of(said.get("deviceID")) or text_of(said.get("ipAddress")) or sender_of(inbound)
    box = f"{family}/{known}"
    channel = whole_of(said.get("dynChannelID")) or whole_of(said.get("channelID")) or 1
    return (f"{box}/{channel}", box) if channel > 1 else (box, "")


def _health(alert: _Alert) -> DeviceHealth:
    said = alert.said
    return DeviceHealth(
        device=alert.device,
        observed_at=alert.when,
        name=text_of(said.get("channelName")),
        serial=text_of(object_of(said.get("Extensions")).get("serialNumber")),
        address=text_of(said.get("ipAddress")),
        via=alert.via,
    )


def _news_of(alert: _Alert) -> Sequence[Observation]:
    read = _READERS.get(alert.kind)
    if read is not None:
        return read(alert)
    area, target = _region_of(alert.said)
    repeated, again = _course_of(alert, area)
    if repeated:
        return []
    if alert.kind in _MOTION:
        return [Motion(device=alert.device, observed_at=alert.when, active=alert.active, area=area, momentary=again)]
    if alert.kind in _ALARMS:
        return _alarm(alert, area, target, again)
    return _object(alert, area) if alert.active and alert.kind != "heartbeat" else ()


def _alarm(alert: _Alert, area: str, target: str, again: bool) -> list[Observation]:
    alarm = Alarm(
        device=alert.device,
        observed_at=alert.when,
        name=_ALARMS[alert.kind],
        active=alert.active,
        area=area or text_of(alert.said.get("inputIOPortID")),
        momentary=again or (alert.active and alert.kind == "doorbell"),
        attributes={"target": target} if target else {},
    )
    return [alarm, *_temperatures(alert)] if alarm.name == "temperature_alarm" else [alarm]


def _object(alert: _Alert, area: str) -> list[Observation]:
    """Something seen, or something of a type that has no name here: its own."""
    label = _LABELS.get(alert.kind)
    if label is not None:
        return [ObjectDetection(device=alert.device, observed_at=alert.when, label=label, area=area)]
    return [Incident(device=alert.device, observed_at=alert.when, event_type=text_of(alert.said["eventType"]))]


def _picture(alert: _Alert) -> list[Observation]:
    reason = _PICTURE[alert.kind] if alert.active else ""
    return [CameraStatus(device=alert.device, observed_at=alert.when, working=not alert.active, reason=reason)]


def _region_of(said: Mapping[str, Any]) -> tuple[str, str]:
    """The first region's id, and what was detected in it."""
    entry: Any = object_of(said.get("DetectionRegionList")).get("DetectionRegionEntry", said.get("DetectionRegionList"))
    if type(entry) is list:
        entry = entry[0] if entry else None
    entry = object_of(object_of(entry).get("DetectionRegionEntry", entry))
    target = text_of(entry.get("detectionTarget")) or text_of(said.get("detectionTarget"))
    return text_of(entry.get("regionID")), target


def _course_of(alert: _Alert, area: str) -> tuple[bool, bool]:
    """(a further post of a known alert, the first of another one although the end of the last was not told).

    Remembers, from its first post to its end, when it was last posted as if it were the first.
    """
    key = f"alert:{alert.device}:{alert.kind}:{area}"
    memory = alert.context.memory
    last = number_of(memory.get(MEMORY, key))
    if not alert.active:
        memory.put(MEMORY, key, None)
        return False, False
    if last is not None and (whole_of(alert.said.get("activePostCount")) or 0) > 1:
        return True, False
    now = (alert.when or alert.received_at).timestamp()
    if last is None or abs(now - last) >= REMEMBER_AGAIN_S:
        memory.put(MEMORY, key, now)
    return False, last is not None and abs(now - last) >= ENDED_S


def _plate(alert: _Alert) -> list[Observation]:
    read = object_of(alert.said.get("ANPR")) or alert.said
    plate = text_of(read.get("licensePlate")) or text_of(read.get("originalLicensePlate"))
    if not plate or plate.lower() in ("unknown", "noplate", "no plate"):
        return []
    longitude, latitude = _place_of(object_of(alert.said.get("DeviceGPSInfo")))
    confidence = number_of(read.get("confidenceLevel"))
    info = object_of(read.get("vehicleInfo"))
    words = (text_of(info.get("color")), text_of(read.get("vehicleType")))
    region = text_of(alert.said.get("countryAbbreviation"))
    return [
        PlateRead(
            device=alert.device,
            observed_at=alert.when,
            observation_id=text_of(alert.said.get("UUID")),
            longitude=longitude,
            latitude=latitude,
            plate=plate,
            score=confidence / 100 if confidence is not None and 0 <= confidence <= 100 else None,
            region="" if region == "NON" else region,
            direction=_said(text_of(read.get("direction"))),
            vehicle=" ".join(word for word in words if _said(word)),
            attributes={"lane": lane} if (lane := text_of(read.get("line"))) else {},
        )
    ]


def _said(word: str) -> str:
    return "" if word.lower() in ("unknown", "unknow", "other") else word


def _place_of(place: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Longitude and latitude from degrees, minutes and seconds; both None where one is missing or both are nought."""
    found = []
    for name, sign in (("Longitude", "W"), ("Latitude", "S")):
        angle = object_of(place.get(name))
        parts = [number_of(angle.get(part)) for part in ("degree", "minute", "sec")]
        if parts[0] is None:
            return None, None
        value = parts[0] + (parts[1] or 0.0) / 60 + (parts[2] or 0.0) / 3600
        found.append(-value if text_of(place.get(f"{name.lower()}Type")).upper() == sign else value)
    longitude, latitude = found
    inside = -180 <= longitude <= 180 and -90 <= latitude <= 90 and (longitude or latitude)
    return (longitude, latitude) if inside else (None, None)


def _people(alert: _Alert) -> list[Observation]:
    counted = object_of(alert.said.get("peopleCounting", alert.said.get("PeopleCounting")))
    span = object_of(counted.get("TimeRange", counted.get("timeRange")))
    since = read_instant(span.get("startTime"), alert.context.zone)
    return [
        PeopleCount(
            device=alert.device,
            observed_at=read_instant(span.get("endTime"), alert.context.zone) or alert.when,
            entered=whole_of(counted.get("enter")),
            left=whole_of(counted.get("exit")),
            line=text_of(counted.get("regionID")),
            since=since,
            cumulative=since is None,
        )
    ]


def _temperatures(alert: _Alert) -> list[Observation]:
    read = object_of(alert.said.get("TMA", alert.said.get("TMPA"))) or alert.said
    value = number_of(read.get("currTemperature"))
    unit = text_of(read.get("thermometryUnit")).lower()
    if value is None or unit not in ("", "celsius", "fahrenheit"):
        return []
    if unit == "fahrenheit":
        value = (value - 32) / 1.8
    return [
        EnvironmentReading(
            device=alert.device,
            observed_at=alert.when,
            metric="temperature",
            value=value,
            unit="Cel",
            channel="thermal",
        )
    ]


_READERS: dict[str, Callable[[_Alert], Sequence[Observation]]] = {
    "anpr": _plate,
    "vehiclematchresult": _plate,
    "peoplecounting": _people,
    **dict.fromkeys(_PICTURE, _picture),
}
"""eventType in lower case -> what reads it; the others are alerts that begin and end."""

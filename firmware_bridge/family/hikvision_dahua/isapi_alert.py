"""Hikvision's EventNotificationAlert, XML or its JSON form, as observations.

Read by `family`, and by `lpr.family` for its number plates. An alert is repeated while it lasts: posts after the
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
    Incident,
    Motion,
    ObjectDetection,
    Observation,
    PlateRead,
)
from firmware_bridge.family.hikvision_dahua.isapi_measured import (
    Measured,
    read_crowd,
    read_people,
    read_targets,
    read_temperatures,
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
    **dict.fromkeys(("shelteralarm", "tamperdetection", "videotampering"), "tamper"),
    "scenechangedetection": "scene_change",
    "io": "digital_input",
    "alarmlocal": "digital_input",
    **dict.fromkeys(("audioexception", "audiodetection"), "sound"),
    "firedetection": "fire",
    "smokedetection": "smoke",
    "smokeandfiredetection": "fire",
    **dict.fromkeys(("tma", "tmpa", "temperature"), "temperature_alarm"),
    **dict.fromkeys(
        ("diskfull", "diskerror", "diskunformat", "hddfull", "raidfailure", "hdbadblock"), "storage_failure"
    ),
    **dict.fromkeys(("nicbroken", "ipconflict"), "network_failure"),
    **dict.fromkeys(("fanfailure", "overheat"), "problem"),
    **dict.fromkeys(("recordingfailure", "recordexception"), "recording_failure"),
    "poepowerexception": "power_failure",
    "illaccess": "illegal_access",
    "doorbell": "button",
    "running": "rapid_motion",
    "violentmotion": "fight",
    "faildown": "fall",
    "retention": "loitering",
}
_LABELS: dict[str, str] = {
    "facedetection": "face",
    "facecapture": "face",
    "humandetection": "person",
    "vehicledetection": "vehicle",
}
_LABELLED, _MIXED = frozenset(("mixedtargetdetection",)), {"human": "person"}
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
    """The alert in a JSON document, which may be wrapped as the XML is, or in a flow's message of it."""
    alert = object_of(document.get("alarm"))
    return object_of(document.get(ROOT)) or (alert if "eventType" in alert else document)


def metadata_alert(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The alert that a message of metadata amounts to: a count, outside of any alarm."""
    told = object_of(document.get("Metadata"))
    situation, device = object_of(told.get("Situation")), object_of(told.get("DevInfo"))
    return {
        "eventType": told.get("subType"),
        "dateTime": told.get("time"),
        "macAddress": device.get("macAddress"),
        "ipAddress": device.get("ipAddress"),
        "channelID": device.get("channel"),
        "FramesPeopleCounting": situation,
        "peopleCounting": {
            "enter": situation.get("enterRegionPeopleNum"),
            "exit": situation.get("leaveRegionPeopleNum"),
        },
    }


def observe_alert(family: str, said: Mapping[str, Any], inbound: Inbound, context: Context) -> list[Observation]:
    """What an alert tells; `family` is what its device is filed under."""
    kind = text_of(said.get("eventType")) or ("AccessControllerEvent" if "AccessControllerEvent" in said else "")
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
        told = {"target": target} if target else {}
        return [
            Motion(
                device=alert.device,
                observed_at=alert.when,
                active=alert.active,
                area=area,
                momentary=again,
                attributes=told,
            )
        ]
    if alert.kind in _ALARMS:
        return _alarm(alert, area, target, again)
    return _object(alert, area, target) if alert.active and alert.kind != "heartbeat" else ()


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
    return [alarm, *read_temperatures(_measured(alert))] if alarm.name == "temperature_alarm" else [alarm]


def _object(alert: _Alert, area: str, target: str) -> list[Observation]:
    """Something seen, or something of a type that has no name here: its own, with what was measured."""
    label = _LABELS.get(alert.kind) or (_MIXED.get(target, target) if alert.kind in _LABELLED else "")
    if label:
        return [ObjectDetection(device=alert.device, observed_at=alert.when, label=label, area=area)]
    told = {name: word for name, word in (("area", area), ("target", target)) if word}
    kind = text_of(alert.said.get("eventType")) or alert.kind
    incident = Incident(device=alert.device, observed_at=alert.when, event_type=kind, attributes=told)
    return [incident, *read_temperatures(_measured(alert))]


def _picture(alert: _Alert) -> list[Observation]:
    reason = _PICTURE[alert.kind] if alert.active else ""
    return [CameraStatus(device=alert.device, observed_at=alert.when, working=not alert.active, reason=reason)]


def _region_of(said: Mapping[str, Any]) -> tuple[str, str]:
    """The first region's id, and what was detected in it."""
    entry: Any = object_of(said.get("DetectionRegionList")).get("DetectionRegionEntry", said.get("DetectionRegionList"))
    if type(entry) is list:
        entry = entry[0] if entry else None
    entry = object_of(object_of(entry).get("DetectionRegionEntry", entry))
    named = (entry.get("detectionTarget"), said.get("detectionTarget"), said.get("targetType"))
    return text_of(entry.get("regionID")), next(filter(None, map(text_of, named)), "")


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


def _measured(alert: _Alert) -> Measured:
    return Measured(alert.device, alert.when, alert.said, alert.context.zone)


def _counts(alert: _Alert) -> Sequence[Observation]:
    return read_targets(_measured(alert)) if "CountingList" in alert.said else read_people(_measured(alert))


def _crowd(alert: _Alert) -> Sequence[Observation]:
    """How many there are; an alarm that is posted anew each second is one while it lasts."""
    found: list[Observation] = []
    for item in read_crowd(_measured(alert)):
        if not isinstance(item, Alarm):
            found.append(item)
            continue
        repeated, again = _course_of(alert, item.area)
        if not repeated:
            found.append(msgspec.structs.replace(item, momentary=again))
    return found


def _intruder_panel(alert: _Alert) -> Sequence[Observation]:
    """An alarm panel's report by its Contact ID: what it is by the first digits of the code, 1 new and 3 over."""
    told = object_of(alert.said.get("CIDEvent"))
    standard = text_of(told.get("standardCIDcode"))
    code = standard or text_of(told.get("code"))
    zone_alarm = "intrusion" if text_of(told.get("type")) == "zoneAlarm" else ""
    name, active = _CONTACT_ID.get(standard[1:3], zone_alarm), not code.startswith("3")
    when = read_instant(told.get("trigger"), alert.context.zone) or alert.when
    if name and code[:1] in ("1", "3"):
        area = text_of(told.get("zone"))
        return [Alarm(device=alert.device, observed_at=when, name=name, active=active, area=area)]
    attributes = {name: word for name in ("type", "zone") if (word := text_of(told.get(name)))}
    told_code = {"code": code} if code else {}
    return [
        Incident(device=alert.device, observed_at=when, event_type="cidEvent", attributes={**told_code, **attributes})
    ]


def _access(alert: _Alert) -> Sequence[Observation]:
    """A door's controller, by the numbers of what happened; not who it was, nor the card."""
    told = object_of(alert.said.get("AccessControllerEvent"))
    attributes = {name: word for name in _ACCESS if (word := text_of(told.get(name)))}
    return [
        Incident(device=alert.device, observed_at=alert.when, event_type="AccessControllerEvent", attributes=attributes)
    ]


_ACCESS = ("majorEventType", "subEventType", "doorNo", "cardReaderNo", "currentVerifyMode", "attendanceStatus")
_CONTACT_ID = {"10": "medical", "11": "fire", "12": "panic_button", "13": "intrusion", "14": "tamper"}
_READERS: dict[str, Callable[[_Alert], Sequence[Observation]]] = {
    "anpr": _plate,
    "vehiclematchresult": _plate,
    **dict.fromkeys(("peoplecounting", "regiontargetnumbercounting"), _counts),
    **dict.fromkeys(
        ("persondensitydetection", "framespeoplecounting", "personqueuecounting", "personqueuetime"), _crowd
    ),
    "cidevent": _intruder_panel,
    "accesscontrollerevent": _access,
    **dict.fromkeys(_PICTURE, _picture),
}
"""eventType in lower case -> what reads it; the others are alerts that begin and end."""

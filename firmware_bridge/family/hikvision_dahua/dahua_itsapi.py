"""Dahua's traffic cameras as they push to a server of the site's choosing: ITSAPI. Part of `hikvision_dahua`.

A vehicle with its plate (`NotificationInfo/TollgateInfo`), that the camera is there (`KeepAlive`), and what it is
(`DeviceInfo`). Times are the camera's own, in the zone it names by number.
Source: Dahua ITSAPI, "Upload tollgate information", "Keep alive"; Dahua HTTP API, "TimeZone".
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from appliance.model.observation import DeviceHealth, ObjectDetection, Observation, PlateRead
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Handler, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, object_of, text_of, whole_of

NAME = "hikvision_dahua"

_UNREAD = frozenset(("unknown", "unlicensed", "noplate"))
_NO_WORDS = frozenset(("", "unknown", "unknow", "normal"))
_ZONES = (
    0, 60, 120, 180, 210, 240, 270, 300, 330, 345, 360, 390, 420, 480, 540, 570, 600, 660, 720, 780,
    -60, -120, -180, -210, -240, -300, -360, -420, -480, -540, -600, -660, -720,
)  # fmt: skip
"""`TimeZone` -> minutes east of Greenwich."""


def recognise_itsapi(document: Mapping[str, Any]) -> Handler | None:
    """A vehicle by its pictures and what they show, the other messages by their device's number."""
    picture = object_of(document.get("Picture"))
    if type(picture.get("SnapInfo")) is dict or type(picture.get("Plate")) is dict:
        return _on_vehicle
    alive = text_of(document.get("Active")).lower() == "keepalive"
    return _on_alive if (alive and "DeviceID" in document) or _is_device(document) else None


def _is_device(document: Mapping[str, Any]) -> bool:
    return "DeviceID" in object_of(document.get("Device")) and len(document) == 1


def _on_vehicle(inbound: Inbound, context: Context) -> list[Observation]:
    """A vehicle that passed: by its plate, or, where there was none to read, as a vehicle."""
    picture = object_of(inbound.document["Picture"])
    plate, snap, car = (object_of(picture.get(name)) for name in ("Plate", "SnapInfo", "Vehicle"))
    device = f"{NAME}/{text_of(snap.get('DeviceID')) or sender_of(inbound)}"
    when = _when(snap, context.zone)
    health = DeviceHealth(device=device, observed_at=when)
    number, lane = text_of(plate.get("PlateNumber")), whole_of(snap.get("LanNo"))
    told: dict[str, Any] = {} if lane is None else {"lane": lane}
    if not number or number.lower() in _UNREAD or flag_of(plate.get("IsExist")) is False:
        return [ObjectDetection(device=device, observed_at=when, label="vehicle", attributes=told), health]
    words = (text_of(car.get("VehicleColor")), text_of(car.get("VehicleSign")), text_of(car.get("VehicleSeries")))
    read = PlateRead(
        device=device,
        observed_at=when,
        plate=number,
        region=text_of(plate.get("Region")),
        direction=text_of(snap.get("Direction")),
        vehicle=" ".join(word for word in words if word.lower() not in _NO_WORDS),
        attributes=told,
    )
    return [read, health]


def _when(snap: Mapping[str, Any], zone: tzinfo) -> datetime | None:
    number = whole_of(snap.get("TimeZone"))
    if number is not None and 0 <= number < len(_ZONES):
        summer = 60 if flag_of(snap.get("DayLightSavingTime")) is True else 0
        zone = timezone(timedelta(minutes=_ZONES[number] + summer))
    return read_instant(snap.get("AccurateTime"), zone) or read_instant(snap.get("SnapTime"), zone)


def _on_alive(inbound: Inbound, _context: Context) -> list[Observation]:
    """That a camera is there, and, when it registers, what it is."""
    facts = object_of(inbound.document.get("Device")) or inbound.document
    name = text_of(facts.get("DeviceID"))
    return [
        DeviceHealth(
            device=f"{NAME}/{name or sender_of(inbound)}",
            name=text_of(facts.get("DeviceName")),
            model=text_of(facts.get("DeviceModel")),
            manufacturer=text_of(facts.get("Manufacturer")),
            firmware=text_of(facts.get("FirmwareVersion")),
            address=text_of(facts.get("IPAddress")),
        )
    ]

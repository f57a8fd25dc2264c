"""One plate in a plain object: as Blue Iris, Verkada and Axis' publisher tell it, and those who write their own.

It names the plate, and the camera or the time. Plate-Minder has a topic for each thing besides. Here too is what Plate
Recognizer reads that is no plate (containers, USDOT numbers) and what its VisionAlert says of cameras. Called by
`family`. Source: ALPR Database, "Blue Iris"; Verkada, "LPR webhook"; pandosme/acaps, "Publisher"; LILIN;
sclaflin/Plate-Minder; guides.platerecognizer.com, "Shipping Container", "USDOT", "VisionAlert".
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from appliance.model.observation import Alarm, CameraStatus, DeviceHealth, ObjectDetection, Observation, PlateRead
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of

NAME = "lpr"

MAX_PLATES = 200  # of one message
_WELL = frozenset(("", "online", "normal", "none", "resolved"))
_PLATES = tuple("plate_number plateNumber license_plate licensePlate license_plate_number plate_text".split())
_CAMERAS = tuple("camera_id cameraId camera camera_name cameraName device device_id deviceId serial".split())
_TIMES = tuple("timestamp detected captured_at capturedAt created time datetime ts localTime".split())
_SCORES = ("confidence", "score", "plate_confidence")
_REGIONS = ("region", "license_plate_state", "country")  # `state` may be that of the camera
_UNREAD = frozenset(("unknown", "none", "no plate", "noplate", "null"))
_PLATE = re.compile(r"(?=.*\d)[\w\- ·]{2,16}")
"""What may stand in a member called no more than `plate`, which may be of a cooker too."""


def is_plain(document: Mapping[str, Any]) -> bool:
    """Whether it names a plate, and with it a camera or a time."""
    said = _said(document)
    named = any(type(said.get(name)) is str for name in _PLATES) or _bare_plate(said) != ""
    return named and not said.keys().isdisjoint((*_CAMERAS, *_TIMES))


def read_plain(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """The plate, where one was read; at least that its camera was heard."""
    said = _said(inbound.document)
    device = f"{NAME}/{_first(said, _CAMERAS) or sender_of(inbound)}"
    when = next((at for name in _TIMES if (at := read_instant(said.get(name), context.zone))), None)
    health = DeviceHealth(device=device, observed_at=when, name=text_of(said.get("name")))
    plate = _first(said, _PLATES) or _bare_plate(said)
    if not plate or plate.lower() in _UNREAD:
        return [health]
    score = next((number for name in _SCORES if (number := number_of(said.get(name))) is not None), None)
    if score is not None and score > 1:
        score /= 100
    read = PlateRead(
        device=device,
        observed_at=when,
        plate=plate,
        score=score if score is not None and 0 <= score <= 1 else None,
        region=_first(said, _REGIONS),
        direction=text_of(said.get("direction")),
    )
    return [read, health]


def _said(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object that says it; Verkada wraps it."""
    return object_of(document.get("data")) if document.get("webhook_type") == "lpr" else document


def _bare_plate(said: Mapping[str, Any]) -> str:
    plate = said.get("plate")
    return text_of(plate) if type(plate) is str and _PLATE.fullmatch(plate) else ""


def _first(said: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((text for name in names if (text := text_of(said.get(name)))), "")


def read_texts(item: Mapping[str, Any], device: str, when: datetime | None) -> ObjectDetection | None:
    """A text that stands on something: a container's codes, a carrier's number. What it is, its label says."""
    texts = list_of(item.get("texts"))
    best = object_of(texts[0]) if texts else {}
    text, score = text_of(best.get("value")), number_of(best.get("score"))
    label = text_of(item.get("label")) or text_of(object_of(item.get("object")).get("label"))
    seen = ObjectDetection(
        device=device,
        observed_at=when,
        label=label.lower() or "text",
        score=score if score is not None and 0 <= score <= 1 else None,
        attributes={"text": text},
    )
    return seen if text else None


def by_list(document: Mapping[str, Any]) -> Handler | None:
    """VisionAlert by the anomalies of cameras, LILIN by its list of plates."""
    cameras, plates = list_of(document.get("cameras")), list_of(document.get("INFORMATION"))
    if "license" in document and cameras and "anomaly" in object_of(cameras[0]):
        return _on_vision
    return _on_lilin if "LPR_COUNT" in document and all(type(one) is dict for one in plates) else None


def _on_vision(inbound: Inbound, _context: Context) -> list[Observation]:
    """What is the matter with cameras: that they are offline, or that their view is not what it was."""
    found: list[Observation] = []
    for item in list_of(inbound.document.get("cameras"))[:MAX_PLATES]:
        camera = object_of(item)
        name, anomaly = text_of(camera.get("name")), text_of(camera.get("anomaly"))
        device = f"{NAME}/{text_of(camera.get('serial')) or name or sender_of(inbound)}"
        word = anomaly.lower()
        if word in _WELL or word == "offline":
            found.append(CameraStatus(device=device, working=word != "offline", reason=word))
        else:
            found.append(
                Alarm(device=device, name="tamper", active=True, momentary=True, attributes={"state": anomaly})
            )
        found.append(DeviceHealth(device=device, name=name))
    return found


def _on_lilin(inbound: Inbound, context: Context) -> list[Observation]:
    """The plates of one picture; their time is in microseconds, what it calls their threshold is their score."""
    device = f"{NAME}/{sender_of(inbound)}"
    found: list[Observation] = []
    for item in list_of(inbound.document.get("INFORMATION"))[:MAX_PLATES]:
        plate, score = text_of(item.get("LPR")), number_of(item.get("THRESHOLD"))
        if plate:
            found.append(
                PlateRead(
                    device=device,
                    observed_at=read_instant(item.get("TS"), context.zone),
                    plate=plate,
                    score=score if score is not None and 0 <= score <= 1 else None,
                    region=text_of(item.get("COUNTRY")),
                )
            )
    return [*found, DeviceHealth(device=device)]


def _on_available(inbound: Inbound, _context: Context) -> list[Observation]:
    """Plate-Minder's birth and last will."""
    online = flag_of(inbound.document)
    state: Literal["online", "offline"] | None = None if online is None else "online" if online else "offline"
    return [DeviceHealth(device=f"{NAME}/plate-minder", state=state)]


def _on_part(inbound: Inbound, _context: Context) -> list[Observation]:
    """A picture, a plate or a time alone: `detect` tells them together, so that the plate is kept from view."""
    return [DeviceHealth(device=f"{NAME}/{sender_of(inbound)}", via=f"{NAME}/plate-minder")]


PARTS: tuple[Route, ...] = (
    Route(template="plate-minder/available", handle=_on_available, form="text"),
    Route(template="plate-minder/{device}/{leaf}", handle=_on_part, form="bytes"),
)

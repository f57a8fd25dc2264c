"""What Axis cameras say of the objects they see: AXIS Scene Metadata, frame by frame and by track, and DetectX.

A frame tells what is there now, and nothing where there is nothing. A head, a face or a plate has a track of its own
beside the human or vehicle it belongs to: it is left out, so that one object is one. Part of `onvif_axis`.
Source: developer.axis.com, "AXIS Scene Metadata" (Frame, ObjectTrack, Classification types) and Message Broker,
"Standard Topics"; pandosme/DetectX.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import CrowdDensity, DeviceHealth, ObjectDetection, Observation
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Handler, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of

NAME = "onvif_axis"
MAX_OBSERVATIONS = 1_000
MAX_ITEMS = 64

_PARTS = frozenset(("head", "face", "licenseplate"))  # of an object that has a track itself
_SERIAL = re.compile(r"[0-9A-Fa-f]{12}", re.ASCII)
_FRAME = frozenset(("channel_id", "timestamp", "detections", "track_events"))


def serial_of(said: object, inbound: Inbound) -> str:
    """A camera's serial number: as it says, else the level of the topic that is one, else its sender."""
    named = text_of(said) or inbound.parts.get("serial", "")
    return named or next(filter(_SERIAL.fullmatch, inbound.topic.split("/")), "") or sender_of(inbound)


def recognise_scene(document: Mapping[str, Any]) -> Handler | None:
    """A frame or a track by its members, DetectX by its labels."""
    detections, frame = document.get("detections"), document.get("frame")
    if type(frame) is dict:
        nothing = "timestamp" in frame and frame.keys() <= {"timestamp", "operations"}
        return _on_frame if nothing or type(frame.get("observations")) is list else None
    if type(detections) is list:
        first = object_of(detections[0]) if detections else document
        if "label" in first and "c" in first:
            return on_detectx
        camera = "channel_id" in document or (not detections and "timestamp" in document and "serial" not in document)
        return _on_frame if camera else (on_detectx if "serial" in document else None)
    if "channel_id" in document and "timestamp" in document:
        nothing = document.keys() <= _FRAME  # a scene of nothing new has no detections at all
        return _on_frame if nothing or "object_track_id" in document else None
    if "consolidated" in document or ("start_time" in document and "classes" in document and "id" in document):
        return _on_track
    return on_detectx if "state" in document and "label" in document and "timestamp" in document else None


def detected(device: str, number: str, label: str, score: float | None, when: datetime | None) -> ObjectDetection:
    """One object in one frame; its number is its own for a day, as cameras count anew when they start."""
    known = bool(number) and when is not None
    return ObjectDetection(
        device=device,
        observed_at=when,
        observation_id=f"{number}.{when:%Y%m%d}" if known else "",
        label=label.lower(),
        score=score if score is not None and 0 <= score <= 1 else None,
        phase="update" if known else "",
        rev=round(when.timestamp() * 1_000) if known and when is not None else 0,
    )


def _on_frame(inbound: Inbound, context: Context) -> list[Observation]:
    """A frame of AXIS Scene Metadata: the objects tracked in it."""
    document = inbound.document
    frame = object_of(document.get("frame")) or document
    device = _scene_device(document, inbound)
    when = read_instant(frame.get("timestamp"), context.zone)
    found: list[Observation] = []
    for item in list_of(frame.get("observations", frame.get("detections")))[: MAX_OBSERVATIONS - 1]:
        seen = object_of(item)
        label, score = _class_of(seen)
        if label and label.lower() not in _PARTS:
            number = seen.get("track_id", seen.get("object_track_id", seen.get("id")))
            found.append(detected(device, text_of(number), label, score, when))
    return [*found, DeviceHealth(device=device, observed_at=when)]


def _on_track(inbound: Inbound, context: Context) -> list[Observation]:
    """An object's whole track, told when it has left the scene."""
    document = object_of(inbound.document.get("consolidated")) or inbound.document
    device = _scene_device(inbound.document, inbound)
    start = read_instant(document.get("start_time"), context.zone)
    end = read_instant(document.get("end_time"), context.zone)
    label, score = _class_of(document)
    if not label or label.lower() in _PARTS or start is None:
        return [DeviceHealth(device=device, observed_at=end)]
    speed = number_of(document.get("maximum_speed", document.get("max_speed")))
    return [
        ObjectDetection(
            device=device,
            observed_at=start,
            observation_id=f"{text_of(document.get('id'))}.{start:%Y%m%d}",
            label=label.lower(),
            score=score,
            phase="end" if end is not None else "update",
            rev=round((end or start).timestamp() * 1_000) + 1,  # after the last frame
            ended_at=end,
            attributes={} if speed is None else {"maximum_speed_mps": speed},
        ),
        DeviceHealth(device=device, observed_at=end),
    ]


def _scene_device(document: Mapping[str, Any], inbound: Inbound) -> str:
    said = text_of(document.get("serial")) or text_of(object_of(document.get("source")).get("serial"))
    return f"{NAME}/{serial_of(said, inbound)}"


def _class_of(seen: Mapping[str, Any]) -> tuple[str, float | None]:
    """The likeliest class and its score."""
    classes = list_of(seen.get("classes")) or [seen.get("class")]
    best = max((object_of(one) for one in classes[:16]), key=lambda one: number_of(one.get("score")) or 0.0)
    score = number_of(best.get("score"))
    return text_of(best.get("type")), score if score is not None and 0 <= score <= 1 else None


def on_detectx(inbound: Inbound, context: Context) -> list[Observation]:
    """DetectX: detections of a frame, the state of a label, how many of each are there, or that it connected."""
    document = inbound.document
    if type(document) is not dict:
        raise Rejected("expected a JSON object")
    device = f"{NAME}/{serial_of(document.get('serial'), inbound)}"
    online = flag_of(document.get("connected"))
    health = DeviceHealth(
        device=device,
        state=None if online is None else ("online" if online else "offline"),
        name=text_of(document.get("name")),
        model=text_of(document.get("model")),
        address=text_of(document.get("address")),
    )
    seen = [object_of(item) for item in list_of(document.get("detections"))[: MAX_OBSERVATIONS - 1]]
    if flag_of(document.get("state")) is True and "label" in document:
        seen = [document]
    found: list[Observation] = []
    for item in seen:
        label, confidence = text_of(item.get("label")), number_of(item.get("c"))
        if label:
            found.append(
                ObjectDetection(
                    device=device,
                    observed_at=read_instant(item.get("timestamp"), context.zone),
                    label=label,
                    score=confidence / 100 if confidence is not None and 0 <= confidence <= 100 else None,
                    area=text_of(document.get("location")),
                )
            )
    when = read_instant(document.get("timestamp"), context.zone)
    for label, count in list(object_of(document.get("occupancy")).items())[:MAX_ITEMS]:
        number = number_of(count)
        if number is not None and label in ("person", "human", "people"):
            found.append(CrowdDensity(device=device, observed_at=when, people=number))
    return [*found, health]

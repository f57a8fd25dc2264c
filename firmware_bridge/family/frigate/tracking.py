"""What Frigate tracks: objects, reviews, what was found out about them besides, triggers.

A tracked object is one incident from `new` to `end`, known by Frigate's own id, as its plate is. Called by `family`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, Incident, ObjectDetection, Observation, Phase, PlateRead
from firmware_bridge.inbound import Context, Inbound
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of
from firmware_bridge.notation.metrics import snake_case

SERVER = "frigate/server"
MAX_ZONES = 20  # of one object in its attributes

_PHASES: dict[object, Phase] = {"new": "new", "update": "update", "end": "end"}
_REVIEW_STAGE = {"new": 0, "update": 0, "end": 1, "genai": 2}
_SEVERITY = {"alert": 1.0, "detection": 0.5}
_VEHICLES = frozenset(("car", "truck", "bus", "motorcycle", "van", "vehicle", "license_plate", "school_bus", "trailer"))
_LATEST_S = 1e11  # beyond it a number is no Unix time in seconds


def read_event(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`events`: what is tracked, as it is now (`after`)."""
    phase, after, camera, object_id = _tracked(inbound)
    if after.get("false_positive") is True:
        return [heard(camera, inbound)]
    start, zone = after.get("start_time"), context.zone
    frame, end = number_of(after.get("frame_time")), number_of(after.get("end_time"))
    label, plate = text_of(after.get("label")) or "object", after.get("recognized_license_plate")
    rev = _rev(frame, end) + (phase == "end")
    found: list[Observation] = [
        ObjectDetection(
            device="frigate/" + camera,
            observed_at=read_instant(start, zone),
            observation_id=object_id,
            label=label,
            score=_share(after.get("top_score")) or _share(after.get("score")),
            area=_area(after),
            phase=phase,
            rev=rev,
            ended_at=read_instant(end, zone) if end else None,
            attributes=_event_attributes(after, label, context, camera),
        )
    ]
    if plate:
        found += _plate_of_event(after, plate, phase, context, rev)
    return found


def read_review(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`reviews`: a stretch of activity of one camera, graded `detection` or `alert`."""
    _, after, camera, review_id = _tracked(inbound)
    data = object_of(after.get("data"))
    severity = text_of(after.get("severity")) or "detection"
    lists = {name: list_of(data.get(name)) for name in ("objects", "zones", "audio", "sub_labels", "detections")}
    kind = inbound.document.get("type")
    # It carries no time of its own; what it gathers only grows, and it ends once.
    stage = _REVIEW_STAGE.get(kind, 0) if type(kind) is str else 0
    grown = sum(map(len, lists.values())) + (severity == "alert")
    attributes: dict[str, Any] = {
        name: texts
        for name in ("objects", "zones", "audio")
        if (texts := [text for text in map(text_of, lists[name][:MAX_ZONES]) if text])
    }
    attributes["items"] = len(lists["detections"])
    threat = object_of(data.get("metadata")).get("potential_threat_level")
    if type(threat) is int and 0 <= threat <= 10:
        attributes["threat_level"] = threat  # as a language model sees it
    if end := read_instant(after.get("end_time"), context.zone):
        attributes["ended_at"] = end.isoformat()
    return [
        Incident(
            device="frigate/" + camera,
            observed_at=read_instant(after.get("start_time"), context.zone),
            observation_id=review_id,
            event_type="review_" + snake_case(severity),
            severity=_SEVERITY.get(severity),
            rev=stage * 1_000_000 + min(grown, 999_999),
            attributes=attributes,
        )
    ]


def read_update(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """What was found out about a tracked object besides: a plate, a face, a class, a description."""
    document = object_in(inbound)
    object_id, kind, camera = (text_of(document.get(name)) for name in ("id", "type", "camera"))
    if not kind:
        raise Rejected("an update needs its type: description, face, lpr or classification", "$.type")
    device = "frigate/" + camera if camera else server_of(inbound)
    stamp = document.get("timestamp")
    observed_at, rev = read_instant(stamp, context.zone), _rev(number_of(stamp), None)
    score = _share(document.get("score"))
    if kind == "lpr":
        plate = text_of(document.get("plate"))
        if not plate:
            return [heard(camera, inbound)]
        return [
            PlateRead(
                device=device, observed_at=observed_at, observation_id=object_id, plate=plate, score=score, rev=rev
            )
        ]
    found, attributes = kind, dict[str, Any](object=object_id)
    if kind == "classification":
        model = text_of(document.get("model"))
        found = f"{kind}.{model}"
        attributes |= {
            "model": model,
            "class": text_of(document.get("sub_label")) or text_of(document.get("attribute")),
        }
    elif kind == "face":
        if name := text_of(document.get("name")):  # null: a face, and nobody's that is known
            attributes["recognised"] = name
    elif kind == "description":
        attributes["text"] = _without_plates(document.get("description"))
    return [
        Incident(
            device=device,
            observed_at=observed_at,
            observation_id=f"{object_id}.{found}" if object_id else "",
            event_type=kind,
            value=score,
            rev=rev,
            attributes=attributes,
        )
    ]


def read_trigger(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`triggers`: something looked like what an operator described."""
    document = object_in(inbound)
    name, camera, object_id = (text_of(document.get(key)) for key in ("name", "camera", "event_id"))
    if not camera:
        raise Rejected("names no camera", "$.camera")
    return [
        Incident(
            device="frigate/" + camera,
            observation_id=f"{object_id}.trigger.{name}" if object_id else "",
            event_type="trigger",
            value=_share(document.get("score")),
            attributes={"trigger": name, "object": object_id, "type": text_of(document.get("type"))},
        )
    ]


def read_recognised(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`plate_recognizer`: what a recogniser beside Frigate read on a tracked object."""
    document = object_in(inbound)
    camera, plate = text_of(document.get("camera_name")), text_of(document.get("plate_number"))
    if not camera or not plate:
        return [heard(camera, inbound)]
    return [
        PlateRead(
            device="frigate/" + camera,
            observed_at=read_instant(document.get("start_time"), context.zone),
            observation_id=text_of(document.get("frigate_event_id")),
            plate=plate,
            score=_share(document.get("score")),
        )
    ]


def object_in(inbound: Inbound) -> dict[str, Any]:
    """The JSON object a message holds.

    raises  Rejected  it is something else
    """
    if type(inbound.document) is not dict:
        raise Rejected("expected a JSON object")
    return inbound.document


def heard(camera: str, inbound: Inbound) -> DeviceHealth:
    """Nothing but that the camera is there; the server itself where no camera is named."""
    if not camera:
        return DeviceHealth(device=server_of(inbound))
    return DeviceHealth(device="frigate/" + camera, via=server_of(inbound))


def server_of(inbound: Inbound) -> str:
    """The server; one whose base topic is another is known by that."""
    base, _, leaf = inbound.topic.rpartition("/")
    if base == "frigate" or not base or base.startswith("hexpost/") or leaf == "state":
        return SERVER
    return "frigate/" + base.removeprefix("frigate/")


def _plate_of_event(
    after: Mapping[str, Any], plate: object, phase: Phase, context: Context, rev: int
) -> list[Observation]:
    """A plate is text, or [text, score] in some versions."""
    score = after.get("recognized_license_plate_score")
    if pair := list_of(plate):
        plate, score = pair[0], pair[1] if len(pair) > 1 else score
    text = text_of(plate)
    if not text:
        return []
    return [
        PlateRead(
            device="frigate/" + text_of(after.get("camera")),
            observed_at=read_instant(after.get("frame_time"), context.zone),
            observation_id=text_of(after.get("id")),
            plate=text,
            score=_share(score),
            vehicle=text_of(after.get("label")),
            phase=phase,
            rev=rev,
        )
    ]


def _event_attributes(after: Mapping[str, Any], label: str, context: Context, camera: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    sub_label = after.get("sub_label")
    if sub_label:
        text = text_of(sub_label[0] if type(sub_label) is list else sub_label)
        if text and not (label in _VEHICLES and _has_digit(text)):  # recognisers write plates here
            attributes["sub_label"] = text
    entered = after.get("entered_zones")
    if entered and type(entered) is list:
        zones = attributes["zones"] = [name for name in map(text_of, entered[:MAX_ZONES]) if name]
        for name in zones:
            if context.memory.get("frigate", "zone/" + name) is None:
                context.memory.put("frigate", "zone/" + name, camera)
    if after.get("stationary") is True:
        attributes["stationary"] = True
    if speed := number_of(after.get("average_estimated_speed")):
        attributes["estimated_speed"] = speed  # in mph or km/h, as its configuration says, and only that
    return attributes


def _tracked(inbound: Inbound) -> tuple[Phase, Mapping[str, Any], str, str]:
    """(phase, after, camera, id) of an event or review."""
    document = inbound.document
    after = document.get("after") if type(document) is dict else None
    if type(after) is not dict:
        raise Rejected("expected an object with type, before and after, as Frigate publishes it", "$.after")
    camera, item = text_of(after.get("camera")), text_of(after.get("id"))
    if not camera:
        raise Rejected("names no camera", "$.after.camera")
    if not item:
        raise Rejected("has no id, and cannot be told from others", "$.after.id")
    kind = document.get("type")
    return _PHASES.get(kind, "") if type(kind) is str else "", after, camera, item


def _area(after: Mapping[str, Any]) -> str:
    """The zone it is in, else the last it was in."""
    for name in ("current_zones", "entered_zones"):
        zones = after.get(name)
        if zones and type(zones) is list:
            return text_of(zones[-1])
    return ""


def _share(value: object) -> float | None:
    score = number_of(value)
    return score if score is not None and 0 <= score <= 1 else None


def _rev(frame_s: float | None, end_s: float | None) -> int:
    """Milliseconds of the later of the two; 0 where neither is a time."""
    latest = max(frame_s or 0.0, end_s or 0.0)
    return int(latest * 1000) if 0 < latest < _LATEST_S else 0


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _without_plates(value: object) -> str:
    """A description with every word masked that could be a plate: with a digit, or four capitals and more."""
    return " ".join(
        "…" if _has_digit(word) or (len(word) > 3 and word.isupper()) else word for word in text_of(value).split()
    )

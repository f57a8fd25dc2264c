"""Number plate readers: Plate Recognizer (Snapshot and Stream), OpenALPR and Rekor Scout, Hikvision's ANPR, FF Group.

One plate in a plain object is read by `plain`.

Of a plate only the best reading is taken, and it stands in `PlateRead.plate` alone. A group of OpenALPR is one vehicle:
its previews and its end share the id of the best picture and rise with the time of the last one.
Source: guides.platerecognizer.com, "Webhooks"; openalpr/doc, "Integrating with the agent"; Hikvision ISAPI.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import CameraStatus, DeviceHealth, ObjectDetection, Observation, Phase, PlateRead
from firmware_bridge.family.hikvision_dahua.isapi_alert import (
    ROOT,
    alert_of,
    is_alert_text,
    observe_alert,
    read_alert_xml,
)
from firmware_bridge.family.lpr.plain import MAX_PLATES, PARTS, by_list, is_plain, read_plain, read_texts
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of, whole_of

NAME = "lpr"

_OPENALPR = frozenset(("alpr_results", "alpr_group", "alpr_alert", "heartbeat", "vehicle"))
_NO_WORDS = frozenset(("", "generic", "unknown"))  # of a make or a model that was not recognised
_RUNNING = frozenset(("running", "online", "connected", "ok", "up"))
_STOPPED = frozenset(("offline", "stopped", "disconnected", "error", "down"))


def _on_alert(inbound: Inbound, context: Context) -> list[Observation]:
    """Hikvision's ANPR, XML or JSON."""
    document = inbound.document
    said = read_alert_xml(document) if type(document) is str else alert_of(document)
    return observe_alert(NAME, said, inbound, context)


def _on_stream(inbound: Inbound, context: Context) -> list[Observation]:
    """A webhook of Plate Recognizer: `hook` says which, `data` is what was recognised."""
    document = inbound.document
    data = document.get("data")
    if type(data) is not dict:
        raise Rejected("a webhook of Plate Recognizer without data", "$.data")
    hook = object_of(document.get("hook"))
    event = text_of(hook.get("event"))
    return _recognised(data, text_of(hook.get("id")) if event != "image.done" else "", inbound, context)


def _on_snapshot(inbound: Inbound, context: Context) -> list[Observation]:
    """What Plate Recognizer answers for a picture, or Stream writes as a line."""
    return _recognised(inbound.document, "", inbound, context)


def _recognised(data: Mapping[str, Any], camera: str, inbound: Inbound, context: Context) -> list[Observation]:
    device = f"{NAME}/{text_of(data.get('camera_id')) or camera or sender_of(inbound)}"
    when = read_instant(data.get("timestamp_camera"), context.zone) or read_instant(data.get("timestamp"), context.zone)
    found: list[Observation] = []
    for item in list_of(data.get("results"))[:MAX_PLATES]:
        read = _result(object_of(item), device, when)
        if read is not None:
            found.append(read)
    status = text_of(data.get("status")).lower()
    if status in _RUNNING or status in _STOPPED:
        found.append(CameraStatus(device=device, observed_at=when, working=status in _RUNNING, reason=status))
    return [*found, DeviceHealth(device=device, observed_at=when)]


def _on_cammra(inbound: Inbound, context: Context) -> list[Observation]:
    """A vehicle as FF Group's readers on a camera push it, when it is new, again, and lost: one read."""
    said = inbound.document
    camera, place = object_of(said.get("camera_info")), object_of(said.get("geotag"))
    serial = text_of(camera.get("SerialNumber")) or text_of(said.get("sensorProviderID"))
    device = f"{NAME}/{serial or sender_of(inbound)}"
    when = read_instant(said.get("capture_timestamp"), context.zone)
    plate = next((text for name in _CAMMRA if (text := text_of(said.get(name)))), "")
    score, car = number_of(said.get("plateConfidence")), text_of(said.get("carID"))
    health = DeviceHealth(device=device, observed_at=when, model=text_of(camera.get("ProdShortName")), serial=serial)
    if not plate:
        return [health]
    read = PlateRead(
        device=device,
        observed_at=when,
        observation_id=f"{car}.{when:%Y%m%d}" if car and when else "",  # it counts anew when the camera starts
        plate=plate,
        score=score if score is not None and 0 <= score <= 1 else None,
        region=text_of(said.get("plateCountry")),
        direction=text_of(said.get("carMoveDirection")),
        phase=_STATES.get(text_of(said.get("carState")), ""),
        rev=whole_of(said.get("capture_timestamp")) or 0,
        **_place_of(place.get("lat"), place.get("lon")),
    )
    return [read, health]


_CAMMRA = ("plateUnicode", "plateUTF8", "plateText")
_STATES: dict[str, Phase] = {"new": "new", "update": "update", "lost": "end"}


def _result(item: Mapping[str, Any], device: str, when: datetime | None) -> Observation | None:
    """One vehicle: with its plate, or without one. `plate` is text, or since 2024 an object of properties."""
    if "texts" in item:
        return read_texts(item, device, when)
    told = item.get("plate")
    score, region = number_of(item.get("score")), text_of(object_of(item.get("region")).get("code"))
    plate = text_of(told)
    if type(told) is dict:
        properties = object_of(told.get("props"))
        best = _first(properties.get("plate"))
        plate, score = text_of(best.get("value")), number_of(best.get("score"))
        region = text_of(_first(properties.get("region")).get("value"))
    vehicle = object_of(item.get("vehicle"))
    direction = number_of(item.get("direction"))
    place = _place_of(item.get("latitude"), item.get("longitude"))
    if not plate:
        seen = item if "track_id" in item else vehicle  # of a tracker of people, or a vehicle without a plate
        return _seen(seen, text_of(item.get("track_id")), device, when, place)
    return PlateRead(
        device=device,
        observed_at=when,
        plate=plate,
        score=score if score is not None and 0 <= score <= 1 else None,
        region=region,
        direction="" if direction is None else f"{direction:g}",
        vehicle=_vehicle_of(item, vehicle),
        **place,
    )


def _seen(
    told: Mapping[str, Any], track: str, device: str, when: datetime | None, place: dict[str, Any]
) -> ObjectDetection | None:
    """Somebody or something by its type; one track of a day is one incident that grows."""
    label, score = text_of(told.get("type")), number_of(told.get("score"))
    known = bool(track) and when is not None
    seen = ObjectDetection(
        device=device,
        observed_at=when,
        observation_id=f"{track}.{when:%Y%m%d}" if known else "",
        label=label,
        score=score if score is not None and 0 <= score <= 1 else None,
        phase="update" if known else "",
        rev=round(when.timestamp() * 1_000) if known and when is not None else 0,
        **place,
    )
    return seen if label else None


def _on_usage(inbound: Inbound, _context: Context) -> list[Observation]:
    """How many look-ups an account of Plate Recognizer has made this month, and may make."""
    said, usage = inbound.document, object_of(inbound.document.get("usage"))
    numbers = {"calls": usage.get("calls"), "total_calls": said.get("total_calls"), "max_calls": said.get("max_calls")}
    told = {name: count for name, number in numbers.items() if (count := whole_of(number)) is not None}
    return [DeviceHealth(device=f"{NAME}/{sender_of(inbound)}", attributes=told)]


def _vehicle_of(item: Mapping[str, Any], vehicle: Mapping[str, Any]) -> str:
    """`white Mercedes-Benz Citan SUV` of the likeliest colour, make and type."""
    more = object_of(vehicle.get("props"))
    make = _first(item.get("model_make", more.get("make_model")))
    color = _first(item.get("color", more.get("color")))
    words = (
        text_of(color.get("color")) or text_of(color.get("value")),
        text_of(make.get("make")),
        text_of(make.get("model")),
        text_of(vehicle.get("type")),
    )
    return " ".join(word for word in words if word.casefold() not in _NO_WORDS)


def _on_openalpr(inbound: Inbound, context: Context) -> list[Observation]:
    """A message of the OpenALPR agent (Rekor Scout) by its data type; before there was one, each was of a picture."""
    document = inbound.document
    kind = document.get("data_type", "alpr_results")
    if kind == "heartbeat":
        return _heartbeat(document, inbound, context)
    if kind == "alpr_alert":
        alert = text_of(document.get("alert_list")) or text_of(document.get("list_type")) or "alert"
        group = document.get("group")
        if type(group) is not dict:
            raise Rejected("an alert without the group of pictures it is about", "$.group")
        return _group(group, {"alert": alert}, inbound, context)
    if kind == "alpr_results":
        return _results(document, inbound, context)
    return _group(document, {}, inbound, context)


def _results(document: Mapping[str, Any], inbound: Inbound, context: Context) -> list[Observation]:
    """The plates of one picture."""
    device, health = _camera(document, inbound)
    when = read_instant(document.get("epoch_time"), context.zone)
    picture = text_of(document.get("uuid"))
    place = _place_of(document.get("gps_latitude"), document.get("gps_longitude"))
    found: list[Observation] = []
    for number, item in enumerate(list_of(document.get("results"))[:MAX_PLATES]):
        read = object_of(item)
        plate = text_of(read.get("plate"))
        if plate:
            found.append(
                PlateRead(
                    device=device,
                    observed_at=when,
                    observation_id=f"{picture}-{number}" if picture else "",
                    plate=plate,
                    score=_percent(read.get("confidence")),
                    region=text_of(read.get("region")),
                    vehicle=_described(object_of(read.get("vehicle"))),
                    **place,
                )
            )
    return [*found, health]


def _group(
    document: Mapping[str, Any], attributes: dict[str, Any], inbound: Inbound, context: Context
) -> list[Observation]:
    """The pictures of one vehicle: its best plate, or, where it had none to read, the vehicle."""
    device, health = _camera(document, inbound)
    best = object_of(document.get("best_plate"))
    plate = text_of(document.get("best_plate_number")) or text_of(best.get("plate"))
    when = read_instant(document.get("epoch_start"), context.zone)
    place = _place_of(document.get("gps_latitude"), document.get("gps_longitude"))
    identity = text_of(document.get("best_uuid"))
    vehicle = _described(object_of(document.get("vehicle")))
    rev = max(whole_of(document.get("epoch_end")) or 0, 0)
    if flag_of(document.get("is_parked")) is True:
        attributes = {**attributes, "parked": True}
    direction = number_of(document.get("travel_direction"))
    if not plate:
        if not vehicle:
            return [health]
        attributes = {**attributes, "vehicle": vehicle}
        seen = ObjectDetection(
            device=device, observed_at=when, label="vehicle", rev=rev, attributes=attributes, **place
        )
        return [msgspec.structs.replace(seen, observation_id=identity), health]
    confidence = document.get("best_confidence")
    read = PlateRead(
        device=device,
        observed_at=when,
        observation_id=identity,
        attributes=attributes,
        plate=plate,
        score=_percent(best.get("confidence") if confidence is None else confidence),
        region=text_of(document.get("best_region")) or text_of(best.get("region")),
        direction="" if direction is None else f"{direction:g}",
        vehicle=vehicle,
        rev=rev,
        **place,
    )
    return [read, health]


def _heartbeat(document: Mapping[str, Any], inbound: Inbound, context: Context) -> list[Observation]:
    """The agent's minute: itself, and each camera it watches."""
    when = read_instant(document.get("timestamp"), context.zone)
    agent = f"{NAME}/{text_of(document.get('agent_uid')) or sender_of(inbound)}"
    found: list[Observation] = [
        DeviceHealth(
            device=agent,
            observed_at=when,
            state="online",
            name=text_of(document.get("agent_hostname")),
            manufacturer="OpenALPR",
            model=text_of(document.get("agent_type")),
            firmware=text_of(document.get("agent_version")),
            uptime_s=number_of(document.get("daemon_uptime_seconds")),
            interval_s=60.0,
        )
    ]
    recording = flag_of(document.get("recording_enabled"))
    for item in list_of(document.get("video_streams"))[:MAX_PLATES]:
        stream = object_of(item)
        camera = text_of(stream.get("camera_id")) or text_of(stream.get("camera_name"))
        if camera:
            device = f"{NAME}/{camera}"
            working, fps = flag_of(stream.get("is_streaming")), number_of(stream.get("fps"))
            found.append(CameraStatus(device=device, observed_at=when, working=working, fps=fps, recording=recording))
            found.append(_camera_health(device, agent, text_of(stream.get("camera_name")), when))
    return found


def _camera(document: Mapping[str, Any], inbound: Inbound) -> tuple[str, DeviceHealth]:
    """The camera's device, and that it was heard through its agent."""
    camera = text_of(document.get("camera_id")) or text_of(document.get("camera_name"))
    agent = text_of(document.get("agent_uid"))
    device = f"{NAME}/{camera or agent or sender_of(inbound)}"
    via = f"{NAME}/{agent}" if agent and camera else ""
    return device, _camera_health(device, via, text_of(document.get("camera_name")), None)


def _camera_health(device: str, via: str, name: str, when: datetime | None) -> DeviceHealth:
    return DeviceHealth(device=device, observed_at=when, name=name, via=via)


def _described(vehicle: Mapping[str, Any]) -> str:
    """`black ford_focus sedan-standard` of the likeliest of each."""
    words = [text_of(_first(vehicle.get(part)).get("name")) for part in ("color", "make_model", "body_type")]
    return " ".join(word for word in words if word)


def _first(value: object) -> Mapping[str, Any]:
    """The first of a list of candidates, which is the likeliest."""
    return object_of(value[0]) if type(value) is list and value else {}


def _percent(value: object) -> float | None:
    confidence = number_of(value)
    return confidence / 100 if confidence is not None and 0 <= confidence <= 100 else None


def _place_of(latitude: object, longitude: object) -> dict[str, Any]:
    """The place as keywords of an observation; none where it is unknown: readers without GPS say 0, 0 or -1, -1."""
    lat, lng = number_of(latitude), number_of(longitude)
    if lat is None or lng is None or (lat, lng) in ((0, 0), (-1, -1)) or not (-90 <= lat <= 90 and -180 <= lng <= 180):
        return {}
    return {"longitude": lng, "latitude": lat}


def _recognise(document: Any) -> Handler | None:
    """By OpenALPR's data type, Plate Recognizer's hook or results, or Hikvision's ANPR."""
    if type(document) is not dict:
        anpr = type(document) is str and is_alert_text(document) and "<ANPR" in document
        return _on_alert if anpr else None
    kind = document.get("data_type")
    if type(kind) is str and kind in _OPENALPR and not document.keys().isdisjoint(("agent_uid", "version", "group")):
        return _on_openalpr
    if type(document.get("hook")) is dict and "data" in document:
        return _on_stream
    if type(document.get("results")) is list and (handler := _by_results(document)):
        return handler
    if "ANPR" in alert_of(document) and ("eventType" in document or ROOT in document):
        return _on_alert
    return _by_members(document)


def _by_members(document: Mapping[str, Any]) -> Handler | None:
    """FF Group's vehicle, the use of an account, or a plate in a plain object."""
    if "plateText" in document and "plateConfidence" in document:
        return _on_cammra
    if "calls" in object_of(document.get("usage")) and "total_calls" in document:
        return _on_usage
    return read_plain if is_plain(document) else by_list(document)


def _by_results(document: Mapping[str, Any]) -> Handler | None:
    """OpenALPR's before it told data types, else Plate Recognizer's."""
    if "epoch_time" in document and "confidence" in _first(document["results"]):
        return _on_openalpr
    return _on_snapshot if _is_plate_recognizer(document) else None


def _is_plate_recognizer(document: Mapping[str, Any]) -> bool:
    first = _first(document["results"])
    if "track_id" in first:
        return "box" in first
    if type(first.get("texts")) is list:
        return "box" in first or "object" in first
    if first:
        return "plate" in first and ("box" in first or "candidates" in first or "vehicle" in first)
    return "camera_id" in document and ("processing_time" in document or "filename" in document)


FAMILY = Family(
    name=NAME,
    title="Number plate readers",
    source="https://guides.platerecognizer.com/docs/stream/results; https://github.com/openalpr/doc",
    # the others speak HTTP; whoever forwards them chooses the topic
    routes=(*PARTS, Route(template="plate-minder/{device}/detect", handle=_on_openalpr)),
    recognise=_recognise,
)

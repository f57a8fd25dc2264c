"""Frigate NVR: its cameras, counts, motion, sounds, the state of its cameras and of itself.

Cameras are `frigate/<camera>`, heard through `frigate/server`. Counts name a camera or a zone alike; which zone belongs
to which camera is learned from the events, that `tracking` reads. A site may have chosen another base topic
(`topic_prefix`): it is known by its name, or by what only Frigate publishes there, and its server bears its name.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import (
    Alarm,
    CameraStatus,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    Observation,
    PeopleCount,
)
from firmware_bridge.family.frigate.tracking import (
    SERVER,
    object_in,
    read_event,
    read_recognised,
    read_review,
    read_trigger,
    read_update,
    server_of,
)
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Memory, Route, read_form
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, number_of, object_of, text_of, whole_of
from firmware_bridge.notation.metrics import snake_case
from firmware_bridge.routing import Router

MAX_CAMERAS = 300  # of one message
MAX_SENSORS = 50  # readings of the server itself
DEEPEST_BASE = 4  # levels of a base topic

_UPDATES = frozenset(("description", "face", "lpr", "classification"))
_STATES = {"online": "online", "offline": "offline", "stopped": "offline"}
_RATES = ("detection_fps", "process_fps", "skipped_fps")
_FULL_SYSTEM = "frigate.full_system"  # among the processes
_SUBJECTS = {"person": "people", "car": "vehicles", "bicycle": "bicycles", "all": "objects"}


def _stats(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`stats`: frames a second of each camera; version, uptime, disks, detectors and temperatures of the server."""
    document = object_in(inbound)
    service, server = object_of(document.get("service")), server_of(inbound)
    at = read_instant(service.get("last_updated"), context.zone)
    cameras = document.get("cameras")
    if type(cameras) is not dict:  # before 0.13 they stood beside the totals
        cameras = {name: one for name, one in document.items() if type(one) is dict and "camera_fps" in one}
    found: list[Observation] = [
        DeviceHealth(
            device=server,
            observed_at=at,
            state="online",
            firmware=text_of(service.get("version")),
            uptime_s=number_of(service.get("uptime")),
            attributes={"cameras": len(cameras)},
        )
    ]
    for name, one in list(cameras.items())[:MAX_CAMERAS]:
        if name and type(one) is dict:
            found += _camera_stats("frigate/" + name, one, at, server)
    return found + _server_readings(document, service, server, at)[:MAX_SENSORS]


def _camera_stats(
    device: str, one: Mapping[str, Any], at: datetime | None, server: str
) -> tuple[Observation, Observation]:
    fps = number_of(one.get("camera_fps"))
    working = None if fps is None else fps > 0
    quality = text_of(one.get("connection_quality"))
    reason = "no frames" if working is False else quality if quality != "excellent" else ""
    return (
        CameraStatus(device=device, observed_at=at, working=working, fps=fps, reason=reason),
        DeviceHealth(
            device=device,
            observed_at=at,
            via=server,
            attributes={name: rate for name in _RATES if (rate := number_of(one.get(name))) is not None},
        ),
    )


def _server_readings(
    document: Mapping[str, Any], service: Mapping[str, Any], server: str, at: datetime | None
) -> list[EnvironmentReading]:
    def reading(metric: str, value: float | None, unit: str, channel: str = "") -> None:
        if value is not None:
            name = snake_case(channel) if channel else ""
            found.append(
                EnvironmentReading(device=server, observed_at=at, metric=metric, value=value, unit=unit, channel=name)
            )

    found: list[EnvironmentReading] = []
    for name, value in object_of(service.get("temperatures")).items():
        reading("temperature", number_of(value), "Cel", name)
    for name, one in object_of(document.get("detectors")).items():
        reading("inference_time", number_of(object_of(one).get("inference_speed")), "ms", name)
    for name, one in object_of(service.get("storage")).items():
        used, total = (number_of(object_of(one).get(key)) for key in ("used", "total"))
        if used is not None and total:
            reading("disk_used", round(100 * used / total, 1), "%", name)
    whole = object_of(object_of(document.get("cpu_usages")).get(_FULL_SYSTEM))
    reading("cpu_load", number_of(whole.get("cpu")), "%")
    reading("memory_used", number_of(whole.get("mem")), "%")
    for name, one in object_of(document.get("gpu_usages")).items():
        reading("gpu_load", number_of(text_of(object_of(one).get("gpu")).rstrip("% ")), "%", name)
    return found


def _available(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`available`: birth, end and last will of the server."""
    said = text_of(inbound.document).lower()
    state = _STATES.get(said)
    if state is None:
        raise Rejected("expected online, offline or stopped")
    return [DeviceHealth(device=server_of(inbound), state="online" if state == "online" else "offline")]


def _activity(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`camera_activity`: every camera's motion and settings, on request."""
    found: list[Observation] = []
    for name, one in list(object_in(inbound).items())[:MAX_CAMERAS]:
        activity = object_of(one)
        settings = object_of(activity.get("config"))
        if name and settings:
            found.append(
                CameraStatus(
                    device="frigate/" + name,
                    working=False if settings.get("enabled") is False else None,
                    recording=flag_of(settings.get("record")),
                    reason="disabled" if settings.get("enabled") is False else "",
                )
            )
        if name and type(activity.get("motion")) is bool:
            found.append(Motion(device="frigate/" + name, active=activity["motion"]))
    return found or [DeviceHealth(device=server_of(inbound))]


def _server_state(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """Other topics of the server itself: states of models, jobs, layouts."""
    return [DeviceHealth(device=server_of(inbound))]


def _server_setting(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`profile/state`, `notifications/state`."""
    name = inbound.topic.split("/")[-2]
    return [DeviceHealth(device=server_of(inbound), attributes={name: text_of(inbound.document)})]


def _motion(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`{camera}/motion`."""
    active = flag_of(inbound.document)
    if active is None:
        raise Rejected("expected ON or OFF")
    return [Motion(device="frigate/" + inbound.parts["camera"], active=active)]


def _count(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`{camera}/{object}` and `{zone}/{object}`: how many are in view now."""
    place, label = inbound.parts["camera"], inbound.parts["object"]
    present = whole_of(inbound.document)
    if present is None or present < 0:
        said = _said_below(inbound)
        if said is not None:
            return said(inbound, context)
        text = text_of(inbound.document)
        kept = {label: text} if text and label in ("review_status", "birdseye_mode") else {}
        return [DeviceHealth(device="frigate/" + place, via=SERVER, attributes=kept)]
    camera, zone = _place(place, context)
    return [PeopleCount(device="frigate/" + camera, present=present, line=zone, subject=_SUBJECTS.get(label, label))]


def _said_below(inbound: Inbound) -> Handler | None:
    """The handler of what only looks like a count: the base topic is another below `frigate`, as in `frigate/north`."""
    if not inbound.payload.startswith(b"{"):
        return None
    try:
        inbound.document = read_form(inbound.payload, "json")
    except Rejected:
        return None
    return _recognise(inbound.document)


def _active_count(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`{camera}/{object}/active`: how many of them are not stationary."""
    place, label, active = inbound.parts["camera"], inbound.parts["object"], whole_of(inbound.document)
    if active is None or active < 0:
        return [DeviceHealth(device="frigate/" + place, via=SERVER)]
    camera, zone = _place(place, context)
    channel = snake_case(f"{zone} {label}")
    return [
        EnvironmentReading(
            device="frigate/" + camera, metric="active_objects", value=float(active), unit="1", channel=channel
        )
    ]


def _role(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`{camera}/status/{role}`: whether the stream of `detect`, `record` or `audio` runs."""
    role, said = inbound.parts["role"], text_of(inbound.document).lower()
    running = {"online": True, "offline": False, "disabled": False}.get(said)
    if running is None:
        raise Rejected("expected online, offline or disabled")
    return [
        CameraStatus(
            device="frigate/" + inbound.parts["camera"],
            working=running if role == "detect" else None,
            recording=running if role == "record" else None,
            reason="" if running else f"{role} {said}",
        )
    ]


def _setting(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`{camera}/{setting}/state`: what is switched on."""
    device, setting = "frigate/" + inbound.parts["camera"], inbound.parts["setting"]
    enabled = flag_of(inbound.document)
    if setting == "recordings" and enabled is not None:
        return [CameraStatus(device=device, recording=enabled)]
    if setting == "enabled" and enabled is False:
        return [CameraStatus(device=device, working=False, reason="disabled")]
    return [DeviceHealth(device=device, via=SERVER, attributes={setting: text_of(inbound.document)})]


def _audio(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`{camera}/audio/{sound}`: a sound heard or gone; the level in dBFS, and its root mean square."""
    device, sound = "frigate/" + inbound.parts["camera"], inbound.parts["sound"]
    if sound in ("dBFS", "rms"):
        value = number_of(inbound.document)
        if value is not None:
            metric, unit = ("sound_dbfs", "dB") if sound == "dBFS" else ("sound_rms", "")
            return [EnvironmentReading(device=device, metric=metric, value=value, unit=unit)]
    elif sound not in ("all", "transcription"):  # `all` only sums up; what people said is not kept
        active = flag_of(inbound.document)
        if active is not None:
            return [Alarm(device=device, name="audio_" + snake_case(sound), active=active)]
    return [DeviceHealth(device=device, via=SERVER)]


def _classification(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`{camera}/classification/{model}`: the state of a gate, a light, a barrier, in the model's own words."""
    device, model, state = "frigate/" + inbound.parts["camera"], inbound.parts["model"], text_of(inbound.document)
    active = flag_of(state)
    if active is None:
        return [DeviceHealth(device=device, via=SERVER, attributes={model: state})]
    return [Alarm(device=device, name=snake_case(model), active=active, attributes={"state": state})]


def _camera_other(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """Masks, zones, suspensions: nothing but that the camera is there."""
    return [DeviceHealth(device="frigate/" + inbound.parts["camera"], via=SERVER)]


def _nothing(_inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """Commands on their way to Frigate, and pictures."""
    return []


def _old_event(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`{camera}/events/start` and `…/end`, before 0.8: the tracked object alone."""
    camera, end = inbound.parts["camera"], inbound.topic.endswith("/end")
    after = {**object_in(inbound), "camera": camera}
    inbound.document = {"type": "end" if end else "new", "before": {}, "after": after}
    return read_event(inbound, context)


def _announced(topic: str, memory: Memory) -> Handler | None:
    """Topics below another base: one with Frigate's name, or one where it told of this camera or zone before."""
    levels, known = topic.split("/"), memory.get
    for end in range(1, min(len(levels), DEEPEST_BASE + 1)):
        base, below = "/".join(levels[:end]), levels[end]
        named = "frigate" in levels[end - 1].lower() and base != "frigate"
        if named or (known("frigate", "base/" + base) and _is_known(below, memory)):
            found = _ROUTER.find("frigate" + topic[len(base) :])
            if found is not None and found.route.handle is not _server_state:  # else its shape may tell whose it is
                return partial(_on_base, base)
    return None


def _is_known(name: str, memory: Memory) -> bool:
    return name == "available" or any(memory.get("frigate", kind + name) for kind in ("camera/", "zone/"))


def _on_base(base: str, inbound: Inbound, context: Context) -> Sequence[Observation]:
    found = _ROUTER.find("frigate" + inbound.topic[len(base) :])
    if found is None:
        raise Rejected("no topic of Frigate's")
    inbound.parts, inbound.document = found.parts, read_form(inbound.payload, found.route.form)
    server = "frigate/" + base.removeprefix("frigate/")
    return [_heard_through(server, seen) for seen in found.route.handle(inbound, context)]


def _heard_through(server: str, seen: Observation) -> Observation:
    """The same, of a server that is not on the usual base topic."""
    if not isinstance(seen, DeviceHealth) or SERVER not in (seen.device, seen.via):
        return seen
    if seen.device == SERVER:
        return msgspec.structs.replace(seen, device=server)
    return msgspec.structs.replace(seen, via=server)


def _recognise(document: Any) -> Handler | None:
    handler = _handler_of(document)
    return partial(_learn_base, handler) if handler else None


def _learn_base(handler: Handler, inbound: Inbound, context: Context) -> Sequence[Observation]:
    told, base = handler(inbound, context), inbound.topic.rpartition("/")[0]
    if base and base != "frigate" and not base.startswith("hexpost/"):
        context.memory.put("frigate", "base/" + base[:200], True)
        for seen in told:
            context.memory.put("frigate", "camera/" + seen.device[8:], True)
    return told


def _handler_of(document: Any) -> Handler | None:
    if type(document) is not dict:
        return None
    after = document.get("after")
    if type(after) is dict and "camera" in after and "before" in document and "type" in document:
        return read_review if "severity" in after and "data" in after else read_event if "label" in after else None
    old = "detectors" in document and "detection_fps" in document  # before 0.13 the cameras stood beside them
    if old or type(document.get("cameras")) is dict:
        return _stats if old or "service" in document or "detection_fps" in document else _stats_of_cameras(document)
    named = "event_id" in document and "camera" in document and "name" in document
    if named or ("plate_number" in document and "frigate_event_id" in document):
        return read_trigger if named else read_recognised
    kind = document.get("type")
    if type(kind) is str and kind in _UPDATES and "id" in document:
        return read_update if "timestamp" in document or "description" in document else None
    return None


def _stats_of_cameras(document: Mapping[str, Any]) -> Handler | None:
    first = next(iter(document["cameras"].values()), None)
    return _stats if type(first) is dict and "camera_fps" in first else None


def _place(name: str, context: Context) -> tuple[str, str]:
    """(camera, zone) of what a count is named by."""
    camera = context.memory.get("frigate", "zone/" + name)
    return (camera, name) if camera else (name, "")


FAMILY = Family(
    name="frigate",
    title="Frigate NVR",
    source="https://docs.frigate.video/integrations/mqtt",
    routes=(
        Route(template="frigate/available", handle=_available, form="text"),
        Route(template="frigate/events", handle=read_event),
        Route(template="frigate/reviews", handle=read_review),
        Route(template="frigate/tracked_object_update", handle=read_update),
        Route(template="frigate/triggers", handle=read_trigger),
        Route(template="frigate/plate_recognizer", handle=read_recognised),
        Route(template="frigate/stats", handle=_stats),
        Route(template="frigate/camera_activity", handle=_activity),
        Route(template="frigate/restart", handle=_nothing, form="bytes"),
        Route(template="frigate/onConnect", handle=_nothing, form="bytes"),
        Route(template="frigate/{topic}", handle=_server_state, form="bytes"),
        Route(template="frigate/profile/state", handle=_server_setting, form="text"),
        Route(template="frigate/notifications/state", handle=_server_setting, form="text"),
        Route(template="frigate/{camera}/motion", handle=_motion, form="text"),
        Route(template="frigate/{camera}/ptz", handle=_nothing, form="bytes"),
        Route(template="frigate/{setting}/set", handle=_nothing, form="bytes"),
        Route(template="frigate/{camera}/status/{role}", handle=_role, form="text"),
        Route(template="frigate/{camera}/classification/{model}", handle=_classification, form="text"),
        Route(template="frigate/{camera}/audio/state", handle=_camera_other, form="bytes"),
        Route(template="frigate/{camera}/audio/set", handle=_nothing, form="bytes"),
        Route(template="frigate/{camera}/audio/{sound}", handle=_audio, form="text"),
        Route(template="frigate/{camera}/ptz_autotracker/active", handle=_camera_other, form="bytes"),
        Route(template="frigate/{camera}/notifications/suspend", handle=_nothing, form="bytes"),
        Route(template="frigate/{camera}/notifications/suspended", handle=_camera_other, form="bytes"),
        Route(template="frigate/{camera}/events/start", handle=_old_event),
        Route(template="frigate/{camera}/events/end", handle=_old_event),
        Route(template="frigate/{camera}/{object}", handle=_count, form="text"),
        Route(template="frigate/{camera}/{object}/active", handle=_active_count, form="text"),
        Route(template="frigate/{camera}/{object}/snapshot", handle=_nothing, form="bytes"),
        Route(template="frigate/{camera}/{setting}/state", handle=_setting, form="text"),
        Route(template="frigate/{camera}/{setting}/set", handle=_nothing, form="bytes"),
        Route(template="frigate/{camera}/{kind}/{name}/state", handle=_camera_other, form="bytes"),
        Route(template="frigate/{camera}/{kind}/{name}/set", handle=_nothing, form="bytes"),
    ),
    recognise=_recognise,
    announced=_announced,
)

_ROUTER = Router([FAMILY])

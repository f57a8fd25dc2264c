"""Frigate NVR: one server that speaks for its cameras; what it tracks lives from `new` over `update` to `end`.

A camera that is gone stays in the server's `stats`, with no frames. Source: Frigate, MQTT.
"""

from datetime import datetime, timedelta

import msgspec

from firmware_bridge.simulation.chance import between, hits, whole_between
from firmware_bridge.simulation.firmware import Firmware, Message, State, Step, said
from firmware_bridge.simulation.fleet import CAMERA, GATEWAY, Naming

SERVER = "frigate/server"
LASTS_S = (8.0, 45.0)
UPDATE_S = 5.0
PLATED = 0.3  # of the cars
FPS = 5.0
_LABELS = ("person", "person", "person", "car", "car", "bicycle")
_ZONES = ("gate", "yard", "street")
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


class _Track(msgspec.Struct, frozen=True, kw_only=True):
    """A tracked object: what stays the same from its beginning to its end."""

    id: str
    label: str
    start: datetime
    lasts_s: float
    score: float
    zone: str
    plate: str = ""


def _text(topic: str, word: str, *, retain: bool = False) -> Message:
    return Message(topic=topic, payload=word.encode(), retain=retain)


def _motion(state: State, *, active: bool) -> Message:
    return Message(
        topic=f"frigate/{state.unit.id}/motion",
        payload=b"ON" if active else b"OFF",
        nameless=int(active),
        state=f"{state.unit.source}|motion",
        active=active,
    )


def _birth(state: State, _when: datetime) -> list[Message]:
    if state.unit.kind == GATEWAY:
        return [_text("frigate/available", "online", retain=True)]
    camera = state.unit.id
    return [
        _text(f"frigate/{camera}/status/detect", "online", retain=True),
        _text(f"frigate/{camera}/detect/state", "ON", retain=True),
    ]


def _will(state: State, _when: datetime) -> list[Message]:
    """The server's own is by the broker; that of a camera is what its server finds out."""
    if state.unit.kind == GATEWAY:
        return [_text("frigate/available", "offline", retain=True)]
    return [_text(f"frigate/{state.unit.id}/status/detect", "offline", retain=True)]


def _report(state: State, when: datetime) -> list[Message]:
    if state.unit.kind != GATEWAY:
        level_db = round(-between(state.chance, 25.0, 60.0), 1)
        return [
            _text(f"frigate/{state.unit.id}/audio/dBFS", str(level_db)),
            _text(f"frigate/{state.unit.id}/audio/rms", str(round(10 ** (level_db / 20) * 100, 2))),
        ]
    cameras = {one.unit.id: _camera_stats(one, place) for place, one in enumerate(state.behind)}
    service = {
        "last_updated": int(when.timestamp()),
        "uptime": int(state.uptime_s),
        "version": state.firmware,
        "latest_version": state.firmware,
        "storage": {"/media/frigate/recordings": {"total": 244_529.7, "used": 189_607.0, "free": 42_429.9}},
        "temperatures": {},
    }
    detectors = {"coral": {"detection_start": 0.0, "inference_speed": 9.1, "pid": 42}}
    stats = {
        "cameras": cameras,
        "detectors": detectors,
        "detection_fps": round(sum(one["detection_fps"] for one in cameras.values()), 1),
        "service": service,
    }
    return [Message(topic="frigate/stats", payload=msgspec.json.encode(stats))]


def _camera_stats(camera: State, place: int) -> dict[str, float]:
    fps = 0.0 if camera.silent else FPS
    return {
        "camera_fps": fps,
        "process_fps": fps,
        "skipped_fps": 0.0,
        "detection_fps": 0.0 if camera.silent else round(between(camera.chance, 0.0, 6.0), 1),
        "detection_enabled": True,
        "pid": 100 + 3 * place,
        "capture_pid": 101 + 3 * place,
        "ffmpeg_pid": 102 + 3 * place,
    }


def _happen(state: State, when: datetime) -> list[Step]:
    """Something comes into view: motion, a tracked object with its counts, a review; in the end all of them end."""
    if state.unit.kind == GATEWAY:
        return said(0.0, *_report(state, when))
    track = _new_track(state, when)
    camera, ended_s = state.unit.id, track.lasts_s
    busy = state.busy_until is not None and when < state.busy_until
    updates = [UPDATE_S * n for n in range(1, int(ended_s / UPDATE_S) + 1)][:3]
    steps = [
        *said(0.0, _event(state, track, "new", 0.0)),
        *said(0.0, _review(state, track, "new")),
        *(step for at_s in updates for step in said(at_s, _event(state, track, "update", at_s))),
        *said(ended_s, _event(state, track, "end", ended_s)),
        *said(ended_s, _review(state, track, "end")),
    ]
    if busy:
        return steps  # the camera already told that it moves, and is told over by the one before
    state.busy_until = when + timedelta(seconds=ended_s)
    return [
        *said(0.0, _motion(state, active=True)),
        *said(0.0, _text(f"frigate/{camera}/{track.label}", "1")),
        *steps,
        *said(ended_s, _text(f"frigate/{camera}/{track.label}", "0")),
        *said(ended_s, _motion(state, active=False)),
    ]


def _new_track(state: State, when: datetime) -> _Track:
    chance = state.chance
    label = chance.choice(_LABELS)
    plated = hits(chance, PLATED) and label == "car"
    end = "".join(chance.choice(_ALPHABET) for _ in range(6))
    return _Track(
        id=f"{when.timestamp():.6f}-{end}",
        label=label,
        start=when,
        lasts_s=round(between(chance, *LASTS_S), 3),
        score=round(between(chance, 0.7, 0.97), 4),
        zone=chance.choice(_ZONES),
        plate=f"SIM{whole_between(chance, 1000, 9999)}" if plated else "",
    )


def _event(state: State, track: _Track, phase: str, at_s: float) -> Message:
    before = _tracked(state, track, max(0.0, at_s - UPDATE_S), ended=False)
    after = _tracked(state, track, at_s, ended=phase == "end")
    events = [f"{state.unit.source}|{track.id}.object_detection"]
    if after["recognized_license_plate"]:
        events.append(f"{state.unit.source}|{track.id}.plate_read")
    payload = msgspec.json.encode({"type": phase, "before": before, "after": after})
    return Message(topic="frigate/events", payload=payload, events=tuple(events))


def _tracked(state: State, track: _Track, at_s: float, *, ended: bool) -> dict[str, object]:
    start_s, frame_s = track.start.timestamp(), track.start.timestamp() + at_s
    left = 300 + round(12 * at_s)
    box = [left, 300, left + 120, 520]
    read = bool(track.plate) and at_s >= UPDATE_S
    zones = [track.zone] if at_s > 0 else []
    return {
        "id": track.id,
        "camera": state.unit.id,
        "frame_time": round(frame_s, 6),
        "snapshot": {"frame_time": round(frame_s, 6), "box": box, "area": 26_400, "score": track.score},
        "label": track.label,
        "sub_label": None,
        "top_score": track.score,
        "false_positive": False,
        "start_time": round(start_s, 6),
        "end_time": round(frame_s, 6) if ended else None,
        "score": round(track.score - 0.02, 4),
        "box": box,
        "area": 26_400,
        "ratio": 0.545,
        "region": [left - 100, 200, left + 220, 620],
        "current_zones": [] if ended else zones,
        "entered_zones": zones,
        "thumbnail": None,
        "has_snapshot": at_s > 0,
        "has_clip": at_s > 0,
        "active": not ended,
        "stationary": False,
        "motionless_count": 0,
        "position_changes": 1,
        "attributes": {},
        "current_attributes": [],
        "recognized_license_plate": track.plate if read else None,
        "recognized_license_plate_score": 0.93 if read else None,
    }


def _review(state: State, track: _Track, phase: str) -> Message:
    review_id = f"{track.start.timestamp():.6f}-{track.id[-6:][::-1]}"
    severity = "alert" if track.label in ("person", "car") else "detection"
    ended = track.start.timestamp() + track.lasts_s if phase == "end" else None
    data = {"detections": [track.id], "objects": [track.label], "sub_labels": [], "zones": [], "audio": []}
    review = {
        "id": review_id,
        "camera": state.unit.id,
        "start_time": round(track.start.timestamp(), 6),
        "end_time": ended,
        "severity": severity,
        "thumb_path": f"/media/frigate/clips/review/thumb-{state.unit.id}-{review_id}.webp",
        "data": data,
    }
    payload = msgspec.json.encode({"type": phase, "before": {**review, "end_time": None}, "after": review})
    events = (f"{state.unit.source}|{review_id}.review_{severity}",)
    return Message(topic="frigate/reviews", payload=payload, events=events)


FIRMWARE = Firmware(
    family="frigate",
    naming=Naming(patterns={CAMERA: "cam_{number:03d}"}, prefix="frigate/", gateway=SERVER),
    version="0.16.1",
    birth=_birth,
    will=_will,
    will_after_s=20.0,
    report=_report,
    report_messages=2.0,
    happen=_happen,
    incident_messages=10.5,
)

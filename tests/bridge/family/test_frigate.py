"""Frigate's topics as its documentation writes them."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from firmware_bridge.family.frigate.family import FAMILY
from tests.bridge.family.hearing import KIT, changed, kit_samples
from tests.bridge.family.told import Conversation, as_bytes, well_typed
from tests.conftest import examples

YARD = "frigate/yard"
SERVER = "frigate/server"
STARTED = datetime(2020, 12, 4, 23, 19, 15, 500_000, tzinfo=UTC)  # 1607123955.5
EVENT = {
    "id": "1607123955.5-mxklsc",
    "camera": "yard",
    "frame_time": 1607123962.25,
    "label": "person",
    "sub_label": ["Ann", 0.79],
    "top_score": 0.95,
    "score": 0.8,
    "false_positive": False,
    "start_time": 1607123955.5,
    "end_time": None,
    "current_zones": [],
    "entered_zones": ["gate", "path"],
    "stationary": False,
}
DETECTION: dict[str, Any] = {
    "device": YARD,
    "observed_at": STARTED,
    "observation_id": "1607123955.5-mxklsc",
    "label": "person",
    "score": 0.95,
    "area": "path",
    "attributes": {"sub_label": "Ann", "zones": ["gate", "path"]},
}
REVIEW = {
    "id": "1718987129.5-fqk5ka",
    "camera": "yard",
    "start_time": 1718987129.5,
    "end_time": None,
    "severity": "alert",
    "data": {"detections": ["a", "b"], "objects": ["person", "car"], "sub_labels": [], "zones": ["gate"], "audio": []},
}


def told(topic: str, said: Any) -> list[Observation]:
    return Conversation(FAMILY).tell(topic, said)


def event(kind: str = "update", **members: Any) -> dict[str, Any]:
    return {"type": kind, "before": EVENT, "after": {**EVENT, **members}}


def heard(device: str = YARD, **facts: Any) -> list[DeviceHealth]:
    return [DeviceHealth(device=device, via="" if device == SERVER else SERVER, **facts)]


def test_a_tracked_object_is_one_incident_that_grows() -> None:
    new = told("frigate/events", event("new", frame_time=1607123956.0))
    update = told("frigate/events", event())
    end = told("frigate/events", event("end", end_time=1607123970.0))
    assert new == [ObjectDetection(**DETECTION, phase="new", rev=1_607_123_956_000)]
    assert update == [ObjectDetection(**DETECTION, phase="update", rev=1_607_123_962_250)]
    ended_at = STARTED + timedelta(seconds=14.5)
    assert end == [ObjectDetection(**DETECTION, phase="end", rev=1_607_123_970_001, ended_at=ended_at)]


def test_the_end_is_above_an_update_of_the_same_frame() -> None:
    update, end = (told("frigate/events", event(kind))[0] for kind in ("update", "end"))
    assert isinstance(update, ObjectDetection)
    assert isinstance(end, ObjectDetection)
    assert end.rev == update.rev + 1


def test_a_false_positive_only_tells_that_the_camera_sees() -> None:
    assert told("frigate/events", event("end", false_positive=True)) == heard()


def test_where_it_is_now_comes_before_where_it_was() -> None:
    (seen,) = told("frigate/events", event(current_zones=["door"]))
    assert isinstance(seen, ObjectDetection)
    assert seen.area == "door"


@pytest.mark.parametrize(
    ("members", "score"),
    [
        ({"recognized_license_plate": "ABC123", "recognized_license_plate_score": 0.9}, 0.9),
        ({"recognized_license_plate": ["ABC123", 0.9]}, 0.9),
        ({"recognized_license_plate": "ABC123"}, None),
    ],
)
def test_a_plate_on_a_tracked_car_is_read_beside_it(members: dict[str, Any], score: float | None) -> None:
    car, plate = told("frigate/events", event(label="car", sub_label="ABC123", **members))
    assert "ABC123" not in repr(car)  # recognisers write it into sub_label
    assert plate == PlateRead(
        device=YARD,
        observed_at=datetime(2020, 12, 4, 23, 19, 22, 250_000, tzinfo=UTC),
        observation_id="1607123955.5-mxklsc",
        plate="ABC123",
        score=score,
        vehicle="car",
        phase="update",
        rev=1_607_123_962_250,
    )


@pytest.mark.parametrize("empty", [None, "", [], [None]])
def test_without_a_plate_there_is_none(empty: Any) -> None:
    assert len(told("frigate/events", event(recognized_license_plate=empty))) == 1


def test_a_recogniser_beside_frigate_reads_a_plate_on_a_tracked_car() -> None:
    said = {
        "plate_number": "AB12CD",
        "score": 0.9,
        "frigate_event_id": "1607123955.475377-mxklsc",
        "camera_name": "gate",
        "start_time": "2026-11-23 11:00:00",
    }
    assert Conversation(FAMILY).tell("frigate/plate_recognizer", said) == [
        PlateRead(
            device="frigate/gate",
            observed_at=datetime(2026, 11, 23, 11, tzinfo=UTC),
            observation_id="1607123955.475377-mxklsc",
            plate="AB12CD",
            score=0.9,
        )
    ]


def test_a_carrier_is_named_as_frigate_names_it() -> None:
    (car,) = told("frigate/events", event(label="car", sub_label="amazon"))
    assert car.attributes["sub_label"] == "amazon"


def test_a_review_is_an_incident_whose_end_comes_last_in_any_order() -> None:
    messages = [
        {"type": "new", "before": REVIEW, "after": {**REVIEW, "severity": "detection", "data": {"detections": ["a"]}}},
        {"type": "update", "before": REVIEW, "after": REVIEW},
        {"type": "end", "before": REVIEW, "after": {**REVIEW, "end_time": 1718987140.0}},
    ]
    ended_at = "2024-06-21T16:25:40+00:00"
    last = Incident(
        device=YARD,
        observed_at=datetime(2024, 6, 21, 16, 25, 29, 500_000, tzinfo=UTC),
        observation_id="1718987129.5-fqk5ka",
        event_type="review_alert",
        severity=1.0,
        rev=1_000_006,
        attributes={"objects": ["person", "car"], "zones": ["gate"], "items": 2, "ended_at": ended_at},
    )
    for order in permutations(messages):
        items = [one for message in order for one in told("frigate/reviews", message)]
        assert max(items, key=lambda one: one.rev if isinstance(one, Incident) else -1) == last


UPDATE = {"id": "9.5-x", "camera": "yard", "timestamp": 1607123956.0, "score": 0.9}
FOUND: dict[str, Any] = {"device": YARD, "observed_at": datetime(2020, 12, 4, 23, 19, 16, tzinfo=UTC)}


def test_what_is_found_out_about_an_object_besides() -> None:
    topic, rev = "frigate/tracked_object_update", 1_607_123_956_000
    plate = told(topic, {**UPDATE, "type": "lpr", "plate": "123ABC", "name": "John's Car", "plate_box": [1, 2, 3, 4]})
    face = told(topic, {**UPDATE, "type": "face", "name": "John"})
    helmet = told(topic, {**UPDATE, "type": "classification", "model": "helmet", "attribute": "yes"})
    assert plate == [PlateRead(**FOUND, observation_id="9.5-x", plate="123ABC", score=0.9, rev=rev)]
    assert face == [
        Incident(
            **FOUND,
            observation_id="9.5-x.face",
            event_type="face",
            value=0.9,
            rev=rev,
            attributes={"object": "9.5-x", "recognised": "John"},
        )
    ]
    assert helmet == [
        Incident(
            **FOUND,
            observation_id="9.5-x.classification.helmet",
            event_type="classification",
            value=0.9,
            rev=rev,
            attributes={"object": "9.5-x", "model": "helmet", "class": "yes"},
        )
    ]


def test_a_description_is_kept_without_what_could_be_a_plate() -> None:
    said = {"type": "description", "id": "9.5-x", "description": "A red van, plate ABC-123 or WXYZ, turns left."}
    assert told("frigate/tracked_object_update", said) == [
        Incident(
            device=SERVER,
            observation_id="9.5-x.description",
            event_type="description",
            attributes={"object": "9.5-x", "text": "A red van, plate … or … turns left."},
        )
    ]


def test_a_trigger_is_an_incident_of_its_camera() -> None:
    said = {"name": "bus", "camera": "yard", "event_id": "9.5-x", "type": "thumbnail", "score": 0.85}
    assert told("frigate/triggers", said) == [
        Incident(
            device=YARD,
            observation_id="9.5-x.trigger.bus",
            event_type="trigger",
            value=0.85,
            attributes={"trigger": "bus", "object": "9.5-x", "type": "thumbnail"},
        )
    ]


def server_reading(metric: str, value: float, unit: str, channel: str = "") -> EnvironmentReading:
    at = FOUND["observed_at"]
    return EnvironmentReading(device=SERVER, observed_at=at, metric=metric, value=value, unit=unit, channel=channel)


def test_stats_tell_of_every_camera_and_of_the_server() -> None:
    said = {
        "cameras": {
            "yard": {"camera_fps": 5.1, "skipped_fps": 0.5, "connection_quality": "fair"},
            "gate": {"camera_fps": 0.0},
        },
        "detectors": {"coral": {"inference_speed": 9.5}},
        "cpu_usages": {"1": {"cpu": "0.0"}, "frigate.full_system": {"cpu": "22.5", "mem": "34.1"}},
        "gpu_usages": {"intel-vaapi": {"gpu": "1.33 %", "mem": "- %"}},
        "service": {
            "version": "0.17.0",
            "uptime": 60,
            "last_updated": 1607123956,
            "storage": {"/media/recordings": {"total": 200.0, "used": 50.0}, "/tmp/cache": {}},
            "temperatures": {"apex_0": 50.0},
        },
    }
    at = FOUND["observed_at"]
    assert told("frigate/stats", said) == [
        DeviceHealth(
            device=SERVER,
            observed_at=at,
            state="online",
            firmware="0.17.0",
            uptime_s=60,
            attributes={"cameras": 2},
        ),
        CameraStatus(device=YARD, observed_at=at, working=True, fps=5.1, reason="fair"),
        *heard(observed_at=at, attributes={"skipped_fps": 0.5}),
        CameraStatus(device="frigate/gate", observed_at=at, working=False, fps=0.0, reason="no frames"),
        *heard("frigate/gate", observed_at=at),
        server_reading("temperature", 50.0, "Cel", "apex_0"),
        server_reading("inference_time", 9.5, "ms", "coral"),
        server_reading("disk_used", 25.0, "%", "media_recordings"),
        server_reading("cpu_load", 22.5, "%"),
        server_reading("memory_used", 34.1, "%"),
        server_reading("gpu_load", 1.33, "%", "intel_vaapi"),
    ]


def test_stats_of_old_have_the_cameras_beside_the_totals() -> None:
    assert told("frigate/stats", {"detection_fps": 5, "yard": {"camera_fps": 5.0}, "service": {}})[1] == CameraStatus(
        device=YARD, working=True, fps=5.0
    )


TOPICS: list[tuple[str, str, list[Observation]]] = [
    ("available", "online", [DeviceHealth(device=SERVER, state="online")]),
    ("available", "stopped", [DeviceHealth(device=SERVER, state="offline")]),
    ("available", "offline", [DeviceHealth(device=SERVER, state="offline")]),
    ("yard/motion", "ON", [Motion(device=YARD, active=True)]),
    ("yard/motion", "OFF", [Motion(device=YARD, active=False)]),
    ("yard/person", "3", [PeopleCount(device=YARD, present=3)]),
    ("yard/car", "0", [PeopleCount(device=YARD, present=0, subject="vehicles")]),
    ("yard/dog", "1", [PeopleCount(device=YARD, present=1, subject="dog")]),
    ("yard/person", "NOT_AN_INT", [*heard()]),
    ("yard/review_status", "ALERT", [*heard(attributes={"review_status": "ALERT"})]),
    (
        "yard/person/active",
        "2",
        [EnvironmentReading(device=YARD, metric="active_objects", value=2, unit="1", channel="person")],
    ),
    ("yard/status/detect", "online", [CameraStatus(device=YARD, working=True)]),
    ("yard/status/detect", "disabled", [CameraStatus(device=YARD, working=False, reason="detect disabled")]),
    ("yard/status/record", "offline", [CameraStatus(device=YARD, recording=False, reason="record offline")]),
    ("yard/recordings/state", "ON", [CameraStatus(device=YARD, recording=True)]),
    ("yard/enabled/state", "OFF", [CameraStatus(device=YARD, working=False, reason="disabled")]),
    ("yard/detect/state", "ON", [*heard(attributes={"detect": "ON"})]),
    ("yard/motion_mask/tree/state", "ON", [*heard()]),
    ("yard/audio/scream", "ON", [Alarm(device=YARD, name="audio_scream", active=True)]),
    ("yard/audio/dBFS", "-41.5", [EnvironmentReading(device=YARD, metric="sound_dbfs", value=-41.5, unit="dB")]),
    ("yard/audio/all", "ON", [*heard()]),
    ("yard/audio/transcription", "they said a thing", [*heard()]),
    (
        "yard/classification/Gate",
        "open",
        [Alarm(device=YARD, name="gate", active=True, attributes={"state": "open"})],
    ),
    ("yard/classification/sky", "cloudy", [*heard(attributes={"sky": "cloudy"})]),
    ("yard/person/snapshot", "\x00jpeg", []),
    ("yard/detect/set", "ON", []),
    ("yard/ptz", "MOVE_UP", []),
    ("restart", "now", []),
    ("profile/state", "home", [DeviceHealth(device=SERVER, attributes={"profile": "home"})]),
    ("model_state", "{}", [DeviceHealth(device=SERVER)]),
]


@pytest.mark.parametrize(("topic", "said", "expected"), TOPICS)
def test_each_topic_says_its_own(topic: str, said: str, expected: list[Observation]) -> None:
    assert told(f"frigate/{topic}", said) == expected


def test_a_count_of_a_zone_belongs_to_its_camera_once_an_event_told_which() -> None:
    frigate = Conversation(FAMILY)
    assert frigate.tell("frigate/gate/person", "1") == [PeopleCount(device="frigate/gate", present=1)]
    frigate.tell("frigate/events", event())
    assert frigate.tell("frigate/gate/person", "1") == [PeopleCount(device=YARD, present=1, line="gate")]


def test_all_activity_at_once() -> None:
    said = {"yard": {"motion": True, "objects": [], "config": {"enabled": True, "record": False}}}
    assert told("frigate/camera_activity", said) == [
        CameraStatus(device=YARD, recording=False),
        Motion(device=YARD, active=True),
    ]


def test_another_base_topic_is_known_by_the_shape_and_its_server_by_that() -> None:
    assert told("site/nvr/events", event())[0].device == YARD
    assert (
        told("site/nvr/stats", {"cameras": {"yard": {"camera_fps": 5}}, "service": {}})[0].device == "frigate/site/nvr"
    )
    assert told("site/nvr/reviews", {"type": "new", "before": REVIEW, "after": REVIEW})[0].device == YARD
    assert told("site/nvr/tracked_object_update", {**UPDATE, "type": "face"})[0].device == YARD


@pytest.mark.parametrize(
    ("topic", "said", "reason"),
    [
        ("events", {"type": "new"}, "$.after: expected an object with type, before and after"),
        ("events", {"type": "new", "after": {"id": "1"}}, "$.after.camera: names no camera"),
        ("events", {"type": "new", "after": {"camera": "yard"}}, "$.after.id: has no id"),
        ("events", [], "$.after: expected an object"),
        ("available", "maybe", "expected online, offline or stopped"),
        ("yard/motion", "perhaps", "expected ON or OFF"),
        ("stats", "5", "expected a JSON object"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(topic: str, said: Any, reason: str) -> None:
    assert Conversation(FAMILY).refusal(f"frigate/{topic}", said).startswith(reason)


@settings(max_examples=examples(300))
@given(
    st.sampled_from(["events", "reviews", "tracked_object_update", "stats", "triggers", "camera_activity"]),
    changed(
        [
            event(recognized_license_plate=["ABC123", 0.9]),
            {"type": "new", "before": REVIEW, "after": REVIEW},
            {**UPDATE, "type": "lpr", "plate": "123ABC"},
            {**UPDATE, "type": "description", "description": "a car"},
            {"cameras": {"yard": {"camera_fps": 5.1}}, "detectors": {"cpu": {"inference_speed": 9.5}}, "service": {}},
            {"yard": {"motion": True, "config": {"record": True}}},
        ]
    ),
)
def test_odd_members_cost_no_more_than_themselves(topic: str, said: Any) -> None:
    decoded = Conversation(FAMILY).decoder.decode(f"frigate/{topic}", as_bytes(said), received_at=STARTED)
    assert decoded.items
    assert well_typed(decoded.observations)
    assert not any("ABC123" in rejection.reason for rejection in decoded.rejections)


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_no_real_message_is_refused() -> None:
    frigate = Conversation(FAMILY)
    samples = kit_samples("frigate")
    assert len([frigate.tell(one.topic, one.payload) for one in samples if one.topic]) == 28

"""Frigate through its versions, and more than one of it at a broker."""

from appliance.model.observation import DeviceHealth, ObjectDetection, PeopleCount
from firmware_bridge.family.frigate.family import FAMILY
from tests.bridge.family.test_frigate import EVENT, REVIEW, UPDATE, YARD, event, told
from tests.bridge.family.told import Conversation


def test_stats_of_old_are_known_by_their_detectors_on_any_topic() -> None:
    said = {"detection_fps": 5, "detectors": {}, "yard": {"camera_fps": 5.0}, "service": {"version": "0.11.1"}}
    server, camera, _ = told("site/nvr/stats", said)
    assert server == DeviceHealth(
        device="frigate/site/nvr", state="online", firmware="0.11.1", attributes={"cameras": 1}
    )
    assert camera.device == YARD


def test_a_server_below_the_base_topic_is_known_by_the_shape() -> None:
    assert told("frigate/north/events", event()) == told("frigate/events", event())
    stats = told("frigate/north/stats", {"cameras": {"yard": {"camera_fps": 5}}, "service": {}})
    assert [one.device for one in stats] == ["frigate/north", YARD, YARD]


def test_how_fast_it_went_has_the_unit_of_the_configuration() -> None:
    (seen,) = told("frigate/events", event(average_estimated_speed=14.5))
    assert seen.attributes["estimated_speed"] == 14.5


def test_a_face_that_is_nobodys() -> None:
    (seen,) = told("frigate/tracked_object_update", {**UPDATE, "type": "face", "name": None})
    assert seen.attributes == {"object": "9.5-x"}


def test_what_a_language_model_makes_of_a_review() -> None:
    data = {"detections": ["a"], "objects": ["person"], "metadata": {"title": "x", "potential_threat_level": 1}}
    said = {"type": "genai", "before": REVIEW, "after": {**REVIEW, "data": data}}
    (seen,) = told("frigate/reviews", said)
    assert seen.attributes == {"objects": ["person"], "items": 1, "threat_level": 1}


def test_a_base_topic_with_frigates_name_is_known_by_it() -> None:
    assert told("site/frigate-2/yard/motion", "ON") == told("frigate/yard/motion", "ON")
    assert told("frigate-2/yard/person", "3") == told("frigate/yard/person", "3")
    assert told("frigate-2/available", "online") == [DeviceHealth(device="frigate/frigate-2", state="online")]
    (setting,) = told("frigate-2/yard/detect/state", "ON")
    assert isinstance(setting, DeviceHealth)
    assert (setting.device, setting.via) == (YARD, "frigate/frigate-2")
    assert told("frigate-2/yard/person/snapshot", b"\xff\xd8\xff") == []


def test_below_any_other_base_the_cameras_are_known_that_frigate_told_of() -> None:
    site = Conversation(FAMILY)
    assert site.refusal("cctv/yard/motion", "ON")
    site.tell("cctv/events", event())
    assert site.tell("cctv/yard/motion", "ON") == told("frigate/yard/motion", "ON")
    assert site.tell("cctv/gate/person", "2")[0] == PeopleCount(device=YARD, present=2, line="gate", subject="people")
    assert site.tell("cctv/available", "offline") == [DeviceHealth(device="frigate/cctv", state="offline")]
    assert site.refusal("cctv/kitchen/temperature", "21")


def test_events_before_0_8_stand_below_their_camera() -> None:
    alone = {name: value for name, value in EVENT.items() if name not in ("camera", "false_positive")}
    (seen,) = told("frigate/yard/events/start", alone)
    assert isinstance(seen, ObjectDetection)
    assert (seen.device, seen.phase, seen.observation_id) == (YARD, "new", EVENT["id"])
    (seen,) = told("frigate/yard/events/end", {**alone, "end_time": 1607123970.5})
    assert isinstance(seen, ObjectDetection)
    assert seen.phase == "end"
    assert seen.ended_at is not None

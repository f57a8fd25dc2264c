"""Frigate through its versions, and more than one of it at a broker."""

from appliance.model.observation import DeviceHealth
from tests.bridge.family.test_frigate import REVIEW, UPDATE, YARD, event, told


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

"""What happens before a people counter, and crowds: each told by what it is."""

from typing import Any

import pytest

from appliance.model.observation import (
    Alarm,
    CameraStatus,
    CrowdDensity,
    DeviceHealth,
    Observation,
)
from tests.bridge.family.test_people_counting import AT, DOOR, MS, count, dwell, live, tell

SCENE: list[tuple[str, dict[str, Any], list[Observation]]] = [
    ("ZONE_ENTRY", {"geometry_id": 1006}, [count(entered=1, line="1006")]),
    ("ZONE_EXIT", {"geometry_name": "Z", "time_in_zone": 4.3}, [count(left=1, line="Z"), dwell(4.3, "Z")]),
    ("COUNT_RESET", {"counter_name": "fw", "counter_value": 0}, [count(entered=0, cumulative=True)]),
    ("DOOR_OPEN", {"door_id": 2}, [Alarm(device=DOOR, observed_at=AT, name="contact", active=True, area="2")]),
    ("DOOR_CLOSED", {"door_id": 2}, [Alarm(device=DOOR, observed_at=AT, name="contact", active=False, area="2")]),
    ("BLOCKED_SPACE_ABOVE", {}, [Alarm(device=DOOR, observed_at=AT, name="blocked_space", active=True)]),
    ("DIGITAL_INPUT_LOW", {}, [Alarm(device=DOOR, observed_at=AT, name="digital_input", active=False)]),
    (
        "WRONG_WAY_DETECTED",
        {"geometry_name": "Gate"},
        [Alarm(device=DOOR, observed_at=AT, name="wrong_way", active=True, area="Gate", momentary=True)],
    ),
    ("SENSOR_FAILURE", {}, [CameraStatus(device=DOOR, observed_at=AT, working=False, reason="sensor failure")]),
    ("ILLUMINATION_SUFFICIENT", {}, []),
]
CAMERA = "people_counting/cam"
CROWDS: list[tuple[dict[str, Any], list[Observation]]] = [
    (
        {"cameraId": "cam", "peopleCount": 12, "crowdDensity": 0.5, "timestamp": MS},
        [CrowdDensity(device=CAMERA, observed_at=AT, people=12, per_m2=0.5)],
    ),
    (
        {
            "stream_id": "cam",
            "timestamp": MS // 1000,
            "data": {"total_crowd_count": 14, "event_set": [{"crowd_count": 9, "polygon": []}]},
        },
        [
            CrowdDensity(device=CAMERA, observed_at=AT, people=9, area="1"),
            CrowdDensity(device=CAMERA, observed_at=AT, people=14),
        ],
    ),
    (
        {
            "stream_id": "cam",
            "timestamp": MS // 1000,
            "data": {"event_set": [{"line_id": 4, "side1_count": 3, "side2_count": 0}]},
        },
        [count(CAMERA, entered=3, left=0, line="4")],
    ),
]


@pytest.mark.parametrize(("kind", "attributes", "expected"), SCENE)
def test_what_happens_in_a_scene_is_told_by_what_it_is(
    kind: str, attributes: dict[str, Any], expected: list[Observation]
) -> None:
    [_, *happened, _] = tell(live({"type": kind, "attributes": attributes}))

    assert happened == expected


@pytest.mark.parametrize(("said", "expected"), CROWDS)
def test_a_crowd_is_told_by_its_size(said: dict[str, Any], expected: list[Observation]) -> None:
    assert tell(said) == [*expected, DeviceHealth(device=CAMERA, observed_at=AT)]


def test_who_is_inside_is_told_with_who_came_and_went() -> None:
    said = {"occupancy": 15, "serial": "00:40:8c", "timestamp": "20230116132702", "total_in": 100, "total_out": 85}

    [counted, _] = tell(said)

    assert counted == count("people_counting/00:40:8c", entered=100, left=85, present=15, cumulative=True)

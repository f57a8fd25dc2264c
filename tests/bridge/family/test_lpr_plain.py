"""Plates in plain objects, what readers tell beside plates, and no plate where it does not belong."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from appliance.model.observation import Alarm, CameraStatus, DeviceHealth, ObjectDetection, Observation, PlateRead
from firmware_bridge.family.lpr.family import FAMILY
from tests.bridge.family.hearing import changed, hear, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples

AT = datetime(2025, 9, 19, 17, 27, 45, tzinfo=UTC)
S = 1_758_302_865
VERKADA = {
    "webhook_type": "lpr",
    "created_at": S + 1,
    "data": {
        "camera_id": "387",
        "created": S,
        "license_plate_number": "ABC1234",
        "confidence": 0.96,
        "license_plate_state": "us-ca",
    },
}
PERSON = {"box": {"xmin": 282}, "type": "person", "score": 0.9, "track_id": 1}
TRACKED = {"camera_id": None, "timestamp": "2025-09-19T17:27:45Z", "results": [PERSON]}


def seen(device: str, **told: Any) -> list[Observation]:
    camera: dict[str, Any] = {"device": f"lpr/{device}", "observed_at": AT}
    return [PlateRead(plate="ABC1234", **camera, **told), DeviceHealth(**camera)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (VERKADA, seen("387", score=0.96, region="us-ca")),
        ({"plate_number": "ABC1234", "camera": "Gate", "timestamp": S}, seen("Gate")),
        ({"plate": "ABC1234", "device": "ACCC8E01", "timestamp": S * 1_000, "localTime": "x"}, seen("ACCC8E01")),
        ({"licensePlate": "ABC1234", "cameraId": "G1", "time": S, "confidence": 96}, seen("G1", score=0.96)),
        ({"plate_number": "ABC1234", "camera": "Gate", "timestamp": S, "state": "online"}, seen("Gate")),
        ({"plate_number": "", "camera": "Gate", "timestamp": S}, [DeviceHealth(device="lpr/Gate", observed_at=AT)]),
    ],
)
def test_a_plate_in_a_plain_object(said: Any, expected: list[Observation]) -> None:
    assert hear(FAMILY, said) == expected


@pytest.mark.parametrize(
    "document",
    [
        {"plate": 60, "timestamp": S},  # of a cooker, or a printer
        {"plate": "hot", "timestamp": S},
        {"plate": "ABC1234"},  # of nobody knows which camera, and when
        {"webhook_type": "lpr", "data": 5},
    ],
)
def test_another_plate_is_not_taken(document: Any) -> None:
    assert FAMILY.recognise is not None
    assert FAMILY.recognise(document) is None


def test_people_who_are_tracked_are_one_incident_a_day() -> None:
    sender: dict[str, Any] = {"device": "lpr/site/gate", "observed_at": AT}
    person = ObjectDetection(
        label="person", score=0.9, observation_id="1.20250919", phase="update", rev=S * 1_000, **sender
    )
    expected = [person, DeviceHealth(**sender)]
    assert hear(FAMILY, TRACKED) == expected
    assert hear(FAMILY, {"hook": {"event": "people_detected"}, "data": TRACKED}) == expected


def test_an_account_tells_how_much_of_it_is_used() -> None:
    usage = {"usage": {"month": 2, "year": 2023, "calls": 80}, "total_calls": 2500}
    assert hear(FAMILY, usage) == [DeviceHealth(device="lpr/site/gate", attributes={"calls": 80, "total_calls": 2500})]


def test_a_reader_with_a_topic_for_each_thing_tells_a_plate_once() -> None:
    told = Conversation(FAMILY)
    read = {"epoch_time": S * 1_000, "results": [{"plate": "ABC1234", "confidence": 90.0}]}
    plate, health = told.tell("plate-minder/drive/detect", read)
    assert plate == PlateRead(device="lpr/drive", observed_at=AT, plate="ABC1234", score=0.9)
    assert health == DeviceHealth(device="lpr/drive")
    for leaf, payload in (("plate", b"ABC1234"), ("image", b"\xff\xd8\xff")):
        assert told.tell(f"plate-minder/drive/{leaf}", payload) == [
            DeviceHealth(device="lpr/drive", via="lpr/plate-minder")
        ]
    assert told.tell("plate-minder/available", "offline") == [DeviceHealth(device="lpr/plate-minder", state="offline")]


@pytest.mark.parametrize("document", [VERKADA, {"plate": "ABC1234", "device": "Gate", "time": S, "name": "Gate"}])
def test_a_plate_stands_in_no_other_member(document: Any) -> None:
    for item in hear(FAMILY, document):
        plain = msgspec.structs.replace(item, plate="") if isinstance(item, PlateRead) else item
        assert b"ABC1234" not in msgspec.json.encode(plain)


@given(changed([VERKADA, TRACKED, {"plate_number": "A", "camera": "b", "timestamp": 1, "confidence": 2}]))
@settings(max_examples=examples(200))
def test_odd_members_cost_no_more_than_themselves(document: Any) -> None:
    outcome(FAMILY, document)


CONTAINER = {
    "camera_id": "quay",
    "timestamp": "2025-09-19T17:27:45Z",
    "results": [
        {"box": {"xmin": 1}, "dscore": 0.8, "label": "Size and Type Codes", "texts": [{"value": "45G1", "score": 0.9}]},
        {"box": {"xmin": 1}, "dscore": 0.8, "label": "Owner Code", "texts": []},
    ],
}
USDOT = {
    "results": [{"texts": [{"value": "USDOT0557341", "score": 1.0}], "object": {"label": "usdot", "score": 0.7}}],
    "timestamp": "2025-09-19T17:27:45+00:00",
}


def test_what_is_read_and_no_plate_is_something_seen() -> None:
    quay = {"device": "lpr/quay", "observed_at": AT}
    code = ObjectDetection(label="size and type codes", score=0.9, attributes={"text": "45G1"}, **quay)
    assert hear(FAMILY, CONTAINER) == [code, DeviceHealth(**quay)]
    assert hear(FAMILY, {"hook": {"id": "quay"}, "data": CONTAINER}) == [code, DeviceHealth(**quay)]
    (carrier, _) = hear(FAMILY, USDOT)
    assert carrier == ObjectDetection(
        device="lpr/site/gate", observed_at=AT, label="usdot", score=1.0, attributes={"text": "USDOT0557341"}
    )


def test_vision_alert_says_what_is_the_matter_with_cameras() -> None:
    said = {
        "license": "X",
        "anomaly": "Offline",
        "cameras": [
            {"serial": "d39", "name": "Cam-01", "anomaly": "Offline"},
            {"serial": "d40", "name": "Cam-02", "anomaly": "Blocked"},
        ],
    }
    assert hear(FAMILY, said) == [
        CameraStatus(device="lpr/d39", working=False, reason="offline"),
        DeviceHealth(device="lpr/d39", name="Cam-01"),
        Alarm(device="lpr/d40", name="tamper", active=True, momentary=True, attributes={"state": "Blocked"}),
        DeviceHealth(device="lpr/d40", name="Cam-02"),
    ]


def test_a_lilin_camera_lists_its_plates() -> None:
    read = {"INDEX": 1, "TS": f"{S}000000", "LPR": "ABC1234", "THRESHOLD": "0.79", "COUNTRY": "TUR"}
    assert hear(FAMILY, {"LPR_COUNT": 1, "INFORMATION": [read]}) == [
        PlateRead(device="lpr/site/gate", observed_at=AT, plate="ABC1234", score=0.79, region="TUR"),
        DeviceHealth(device="lpr/site/gate"),
    ]


@given(changed([CONTAINER, USDOT, {"license": "X", "cameras": [{"serial": "d39", "anomaly": "Offline"}]}]))
@settings(max_examples=examples(200))
def test_odd_members_of_those_cost_no_more_than_themselves(document: Any) -> None:
    outcome(FAMILY, document)

"""ONVIF and Axis: what topics mean, standing states that are no news, counts, tracked objects, XML read with care."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.model.observation import (
    Alarm,
    CameraStatus,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    ObjectDetection,
    Observation,
    PeopleCount,
    PlateRead,
)
from firmware_bridge.family.onvif_axis.family import FAMILY
from tests.bridge.family.hearing import KIT, changed, hear, kit_samples, outcome, refused
from tests.conftest import examples

WHEN = datetime(2024, 10, 7, 21, 9, 26, 46_000, tzinfo=UTC)
MS = 1_728_335_366_046
CAMERA = "onvif_axis/0123456789AB"
HEARD = DeviceHealth(device=CAMERA, observed_at=WHEN)


def event(topic: str, data: dict[str, Any], source: dict[str, Any] | None = None) -> dict[str, Any]:
    """An event as an Axis camera publishes it."""
    return {
        "topic": topic,
        "timestamp": MS,
        "serial": "0123456789AB",
        "message": {"source": source or {}, "key": {}, "data": data},
    }


def notification(topic: str, operation: str, data: dict[str, str], source: dict[str, str] | None = None) -> str:
    """The same as ONVIF metadata."""

    def items(part: dict[str, str]) -> str:
        return "".join(f'<tt:SimpleItem Name="{name}" Value="{value}"/>' for name, value in part.items())

    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"><tt:Event>'
        '<wsnt:NotificationMessage xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" '
        'xmlns:wsa5="http://www.w3.org/2005/08/addressing">'
        f"<wsnt:Topic>{topic}</wsnt:Topic><wsnt:ProducerReference><wsa5:Address>uri://0123456789AB/ProducerReference"
        "</wsa5:Address></wsnt:ProducerReference><wsnt:Message>"
        f'<tt:Message UtcTime="2024-10-07T21:09:26.046Z" PropertyOperation="{operation}">'
        f"<tt:Source>{items(source or {})}</tt:Source><tt:Key></tt:Key><tt:Data>{items(data)}</tt:Data>"
        "</tt:Message></wsnt:Message>"
        "</wsnt:NotificationMessage></tt:Event></tt:MetadataStream>"
    )


def said(kind: type[Observation], **told: Any) -> list[Observation]:
    return [kind(device=CAMERA, observed_at=WHEN, **told), HEARD]


RULE = {"VideoSourceConfigurationToken": "1", "Rule": "Fence"}
MEANINGS: list[tuple[str, dict[str, str], dict[str, str], list[Observation]]] = [
    ("tns1:RuleEngine/CellMotionDetector/Motion", {"IsMotion": "true"}, RULE, said(Motion, active=True, area="Fence")),
    ("tns1:VideoSource/MotionAlarm", {"State": "false"}, {"Source": "V1"}, said(Motion, active=False, area="V1")),
    ("tns1:Device/tnsaxis:Sensor/PIR", {"state": "1"}, {"sensor": "0"}, said(Motion, active=True, area="0")),
    ("tnsaxis:CameraApplicationPlatform/VMD/Camera1Profile1", {"active": "1"}, {},
     said(Motion, active=True, area="Camera1Profile1")),
    ("tns1:RuleEngine/LineDetector/Crossed", {"ObjectId": "0"}, RULE,
     said(Alarm, name="line_crossing", active=True, area="Fence", momentary=True)),
    ("tns1:RuleEngine/FieldDetector/ObjectsInside", {"ObjectId": "1", "IsInside": "false"}, RULE,
     said(Alarm, name="intrusion", active=False, area="Fence")),
    ("tns1:VideoSource/GlobalSceneChange/ImagingService", {"State": "true"}, {"Source": "V1"},
     said(Alarm, name="tamper", active=True, area="V1")),
    ("tns1:Device/Trigger/DigitalInput", {"LogicalState": "active"}, {"InputToken": "3"},
     said(Alarm, name="digital_input", active=True, area="3")),
    ("tns1:Device/Trigger/Relay", {"LogicalState": "inactive"}, {"RelayToken": "R1"},
     said(EnvironmentReading, metric="relay", value=0.0, unit="1", channel="R1")),
    ("tns1:VideoSource/SignalLoss", {"State": "true"}, {},
     said(CameraStatus, working=False, reason="signal_loss")),
    ("tns1:VideoSource/ImageTooDark/ImagingService", {"State": "true"}, {"Source": "V1"},  # night is no fault
     said(EnvironmentReading, metric="image_too_dark", value=1.0, unit="1", channel="V1")),
    ("tns1:VideoSource/ImageTooBlurry/ImagingService", {"State": "true"}, {"Source": "V1"},
     said(Alarm, name="defocus", active=True, area="V1")),
    ("tns1:RuleEngine/MyRuleDetector/PeopleDetect", {"State": "true"}, {"Source": "000"},
     said(ObjectDetection, label="person", area="000")),
    ("tns1:RuleEngine/TPSmartEventDetector/TPSmartEvent", {"IsVehicle": "true"}, RULE,
     said(ObjectDetection, label="vehicle", area="Fence")),
    ("tns1:RuleEngine/CountAggregation/Counter", {"Count": "17"}, RULE,
     said(PeopleCount, entered=17, line="Fence", cumulative=True)),
    ("tns1:RuleEngine/Recognition/LicensePlate", {"PlateNumber": "AB123", "Likelihood": "0.9"}, RULE,
     said(PlateRead, plate="AB123", score=0.9)),
    ("tns1:PTZController/tnsaxis:Move/Channel_1", {"is_moving": "1"}, {"PTZConfigurationToken": "1"},
     said(EnvironmentReading, metric="is_moving", value=1.0, unit="1", channel="1")),
    ("tns1:Monitoring/ProcessorUsage", {"Value": "37.5"}, {"Token": "CPU"},
     said(EnvironmentReading, metric="cpu_load", value=37.5, unit="%", channel="CPU")),
    ("tns1:RuleEngine/MyRuleDetector/ObjectsInside", {"IsInside": "true"}, RULE,
     said(Alarm, name="intrusion", active=True, area="Fence")),
    ("tns1:RuleEngine/QueueDetector/QueueLength", {"QueueLength": "4"}, RULE,
     said(PeopleCount, present=4, line="Fence")),
    ("tns1:Device/tnsaxis:Status/Temperature/Above", {"sensor_level": "1"}, {},
     said(Alarm, name="temperature_alarm", active=True, area="above")),
    ("tns1:Device/tnsaxis:Status/Temperature/Inside", {"sensor_level": "1"}, {}, [HEARD]),
    ("tns1:Device/tnsaxis:Status/SystemReady", {"ready": "1"}, {},
     said(EnvironmentReading, metric="status_system_ready", value=1.0, unit="1")),
    ("tns1:Device/tnsaxis:Heater/Status", {"running": "0"}, {"heater": "1"},
     said(EnvironmentReading, metric="heater_status", value=0.0, unit="1", channel="1")),
    ("tnsaxis:AudioClassification/Shout", {"Detected": "1"}, {"AudioSource": "AudioDevice0Input0"},
     said(Alarm, name="sound", active=True, area="shout")),
    ("tnsaxis:CameraApplicationPlatform/ObjectAnalytics/Device1Scenario2Threshold", {"active": "1"}, {},
     said(Alarm, name="occupancy_threshold", active=True, area="Device1Scenario2")),
    ("tnsaxis:CameraApplicationPlatform/ObjectAnalytics/xinternal_data", {"svgframe": "path"}, {}, [HEARD]),
    ("tnsaxis:CameraApplicationPlatform/VMD/xinternal_data", {"svgframe": "path"}, {}, [HEARD]),
    ("tns1:RuleEngine/CellMotionDetector/Intrusion", {"IsIntrusion": "true"}, RULE,  # as TP-Link has them
     said(Alarm, name="intrusion", active=True, area="Fence")),
    ("tns1:RuleEngine/CellMotionDetector/LineCross", {"IsLineCross": "false"}, RULE,
     said(Alarm, name="line_crossing", active=False, area="Fence")),
    ("tns1:RuleEngine/CellMotionDetector/Tamper", {"IsTamper": "true"}, RULE,
     said(Alarm, name="tamper", active=True, area="Fence")),
    ("tns1:RuleEngine/CellMotionDetector/People", {"IsPeople": "true"}, RULE,
     said(ObjectDetection, label="person", area="Fence")),
    ("tns1:RuleEngine/PetDetector/Pet", {"IsPet": "true"}, RULE,
     said(ObjectDetection, label="animal", area="Fence")),
    ("tns1:VideoAnalytics/MotionAlarm", {"State": "true"}, {"Source": "V1"},
     said(Motion, active=True, area="V1")),
    ("tns1:VideoSource/tnssamsung:DefocusDetection", {"State": "1"}, {"Source": "V1"},
     said(Alarm, name="defocus", active=True, area="V1")),
    ("tns1:AudioSource/tnssamsung:AudioDetection", {"Audio": "1", "State": "1"}, {"Source": "A1"},
     said(Alarm, name="sound", active=True, area="A1")),
    ("tns1:RuleEngine/VehicleDetector/tnshik:Vehicle",
     {"PlateNumber": "AB123", "Likelihood": "71", "Country": "Kuwait", "VehicleLaneNumber": "1",
      "VehicleDirection": "forward"}, RULE,
     said(PlateRead, plate="AB123", score=0.71, region="Kuwait", direction="forward", attributes={"lane": "1"})),
    ("tns1:RuleEngine/VehicleDetector/tnshik:Vehicle", {"PlateNumber": "unknown", "Likelihood": "0"}, RULE,
     said(ObjectDetection, label="vehicle", area="Fence")),
]  # fmt: skip


@pytest.mark.parametrize(("topic", "data", "source", "expected"), MEANINGS, ids=[entry[0] for entry in MEANINGS])
def test_a_topic_means_the_same_in_xml_and_json(
    topic: str, data: dict[str, str], source: dict[str, str], expected: list[Observation]
) -> None:
    assert hear(FAMILY, notification(topic, "Changed", data, source)) == expected
    axis = topic.replace("tns1:", "onvif:").replace("tnsaxis:", "axis:")
    assert hear(FAMILY, event(axis, dict(data), dict(source))) == expected


def test_how_things_stand_is_no_news_and_what_is_gone_is_nothing() -> None:
    topic, source = "tns1:Device/tnsaxis:IO/Port", {"port": "1"}
    standing = said(EnvironmentReading, metric="digital_input", value=1.0, unit="1", channel="1")
    assert hear(FAMILY, notification(topic, "Initialized", {"state": "1"}, source)) == standing
    quiet = said(Alarm, name="digital_input", active=False, area="1")
    assert hear(FAMILY, notification(topic, "Initialized", {"state": "0"}, source)) == quiet
    assert hear(FAMILY, notification(topic, "Deleted", {"state": "1"}, source)) == [HEARD]


def test_an_analysed_object_is_one_incident_from_its_beginning_to_its_end() -> None:
    topic = "tnsaxis:CameraApplicationPlatform/ObjectAnalytics/Device1Scenario1"
    common: dict[str, Any] = {
        "observation_id": "Device1Scenario1.234232.20241007", "label": "human", "area": "Device1Scenario1", "rev": MS,
    }  # fmt: skip
    data = {"classTypes": "human", "active": "1", "objectId": "234232"}
    assert hear(FAMILY, notification(topic, "Changed", data)) == said(ObjectDetection, phase="new", **common)
    ended = notification(topic, "Changed", {**data, "active": "0"})
    assert hear(FAMILY, ended) == said(ObjectDetection, phase="end", **common)


def test_counting_scenarios_count_by_class() -> None:
    totals = {
        "startTime": "2022-12-06T22:01:25Z", "reason": "car", "total": "20960", "totalBus": "0", "totalCar": "18103",
        "totalHuman": "4", "totalMotorcycle/bicycle": "2", "totalTruck": "2857", "totalUnknown": "0",
    }  # fmt: skip
    topic = "axis/0123456789AB/event/CameraApplicationPlatform/ObjectAnalytics/Device1Scenario1"
    name = "axis:CameraApplicationPlatform/ObjectAnalytics/Device1Scenario1"
    common: dict[str, Any] = {
        "device": CAMERA, "observed_at": WHEN, "line": "Device1Scenario1", "cumulative": True,
        "since": datetime(2022, 12, 6, 22, 1, 25, tzinfo=UTC),
    }  # fmt: skip
    assert hear(FAMILY, event(name, totals), topic) == [
        PeopleCount(entered=18103 + 2857, subject="vehicles", **common),
        PeopleCount(entered=4, subject="people", **common),
        PeopleCount(entered=2, subject="bicycles", **common),
        HEARD,
    ]
    inside = event(name, {"total": "3", "totalHuman": "3", "reason": "human"})
    assert hear(FAMILY, inside) == said(PeopleCount, present=3, line="Device1Scenario1", subject="people")
    plain = event(name, {"scenario": "Occupancy", "total": "3", "human": "3"})
    assert hear(FAMILY, plain) == hear(FAMILY, inside)
    crossed = event(name, {"scenario": "Crossline", "reason": "human", "total": "5", "totalHuman": "5"})
    assert hear(FAMILY, crossed) == said(PeopleCount, entered=5, line="Device1Scenario1", cumulative=True)


def test_an_interval_counts_from_its_beginning_and_not_since_a_reset() -> None:
    span = {"startTime": "2024-10-07T20:45:00Z", "endTime": "2024-10-07T21:00:00Z", "total": "12", "totalHuman": "12"}
    name = "axis:CameraApplicationPlatform/ObjectAnalytics/Device1Scenario1Interval"
    assert hear(FAMILY, event(name, span))[0] == PeopleCount(
        device=CAMERA, observed_at=datetime(2024, 10, 7, 21, 0, tzinfo=UTC), entered=12, line="Device1Scenario1",
        since=datetime(2024, 10, 7, 20, 45, tzinfo=UTC),
    )  # fmt: skip


def test_a_disk_tells_how_it_is_and_nothing_it_does_not_measure() -> None:
    health = {"temperature": "43", "alert": "0", "wear": "-1", "overall_health": "98"}
    disk: dict[str, Any] = {"device": CAMERA, "observed_at": WHEN}
    assert hear(FAMILY, event("axis:Storage/Alert", health, {"disk_id": "SD_DISK"})) == [
        Alarm(name="storage_alert", active=False, area="SD_DISK", **disk),
        EnvironmentReading(metric="disk_temperature", value=43.0, unit="Cel", channel="SD_DISK", **disk),
        EnvironmentReading(metric="disk_health", value=98.0, unit="%", channel="SD_DISK", **disk),
        HEARD,
    ]


def test_the_serial_is_in_the_message_or_the_topic_or_the_sender_is_named() -> None:
    document = event("onvif:Device/axis:Sensor/PIR", {"state": "0"})
    del document["serial"]
    topic = "city/ACCC8E000000/event/tns:onvif/Device/tns:axis/Sensor/PIR/$source/sensor/0"
    assert hear(FAMILY, document, topic)[0].device == "onvif_axis/ACCC8E000000"
    assert hear(FAMILY, document)[0].device == "onvif_axis/site/gate"


def test_a_frame_of_scene_metadata_moves_its_tracks() -> None:
    frame = {
        "frame": {
            "timestamp": "2024-10-07T21:09:26.046Z",
            "observations": [
                {"track_id": "17", "class": {"type": "Human", "score": 0.6, "upper_clothing_colors": []}},
                {"track_id": "18"},
            ],
        }
    }
    device = "onvif_axis/site/gate"
    assert hear(FAMILY, frame) == [
        ObjectDetection(
            device=device,
            observed_at=WHEN,
            observation_id="17.20241007",
            label="human",
            score=0.6,
            phase="update",
            rev=MS,
        ),
        DeviceHealth(device=device, observed_at=WHEN),
    ]


@pytest.mark.parametrize(
    "document",
    [
        {"channel_id": 1, "timestamp": "2024-10-07T21:09:26.046Z"},
        {"channel_id": 1, "timestamp": "2024-10-07T21:09:26.046Z", "track_events": [{"type": "TrackEnded"}]},
        {"frame": {"timestamp": "2024-10-07T21:09:26.046Z"}},
        {"timestamp": "2024-10-07T21:09:26.046Z", "detections": [], "synthetic": True},
        {
            "channel_id": 1,
            "object_track_id": "8e65",
            "timestamp": "2024-10-07T21:09:26.046Z",
            "image": {"data": "/9j/"},
        },
    ],
)
def test_a_scene_of_nothing_new_is_of_the_camera_in_the_topic(document: Any) -> None:
    assert hear(FAMILY, document, "axis/0123456789AB/scene") == [HEARD]


def test_a_head_or_a_plate_is_part_of_what_is_seen_beside_it() -> None:
    seen = [
        {"object_track_id": kind, "class": {"type": kind, "score": 0.7}} for kind in ("Human", "Head", "LicensePlate")
    ]
    document = {
        "channel_id": 1,
        "timestamp": "2024-10-07T21:09:26.046Z",
        "detections": [*seen, {"object_track_id": "x"}],
    }
    heard = hear(FAMILY, document, "axis/0123456789AB/scene")
    assert [one.label for one in heard if isinstance(one, ObjectDetection)] == ["human"]


def test_a_camera_is_the_same_in_every_kind_of_message() -> None:
    old = {
        name: told for name, told in event("onvif:Device/axis:Sensor/PIR", {"state": "1"}).items() if name != "serial"
    }
    wrapped = {"apiVersion": "1.0", "method": "events:notify", "params": {"notification": old}}
    for document in (old, wrapped):
        assert hear(FAMILY, document, "site/0123456789AB/events")[0] == Motion(
            device=CAMERA, observed_at=WHEN, active=True
        )


def test_a_finished_track_is_later_than_its_frames() -> None:
    track = {
        "channel_id": 1, "id": "17", "classes": [{"type": "Car", "score": 0.8}, {"type": "Bus", "score": 0.1}],
        "start_time": "2024-10-07T21:09:20Z", "end_time": "2024-10-07T21:09:26.046Z", "maximum_speed": 4.5,
    }  # fmt: skip
    assert hear(FAMILY, track)[0] == ObjectDetection(
        device="onvif_axis/site/gate",
        observed_at=datetime(2024, 10, 7, 21, 9, 20, tzinfo=UTC),
        observation_id="17.20241007",
        label="car",
        score=0.8,
        phase="end",
        rev=MS + 1,
        ended_at=WHEN,
        attributes={"maximum_speed_mps": 4.5},
    )


def test_objects_of_onvif_frames_with_their_class_and_plate() -> None:
    text = (
        '<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"><tt:VideoAnalytics>'
        '<tt:Frame UtcTime="2024-10-07T21:09:26.046Z"><tt:Object ObjectId="12"><tt:Appearance><tt:Class>'
        '<tt:Type Likelihood="0.9">Vehicle</tt:Type></tt:Class></tt:Appearance></tt:Object><tt:Object ObjectId="13">'
        "<tt:Appearance><tt:LicensePlateInfo><tt:PlateNumber>AB123</tt:PlateNumber></tt:LicensePlateInfo>"
        "</tt:Appearance></tt:Object></tt:Frame></tt:VideoAnalytics></tt:MetadataStream>"
    )
    device = "onvif_axis/site/gate"
    assert hear(FAMILY, text) == [
        ObjectDetection(
            device=device,
            observed_at=WHEN,
            observation_id="12.20241007",
            label="vehicle",
            score=0.9,
            phase="update",
            rev=MS,
        ),
        PlateRead(device=device, observed_at=WHEN, plate="AB123"),
    ]


def test_detectx_sees_labels_and_tells_their_state() -> None:
    seen = {"label": "car", "c": 77, "x": 274, "y": 224, "w": 180, "h": 104, "timestamp": MS, "refId": 260}
    health = DeviceHealth(device="onvif_axis/B8A4", name="Front")
    found = ObjectDetection(device="onvif_axis/B8A4", observed_at=WHEN, label="car", score=0.77, area="Yard")
    frame = {"detections": [seen], "name": "Front", "location": "Yard", "serial": "B8A4"}
    assert hear(FAMILY, frame, "detectx/detection/B8A4") == [found, health]
    state = {**seen, "state": True, "name": "Front", "location": "Yard"}
    assert hear(FAMILY, state, "detectx/event/B8A4/car/true") == [found, health]
    assert hear(FAMILY, {**state, "state": False}, "detectx/event/B8A4/car/false") == [health]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]><tt:MetadataStream/>', "document type or entities"),
        ("<tt:MetadataStream", "not well-formed"),
        ("<a:MetadataStream xmlns:a='x'>" + "<b>" * 70 + "</b>" * 70 + "</a:MetadataStream>", "deeper than 64"),
        ("<a:MetadataStream xmlns:a='x'>" + "<b/>" * 10_001 + "</a:MetadataStream>", "more than 10000 elements"),
    ],
)
def test_xml_that_is_dangerous_or_broken_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        hear(FAMILY, text)


def test_an_event_without_a_message_is_refused_at_its_place() -> None:
    with pytest.raises(Rejected, match=r"\$.message"):
        hear(FAMILY, {"topic": "onvif:Device/axis:Sensor/PIR", "message": 123})


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_real_messages_are_understood() -> None:
    samples = kit_samples("onvif_axis")
    malformed = [
        sample.number
        for sample in samples
        if b'"message":{' not in sample.payload and b'"topic":"onvif' in sample.payload
    ]
    assert list(refused(FAMILY, samples)) == malformed  # a topic alone, and a message that is a number
    assert len(malformed) == 2


SCENARIO = {"classTypes": "human", "active": True, "objectId": 3, "startTime": 5, "totalHuman": "x"}
TRACKED = {"track_id": "1", "class": {"type": "Car", "score": 0.1}}
ODD = [
    event("axis:CameraApplicationPlatform/ObjectAnalytics/Device1Scenario1", SCENARIO),
    event("onvif:Monitoring/Anything", {"value": 5}),
    {"detections": [{"label": "car", "c": 5, "timestamp": MS}], "name": "a", "serial": "b"},
    {"frame": {"timestamp": "2024-10-07T21:09:26Z", "observations": [TRACKED]}},
    {"id": "1", "classes": [{"type": "Car"}], "start_time": "2024-10-07T21:09:20Z", "end_time": 5},
]


@given(changed(ODD))
@settings(max_examples=examples(300))
def test_odd_members_cost_no_more_than_themselves(document: Any) -> None:
    outcome(FAMILY, document)
    outcome(FAMILY, document, "axis/0123456789AB/event/Device/IO/Port")


@given(st.text(max_size=40), st.integers(0, 900))
@settings(max_examples=examples(200))
def test_damaged_xml_gives_observations_or_a_refusal(junk: str, at: int) -> None:
    text = notification("tns1:Device/Trigger/DigitalInput", "Changed", {"LogicalState": "true"})
    outcome(FAMILY, text[:at] + junk + text[at:])

"""Hikvision's alerts and Dahua's events: what codes mean, repeats that are no news, and no word of who was there."""

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
    Incident,
    Motion,
    ObjectDetection,
    Observation,
    PeopleCount,
    PlateRead,
)
from firmware_bridge.family.hikvision_dahua.family import FAMILY
from firmware_bridge.inbound import Memory
from tests.bridge.family.hearing import KIT, changed, hear, kit_samples, outcome, refused
from tests.conftest import examples

WHEN = datetime(2024, 11, 19, 15, 53, 28, tzinfo=UTC)
CAMERA = "hikvision_dahua/4f:e4:2f:81:cd:1b"
HEARD = DeviceHealth(device=CAMERA, observed_at=WHEN, name="Cam 1", address="192.168.1.151")
VTO = "hikvision_dahua/SER1"
RANG = datetime(2020, 3, 2, 18, 11, 13, tzinfo=UTC)


def alert(kind: str, *, state: str = "active", posts: int = 1, channel: int = 1, more: str = "") -> str:
    return (
        '<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">\n'
        "<ipAddress>192.168.1.151</ipAddress><macAddress>4f:e4:2f:81:cd:1b</macAddress>"
        f"<channelID>{channel}</channelID><dateTime>2024-11-19T16:53:28+01:00</dateTime>"
        f"<activePostCount>{posts}</activePostCount><eventType>{kind}</eventType><eventState>{state}</eventState>"
        f"<channelName>Cam 1</channelName>{more}</EventNotificationAlert>"
    )


def vto(action: str = "Start", **data: Any) -> dict[str, Any]:
    body = {"LocaleTime": "2020-03-02 20:11:13", "UTC": 1583172673, **data}
    return {"Action": action, "Data": body, "deviceType": "VTO2000A", "serialNumber": "SER1"}


def told(kind: type[Observation], **said: Any) -> list[Observation]:
    return [kind(device=CAMERA, observed_at=WHEN, **said), HEARD]


FIELD = """<DetectionRegionList><DetectionRegionEntry><regionID>3</regionID><sensitivityLevel>50</sensitivityLevel>
<detectionTarget>human</detectionTarget></DetectionRegionEntry></DetectionRegionList>"""


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("VMD", "", told(Motion, active=True)),
        ("VMD", "<targetType>human</targetType>", told(Motion, active=True, attributes={"target": "human"})),
        ("linedetection", "", told(Alarm, name="line_crossing", active=True)),
        ("fielddetection", FIELD, told(Alarm, name="intrusion", active=True, area="3", attributes={"target": "human"})),
        ("shelteralarm", "", told(Alarm, name="tamper", active=True)),
        ("IO", "<inputIOPortID>1</inputIOPortID>", told(Alarm, name="digital_input", active=True, area="1")),
        ("videoloss", "", told(CameraStatus, working=False, reason="video_loss")),
        ("facedetection", "", told(ObjectDetection, label="face")),
        ("someNewThing", "", told(Incident, event_type="someNewThing")),
        ("someNewThing", FIELD, told(Incident, event_type="someNewThing", attributes={"area": "3", "target": "human"})),
        ("mixedTargetDetection", "<targetType>human</targetType>", told(ObjectDetection, label="person")),
        ("hdBadBlock", "", told(Alarm, name="storage_failure", active=True)),
        ("overheat", "", told(Alarm, name="problem", active=True)),
        (
            "PeopleCounting",
            "<peopleCounting><statisticalMethods>realTime</statisticalMethods><enter>10</enter><exit>8</exit></peopleCounting>",
            told(PeopleCount, entered=10, left=8, cumulative=True),
        ),
    ],
)
def test_an_alert_means(kind: str, more: str, expected: list[Observation]) -> None:
    assert hear(FAMILY, alert(kind, more=more)) == expected


def test_a_count_over_a_span_says_since_when() -> None:
    start, end = "2024-11-19T16:00:00+01:00", "2024-11-19T16:15:00+01:00"
    span = f"<TimeRange><startTime>{start}</startTime><endTime>{end}</endTime></TimeRange>"
    counted = (
        f"<peopleCounting><statisticalMethods>timeRange</statisticalMethods>{span}<enter>3</enter></peopleCounting>"
    )
    assert hear(FAMILY, alert("PeopleCounting", more=counted))[0] == PeopleCount(
        device=CAMERA, observed_at=datetime(2024, 11, 19, 15, 15, tzinfo=UTC), entered=3,
        since=datetime(2024, 11, 19, 15, 0, tzinfo=UTC),
    )  # fmt: skip


def test_a_thermal_alarm_tells_the_temperature() -> None:
    hot = "<TMA><thermometryUnit>celsius</thermometryUnit><currTemperature>81.5</currTemperature></TMA>"
    assert hear(FAMILY, alert("TMA", more=hot)) == [
        Alarm(device=CAMERA, observed_at=WHEN, name="temperature_alarm", active=True),
        EnvironmentReading(
            device=CAMERA, observed_at=WHEN, metric="temperature", value=81.5, unit="Cel", channel="thermal"
        ),
        HEARD,
    ]


def test_an_inactive_video_loss_is_the_heartbeat() -> None:
    assert hear(FAMILY, alert("videoloss", state="inactive", posts=0)) == told(CameraStatus, working=True)


def test_further_posts_of_an_alert_are_no_news_until_it_ended() -> None:
    memory = Memory()
    posts = [("active", 1), ("active", 2), ("active", 3), ("inactive", 3), ("active", 1), ("active", 2)]
    heard = [hear(FAMILY, alert("VMD", state=state, posts=count), memory=memory)[0] for state, count in posts]
    motion = [seen.active if isinstance(seen, Motion) else None for seen in heard]
    assert motion == [True, None, None, False, True, None]


def test_an_alert_of_duration_is_that_of_the_event_that_goes_on() -> None:
    more = "<DurationList><Duration><relationEvent>fielddetection</relationEvent></Duration></DurationList>"
    first, _ = hear(FAMILY, alert("duration", more=more))
    assert isinstance(first, Alarm)
    assert (first.name, first.active) == ("intrusion", True)


def test_an_alert_joined_late_is_news_once() -> None:
    memory = Memory()
    heard = [hear(FAMILY, alert("fielddetection", posts=174 + n), memory=memory)[0] for n in range(2)]
    assert [type(seen) for seen in heard] == [Alarm, DeviceHealth]


def test_a_recorders_channels_are_cameras_heard_through_it() -> None:
    motion, health = hear(FAMILY, alert("VMD", channel=34))
    assert motion.device == health.device == f"{CAMERA}/34"
    assert isinstance(health, DeviceHealth)
    assert health.via == CAMERA


def test_json_and_multipart_say_the_same() -> None:
    document = {
        "ipAddress": "192.168.1.151", "macAddress": "4f:e4:2f:81:cd:1b", "channelID": 1, "channelName": "Cam 1",
        "dateTime": "2024-11-19T16:53:28+01:00", "eventType": "VMD", "eventState": "active", "activePostCount": 1,
    }  # fmt: skip
    expected = told(Motion, active=True)
    assert hear(FAMILY, document) == expected
    assert hear(FAMILY, {"EventNotificationAlert": document}) == expected
    part = f"--boundary\r\nContent-Type: application/xml\r\n\r\n{alert('VMD')}\r\n--boundary--"
    assert hear(FAMILY, part) == expected


def test_a_plate_of_a_camera_that_alerts_of_other_things_too() -> None:
    read = "<ANPR><licensePlate>PECT600</licensePlate><confidenceLevel>97</confidenceLevel></ANPR>"
    assert hear(FAMILY, alert("ANPR", more=read)) == told(PlateRead, plate="PECT600", score=0.97)
    unread = "<ANPR><licensePlate>unknown</licensePlate></ANPR>"
    assert hear(FAMILY, alert("ANPR", more=unread)) == [HEARD]


@pytest.mark.parametrize(
    ("code", "document", "expected"),
    [
        ("VideoMotion", vto(), Motion(device=VTO, observed_at=RANG, active=True)),
        ("VideoMotion", vto("Stop"), Motion(device=VTO, observed_at=RANG, active=False)),
        ("AlarmLocal", vto("Stop"), Alarm(device=VTO, observed_at=RANG, name="digital_input", active=False)),
        ("Invite", vto("Pulse"), Alarm(device=VTO, observed_at=RANG, name="button", active=True, momentary=True)),
        ("DoorStatus", vto("Pulse", Status="Close"), Alarm(device=VTO, observed_at=RANG, name="contact", active=False)),
        ("VideoBlind", vto(), Alarm(device=VTO, observed_at=RANG, name="tamper", active=True)),
        ("CrossLineDetection", vto(Name="Gate", Object={"ObjectType": "Human"}, Direction="LeftToRight"),
         Alarm(device=VTO, observed_at=RANG, name="line_crossing", active=True, area="Gate",
               attributes={"target": "Human", "direction": "LeftToRight"})),
        ("SmartMotionHuman", vto(), ObjectDetection(device=VTO, observed_at=RANG, label="person")),
        ("VideoLoss", vto("Stop"), CameraStatus(device=VTO, observed_at=RANG, working=True)),
        ("NumberStat", vto("Pulse", EnteredTotal=5, ExitedTotal=3),
         PeopleCount(device=VTO, observed_at=RANG, entered=5, left=3, cumulative=True)),
        ("TrafficJunction", vto("Pulse", TrafficCar={"PlateNumber": "1A23456", "VehicleColor": "White"}),
         PlateRead(device=VTO, observed_at=RANG, plate="1A23456", vehicle="White")),
        ("TrafficJunction", vto("Pulse", Object={"ObjectType": "Plate", "Text": "1A23456", "Confidence": 204}),
         PlateRead(device=VTO, observed_at=RANG, plate="1A23456", score=0.8)),
    ],
)  # fmt: skip
def test_a_dahua_event_means(code: str, document: dict[str, Any], expected: Observation) -> None:
    health = DeviceHealth(device=VTO, observed_at=RANG, model="VTO2000A", serial="SER1")
    assert hear(FAMILY, document, f"DahuaVTO/{code}/Event") == [expected, health]


def test_a_door_opens_without_telling_for_whom() -> None:
    opened = vto(
        "Pulse", CardNo="1234", UserID="77", Password="9999", Name="OpenDoor", Method=4, Status=1, Type="Entry"
    )
    incident = hear(FAMILY, opened, "DahuaVTO/AccessControl/Event")[0]
    attributes = {"method": "4", "name": "OpenDoor", "status": "1", "type": "Entry"}
    assert incident == Incident(device=VTO, observed_at=RANG, event_type="AccessControl", attributes=attributes)


def test_other_envelopes_of_the_same_events() -> None:
    when = datetime(2021, 6, 30, 4, 0, 28, 605_290, tzinfo=UTC)
    bus = {
        "event_type": "dahua_event_received",
        "data": {"name": "Cam13", "Code": "VideoMotion", "action": "Start", "data": {"RegionName": ["R1"]}},
        "time_fired": "2021-06-30T04:00:28.605290+00:00",
    }  # fmt: skip
    assert hear(FAMILY, bus)[0] == Motion(device="hikvision_dahua/Cam13", observed_at=when, active=True, area="R1")
    stream = {
        "method": "client.notifyEventStream",
        "params": {"eventList": [{"Action": "Start", "Code": "VideoMotion", "Data": {"UTC": 1583172673}, "Index": 0}]},
        "serialNumber": "SER1",
    }
    assert hear(FAMILY, stream)[0] == Motion(device=VTO, observed_at=RANG, active=True, area="0")
    flat = {"Code": "VideoMotion", "action": "Stop", "index": 2, "data": {}}
    assert hear(FAMILY, flat)[0] == Motion(device="hikvision_dahua/site/gate", active=False, area="2")


@pytest.mark.parametrize(
    ("leaf", "said", "expected"),
    [
        ("status", "online", DeviceHealth(device=VTO, state="online")),
        ("motion", "on", Motion(device=VTO, active=True)),
        ("doorbell", "off", Alarm(device=VTO, name="button", active=False)),
        ("human", "on", ObjectDetection(device=VTO, label="person")),
        ("human", "off", DeviceHealth(device=VTO)),
        ("storage/used_percent", 43.5,
         EnvironmentReading(device=VTO, metric="disk_used", value=43.5, unit="%")),
        ("config", {"device_type": "AD110", "device_name": "Door", "sw_version": "1.0"},
         DeviceHealth(device=VTO, name="Door", model="AD110", firmware="1.0")),
    ],
)  # fmt: skip
def test_amcrest_has_a_topic_for_each(leaf: str, said: Any, expected: Observation) -> None:
    assert hear(FAMILY, said, f"amcrest2mqtt/SER1/{leaf}") == [expected]


def test_camera_events_have_the_code_in_the_topic() -> None:
    assert hear(FAMILY, "ON", "CameraEvents/VideoMotion/Gate")[0] == Motion(device="hikvision_dahua/Gate", active=True)
    assert hear(FAMILY, "OFF", "CameraEvents/CrossLineDetection/Gate")[0] == Alarm(
        device="hikvision_dahua/Gate", name="line_crossing", active=False
    )
    assert hear(FAMILY, {"ImageURL": "x"}, "CameraEvents/VideoMotion/Gate") == [
        DeviceHealth(device="hikvision_dahua/Gate")
    ]


def test_an_alert_of_nothing_is_refused() -> None:
    with pytest.raises(Rejected, match=r"\$.eventType"):
        hear(FAMILY, "<EventNotificationAlert><channelID>1</channelID></EventNotificationAlert>")
    with pytest.raises(Rejected, match="not well-formed"):
        hear(FAMILY, "<EventNotificationAlert><channelID></EventNotificationAlert>")


@pytest.mark.parametrize("document", [{"eventType": "x"}, {"Code": 1}, {"Action": "Start"}, "<alert/>", [], None])
def test_others_messages_are_not_taken(document: Any) -> None:
    assert FAMILY.recognise is not None
    assert FAMILY.recognise(document) is None


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_real_messages_are_understood() -> None:
    assert refused(FAMILY, kit_samples("hikvision_dahua")) == {}


@given(changed([
    {**vto(TrafficCar={"PlateNumber": "A"}, Object={"Text": "b"}, RegionName=["x"]), "Code": "TrafficJunction"},
    {"macAddress": "a", "eventType": "ANPR", "eventState": "active", "dateTime": "x", "ANPR": {"licensePlate": "A"},
     "DeviceGPSInfo": {"Longitude": {"degree": 1}, "Latitude": {"degree": 2}}},
    {"macAddress": "a", "eventType": "fielddetection", "eventState": "active",
     "DetectionRegionList": {"DetectionRegionEntry": [{"regionID": 1}]}},
    {**vto(Method=1, Name="x"), "Code": "AccessControl"},
    {"macAddress": "a", "eventType": "PeopleCounting", "peopleCounting": {"enter": 1, "TimeRange": {"startTime": 3}}},
]))  # fmt: skip
@settings(max_examples=examples(300))
def test_odd_members_cost_no_more_than_themselves(document: Any) -> None:
    outcome(FAMILY, document)
    outcome(FAMILY, document, "DahuaVTO/TrafficJunction/Event")


@given(st.text(max_size=40), st.integers(0, 600))
@settings(max_examples=examples(200))
def test_damaged_xml_gives_observations_or_a_refusal(junk: str, at: int) -> None:
    text = alert("fielddetection", more=FIELD)
    outcome(FAMILY, text[:at] + junk + text[at:])

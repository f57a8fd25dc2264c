"""Dahua's events in the envelopes of its bridges, and what they count and measure."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.observation import (
    Alarm,
    CrowdDensity,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    ObjectDetection,
    Observation,
    PeopleCount,
    PlateRead,
)
from firmware_bridge.family.hikvision_dahua.family import FAMILY
from firmware_bridge.inbound import Memory
from tests.bridge.family.hearing import changed, hear, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples

CAMERA = "hikvision_dahua/site/gate"
AT: dict[str, Any] = {"device": CAMERA, "observed_at": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)}
HEARD = DeviceHealth(**AT)
UTC_S = 1_700_000_000


def flat(code: str, action: str = "Start", **data: Any) -> dict[str, Any]:
    """An event as the HTTP API streams it."""
    return {"Code": code, "action": action, "index": "0", "data": {"UTC": UTC_S, **data}}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (flat("NumberStat", "Pulse", Name="Door", EnteredNumber=30, ExitedNumber=28, Number=2, Type=""),
         [PeopleCount(entered=30, left=28, present=2, line="Door", cumulative=True, **AT)]),
        (flat("NumberStat", "Pulse", Name="Door", EnteredNumber=30, ExitedNumber=28, Type="EnterOver"),
         [PeopleCount(entered=30, left=28, line="Door", cumulative=True, **AT),
          Alarm(name="passage_threshold", active=True, area="Door", momentary=True, **AT)]),
        (flat("NumberStat", "Pulse", Name="Door", EnteredSubtotal={"Today": 3, "Total": 30}),
         [PeopleCount(entered=30, line="Door", cumulative=True, **AT)]),
        (flat("ManNumDetection", Name="Hall", Number=5, ManList=[{}, {}]),
         [Alarm(name="occupancy_threshold", active=True, area="Hall", **AT),
          CrowdDensity(people=5.0, area="Hall", **AT)]),
        (flat("ManNumDetection", "Stop", Name="Hall", ManList=[{}, {}]),
         [Alarm(name="occupancy_threshold", active=False, area="Hall", **AT),
          CrowdDensity(people=2.0, area="Hall", **AT)]),
        (flat("QueueNumDetection", Name="Till", Number=7),
         [Alarm(name="occupancy_threshold", active=True, area="Till", **AT),
          CrowdDensity(people=7.0, area="Till", **AT)]),
        (flat("CrowdDetection", Name="Square", RegionList=[{"RegionID": 0, "PeopleNum": 12}, {"PeopleNum": 3}]),
         [Alarm(name="gathering", active=True, area="Square", **AT), CrowdDensity(people=15.0, area="Square", **AT)]),
        (flat("CrowdDetection", Name="Square"), [Alarm(name="gathering", active=True, area="Square", **AT)]),
        (flat("HeatImagingTemper", Name="Boiler", TemperatureValue=178.7, TemperatureUnit="Fahrenheit"),
         [Alarm(name="temperature_alarm", active=True, area="Boiler", **AT),
          EnvironmentReading(metric="temperature", value=81.5, unit="Cel", channel="Boiler", **AT)]),
        (flat("TrafficJunction", "Pulse", TrafficCar={
            "PlateNumber": "1A23456", "Country": "BRA", "DrivingDirection": ["Approach", "x"], "Speed": 43, "Lane": 1}),
         [PlateRead(plate="1A23456", region="BRA", direction="Approach", **AT,
                    attributes={"lane": 1, "speed_kmh": 43})]),
        (flat("TrafficJunction", "Pulse", TrafficCar={"PlateNumber": "Unlicensed", "VehicleColor": "White"}),
         [ObjectDetection(label="vehicle", area="0", **AT)]),
        (flat("TrafficJunction", "Pulse", TrafficCar={"VehicleColor": "Blue"}, Vehicle={"ObjectType": "NonMotor"}),
         [ObjectDetection(label="bicycle", area="0", **AT)]),
        (flat("TrafficJam", "Start", JamLength=40), []),
        (flat("_DoTalkAction_", "Pulse", Action="Invite"),
         [Alarm(name="button", active=True, area="0", momentary=True, **AT)]),
        (flat("_DoTalkAction_", "Pulse", Action="Hangup"), []),
        (flat("TumbleDetection"), [Alarm(name="fall", active=True, area="0", **AT)]),
    ],
)  # fmt: skip
def test_an_event_means(document: Any, expected: list[Observation]) -> None:
    assert hear(FAMILY, document) == [*expected, HEARD]


def test_a_traffic_camera_counts_utc_from_its_own_midnight() -> None:
    told = flat("TrafficJunction", "Pulse", TrafficCar={"PlateNumber": "1A23456"}, RealUTC=UTC_S - 25_200, TimeZone=12)
    assert hear(FAMILY, told)[0].observed_at == datetime(2023, 11, 14, 15, 13, 20, tzinfo=UTC)


def test_an_end_that_names_no_region_ends_those_that_began() -> None:
    memory = Memory()
    for region in ("R1", "R2"):
        hear(FAMILY, flat("VideoMotion", RegionName=[region]), memory=memory)
    hear(FAMILY, flat("VideoMotion", "Stop", RegionName=["R1"]), memory=memory)
    ended = [Motion(active=False, area=area, **AT) for area in ("R2", "0")]
    assert hear(FAMILY, flat("VideoMotion", "Stop"), memory=memory) == [*ended, HEARD]
    assert hear(FAMILY, flat("VideoMotion", "Stop"), memory=memory) == [ended[1], HEARD]


def test_data_may_be_text_and_may_be_cut_short() -> None:
    crossed = Alarm(name="line_crossing", active=False, area="Gate", **AT)
    whole = {**flat("CrossLineDetection", "Stop"), "data": '{"Name": "Gate", "UTC": 1700000000}'}
    assert hear(FAMILY, whole) == [crossed, HEARD]
    cut = {**whole, "data": '{\n "Class" : "Normal",\n "Name" : "Gate",\n "Object" : {\n "Category" : "ca'}
    assert hear(FAMILY, cut)[0] == Alarm(device=CAMERA, name="line_crossing", active=False, area="Gate")


PASSED = {
    "Plate": {"IsExist": True, "PlateNumber": "1A23456", "Region": "BRA", "Confidence": 90},
    "SnapInfo": {"DeviceID": "8M04", "Direction": "Obverse", "LanNo": 2, "TimeZone": 12,
                 "SnapTime": "2023-11-15 05:13:20"},
    "Vehicle": {"VehicleColor": "Blue", "VehicleSign": "Ford", "VehicleSeries": "Unknown"},
}  # fmt: skip


def test_a_traffic_camera_pushes_what_passed_in_its_own_zone() -> None:
    camera: dict[str, Any] = {**AT, "device": "hikvision_dahua/8M04"}
    read = PlateRead(
        plate="1A23456", region="BRA", direction="Obverse", vehicle="Blue Ford", attributes={"lane": 2}, **camera
    )
    assert hear(FAMILY, {"Picture": PASSED}) == [read, DeviceHealth(**camera)]
    unread = {"Picture": {**PASSED, "Plate": {"IsExist": False, "PlateNumber": ""}}}
    seen = ObjectDetection(label="vehicle", attributes={"lane": 2}, **camera)
    assert hear(FAMILY, unread) == [seen, DeviceHealth(**camera)]
    alive = DeviceHealth(device="hikvision_dahua/8M04")
    assert hear(FAMILY, {"Active": "keepAlive", "DeviceID": "8M04"}) == [alive]
    device = {"Device": {"DeviceID": "8M04", "DeviceModel": "ITC215"}}
    assert hear(FAMILY, device) == [DeviceHealth(device="hikvision_dahua/8M04", model="ITC215")]


DATA = '{\n   "RegionName" : [ "R1" ],\n   "UTC" : 1700000000\n}'
MOTION = [Motion(active=True, area="R1", **AT), HEARD]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Code=VideoMotion;action=Start;index=0;data={DATA}", MOTION),
        (f"--myboundary\r\n\r\nCode=VideoMotion;action=Start;index=0;data={DATA}\r\n", MOTION),
        ("Code=VideoMotion;action=Stop;index=0\r\n",
         [Motion(device=CAMERA, active=False, area="0"), DeviceHealth(device=CAMERA)]),
        ("Code=DoorBell;action=Start",
         [Alarm(device=CAMERA, name="button", active=True, momentary=True), DeviceHealth(device=CAMERA)]),
        (f"Code=VideoMotion;action=Start;index=0;data={DATA}\r\n--b\r\n\r\nCode=TimeChange;action=Pulse;index=0",
         [*MOTION, DeviceHealth(device=CAMERA)]),
        ("Code=VideoMotion;action=Start;index=0;data={",
         [Motion(device=CAMERA, active=True, area="0"), DeviceHealth(device=CAMERA)]),
    ],
)  # fmt: skip
def test_the_stream_itself_is_text(text: str, expected: list[Observation]) -> None:
    assert hear(FAMILY, text) == expected


def test_a_bridge_in_lower_case_has_the_time_where_the_event_has_none() -> None:
    said = {"code": "VideoMotion", "action": "Start", "index": 1, "timestamp": "2023-11-14T22:13:20Z", "data": {}}
    assert hear(FAMILY, said) == [Motion(active=True, area="1", **AT), HEARD]
    raw = {"code": "VideoMotion", "action": "Stop", "index": 1, "raw": "Code=VideoMotion;action=Stop;index=1"}
    assert hear(FAMILY, raw)[0] == Motion(device=CAMERA, active=False, area="1")
    assert hear(FAMILY, {"code": "Heartbeat"}) == [DeviceHealth(device=CAMERA)]


def test_sums_by_rule_are_counts_of_the_rule() -> None:
    rules = [{"RuleName": "In", "EnteredSubtotal": 12, "ExitedSubtotal": 9}, {"RuleName": "Out", "EnteredSubtotal": 1}]
    assert hear(FAMILY, {"Rules": rules}) == [
        PeopleCount(device=CAMERA, entered=12, left=9, line="In", cumulative=True),
        PeopleCount(device=CAMERA, entered=1, line="Out", cumulative=True),
        DeviceHealth(device=CAMERA),
    ]


AMCREST = "hikvision_dahua/SER1"


@pytest.mark.parametrize(
    ("topic", "said", "expected"),
    [
        ("SER1/binary_sensor/motion", "true", [Motion(device=AMCREST, active=True)]),
        ("amcrest2mqtt_SER1/binary_sensor/human", "ON", [ObjectDetection(device=AMCREST, label="person")]),
        ("SER1/binary_sensor/doorbell", "ON", [Alarm(device=AMCREST, name="button", active=True, momentary=True)]),
        ("SER1/sensor/storage_used_pct", "41.2",
         [EnvironmentReading(device=AMCREST, metric="disk_used", value=41.2, unit="%")]),
        ("SER1/availability", "offline", [DeviceHealth(device=AMCREST, state="offline")]),
        ("SER1/switch/privacy", "ON", [DeviceHealth(device=AMCREST)]),
        ("service/availability", "online", [DeviceHealth(device="hikvision_dahua/amcrest2mqtt", state="online")]),
        ("vision/request", {"camera_id": "SER1", "image_b64": "x"}, []),
        ("SER1/event", {"Code": "VideoMotion", "action": "Start", "data": {"RegionName": ["R"]}},
         [DeviceHealth(device=AMCREST)]),
        ("SER1/event", {"Code": "CrossLineDetection", "action": "Start", "data": {"Name": "Gate"}},
         [Alarm(device=AMCREST, name="line_crossing", active=True, area="Gate"), DeviceHealth(device=AMCREST)]),
    ],
)  # fmt: skip
def test_amcrest_tells_once_what_it_has_a_topic_for(topic: str, said: Any, expected: list[Observation]) -> None:
    assert Conversation(FAMILY).tell(f"amcrest2mqtt/{topic}", said) == expected


@pytest.mark.parametrize(
    ("topic", "said", "expected"),
    [
        ("front/tripwire/vehicle", "ON",
         [Alarm(device="hikvision_dahua/front", name="line_crossing", active=True, area="vehicle",
                attributes={"target": "vehicle"}), DeviceHealth(device="hikvision_dahua/front")]),
        ("front/intrusion/human", "OFF",
         [Alarm(device="hikvision_dahua/front", name="intrusion", active=False, area="human",
                attributes={"target": "human"}), DeviceHealth(device="hikvision_dahua/front")]),
        ("status", "offline", [DeviceHealth(device="hikvision_dahua/dahua2mqtt", state="offline")]),
    ],
)  # fmt: skip
def test_a_bridge_with_a_topic_for_each_object(topic: str, said: Any, expected: list[Observation]) -> None:
    assert Conversation(FAMILY).tell(f"dahua2mqtt/{topic}", said) == expected


@given(changed([
    flat("NumberStat", EnteredSubtotal={"Total": 1}, Type="InsideOver"),
    flat("CrowdDetection", RegionList=[{"PeopleNum": 12}], ManList=[{}]),
    flat("HeatImagingTemper", TemperatureValue=1.0, TemperatureUnit="Kelvin"),
    flat("TrafficJunction", TrafficCar={"PlateNumber": "A", "DrivingDirection": ["x"], "Speed": 1, "Lane": 1}),
    {"Rules": [{"RuleName": "In", "EnteredSubtotal": 12}]},
    {"Picture": PASSED},
]))  # fmt: skip
@settings(max_examples=examples(300))
def test_odd_members_cost_no_more_than_themselves(document: Any) -> None:
    outcome(FAMILY, document)

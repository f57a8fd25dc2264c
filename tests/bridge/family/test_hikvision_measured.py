"""What Hikvision's cameras count and measure, its alarm panels and doors, and bridges with words of their own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.observation import (
    Alarm,
    CrowdDensity,
    DeviceHealth,
    EnvironmentReading,
    Incident,
    Observation,
    PeopleCount,
)
from firmware_bridge.family.hikvision_dahua.family import FAMILY
from firmware_bridge.inbound import Memory
from tests.bridge.family.hearing import changed, hear, outcome
from tests.conftest import examples

WHEN = datetime(2024, 11, 19, 15, 53, 28, tzinfo=UTC)
CAMERA = "hikvision_dahua/4f:e4:2f:81:cd:1b"
AT: dict[str, Any] = {"device": CAMERA, "observed_at": WHEN}
HEARD = DeviceHealth(**AT)


def alert(kind: str, **more: Any) -> dict[str, Any]:
    """An alert in its JSON form."""
    told = {"macAddress": "4f:e4:2f:81:cd:1b", "channelID": 1, "dateTime": "2024-11-19T16:53:28+01:00"}
    return {**told, "eventType": kind, "eventState": "active", "activePostCount": 1, **more}


def xml(kind: str, more: str) -> str:
    """The same as a camera posts it."""
    return (
        '<EventNotificationAlert version="1.0" xmlns="urn:psialliance-org"><macAddress>4f:e4:2f:81:cd:1b</macAddress>'
        "<channelID>1</channelID><dateTime>2024-11-19T16:53:28+01:00</dateTime><activePostCount>1</activePostCount>"
        f"<eventType>{kind}</eventType><eventState>active</eventState>{more}</EventNotificationAlert>"
    )


def test_a_count_in_real_time_is_since_the_reset_and_of_its_own_moment() -> None:
    counted = (
        "<peopleCounting><statisticalMethods>realTime</statisticalMethods><RealTime><time>2024-11-19T16:53:20+01:00</time>"
        "</RealTime><enter>167</enter><exit>154</exit><pass>9729</pass><regionsID>1</regionsID></peopleCounting>"
        "<childCounting><enter>2</enter><exit>1</exit></childCounting>"
    )
    common: dict[str, Any] = {
        "device": CAMERA, "observed_at": WHEN - timedelta(seconds=8), "line": "1", "cumulative": True,
    }  # fmt: skip
    assert hear(FAMILY, xml("PeopleCounting", counted)) == [
        PeopleCount(entered=167, left=154, **common),
        PeopleCount(entered=2, left=1, subject="children", **common),
        PeopleCount(entered=9729, subject="passers_by", **common),
        HEARD,
    ]


def test_a_camera_that_counts_vehicles_too_tells_them_apart() -> None:
    counted = {"statisticalMethods": "realTime", "enter": 22, "exit": 9, "vehicleEnter": 176, "bicycleExit": 3}
    heard = hear(FAMILY, alert("PeopleCounting", peopleCounting=counted))
    told = [(one.subject, one.entered, one.left) for one in heard if isinstance(one, PeopleCount)]
    assert told == [("people", 22, 9), ("vehicles", 176, None), ("bicycles", None, 3)]


def test_targets_across_a_line_are_told_by_direction_and_never_twice() -> None:
    def way(name: str, people: int, vehicles: int) -> str:
        told = f"<humanCount>{people}</humanCount><vehicleCount>{vehicles}</vehicleCount>"
        return f"<DataList><statisticalDirection>{name}</statisticalDirection>{told}</DataList>"

    ways = way("forward", 114, 398) + way("back", 93, 353) + way("bothway", 207, 751)
    rule = "<ruleID>1</ruleID><statisticalMethod>realTime</statisticalMethod>"
    common: dict[str, Any] = {**AT, "line": "1", "cumulative": True}
    assert hear(FAMILY, xml("regionTargetNumberCounting", f"{rule}<CountingList>{ways}</CountingList>")) == [
        PeopleCount(entered=114, left=93, **common),
        PeopleCount(entered=398, left=353, subject="vehicles", **common),
        HEARD,
    ]


def density(**told: Any) -> dict[str, Any]:
    """A region's crowd, as `personDensityDetection` tells it."""
    target = {"recognitionType": "human", "TargetInfo": {"regionName": "Square", "regionID": 1, **told}}
    return alert("personDensityDetection", personDensityResult={"Target": [target]})


CROWD = CrowdDensity(people=4.0, area="Square", **AT)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (density(dataSource="timing", framesPeopleCounting_number=4), [CROWD]),
        (density(dataSource="trigger", framesPeopleCounting_number=4, densityLevelChangeType="lowToHigh"),
         [CROWD, Alarm(name="occupancy_threshold", active=True, area="Square", **AT)]),
        (density(dataSource="trigger", framesPeopleCounting_number=4, densityLevelChangeType="highToLow"),
         [CROWD]),
        (density(dataSource="PQA", PQA={"alarmCount": 4, "countTriggerType": "greater"}),
         [CROWD, Alarm(name="occupancy_threshold", active=True, area="Square", **AT)]),
        (density(dataSource="DSA", targetID=2, DSA={"alarmTime": 200, "timeTriggerType": "greater"}),
         [Alarm(name="loitering", active=True, area="Square", **AT),
          EnvironmentReading(metric="dwell_time", value=200.0, unit="s", channel="Square", **AT)]),
        (alert("framesPeopleCounting", FramesPeopleCounting={"framesPeopleCountingNum": 4}),
         [CrowdDensity(people=4.0, **AT)]),
        (alert("personQueueCounting", RegionCapture={"humanCounting": {"count": 7}, "rule": {"ruleID": 2}}),
         [PeopleCount(present=7, line="2", **AT)]),
        (alert("personQueueTime", humanCapture={"human": {"waitTime": 95}, "rule": {"ruleID": 2}}),
         [EnvironmentReading(metric="waiting_time", value=95.0, unit="s", channel="2", **AT)]),
    ],
)  # fmt: skip
def test_how_many_there_are_and_how_long_they_stay(document: Any, expected: list[Observation]) -> None:
    assert hear(FAMILY, document) == [*expected, HEARD]


def test_one_who_stays_is_one_alarm_however_often_it_is_posted() -> None:
    memory = Memory()
    posts = [density(DSA={"alarmTime": seconds}, targetID=2) for seconds in (198, 199, 200)]
    heard = [hear(FAMILY, {**post, "activePostCount": n + 1}, memory=memory) for n, post in enumerate(posts)]
    assert [sum(isinstance(one, Alarm) for one in each) for each in heard] == [1, 0, 0]


def test_metadata_count_outside_of_any_alarm() -> None:
    device = {"ipAddress": "192.168.0.64", "macAddress": "4f:e4:2f:81:cd:1b", "channel": "1"}
    told = {"type": "ruleTarget", "time": "2024-11-19T16:53:28+01:00", "DevInfo": device}
    health = DeviceHealth(address="192.168.0.64", **AT)
    inside = {**told, "subType": "framesPeopleCounting", "Situation": {"personCount": 3}}
    assert hear(FAMILY, {"Metadata": inside}) == [CrowdDensity(people=3.0, **AT), health]
    passed = {"enterRegionPeopleNum": 5, "leaveRegionPeopleNum": 2}
    assert hear(FAMILY, {"Metadata": {**told, "subType": "PeopleCounting", "Situation": passed}}) == [
        PeopleCount(entered=5, left=2, cumulative=True, **AT), health,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "value", "channel"),
    [
        ("<TMA><currTemperature>48</currTemperature></TMA>", 48.0, "thermal"),
        ("<currTemperature>48</currTemperature>", 48.0, "thermal"),
        ("<DetectionRegionList><DetectionRegionEntry><regionID>1</regionID><TMA><ruleName>boiler</ruleName>"
         "<thermometryUnit>kelvin</thermometryUnit><currTemperature>321.15</currTemperature></TMA></DetectionRegionEntry>"
         "</DetectionRegionList>", 48.0, "boiler"),
        ("<TMPA><thermometryUnit>fahrenheit</thermometryUnit><currTemperature>118.4</currTemperature></TMPA>",
         48.0, "thermal"),
    ],
)  # fmt: skip
def test_a_rule_of_temperature_stands_where_it_will(told: str, value: float, channel: str) -> None:
    reading = next(one for one in hear(FAMILY, xml("TMPA", told)) if isinstance(one, EnvironmentReading))
    assert (reading.metric, round(reading.value, 6), reading.unit, reading.channel) == (
        "temperature", value, "Cel", channel,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"code": 1103, "standardCIDcode": 1130, "type": "zoneAlarm", "zone": 4},
         Alarm(name="intrusion", active=True, area="4", **AT)),
        ({"code": 3103, "standardCIDcode": 3130, "type": "zoneAlarm", "zone": 4},
         Alarm(name="intrusion", active=False, area="4", **AT)),
        ({"code": 1103, "type": "zoneAlarm", "zone": 4}, Alarm(name="intrusion", active=True, area="4", **AT)),
        ({"standardCIDcode": 1110, "zone": 2}, Alarm(name="fire", active=True, area="2", **AT)),
        ({"standardCIDcode": 3401, "type": "arm"},
         Incident(event_type="cidEvent", attributes={"code": "3401", "type": "arm"}, **AT)),
    ],
)  # fmt: skip
def test_an_alarm_panel_reports_by_contact_id(told: dict[str, Any], expected: Observation) -> None:
    assert hear(FAMILY, alert("cidEvent", CIDEvent=told)) == [expected, HEARD]
    flow = {"zone": 4, "payload": True, "alarm": alert("cidEvent", CIDEvent=told)}
    assert hear(FAMILY, flow) == [expected, HEARD]


def test_a_door_tells_what_happened_and_not_to_whom() -> None:
    told = {
        "majorEventType": 5,
        "subEventType": 75,
        "doorNo": 2,
        "name": "A Person",
        "cardNo": "1",
        "employeeNoString": "77",
    }
    expected = Incident(
        event_type="AccessControllerEvent",
        attributes={"majorEventType": "5", "subEventType": "75", "doorNo": "2"},
        **AT,
    )
    assert hear(FAMILY, alert("AccessControllerEvent", AccessControllerEvent=told)) == [expected, HEARD]
    inner = "".join(f"<{name}>{word}</{name}>" for name, word in told.items())
    unnamed = xml("", f"<AccessControllerEvent>{inner}</AccessControllerEvent>")
    assert hear(FAMILY, unnamed) == [expected, HEARD]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"devId": 3, "EventType": 1, "Channel": 1, "IvmsChannel": 1, "RuleID": 2},
         [Alarm(device="hikvision_dahua/3", name="line_crossing", active=True, area="2", momentary=True),
          DeviceHealth(device="hikvision_dahua/3")]),
        ({"devId": 3, "EventType": 40, "Channel": 2, "IvmsChannel": 1, "RuleID": 2},
         [Incident(device="hikvision_dahua/3/2", event_type="vca_rule", attributes={"type": "40"}),
          DeviceHealth(device="hikvision_dahua/3/2", via="hikvision_dahua/3")]),
        ({"eventType": "5.75", "eventName": "authenticatedViaFace", "deviceName": "door", "userName": "A Person"},
         [Incident(device="hikvision_dahua/door", event_type="authenticatedViaFace", attributes={"number": "5.75"}),
          DeviceHealth(device="hikvision_dahua/door", name="door")]),
        ({"eventName": "doorbellPressed", "from": "sip:10001@10.0.0.2"},
         [Alarm(device="hikvision_dahua/site/gate", name="button", active=True, momentary=True),
          DeviceHealth(device="hikvision_dahua/site/gate")]),
    ],
)  # fmt: skip
def test_bridges_have_words_of_their_own(document: Any, expected: list[Observation]) -> None:
    assert hear(FAMILY, document) == expected


@given(changed([
    density(dataSource="PQA", PQA={"alarmCount": 4}, DSA={"alarmTime": 3}),
    alert("PeopleCounting", peopleCounting={"TimeRange": {"startTime": 3}, "enter": 1}, childCounting={"exit": 2}),
    alert("regionTargetNumberCounting", CountingList={"DataList": [{"statisticalDirection": "back", "humanCount": 1}]}),
    alert("TMA", DetectionRegionList=[{"DetectionRegionEntry": {"TMA": {"currTemperature": 3}}}]),
    alert("cidEvent", CIDEvent={"standardCIDcode": 1130, "zone": 1, "trigger": "x"}),
    {"Metadata": {"subType": "PeopleCounting", "time": "x", "DevInfo": {"channel": "1"}, "Situation": {"x": 1}}},
]))  # fmt: skip
@settings(max_examples=examples(300))
def test_odd_members_cost_no_more_than_themselves(document: Any) -> None:
    outcome(FAMILY, document)

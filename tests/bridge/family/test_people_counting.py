"""People counters' packages as their makers document them, known by their shape."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.errors import Rejected
from appliance.model.observation import (
    Alarm,
    CameraStatus,
    CrowdDensity,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    Observation,
    PeopleCount,
)
from firmware_bridge.family.people_counting.family import FAMILY
from tests.bridge.family.hearing import KIT, changed, kit_samples, outcome, refused
from tests.bridge.family.told import Conversation, well_typed
from tests.conftest import examples

TOPIC = "site/entrance"
DOOR = "people_counting/80:1F:12"
SENDER = "people_counting/site/entrance"
AT = datetime(2023, 1, 16, 13, 27, 2, tzinfo=UTC)  # 1673875622000 ms
SINCE = datetime(2023, 1, 16, 13, 26, 2, tzinfo=UTC)
MS = 1673875622000
SENSOR = {"serial_number": "80:1F:12", "type": "SINGLE_SENSOR"}


def tell(said: Any) -> list[Observation]:
    return Conversation(FAMILY).tell(TOPIC, said)


def count(device: str = DOOR, **members: Any) -> PeopleCount:
    return PeopleCount(device=device, observed_at=AT, **members)


def dwell(value: float, channel: str, device: str = DOOR, metric: str = "dwell_time") -> EnvironmentReading:
    return EnvironmentReading(device=device, observed_at=AT, metric=metric, value=value, unit="s", channel=channel)


def live(*events: dict[str, Any]) -> dict[str, Any]:
    frame = {
        "time": MS,
        "illumination": "SUFFICIENT",
        "tracked_objects": [{"type": "PERSON"}, {"type": "GROUP"}],
        "events": events,
    }
    return {"live_data": {"sensor_info": SENSOR, "frames": [{"time": MS - 80}, frame]}}


LIVE = live(
    {
        "category": "COUNT",
        "type": "COUNT_INCREMENT",
        "attributes": {"logic_name": "Gate", "counter_name": "fw", "counter_value": 1471},
    },
    {"category": "SCENE", "type": "LINE_CROSS_BACKWARD", "attributes": {"geometry_name": "Line 0"}},
    {"category": "SCENE", "type": "TRACK_CREATE", "attributes": {"track_id": 9}},
)


def logics(counts: list[dict[str, Any]], name: str = "Gate") -> dict[str, Any]:
    record = {"from": MS - 60_000, "to": MS, "counts": counts}
    return {"logics_data": {"sensor_info": SENSOR, "logics": [{"id": 1, "name": name, "records": [record]}]}}


LOGICS = logics(
    [
        {"name": "fw", "value": 3},
        {"name": "bw", "value": 1},
        {"name": "fw-male", "value": 2},
        {"name": "x", "value": None},
    ]
)
ZONE = logics(
    [
        {"name": "balance", "value": 4},
        {"name": "visits", "value": 6},
        {"name": "dwell_time", "value": 83.5, "unit": "seconds"},
    ],
    "POI",
)
STATUS = {
    "status_data": {
        "states": {
            "device": {"state": {"state": "ERROR", "details": {"temperatures": {"die": 66}, "uptime_sec": 334753}}},
            "time": {"state": {"state": "OK", "details": {"time": "2023-01-16T14:27:02+01:00"}}},
            "updates": {"state": {"state": "OK", "version": "5.0.3"}},
            "singlesensor": {"status": {"illumination": "INSUFFICIENT"}},
        }
    }
}
EVENT = {"timestamp": MS, "serial": "80:1F:12", "countItem": {"id": 0, "name": "Line 0"}, "objectType": "PERSON"}
EVENTS = {
    "values": [
        {**EVENT, "type": "LineCrossing", "direction": "backward"},
        {**EVENT, "type": "LineCount", "direction": "backward"},
        {**EVENT, "type": "ZoneEntry", "countItem": {"name": "Zone 0"}},
        {**EVENT, "type": "CountZoneEntry", "countItem": {"name": "Zone 0"}},
        {**EVENT, "type": "ZoneDwellTime", "countItem": {"name": "Zone 0"}, "dwellTime": 2500},
    ]
}
MEASURED = {
    "from": "2023-01-16T14:26:02+01:00",
    "to": "2023-01-16T14:27:02+01:00",
    "value": [{"value": 1, "label": "fw"}, {"value": 0, "label": "bw"}],
}
COUNTS = {
    "sensor-time": {"time": "2023-01-16T14:27:02+01:00"},
    "sensor-info": {"serial-number": "80:1F:12", "ip-address": "10.0.0.4", "name": "Door", "device-type": "PC2S"},
    "content": {"element": [{"element-name": "Line 0", "measurement": [MEASURED]}]},
}
AXIS = {
    "apiName": "Axis Retail Data",
    "utcSent": "2023-01-16T13:27:02Z",
    "data": {
        "measurements": [
            {
                "kind": "people-counts",
                "utcFrom": "2023-01-16T13:26:02Z",
                "utcTo": "2023-01-16T13:27:02Z",
                "items": [{"direction": "in", "count": 1, "adults": 0}, {"direction": "out", "count": 2}],
            }
        ]
    },
    "sensor": {
        "application": "AXIS 3D People Counter",
        "applicationVersion": "11.11.148",
        "name": "axis-door",
        "serial": "b8a44fa89c85",
        "ipAddress": "10.0.0.6",
    },
}
AXIS_DOOR = "people_counting/b8a44fa89c85"
SUMS = {"serial": "b8a44fa89c85", "name": "Exit south", "timestamp": "20230116132702", "in": 12, "out": 318}
VS_DEVICE = {
    "device_sn": "6384E16",
    "device_name": "People Counter",
    "firmware_version": "V_125.1.0.1",
    "ip_address": "10.0.0.5",
    "running_time": 141,
}
VS = "people_counting/6384E16"
VS_HEALTH = DeviceHealth(
    device=VS,
    observed_at=AT,
    name="People Counter",
    manufacturer="Milesight",
    firmware="V_125.1.0.1",
    serial="6384E16",
    address="10.0.0.5",
    uptime_s=141,
)
PERIODIC = {
    "device_info": VS_DEVICE,
    "time_info": {"start_time": "2023-01-16T21:26:02+08:00", "end_time": "2023-01-16T21:27:02+08:00"},
    "line_periodic_data": [{"line": 1, "line_name": "Line1", "total": {"in": 3, "out": 2}, "group": {"in": 1}}],
    "line_total_data": [
        {"line": 1, "line_name": "Line1", "total": {"in_counted": 30, "out_counted": 28, "capacity_counted": 2}}
    ],
    "region_data": {
        "region_count_data": [{"region_name": "Hall", "total": {"current_total": 5}}],
        "dwell_time_data": [{"region_name": "Hall", "avg_dwell_time": 1500, "max_dwell_time": 9000}],
    },
}
TRIGGER = {
    "device_info": VS_DEVICE,
    "time_info": {"time": "2023-01-16T21:27:02+08:00"},
    "line_trigger_data": [{"line": 2, "total": {"in": 1, "out": 0}}],
    "region_trigger_data": {"dwell_time_data": [{"region": 1, "duration": 96799, "people_id": 5}]},
}


def disruptive(kind: str, **data: Any) -> dict[str, Any]:
    return {
        "eventId": "e1",
        "targetName": "projects/p/devices/d1",
        "eventType": kind,
        "data": {"eventType": kind, kind: {**data, "updateTime": "2023-01-16T13:27:02Z"}},
        "timestamp": "2023-01-16T13:27:03Z",
        "labels": {"name": "Fridge"},
    }


PROXIMITY = disruptive("objectPresentCount", total=4176)
D1 = "people_counting/d1"
D1_HEALTH: dict[str, Any] = {
    "device": D1,
    "observed_at": AT,
    "name": "Fridge",
    "manufacturer": "Disruptive Technologies",
}
PACKAGES: list[tuple[Any, list[Observation]]] = [
    (
        LIVE,
        [
            DeviceHealth(device=DOOR, observed_at=AT, attributes={"illumination": "SUFFICIENT"}),
            count(entered=1471, line="Gate", cumulative=True),
            count(left=1, line="Line 0"),
            count(present=1),
        ],
    ),
    (
        LOGICS,
        [
            DeviceHealth(device=DOOR),
            count(since=SINCE, entered=3, left=1, line="Gate", attributes={"fw-male": 2}),
        ],
    ),
    (
        ZONE,
        [
            DeviceHealth(device=DOOR),
            dwell(83.5, "POI"),
            count(since=SINCE, entered=6, present=4, line="POI"),
        ],
    ),
    (
        STATUS,
        [
            DeviceHealth(
                device=SENDER,
                observed_at=AT,
                state="online",
                firmware="5.0.3",
                uptime_s=334753,
                attributes={"illumination": "INSUFFICIENT"},
            ),
            CameraStatus(device=SENDER, observed_at=AT, working=False, reason="ERROR"),
            EnvironmentReading(
                device=SENDER, observed_at=AT, metric="device_temperature", value=66, unit="Cel", channel="die"
            ),
        ],
    ),
    (
        EVENTS,
        [
            DeviceHealth(device=DOOR, observed_at=AT),
            count(left=1, line="Line 0"),
            count(entered=1, line="Zone 0"),
            dwell(2.5, "Zone 0"),
        ],
    ),
    (
        COUNTS,
        [
            DeviceHealth(
                device=DOOR,
                observed_at=AT,
                name="Door",
                manufacturer="Xovis",
                model="PC2S",
                serial="80:1F:12",
                address="10.0.0.4",
            ),
            count(since=SINCE, entered=1, left=0, line="Line 0"),
        ],
    ),
    (
        AXIS,
        [
            DeviceHealth(
                device=AXIS_DOOR,
                observed_at=AT,
                name="axis-door",
                manufacturer="Axis",
                model="AXIS 3D People Counter",
                firmware="11.11.148",
                serial="b8a44fa89c85",
                address="10.0.0.6",
            ),
            count(AXIS_DOOR, since=SINCE, entered=1, left=2),
        ],
    ),
    (
        SUMS,
        [
            count(AXIS_DOOR, entered=12, left=318, cumulative=True),
            DeviceHealth(device=AXIS_DOOR, observed_at=AT, name="Exit south", serial="b8a44fa89c85"),
        ],
    ),
    (
        PERIODIC,
        [
            VS_HEALTH,
            count(VS, since=SINCE, entered=3, left=2, line="Line1"),
            count(VS, since=SINCE, entered=1, line="Line1", subject="groups"),
            count(VS, entered=30, left=28, present=2, line="Line1", cumulative=True),
            count(VS, present=5, line="Hall"),
            dwell(1.5, "Hall.avg", VS),
            dwell(9, "Hall.max", VS),
        ],
    ),
    (
        TRIGGER,
        [
            VS_HEALTH,
            count(VS, entered=1, left=0, line="2"),
            dwell(96.799, "1", VS),
        ],
    ),
    (
        PROXIMITY,
        [
            DeviceHealth(**D1_HEALTH),
            count(D1, observation_id="e1", entered=4176, subject="objects", cumulative=True),
        ],
    ),
    (
        {"event": disruptive("motion", state="MOTION_DETECTED"), "metadata": {"deviceType": "motion"}},
        [
            DeviceHealth(**D1_HEALTH, model="motion"),
            Motion(device=D1, observed_at=AT, observation_id="e1", active=True),
        ],
    ),
    (
        disruptive("waterPresent", state="PRESENT"),
        [
            DeviceHealth(**D1_HEALTH),
            Alarm(device=D1, observed_at=AT, observation_id="e1", name="water_leak", active=True),
        ],
    ),
    (
        disruptive("networkStatus", signalStrength=80, rssi=-60, cloudConnectors=[{"id": "c9"}]),
        [DeviceHealth(**D1_HEALTH, via="people_counting/c9", signal_dbm=-60, link_quality=80)],
    ),
    (disruptive("batteryStatus", percentage=90), [DeviceHealth(**D1_HEALTH, battery_percent=90)]),
    (
        disruptive("humidity", temperature=21.5, relativeHumidity=40),
        [
            DeviceHealth(**D1_HEALTH),
            EnvironmentReading(
                device=D1, observed_at=AT, observation_id="e1", metric="temperature", value=21.5, unit="Cel"
            ),
            EnvironmentReading(device=D1, observed_at=AT, observation_id="e1", metric="humidity", value=40, unit="%"),
        ],
    ),
    (
        {"camera": "square", "people_count": 120, "crowd_density": 1.5, "capacity": 400, "zone": "north", "ts": MS},
        [
            CrowdDensity(
                device="people_counting/square",
                observed_at=AT,
                people=120,
                per_m2=1.5,
                capacity=400,
                area="north",
            ),
            DeviceHealth(device="people_counting/square", observed_at=AT),
        ],
    ),
]


@pytest.mark.parametrize(("said", "expected"), PACKAGES)
def test_each_package_says_its_own(said: Any, expected: list[Observation]) -> None:
    assert tell(said) == expected


def test_events_may_come_as_a_bare_array() -> None:
    assert tell(EVENTS["values"]) == tell(EVENTS)


def test_a_package_that_names_no_sensor_is_its_senders() -> None:
    unnamed: dict[str, Any] = {"logics_data": {"logics": []}}
    assert tell(unnamed) == [DeviceHealth(device=SENDER)]
    told = Conversation(FAMILY).tell("hexpost/v1/a/door/raw/people_counting", unnamed)
    assert told == [DeviceHealth(device="people_counting/door")]


def test_a_package_is_cut_where_it_has_no_end() -> None:
    many = logics([{"name": "fw", "value": 1}])
    many["logics_data"]["logics"][0]["records"] *= 5_000
    assert len(tell(many)) <= 1_000


def test_counts_without_elements_are_refused() -> None:
    assert Conversation(FAMILY).refusal(TOPIC, {**COUNTS, "content": 7}) == (
        "$.content: expected an object with the elements counted"
    )


@settings(max_examples=examples(300))
@given(changed([said for said, _ in PACKAGES]))
def test_odd_members_cost_no_more_than_themselves(said: Any) -> None:
    told = outcome(FAMILY, said)
    assert told is None or isinstance(told, Rejected) or well_typed(told)


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_no_real_message_is_refused() -> None:
    samples = [one for one in kit_samples("people_counting") if one.topic is None]  # the others are LoRaWAN
    assert len(samples) == 9
    assert refused(FAMILY, samples) == {}

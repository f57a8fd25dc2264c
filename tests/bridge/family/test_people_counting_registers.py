"""People counters of Milesight's VS121-P and of registers that their owner names, known by their shape."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.errors import Rejected
from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Observation, PeopleCount
from firmware_bridge.family.people_counting.family import FAMILY
from tests.bridge.family.hearing import changed, outcome
from tests.bridge.family.told import Conversation, well_typed
from tests.conftest import examples

AT = datetime(2023, 1, 16, 13, 27, 2, tzinfo=UTC)
SINCE = datetime(2023, 1, 16, 13, 26, 2, tzinfo=UTC)


def tell(said: Any) -> list[Observation]:
    return Conversation(FAMILY).tell("site/entrance", said)


def count(device: str, **members: Any) -> PeopleCount:
    return PeopleCount(device=device, observed_at=AT, **members)


def reading(metric: str, value: float, unit: str = "1", channel: str = "") -> EnvironmentReading:
    return EnvironmentReading(device=VS, observed_at=AT, metric=metric, value=value, unit=unit, channel=channel)


VS = "people_counting/6384E16"
VS121 = {"device_info": {"device_sn": "6384E16"}}
VS121_PERIOD = {
    "timezone": "UTC+8:00",
    "dst_status": False,
    "start_time": "2023/01/16 21:26:02",
    "end_time": "2023/01/16 21:27:02",
}
VS121_HEALTH = DeviceHealth(device=VS, observed_at=AT, manufacturer="Milesight", serial="6384E16")
VS121_REGIONS = {**VS121, "time_info": VS121_PERIOD, "numbering_regions": [1, 2], "max_counted": 9}
VS121_SUMMER = {"time_zone": "UTC-5:00 EST", "dst_status": 1, "time": "2023-01-16 09:27:02"}

REPORTS: list[tuple[Any, list[Observation]]] = [
    (
        {**VS121_REGIONS, "current_counted": [4, 6], "occupancy": [1, 1]},
        [
            VS121_HEALTH,
            count(VS, present=4, line="1"),
            count(VS, present=6, line="2"),
            reading("people_max", 9),
        ],
    ),
    (
        {**VS121, "time_info": VS121_PERIOD, "numbering_regions": [1], "regions_name": ["Desk"], "occupancy": [0]},
        [
            VS121_HEALTH,
            reading("occupancy", 0, channel="Desk"),
        ],
    ),
    (
        {**VS121, "time_info": VS121_PERIOD, "flow_data": {"A-B": 3, "B-A": 0}},
        [
            VS121_HEALTH,
            count(VS, since=SINCE, entered=3, line="A-B"),
            count(VS, since=SINCE, entered=0, line="B-A"),
        ],
    ),
    (
        {
            **VS121,
            "time_info": VS121_SUMMER,
            "line_total_data": [{"line": 1, "total": {"in_counted": 12, "out_counted": 14, "capacity_counted": -2}}],
            "attention_region_trigger_data": {"region_attention_time_data": [{"region": 2, "attention_time_ms": 4200}]},
            "di_trigger_data": {"di_trigger_count": 1, "di_trigger_event_name": "Bell"},
        },
        [
            VS121_HEALTH,
            count(VS, entered=12, left=14, line="1", cumulative=True),  # of fewer than nobody it says nothing
            reading("attention_time", 4.2, "s", "2"),
            Alarm(device=VS, observed_at=AT, name="digital_input", active=True, area="Bell", momentary=True),
        ],
    ),
]


@pytest.mark.parametrize(("said", "expected"), REPORTS)
def test_a_report_is_timed_in_the_zone_it_names_and_tells_of_each_region(
    said: Any, expected: list[Observation]
) -> None:
    assert tell(said) == expected


IRISYS = "people_counting/V4D-17"
ROSE = [
    {"register": "MainEntranceIn", "value": 1, "t": "2023-01-16T13:27:02+0000"},
    {"register": "MainEntranceOut", "value": 2, "t": "2023-01-16T13:27:02+0000"},
]


def test_registers_count_the_way_their_names_say() -> None:
    told = Conversation(FAMILY)
    health = DeviceHealth(device=IRISYS)
    assert told.tell("irisys/V4D-17/counts", ROSE) == [
        count(IRISYS, entered=1, line="MainEntranceIn"),
        count(IRISYS, left=2, line="MainEntranceOut"),
        health,
    ]
    assert told.tell("irisys/V4D-17/counts", []) == [health]
    assert told.tell("irisys/V4D-17/targets", b"\x01" + bytes(23)) == [health]
    live = {"counts": [{"name": "Exit", "count": 118}, {"name": "Zone 1", "count": 4}]}
    assert told.tell("irisys/V4D-17/live_counts", live) == [
        PeopleCount(device=IRISYS, left=118, line="Exit", cumulative=True),
        EnvironmentReading(device=IRISYS, metric="count", value=4, unit="1", channel="Zone 1"),
        health,
    ]
    for status, state in (("connected", "online"), ("disconnected", "offline")):
        heard = told.tell("irisys/V4D-17/status", {"status": status})
        assert heard == [DeviceHealth(device=IRISYS, state=state)]  # type: ignore[arg-type]


def test_registers_are_logged_by_http_too() -> None:
    entry = {"Counts": [{"Name": "Door In", "RegisterId": 0, "Value": 121}], "Timestamp": "2023-01-16T13:27:02Z"}
    assert tell({"CountLogs": [entry], "FriendlyDeviceSerial": "V4D-17"}) == [
        count(IRISYS, entered=121, line="Door In", cumulative=True),
        DeviceHealth(device=IRISYS),
    ]


def test_one_who_passes_a_region_is_counted_on_the_side_the_metric_says() -> None:
    camera = "people_counting/1000"
    passed = {"CameraSerial": "1000", "RoiId": 1, "MetricId": 2, "EventEndTime": 1673875622, "PeopleId": 1}
    assert tell(passed) == [count(camera, left=1, line="1"), DeviceHealth(device=camera, observed_at=AT)]
    taken = {"CameraSerial": "1000", "RoiId": 1, "ObjectCount": 1, "Timestamp": 1673875622, "OccupancyTypeId": 1}
    assert tell(taken)[0] == EnvironmentReading(
        device=camera, observed_at=AT, metric="occupancy", value=1, unit="1", channel="1"
    )


@settings(max_examples=examples(200))
@given(
    changed(
        [
            *(said for said, _ in REPORTS),
            ROSE,
            {"CountLogs": [{"Counts": [{"Name": "In", "Value": 1}], "Timestamp": 1673875622000}]},
            {"CameraSerial": "1000", "RoiId": 1, "MetricId": 2, "ObjectCount": 3, "Timestamp": 1673875622},
        ]
    )
)
def test_odd_members_cost_no_more_than_themselves(said: Any) -> None:
    told = outcome(FAMILY, said)
    assert told is None or isinstance(told, Rejected) or well_typed(told)


def test_a_counter_tells_how_it_is() -> None:
    info = {"device_sn": "6384E16", "cpu": {"cpu_usage": 30, "cpu_temperature": 51.2}, "storage": {"storage_usage": 12}}
    said = {"device_info": info, "time_info": {"time": "2023-01-16T21:27:02+08:00"}, "line_trigger_data": []}
    (health,) = Conversation(FAMILY).tell("site/hall", said)
    assert health.attributes == {"cpu_percent": 30.0, "cpu_temperature_c": 51.2, "storage_percent": 12.0}

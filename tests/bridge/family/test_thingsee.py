"""Thingsee tags: each kind of message by its number, lists of them, and what Haltian IoT makes of them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.family.environment import FAMILY
from tests.bridge.family.hearing import changed, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples


def thingsee(**values: Any) -> list[Observation]:
    said = {"tsmTuid": "TSAR02", "tsmTs": 1657105690, "tsmGw": "TSGW06", "tsmEv": 10, **values}
    return Conversation(FAMILY).tell("hexpost/v1/a/gateway/raw/environment", said)


@pytest.mark.parametrize(
    ("said", "metric", "value", "unit"),
    [
        ({"tsmId": 24100, "carbonDioxide": 460, "status": 0}, "co2", 460, "[ppm]"),
        ({"tsmId": 24101, "tvoc": 10}, "voc", 10, "[ppb]"),
        ({"tsmId": 12100, "airp": 97021.277}, "pressure", 970.21277, "hPa"),
        ({"tsmId": 12100, "lght": 40}, "illuminance", 40, "lx"),
        ({"tsmId": 13100, "moveCount": 3}, "motion_count", 3, "1"),
        ({"tsmId": 1111, "accz": 950}, "acceleration.z", 950, "m[g]"),
    ],
)
def test_a_thingsee_tag_measures_by_its_kind_of_message(
    said: dict[str, Any], metric: str, value: float, unit: str
) -> None:
    assert [
        (f"{seen.metric}.{seen.channel}" if seen.channel else seen.metric, seen.value, seen.unit)
        for seen in thingsee(**said)
        if isinstance(seen, EnvironmentReading)
    ] == [(metric, value, unit)]


def test_a_thingsee_tag_sees_and_feels() -> None:
    assert [seen.active for seen in thingsee(tsmId=2100, state=1) if isinstance(seen, Motion)] == [True]
    assert [seen.active for seen in thingsee(tsmId=12101, hall=0) if isinstance(seen, Alarm)] == [False]
    health = next(seen for seen in thingsee(tsmId=1110, batl=93) if isinstance(seen, DeviceHealth))
    assert (health.battery_percent, health.manufacturer, health.via) == (93, "Haltian", "environment/TSGW06")


def test_a_distance_is_in_metres_and_an_arm_in_degrees() -> None:
    far = next(seen for seen in thingsee(tsmId=17100, dist=145) if isinstance(seen, EnvironmentReading))
    arm = next(seen for seen in thingsee(tsmId=18100, angle=89) if isinstance(seen, EnvironmentReading))
    assert (far.metric, far.value, far.unit) == ("distance", 0.145, "m")
    assert (arm.metric, arm.value, arm.unit) == ("angle", 89, "deg")


def test_an_entryway_counts_who_came_and_went_and_a_desk_how_often_it_was_taken() -> None:
    assert [(seen.entered, seen.left) for seen in thingsee(tsmId=13103, **{"in": 3, "out": 1})[:1]] == [(3, 1)]  # type: ignore[attr-defined]
    taken = [seen for seen in thingsee(tsmId=13102, count=4, duration=620) if isinstance(seen, EnvironmentReading)]
    assert [(seen.metric, seen.value, seen.unit) for seen in taken] == [
        ("occupancies", 4, "1"),
        ("occupied_time", 620, "s"),
    ]


def test_a_failed_measurement_and_a_clients_request_measure_nothing() -> None:
    assert [type(seen) for seen in thingsee(tsmId=24100, carbonDioxide=0, status=-1)] == [DeviceHealth]
    assert thingsee(tsmId=13200, threshold=150, tsmEv=30) == []


def test_a_gateway_may_bring_several_at_once() -> None:
    said = [{"tsmId": 12100, "tsmTuid": f"TSEN0{n}", "tsmTs": 1657105690, "temp": 20 + n} for n in (1, 2)]
    found = Conversation(FAMILY).tell("plant/thingsee", said)
    assert [(seen.device, seen.value) for seen in found if isinstance(seen, EnvironmentReading)] == [
        ("environment/TSEN01", 21),
        ("environment/TSEN02", 22),
    ]


def test_haltian_iot_tells_one_measurement_a_topic() -> None:
    topic = "haltian-iot/events/hall/key/measurements/occupancyStatus/5a2e"
    found = Conversation(FAMILY).tell(topic, {"measured_at": "2026-01-28T08:52:11Z", "isOccupied": True})
    assert found[0] == Motion(
        device="environment/5a2e", observed_at=datetime(2026, 1, 28, 8, 52, 11, tzinfo=UTC), active=True
    )


@settings(max_examples=examples(100))
@given(
    changed(
        [
            {"tsmId": 13103, "tsmTs": 1657105690, "tsmTuid": "T", "in": 3, "out": 1},
            [{"tsmId": 12100, "tsmTs": 1657105690, "tsmTuid": "T", "temp": 20, "dist": 5}],
        ]
    )
)
def test_nothing_raises(said: Any) -> None:
    outcome(FAMILY, said)

"""ONVIF and Axis: whose an event is, however its producer is addressed, and what is told twice."""

import pytest

from appliance.model.observation import DeviceHealth, Motion
from firmware_bridge.family.onvif_axis.family import FAMILY
from firmware_bridge.inbound import Memory
from tests.bridge.family.hearing import hear
from tests.bridge.family.test_onvif_axis import HEARD, MS, event, notification, said


@pytest.mark.parametrize(
    ("address", "device"),
    [
        ("http://10.0.0.7:5656/event", "10.0.0.7"),  # the subscription's path and port are none of its name
        ("http://[fe80::7]/event", "[fe80::7]"),
        ("urn:uuid:1419d68a-1dd2-11b2-a105-f00000875d9b", "1419d68a-1dd2-11b2-a105-f00000875d9b"),
        ("http://www.w3.org/2005/08/addressing/anonymous", "site/gate"),
    ],
)
def test_a_producer_is_the_device_however_it_is_addressed(address: str, device: str) -> None:
    told = notification("tns1:VideoSource/MotionAlarm", "Changed", {"State": "true"})
    told = told.replace("uri://0123456789AB/ProducerReference", address)
    assert {one.device for one in hear(FAMILY, told)} == {f"onvif_axis/{device}"}


def test_any_scenario_repeats_those_that_are_told_by_themselves() -> None:
    base, memory = "axis:CameraApplicationPlatform/ObjectAnalytics/Device1Scenario", Memory()
    any_of_them, one = event(f"{base}ANY", {"active": "1"}), event(f"{base}1", {"active": "1"})
    alone = said(Motion, active=True, area="Device1ScenarioANY")
    assert hear(FAMILY, any_of_them, memory=memory) == alone
    hear(FAMILY, one, memory=memory)
    assert hear(FAMILY, any_of_them, memory=memory) == [HEARD]
    later = {**any_of_them, "timestamp": MS + 8 * 86_400_000}  # its owner may have chosen anew
    assert [type(item) for item in hear(FAMILY, later, memory=memory)] == [Motion, DeviceHealth]

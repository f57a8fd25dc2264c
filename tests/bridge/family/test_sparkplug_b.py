"""Sparkplug B: births that teach, data by alias, deaths that count or come late, gaps that ask for a rebirth."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, EnvironmentReading, Position
from firmware_bridge.family.sparkplug_b.family import FAMILY
from firmware_bridge.inbound import Memory
from tests.bridge.family.hearing import KIT, NOW, changed, hear, kit_samples, outcome, refused
from tests.bridge.family.sparkplug_wire import BIRTH, DATA, DEATH, MS, NODE, WHEN, field, metric, payload, unit
from tests.conftest import examples

REBIRTH = "rebirth:Plant/Edge 1"


BDSEQ = metric("bdSeq", kind=8, more=field(11, 7))
BORN = payload(
    BDSEQ,
    metric("Node Control/Rebirth", kind=11, more=field(14, 0)),
    metric("Properties/Hardware Make", kind=12, more=field(15, "Acme")),
    metric("Properties/Hardware Model", kind=12, more=field(15, "EN-4")),
    metric("Temperature", 5, kind=10, more=field(13, 212.0) + unit("°F")),
    metric("Pumps/Pump 1/Speed", 6, kind=3, more=field(10, 0xFFFF_FFF6)),
    metric("Running", 7, kind=11, more=field(14, 1)),
)

RENDERED = {
    "timestamp": MS,
    "seq": 3,
    "metrics": [
        {
            "name": "Level",
            "alias": 4,
            "timestamp": MS,
            "dataType": "Int16",
            "value": 40,
            "properties": {"engUnit": {"type": "String", "value": "%"}},
        },
        {"name": "Door", "dataType": "Boolean", "value": False},
        {"name": "Broken", "dataType": "Double", "value": None},
    ],
}
"""As Eclipse Tahu renders a payload in JSON."""


def reading(
    name: str, value: float, measured_in: str = "", *, when: datetime = WHEN, **more: Any
) -> EnvironmentReading:
    return EnvironmentReading(device=NODE, observed_at=when, metric=name, value=value, unit=measured_in, **more)


def born() -> Memory:
    memory = Memory()
    hear(FAMILY, BORN, BIRTH, memory=memory)
    return memory


def test_a_birth_tells_what_the_node_is_and_measures() -> None:
    assert hear(FAMILY, BORN, BIRTH) == [
        DeviceHealth(device=NODE, observed_at=WHEN, state="online", manufacturer="Acme", model="EN-4"),
        reading("temperature", 100.0, "Cel"),
        reading("pumps.pump_1.speed", -10.0),
        reading("running", 1.0),
    ]


def test_data_by_alias_have_the_name_type_and_unit_of_the_birth() -> None:
    data = payload(
        metric(alias=5, more=field(3, MS - 60_000) + field(13, 32.0)),
        metric(alias=6, more=field(10, 0xFFFF_FFFF) + field(5, 1)),
        metric(alias=7, more=field(7, 1)),
        seq=1,
    )
    memory = born()
    assert hear(FAMILY, data, DATA, memory=memory) == [
        DeviceHealth(device=NODE, observed_at=WHEN),
        reading("temperature", 0.0, "Cel", when=datetime(2023, 11, 14, 22, 12, 20, tzinfo=UTC)),
        reading("pumps.pump_1.speed", -1.0, attributes={"historical": True}),
    ]
    assert memory.get("sparkplug_b", REBIRTH) is None


def test_an_unknown_alias_is_kept_under_its_number_and_a_rebirth_is_wanted() -> None:
    memory = born()
    heard = hear(FAMILY, payload(metric(alias=99, more=field(13, 1.5)), seq=1), DATA, memory=memory)
    assert heard[1:] == [reading("alias_99", 1.5)]
    assert memory.get("sparkplug_b", REBIRTH) == NOW.isoformat()


@pytest.mark.parametrize(
    ("places", "wanted"), [([1, 2, 3], False), ([1, 1], False), ([1, 3], True), ([255], True), ([2], True)]
)
def test_a_gap_in_the_sequence_wants_a_rebirth(places: list[int], wanted: bool) -> None:
    memory = born()
    for seq in places:
        hear(FAMILY, payload(seq=seq), DATA, memory=memory)
    assert (memory.get("sparkplug_b", REBIRTH) is not None) == wanted


def test_the_sequence_goes_on_over_devices_and_begins_anew_after_255() -> None:
    memory = born()
    device = "spBv1.0/Plant/{}/Edge 1/Press"
    hear(
        FAMILY, payload(metric("Load", 1, kind=10, more=field(13, 2.5)), seq=1), device.format("DBIRTH"), memory=memory
    )
    for seq in [*range(2, 256), 0]:
        hear(FAMILY, payload(metric(alias=1, more=field(13, 2.5)), seq=seq), device.format("DDATA"), memory=memory)
    assert memory.get("sparkplug_b", REBIRTH) is None


def test_a_node_nobody_saw_born_is_asked_until_it_is() -> None:
    memory = Memory()
    hear(FAMILY, payload(seq=9), DATA, memory=memory)
    assert memory.get("sparkplug_b", REBIRTH) == NOW.isoformat()
    hear(FAMILY, BORN, BIRTH, memory=memory)
    assert memory.get("sparkplug_b", REBIRTH) is None


def test_a_will_counts_only_for_the_birth_it_belongs_to() -> None:
    memory = born()
    assert hear(FAMILY, payload(metric("bdSeq", kind=8, more=field(11, 6)), seq=None), DEATH, memory=memory) == []
    heard = hear(FAMILY, payload(BDSEQ, seq=None), DEATH, memory=memory)
    assert heard == [DeviceHealth(device=NODE, state="offline")]  # written when the node connected, not when it died


def test_a_device_is_heard_through_its_node_and_dies_alone() -> None:
    device = "spBv1.0/Plant/{}/Edge 1/Press"
    born_device = hear(FAMILY, payload(seq=1), device.format("DBIRTH"), memory=born())
    dead = hear(FAMILY, payload(seq=2), device.format("DDEATH"), memory=born())
    assert born_device == [DeviceHealth(device=f"{NODE}/Press", observed_at=WHEN, state="online", via=NODE)]
    assert dead == [DeviceHealth(device=f"{NODE}/Press", observed_at=WHEN, state="offline", via=NODE)]


def test_commands_are_not_what_the_node_says() -> None:
    assert (
        hear(
            FAMILY,
            payload(metric("Node Control/Rebirth", more=field(14, 1)), seq=None),
            BIRTH.replace("NBIRTH", "NCMD"),
        )
        == []
    )


@pytest.mark.parametrize(
    ("said", "state"), [({"online": True, "timestamp": MS}, "online"), ("OFFLINE", "offline"), ("ONLINE", "online")]
)
def test_a_host_says_whether_it_is_there(said: Any, state: Any) -> None:
    topic = "spBv1.0/STATE/scada" if isinstance(said, dict) else "STATE/scada"
    when = WHEN if isinstance(said, dict) else None
    assert hear(FAMILY, said, topic) == [DeviceHealth(device="sparkplug_b/host/scada", observed_at=when, state=state)]


def test_a_template_is_flattened_and_a_place_is_a_position() -> None:
    template = field(2, field(1, "Latitude") + field(13, 43.65)) + field(2, field(1, "Longitude") + field(13, -79.38))
    flat = payload(metric("Flow", kind=19, more=field(18, field(2, field(1, "Rate") + field(13, 1.25)))), seq=1)
    assert hear(FAMILY, flat, DATA)[1:] == [reading("flow.rate", 1.25)]
    heard = hear(FAMILY, field(1, MS) + template + field(3, 1), DATA)
    assert heard[-1] == Position(device=NODE, observed_at=WHEN, latitude=43.65, longitude=-79.38)


def test_the_json_rendering_says_the_same() -> None:
    expected = [
        DeviceHealth(device=NODE, observed_at=WHEN),
        reading("level", 40.0, "%"),
        reading("door", 0.0),
    ]
    assert hear(FAMILY, RENDERED, DATA) == expected
    chariot = {
        "topic": {"namespace": "spBv1.0", "groupId": "Plant", "edgeNodeId": "Edge 1", "type": "NDATA"},
        "payload": RENDERED,
    }
    assert hear(FAMILY, chariot) == expected


def test_without_a_topic_the_metrics_tell_what_it_is() -> None:
    state = hear(FAMILY, BORN)[0]
    assert state == DeviceHealth(
        device="sparkplug_b/site/gate", observed_at=WHEN, state="online", manufacturer="Acme", model="EN-4"
    )
    assert FAMILY.recognise is not None
    assert FAMILY.recognise(b"\x08\x01\x12") is None
    assert FAMILY.recognise({"metrics": [{"name": "cpu", "fields": {}, "timestamp": 1}], "timestamp": 1}) is None


def test_a_topic_of_sparkplug_with_something_else_on_it_is_refused() -> None:
    with pytest.raises(Rejected, match="neither a Sparkplug B payload"):
        hear(FAMILY, b"{not json", DATA)
    with pytest.raises(Rejected, match="cut short"):
        hear(FAMILY, b"\x12\x7fab", DATA)


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_real_messages_are_understood() -> None:
    reasons = refused(FAMILY, kit_samples("sparkplug_b"))
    assert list(reasons) == [7]  # the JSON schema of the rendering, which no device sends


@given(changed([RENDERED]))
@settings(max_examples=examples(200))
def test_odd_members_cost_no_more_than_themselves(document: Any) -> None:
    outcome(FAMILY, document, DATA)
    outcome(FAMILY, document)


@given(st.binary(max_size=60), st.integers(0, len(BORN)))
@settings(max_examples=examples(300))
def test_damaged_bytes_give_observations_or_a_refusal(junk: bytes, at: int) -> None:
    outcome(FAMILY, BORN[:at] + junk + BORN[at:], BIRTH)
    outcome(FAMILY, BORN[:at], DATA)

"""A device's facts: what it told by name, and its states that have no name there."""

from appliance.model.facts import MAX_TOLD, TOLD, facts_of, merge_facts
from appliance.model.observation import DeviceHealth

CAM = "frigate/yard"


def test_only_what_was_told_is_a_fact() -> None:
    assert facts_of(DeviceHealth(device=CAM, firmware="0.15", battery_percent=0.0)) == {
        "firmware": "0.15",
        "battery_percent": 0.0,
    }


def test_states_without_a_name_of_their_own_keep_the_one_they_have() -> None:
    said = {"state": "ON", "errors": 3, "locked": False, "none": None, "empty": "", "list": [1], "object": {"a": 1}}
    assert facts_of(DeviceHealth(device=CAM, attributes=said)) == {TOLD: {"state": "ON", "errors": 3, "locked": False}}
    assert facts_of(DeviceHealth(device=CAM, attributes={"none": None})) == {}


def test_they_are_bounded_in_number_and_length() -> None:
    facts = facts_of(DeviceHealth(device=CAM, attributes={f"{n} {'x' * 500}": "y" * 500 for n in range(500)}))
    assert len(facts[TOLD]) == MAX_TOLD
    assert max(len(name) + len(said) for name, said in facts[TOLD].items()) < 300


def test_newer_facts_take_the_place_of_older_ones_each_state_for_itself() -> None:
    known = {"firmware": "1", TOLD: {"state": "ON", "mode": "heat"}}
    merge_facts(known, {"firmware": "2", TOLD: {"state": "OFF"}})
    merge_facts(known, {"model": "1PM"})
    assert known == {"firmware": "2", "model": "1PM", TOLD: {"state": "OFF", "mode": "heat"}}

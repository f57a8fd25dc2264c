"""What tells that a patrol discovered an incident."""

import pytest

from appliance.errors import Rejected
from appliance.model.discovery import read_discovery


@pytest.mark.parametrize(
    ("rules", "event_type", "attributes", "told"),
    [
        (["discovered_by=patrol"], "theft", {"discovered_by": "Patrol "}, True),
        (["discovered_by=patrol"], "theft", {"discovered_by": "citizen"}, False),
        (["discovered_by=patrol"], "theft", {}, False),
        (["discovered_by=patrol"], "theft", {"discovered_by": None}, False),
        (["found=1"], "theft", {"found": 1}, True),
        (["event_type=traffic_stop"], "Traffic_Stop", {}, True),
        (["event_type=traffic_stop"], "theft", {"event_type": "traffic_stop"}, False),
        (["a=x", "a=y", "b = z"], "theft", {"a": "y"}, True),
        (["a=x", "a=y", "b = z"], "theft", {"b": "z"}, True),
        ([], "theft", {"discovered_by": "patrol"}, False),
    ],
)
def test_a_rule_names_an_attribute_or_the_type(
    rules: list[str], event_type: str, attributes: dict[str, object], told: bool
) -> None:
    assert read_discovery(rules).tells(event_type, attributes) is told


@pytest.mark.parametrize("rule", ["patrol", "=patrol", "discovered_by=", " = "])
def test_what_is_not_a_pair_is_refused_by_its_place(rule: str) -> None:
    with pytest.raises(Rejected, match=r"--discovered .* ATTRIBUTE=VALUE"):
        read_discovery([rule], "--discovered")

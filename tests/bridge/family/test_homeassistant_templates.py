"""Value templates that do sums: read where they go from left to right, said not to be read where they do more."""

import pytest

from appliance.model.observation import DeviceHealth, EnvironmentReading
from firmware_bridge.family.homeassistant.family import FAMILY
from firmware_bridge.family.homeassistant.template import sum_of
from tests.bridge.family.told import Conversation


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ value_json.voltage / 1000 }}", (["voltage"], 0.001, 0.0)),
        ("{{ value_json.a.b | float * 10 | round(1) }}", (["a", "b"], 10.0, 0.0)),
        ("{{ (value_json['t'] | float - 32) * 5 / 9 }}", (["t"], 5 / 9, -160 / 9)),
        ("{{ ((value_json.t | float) * 1.8 + 32) | round(1) }}", (["t"], 1.8, 32.0)),
        ("{{ value | float / 10 }}", ([], 0.1, 0.0)),
        ("{{ value_json.t - 32 * 5 }}", None),  # the product comes first
        ("{{ value_json.t / 0 }}", None),
        ("{{ value_json.t * value_json.u }}", None),
        ("{{ value_json.t }}", None),
        ("{{ value_json.t + 1 if value_json.t else 0 }}", None),
    ],
)
def test_sums_with_constants_are_a_factor_and_an_offset(
    template: str, expected: tuple[list[str], float, float] | None
) -> None:
    found = sum_of(template)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found[0] == expected[0]
        assert found[1:] == pytest.approx(expected[1:])


def test_a_reading_is_what_its_template_makes_of_the_message() -> None:
    talk = Conversation(FAMILY)
    config = {
        "name": "Temperature",
        "dev_cla": "temperature",
        "unit_of_meas": "°F",
        "stat_t": "probe/state",
        "val_tpl": "{{ value_json.tenths / 10 }}",
        "dev": {"ids": ["probe1"]},
    }
    talk.tell("homeassistant/sensor/probe1/temperature/config", config)
    found = talk.tell("probe/state", {"tenths": 680})
    assert found == [
        EnvironmentReading(device="homeassistant/probe1", metric="temperature", value=20.0, unit="Cel"),
        DeviceHealth(device="homeassistant/probe1"),
    ]


def test_a_state_in_words_is_not_read_from_a_sum() -> None:
    talk = Conversation(FAMILY)
    config = {"name": "Door", "dev_cla": "door", "stat_t": "probe/state", "val_tpl": "{{ value_json.d * 2 }}"}
    talk.tell("homeassistant/binary_sensor/probe1/door/config", config)
    (health,) = talk.tell("probe/state", {"d": 1})
    assert health.attributes == {"not_read": ["Door"]}

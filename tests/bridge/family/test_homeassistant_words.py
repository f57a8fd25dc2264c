"""Value templates that make words of what they find, as gateways write them: choices, questions, maps."""

from typing import Any

import pytest

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.family.homeassistant.family import FAMILY
from firmware_bridge.family.homeassistant.words import said_by, wording_of
from tests.bridge.family.told import Conversation

NODE = "homeassistant/node-3"


@pytest.mark.parametrize(
    ("template", "place", "choice"),
    [
        ("{{ 'ON' if value_json.contact == false else 'OFF' }}", ["contact"], ["false", "ON", "OFF"]),
        ("{{ 'ON' if value_json.motion else 'OFF' }}", ["motion"], [None, "ON", "OFF"]),
        ("{{ 'ON' if not value_json.ok else 'OFF' }}", ["ok"], [None, "OFF", "ON"]),
        ("{{ 'ON' if value_json['s'] != 'idle' else 'OFF' }}", ["s"], ["idle", "OFF", "ON"]),
        ("{% if value_json.m == 1 %}ON{% else %}OFF{% endif %}", ["m"], ["1", "ON", "OFF"]),
        ('{% if value_json["s"] is equalto "cut" %}ON{% else %}OFF{% endif %}', ["s"], ["cut", "ON", "OFF"]),
        ("{% if value_json.get('rssi') -%}home{%- else -%}away{%- endif %}", ["rssi"], [None, "home", "away"]),
        ("{{ 'ON' if value | int == 1 else 'OFF' }}", [], ["1", "ON", "OFF"]),
        ("{{ 'ON' if value_json.t > 5 else 'OFF' }}", ["t"], ["5", "ON", "OFF", ">"]),
        ("{{ value_json.power | is_defined | float > 0 }}", ["power"], ["0", "True", "False", ">"]),
        ("{{ value_json.door == 'open' }}", ["door"], ["open", "True", "False"]),
        ("{{ value_json.shut is false }}", ["shut"], ["false", "True", "False"]),
    ],
)
def test_a_template_may_choose_between_two_words(template: str, place: Any, choice: Any) -> None:
    assert wording_of(template) == (place, {"choice": choice})


@pytest.mark.parametrize(
    ("template", "words", "other"),
    [
        ("{{ {0: \"off\", 1: 'heat'}[value_json.v] | default('idle') }}", {"0": "off", "1": "heat"}, "idle"),
        ('{{ {0: "idle",8: "Motion"}[value_json.v] | default(value_json.v) }}', {"0": "idle", "8": "Motion"}, None),
        ("{{ {'A': 'on'}.get(value_json.v, 'off') }}", {"a": "on"}, "off"),
        (
            "{% if value_json.v == 'a' %}A{% elif value_json.v == 'b' %}B{% else %}C{% endif %}",
            {"a": "A", "b": "B"},
            "C",
        ),
        (
            "{%if value_json.v is undefined%}off{%elif value_json.v=='a'%}A{%elif value_json.v=='b'%}B{%endif%}",
            {"a": "A", "b": "B"},
            "",
        ),
    ],
)
def test_a_template_may_have_a_word_for_each_value(template: str, words: Any, other: str | None) -> None:
    assert wording_of(template) == (["v"], {"words": words, "else": other})


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'online' if value_json.t is defined else 'offline' }}",  # of a value, not of the device
        "{{ 'ON' if value_json.a and value_json.b else 'OFF' }}",
        "{{ 'ON' if value_json.a > 'x' else 'OFF' }}",
        "{{ {0: 'off', value_json.a: 'on'}[value_json.v] }}",
        "{% if value_json.a == 1 %}A{% elif value_json.b == 1 %}B{% endif %}",
        "{% if value_json.a == 1 %}A{% elif value_json.a > 1 %}B{% endif %}",
        "{% if value_json.a %}{{ states('x') }}{% else %}B{% endif %}",
        "{% else %}B{% endif %}",
        "{% if value_json.a %}A",
        "{{ value_json.a }}",
        "",
    ],
)
def test_what_asks_more_than_that_is_not_understood(template: str) -> None:
    assert wording_of(template) is None


@pytest.mark.parametrize(
    ("wording", "value", "word"),
    [
        ({"choice": [None, "a", "b"]}, True, "a"),
        ({"choice": [None, "a", "b"]}, 0, "b"),
        ({"choice": ["0.5", "a", "b", ">"]}, 0.6, "a"),
        ({"choice": ["0.5", "a", "b", ">"]}, "0.5", "b"),
        ({"choice": ["0.5", "a", "b", "<="]}, "much", None),
        ({"choice": ["0", "a", "b", ">"]}, True, "a"),
        ({"words": {"1": "heat"}, "else": "off"}, 1.0, "heat"),
        ({"words": {"1": "heat"}, "else": "off"}, 7, "off"),
        ({"words": {"1": "heat"}, "else": None}, 7, 7),
        ({}, 7, 7),
    ],
)
def test_the_word_for_a_value(wording: Any, value: Any, word: Any) -> None:
    assert said_by(wording, value) == word


def node(component: str, **config: Any) -> Conversation:
    talk = Conversation(FAMILY)
    talk.tell(f"homeassistant/{component}/node-3/thing/config", {"name": "thing", "dev": {"ids": "node-3"}, **config})
    return talk


def test_a_gateway_that_wraps_whether_its_node_can_be_reached() -> None:
    """Z-Wave JS UI writes `{"time": …, "value": true}`, and wants node, gateway and driver all to be there."""
    talk = node(
        "sensor",
        stat_t="zwave/n/level",
        val_tpl="{{ value_json.value }}",
        avty_mode="all",
        avty=[
            {"t": "zwave/n/status", "val_tpl": "{{'true' if value_json.value else 'false'}}",
             "pl_avail": "true", "pl_not_avail": "false"},
            {"t": "zwave/up", "val_tpl": "{{'online' if value_json.value else 'offline'}}"},
            {"t": "zwave/driver/status", "pl_avail": "true", "pl_not_avail": "false"},
        ],
    )  # fmt: skip
    states = [
        talk.tell(topic, said)
        for topic, said in (
            ("zwave/n/status", {"time": 1, "value": True, "status": "Alive"}),
            ("zwave/up", {"time": 1, "value": True}),
            ("zwave/driver/status", "true"),
            ("zwave/n/status", {"time": 2, "value": False, "status": "Dead"}),
        )
    ]
    nothing = [DeviceHealth(device=NODE)]
    online, offline = [DeviceHealth(device=NODE, state="online")], [DeviceHealth(device=NODE, state="offline")]
    assert states == [nothing, nothing, online, offline]


def test_whether_a_value_is_there_says_nothing_of_the_device() -> None:
    """EMS-ESP writes so for each entity, beside the topic of its will."""
    talk = node(
        "sensor",
        **{"~": "ems-esp"},
        stat_t="~/boiler_data",
        dev_cla="temperature",
        unit_of_meas="°C",
        val_tpl="{{value_json['outdoor'] if value_json['outdoor'] is defined else 0}}",
        avty_mode="all",
        avty=[
            {"t": "~/boiler_data", "val_tpl": "{{'online' if value_json['outdoor'] is defined else 'offline'}}"},
            {"t": "~/status"},
        ],
    )
    assert talk.tell("ems-esp/boiler_data", {"burner": "on"}) == [DeviceHealth(device=NODE)]
    assert talk.tell("ems-esp/status", "online") == [DeviceHealth(device=NODE, state="online")]
    found = talk.tell("ems-esp/boiler_data", {"outdoor": -3.5})
    assert found == [
        EnvironmentReading(device=NODE, metric="temperature", value=-3.5, unit="Cel", channel="thing"),
        DeviceHealth(device=NODE),
    ]


@pytest.mark.parametrize(
    ("config", "said", "expected"),
    [
        (
            {"dev_cla": "tamper", "val_tpl": '{% if value_json["t"] is equalto "tamper" %}ON{% else %}OFF{% endif %}'},
            {"t": "tamper"},
            Alarm(device=NODE, name="tamper", active=True, area="thing"),
        ),
        (
            {"dev_cla": "motion", "val_tpl": "{{ value_json.v > 0 }}", "pl_on": "True", "pl_off": "False"},
            {"v": 0},
            Motion(device=NODE, active=False, area="thing"),
        ),
    ],
)
def test_the_word_is_the_state(config: Any, said: Any, expected: Observation) -> None:
    assert node("binary_sensor", stat_t="n/state", **config).tell("n/state", said)[0] == expected


def test_a_mode_and_a_position_are_what_their_templates_make_of_them() -> None:
    talk = node(
        "climate",
        mode_stat_t="n/mode",
        mode_stat_tpl='{{ {0: "off", 1: "heat"}[value_json.value] | default(\'off\') }}',
    )
    assert talk.tell("n/mode", {"value": 1}) == [DeviceHealth(device=NODE, attributes={"thing mode": "heat"})]
    talk = node("cover", pos_t="n/pos", pos_tpl="{{ (value_json.value / 99 * 100) | round(0) }}")
    assert talk.tell("n/pos", {"value": 99})[0] == EnvironmentReading(
        device=NODE, metric="position", value=100.0, unit="%"
    )

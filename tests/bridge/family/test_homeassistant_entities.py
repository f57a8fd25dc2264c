"""Announced entities by their other topics: what they switch, where they stand, what they are set to."""

from typing import Any

import pytest

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Incident, Motion, Observation
from firmware_bridge.family.homeassistant.family import FAMILY
from firmware_bridge.family.homeassistant.template import path_of
from tests.bridge.family.told import Conversation

BOX = "homeassistant/box-1"
HEARD = DeviceHealth(device=BOX)


def told(component: str, topic: str, said: Any, **members: Any) -> list[Observation]:
    """What a message means after one entity of the box was announced; that the box was heard is left out."""
    talk = Conversation(FAMILY)
    config = {"dev": {"ids": ["box-1"], "name": "Box"}, "uniq_id": "x", **members}
    talk.tell(f"homeassistant/{component}/box-1/thing/config", config)
    return [seen for seen in talk.tell(topic, said) if seen != HEARD]


def reading(metric: str, value: float, unit: str, channel: str = "") -> EnvironmentReading:
    return EnvironmentReading(device=BOX, metric=metric, value=value, unit=unit, channel=channel)


@pytest.mark.parametrize(
    ("component", "members", "said", "expected"),
    [
        ("switch", {"name": "switch"}, "ON", [reading("switch", 1, "1")]),
        ("switch", {"name": "Pump", "stat_on": "1", "stat_off": "0"}, "0", [reading("switch", 0, "1", "pump")]),
        ("fan", {"name": "fan", "pl_on": "true", "pl_off": "false"}, "true", [reading("fan", 1, "1")]),
        ("binary_sensor", {"name": "Plug", "dev_cla": "plug"}, "OFF", [reading("plug", 0, "1")]),
        ("binary_sensor", {"name": "Pump"}, "ON", [reading("pump", 1, "1")]),
        (
            "binary_sensor",
            {"name": "battery", "dev_cla": "battery"},
            "ON",
            [Alarm(device=BOX, name="battery_low", active=True)],
        ),
        ("lock", {"name": "lock"}, "UNLOCKED", [Alarm(device=BOX, name="lock", active=True)]),
        ("lock", {"name": "lock", "stat_locked": "LOCK"}, "LOCK", [Alarm(device=BOX, name="lock", active=False)]),
        ("lock", {"name": "lock"}, "JAMMED", []),
        ("number", {"name": "Setpoint", "unit_of_meas": "°C"}, "21", [reading("setpoint", 21, "Cel")]),
        ("tag", {"t": "box/state"}, {"UID": "E9F3"}, [Incident(device=BOX, event_type="tag_read")]),
        (
            "light",
            {"name": "light", "schema": "json", "bri_scl": 200},
            {"state": "OFF", "brightness": 100},
            [reading("light", 0, "1"), reading("brightness", 50, "%")],
        ),
        (
            "valve",
            {"name": "Valve"},
            {"state": "opening", "position": 10},
            [reading("position", 10, "%"), DeviceHealth(device=BOX, attributes={"Valve": "opening"})],
        ),
        (
            "vacuum",
            {"name": "Robot"},
            {"state": "docked", "battery_level": 61},
            [DeviceHealth(device=BOX, battery_percent=61, attributes={"Robot": "docked"})],
        ),
    ],
)
def test_what_a_component_tells(
    component: str, members: dict[str, Any], said: Any, expected: list[Observation]
) -> None:
    assert told(component, "box/state", said, stat_t="box/state", **members) == expected


@pytest.mark.parametrize(
    ("members", "said", "expected"),
    [
        ({"pos_t": "box/x"}, "45", reading("position", 45, "%")),
        ({"pos_t": "box/x", "pos_open": 0, "pos_clsd": 255}, "51", reading("position", 80, "%")),
        ({"tilt_status_t": "box/x"}, "30", reading("slat_position", 30, "%")),
        ({"pct_stat_t": "box/x", "spd_rng_max": 4}, "3", reading("percentage", 75, "%")),
        ({"bri_stat_t": "box/x"}, "51", reading("brightness", 20, "%")),
        ({"temp_stat_t": "box/x", "temp_unit": "F"}, "50", reading("target_temperature", 10, "Cel")),
        ({"temp_lo_stat_t": "box/x"}, "18", reading("target_temperature", 18, "Cel", "low")),
        ({"target_humidity_state_topic": "box/x"}, "55", reading("target_humidity", 55, "%")),
        ({"curr_hum_t": "box/x", "curr_hum_tpl": "{{ value_json.h }}"}, {"h": 45}, reading("humidity", 45, "%")),
        (
            {"mode_stat_t": "box/x", "mode_stat_tpl": "{{ value_json.mode }}"},
            {"mode": "heat"},
            DeviceHealth(device=BOX, attributes={"Thing mode": "heat"}),
        ),
        ({"act_t": "box/x"}, "idle", DeviceHealth(device=BOX, attributes={"Thing action": "idle"})),
    ],
)
def test_a_topic_beside_the_state_is_known_by_its_name(
    members: dict[str, Any], said: Any, expected: Observation
) -> None:
    assert told("climate", "box/x", said, name="Thing", **members) == [expected]


@pytest.mark.parametrize("member", ["temp_cmd_t", "set_pos_t", "pct_cmd_t", "json_attr_t", "cmd_t"])
def test_orders_and_attributes_are_not_taken_for_states(member: str) -> None:
    assert told("cover", "box/x", "7", name="Thing", stat_t="box/state", **{member: "box/x"}) == []


@pytest.mark.parametrize("member", ["t", "image_topic"])
def test_a_picture_tells_that_its_camera_is_there(member: str) -> None:
    talk = Conversation(FAMILY)
    talk.tell("homeassistant/camera/box-1/thing/config", {"dev": {"ids": ["box-1"]}, "uniq_id": "x", member: "box/eye"})
    assert talk.tell("box/eye", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\xfe") == [HEARD]


def test_what_measures_sends_no_bytes_that_are_no_text() -> None:
    talk = Conversation(FAMILY)
    talk.tell("homeassistant/sensor/box-1/thing/config", {"dev": {"ids": ["box-1"]}, "uniq_id": "x", "stat_t": "box/x"})
    assert "neither JSON nor" in talk.refusal("box/x", b"\xff\xd8\xff\xe0")


def test_a_topic_may_leave_open_which_gateway_speaks() -> None:
    said = {"id": "4C:33:A6:00:00:00", "tempc": 24.5, "rssi": -84}
    config = {
        "stat_t": "+/+/BTtoMQTT/4C33A6000000",
        "name": "temperature",
        "dev_cla": "temperature",
        "unit_of_meas": "°C",
        "val_tpl": "{{ value_json.tempc | is_defined }}",
    }
    assert told("sensor", "home/gateway/BTtoMQTT/4C33A6000000", said, **config) == [reading("temperature", 24.5, "Cel")]
    talk = Conversation(FAMILY)
    talk.tell("homeassistant/sensor/box-1/thing/config", {**config, "dev": {"ids": "box-1"}})
    assert talk.refusal("home/more/gateway/BTtoMQTT/4C33A6000000", said)
    talk.tell("homeassistant/sensor/box-1/thing/config", "")
    assert talk.refusal("home/gateway/BTtoMQTT/4C33A6000000", said)


def test_what_is_about_to_be_announced_anew_stands_until_then() -> None:
    talk = Conversation(FAMILY)
    config = {"stat_t": "box/state", "dev_cla": "motion", "dev": {"ids": "box-1"}, "name": "motion"}
    talk.tell("homeassistant/binary_sensor/box-1/thing/config", config)
    assert talk.tell("homeassistant/binary_sensor/box-1/thing/config", {"migrate_discovery": True}) == []
    assert talk.tell("box/state", "ON")[0] == Motion(device=BOX, active=True)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("{{ value_json.get('x') }}", ["x"]),
        ("{{ value_json.get('x', 0) | round(1) }}", ["x"]),
        ("{% if value_json.x is defined %}{{ value_json.x }}{% endif %}", ["x"]),
        ("{% if value_json.x is defined %}{{ value_json.x }}{% else %}{{ states('sensor.x') }}{% endif %}", ["x"]),
        ("{{ float(value_json.x) }}", ["x"]),
        ("{{ value_json.a[0].c | float(0) | round(1) }}", ["a", 0, "c"]),
        (
            "{{value_json['hc1']['t'] if value_json.hc1 is defined and value_json['hc1']['t'] is defined else 0}}",
            ["hc1", "t"],
        ),
        ("{% if 'x' in value_json %}{{ value_json.x }}{% endif %}", ["x"]),
        ("{% if value_json.x %}{{ value_json.x | round(1) }}{% endif %}", ["x"]),
        ("{% if value_json.y %}{{ value_json.x }}{% endif %}", None),
        ("{{ value_json.items() }}", None),
        ("{% if now().hour > 3 %}{{ value_json.x }}{% endif %}", None),
    ],
)
def test_what_only_asks_whether_a_value_is_there_names_its_place(template: str, path: Any) -> None:
    assert path_of(template) == path


@pytest.mark.parametrize(
    ("topic", "made_by", "device"),
    [
        ("rtl_433/attic/devices/Acurite-Tower/A/1234/temperature_C", "rtl_433", "rtl_433/Acurite-Tower/A/1234"),
        ("tele/kitchen/SENSOR", "Tasmota", "tasmota/kitchen"),
        ("kitchen/lamp/tele/STATE", "Tasmota", "tasmota/kitchen/lamp"),
        ("kitchen/tele/SENSOR", "", "tasmota/kitchen"),
        ("tele/kitchen/SENSOR", "Xiaomi", "homeassistant/A1B2C3"),  # heard by it
        ("kitchen/lamp/state", "Tasmota", "homeassistant/A1B2C3"),
    ],
)
def test_a_device_that_another_family_reads_is_called_as_there(topic: str, made_by: str, device: str) -> None:
    config = {"name": "T", "stat_t": topic, "dev": {"ids": ["A1B2C3"], "mf": made_by, "name": "Attic"}}
    config |= {} if made_by else {"uniq_id": "A1B2C3_ENERGY_Today"}
    (health,) = Conversation(FAMILY).tell("homeassistant/sensor/A1B2C3/t/config", config)
    assert health == DeviceHealth(device=device, name="Attic", manufacturer=made_by)


def test_an_entity_gives_its_name_to_no_device_that_has_others() -> None:
    """EMS-ESP tells the device's name with one entity; with all others its identifiers alone."""
    talk = Conversation(FAMILY)
    one = {"name": "Uptime", "stat_t": "ems/heartbeat", "dev": {"ids": ["ems"]}}
    assert talk.tell("homeassistant/sensor/ems/uptime/config", one) == [DeviceHealth(device="homeassistant/ems")]
    alone = {"name": "Garden", "stat_t": "garden/state"}
    found = talk.tell("homeassistant/sensor/garden/config", alone)
    assert found == [DeviceHealth(device="homeassistant/garden", name="Garden")]


@pytest.mark.parametrize(("contact", "active"), [(False, True), (True, False)])
def test_the_chosen_word_counts(contact: bool, active: bool) -> None:
    found = told(
        "binary_sensor",
        "box/state",
        {"contact": contact},
        stat_t="box/state",
        name="door",
        dev_cla="door",
        val_tpl="{{ 'ON' if value_json.contact == false else 'OFF' }}",
    )
    assert found == [Alarm(device=BOX, name="contact", active=active)]

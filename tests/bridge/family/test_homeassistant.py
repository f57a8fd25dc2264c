"""Discovery messages as Home Assistant documents them, and the states of what they announce."""

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.observation import (
    Alarm,
    CommandOutcome,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    Observation,
    Position,
)
from firmware_bridge.family.homeassistant.family import FAMILY, announced
from firmware_bridge.family.homeassistant.template import path_of, value_at
from firmware_bridge.family.zigbee2mqtt.family import FAMILY as ZIGBEE2MQTT
from firmware_bridge.inbound import Context, Inbound
from tests.bridge.family.hearing import KIT, changed, kit_samples
from tests.bridge.family.told import NOW, Conversation, as_bytes, well_typed
from tests.conftest import examples

BOX = "homeassistant/box-1"
DEVICE = {"ids": ["box-1", "b"], "name": "Box", "mf": "Acme", "mdl": "B1", "sw": "1.2", "sn": "77", "via_device": "hub"}
FACTS = DeviceHealth(
    device=BOX,
    name="Box",
    manufacturer="Acme",
    model="B1",
    firmware="1.2",
    serial="77",
    via="homeassistant/hub",
)


def announce(component: str, **members: Any) -> Conversation:
    """A conversation in which one entity of the box was announced, speaking on `box/state`."""
    talk = Conversation(FAMILY)
    config = {"stat_t": "box/state", "dev": DEVICE, "uniq_id": "x", **members}
    assert talk.tell(f"homeassistant/{component}/box-1/thing/config", config) == [FACTS]
    return talk


def reading(metric: str, value: float, unit: str, channel: str = "") -> EnvironmentReading:
    return EnvironmentReading(device=BOX, metric=metric, value=value, unit=unit, channel=channel)


def heard(**facts: Any) -> DeviceHealth:
    return DeviceHealth(device=BOX, **facts)


@pytest.mark.parametrize(
    ("device_class", "unit", "said", "expected"),
    [
        ("temperature", "°C", 21.5, reading("temperature", 21.5, "Cel")),
        ("temperature", "°F", 50, reading("temperature", 10.0, "Cel")),
        ("temperature", "K", "273.15", reading("temperature", 0.0, "Cel")),
        ("humidity", "%", "43", reading("humidity", 43.0, "%")),
        ("atmospheric_pressure", "kPa", 101.3, reading("pressure", 1013.0, "hPa")),
        ("atmospheric_pressure", "mbar", 1013, reading("pressure", 1013.0, "hPa")),
        ("pressure", "inHg", 30, reading("pressure", 1015.9166, "hPa")),
        ("carbon_dioxide", "ppm", 800, reading("co2", 800.0, "[ppm]")),
        ("pm25", "µg/m³", 7, reading("pm2_5", 7.0, "ug/m3")),
        ("wind_speed", "km/h", 36, reading("wind_speed", 10.0, "m/s")),
        ("distance", "cm", 250, reading("distance", 2.5, "m")),
        ("precipitation", "in", 1, reading("rain", 25.4, "mm")),
        ("power", "kW", 1.5, reading("power", 1500.0, "W")),
        ("energy", "Wh", 1500, reading("energy", 1.5, "kWh")),
        ("moisture", "%", 30, reading("soil_moisture", 30.0, "%")),
        ("weight", "kg", 2.5, reading("weight", 2.5, "kg")),
        ("data_size", "GiB", 2.5, reading("data_size", 2.5, "GiB")),
    ],
)
def test_a_sensor_measures_in_canonical_units(device_class: str, unit: str, said: Any, expected: Observation) -> None:
    talk = announce("sensor", dev_cla=device_class, unit_of_meas=unit, name=device_class, val_tpl="{{ value_json.v }}")
    assert talk.tell("box/state", {"v": said}) == [expected, heard()]


@pytest.mark.parametrize(
    ("device_class", "area", "said", "expected"),
    [
        ("motion", "", "ON", Motion(device=BOX, active=True)),
        ("occupancy", "", "off", Motion(device=BOX, active=False)),
        ("presence", "Zone 2", "ON", Motion(device=BOX, active=True, area="Zone 2")),
        ("door", "", "ON", Alarm(device=BOX, name="contact", active=True)),
        ("window", "Kitchen", "OFF", Alarm(device=BOX, name="contact", active=False, area="Kitchen")),
        ("moisture", "", "ON", Alarm(device=BOX, name="water_leak", active=True)),
        ("sound", "", "ON", Alarm(device=BOX, name="sound", active=True)),
        ("smoke", "", "ON", Alarm(device=BOX, name="smoke", active=True)),
        ("gas", "", "ON", Alarm(device=BOX, name="gas", active=True)),
        ("carbon_monoxide", "", "ON", Alarm(device=BOX, name="carbon_monoxide", active=True)),
        ("tamper", "", "ON", Alarm(device=BOX, name="tamper", active=True)),
        ("vibration", "", "ON", Alarm(device=BOX, name="vibration", active=True)),
        ("problem", "", "ON", Alarm(device=BOX, name="problem", active=True)),
    ],
)
def test_a_binary_sensor_moves_or_alarms(device_class: str, area: str, said: str, expected: Observation) -> None:
    talk = announce("binary_sensor", dev_cla=device_class, name=area or device_class)
    assert talk.tell("box/state", said) == [expected, heard()]


@pytest.mark.parametrize(
    ("on", "off", "said", "active"),
    [(True, False, "true", True), ("1", "0", "1", True), (1, 0, "0", False), ("open", "shut", "SHUT", False)],
)
def test_its_payloads_are_those_it_announced(on: Any, off: Any, said: str, active: bool) -> None:
    talk = announce("binary_sensor", dev_cla="motion", name="Motion", pl_on=on, pl_off=off)
    assert talk.tell("box/state", said) == [Motion(device=BOX, active=active), heard()]
    assert talk.tell("box/state", "neither") == [heard()]


@pytest.mark.parametrize(
    ("component", "config", "said", "expected"),
    [
        ("sensor", {"dev_cla": "battery", "unit_of_meas": "%"}, "77", [heard(battery_percent=77.0)]),
        ("sensor", {"dev_cla": "signal_strength", "unit_of_meas": "dBm"}, "-61", [heard(signal_dbm=-61.0)]),
        ("sensor", {"name": "Uptime", "unit_of_meas": "min", "dev_cla": "duration"}, "2", [heard(uptime_s=120.0)]),
        ("sensor", {"name": "IP"}, "10.0.0.9", [heard(address="10.0.0.9")]),
        ("sensor", {"name": "Box Mode", "dev_cla": "enum"}, "idle", [heard(attributes={"Box Mode": "idle"})]),
        ("sensor", {"name": "Last plate"}, "ABC123", [heard()]),
        ("sensor", {"dev_cla": "temperature", "unit_of_meas": "°C"}, "unavailable", [heard()]),
        ("binary_sensor", {"dev_cla": "connectivity"}, "OFF", [heard(state="offline")]),
        ("switch", {"name": "Siren"}, "ON", [reading("switch", 1, "1", "siren"), heard()]),
        ("update", {}, "1.30", [heard(firmware="1.30")]),
        (
            "update",
            {},
            {"installed_version": "1.2", "latest_version": "1.3", "in_progress": True, "update_percentage": 40},
            [
                CommandOutcome(device=BOX, outcome="running", method="update", progress_percent=40),
                heard(firmware="1.2", attributes={"latest_version": "1.3"}),
            ],
        ),
        (
            "event",
            {},
            {"event_type": "press"},
            [Alarm(device=BOX, name="button", active=True, momentary=True, attributes={"action": "press"}), heard()],
        ),
        ("alarm_control_panel", {}, "triggered", [Alarm(device=BOX, name="alarm", active=True), heard()]),
        ("alarm_control_panel", {}, "armed_away", [Alarm(device=BOX, name="alarm", active=False), heard()]),
        ("light", {"schema": "json", "name": "Lamp"}, {"state": "ON"}, [reading("light", 1, "1", "lamp"), heard()]),
        (
            "sensor",
            {"dev_cla": "power", "val_tpl": "{{ value if value else 0 }}", "name": "Load"},
            "5",
            [heard(attributes={"not_read": ["Load"]})],
        ),
    ],
)
def test_other_components(component: str, config: dict[str, Any], said: Any, expected: list[Observation]) -> None:
    assert announce(component, **config).tell("box/state", said) == expected


def test_a_tracker_has_a_place() -> None:
    talk = announce("device_tracker", json_attr_t="box/where")
    said = {"latitude": 43.65, "longitude": -79.38, "gps_accuracy": 5, "battery_level": 80}
    assert talk.tell("box/where", said) == [
        Position(device=BOX, latitude=43.65, longitude=-79.38, accuracy_m=5),
        heard(battery_percent=80.0),
    ]
    assert talk.tell("box/where", {"latitude": 99, "longitude": 0}) == [heard()]


def test_a_thermostat_measures_too() -> None:
    talk = announce("climate", curr_temp_t="box/t", curr_temp_tpl="{{ value_json['t'] }}", temp_unit="F")
    assert talk.tell("box/t", {"t": 50}) == [reading("temperature", 10.0, "Cel"), heard()]


def test_a_trigger_is_pressed_by_its_own_payload_only() -> None:
    talk = announce(
        "device_automation", t="box/press", pl="single", type="button_short_press", subtype="left", stat_t=""
    )
    action = {"action": "button_short_press left"}
    assert talk.tell("box/press", "single") == [
        Alarm(device=BOX, name="button", active=True, momentary=True, attributes=action),
        heard(),
    ]
    assert talk.tell("box/press", "double") == [heard()]


def test_one_message_announces_a_whole_device() -> None:
    talk = Conversation(FAMILY)
    config = {
        "dev": DEVICE,
        "o": {"name": "acme2mqtt"},
        "cmps": {
            "t1": {"p": "sensor", "dev_cla": "temperature", "unit_of_meas": "°C", "val_tpl": "{{ value_json.t }}"},
            "t2": {
                "p": "sensor",
                "dev_cla": "temperature",
                "unit_of_meas": "°C",
                "val_tpl": "{{ value_json.o }}",
                "name": "Outdoor",
            },
            "m": {"p": "binary_sensor", "dev_cla": "motion", "stat_t": "box/motion", "name": "motion"},
            "gone": {"p": "sensor"},
        },
        "stat_t": "box/state",
        "avty_t": "box/status",
    }
    assert talk.tell("homeassistant/device/box-1/config", config) == [FACTS]
    assert talk.tell("box/state", {"t": 20.5, "o": 3.5}) == [
        reading("temperature", 20.5, "Cel", "t1"),
        reading("temperature", 3.5, "Cel", "outdoor"),
        heard(),
    ]
    assert talk.tell("box/motion", "ON") == [Motion(device=BOX, active=True), heard()]
    assert talk.tell("box/status", "offline") == [heard(state="offline")]


def test_the_base_topic_stands_before_or_behind() -> None:
    talk = announce("sensor", **{"~": "site/box", "stat_t": "~/state", "avty": [{"t": "up/~"}], "unit_of_meas": "lx"})
    assert len(talk.tell("site/box/state", "5")) == 2
    assert talk.tell("up/site/box", "online") == [heard(state="online")]


@pytest.mark.parametrize(
    ("mode", "told", "states"),
    [
        ("latest", ["a offline", "b online"], ["offline", "online"]),
        ("all", ["a online", "b offline", "b online"], [None, "offline", "online"]),
        ("any", ["a offline", "b offline", "a online"], [None, "offline", "online"]),
    ],
)
def test_availability_of_several_topics(mode: str, told: list[str], states: list[Any]) -> None:
    where = [{"topic": "a", "pl_avail": "online"}, {"topic": "b", "value_template": "{{ value_json.state }}"}]
    talk = announce("sensor", unit_of_meas="lx", avty=where, avty_mode=mode)
    said = [
        talk.tell(topic, {"state": word} if topic == "b" else word) for topic, word in (one.split() for one in told)
    ]
    assert said == [[heard(state=state)] for state in states]


def test_what_is_announced_again_or_taken_back() -> None:
    talk = announce("sensor", dev_cla="temperature", unit_of_meas="°C", name="temperature")
    memory = talk.decoder.memory
    memory.take_changed()
    config = {"stat_t": "box/state", "dev": DEVICE, "uniq_id": "x", "name": "temperature"}
    topic = "homeassistant/sensor/box-1/thing/config"
    talk.tell(topic, {**config, "dev_cla": "temperature", "unit_of_meas": "°C"})
    assert memory.take_changed() == []  # nothing to write down
    talk.tell(topic, {**config, "dev_cla": "humidity", "unit_of_meas": "%", "stat_t": "box/new", "name": "humidity"})
    assert announced("box/state", memory) is None
    assert talk.tell("box/new", "40") == [reading("humidity", 40.0, "%"), heard()]
    handler = next(route.handle for route in FAMILY.routes if route.template.endswith("{node}/{object}/config"))
    cleared = Inbound(topic=topic, payload=b"", received_at=NOW, document="")
    assert handler(cleared, Context(zone=UTC, memory=memory)) == []
    assert announced("box/new", memory) is None


def test_commands_are_remembered_for_downlinks_and_not_taken_for_states() -> None:
    talk = announce("update", cmd_t="box/update", pl_inst="go")
    talk.tell(
        "homeassistant/button/box-1/restart/config",
        {"cmd_t": "box/restart", "dev": DEVICE, "dev_cla": "restart", "uniq_id": "r"},
    )
    assert talk.decoder.memory.get("homeassistant", f"command/{BOX}") == {
        "update": {"topic": "box/update", "payload": "go"},
        "restart": {"topic": "box/restart", "payload": "PRESS"},
    }
    assert talk.tell("box/restart", "PRESS") == []


def test_a_device_of_zigbee2mqtt_is_known_once_and_by_its_friendly_name() -> None:
    config = {
        "state_topic": "zigbee2mqtt/Hall/door",
        "device_class": "temperature",
        "value_template": '{{ value_json["temperature"] }}',
        "unit_of_measurement": "°C",
        "device": {"identifiers": ["zigbee2mqtt_0x02"], "name": "Door", "manufacturer": "Aqara", "model_id": "X1"},
        "origin": {"name": "Zigbee2MQTT", "sw": "2.1.0"},
        "availability": [{"topic": "zigbee2mqtt/bridge/state", "value_template": "{{ value_json.state }}"}],
    }
    facts = DeviceHealth(device="zigbee2mqtt/Hall/door", manufacturer="Aqara", model="X1", via="zigbee2mqtt/bridge")
    talk = Conversation(FAMILY, ZIGBEE2MQTT)
    assert talk.tell("homeassistant/sensor/0x02/temperature/config", config) == [facts]
    assert announced("zigbee2mqtt/Hall/door", talk.decoder.memory) is None
    away = as_bytes(config).replace(b"zigbee2mqtt/", b"site/z2m/")
    assert talk.tell("homeassistant/sensor/0x02/temperature/config", away) == [facts]
    assert talk.tell("site/z2m/Hall/door", {"temperature": 5.5})[0] == EnvironmentReading(
        device="zigbee2mqtt/Hall/door", metric="temperature", value=5.5, unit="Cel"
    )


def test_without_a_device_the_object_is_one() -> None:
    talk = Conversation(FAMILY)
    config = {"name": "garden", "device_class": "motion", "state_topic": "homeassistant/binary_sensor/garden/state"}
    garden = "homeassistant/garden"
    assert talk.tell("homeassistant/binary_sensor/garden/config", config) == [
        DeviceHealth(device=garden, name="garden")
    ]
    assert talk.tell("homeassistant/binary_sensor/garden/state", "ON") == [
        Motion(device=garden, active=True),
        DeviceHealth(device=garden),
    ]
    assert talk.tell("homeassistant/sensor/other/state", "5") == [
        DeviceHealth(device="homeassistant/other", attributes={"state": "5"})
    ]
    assert talk.tell("homeassistant/status", "online") == [DeviceHealth(device="homeassistant/server", state="online")]


def test_another_prefix_is_known_by_the_shape() -> None:
    talk = Conversation(FAMILY)
    config = {"stat_t": "box/state", "dev": DEVICE, "dev_cla": "humidity", "unit_of_meas": "%", "name": "humidity"}
    assert talk.tell("site/ha/sensor/box-1/h/config", config) == [FACTS]
    assert talk.tell("box/state", "40") == [reading("humidity", 40.0, "%"), heard()]


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("", []),
        ("{{ value }}", []),
        ("{{value|float|round(1)}}", []),
        ("{{ value_json.temperature}}", ["temperature"]),
        ("{{ value_json['DS18B20'].Temperature | round(1) }}", ["DS18B20", "Temperature"]),
        ('{{ value_json["a b"][0] | default("x") }}', ["a b", 0]),
        ("{{- value_json.state -}}", ["state"]),
        ("{{ value_json.state | is_defined }}", ["state"]),
        ("{{ value_json.x * 2 }}", None),
        ("{{ value | multiply(2) }}", None),
        ("{% if value_json.x %}ON{% endif %}", None),
        ("{{ value_json.x }} {{ value_json.y }}", None),
        ("{{ states('sun.sun') }}", None),
        ("{{ value.x }}", None),
        ("{{ value_json." + "x" * 400 + " }}", None),
    ],
)
def test_templates_that_name_a_place(template: str, path: Any) -> None:
    assert path_of(template) == path


def test_what_stands_at_a_place() -> None:
    document = {"a": [{"b": 5}], "n": None}
    assert value_at(document, ["a", 0, "b"]) == 5
    assert value_at(document, []) is document
    nowhere: list[list[str | int]] = [["a", 1], ["a", "b"], ["n", "x"], ["z"]]
    assert [value_at(document, path) for path in nowhere] == [None] * 4


@pytest.mark.parametrize(
    ("topic", "said", "reason"),
    [
        ("homeassistant/sensor/x/config", "{", "expected a JSON object, as a discovery message is"),
        ("homeassistant/sensor/x/config", [1], "expected a JSON object, as a discovery message is"),
        ("homeassistant/status", "maybe", "expected online or offline"),
    ],
)
def test_what_is_malformed_is_refused(topic: str, said: Any, reason: str) -> None:
    assert Conversation(FAMILY).refusal(topic, said) == reason


SAMPLES: list[Any] = [
    {"stat_t": "box/state", "dev": DEVICE, "dev_cla": "humidity", "unit_of_meas": "%", "avty": [{"t": "box/up"}]},
    {"stat_t": "box/state", "p": "binary_sensor", "dev_cla": "motion", "pl_on": 1, "val_tpl": "{{ value_json.v }}"},
    {"dev": DEVICE, "cmps": {"a": {"p": "update", "cmd_t": "u", "pl_inst": "x"}}, "stat_t": "box/state", "~": "b"},
    {"json_attr_t": "box/state", "p": "device_tracker", "dev": {"cns": [["mac", "aa:bb"]]}},
    {"t": "box/state", "p": "device_automation", "type": "press", "subtype": "1", "pl": "x"},
    {"stat_t": "box/state", "p": "event", "avty_mode": "all", "avty": [{"t": "box/up"}, {"t": "box/down"}]},
]


@settings(max_examples=examples(400))
@given(
    st.sampled_from(["sensor", "binary_sensor", "climate", "device", "odd"]),
    changed(SAMPLES),
    changed(
        [{"v": 5, "latitude": 1, "longitude": 2, "event_type": "x", "installed_version": "1", "in_progress": True}]
    ),
)
def test_odd_members_cost_no_more_than_themselves(component: str, config: Any, state: Any) -> None:
    talk = Conversation(FAMILY)
    for topic, said in (
        (f"homeassistant/{component}/x/config", config),
        ("box/state", state),
        ("box/state", "5"),
        ("box/up", "online"),
        (f"homeassistant/{component}/x/config", SAMPLES[0]),
    ):
        decoded = talk.decoder.decode(topic, as_bytes(said), received_at=NOW)
        assert decoded.items
        assert well_typed(decoded.observations)
    assert as_bytes([one.value for one in talk.decoder.memory.take_changed()])  # JSON can hold it


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_no_real_message_is_refused() -> None:
    talk = Conversation(FAMILY, ZIGBEE2MQTT)
    told = [talk.tell(one.topic, one.payload) for one in kit_samples("ha_discovery") if one.topic]
    assert [bool(one) for one in told].count(False) == 1  # the one that takes an entity back

"""Meshtastic's JSON as its firmware writes it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.model.observation import (
    Alarm,
    DeviceHealth,
    EnvironmentReading,
    Incident,
    Observation,
    Position,
)
from firmware_bridge.family.meshtastic.family import FAMILY
from firmware_bridge.family.tasmota.family import FAMILY as TASMOTA
from tests.bridge.family.hearing import KIT, changed, kit_samples, outcome, refused
from tests.bridge.family.told import Conversation, well_typed
from tests.conftest import examples

TOPIC = "msh/EU_868/DE/2/json/LongFast/!7d528614"
NODE = "meshtastic/!7efeee00"  # 2130636288
AT = datetime(2022, 3, 9, 13, 32, 4, tzinfo=UTC)  # 1646832724


def packet(kind: str, payload: Any, **members: Any) -> dict[str, Any]:
    return {
        "id": 452664778,
        "channel": 0,
        "from": 2130636288,
        "to": 4294967295,
        "sender": "!7d528614",
        "timestamp": 1646832724,
        "type": kind,
        "payload": payload,
        **members,
    }


def health(**members: Any) -> DeviceHealth:
    return DeviceHealth(**{"device": NODE, "observed_at": AT, "via": "meshtastic/!7d528614", **members})


def reading(metric: str, value: float, unit: str, channel: str = "", kind: str = "telemetry") -> EnvironmentReading:
    return EnvironmentReading(
        device=NODE,
        observed_at=AT,
        observation_id=f"452664778.{kind}",
        metric=metric,
        value=value,
        unit=unit,
        channel=channel,
    )


PACKETS: list[tuple[str, Any, list[Observation]]] = [
    (
        "nodeinfo",
        {"id": "!7efeee00", "longname": "base0", "shortname": "BA0", "hardware": 10, "role": 2},
        [health(name="base0", model="hardware 10", attributes={"shortname": "BA0", "role": "2"})],
    ),
    (
        "position",
        {
            "latitude_i": 484050000,
            "longitude_i": 26990000,
            "altitude": 95,
            "time": 1646832720,
            "ground_speed": 36,
            "ground_track": 9000000,
            "sats_in_view": 7,
            "precision_bits": 13,
        },
        [
            health(attributes={"satellites": 7}),
            Position(
                device=NODE,
                observed_at=AT.replace(second=0),
                observation_id="452664778.position",
                longitude=2.699,
                latitude=48.405,
                altitude_m=95,
                accuracy_m=2918.2,  # 23905787.925 / 2**13
                speed_mps=10,
                heading_deg=90,
            ),
        ],
    ),
    ("position", {"latitude_i": 0, "longitude_i": 0}, [health()]),
    ("position", {"latitude": 0.0, "longitude": 0.0}, [health()]),
    ("position", {"latitude": 91, "longitude": 10}, [health()]),
    (
        "telemetry",
        {"battery_level": 91, "voltage": 4.0, "air_util_tx": 3.5, "channel_utilization": 5.5, "uptime_seconds": 60},
        [
            health(battery_percent=91, voltage_v=4, uptime_s=60),
            reading("air_util_tx", 3.5, "%"),
            reading("channel_utilization", 5.5, "%"),
        ],
    ),
    ("telemetry", {"battery_level": 101, "voltage": 0}, [health(attributes={"external_power": True})]),
    ("telemetry", {"battery_level": 0, "voltage": 0, "uptime_seconds": 5}, [health(uptime_s=5)]),
    ("telemetry", {"battery_level": 0, "voltage": 3.1}, [health(battery_percent=0, voltage_v=3.1)]),
    (
        "telemetry",
        {"temperature": 21.5, "relative_humidity": 40.0, "barometric_pressure": 1013.5, "iaq": 50, "current": 80.0},
        [
            health(),
            reading("temperature", 21.5, "Cel"),
            reading("humidity", 40, "%"),
            reading("pressure", 1013.5, "hPa"),
            reading("air_quality_index", 50, "1"),
            reading("current", 0.08, "A"),
        ],
    ),
    (
        "telemetry",
        {"pm10": 1, "pm25": 2, "pm100": 3, "pm25_e": 4},
        [
            health(),
            reading("pm1", 1, "ug/m3"),
            reading("pm2_5", 2, "ug/m3"),
            reading("pm10", 3, "ug/m3"),
            reading("pm2_5", 4, "ug/m3", "environmental"),
        ],
    ),
    (
        "telemetry",
        {"voltage_ch1": 5.0, "current_ch1": 250.0},
        [health(), reading("voltage", 5, "V", "ch1"), reading("current", 0.25, "A", "ch1")],
    ),
    (
        "telemetry",
        {"co2": 600, "co2_temperature": 22.5, "co2_humidity": 40.5, "form_formaldehyde": 12.5, "form_humidity": 41},
        [
            health(),
            reading("co2", 600, "[ppm]"),
            reading("temperature", 22.5, "Cel", "co2"),
            reading("humidity", 40.5, "%", "co2"),
            reading("formaldehyde", 12.5, "[ppb]"),
            reading("humidity", 41, "%", "form"),
        ],
    ),
    (
        "telemetry",
        {"heart_bpm": 72, "spO2": 98, "temperature": 36.5},
        [
            health(),
            reading("heart_rate", 72, "/min"),
            reading("oxygen_saturation", 98, "%"),
            reading("temperature", 36.5, "Cel"),
        ],
    ),
    ("text", {"text": "meet me at six"}, [health(attributes={"text_length": 14})]),
    ("text", "meet me", [health(attributes={"text_length": 7})]),
    ("text", {"text": "23.35,41.69,985.34\n"}, [health(attributes={"text_length": 19, "numbers": 3})]),
    (
        "text",
        {"temperature": 20.5, "to": "me"},
        [health(), reading("temperature", 20.5, "Cel", kind="text")],
    ),
    ("neighborinfo", {"neighbors": [{"node_id": 1, "snr": 5}, {}]}, [health(attributes={"neighbours": 2})]),
    ("traceroute", {"route": ["a", "b", "c"]}, [health(attributes={"route_hops": 2})]),
    (
        "waypoint",
        {"id": 5, "name": "ford", "description": "ask Ann", "latitude_i": 10000000, "longitude_i": -20000000},
        [
            health(),
            Incident(
                device=NODE,
                observed_at=AT,
                observation_id="waypoint.5",
                longitude=-2,
                latitude=1,
                event_type="waypoint",
                attributes={"waypoint": "ford"},
                rev=1646832724,
            ),
        ],
    ),
    (
        "detection",
        {"text": "Gate detected"},
        [
            health(),
            Alarm(
                device=NODE,
                observed_at=AT,
                observation_id="452664778.detection",
                name="detection_sensor",
                active=True,
                area="Gate",
                momentary=True,
            ),
        ],
    ),
    (
        "detection",
        {"text": "Gate state: 0"},
        [
            health(),
            Alarm(
                device=NODE,
                observed_at=AT,
                observation_id="452664778.detection",
                name="detection_sensor",
                active=False,
                area="Gate",
            ),
        ],
    ),
    (
        "paxcounter",
        {"wifi_count": 12, "ble_count": 5, "uptime": 9},
        [
            health(uptime_s=9),
            reading("phones", 12, "1", "wifi", kind="paxcounter"),
            reading("phones", 5, "1", "ble", kind="paxcounter"),
        ],
    ),
    ("", None, [health()]),
]


@pytest.mark.parametrize(("kind", "payload", "expected"), PACKETS)
def test_each_type_says_its_own(kind: str, payload: Any, expected: list[Observation]) -> None:
    assert Conversation(FAMILY).tell(TOPIC, packet(kind, payload)) == expected


def test_a_sensor_that_is_not_fitted_is_no_reading_of_zero() -> None:
    every = {
        "barometric_pressure": 0,
        "current": 0,
        "gas_resistance": 0,
        "iaq": 0,
        "lux": 0,
        "relative_humidity": 61.5,
        "temperature": 25.5,
        "voltage": 0,
        "wind_speed": 0,
    }
    assert Conversation(FAMILY).tell(TOPIC, packet("telemetry", every)) == [
        health(),
        reading("humidity", 61.5, "%"),
        reading("temperature", 25.5, "Cel"),
    ]
    calm = {"temperature": 0.0, "wind_speed": 0, "rainfall_1h": 0}  # newer firmware writes what it has, and no more
    assert Conversation(FAMILY).tell(TOPIC, packet("telemetry", calm)) == [
        health(),
        reading("temperature", 0, "Cel"),
        reading("wind_speed", 0, "m/s"),
        reading("rain", 0, "mm", "1h"),
    ]


def test_a_channel_with_neither_volts_nor_amperes_is_none() -> None:
    channels = {"voltage_ch1": 5.0, "current_ch1": 0, "voltage_ch2": 0, "current_ch2": 0}
    assert Conversation(FAMILY).tell(TOPIC, packet("telemetry", channels)) == [
        health(),
        reading("voltage", 5, "V", "ch1"),
        reading("current", 0, "A", "ch1"),
    ]
    dead = {"voltage_ch1": 0, "current_ch1": 0}
    assert len(Conversation(FAMILY).tell(TOPIC, packet("telemetry", dead))) == 3


def test_a_waypoint_of_old_came_as_a_position_and_is_not_where_the_node_is() -> None:
    marked = {"id": 5, "name": "ford", "expire": 1, "locked_to": 0, "latitude_i": 10000000, "longitude_i": 20000000}
    _, waypoint = Conversation(FAMILY).tell(TOPIC, packet("position", marked))
    assert isinstance(waypoint, Incident)
    assert (waypoint.event_type, waypoint.longitude, waypoint.latitude) == ("waypoint", 2, 1)


@pytest.mark.parametrize(
    "said",
    [
        {"from": 2130636288, "to": 4294967295, "type": "telemetry", "payload": {"temperature": 5.5}},
        {"from": 2130636288, "to": 4294967295, "channel": 8, "timestamp": 1646832724, "size": 2, "bytes": "abcd"},
        packet("novelty", {}),
    ],
)
def test_without_a_topic_a_packet_is_known_by_whom_it_is_from_and_to(said: dict[str, Any]) -> None:
    assert Conversation(FAMILY).tell("site/mesh", said)[0].device == NODE


@pytest.mark.parametrize("said", [{"from": "Ann", "to": "Bob", "type": "text"}, {"from": 5, "type": "text"}])
def test_other_letters_are_no_packets(said: dict[str, Any]) -> None:
    assert "nor a payload of this shape" in Conversation(FAMILY).refusal("site/mesh", said)


def test_how_the_gateway_heard_it() -> None:
    said = packet("text", {"text": ""}, rssi=-98.4, snr=8.5, hops_away=1)
    assert Conversation(FAMILY).tell("msh/2/json/LongFast/!7d528614", said) == [
        health(signal_dbm=-98.4, attributes={"snr_db": 8.5, "hops": 1, "text_length": 0})
    ]


@pytest.mark.parametrize(("number", "node"), [(-1, "!ffffffff"), (255, "!000000ff"), (2**32 - 2, "!fffffffe")])
def test_a_node_is_named_as_the_app_shows_it_whatever_the_sign(number: int, node: str) -> None:
    told = Conversation(FAMILY).tell(TOPIC, {**packet("nodeinfo", {}), "from": number})
    assert told[0].device == f"meshtastic/{node}"


def test_a_gateway_hears_itself_through_nobody() -> None:
    own = packet("nodeinfo", {}, sender="!7efeee00")
    assert Conversation(FAMILY).tell(TOPIC, own) == [DeviceHealth(device=NODE, observed_at=AT)]


def test_a_project_names_its_value_and_its_unit() -> None:
    said = {"sensor_type": "river_level", "sensor_value": 642, "unit": "cm", "latitude_i": -269187000, "longitude_i": 1}
    river, place = Conversation(FAMILY).tell(TOPIC, packet("telemetry", said))[1:]
    assert isinstance(river, EnvironmentReading) and isinstance(place, Position)
    assert (river.metric, river.value, river.unit) == ("river_level", 6420, "mm")
    assert (place.longitude, place.latitude) == (1e-7, -26.9187)


def test_gateways_tell_their_birth_and_will() -> None:
    mesh = Conversation(FAMILY)
    gateway = "meshtastic/!7d528614"
    assert mesh.tell("msh/US/2/stat/!7d528614", "online") == [DeviceHealth(device=gateway, state="online")]
    assert mesh.tell("msh/US/2/stat/!7d528614", "offline") == [DeviceHealth(device=gateway, state="offline")]
    for of_old in ("msh/1/stat/!7d528614", "msh/EU_868/1/stat/!7d528614"):
        assert mesh.tell(of_old, "online") == [DeviceHealth(device=gateway, state="online")]
    both = Conversation(TASMOTA, FAMILY)  # whose topics may look so, but have another beginning
    assert both.tell("msh/1/stat/!7d528614", "online") == [DeviceHealth(device=gateway, state="online")]


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("msh/US/2/e/LongFast/!7d528614", b"\x0a\x0b\xff"),
        ("msh/US/2/map/", b"\x0a\x0b\xff"),
        ("msh/1/c/LongFast/!7d528614", b"\x0a\x0b\xff"),
        ("msh/US/2/json/mqtt/", {"from": 1, "type": "sendtext", "payload": "hi"}),
        ("msh/US/2/json/mqtt/!7d528614", {"from": 1, "type": "sendtext", "payload": "hi"}),
    ],
)
def test_protobuf_and_what_is_sent_to_the_mesh_say_nothing(topic: str, said: Any) -> None:
    assert Conversation(FAMILY).tell(topic, said) == []


@pytest.mark.parametrize(
    ("topic", "said", "reason"),
    [
        (TOPIC, {"type": "text"}, "$.from: expected the number of the node it is from"),
        (TOPIC, "[]", "expected an object"),
        ("msh/2/stat/!7d528614", "well", "expected online or offline"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(topic: str, said: Any, reason: str) -> None:
    assert Conversation(FAMILY).refusal(topic, said).startswith(reason)


@settings(max_examples=examples(300))
@given(st.sampled_from([TOPIC, None]), changed([packet(kind, payload) for kind, payload, _ in PACKETS]))
def test_odd_members_cost_no_more_than_themselves(topic: str | None, said: Any) -> None:
    told = outcome(FAMILY, said, topic)
    assert told is None or isinstance(told, Rejected) or well_typed(told)
    assert not isinstance(told, list) or "meet me" not in repr(told)


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_no_real_message_is_refused() -> None:
    samples = kit_samples("meshtastic_json")
    assert len(samples) == 9
    assert refused(FAMILY, samples) == {}


def test_a_bridge_that_decodes_packets_itself_writes_degrees() -> None:
    (_, place) = Conversation(FAMILY).tell(TOPIC, packet("position", {"latitude": 48.5, "longitude": -2.25}))
    assert isinstance(place, Position)
    assert (place.latitude, place.longitude) == (48.5, -2.25)


def test_a_tasmota_that_is_called_two_is_no_gateway() -> None:
    mesh = Conversation(FAMILY)
    (reading,) = mesh.tell("home/light/2/stat/POWER", "ON")
    assert reading == EnvironmentReading(device="tasmota/home/light/2", metric="switch", value=1.0, unit="1")
    assert reading in mesh.tell("home/light/2/stat/RESULT", {"POWER": "ON"})
    assert mesh.tell("msh/EU/2/stat/!7efeee00", "online") == [
        DeviceHealth(device="meshtastic/!7efeee00", state="online")
    ]

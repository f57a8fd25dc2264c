"""ChirpStack in Protocol Buffers: what the MQTT integration writes where its JSON is off, and gateways' statistics."""

import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.observation import CommandOutcome, DeviceHealth, EnvironmentReading, Position
from firmware_bridge.decode import Decoder
from firmware_bridge.family.chirpstack.family import FAMILY
from tests.bridge.family.told import NOW, Conversation
from tests.conftest import examples

AT = datetime(2022, 7, 18, 9, 34, 15, 500_000, tzinfo=UTC)
TOPIC = "application/17c8/device/24e124136b3e0001/event"
DEVICE = "chirpstack/24e124136b3e0001"


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, value: bytes | str | int | float | list[bytes]) -> bytes:
    """One field: text and messages by length, whole numbers as varints, floats as four bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    raw = value.encode() if isinstance(value, str) else b"".join(value) if isinstance(value, list) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


TIME = [field(1, int(AT.timestamp())), field(2, 500_000_000)]
TAG = [field(1, "vendor"), field(2, "Milesight")]
INFO = [field(4, "Water"), field(6, "EM300-TH"), field(7, "Cellar"), field(8, "24e124136b3e0001"), field(9, TAG)]
HEAD = [field(1, "3ac7e3c4"), field(2, TIME), field(3, INFO)]
HEARD = [field(1, "0016c001f153a14c"), field(6, -36), field(7, 10.5)]
UP = [*HEAD, field(7, 4), field(8, 85), field(10, bytes.fromhex("03673401046865")), field(12, HEARD)]


def health(**members: Any) -> DeviceHealth:
    told = {"name": "Cellar", "manufacturer": "Milesight", "address": "24e124136b3e0001"}
    return DeviceHealth(device=DEVICE, observed_at=AT, observation_id="3ac7e3c4", **told, **members)


def reading(metric: str, value: float, unit: str) -> EnvironmentReading:
    return EnvironmentReading(
        device=DEVICE, observed_at=AT, observation_id="3ac7e3c4", metric=metric, value=value, unit=unit
    )


def tell(kind: str, fields: list[bytes]) -> list[Any]:
    return Conversation(FAMILY).tell(f"{TOPIC}/{kind}", b"".join(fields))


def test_an_uplink_in_protobuf_says_what_its_json_would() -> None:
    link = {"gateways": 1, "snr": 10.5, "f_cnt": 4}
    assert tell("up", UP) == [
        reading("temperature", 30.8, "Cel"),
        reading("humidity", 50.5, "%"),
        health(via="lorawan/0016c001f153a14c", signal_dbm=-36.0, attributes=link),
        DeviceHealth(device="lorawan/0016c001f153a14c", observed_at=AT),
    ]


def test_what_the_servers_codec_made_of_it_is_read_as_well() -> None:
    temperature = field(1, [field(1, "temperature"), field(2, double(2, 12.5))])
    leak = field(1, [field(1, "relay"), field(2, field(4, 1))])
    seen = tell("up", [*UP, field(11, [temperature, leak])])
    assert seen[:2] == [reading("temperature", 12.5, "Cel"), reading("relay", 1.0, "")]


OTHERS = [
    ("join", HEAD, [health(state="online")]),
    (
        "status",
        [*HEAD, field(5, -7), field(8, 88.5)],
        [health(battery_percent=88.5, attributes={"margin_db": -7.0})],
    ),
    (
        "ack",
        [*HEAD, field(4, "1bbcab1d"), field(5, 1)],
        [
            CommandOutcome(device=DEVICE, observed_at=AT, outcome="done", command_id="1bbcab1d", method="downlink"),
            health(),
        ],
    ),
    (
        "location",
        [*HEAD, field(4, [double(1, 37.5), double(2, -8.25), double(3, 2.0)])],
        [
            Position(
                device=DEVICE,
                observed_at=AT,
                observation_id="3ac7e3c4",
                latitude=37.5,
                longitude=-8.25,
                altitude_m=2.0,
            ),
            health(),
        ],
    ),
]


@pytest.mark.parametrize(("kind", "fields", "observations"), OTHERS)
def test_the_other_kinds_too(kind: str, fields: list[bytes], observations: list[Any]) -> None:
    assert tell(kind, fields) == observations


def test_a_log_tells_its_level_and_code_by_name() -> None:
    seen = tell("log", [field(1, TIME), field(2, INFO), field(3, 2), field(4, 6), field(5, "MIC is invalid")])
    assert seen[0].attributes == {"log_level": "ERROR", "log_code": "UPLINK_MIC", "log": "MIC is invalid"}
    assert tell("log", [field(1, TIME), field(2, INFO)])[0].attributes == {"log_level": "INFO", "log_code": "UNKNOWN"}


def test_an_event_of_version_3_says_that_its_device_lives() -> None:
    assert tell("up", [field(1, 1), field(2, "Water"), field(3, "Cellar")]) == [
        DeviceHealth(device=DEVICE, address="24e124136b3e0001")
    ]


def test_a_gateways_statistics_in_protobuf_are_its_readings() -> None:
    fields = [field(2, TIME), field(3, [double(1, 52.125), double(2, 4.5)]), field(5, 7), field(8, 1), field(17, "00")]
    device = "lorawan/0016c001f153a14c"
    assert Conversation(FAMILY).tell("eu868/gateway/0016c001f153a14c/event/stats", b"".join(fields)) == [
        EnvironmentReading(device=device, observed_at=AT, metric="packets_received", value=7.0, unit="1"),
        EnvironmentReading(device=device, observed_at=AT, metric="packets_sent", value=1.0, unit="1"),
        Position(device=device, observed_at=AT, latitude=52.125, longitude=4.5),
        DeviceHealth(device=device, observed_at=AT, state="online"),
    ]


def test_bytes_that_are_neither_are_refused() -> None:
    assert "JSON" in Conversation(FAMILY).refusal(f"{TOPIC}/up", b"\xff\xfe")
    assert Conversation(FAMILY).refusal(f"{TOPIC}/up", b"\x0a\x40abc") != ""


@settings(max_examples=examples(200))
@given(st.sampled_from(["up", "join", "status", "ack", "txack", "log", "location", "integration"]), st.data())
def test_no_bytes_are_an_error(kind: str, data: st.DataObject) -> None:
    body = bytearray(b"".join(UP))
    for _ in range(data.draw(st.integers(0, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    decoder = Decoder([FAMILY], zone=UTC)
    for topic in (f"{TOPIC}/{kind}", "eu868/gateway/0016c001f153a14c/event/stats"):
        decoded = decoder.decode(topic, bytes(body), received_at=NOW)
        assert all(seen.device.startswith(("chirpstack/", "lorawan/")) for seen in decoded.observations)
        assert all(refused.reason for refused in decoded.rejections)

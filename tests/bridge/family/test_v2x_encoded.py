"""J2735 as it goes over the air, forwarded undecoded, and as the GeoJSON converter writes it anew."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.observation import DeviceHealth, Position, V2xMessage
from firmware_bridge.family.v2x_j2735.family import FAMILY
from firmware_bridge.family.v2x_j2735.uper import core_of, encoded_in
from tests.bridge.family.hearing import hear
from tests.bridge.family.told import Conversation
from tests.conftest import examples

AT = datetime(2024, 12, 10, 17, 30, 48, tzinfo=UTC)
RSU = "v2x_j2735/172.18.0.1"
HEARD = DeviceHealth(device=RSU, observed_at=AT, address="172.18.0.1")


def message(number: int, *members: tuple[int, int]) -> str:
    """A message of members as (width in bits, value), in hexadecimal behind its number and its length."""
    bits = "".join(f"{value:0{width}b}" for width, value in members)
    body = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    length = bytes([len(body)]) if len(body) < 128 else (0x8000 | len(body)).to_bytes(2, "big")
    return (number.to_bytes(2, "big") + length + body).hex()


def bsm(latitude: int, longitude: int, *more: tuple[int, int]) -> str:
    head = ((3, 2), (7, 37), (32, 0xA0B1C2D3), (16, 25_399), (31, latitude + 900_000_000))
    place = ((32, longitude + 1_799_999_999), (16, 14_409 + 4_096), (8, 186), (8, 241), (16, 65_535))
    return message(20, *head, *place, (3, 7), (13, 14), (15, 25_060), *more)


def psm(*elevation: tuple[int, int]) -> str:
    head = ((19, 0), (4, 1), (16, 3_564), (7, 26), (32, 0x24779D7E), (1, 0), (2, 2 if elevation else 0))
    place = ((31, 402_397_377 + 900_000_000), (32, -742_761_437 + 1_799_999_999), *elevation)
    return message(32, *head, *place, (8, 20), (8, 20), (16, 8_191), (13, 8_191), (15, 8_898))


VEHICLE: dict[str, Any] = {
    "device": "v2x_j2735/A0B1C2D3",
    "transient": True,
    "latitude": 40.5659938,
    "longitude": -105.0317754,
    "altitude_m": 1440.9,
    "accuracy_m": 9.3,
    "speed_mps": 0.28,
    "heading_deg": 313.25,
}
PERSON: dict[str, Any] = {
    "device": "v2x_j2735/24779D7E",
    "transient": True,
    "latitude": 40.2397377,
    "longitude": -74.2761437,
    "accuracy_m": 1.0,
    "heading_deg": 111.225,
}
HERE = bsm(405_659_938, -1_050_317_754)


def wrapped(encoded: str) -> dict[str, Any]:
    metadata = {"odeReceivedAt": "2024-12-10T17:30:48Z", "originIp": "172.18.0.1", "recordType": "bsmTx"}
    return {"metadata": metadata, "payload": {"dataType": "x.OdeHexByteArray", "data": {"bytes": encoded}}}


@pytest.mark.parametrize(
    ("encoded", "place"),
    [
        (HERE, VEHICLE),
        (bsm(405_659_938, -1_050_317_754, (1_200, 0)), VEHICLE),  # 185 bytes and their length in two
        (psm(), PERSON),
        (psm((16, 30 + 4_096)), {**PERSON, "altitude_m": 3.0}),
    ],
)
def test_the_core_of_an_encoded_message_tells_who_and_where(encoded: str, place: dict[str, Any]) -> None:
    told = {"message_type": "BSM"} if place is VEHICLE else {"message_type": "PSM", "basic_type": "aPEDESTRIAN"}
    assert hear(FAMILY, wrapped(encoded)) == [Position(observed_at=AT, attributes=told, **place), HEARD]


@pytest.mark.parametrize("encoded", [bsm(900_000_001, 1_800_000_001), HERE[:30], bsm(0, 0)[:10], "0014", "001", "00zz"])
def test_without_a_place_only_that_it_was_sent_is_kept(encoded: str) -> None:
    assert hear(FAMILY, wrapped(encoded)) == [V2xMessage(device=RSU, observed_at=AT, message_type="BSM"), HEARD]


@pytest.mark.parametrize("text", [HERE, f"Version=0.7\nType=BSM\nPSID=0x20\nTxMode=CONT\nPayload={HERE}\n"])
def test_an_encoded_message_as_text(text: str) -> None:
    found = Conversation(FAMILY).tell("rsu/north", text)
    assert found == [Position(attributes={"message_type": "BSM"}, **VEHICLE)]


def test_a_hub_forwards_others_too() -> None:
    text = f"Version=0.7\nType=SPAT\nPSID=0x8002\nPayload={message(19, (64, 0))}\n"
    assert Conversation(FAMILY).tell("rsu/north", text) == [
        V2xMessage(device="v2x_j2735/rsu/north", message_type="SPAT")
    ]


@pytest.mark.parametrize("text", [HERE + "00", HERE[:-2], HERE[2:], "0014", "Version=0.7\nType=BSM\n", "0000000000"])
def test_other_digits_are_no_message(text: str) -> None:
    assert encoded_in(text) == ""


@settings(max_examples=examples(300))
@given(st.text("0123456789abcdefXY=\n", max_size=120), st.sampled_from(["", "0014", "002080", "Version=1\nType=\n"]))
def test_damaged_text_gives_a_core_or_none(junk: str, before: str) -> None:
    assert core_of(before + junk) is None or set(before + junk) <= set("0123456789abcdef")
    assert encoded_in(before + junk) in ("", before + junk) or "Payload=" in junk


PROCESSED = {
    "odeReceivedAt": "2024-12-10T17:30:49Z",
    "timeStamp": "2024-12-10T17:30:48Z",
    "originIp": "172.18.0.1",
    "validationMessages": [],
}


def feature(kind: str, **properties: Any) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [-105.0317754, 40.5659938]}
    return {"type": "Feature", "geometry": point, "properties": {"messageType": kind, **PROCESSED, **properties}}


def test_the_converter_writes_a_feature_for_each_vehicle_and_person() -> None:
    """A vehicle's motion in metres a second and degrees; a person's in the whole numbers of the standard."""
    where: dict[str, Any] = {"observed_at": AT, "transient": True, "latitude": 40.5659938, "longitude": -105.0317754}
    vehicle = feature("BSM", id="A0B1C2D3", speed=0.28, heading=313.25, accuracy={"semiMajor": 9.3})
    moving: dict[str, Any] = {"speed_mps": 0.28, "heading_deg": 313.25, "accuracy_m": 9.3}
    told: dict[str, Any] = {"message_type": "BSM"}
    assert hear(FAMILY, vehicle) == [
        Position(device="v2x_j2735/A0B1C2D3", attributes=told, **where, **moving), HEARD
    ]  # fmt: skip
    person = feature("PSM", id="24779D7E", basicType="aPEDESTRIAN", speed=50, heading=8898)
    moving = {"speed_mps": 1.0, "heading_deg": 111.225}
    told = {"message_type": "PSM", "basic_type": "aPEDESTRIAN"}
    assert hear(FAMILY, person) == [Position(device="v2x_j2735/24779D7E", attributes=told, **where, **moving), HEARD]


def test_the_converter_writes_signals_and_lanes_of_one_intersection() -> None:
    status = {"failureFlash": True, "preemptIsActive": False}
    spat = {"messageType": "SPAT", **PROCESSED, "intersectionId": 12110, "status": status, "states": []}
    del spat["timeStamp"]
    attributes = {"intersections": [12110], "status": ["failureFlash"]}
    assert hear(FAMILY, {**spat, "utcTimeStamp": "2024-12-10T17:30:48Z"}) == [
        V2xMessage(device=RSU, observed_at=AT, message_type="SPAT", attributes=attributes), HEARD
    ]  # fmt: skip
    point = {"latitude": 40.5659938, "longitude": -105.0317754, "elevation": 1677}
    lanes = {"properties": {"messageType": "MAP", **PROCESSED, "intersectionId": 12110, "refPoint": point}}
    assert hear(FAMILY, {"mapFeatureCollection": {"features": []}, **lanes}) == [
        V2xMessage(
            device=RSU,
            observed_at=AT,
            message_type="MAP",
            attributes={"intersections": [12110]},
            latitude=40.5659938,
            longitude=-105.0317754,
        ),
        HEARD,
    ]
    assert FAMILY.recognise is not None
    assert FAMILY.recognise({"type": "Feature", "properties": {"messageType": "BSM"}}) is None
    for odd in ({}, [], None, 5):
        assert FAMILY.recognise({"messageType": odd, "odeReceivedAt": "2024-12-10T17:30:48.095Z"}) is None

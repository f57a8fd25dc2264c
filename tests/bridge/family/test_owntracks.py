"""OwnTracks' message types as its booklet writes them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, EnvironmentReading, Incident, Observation, Position
from firmware_bridge.family.owntracks.family import FAMILY
from tests.bridge.family.hearing import KIT, changed, kit_samples, outcome, refused
from tests.bridge.family.told import Conversation, well_typed
from tests.conftest import examples

TOPIC = "owntracks/jane/phone"
AT = datetime(2017, 6, 15, 6, 37, 31, tzinfo=UTC)  # 1497508651
LOCATION = {
    "_type": "location",
    "tst": 1497508651,
    "lat": 48.85833,
    "lon": 2.29513,
    "alt": 167,
    "acc": 5,
    "vac": 21,
    "vel": 36,
    "cog": 271,
    "batt": 41,
    "p": 101.325,
    "t": "u",
    "tid": "JJ",
    "conn": "w",
    "SSID": "home",
    "inregions": ["Work"],
    "image": "/9j/4AAQ",
}
PLACE: dict[str, Any] = {"device": TOPIC, "observed_at": AT, "longitude": 2.29513, "latitude": 48.85833}
LOCATED: list[Observation] = [
    Position(**PLACE, altitude_m=167, accuracy_m=5, speed_mps=10, heading_deg=271),
    DeviceHealth(
        device=TOPIC,
        observed_at=AT,
        battery_percent=41,
        attributes={
            "trigger": "u",
            "connection": "w",
            "tracker_id": "JJ",
            "vertical_accuracy_m": 21,
            "regions": ["Work"],
        },
    ),
    EnvironmentReading(device=TOPIC, observed_at=AT, metric="pressure", value=1013.25, unit="hPa"),
]
SHORT = {
    "_type": "location",
    "tst": 1497508651,
    "lat": 48.85833,
    "lon": 2.29513,
    "batt": -1,
    "vel": -1,
    "cog": -1,
    "vac": -1,
}
TRANSITION = {
    "_type": "transition",
    "event": "enter",
    "desc": "Work",
    "rid": "f76",
    "acc": 65,
    "lat": 48.85833,
    "lon": 2.29513,
    "tst": 1497508651,
    "wtst": 1432817332,
}
MESSAGES: list[tuple[dict[str, Any], list[Observation]]] = [
    (LOCATION, LOCATED),
    (SHORT, [Position(**PLACE), DeviceHealth(device=TOPIC, observed_at=AT)]),
    (
        TRANSITION,
        [
            Incident(
                **PLACE,
                event_type="region_enter",
                attributes={"region": "Work", "region_id": "f76", "accuracy_m": 65},
            ),
            DeviceHealth(device=TOPIC, observed_at=AT),
        ],
    ),
    ({"_type": "lwt", "tst": "1440363922"}, [DeviceHealth(device=TOPIC, state="offline")]),
    (
        {"_type": "waypoint", "desc": "Work", "rad": 50, "tst": 1361636517, "lat": 1, "lon": 2},
        [DeviceHealth(device=TOPIC, attributes={"region_set": "Work"})],
    ),
    ({"_type": "waypoints", "waypoints": [{}, {}]}, [DeviceHealth(device=TOPIC, attributes={"regions_set": 2})]),
    (
        {"_type": "beacon", "tst": 1497508651, "major": 1, "minor": 2, "rssi": -71, "uuid": "CA271EAE"},
        [
            DeviceHealth(device=TOPIC, observed_at=AT),
            EnvironmentReading(
                device=TOPIC, observed_at=AT, metric="beacon_signal", value=-71, unit="dBm", channel="1.2"
            ),
        ],
    ),
    (
        {"_type": "steps", "tst": 1497508651, "from": 1497508000, "to": 1497508651, "steps": 120},
        [
            EnvironmentReading(
                device=TOPIC,
                observed_at=AT,
                metric="steps",
                value=120,
                unit="1",
                attributes={"since": "2017-06-15T06:26:40+00:00"},
            )
        ],
    ),
    (
        {"_type": "steps", "to": 1497508651, "steps": 5, "distance": 4.5, "floorsup": 1},
        [
            EnvironmentReading(device=TOPIC, observed_at=AT, metric="steps", value=5, unit="1"),
            EnvironmentReading(device=TOPIC, observed_at=AT, metric="distance", value=4.5, unit="m", channel="walked"),
            EnvironmentReading(device=TOPIC, observed_at=AT, metric="floors", value=1, unit="1", channel="up"),
        ],
    ),
    (
        {**SHORT, "bs": 2, "ubatt": 4.1, "temp_c-02": "21.5", "flvl": 55, "humid": None},
        [
            Position(**PLACE),
            DeviceHealth(device=TOPIC, observed_at=AT, attributes={"charge": "charging"}),
            EnvironmentReading(device=TOPIC, observed_at=AT, metric="voltage", value=4.1, unit="V", channel="battery"),
            EnvironmentReading(device=TOPIC, observed_at=AT, metric="fuel_level", value=55, unit="%"),
            EnvironmentReading(
                device=TOPIC, observed_at=AT, metric="temperature", value=21.5, unit="Cel", channel="02"
            ),
        ],
    ),
    ({"_type": "steps", "tst": 1497508651, "steps": -1}, [DeviceHealth(device=TOPIC, observed_at=AT)]),
    ({"_type": "card", "name": "Jane", "face": "iVBOR"}, [DeviceHealth(device=TOPIC, name="Jane")]),
    (
        {"_type": "status", "iOS": {"version": "18.2", "deviceModel": "iPhone", "altitudeMode": "GPS"}},
        [DeviceHealth(device=TOPIC, model="iPhone", firmware="18.2", attributes={"altitudeMode": "GPS"})],
    ),
    ({"_type": "encrypted", "data": "1Vu7Owp"}, [DeviceHealth(device=TOPIC, attributes={"encrypted": True})]),
    ({"_type": "request", "request": "tour"}, [DeviceHealth(device=TOPIC, attributes={"message": "request"})]),
    ({"_type": "novelty"}, [DeviceHealth(device=TOPIC, attributes={"message": "novelty"})]),
    ({"_type": "cmd", "action": "reportSteps"}, []),
]


@pytest.mark.parametrize(("said", "expected"), MESSAGES)
def test_each_type_says_its_own(said: dict[str, Any], expected: list[Observation]) -> None:
    owntracks = Conversation(FAMILY)
    assert owntracks.tell(TOPIC, said) == expected
    assert owntracks.tell(f"{TOPIC}/event", said) == expected


def test_a_tracker_writes_where_it_is_as_a_line_of_numbers() -> None:
    assert Conversation(FAMILY).tell("owntracks/gw/K1", "K1,59422B2B,t,48858330,-2295130,27,36,17,5,872") == [
        Position(
            device="owntracks/gw/K1",
            observed_at=AT,
            longitude=-2.29513,
            latitude=48.85833,
            altitude_m=170,
            speed_mps=10,
            heading_deg=270,
        ),
        DeviceHealth(device="owntracks/gw/K1", observed_at=AT, attributes={"trigger": "t", "tracker_id": "K1"}),
    ]


def test_a_tracker_writes_text_below_its_topic() -> None:
    tracker = Conversation(FAMILY)
    assert tracker.tell(f"{TOPIC}/voltage/ext", "12.2") == [
        DeviceHealth(device=TOPIC),
        EnvironmentReading(device=TOPIC, metric="voltage", value=12.2, unit="V", channel="external"),
    ]
    assert tracker.tell(f"{TOPIC}/start", "353816000000000 6.4.21 20140610") == [DeviceHealth(device=TOPIC)]
    assert tracker.tell(f"{TOPIC}/status", "1") == [DeviceHealth(device=TOPIC)]


def test_a_trackers_ignition_and_inputs_are_on_or_off() -> None:
    told = Conversation(FAMILY).tell(TOPIC, {**SHORT, "ign": True, "din1": False, "don": 60})
    assert [(one.metric, one.channel, one.value) for one in told if isinstance(one, EnvironmentReading)] == [
        ("ignition", "", 1.0),
        ("input", "1", 0.0),
    ]


def test_what_its_carrier_does_is_told_of_the_phone() -> None:
    (_, phone) = Conversation(FAMILY).tell(TOPIC, {**SHORT, "motionactivities": ["walking", "cycling"]})
    assert phone.attributes == {"activities": ["walking", "cycling"]}


def test_a_place_and_its_time_are_a_location_though_it_does_not_say_so() -> None:
    unnamed = {name: value for name, value in SHORT.items() if name != "_type"}
    assert Conversation(FAMILY).tell(TOPIC, unnamed) == Conversation(FAMILY).tell(TOPIC, SHORT)


def test_what_a_phone_kept_while_offline_comes_as_an_array() -> None:
    later = {**SHORT, "tst": 1497508652}
    told = Conversation(FAMILY).tell(TOPIC, [SHORT, {"_type": "location"}, 7, later])
    assert [one.observed_at for one in told if isinstance(one, Position)] == [AT, AT.replace(second=32)]


@pytest.mark.parametrize(
    ("topic", "said", "device"),
    [
        ("site/tracks/jane/phone", SHORT, "owntracks/jane/phone"),
        ("site/jane/phone/event", SHORT, "owntracks/jane/phone"),
        ("owntracks/jane", SHORT, "owntracks/jane"),
        ("hexpost/v1/a/b/raw/owntracks", {**SHORT, "topic": "owntracks/jane/phone"}, "owntracks/jane/phone"),
        ("hexpost/v1/a/b/raw/owntracks", {**SHORT, "tid": "JJ"}, "owntracks/JJ"),
        ("hexpost/v1/a/b/raw/owntracks", SHORT, "owntracks/b"),
    ],
)
def test_on_another_topic_the_shape_tells(topic: str, said: dict[str, Any], device: str) -> None:
    assert Conversation(FAMILY).tell(topic, said)[0].device == device


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"_type": "location", "lat": 91, "lon": 2}, "$.lat: a location has lat"),
        ({"_type": "location", "lat": 9}, "$.lat: a location has lat"),
        ({"lat": 9}, "$._type: expected the kind of message"),
        ("7", "expected an object, or an array of them"),
        ('{"_type": "location", "lat":', "expected an object, or an array of them"),
        ("K1,59422B6B,t,98858330,2,27,36,17,5,872", "$.lat: a location has lat"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(said: Any, reason: str) -> None:
    assert Conversation(FAMILY).refusal(TOPIC, said).startswith(reason)


@settings(max_examples=examples(300))
@given(st.sampled_from([TOPIC, None]), changed([*(said for said, _ in MESSAGES), [LOCATION, TRANSITION]]))
def test_odd_members_cost_no_more_than_themselves(topic: str | None, said: Any) -> None:
    told = outcome(FAMILY, said, topic)
    assert told is None or isinstance(told, Rejected) or well_typed(told)


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_no_real_message_is_refused() -> None:
    samples = kit_samples("owntracks")
    assert len(samples) == 30
    assert refused(FAMILY, samples) == {}

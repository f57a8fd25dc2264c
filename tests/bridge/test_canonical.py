"""What each kind of observation becomes, and what is left out, why."""

import base64
from datetime import datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.intake import CommandAnswer, Fix, Reading
from appliance.model.native import read_event
from appliance.model.observation import (
    Alarm,
    AnyObservation,
    CameraStatus,
    CommandOutcome,
    CrowdDensity,
    DeviceHealth,
    EnvironmentReading,
    Incident,
    Motion,
    ObjectDetection,
    Observation,
    PeopleCount,
    PlateRead,
    Position,
    V2xMessage,
)
from firmware_bridge.canonical import Kept, Standing, Surroundings, give_places, keep_observations
from firmware_bridge.plate import hash_plate
from tests.conftest import NOW, examples

CAM = "frigate/gate"
SEEN = NOW - timedelta(seconds=3)
KEY = b"k" * 32


def keep(*observations: Observation, retained: bool = False, standing: Standing | None = None, **around: Any) -> Kept:
    surroundings = Surroundings(
        **{"standing": lambda _: standing, "judge": lambda *_: "good", "plate_key": KEY, **around}
    )
    return keep_observations(observations, received_at=NOW, retained=retained, around=surroundings)


def numbers(kept: Kept) -> list[tuple[str, float, str]]:
    return [(reading.metric, reading.value, reading.unit) for reading in kept.readings]


EVENTS: list[tuple[Observation, str, float | None, float | None, int, dict[str, Any]]] = [
    (Motion(device=CAM, active=True, area="yard", score=0.5), "motion", None, None, 0, {"area": "yard", "score": 0.5}),
    (
        ObjectDetection(device=CAM, label="person", score=0.9, count=2, phase="end", rev=4, ended_at=NOW),
        "object_detection",
        None,
        2.0,
        4,
        {"label": "person", "score": 0.9, "phase": "end", "ended_at": "2026-11-22T12:00:00+00:00"},
    ),
    (Alarm(device=CAM, name="smoke", active=True, severity=0.9, rev=1), "smoke", 0.9, None, 1, {}),
    (
        Incident(device=CAM, event_type="fight", severity=0.7, value=3.0, attributes={"zone": "a"}),
        "fight",
        0.7,
        3.0,
        0,
        {"zone": "a"},
    ),
    (
        PlateRead(device=CAM, plate="7 12345", score=0.8, region="kw", direction="in", vehicle="car", phase="new"),
        "plate_read",
        None,
        None,
        0,
        {
            "plate_hash": hash_plate("712345", KEY),
            "score": 0.8,
            "region": "kw",
            "direction": "in",
            "vehicle": "car",
            "phase": "new",
        },
    ),
]


@pytest.mark.parametrize(("seen", "event_type", "severity", "value", "rev", "attributes"), EVENTS)
def test_what_happened_is_an_event(
    seen: Observation,
    event_type: str,
    severity: float | None,
    value: float | None,
    rev: int,
    attributes: dict[str, Any],
) -> None:
    (event,) = keep(msgspec.structs.replace(seen, observed_at=SEEN)).events
    assert (event.source, event.event_type, event.severity, event.value, event.rev) == (
        CAM, event_type, severity, value, rev,
    )  # fmt: skip
    assert event.attributes == attributes
    assert (event.event_timestamp, event.received_at) == (SEEN, NOW)


READINGS: list[tuple[Observation, list[tuple[str, float, str]]]] = [
    (Motion(device=CAM, active=False, area="yard"), [("motion.yard", 0.0, "1")]),
    (Alarm(device=CAM, name="contact", active=False), [("contact", 0.0, "1")]),
    (EnvironmentReading(device=CAM, metric="temperature", value=21.5, unit="Cel"), [("temperature", 21.5, "Cel")]),
    (
        EnvironmentReading(device=CAM, metric="temperature", value=8.0, unit="Cel", channel="water"),
        [("temperature.water", 8.0, "Cel")],
    ),
    (
        CrowdDensity(device=CAM, people=40, per_m2=0.5, area="gate"),
        [("crowd_people.gate", 40.0, "1"), ("crowd_density.gate", 0.5, "1/m2")],
    ),
    (
        PeopleCount(device=CAM, entered=3, left=0, present=7, line="door"),
        [("people_entered.door", 3.0, "1"), ("people_left.door", 0.0, "1"), ("people_present.door", 7.0, "1")],
    ),
    (
        PeopleCount(device=CAM, entered=900, subject="vehicles", cumulative=True),
        [("vehicles_entered_total", 900.0, "1")],
    ),
    (V2xMessage(device=CAM, message_type="SPAT", items=2), [("v2x_spat", 2.0, "1")]),
]


@pytest.mark.parametrize(("seen", "readings"), READINGS)
def test_what_is_measured_is_a_reading(seen: Observation, readings: list[tuple[str, float, str]]) -> None:
    kept = keep(seen)
    assert numbers(kept) == readings
    assert {(reading.device, reading.observed_at) for reading in kept.readings} == {(CAM, NOW)}
    assert kept.events == []


def test_whereabouts_are_a_fix() -> None:
    seen = Position(
        device="v2x/1", observed_at=SEEN, longitude=47.9, latitude=29.3, speed_mps=4.0, heading_deg=90.0, transient=True
    )
    assert keep(seen).fixes == [
        Fix(
            device="v2x/1", observed_at=SEEN, received_at=NOW, longitude=47.9, latitude=29.3, speed_mps=4.0,
            heading_deg=90.0, transient=True,
        )
    ]  # fmt: skip


def test_what_a_device_tells_of_itself_is_folded_into_it_as_far_as_it_is_told() -> None:
    kept = keep(
        DeviceHealth(device=CAM, state="online", firmware="0.15", battery_percent=0.0),
        CameraStatus(device=CAM, working=False, fps=0.0, reason="no frames"),
    )
    assert kept.states == {CAM: "offline"}  # its server lives, and says that the camera does not
    assert kept.facts == {
        CAM: {
            "firmware": "0.15",
            "battery_percent": 0.0,
            "camera": True,
            "camera_working": False,
            "camera_fps": 0.0,
            "camera_reason": "no frames",
        }
    }
    assert kept.items == {CAM: 2}


@pytest.mark.parametrize("empty", [CrowdDensity(device=CAM), PeopleCount(device=CAM), Position(device=CAM)])
def test_what_holds_no_number_still_counts_as_an_item_of_its_device(empty: Observation) -> None:
    kept = keep(empty)
    assert (kept.items, kept.readings, kept.fixes) == ({CAM: 1}, [], [])


def test_an_answer_to_a_command_is_one() -> None:
    seen = CommandOutcome(device=CAM, outcome="running", command_id="7", progress_percent=40.0)
    assert keep(seen).answers == [
        CommandAnswer(device=CAM, outcome="running", received_at=NOW, command_id="7", progress_percent=40.0)
    ]


@given(data=st.data())
@settings(max_examples=examples(300))
def test_every_observation_ends_in_at_least_one_place(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(get_args(AnyObservation)))
    seen = msgspec.convert(
        {"kind": kind.__struct_config__.tag, "device": CAM, **data.draw(members(kind))}, kind, strict=True
    )
    kept = keep(seen, retained=data.draw(st.booleans()))
    ends = [kept.events, kept.readings, kept.fixes, kept.answers, kept.items, kept.folded]
    assert any(ends)
    msgspec.json.encode(kept)


def members(kind: type[Observation]) -> st.SearchStrategy[dict[str, Any]]:
    """Values for some members, and for all that are required."""
    numbers_of = st.floats(allow_nan=False, allow_infinity=False)
    values: dict[str, st.SearchStrategy[Any]] = {
        "longitude": numbers_of, "latitude": numbers_of, "score": numbers_of, "severity": numbers_of,
        "active": st.booleans(), "label": st.text(), "plate": st.text(), "metric": st.text(), "value": numbers_of,
        "name": st.text(), "event_type": st.text(), "message_type": st.text(), "area": st.text(),
        "observation_id": st.text(), "outcome": st.sampled_from(["done", "failed"]),
    }  # fmt: skip
    fields = {field.name: field for field in msgspec.structs.fields(kind) if field.name in values}
    return st.fixed_dictionaries(
        {name: values[name] for name, field in fields.items() if field.required},
        optional={name: values[name] for name, field in fields.items() if not field.required},
    )


class TestIdentity:
    def test_a_device_s_own_name_for_an_item_is_its_identity_with_the_type(self) -> None:
        seen = ObjectDetection(device=CAM, label="person", observation_id="1763.abc")
        later = msgspec.structs.replace(seen, score=0.9, rev=2)
        assert [event.event_id for event in keep(seen, later).events] == ["1763.abc.object_detection"] * 2

    def test_alarms_of_several_areas_in_one_numbered_message_are_several(self) -> None:
        alarms = [Alarm(device=CAM, name="contact", active=True, area=area, observation_id="17") for area in ("a", "b")]
        assert [event.event_id for event in keep(*alarms).events] == ["17.contact.a", "17.contact.b"]

    def test_without_a_name_equal_content_at_one_instant_is_one_event(self) -> None:
        first, again = keep(*[Incident(device=CAM, event_type="fall", observed_at=SEEN)] * 2).events
        other, at_another_time = keep(
            Incident(device=CAM, event_type="fall", value=1.0, observed_at=SEEN),
            Incident(device=CAM, event_type="fall", observed_at=SEEN + timedelta(seconds=1)),
        ).events
        assert first.event_id == again.event_id
        assert len({first.event_id, other.event_id, at_another_time.event_id}) == 3

    def test_the_registry_s_place_does_not_change_it(self) -> None:
        seen = Incident(device=CAM, event_type="fall", observed_at=SEEN)
        (there,), (nowhere,) = keep(seen, standing=Standing(place=(1.0, 2.0))).events, keep(seen).events
        assert (there.longitude, nowhere.longitude) == (1.0, None)
        assert there.event_id == nowhere.event_id


class TestPlace:
    @pytest.mark.parametrize(
        ("longitude", "latitude", "kept_at"),
        [
            (10.0, 20.0, (10.0, 20.0)),
            (None, None, (1.0, 2.0)),
            (10.0, None, (1.0, 2.0)),
            (181.0, 20.0, (1.0, 2.0)),
            (10.0, -90.5, (1.0, 2.0)),
            (float("nan"), 0.0, (1.0, 2.0)),
        ],
    )
    def test_an_event_lies_where_it_says_else_where_its_device_stands(
        self, longitude: float | None, latitude: float | None, kept_at: tuple[float, float]
    ) -> None:
        seen = Incident(device=CAM, event_type="fall", longitude=longitude, latitude=latitude)
        (event,) = keep(seen, standing=Standing(place=(1.0, 2.0))).events
        assert (event.longitude, event.latitude) == kept_at

    @pytest.mark.parametrize(("longitude", "latitude"), [(200.0, 0.0), (0.0, 91.0), (5.0, None), (0.0, 0.0)])
    def test_a_position_that_is_none_on_earth_is_no_fix(self, longitude: float, latitude: float | None) -> None:
        kept = keep(Position(device=CAM, longitude=longitude, latitude=latitude))
        assert (kept.fixes, kept.items) == ([], {CAM: 1})

    def test_a_native_event_keeps_the_place_it_brings(self) -> None:
        raw = {"event_type": "motion", "event_timestamp": SEEN.isoformat(), "longitude": 3.0, "latitude": 4.0}
        event = read_event(raw, source="a/b", received_at=NOW)
        (kept,) = give_places([event], Standing(place=(1.0, 2.0)))
        assert kept is event


@pytest.mark.parametrize("severity", [-0.1, 1.5, 7.0])
def test_a_severity_that_is_no_fraction_is_none_and_not_made_up(severity: float) -> None:
    (event,) = keep(Incident(device=CAM, event_type="fall", severity=severity)).events
    assert event.severity is None


def test_how_far_a_time_is_believed_goes_along() -> None:
    asked: list[tuple[str, datetime | None, datetime, bool]] = []

    def judge(device: str, observed_at: datetime | None, received_at: datetime, live: bool) -> str:
        asked.append((device, observed_at, received_at, live))
        return "future"

    seen = [
        Incident(device=CAM, event_type="fall", observed_at=SEEN),
        EnvironmentReading(device=CAM, metric="humidity", value=1.0, observed_at=SEEN),
        Position(device=CAM, longitude=1.0, latitude=2.0, observed_at=SEEN),
    ]
    kept = keep(*seen, retained=True, judge=judge)
    told: list[Any] = [*kept.events, *kept.readings, *kept.fixes]
    assert [one.clock_quality for one in told] == ["future"] * 3
    assert asked == [(CAM, SEEN, NOW, False)] * 3


class TestPlates:
    @pytest.mark.parametrize("spelling", ["7-12345", " 7 12345 ", "7.123 45", "٧ ١٢٣٤٥"])
    def test_a_plate_has_one_hash_however_it_is_spaced_and_in_whose_digits(self, spelling: str) -> None:
        assert hash_plate(spelling, KEY) == hash_plate("712345", KEY)

    def test_letters_are_alike_in_both_cases_and_other_plates_and_keys_differ(self) -> None:
        assert hash_plate("abc 12", KEY) == hash_plate("ABC12", KEY)
        assert len({hash_plate("ABC12", KEY), hash_plate("ABC13", KEY), hash_plate("ABC12", b"o" * 32)}) == 3

    def test_what_holds_no_letter_or_digit_is_no_plate(self) -> None:
        (event,) = keep(PlateRead(device=CAM, plate=" - "), seal_plate=lambda *_: "sealed").events
        assert event.attributes == {}

    @given(
        plate=st.from_regex(r"[A-Z]{2,3}[ -]?[0-9]{3,5}", fullmatch=True),
        identity=st.sampled_from(["{}", "2026-{}", "cam_{}_1", "none"]),
    )
    @settings(max_examples=examples(200))
    def test_it_stands_nowhere_in_clear_whatever_the_firmware_repeats(self, plate: str, identity: str) -> None:
        seen = PlateRead(
            device=CAM,
            plate=plate,
            observation_id=identity.format(plate),
            vehicle=f"Toyota {plate}",
            region=plate.lower(),
            attributes={
                "file": f"/pictures/{plate}.jpg",
                "best": [{"plate": plate, "score": 0.9}],
                plate: 1,
                "color": "red",
            },
        )
        kept = keep(seen)
        text = msgspec.json.encode(kept).decode().upper()
        assert plate not in text and plate.replace(" ", "").replace("-", "") not in text
        (event,) = kept.events
        assert event.attributes["color"] == "red"
        assert event.attributes["plate_hash"] == hash_plate(plate, KEY)
        assert keep(seen).events[0].event_id == event.event_id

    def test_a_number_that_is_the_plate_goes_too_and_others_stay(self) -> None:
        seen = PlateRead(device=CAM, plate="712345", attributes={"plate_no": 712345, "track": 17123456, "parked": True})
        (event,) = keep(seen).events
        assert event.attributes["plate_no"] is None
        assert (event.attributes["track"], event.attributes["parked"]) == (17123456, True)

    def test_the_sealed_text_is_kept_where_the_site_says_so_and_does_not_change_the_identity(self) -> None:
        sealings = iter(("first", "second"))

        def seal(plate: str, at: datetime) -> str:
            assert at == NOW
            return base64.b64encode(f"{next(sealings)}|{plate[::-1]}".encode()).decode()

        seen = PlateRead(device=CAM, plate="AB 1234", observed_at=SEEN)
        (one,), (again,), (bare,) = (
            keep(seen, seal_plate=seal).events,
            keep(seen, seal_plate=seal).events,
            keep(seen).events,
        )
        assert one.attributes["plate_sealed"] != again.attributes["plate_sealed"]
        assert "plate_sealed" not in bare.attributes
        assert one.event_id == again.event_id == bare.event_id


class TestLeftOut:
    @pytest.mark.parametrize(
        ("standing", "reason"),
        [
            (Standing(ignored=True), "ignored device"),
            (Standing(maintenance=True), "maintenance"),
            (Standing(ignored=True, maintenance=True), "ignored device"),
            (Standing(min_score=0.6), "below min_score"),
        ],
    )
    def test_what_the_registry_says_not_to_keep_is_counted_with_the_reason(
        self, standing: Standing, reason: str
    ) -> None:
        kept = keep(ObjectDetection(device=CAM, label="person", score=0.59), standing=standing)
        assert (kept.events, kept.folded) == ([], {reason: 1})

    def test_a_score_at_the_bound_or_none_is_kept(self) -> None:
        detections = [ObjectDetection(device=CAM, label="person", score=score) for score in (0.6, None)]
        assert len(keep(*detections, standing=Standing(min_score=0.6)).events) == 2

    @pytest.mark.parametrize("standing", [Standing(ignored=True), Standing(maintenance=True)])
    def test_what_is_about_the_device_itself_is_kept_all_the_same(self, standing: Standing) -> None:
        kept = keep(
            DeviceHealth(device=CAM, firmware="2"),
            CameraStatus(device=CAM, working=True),
            CommandOutcome(device=CAM, outcome="done"),
            standing=standing,
        )
        assert (kept.items, len(kept.answers), kept.folded) == ({CAM: 2}, 1, {})

    def test_what_the_broker_remembers_is_no_news_unless_it_tells_its_time(self) -> None:
        undated = [Motion(device=CAM, active=True), Position(device=CAM, longitude=1.0, latitude=2.0)]
        dated = [msgspec.structs.replace(seen, observed_at=SEEN) for seen in undated]
        kept = keep(*undated, *dated, DeviceHealth(device=CAM, state="online"), retained=True)
        assert kept.folded == {"retained": 2}
        assert (len(kept.events), len(kept.fixes), kept.states) == (1, 1, {CAM: "online"})


def test_one_reading_s_unit_and_channel_stay_with_it() -> None:
    seen = EnvironmentReading(device=CAM, metric="co2", value=612, unit="[ppm]", channel="room.2", observed_at=SEEN)
    assert keep(seen).readings == [
        Reading(device=CAM, metric="co2.room.2", observed_at=SEEN, received_at=NOW, value=612, unit="[ppm]")
    ]

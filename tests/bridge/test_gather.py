"""Many messages to one intake: what is counted, what is known again, what is worth a write."""

from datetime import datetime, timedelta

import msgspec
import pytest

from appliance.model.intake import Intake, RawMessage
from appliance.model.native import read_event
from appliance.model.observation import (
    Alarm,
    DeviceHealth,
    EnvironmentReading,
    Incident,
    Motion,
    Observation,
    Position,
)
from firmware_bridge.canonical import Standing, Surroundings
from firmware_bridge.decoded import Decoded
from firmware_bridge.gather import WRITE_AGAIN, Gatherer
from firmware_bridge.inbound import Memory
from tests.conftest import NOW

CAM = "frigate/gate"
REGISTERED = {CAM: Standing(place=(47.97, 29.37))}
AROUND = Surroundings(standing=REGISTERED.get, judge=lambda *_: "good", plate_key=b"k" * 32)


def arrival(
    payload: bytes = b"{}", *, at: datetime = NOW, retain: bool = False, redelivered: bool = False, topic: str = "t"
) -> RawMessage:
    return RawMessage(topic=topic, payload=payload, received_at=at, retain=retain, redelivered=redelivered)


def decoded(*observations: Observation) -> Decoded:
    return Decoded(family="frigate", observations=observations)


def motion(**members: object) -> Motion:
    return Motion(device=CAM, active=True, momentary=True, **members)  # type: ignore[arg-type]


@pytest.fixture
def gatherer() -> Gatherer:
    return Gatherer(AROUND, memory=Memory())


def take(gatherer: Gatherer) -> Intake:
    return gatherer.take([])


def test_every_observation_is_an_item_and_ends_somewhere(gatherer: Gatherer) -> None:
    reading = EnvironmentReading(device=CAM, metric="temperature", value=20.5, unit="Cel")
    gatherer.add(arrival(), decoded(motion(), reading, DeviceHealth(device=CAM, firmware="1.2")))
    gatherer.add(arrival(), Decoded(folded="cleared"))
    intake = take(gatherer)
    assert (len(intake.events), len(intake.readings), sum(report.items for report in intake.reports)) == (1, 1, 1)
    assert intake.folded == {"cleared": 1}
    assert intake.items == 4
    assert take(gatherer).empty


def test_an_event_without_a_place_of_its_own_has_that_of_its_device(gatherer: Gatherer) -> None:
    (event,) = gatherer.add(arrival(), decoded(motion()))
    assert (event.longitude, event.latitude) == (47.97, 29.37)
    (other,) = gatherer.add(arrival(), decoded(Motion(device="frigate/unknown", active=True)))
    assert (other.longitude, other.latitude) == (None, None)


def test_a_native_event_is_placed_too_and_keeps_its_identity(gatherer: Gatherer) -> None:
    around = Surroundings(
        standing={"moi/cam7": Standing(place=(1.0, 2.0))}.get, judge=lambda *_: "good", plate_key=b"k" * 32
    )
    event = read_event(
        {"event_type": "motion", "event_timestamp": "2026-11-21T10:00:00Z"},
        source="moi/cam7",
        received_at=NOW,
        unplaced=True,
    )
    told = Decoded(source="moi/cam7", family="native", events=[event])
    (placed,) = Gatherer(around, memory=Memory()).add(arrival(), told)
    assert (placed.longitude, placed.latitude, placed.event_id) == (1.0, 2.0, event.event_id)


class TestRedelivery:
    """What carries neither time nor id is known again by MQTT's own flag and its content."""

    def test_a_redelivered_message_is_a_duplicate(self, gatherer: Gatherer) -> None:
        gatherer.add(arrival(b"ON"), decoded(motion()))
        assert gatherer.add(arrival(b"ON", redelivered=True), decoded(motion())) == []
        intake = take(gatherer)
        assert (len(intake.events), intake.duplicates) == (1, 1)

    def test_a_redelivered_message_is_archived_again(self, gatherer: Gatherer) -> None:
        gatherer.add(arrival(b"ON"), decoded(motion()))
        gatherer.add(arrival(b"ON", redelivered=True), decoded(motion()))
        assert [message.redelivered for message in take(gatherer).raw] == [False, True]

    def test_two_genuine_equal_messages_are_two(self, gatherer: Gatherer) -> None:
        for second in range(2):
            gatherer.add(arrival(b"ON", at=NOW + timedelta(seconds=second)), decoded(motion()))
        first, second_event = take(gatherer).events
        assert first.event_id != second_event.event_id

    def test_of_two_equal_messages_redelivered_each_is_known_once(self, gatherer: Gatherer) -> None:
        for _ in range(2):
            gatherer.add(arrival(b"ON"), decoded(motion()))
        for _ in range(3):
            gatherer.add(arrival(b"ON", redelivered=True), decoded(motion()))
        intake = take(gatherer)
        assert (len(intake.events), intake.duplicates) == (3, 2)

    def test_after_a_restart_the_stored_digests_know_it(self, gatherer: Gatherer) -> None:
        gatherer.add(arrival(b"ON"), decoded(motion()))
        digests = take(gatherer).digests
        later = Gatherer(AROUND, memory=Memory(), digests=[digests[n : n + 8] for n in range(0, len(digests), 8)])
        later.add(arrival(b"ON", redelivered=True), decoded(motion()))
        assert take(later).duplicates == 1

    def test_the_flag_alone_swallows_nothing(self, gatherer: Gatherer) -> None:
        """The first delivery may have been lost with the connection."""
        gatherer.add(arrival(b"ON", redelivered=True), decoded(motion()))
        assert len(take(gatherer).events) == 1

    def test_what_carries_a_time_or_an_id_is_left_to_the_store(self, gatherer: Gatherer) -> None:
        for observation in (motion(observed_at=NOW), motion(observation_id="7")):
            for redelivered in (False, True):
                gatherer.add(arrival(b"ON", redelivered=redelivered), decoded(observation))
        events = take(gatherer).events
        assert [event.event_id for event in events[:2]] == [events[0].event_id] * 2
        assert [event.event_id for event in events[2:]] == ["7.motion"] * 2


class TestRetained:
    def test_what_the_broker_remembers_is_no_news(self, gatherer: Gatherer) -> None:
        gatherer.add(arrival(retain=True), decoded(motion(), DeviceHealth(device=CAM, state="online")))
        intake = take(gatherer)
        assert intake.events == []
        assert intake.folded == {"retained": 1}
        assert sum(report.items for report in intake.reports) == 1

    def test_with_a_time_of_its_own_it_is_what_it_was(self, gatherer: Gatherer) -> None:
        gatherer.add(arrival(retain=True), decoded(motion(observed_at=NOW)))
        assert len(take(gatherer).events) == 1


class TestReports:
    def test_a_device_heard_again_is_written_once_in_a_while(self, gatherer: Gatherer) -> None:
        health = DeviceHealth(device=CAM, firmware="1.2", battery_percent=71.0)
        gatherer.add(arrival(), decoded(health))
        (report,) = take(gatherer).reports
        assert (report.source, report.family, report.facts["firmware"]) == (CAM, "frigate", "1.2")
        weaker = msgspec.structs.replace(health, battery_percent=70.0)
        gatherer.add(arrival(at=NOW + timedelta(seconds=5)), decoded(weaker))
        intake = take(gatherer)
        assert (intake.reports, intake.folded, intake.items) == ([], {"state": 1}, 1)
        gatherer.add(arrival(at=NOW + WRITE_AGAIN), decoded(weaker))
        (again,) = take(gatherer).reports
        assert again.facts["battery_percent"] == 70.0

    def test_a_state_that_changes_often_waits_for_the_next_write_and_none_is_lost(self, gatherer: Gatherer) -> None:
        gatherer.add(arrival(), decoded(DeviceHealth(device=CAM, attributes={"detect": "ON", "audio": "ON"})))
        (report,) = take(gatherer).reports
        assert report.facts == {"told": {"detect": "ON", "audio": "ON"}}
        for name in ("detect", "audio"):
            gatherer.add(
                arrival(at=NOW + timedelta(seconds=5)), decoded(DeviceHealth(device=CAM, attributes={name: "OFF"}))
            )
            assert take(gatherer).reports == []
        gatherer.add(arrival(at=NOW + WRITE_AGAIN), decoded(DeviceHealth(device=CAM)))
        (again,) = take(gatherer).reports
        assert again.facts == {"told": {"detect": "OFF", "audio": "OFF"}}

    @pytest.mark.parametrize(
        "news", [DeviceHealth(device=CAM, firmware="1.3"), DeviceHealth(device=CAM, state="offline")]
    )
    def test_what_is_new_is_written_at_once(self, gatherer: Gatherer, news: DeviceHealth) -> None:
        gatherer.add(arrival(), decoded(DeviceHealth(device=CAM, firmware="1.2", state="online")))
        take(gatherer)
        gatherer.add(arrival(), decoded(news))
        assert len(take(gatherer).reports) == 1

    def test_only_a_device_nobody_knows_brings_its_first_state(self, gatherer: Gatherer) -> None:
        for device in (CAM, "frigate/new"):
            gatherer.add(arrival(), decoded(DeviceHealth(device=device, state="offline")))
        states = {report.source: report.state for report in take(gatherer).reports}
        assert states == {CAM: None, "frigate/new": "offline"}

    def test_who_was_heard_is_told_with_birth_will_and_gateway(self, gatherer: Gatherer) -> None:
        gatherer.add(arrival(), decoded(DeviceHealth(device=CAM, state="offline", via="frigate/server")))
        gatherer.add(arrival(retain=True), decoded(motion(observed_at=NOW)))
        first, second = gatherer.heard
        assert (first.state, first.via, first.retain) == ("offline", "frigate/server", False)
        assert (second.state, second.retain, second.observed_at) == (None, True, NOW)

    def test_a_transient_subject_does_not_enter_the_registry(self, gatherer: Gatherer) -> None:
        fix = Position(device="v2x/1", longitude=1.0, latitude=2.0, transient=True, observed_at=NOW)
        brake = Incident(device="v2x/1", event_type="hard_braking", longitude=1.0, latitude=2.0, observed_at=NOW)
        gatherer.add(arrival(), decoded(fix, brake))
        intake = take(gatherer)
        assert (len(intake.fixes), len(intake.events), intake.reports) == (1, 1, [])


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (Standing(ignored=True), "ignored device"),
        (Standing(maintenance=True), "maintenance"),
        (Standing(min_score=0.8), "below min_score"),
    ],
)
def test_what_the_registry_leaves_out_is_counted_and_the_device_still_heard(standing: Standing, reason: str) -> None:
    around = Surroundings(standing={CAM: standing}.get, judge=lambda *_: "good", plate_key=b"k" * 32)
    gatherer = Gatherer(around, memory=Memory())
    gatherer.add(arrival(), decoded(motion(score=0.5), DeviceHealth(device=CAM, firmware="2")))
    intake = take(gatherer)
    assert (intake.events, intake.folded) == ([], {reason: 1})
    assert [report.facts for report in intake.reports] == [{"firmware": "2"}]


class TestStates:
    """A state told again is no news, whatever else its message brings."""

    def test_only_the_change_is_an_event(self, gatherer: Gatherer) -> None:
        for second, active in enumerate([True, True, False, False, True]):
            gatherer.add(
                arrival(at=NOW + timedelta(seconds=second)),
                decoded(Alarm(device=CAM, name="contact", active=active)),
            )
        intake = take(gatherer)
        assert [event.event_timestamp.second for event in intake.events] == [0, 4]
        assert [(reading.metric, reading.value) for reading in intake.readings] == [("contact", 0.0)]
        assert intake.folded == {"unchanged": 2}

    def test_what_happens_in_a_moment_is_news_each_time(self, gatherer: Gatherer) -> None:
        for second in range(3):
            press = Alarm(device=CAM, name="button", active=True, momentary=True)
            gatherer.add(arrival(at=NOW + timedelta(seconds=second)), decoded(press))
        assert len(take(gatherer).events) == 3

    def test_it_is_known_after_a_restart(self, gatherer: Gatherer) -> None:
        memory = Memory()
        Gatherer(AROUND, memory=memory).add(arrival(), decoded(Motion(device=CAM, active=True)))
        later = Gatherer(AROUND, memory=Memory(memory.take_changed()))
        later.add(arrival(), decoded(Motion(device=CAM, active=True)))
        assert take(later).folded == {"unchanged": 1}

    def test_areas_and_devices_are_apart(self, gatherer: Gatherer) -> None:
        for device, area in ((CAM, ""), (CAM, "yard"), ("frigate/other", "")):
            gatherer.add(arrival(), decoded(Motion(device=device, active=True, area=area)))
        assert len(take(gatherer).events) == 3

    def test_what_could_not_be_written_is_news_again(self, gatherer: Gatherer) -> None:
        opened = decoded(Alarm(device=CAM, name="contact", active=True))
        gatherer.add(arrival(b"ON"), opened)
        assert len(take(gatherer).events) == 1
        gatherer.forget()
        gatherer.add(arrival(b"ON"), opened)
        assert len(take(gatherer).events) == 1
        gatherer.add(arrival(b"ON", redelivered=True), opened)
        assert take(gatherer).duplicates == 1

    def test_what_is_left_out_teaches_no_state(self, gatherer: Gatherer) -> None:
        opened = decoded(Alarm(device=CAM, name="contact", active=True))
        gatherer.add(arrival(retain=True), opened)
        gatherer.add(arrival(), opened)
        intake = take(gatherer)
        assert (len(intake.events), intake.folded) == (1, {"retained": 1})


def test_what_families_learned_in_a_batch_that_failed_is_written_with_the_next() -> None:
    memory = Memory()
    memory.put("sparkplug_b", "alias", 1)
    memory.put("sparkplug_b", "other", 2)
    taken = memory.take_changed()
    memory.put("sparkplug_b", "other", 3)
    memory.put_back(taken)
    assert {one.key: one.value for one in memory.take_changed()} == {"alias": 1, "other": 3}
    assert memory.take_changed() == []

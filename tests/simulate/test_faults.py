"""What goes wrong does what it says, and in the stretch that was asked."""

import math
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from appliance.errors import Rejected
from firmware_bridge.simulation.faults import Fault, Silence, garble, read_duration, read_fault, read_silence
from firmware_bridge.simulation.firmware import Message
from firmware_bridge.simulation.schedule import Due
from tests.simulate.run import fleet_of, hear, messages, schedule_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("skew=0.1", Fault(kind="skew", amount=0.1)),
        ("flood=1@10s", Fault(kind="flood", amount=1, from_s=10)),
        ("garbage=0.01@1m-90s", Fault(kind="garbage", amount=0.01, from_s=60, to_s=90)),
    ],
)
def test_a_fault_is_read_from_words(text: str, expected: Fault) -> None:
    assert read_fault(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rust=0.1", "no fault 'rust'; there are skew, jump"),
        ("skew", "write the fault as skew=0.1"),
        ("skew=1.5", "a share between 0 and 1"),
        ("skew=nan", "a share between 0 and 1"),
        ("flood=0.5", "a whole number of devices"),
        ("flood=1@20s-10s", "it ends before it begins"),
        ("flood=1@soon", "'soon' is not a duration"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        read_fault(text)


def test_a_silence_is_read_from_words() -> None:
    assert read_silence("switch-north@20s") == Silence(segment="switch-north", from_s=20)
    assert read_silence("switch-north@20s-40s") == Silence(segment="switch-north", from_s=20, to_s=40)


@pytest.mark.parametrize(("text", "seconds"), [("30", 30), ("30s", 30), ("1.5m", 90), ("2h", 7_200)])
def test_a_duration_is_read_from_words(text: str, seconds: float) -> None:
    assert read_duration(text) == seconds


def test_duplicates_are_the_same_bytes_a_little_later_and_no_further_incident() -> None:
    run = schedule_of(fleet_of(20, "native"), faults=(Fault(kind="duplicates", amount=0.2),))
    dues = run.due(2_000)
    told = Counter(message.payload for message in messages(dues) if message.events)
    repeated = sum(count - 1 for count in told.values())
    assert repeated / len(told) == pytest.approx(0.2, rel=0.1)
    assert run.tally.duplicates / (run.tally.published - run.tally.duplicates) == pytest.approx(0.2, rel=0.1)
    assert len(hear(dues).events) == run.tally.events


def test_what_all_faults_together_leave_to_store_is_still_counted_exactly() -> None:
    faults = (
        Fault(kind="skew", amount=0.3),
        Fault(kind="jump", amount=0.2, from_s=300),
        Fault(kind="duplicates", amount=0.1),
        Fault(kind="garbage", amount=0.05),
        Fault(kind="flapping", amount=0.3),
        Fault(kind="flood", amount=2, from_s=100, to_s=200),
        Fault(kind="power_cut", amount=0.3, from_s=400, to_s=500),
    )
    run = schedule_of(fleet_of(40), faults=faults, silences=(Silence(segment="all", from_s=700, to_s=720),))
    heard = hear(run.due(1_500))
    assert len(heard.events) == run.tally.events
    assert len(heard.refused) == run.tally.garbage > 100


def test_garbage_is_refused_to_the_last_message() -> None:
    run = schedule_of(fleet_of(40), faults=(Fault(kind="garbage", amount=0.3),))
    heard = hear(run.due(600))
    assert len(heard.refused) == run.tally.garbage
    assert run.tally.garbage / (run.tally.published - run.tally.garbage) == pytest.approx(0.3, rel=0.1)


def test_a_plain_word_is_not_cut_into_another() -> None:
    word = Message(topic="tele/plug/LWT", payload=b"Online")
    assert {garble(word, random.Random(seed)).topic.partition("/")[0] for seed in range(50)} == {"plc"}


def test_a_wrong_clock_is_wrong_by_one_offset_and_only_for_the_chosen_share() -> None:
    run = schedule_of(fleet_of(30, "native"), faults=(Fault(kind="skew", amount=0.2),), rate_per_s=30.0)
    run.due(1.0)
    ahead = [state.ahead_s for state in run.states.values()]
    assert sum(ahead_s != 0 for ahead_s in ahead) == 6
    assert all(abs(ahead_s) >= 120 for ahead_s in ahead if ahead_s)
    run.due(600.0)
    assert [state.ahead_s for state in run.states.values()] == ahead


def test_a_lost_clock_is_in_the_year_2000_until_it_is_set() -> None:
    run = schedule_of(
        fleet_of(1, "native"), rate_per_s=1.0, faults=(Fault(kind="jump", amount=1, from_s=100, to_s=200),)
    )
    told = [(due.at_s, due.message.payload) for due in run.due(300) if due.message and due.message.events]
    for at_s, payload in told:
        assert (b"2000-01-01T" in payload) == (100 <= at_s < 200), (at_s, payload)
    assert {100 <= at_s < 200 for at_s, _ in told} == {True, False}


def of_source(dues: Sequence[Due], source: str, from_s: float, to_s: float) -> int:
    """How many messages came from a device in a stretch."""
    return sum(due.source == source and from_s <= due.at_s < to_s and due.message is not None for due in dues)


def test_a_flood_is_of_one_device_and_over_when_it_ends() -> None:
    run = schedule_of(fleet_of(20, "native"), faults=(Fault(kind="flood", amount=1, from_s=600, to_s=900),))
    dues = run.due(1_500)
    flooded = Counter(due.source for due in dues if 600 <= due.at_s < 900).most_common(2)
    (mad, many), (_, usual) = flooded
    assert many > 30 * usual
    assert of_source(dues, mad, 0, 600) < 600
    assert of_source(dues, mad, 900, 1_500) < 600


def test_a_segment_falls_silent_as_one_and_its_wills_are_told_later() -> None:
    fleet = fleet_of(60, "tasmota", segments=(("north", 50),))
    run = schedule_of(fleet, silences=(Silence(segment="north", from_s=600, to_s=1_200),))
    dues = run.due(1_500)
    north = {unit.source for unit in fleet if unit.segment == "north"}
    gone = [due for due in dues if due.source in north and 600 < due.at_s < 1_200 and due.message]
    assert {due.message.payload for due in gone if due.message} == {b"Offline"}
    assert {due.source for due in gone} == north
    assert {due.at_s for due in gone} == {645.0}
    assert all(due.by_broker for due in gone)
    back = [due for due in dues if due.source in north and due.at_s == 1_200 and due.message]
    assert {due.source for due in back if due.message and due.message.payload == b"Online"} == north
    assert any(due.source not in north and 600 < due.at_s < 1_200 for due in dues)


def test_a_silent_camera_stays_in_the_statistics_of_its_server_without_frames() -> None:
    fleet = fleet_of(2, "frigate", segments=(("north", 1),))
    run = schedule_of(fleet, rate_per_s=1.0, silences=(Silence(segment="north", from_s=100),))
    told = [due for due in run.due(400) if due.message and due.message.topic == "frigate/stats"]
    for due in told:
        assert due.message
        assert (b'"cam_001":{"camera_fps":0.0' in due.message.payload) == (due.at_s > 100)
        assert b'"cam_002":{"camera_fps":5.0' in due.message.payload


def test_a_silence_of_an_unknown_segment_names_those_there_are() -> None:
    fleet = fleet_of(5, "tasmota", segments=(("north", 2),))
    with pytest.raises(Rejected, match="no segment 'nord'; there are north, all"):
        schedule_of(fleet, silences=(Silence(segment="nord"),))


def test_flapping_devices_come_and_go_and_the_others_do_not() -> None:
    run = schedule_of(fleet_of(10, "tasmota"), rate_per_s=0.0, faults=(Fault(kind="flapping", amount=0.2),))
    words = Counter(
        (due.source, due.message.payload) for due in run.due(7_200) if due.message and due.message.topic.endswith("LWT")
    )
    flapping = {source for (source, word), _ in words.items() if word == b"Offline"}
    assert len(flapping) == 2
    assert all(30 < words[source, b"Offline"] < 80 for source in flapping)
    assert all(words[source, b"Online"] == 1 for source in run.states if source not in flapping)


def test_after_a_power_cut_devices_start_anew() -> None:
    fault = Fault(kind="power_cut", amount=0.5, from_s=100, to_s=200)
    run = schedule_of(fleet_of(10, "tasmota"), rate_per_s=20.0, faults=(fault,))
    dues = run.due(400)
    cut = {due.source for due in dues if due.link == "cut"}
    assert len(cut) == 5
    assert {due.source for due in dues if due.link == "restore"} == cut
    for due in dues:
        if due.message and due.message.topic.endswith("STATE") and due.at_s > 200:
            uptime_s = int(due.message.payload.partition(b'"UptimeSec":')[2].partition(b",")[0])
            assert (uptime_s <= 200) == (due.source in cut)


def test_a_fault_without_an_end_has_none() -> None:
    assert read_fault("skew=1").to_s == math.inf

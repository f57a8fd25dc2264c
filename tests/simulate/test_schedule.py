"""A run: deterministic, at the asked rate, and understood by the product to the last incident."""

from collections import Counter
from datetime import timedelta

import pytest

from appliance.anomaly.device import STEPS, is_impossible
from appliance.model.observation import EnvironmentReading
from firmware_bridge.simulation.families import FAMILIES
from firmware_bridge.simulation.rhythm import day_rhythm
from tests.bridge.samples import make_decoder
from tests.simulate.run import BEGAN, fleet_of, hear, messages, schedule_of

HOUR_S = 3_600.0


def test_the_same_seed_makes_the_same_run() -> None:
    fleet = fleet_of(30)
    assert schedule_of(fleet, seed=3).due(600) == schedule_of(fleet, seed=3).due(600)
    assert schedule_of(fleet, seed=3).due(600) != schedule_of(fleet, seed=4).due(600)


def test_it_does_not_matter_in_which_steps_the_time_goes() -> None:
    fleet = fleet_of(20)
    whole = schedule_of(fleet).due(300)
    run = schedule_of(fleet)
    assert [due for second in range(301) for due in run.due(second)] == whole


def test_messages_come_in_the_order_of_their_times() -> None:
    times = [due.at_s for due in schedule_of(fleet_of(30)).due(600)]
    assert times == sorted(times)
    assert times[-1] <= 600


@pytest.mark.parametrize("family", FAMILIES)
def test_the_product_understands_every_message_of(family: str) -> None:
    fleet = fleet_of(12, family)
    run = schedule_of(fleet, rate_per_s=2.0)
    heard = hear(run.due(HOUR_S))
    assert heard.refused == []
    assert heard.wrongly_told == []
    assert len(heard.events) == run.tally.events
    assert heard.devices == {unit.source for unit in fleet}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_keeps_to_the_rate_that_is_asked(family: str) -> None:
    run = schedule_of(fleet_of(30, family), rate_per_s=5.0)
    assert len(run.due(2 * HOUR_S)) == pytest.approx(5 * 2 * HOUR_S, rel=0.12)


def test_incidents_follow_the_hours_of_the_site() -> None:
    run = schedule_of(fleet_of(20, "native"), rhythm="building", rate_per_s=1.0, zone="Asia/Kuwait")
    incidents = [due for due in run.due(24 * HOUR_S) if due.message and due.message.events]
    counted = Counter((BEGAN + timedelta(hours=3, seconds=due.at_s)).hour for due in incidents)
    rhythm = day_rhythm("building")
    for hour in range(24):
        assert counted[hour] == pytest.approx(len(incidents) * rhythm[hour] / 24, abs=60, rel=0.25), f"hour {hour}"


def test_a_run_without_a_rate_says_no_more_than_who_is_there() -> None:
    run = schedule_of(fleet_of(10, "tasmota"), rate_per_s=0.0)
    assert {message.topic.rpartition("/")[2] for message in messages(run.due(HOUR_S))} == {
        "LWT",
        "INFO1",
        "INFO2",
        "INFO3",
    }


def test_a_tracked_object_begins_changes_and_ends_as_one_incident() -> None:
    run = schedule_of(fleet_of(1, "frigate"), rate_per_s=0.05)
    tracked = [message for message in messages(run.due(HOUR_S)) if message.topic == "frigate/events"]
    lives: dict[str, list[bytes]] = {}
    for message in tracked:
        lives.setdefault(message.events[0], []).append(message.payload.partition(b'"type":"')[2].partition(b'"')[0])
    ended = [life for life in lives.values() if life[-1] == b"end"]
    assert len(ended) >= len(lives) - 1 > 0
    assert all(life[0] == b"new" and set(life[1:-1]) <= {b"update"} for life in ended)


def test_sensors_whose_clock_is_local_tell_the_time_of_the_site() -> None:
    run = schedule_of(fleet_of(1, "tasmota"), zone="Asia/Kuwait", boot_s=0.1)
    told = [message.payload for message in messages(run.due(60)) if message.topic.endswith("SENSOR")]
    assert told[0].startswith(b'{"Time":"2026-11-23T09:00:')


@pytest.mark.parametrize("family", ["zigbee2mqtt", "tasmota", "chirpstack"])
def test_what_is_measured_of_the_air_never_steps_farther_than_air_does(family: str) -> None:
    """Drawn anew each time, the values of a fleet that is there to be tried flooded the alerts."""
    decoder, last, steps = make_decoder(), dict[tuple[str, str, str], tuple[float, float]](), 0
    for due in schedule_of(fleet_of(8, family), rate_per_s=2.0).due(1_800.0):
        if due.message is None:
            continue
        decoded = decoder.decode(due.message.topic, due.message.payload, received_at=BEGAN)
        for seen in decoded.observations:
            if isinstance(seen, EnvironmentReading) and seen.metric in STEPS:
                key = (seen.device, seen.metric, seen.channel)
                if key in last:
                    at, value = last[key]
                    assert not is_impossible(seen.metric, value, seen.value, due.at_s - at), (key, value, seen.value)
                    steps += value != seen.value
                last[key] = (due.at_s, seen.value)
    assert steps > 20

"""How one device is, and why: the table, rhythms, silence, wills, flapping, clocks, restarts."""

from collections.abc import Callable
from datetime import timedelta
from typing import get_args

import pytest

from appliance.errors import Corrupt
from appliance.model.device import State
from firmware_bridge.liveness.devices import Liveness
from firmware_bridge.liveness.outage import Changes
from firmware_bridge.liveness.roster import MAX_DEVICES
from firmware_bridge.liveness.vital import TRANSITIONS, Phase, Said
from tests.bridge.site import CAMERA, Site, learned
from tests.conftest import NOW


def test_what_is_said_is_legal_in_every_phase_and_leads_to_a_phase() -> None:
    assert set(TRANSITIONS) == set(get_args(Phase))
    for row in TRANSITIONS.values():
        assert set(get_args(Said)) <= set(row)
        assert set(row.values()) <= set(get_args(Phase))


# one device alone, interval 10 s: stale after 30 s, gone after 120 s; a will is not held where nothing can explain it
@pytest.mark.parametrize(
    ("told", "state", "cause"),
    [
        ([], "pending", ""),
        (["heard"], "online", "heard"),
        (["birth"], "online", "birth"),
        (["will"], "offline", "will"),
        (["heard", 29], "online", "heard"),
        (["heard", 30], "stale", "silence"),
        (["heard", 119], "stale", "silence"),
        (["heard", 120], "offline", "silence"),
        (["heard", 30, "heard"], "online", "heard"),
        (["heard", 130, "birth"], "online", "birth"),
        (["heard", "will"], "offline", "will"),
        (["heard", 40, "will"], "offline", "will"),
        (["heard", 130, "will"], "offline", "will"),
        (["heard", "will", "heard"], "online", "heard"),
        (["heard", "mute"], "maintenance", "maintenance"),
        (["heard", "mute", 500], "maintenance", "maintenance"),
        (["heard", "mute", "will", "heard"], "maintenance", "maintenance"),
        (["mute", "unmute"], "pending", ""),
        (["heard", "mute", "unmute"], "online", "resumed"),
        (["heard", "mute", 500, "unmute"], "stale", "silence"),
        (["heard", "mute", 500, "unmute", 119], "stale", "silence"),
        (["heard", "mute", 500, "unmute", 120], "offline", "silence"),
        (["heard", "mute", 500, "heard", "unmute"], "online", "resumed"),
        (["heard", 130, "mute", "unmute", "heard"], "online", "heard"),
    ],
)
def test_the_table_by_hand(told: list[str | int], state: State, cause: str) -> None:
    site = Site({})
    site.liveness.describe(CAMERA, site.at, heartbeat_s=10)
    site.run(200)  # long enough after the link came up
    for step in told:
        if isinstance(step, int):
            site.run(step)
        elif step in {"mute", "unmute"}:
            site.liveness.describe(CAMERA, site.at, heartbeat_s=10, maintenance=step == "mute")
        else:
            getattr(site.liveness, step)(CAMERA, site.at)
        site.tick()
    assert site.vital(CAMERA) == (state, cause)


def test_a_change_tells_what_was_before_and_when_and_whose_fault_it_is() -> None:
    site = learned()
    site.liveness.will(CAMERA, site.at - 0.5)
    (change,) = site.tick().changes
    assert (change.state, change.before, change.cause) == ("offline", "online", "will")
    assert change.at == site.now
    assert change.is_own_fault
    assert site.tick().changes == ()


def drop(site: Site) -> None:
    """45 s of silence, and back."""
    site.run(45, silent=[CAMERA])
    site.run(55)


def reconnect(site: Site) -> None:
    """A will, and ten seconds later a birth."""
    site.liveness.will(CAMERA, site.at)
    site.run(10, silent=[CAMERA])
    site.liveness.birth(CAMERA, site.at)
    site.run(90)


@pytest.mark.parametrize("happens", [drop, reconnect])
def test_flapping_is_reported_once_and_ends_when_it_is_calm(happens: Callable[[Site], None]) -> None:
    site = learned(10)
    site.describe([CAMERA, "a/1", "a/2", "a/3", "a/4"], heartbeat_s=10)  # enough that a will is held
    before = len(site.changes)
    for _ in range(40):
        happens(site)
    flapping = site.changes[before:]
    assert [change.state for change in flapping] == ["stale", "online"] * 4 + ["stale"]
    assert flapping[-1].cause == "flapping"
    assert site.vital(CAMERA) == ("stale", "flapping")
    assert site.alarms() == []
    assert [(change.state, change.cause) for change in site.run(3000).changes] == [("online", "resumed")]


def test_a_device_that_dies_while_it_flaps_is_reported_when_it_is_clear() -> None:
    site = learned(10)
    site.describe([CAMERA], heartbeat_s=10)
    for _ in range(10):
        drop(site)
    assert site.vital(CAMERA) == ("stale", "flapping")
    site.run(1800, silent=[CAMERA])
    assert site.vital(CAMERA) == ("offline", "silence")
    assert site.alarms() == [CAMERA]


@pytest.mark.parametrize("jump", [timedelta(days=3650), timedelta(days=-3650)])
def test_a_jump_of_the_wall_clock_makes_nothing_stale(jump: timedelta) -> None:
    site = learned(10)
    site.now += jump
    assert site.run(600).changes == ()
    seen = site.last_seen(CAMERA)
    assert seen is not None
    assert timedelta() <= site.now - seen <= timedelta(seconds=10)
    site.run(125, silent=[CAMERA])
    assert (
        site.changes[-1].at == site.now - timedelta(seconds=site.at - (site.at // 1)) or site.changes[-1].at <= site.now
    )


def test_silence_is_not_counted_while_our_link_is_down_and_begins_anew_with_it() -> None:
    site = learned(10)
    site.liveness.link_down(site.at)
    assert site.run(30, silent=[CAMERA]).began == ()
    site.run(600, silent=[CAMERA])
    site.liveness.link_up(site.at)
    site.run(24, silent=[CAMERA])
    assert site.state(CAMERA) == "online"
    assert site.run(8, silent=[CAMERA]).changes[0].cause == "silence"


def test_what_was_queued_for_us_does_not_distort_the_rhythm() -> None:
    site = learned(60)
    site.liveness.link_down(site.at)
    site.run(1800, silent=[CAMERA])
    site.liveness.link_up(site.at)
    for _ in range(12):  # a bad line: each time the broker kept five messages, and sends them now
        site.liveness.link_down(site.at)
        site.run(300, silent=[CAMERA])
        site.liveness.link_up(site.at)
        for _ in range(5):
            site.liveness.heard(CAMERA, site.at)
            site.run(6, silent=[CAMERA])
        site.run(100)
    assert site.interval_s(CAMERA) == 60
    assert [change.state for change in site.changes] == ["online"]


def test_a_remembered_birth_takes_back_a_will_and_not_a_silence() -> None:
    site = learned(10)
    site.run(125, silent=[CAMERA])
    site.liveness.birth(CAMERA, site.at, retained=True)
    site.tick()
    assert site.vital(CAMERA) == ("offline", "silence")
    site.liveness.will(CAMERA, site.at)
    site.liveness.birth(CAMERA, site.at, retained=True)
    assert site.state(CAMERA) == "online"


def test_a_remembered_will_of_a_device_never_heard_is_no_fault_to_report() -> None:
    site = Site({})
    for n in range(20):
        site.liveness.will(f"zigbee/{n}", site.at)
    site.run(600)
    assert {change.state for change in site.changes} == {"offline"}
    assert site.alarms() == []


def test_a_pause_of_ours_is_nobodys_silence_and_is_told_as_ours() -> None:
    site = learned(10)
    began = site.now
    site.at += 900
    site.now += timedelta(seconds=900)
    found = site.tick()
    assert found.changes == ()
    (box,) = found.ended
    assert (box.kind, box.began_at, box.ended_at) == ("box", began, site.now)
    site.run(29, silent=[CAMERA])
    assert site.state(CAMERA) == "online"


def test_a_restart_reports_nothing_again_and_knows_the_rhythm() -> None:
    site = learned(10)
    site.run(125, silent=[CAMERA])
    site.liveness.heard("a/pump", site.at)
    site.tick()
    again = Site({"a/pump": 20.0})
    again.liveness.restore(site.rows(), again.at, down_since=again.now - timedelta(minutes=5))
    box = again.run(600)
    assert [outage.kind for outage in box.ended] == ["box"]
    assert (box.changes, box.began) == ((), ())
    assert again.vital(CAMERA) == ("offline", "silence")
    assert again.last_seen(CAMERA) == site.last_seen(CAMERA)
    again.liveness.heard(CAMERA, again.at)
    assert [change.before for change in again.tick().changes] == ["offline"]
    assert again.interval_s(CAMERA) == 10


@pytest.mark.parametrize(
    ("state", "cause", "later"),
    [
        ("pending", "", "pending"),
        ("online", "heard", "offline"),
        ("stale", "silence", "offline"),
        ("stale", "will", "offline"),
        ("stale", "flapping", "offline"),
        ("offline", "will", "offline"),
        ("maintenance", "maintenance", "maintenance"),
    ],
)
def test_every_state_survives_a_restart_and_is_judged_after_a_grace(state: State, cause: str, later: State) -> None:
    row = {
        "source": CAMERA,
        "state": state,
        "cause": cause,
        "state_at": NOW,
        "last_seen": NOW,
        "learned_interval_s": 10.0,
    }
    site = Site({})
    site.liveness.restore([row], site.at)
    site.run(25)
    assert site.changes == []
    assert site.vital(CAMERA) == (state, cause)
    site.run(4000)
    assert site.state(CAMERA) == later


def test_a_row_whose_state_is_none_is_refused_with_the_remedy() -> None:
    row = {
        "source": "a/b",
        "state": "asleep",
        "cause": "",
        "state_at": NOW,
        "last_seen": None,
        "learned_interval_s": None,
    }
    with pytest.raises(Corrupt, match=r"a/b is in state 'asleep'; set it to one of pending, online"):
        Liveness(0.0).restore([row], 0.0)


def test_an_interval_is_taken_for_the_store_when_it_is_worth_a_write() -> None:
    site = learned(60)
    assert site.liveness.take_learned() == {CAMERA: 60.0}
    site.intervals[CAMERA] = 65.0
    site.run(3000)
    assert site.liveness.take_learned() == {}
    site.intervals[CAMERA] = 20.0
    site.run(3000)
    assert site.liveness.take_learned() == {CAMERA: 20.0}


def test_devices_are_bounded_and_what_finds_no_room_is_counted() -> None:
    liveness = Liveness(0.0)
    for n in range(MAX_DEVICES):
        liveness.heard(f"a/{n}", 1.0)
    liveness.heard("a/more", 1.0)
    liveness.will("a/more", 1.0)
    assert (len(liveness), liveness.refused, "a/more" in liveness) == (MAX_DEVICES, 2, False)
    liveness.forget("a/0")
    liveness.heard("a/more", 1.0)
    assert "a/more" in liveness
    assert liveness.vital("a/0", 1.0, NOW) is None


def test_forgetting_everything_leaves_nothing() -> None:
    liveness = Liveness(0.0)
    for n in range(10):
        liveness.describe(f"a/{n}", 0.0, segments=["switch", "zone:a"])
        liveness.heard(f"a/{n}", 1.0)
        liveness.will(f"a/{n}", 2.0)
    for n in range(10):
        liveness.forget(f"a/{n}")
    assert len(liveness) == 0
    assert liveness.tick(3.0, NOW) == Changes()

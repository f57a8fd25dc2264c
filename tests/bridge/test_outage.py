"""What fell silent together: segments, gateways, the broker and the box, and never fifty broken cameras."""

from datetime import timedelta

import msgspec
import pytest

from firmware_bridge.liveness.outage import (
    BROKER,
    MAX_EXPLANATIONS,
    MAX_NAMES,
    Changes,
    Suspect,
    Witnesses,
    cut_of,
    explain,
    find_candidates,
    same_cut,
)
from tests.bridge.site import Site

CAMERAS = [f"frigate/cam{n:02}" for n in range(50)]
OTHERS = [f"native/sensor{n}" for n in range(20)]


def harbour(*camera_s: float, other_s: float = 15.0) -> Site:
    """Fifty cameras behind one switch, of these paces in turn (10 s), and twenty other devices of the same zone."""
    paces = camera_s or (10.0,)
    site = Site({name: paces[n % len(paces)] for n, name in enumerate(CAMERAS)} | dict.fromkeys(OTHERS, other_s))
    site.describe(CAMERAS, "switch-north", "zone:harbour", "family:frigate")
    site.describe(OTHERS, "zone:harbour", "family:native")
    site.run(20 * max(*paces, other_s))
    return site


@pytest.mark.parametrize("camera_s", [2.0, 10.0, 60.0])
def test_fifty_cameras_behind_one_switch_are_one_alarm_that_names_it(camera_s: float) -> None:
    site = harbour(camera_s)
    cut = site.now
    site.run(max(400.0, 10 * camera_s), silent=CAMERAS)
    assert site.alarms() == ["switch-north"]
    (outage,) = site.began
    assert (outage.kind, outage.segment, outage.device_count) == ("segment", "switch-north", 50)
    assert outage.devices == tuple(CAMERAS)
    assert abs(outage.began_at - cut) <= timedelta(seconds=camera_s)
    assert {site.vital(name) for name in CAMERAS} == {("offline", "outage:switch-north")}
    assert {site.state(name) for name in OTHERS} == {"online"}
    assert site.run(86_400, silent=CAMERAS, step_s=20) == Changes()


def test_when_they_come_back_the_outage_ends_and_no_alarm_is_left() -> None:
    site = harbour()
    site.run(400, silent=CAMERAS)
    site.run(600)
    assert site.alarms() == ["switch-north"]
    (ended,) = site.ended
    assert (ended.segment, ended.began_at) == (site.began[0].segment, site.began[0].began_at)
    assert ended.ended_at is not None
    assert {site.state(name) for name in CAMERAS} == {"online"}


def test_stragglers_are_judged_for_themselves_after_a_grace() -> None:
    site = harbour()
    site.run(400, silent=CAMERAS)
    site.run(30, silent=CAMERAS[:2])
    assert len(site.ended) == 1
    assert {site.vital(name) for name in CAMERAS[:2]} == {("stale", "silence")}
    assert site.alarms() == ["switch-north"]
    site.run(200, silent=CAMERAS[:2])
    assert site.alarms() == ["switch-north", *CAMERAS[:2]]


def test_an_outage_lasts_until_half_of_its_devices_are_back() -> None:
    site = harbour()
    site.run(400, silent=CAMERAS)
    site.run(60, silent=CAMERAS[:26])
    assert site.ended == []
    site.run(60, silent=CAMERAS[:25])
    assert len(site.ended) == 1


def test_last_wills_that_come_over_a_minute_and_a_half_are_one_outage() -> None:
    site = harbour()
    for name in CAMERAS:
        site.liveness.will(name, site.at)
        site.run(1.8, silent=CAMERAS, step_s=0.9)
    site.run(300, silent=CAMERAS)
    assert site.alarms() == ["switch-north"]
    assert {site.vital(name) for name in CAMERAS} == {("offline", "outage:switch-north")}


def test_cameras_of_different_pace_are_one_outage() -> None:
    site = harbour(5.0, 20.0, 60.0, 300.0)
    site.run(4000, silent=CAMERAS)
    assert site.alarms() == ["switch-north"]
    assert {site.vital(name) for name in CAMERAS} == {("offline", "outage:switch-north")}


@pytest.mark.parametrize("willed", [True, False])
def test_one_broken_camera_is_one_broken_camera(willed: bool) -> None:
    site = harbour()
    if willed:
        site.liveness.will(CAMERAS[7], site.at)
        site.tick()
        assert site.vital(CAMERAS[7]) == ("stale", "will")
    site.run(200, silent=CAMERAS[7:8])
    assert site.alarms() == [CAMERAS[7]]
    assert site.vital(CAMERAS[7]) == ("offline", "will" if willed else "silence")


def test_a_few_that_break_one_after_the_other_are_no_outage() -> None:
    site = harbour()
    for n in range(8):
        site.run(700, silent=CAMERAS[: n + 1])
    assert site.alarms() == CAMERAS[:8]


def test_one_that_broke_before_is_not_counted_as_of_the_outage() -> None:
    site = harbour()
    site.run(1000, silent=CAMERAS[:1])
    site.run(400, silent=CAMERAS)
    assert site.alarms() == ["switch-north", CAMERAS[0]]
    assert site.began[0].device_count == 49


def test_when_everything_is_silent_though_our_link_is_up_it_is_the_broker() -> None:
    site = harbour()
    site.describe(OTHERS, "zone:town")
    site.run(600, silent=CAMERAS + OTHERS)
    assert site.alarms() == ["broker"]
    assert (site.began[0].segment, site.began[0].device_count) == ("", 70)


def test_a_restart_of_the_broker_is_nobodys_fault() -> None:
    site = harbour()
    site.liveness.link_down(site.at)
    site.run(20, silent=CAMERAS + OTHERS)
    site.liveness.link_up(site.at)
    for name in CAMERAS:  # the broker remembers the wills of those that are not back yet
        site.liveness.will(name, site.at)
    site.run(60, silent=CAMERAS)
    site.run(1800)
    assert site.alarms() == []
    assert {change.state for change in site.changes} == {"online", "stale"}


def test_a_broker_that_is_away_for_longer_is_one_outage_of_the_broker() -> None:
    site = harbour()
    cut = site.now
    site.liveness.link_down(site.at)
    site.run(3600, silent=CAMERAS + OTHERS, step_s=5)
    assert site.alarms() == ["broker"]
    assert (site.began[0].kind, site.began[0].began_at) == ("broker", cut)
    assert {change.state for change in site.changes} == {"online"}
    site.liveness.link_up(site.at)
    site.run(1800)
    assert [outage.kind for outage in site.ended] == ["broker"]
    assert site.alarms() == ["broker"]


def test_a_restart_of_the_box_alarms_nobody() -> None:
    site = harbour()
    again = Site(site.intervals, linked=False)
    again.liveness.restore(site.rows(), again.at)
    again.describe(CAMERAS, "switch-north", "zone:harbour", "family:frigate")
    again.run(5, silent=CAMERAS + OTHERS)
    again.liveness.link_up(again.at)
    again.run(3600)
    assert again.alarms() == []
    assert again.changes == []


def test_an_outage_survives_a_restart_of_the_box_and_is_not_reported_again() -> None:
    site = harbour()
    site.run(400, silent=CAMERAS)
    again = Site(site.intervals)
    again.now = site.now + timedelta(hours=1)
    again.liveness.restore(site.rows(), again.at, open_outages=site.began)
    again.describe(CAMERAS, "switch-north", "zone:harbour", "family:frigate")
    again.run(600, silent=CAMERAS)
    assert (again.changes, again.began, again.ended) == ([], [], [])
    again.run(60)
    (ended,) = again.ended
    assert (ended.segment, ended.began_at) == ("switch-north", site.began[0].began_at)
    assert again.alarms() == []


def test_an_open_outage_of_the_store_in_which_nobody_is_any_more_is_ended() -> None:
    site = harbour()
    site.run(400, silent=CAMERAS)
    again = Site({})
    again.liveness.restore([], again.at, open_outages=site.began)
    assert [outage.segment for outage in again.tick().ended] == ["switch-north"]


def test_devices_that_died_while_the_box_was_off_are_reported_once_it_is_clear() -> None:
    site = harbour()
    again = Site(site.intervals)
    again.liveness.restore(site.rows(), again.at)
    again.describe(CAMERAS, "switch-north", "zone:harbour", "family:frigate")
    again.run(400, silent=CAMERAS)
    assert again.alarms() == ["switch-north"]


SENSORS = [f"zigbee2mqtt/sensor{n}" for n in range(6)]
BRIDGE = "zigbee2mqtt/bridge"


def zigbee() -> Site:
    """A gateway that talks each minute, and sensors behind it that have no rhythm."""
    site = Site({BRIDGE: 60.0, **dict.fromkeys(SENSORS, 1e9)})
    site.describe(SENSORS, f"via:{BRIDGE}", "family:zigbee2mqtt")
    site.run(1200)
    return site


def test_the_will_of_a_gateway_takes_what_is_behind_it_at_once() -> None:
    site = zigbee()
    site.liveness.will(BRIDGE, site.at)
    found = site.tick()
    assert site.alarms() == [f"via:{BRIDGE}"]
    assert found.began[0].device_count == 7
    assert {site.vital(name) for name in [BRIDGE, *SENSORS]} == {("offline", f"outage:via:{BRIDGE}")}


def test_when_the_gateway_is_back_all_is_as_it_was() -> None:
    site = zigbee()
    site.liveness.will(BRIDGE, site.at)
    site.run(600, silent=[BRIDGE])
    site.liveness.birth(BRIDGE, site.at)
    found = site.tick()
    assert len(found.ended) == 1
    assert {site.vital(name) for name in SENSORS} == {("online", "resumed")}
    site.run(3600)
    assert site.alarms() == [f"via:{BRIDGE}"]


def test_the_silence_of_a_gateway_is_as_good_as_its_will() -> None:
    site = zigbee()
    site.run(600, silent=[BRIDGE])
    assert site.alarms() == [f"via:{BRIDGE}"]


def test_what_hangs_on_itself_or_says_that_it_hangs_on_the_broker_counts_once() -> None:
    site = zigbee()
    site.describe([BRIDGE], f"via:{BRIDGE}", BROKER)
    site.run(600, silent=[BRIDGE])
    assert [outage.device_count for outage in site.began] == [7]


def test_a_gateway_that_is_silent_itself_while_others_speak_through_it_is_alone() -> None:
    site = zigbee()
    for _ in range(600):
        site.run(1, silent=[BRIDGE])
        for name in SENSORS:
            site.liveness.heard(name, site.at)
    assert site.alarms() == [BRIDGE]


def test_a_segment_that_comes_and_goes_is_not_reported_each_time() -> None:
    site = harbour()
    site.describe(CAMERAS, "switch-north", "zone:harbour", "family:frigate", heartbeat_s=10)
    for _ in range(10):
        site.run(300, silent=CAMERAS)
        site.run(60)
    assert site.alarms() == ["switch-north"] * 4
    assert "flapping" not in {change.cause for change in site.changes}
    site.run(4000)
    assert len(site.ended) == len(site.began)
    assert {site.state(name) for name in CAMERAS} == {"online"}


def test_who_always_comes_back_last_learns_no_other_rhythm_from_it() -> None:
    site = harbour()
    for _ in range(8):
        site.run(300, silent=CAMERAS)
        site.run(60, silent=CAMERAS[:1])
        site.run(30)
    assert site.interval_s(CAMERAS[0]) == site.interval_s(CAMERAS[1]) == 10


def test_being_cut_off_again_and_again_is_not_sleeping_on_purpose() -> None:
    site = harbour()
    for _ in range(3):
        for name in CAMERAS:
            site.liveness.will(name, site.at)
        site.run(600, silent=CAMERAS)
        for name in CAMERAS:
            site.liveness.birth(name, site.at)
        site.run(400)
    site.liveness.will(CAMERAS[0], site.at)
    site.tick()
    assert site.vital(CAMERAS[0]) == ("stale", "will")


def test_maintenance_hides_a_device_and_it_counts_for_nobody() -> None:
    site = harbour()
    for name in CAMERAS[10:]:
        site.liveness.describe(name, site.at, segments=("switch-north",), maintenance=True)
    site.run(400, silent=CAMERAS)
    assert (site.alarms(), site.began[0].device_count) == (["switch-north"], 10)
    assert {site.state(name) for name in CAMERAS[10:]} == {"maintenance"}


def suspects(count: int, *segments: str, since_s: float = 0.0, slack_s: float = 60.0, start: int = 0) -> list[Suspect]:
    """Devices that fell silent, all with these segments."""
    return [
        Suspect(source=f"d{start + n}", since_s=since_s, slack_s=slack_s, willed=False, segments=(*segments, BROKER))
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "segment", "up", "mute", "explains"),
    [
        (3, "switch", 0, 0, True),
        (2, "switch", 0, 0, False),
        (3, "via:z", 0, 99, True),
        (4, "zone:a", 0, 0, False),
        (5, "zone:a", 0, 0, True),
        (8, "zone:a", 2, 0, True),
        (7, "zone:a", 2, 0, False),  # 78 %
        (8, "switch", 3, 0, False),  # 73 %
        (5, "family:x", 0, 10, True),
        (5, "family:x", 0, 11, False),  # less than a third of those alive
        (5, "group:g", 0, 0, True),
    ],
)
def test_a_segment_explains_enough_of_those_that_can_testify(
    count: int, segment: str, up: int, mute: int, explains: bool
) -> None:
    silent = suspects(count, segment)
    witnesses = {segment: Witnesses(up=up, mute=mute), BROKER: Witnesses(up=1000)}
    assert (segment in explain(silent, witnesses)) is explains


def test_the_most_specific_of_those_that_explain_about_as_many_is_named() -> None:
    none_up = {name: Witnesses() for name in ("switch-a", "switch-b", "zone:a", "family:x")}
    both = suspects(10, "switch-a", "zone:a", "family:x")
    assert list(explain(both, none_up)) == ["switch-a"]
    with_another = both + suspects(1, "zone:a", "family:x", start=50)
    assert list(explain(with_another, none_up)) == ["switch-a"]
    two_switches = both + suspects(10, "switch-b", "zone:a", start=50)
    assert list(explain(two_switches, none_up)) == ["zone:a"]
    two_sites = both + suspects(10, "switch-b", start=50)
    assert sorted(explain(two_sites, none_up)) == ["switch-a", "switch-b"]


def test_each_is_explained_once_and_only_so_many_segments_at_a_time() -> None:
    many = [one for n in range(100) for one in suspects(3, f"switch-{n}", start=3 * n)]
    explained = explain(many, {f"switch-{n}": Witnesses() for n in range(100)})
    assert len(explained) == MAX_EXPLANATIONS
    names = [one.source for silent in explained.values() for one in silent]
    assert len(names) == len(set(names)) == 3 * MAX_EXPLANATIONS


def test_more_outages_than_are_found_at_once_are_all_found() -> None:
    names = [f"a/{n}" for n in range(3 * 70)]
    site = Site({**dict.fromkeys(names, 10.0), **dict.fromkeys(OTHERS * 1, 10.0)})
    for n, name in enumerate(names):
        site.describe([name], f"switch-{n // 3}")
    for n in range(100):
        site.intervals[f"b/{n}"] = 10.0
        site.next[f"b/{n}"] = site.at + 1
    site.run(300)
    site.run(300, silent=names)
    assert sorted(site.alarms()) == sorted(f"switch-{n}" for n in range(70))


def test_devices_that_fell_silent_at_another_time_are_not_of_the_cut() -> None:
    early, late = suspects(3, "s", since_s=0), suspects(3, "s", since_s=200, start=3)
    assert same_cut(early + late, early[0]) == early
    patient = suspects(1, "s", since_s=200, slack_s=300, start=9)
    assert same_cut(early + patient, early[0]) == early + patient
    assert find_candidates(early) == {"s": 0.0}


def test_a_cut_lies_after_all_were_heard_or_else_before_the_first_will() -> None:
    silent = [msgspec.structs.replace(one, since_s=at) for one, at in zip(suspects(3), (5.0, 9.0, 7.0), strict=True)]
    willed = [msgspec.structs.replace(one, willed=True) for one in silent]
    assert cut_of(silent) == 9.0
    assert cut_of(willed) == 5.0
    assert cut_of(silent[:1] + willed[1:]) == 5.0


def test_an_outage_names_a_hundred_and_counts_all() -> None:
    names = [f"a/{n:04}" for n in range(300)]
    site = Site({**dict.fromkeys(names, 10.0), **dict.fromkeys(OTHERS, 10.0)})
    site.describe(names, "mast-1")
    site.run(300)
    site.run(300, silent=names)
    assert (len(site.began[0].devices), site.began[0].device_count) == (MAX_NAMES, 300)

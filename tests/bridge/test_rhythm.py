"""How often a device talks: learned, announced, set; with bursts, sleep and nights."""

from datetime import timedelta

import pytest

from firmware_bridge.liveness.vital import UNTOLD_INTERVAL_S, rhythm_of
from tests.bridge.site import CAMERA, Site, learned
from tests.conftest import NOW


@pytest.mark.parametrize(
    ("gaps", "interval_s"),
    [
        ([10] * 4, 0),
        ([10] * 5, 10),
        ([10, 10, 10, 10, 13], 0),
        ([10] * 8, 10),
        ([60, 61, 60, 59, 60, 60, 62, 58], 61),
        ([10] * 14 + [20, 20], 10),  # now and then one is lost
        ([10] * 13 + [20, 20, 20], 20),  # a fifth is lost
        ([60] * 10 + [20, 40, 30, 30, 10, 50], 60),  # a heartbeat, and events between
        ([10] * 15 + [3600], 10),  # it was away once
        ([10] * 8 + [300] * 8, 0),  # it is changing
        ([10] * 4 + [300] * 12, 300),
        ([7, 400, 31, 90, 1200, 15, 60, 3000, 22, 45, 700, 9, 130, 260, 18, 5000], 0),  # motion
        ([5, 6, 8, 11, 15, 20, 27, 37, 50, 67, 90, 122, 164, 221, 299, 403], 0),
    ],
)
def test_a_rhythm_is_found_where_there_is_one(gaps: list[float], interval_s: float) -> None:
    assert rhythm_of(gaps) == rhythm_of(gaps[::-1]) == interval_s


def test_the_interval_is_a_persons_else_the_longer_of_told_and_kept_else_a_day() -> None:
    site = Site({CAMERA: 10.0})
    site.run(20)
    assert site.interval_s(CAMERA) == UNTOLD_INTERVAL_S
    site.run(280)
    assert site.interval_s(CAMERA) == 10
    site.liveness.told_interval(CAMERA, 60)
    assert site.interval_s(CAMERA) == 60
    site.liveness.told_interval(CAMERA, 5)
    assert site.interval_s(CAMERA) == 10
    site.describe([CAMERA], heartbeat_s=40)
    assert site.interval_s(CAMERA) == 40
    site.describe([CAMERA])
    assert site.interval_s(CAMERA) == 10


@pytest.mark.parametrize("nonsense", [0.0, -5.0, float("nan"), float("inf"), 1e12])
def test_an_announced_interval_that_is_none_is_not_taken(nonsense: float) -> None:
    site = Site({})
    site.liveness.told_interval(CAMERA, nonsense)
    assert site.interval_s(CAMERA) == UNTOLD_INTERVAL_S


def test_bursts_are_one_sign_of_life() -> None:
    site = Site({})
    for _ in range(20):
        for n in range(30):
            site.liveness.heard(CAMERA, site.at + 0.1 * n)
        site.run(60)
    assert site.interval_s(CAMERA) == 60


def test_a_motion_sensor_without_rhythm_is_not_thought_dead_overnight() -> None:
    site = Site({})
    for gap_s in [7, 400, 31, 90, 1200, 15, 60, 3000, 22, 45, 700, 9, 130, 260, 18, 5000] * 2 + [9 * 3600, 30, 90]:
        site.run(gap_s, step_s=30)
        site.liveness.heard("zigbee/motion", site.at)
    site.tick()
    assert [change.state for change in site.changes] == ["online"]
    site.run(3.0 * 86_400, step_s=30)
    assert site.vital("zigbee/motion") == ("stale", "silence")


def test_a_device_set_to_report_less_often_is_thought_silent_twice_at_most() -> None:
    site = learned(10)
    site.intervals[CAMERA] = 300.0
    site.run(7200)
    assert [change.state for change in site.changes].count("offline") <= 2
    assert site.state(CAMERA) == "online"
    assert site.interval_s(CAMERA) == 300
    assert site.run(7200).changes == ()


def test_a_device_set_to_report_more_often_is_judged_by_that() -> None:
    site = learned(300)
    site.intervals[CAMERA] = 10.0
    site.run(600)
    assert site.interval_s(CAMERA) == 10
    site.run(121, silent=[CAMERA])
    assert site.vital(CAMERA) == ("offline", "silence")


def test_what_is_silent_every_night_is_given_up_two_nights_and_no_more() -> None:
    site = learned(30, name="people/gate")
    for _ in range(4):
        site.run(8 * 3600, silent=["people/gate"], step_s=10)
        site.run(4 * 3600, step_s=10)
    offline = [change.at for change in site.changes if change.state == "offline"]
    assert len(offline) == 2
    assert max(offline) < NOW + timedelta(days=1)


def test_absences_of_any_length_do_not_blunt_the_watch() -> None:
    site = learned(10)
    for absence_s in (3600, 400, 20_000, 1500):
        site.run(absence_s, silent=[CAMERA])
        site.run(300)
        assert site.interval_s(CAMERA) == 10


def test_a_like_absence_a_week_and_a_half_later_is_not_a_habit() -> None:
    site = learned(30)
    for _ in range(2):
        site.run(3600, silent=[CAMERA])
        site.run(10 * 86_400, step_s=15)
    assert [change.state for change in site.changes].count("offline") == 2
    site.run(3600, silent=[CAMERA])
    site.run(300)
    assert site.interval_s(CAMERA) == 30


def test_a_device_that_sleeps_on_purpose_is_not_offline_each_time() -> None:
    site = Site({})
    site.run(200)
    for _ in range(12):
        site.liveness.birth("meter/1", site.at)
        site.run(5)
        site.liveness.will("meter/1", site.at)
        site.run(595)
    assert [change.state for change in site.changes].count("offline") == 2
    assert site.vital("meter/1") == ("online", "birth")
    assert site.interval_s("meter/1") == pytest.approx(600, abs=6)
    site.run(3000)
    assert site.vital("meter/1") == ("offline", "silence")


def test_one_that_is_mostly_awake_does_not_sleep_on_purpose() -> None:
    site = learned(10)
    for _ in range(4):
        site.liveness.will(CAMERA, site.at)
        site.run(60, silent=[CAMERA])
        site.run(1200)
    site.liveness.will(CAMERA, site.at)
    site.tick()
    assert site.vital(CAMERA) == ("offline", "will")

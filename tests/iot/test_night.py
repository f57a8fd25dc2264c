"""A camera's night against its own nights."""

import numpy as np
import pytest

from appliance.anomaly.negative_binomial import mid_p
from appliance.iot.night import LEAST_NIGHTS, Night, NightVerdict, judge_night, zone_share


def nights(*counts: int, around: int = 40, hours: float = 3.0) -> list[Night]:
    return [Night(count=count, around=max(around, count), hours=hours) for count in counts]


def judge(count: int, before: list[Night], hours: float = 3.0) -> NightVerdict:
    return judge_night(Night(count=count, around=count, hours=hours), before, mid_p)


def test_a_usual_night_says_nothing_and_a_wild_one_all() -> None:
    usual = nights(*[2, 1, 0, 3, 2, 1, 2] * 4)
    assert judge(2, usual).s == 0.0
    wild = judge(30, usual)
    assert wild.s == 1.0
    assert wild.expected == pytest.approx((44 + 0.5) / 28)
    assert wild.nights == 28


def test_poisson_nights_give_the_poisson_tail_by_hand() -> None:
    # 28 nights of exactly one event vary less than chance: no spread, size 28.5, mean 28.5/28
    verdict = judge(5, nights(*[1] * 28))
    expected = mid_p(np.array([5]), np.array([28.5 / 28]), np.array([28.5]))[0]
    assert verdict.p_value == pytest.approx(expected)
    assert 0.0 < (verdict.s or 0.0) < 1.0


def test_a_camera_whose_nights_vary_needs_more_to_be_surprising() -> None:
    steady, restless = nights(*[10] * 28), nights(*[0, 0, 40, 0, 0, 30, 0] * 4)
    assert sum(night.count for night in steady) == sum(night.count for night in restless)
    assert judge(30, steady).s == 1.0
    assert judge(30, restless).s == 0.0


def test_with_too_few_nights_nothing_is_said() -> None:
    assert judge(50, nights(*[1] * (LEAST_NIGHTS - 1))).s is None
    assert judge(50, nights(*[1] * LEAST_NIGHTS)).s is not None


def test_one_or_two_events_are_never_a_surprise() -> None:
    quiet = nights(*[0] * 28)
    assert judge(2, quiet).s == 0.0
    assert (judge(6, quiet).s or 0.0) > 0.5


def test_counts_are_compared_by_the_hours_they_were_counted_in() -> None:
    before = nights(*[9] * 28)  # three an hour
    assert judge(12, before, hours=4.0).expected == pytest.approx(12.0, rel=0.01)
    assert judge(6, before, hours=2.0).expected == pytest.approx(6.0, rel=0.01)


def test_nights_that_were_not_watched_are_no_part_of_the_baseline() -> None:
    down = [Night(count=0, around=0, hours=3.0, watched=False)] * 20
    assert judge(12, [*nights(*[9] * 8), *down]).expected == pytest.approx(9.06, rel=0.01)


def test_a_talkative_camera_that_told_nothing_all_day_was_not_watching() -> None:
    silent = [Night(count=0, around=0, hours=3.0)] * 9
    assert judge(12, [*nights(*[9] * 10), *silent]).nights == 10
    rarely = [Night(count=0, around=0, hours=3.0)] * 9
    assert judge(12, [*nights(*[0] * 10, around=1), *rarely]).nights == 19


def test_a_night_in_which_the_camera_was_down_is_unknown() -> None:
    tonight = Night(count=0, around=0, hours=3.0, watched=False)
    assert judge_night(tonight, nights(*[2] * 28), mid_p).s is None


def test_among_fifty_cameras_one_rare_night_is_no_surprise() -> None:
    rare = NightVerdict(s=0.25, count=6, expected=1.0, p_value=1e-3, nights=28)
    calm = NightVerdict(s=0.0, count=1, expected=1.0, p_value=1.0, nights=28)
    assert zone_share([rare]) == pytest.approx(0.25)
    assert zone_share([rare, *[calm] * 49]) == 0.0
    assert zone_share([]) is None


def test_quiet_poisson_nights_are_flagged_no_more_often_than_the_map_says() -> None:
    rng = np.random.default_rng(7)
    for mean in (0.3, 2.0, 20.0):
        found = [judge(*_simulated(rng, mean)).s for _ in range(2_000)]
        assert sum(1 for s in found if s) <= 2_000 * 0.015, mean


def _simulated(rng: np.random.Generator, mean: float) -> tuple[int, list[Night]]:
    counts = rng.poisson(mean, 29).tolist()
    return counts[0], nights(*counts[1:])

"""The IoT risk of a zone: the product worked by hand, and what is not known kept apart from what is calm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.iot.cameras import OfflineShare, judge_cameras
from appliance.iot.crowd import judge_crowd
from appliance.iot.plates import share_of_hit
from appliance.iot.surprise import share_of
from appliance.iot.zone_risk import WEIGHTS, Finding, PartName, combine


def findings(**shares: float | None) -> dict[PartName, Finding]:
    return {name: Finding(s=shares[name], words=f"about {name}") for name in WEIGHTS if name in shares}


def test_a_hand_worked_zone() -> None:
    # 1 - (1 - 0.3*0.5)(1 - 0.2*1)(1 - 0.4*0.25) = 1 - 0.85*0.8*0.9 = 0.388
    risk = combine(findings(night_motion=0.5, crowd_density=1.0, watch_list=0.25))
    assert risk.risk_score == pytest.approx(38.8)
    parts = {part.part: part for part in risk.parts}
    assert parts["night_motion"].contribution == pytest.approx(38.8 - 28.0)
    assert parts["watch_list"].words == "about watch_list"


def test_a_part_without_data_is_null_and_named_and_counts_as_neither_calm_nor_risk() -> None:
    risk = combine(findings(night_motion=0.5, watch_list=None))
    assert risk.risk_score == pytest.approx(15.0)
    assert risk.coverage.known == ["night_motion"]
    assert "watch_list" in risk.coverage.unknown
    assert risk.coverage.weight_share == pytest.approx(0.3 / 1.7)
    # every other part at its worst: 1 - 0.85 * 0.7 * 0.8 * 0.6 * 0.7 * 0.8
    assert risk.at_most == pytest.approx(100 * (1 - 0.85 * 0.7 * 0.8 * 0.6 * 0.7 * 0.8))


def test_where_nothing_is_known_there_is_no_score() -> None:
    assert combine({}).risk_score is None


def test_everything_at_its_worst_is_not_quite_a_hundred() -> None:
    risk = combine(findings(**dict.fromkeys(WEIGHTS, 1.0)))
    assert risk.risk_score == pytest.approx(100 * (1 - 0.7 * 0.7 * 0.8 * 0.6 * 0.7 * 0.8))
    assert risk.risk_score == risk.at_most


@given(st.dictionaries(st.sampled_from([*WEIGHTS]), st.one_of(st.none(), st.floats(0, 1)), max_size=6))
def test_a_worse_part_never_lowers_the_score_and_no_score_passes_at_most(shares: dict[str, float | None]) -> None:
    risk = combine(findings(**shares))
    assert (risk.risk_score or 0.0) <= risk.at_most + 1e-9
    for name, s in shares.items():
        if s is not None:
            worse = combine(findings(**{**shares, name: 1.0}))
            assert (worse.risk_score or 0.0) >= (risk.risk_score or 0.0) - 1e-9


def test_a_share_outside_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match="watch_list"):
        combine(findings(watch_list=1.2))


@pytest.mark.parametrize(("p", "s"), [(1.0, 0.0), (0.01, 0.0), (0.001, 0.25), (1e-4, 0.5), (1e-6, 1.0), (0.0, 1.0)])
def test_surprise_grows_with_the_order_of_magnitude(p: float, s: float) -> None:
    assert share_of(p) == pytest.approx(s)


@pytest.mark.parametrize(("people", "s"), [(0, 0.0), (50, 0.0), (75, 0.5), (100, 1.0), (180, 1.0)])
def test_a_zone_is_full_between_half_and_all_of_its_capacity(people: float, s: float) -> None:
    found = judge_crowd(people=people, per_m2=None, capacity=100.0, devices=1, age_s=3.0)
    assert found.s == pytest.approx(s)
    assert f"{people} people of a capacity of 100" in found.words


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"people": None, "capacity": 100.0}, "no device of the zone has told a crowd"),
        ({"people": 30.0, "capacity": None}, "no capacity to compare them with"),
    ],
)
def test_a_crowd_that_nothing_can_be_said_of_is_unknown_and_says_why(given: dict[str, float], words: str) -> None:
    found = judge_crowd(per_m2=None, devices=0, age_s=None, **given)
    assert found.s is None
    assert words in found.words


def test_without_a_capacity_the_density_is_held_against_the_published_one() -> None:
    assert judge_crowd(people=40.0, per_m2=4.7, capacity=None, devices=1, age_s=0.0).s == 1.0


@pytest.mark.parametrize(("minutes", "s"), [(-2, 1.0), (0, 1.0), (30, 0.5), (60, 0.25), (360, 0.0)])
def test_a_read_of_a_wanted_plate_fades_by_half_in_half_an_hour(minutes: float, s: float) -> None:
    assert share_of_hit(minutes * 60) == pytest.approx(s)


def share(cameras: int, own: int, ours: int) -> OfflineShare:
    return OfflineShare(
        cameras=cameras,
        own_fault=[f"cam{n}" for n in range(own)],
        ours=[f"out{n}" for n in range(ours)],
        outages=["broker"] if ours else [],
    )


def test_only_cameras_that_are_down_by_themselves_raise_anything() -> None:
    assert judge_cameras(share(4, 1, 0)).s == 0.25
    excused = judge_cameras(share(4, 0, 3))
    assert excused.s == 0.0
    assert "3 more by an outage of broker, which raises nothing" in excused.words


def test_where_our_side_took_every_camera_nothing_is_known() -> None:
    assert judge_cameras(share(4, 0, 4)).s is None
    assert judge_cameras(None).s is None

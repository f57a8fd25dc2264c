"""Device clocks: what is learned of them, how stamps are judged and corrected."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.liveness.skew import MAX_CLOCKS, Clocks, Skew, corrected, judge, learn
from tests.conftest import NOW, examples

HOUR = 3600.0


def told(offsets_s: list[float], *, every_s: float = 30.0, skew: Skew | None = None, start: datetime = NOW) -> Skew:
    """The estimate after live stamps with these offsets, received at a steady pace."""
    for n, offset_s in enumerate(offsets_s):
        received_at = start + timedelta(seconds=n * every_s)
        skew = learn(skew, received_at + timedelta(seconds=offset_s), received_at)
    assert skew is not None
    return skew


@pytest.mark.parametrize("offset_s", [0.0, 7200.0, -7200.0, -1.7e9, 20.0])
def test_a_steady_clock_is_known_after_eight_stamps(offset_s: float) -> None:
    assert not told([offset_s] * 7).known
    skew = told([offset_s] * 8)
    assert skew.known
    assert skew.offset_s == pytest.approx(offset_s)


def test_delay_hardly_moves_the_estimate() -> None:
    skew = told([3600.0 - delay for delay in [0, 0, 4, 1, 0, 20, 2, 0, 30, 1, 0, 5, 0, 12, 0, 0] * 3])
    assert skew.offset_s == pytest.approx(3600.0, abs=3)


def test_a_queue_that_is_emptied_does_not_make_the_clock_slow() -> None:
    # an hour of readings, one a minute, sent within ten seconds: they catch up with the present
    backlog = [-60.0 * n for n in range(60, 0, -1)]
    skew = told(backlog, every_s=0.17, skew=told([0.0] * 8))
    assert skew.offset_s == pytest.approx(0.0, abs=7)  # the last of them may as well be live, and a minute late
    assert skew.steps == 0


def test_a_device_that_begins_with_its_queue_is_known_rightly_after_three_live_stamps() -> None:
    skew = told([-60.0 * n for n in range(60, 1, -1)], every_s=0.17)
    assert not skew.known
    assert told([0.0] * 8, skew=skew).offset_s == pytest.approx(0.0, abs=1)


def test_a_clock_that_is_set_forward_is_followed_at_the_third_stamp() -> None:
    unset = told([-1.7e9] * 10)
    assert told([0.0] * 2, skew=unset).offset_s == pytest.approx(-1.7e9)
    after = told([0.0] * 3, skew=unset)
    assert after.offset_s == pytest.approx(0.0)
    assert (after.steps, after.known) == (1, True)


def test_a_clock_that_is_set_back_is_followed_after_eight_stamps_in_two_minutes() -> None:
    summer = told([HOUR] * 10)
    assert told([0.0] * 20, every_s=5, skew=summer).offset_s == pytest.approx(HOUR)  # 95 s
    assert told([0.0] * 7, every_s=60, skew=summer).offset_s == pytest.approx(HOUR)
    assert told([0.0] * 8, every_s=60, skew=summer).offset_s == pytest.approx(0.0)


def test_a_stamp_from_nowhere_moves_nothing() -> None:
    nonsense = (datetime(2106, 2, 7, tzinfo=UTC) - NOW).total_seconds()
    skew = told([1.0, 0.0, nonsense, 0.0, -5e8, 1.0, nonsense, 0.0, 1.0, 0.0])
    assert skew.offset_s == pytest.approx(1.0, abs=1)


def test_our_own_clock_being_set_back_begins_the_count_anew() -> None:
    before = told([-900.0] * 4, every_s=60, skew=told([0.0] * 8))
    then = NOW - timedelta(days=3650)
    assert told([-900.0] * 7, every_s=60, skew=before, start=then).offset_s == pytest.approx(0.0, abs=1)
    assert told([-900.0] * 8, every_s=60, skew=before, start=then).offset_s == pytest.approx(-900.0)


def test_old_stamps_between_do_not_refute_live_ones() -> None:
    # most of what it tells are beginnings, an hour ago; what it tells of the present is the truth
    assert told([-3600.0] * 8 + [0.0, -3600.0, 0.0, -3600.0, -3600.0, 0.0]).offset_s == pytest.approx(0.0)


AHEAD, BEHIND, RIGHT, UNKNOWN = told([7200.0] * 8), told([-7200.0] * 8), told([0.0] * 8), told([7200.0] * 3)


@pytest.mark.parametrize(
    ("observed_s", "skew", "quality"),
    [
        (None, RIGHT, "missing"),
        (0, None, "good"),
        (300, None, "good"),
        (301, None, "future"),
        (-7 * 86_400, None, "good"),
        (-7 * 86_400 - 1, None, "ancient"),
        (7200, AHEAD, "future"),
        (-3600, AHEAD, "future"),  # held back for three hours by a clock two hours ahead
        (-3600, UNKNOWN, "good"),
        (-7200, BEHIND, "ancient"),
        (-7200, RIGHT, "good"),  # merely late
        (10, BEHIND, "good"),  # it was set this moment
    ],
)
def test_a_stamp_is_judged_by_our_clock_and_by_what_is_known_of_the_devices(
    observed_s: float | None, skew: Skew | None, quality: str
) -> None:
    observed_at = None if observed_s is None else NOW + timedelta(seconds=observed_s)
    assert judge(observed_at, NOW, skew, trusted=True) == quality


def test_without_a_clock_of_our_own_nothing_is_judged() -> None:
    assert judge(NOW, NOW, AHEAD, trusted=False) == "untrusted"


def test_history_is_not_ancient() -> None:
    assert judge(NOW - timedelta(days=900), NOW, BEHIND, trusted=True, live=False) == "good"


def test_a_wrong_clock_is_corrected_and_a_right_or_unknown_one_left_alone() -> None:
    assert corrected(NOW + timedelta(hours=2), AHEAD) == NOW
    assert corrected(NOW - timedelta(hours=2), BEHIND) == NOW
    for skew in (None, RIGHT, UNKNOWN, told([-20.0] * 8)):
        assert corrected(NOW, skew) == NOW


def test_what_was_learned_is_taken_once_and_survives() -> None:
    clocks = Clocks()
    for n in range(10):
        at = NOW + timedelta(seconds=30 * n)
        clocks.learn("a/ahead", at + timedelta(hours=2), at)
        clocks.learn("a/right", at, at)
    assert clocks.take_changed() == {"a/ahead": 7_200_000.0, "a/right": 0.0}
    assert clocks.take_changed() == {}
    again = Clocks({"a/ahead": 7_200_000.0})
    assert corrected(NOW + timedelta(hours=2), again.get("a/ahead")) == NOW
    again.learn("a/ahead", NOW + timedelta(seconds=7201), NOW)
    assert again.take_changed() == {}


def test_a_clock_that_drifts_is_written_again_when_it_is_worth_it() -> None:
    clocks = Clocks({"a/b": 0.0})
    for n in range(600):
        at = NOW + timedelta(seconds=60 * n)
        clocks.learn("a/b", at - timedelta(seconds=0.02 * n), at)
    (offset_ms,) = clocks.take_changed().values()
    assert offset_ms == pytest.approx(-12_000, abs=1_500)


def test_clocks_are_bounded_and_forgotten() -> None:
    clocks = Clocks({f"a/{n}": 0.0 for n in range(MAX_CLOCKS)})
    clocks.learn("a/more", NOW, NOW)
    assert (clocks.refused, clocks.get("a/more")) == (1, None)
    clocks.forget(["a/0"])
    clocks.learn("a/more", NOW, NOW)
    assert clocks.get("a/more") is not None


instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda when: when.replace(tzinfo=UTC))  # noqa: DTZ001


@settings(max_examples=examples(200))
@given(st.lists(st.tuples(instants, instants), max_size=40))
def test_no_stamp_breaks_it(stamps: list[tuple[datetime, datetime]]) -> None:
    skew = None
    for observed_at, received_at in stamps:
        skew = learn(skew, observed_at, received_at)
        judge(observed_at, received_at, skew, trusted=True)
        corrected(observed_at, skew)


@settings(max_examples=examples(200))
@given(st.floats(-1e8, 1e8), st.lists(st.floats(0, 20), min_size=16, max_size=80))
def test_a_steady_clock_is_found_within_the_delay(offset_s: float, delays_s: list[float]) -> None:
    skew = told([offset_s - delay_s for delay_s in delays_s])
    assert offset_s - 20.01 <= skew.offset_s <= offset_s + 0.01

"""The ladder: how scarce room is, what follows, and that it does not chatter."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.space import (
    CALM,
    HOLD_S,
    LADDER,
    MIB,
    Ladder,
    Space,
    Step,
    ballast_bytes,
    disk_of,
    disk_words,
    enough,
    mark,
    rung_of,
    step_of,
    wants_ballast,
    wants_release,
)
from tests.conftest import examples

BALLAST = 64 * MIB
CARD = 32_000 * MIB
NEVER = {"outbox", "audit", "users", "keys", "devices"}


def card(free_mib: float, *, reusable_mib: float = 0, ballast: int = BALLAST) -> Space:
    """A card of 32 GB."""
    return Space(
        total=CARD, free=int(free_mib * MIB), reusable=int(reusable_mib * MIB), ballast=ballast, ballast_wanted=BALLAST
    )


@pytest.mark.parametrize(
    ("free_mib", "step"),
    [
        (20_000, Step.NORMAL),
        (1_024, Step.NORMAL),
        (1_023, Step.LOW),
        (512, Step.LOW),
        (511, Step.SCARCE),
        (255, Step.CRITICAL),
        (32, Step.CRITICAL),
        (31, Step.FULL),
        (0, Step.FULL),
    ],
)
def test_the_rungs_of_a_card(free_mib: float, step: Step) -> None:
    assert step_of(card(free_mib)) is step


def test_on_a_small_disk_the_marks_are_shares_of_it() -> None:
    total = 64 * MIB
    wanted = ballast_bytes(BALLAST, total)
    space = Space(total=total, free=0, reusable=0, ballast=wanted, ballast_wanted=wanted)
    assert wanted == 4 * MIB
    marks = [mark(rung, space) / MIB for rung in LADDER]
    assert marks == pytest.approx([12.8, 7.68, 5.12, 1.92])
    assert marks == sorted(marks, reverse=True)


def test_pages_that_are_free_inside_the_store_are_room() -> None:
    assert step_of(card(0, reusable_mib=2_000)) is Step.NORMAL


def test_letting_the_ballast_go_is_no_recovery() -> None:
    before, after = card(10), card(10 + 64, ballast=0)
    assert (before.room, step_of(before)) == (after.room, step_of(after))
    assert wants_release(before) and not wants_release(after)
    assert not wants_ballast(after)


def test_the_ballast_goes_when_the_next_commit_has_no_room_however_much_is_free_inside_the_store() -> None:
    assert wants_release(card(15, reusable_mib=2_000))
    assert not wants_release(card(17, reusable_mib=2_000))


def test_the_ballast_is_made_again_only_where_that_leaves_room() -> None:
    assert not wants_ballast(card(64 + 255, ballast=0))
    assert wants_ballast(card(64 + 256, ballast=0))
    assert wants_ballast(card(64 + 256, ballast=10 * MIB))
    assert not wants_ballast(card(20_000))


def test_it_climbs_at_once_and_comes_down_when_it_has_been_calm_for_a_while() -> None:
    ladder, calm = Ladder(), 1_024 * CALM
    assert ladder.look(card(300), 0.0) is Step.SCARCE
    assert ladder.look(card(calm), 2.0) is Step.SCARCE
    assert ladder.look(card(300), 5.0) is Step.SCARCE  # not calm: the time begins anew
    assert ladder.look(card(calm), 6.0) is Step.SCARCE
    assert ladder.look(card(calm), 6.0 + HOLD_S - 0.1) is Step.SCARCE
    assert ladder.look(card(calm), 6.0 + HOLD_S) is Step.NORMAL
    assert ladder.look(card(0), 20.0) is Step.FULL


def test_between_the_mark_and_a_quarter_above_it_nothing_moves() -> None:
    ladder = Ladder()
    ladder.look(card(500), 0.0)
    for second in range(100):
        assert ladder.look(card(600), float(second)) is Step.SCARCE


def test_what_is_never_let_go_stands_on_no_rung_and_higher_rungs_keep_less() -> None:
    for lower, higher in pairwise(LADDER):
        assert not NEVER & set(higher.keep_hours)
        assert set(lower.keep_hours) <= set(higher.keep_hours)
        assert all(higher.keep_hours[kind] <= hours for kind, hours in lower.keep_hours.items())
    assert "events" not in rung_of(Step.SCARCE).keep_hours


def test_the_ground_is_no_rung() -> None:
    with pytest.raises(ValueError, match="ground"):
        rung_of(Step.NORMAL)


def test_the_words_of_a_step() -> None:
    words = disk_words(Step.SCARCE, card(300))
    assert (words["disk_step"], words["disk"], words["disk_free_bytes"]) == (2, "scarce", 300 * MIB)


def test_the_keeper_says_how_the_disk_is_and_while_it_is_down_the_bridge() -> None:
    bridge = {"up": True, "broker": "up", **disk_words(Step.LOW, card(900))}
    jobs = {"up": True, **disk_words(Step.SCARCE, card(300))}
    assert disk_of({"bridge": bridge, "jobs": jobs})["disk"] == "scarce"
    assert disk_of({"bridge": bridge, "jobs": {**jobs, "up": False}}) == disk_words(Step.LOW, card(900))
    assert disk_of({"serve": {"up": True}}) == {}


def test_trouble_that_only_one_part_has_met_yet_is_told_and_what_the_asker_sees_counts_first() -> None:
    jobs, bridge = disk_words(Step.LOW, card(900)), disk_words(Step.NORMAL, card(900), "errors")
    pulses = {"jobs": {"up": True, **jobs}, "bridge": {"up": True, **bridge}}
    assert disk_of(pulses) == {**jobs, "disk_error": "errors"}
    assert disk_of(pulses, "read-only") == {**jobs, "disk_error": "read-only"}
    assert disk_of({"jobs": pulses["jobs"], "bridge": {**pulses["bridge"], "up": False}}) == jobs
    assert disk_of({}, "read-only") == {"disk_error": "read-only"}


spaces = st.builds(
    Space,
    total=st.integers(20 * MIB, 2_000_000 * MIB),
    free=st.integers(0, 2_000 * MIB),
    reusable=st.integers(0, 2_000 * MIB),
    ballast=st.sampled_from([0, BALLAST]),
    ballast_wanted=st.just(BALLAST),
)


@given(spaces, st.integers(0, 100 * MIB))
@settings(max_examples=examples(300))
def test_more_room_never_means_a_higher_step(space: Space, more: int) -> None:
    roomier = Space(
        total=space.total,
        free=space.free + more,
        reusable=space.reusable,
        ballast=space.ballast,
        ballast_wanted=space.ballast_wanted,
    )
    assert step_of(roomier) <= step_of(space)
    assert not (wants_release(space) and wants_ballast(space))


@given(st.lists(st.tuples(spaces, st.floats(0.0, 30.0)), max_size=30))
@settings(max_examples=examples(200))
def test_the_step_is_never_below_what_the_room_says_and_is_left_only_with_enough(
    looks: list[tuple[Space, float]],
) -> None:
    ladder, at = Ladder(), 0.0
    for space, passed in looks:
        at += passed
        before = ladder.step
        step = ladder.look(space, at)
        assert step >= step_of(space)
        assert step >= before or enough(space, before)

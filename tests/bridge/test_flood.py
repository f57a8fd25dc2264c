"""Floods: who keeps to the rate is never touched, who does not is sampled and counted, and a backlog is no flood."""

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.flood import CATCH_UP_S, MAX_SOURCES, QUIET_S, SAMPLE, TOP, FloodGuard
from tests.conftest import examples

CAM = "frigate/gate"


def guard(rate: float = 10, burst: int = 100) -> FloodGuard:
    """One that is connected and has caught up."""
    made = FloodGuard(rate=rate, burst=burst)
    made.look(connected=True, waiting=0, at=0.0)
    made.look(connected=True, waiting=0, at=0.0)
    return made


def send(made: FloodGuard, messages: int, *, at: float, items: int = 1, late: bool = False, source: str = CAM) -> int:
    return sum(made.admits(source, items, late=late, at=at) for _ in range(messages))


def test_a_burst_is_taken_and_then_the_rate() -> None:
    made = guard()
    assert send(made, 100, at=1.0) == 100
    assert send(made, 10, at=2.0) == 10
    assert (made.shed, made.news()) == (0, [])


def test_of_a_flood_one_in_a_hundred_is_taken_and_the_rest_counted() -> None:
    made = guard()
    send(made, 100, at=1.0)
    assert send(made, 10 * SAMPLE, at=1.0, items=3) == 10
    assert made.shed == 3 * (10 * SAMPLE - 10)
    assert made.state["floods"] == {CAM: made.shed}


def test_an_episode_is_told_when_it_begins_and_when_it_is_over() -> None:
    made = guard()
    send(made, 100 + 50, at=1.0)
    (began,) = made.news()
    assert (began.source, began.began_at, began.ended_at) == (CAM, 1.0, None)
    made.look(connected=True, waiting=0, at=1.0 + QUIET_S - 0.1)
    assert made.news() == []
    made.look(connected=True, waiting=0, at=1.0 + QUIET_S)
    (ended,) = made.news()
    assert (ended.ended_at, ended.messages, ended.items) == (1.0 + QUIET_S, 50, 49)
    assert made.state["floods"] == {}


def test_the_neighbours_of_a_flood_are_not_touched() -> None:
    made = guard()
    send(made, 10_000, at=1.0)
    assert send(made, 100, at=1.0, source="frigate/yard") == 100


def test_what_is_old_by_its_own_time_costs_a_tenth() -> None:
    assert send(guard(), 1_000, at=1.0, late=True) >= 999


def test_until_it_has_caught_up_after_a_connection_nothing_is_shed() -> None:
    made = FloodGuard(rate=10, burst=100)
    made.look(connected=True, waiting=500, at=0.0)
    assert send(made, 5_000, at=1.0) == 5_000
    made.look(connected=True, waiting=200, at=2.0)
    assert send(made, 5_000, at=2.0) == 5_000
    made.look(connected=True, waiting=0, at=3.0)
    assert send(made, 5_000, at=3.0) < 100


def test_a_flood_that_never_lets_it_catch_up_is_shed_after_ten_minutes() -> None:
    made = FloodGuard(rate=10, burst=100)
    made.look(connected=True, waiting=500, at=0.0)
    send(made, 5_000, at=CATCH_UP_S - 1)
    made.look(connected=True, waiting=500, at=CATCH_UP_S)
    assert send(made, 5_000, at=CATCH_UP_S) < 100


def test_a_rate_of_nothing_switches_it_off() -> None:
    assert send(guard(rate=0), 10_000, at=1.0) == 10_000


def test_one_message_larger_than_any_bucket_is_taken_when_the_bucket_is_full() -> None:
    made = guard()
    assert made.admits(CAM, 1_000, late=False, at=1.0)
    assert send(made, 1, at=1.0) == 1  # the first beyond the rate is the sample
    assert send(made, 1, at=1.0) == 0


def test_its_memory_is_bounded_and_an_episode_that_is_forgotten_is_ended() -> None:
    made = guard()
    send(made, 200, at=1.0)
    made.news()
    for n in range(MAX_SOURCES):
        made.admits(f"d/{n}", 1, late=False, at=1.0)
    (ended,) = made.news()
    assert (ended.source, ended.messages) == (CAM, 100)
    for n in range(TOP + 5):
        send(made, 200 + n, at=2.0, source=f"f/{n}")
    assert len(made.state["floods"]) == TOP


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 30)), max_size=100))
@settings(max_examples=examples(200))
def test_who_keeps_to_burst_and_rate_loses_nothing_and_every_item_is_taken_or_counted(
    arrivals: list[tuple[float, int]],
) -> None:
    made, at, tokens, taken, total = guard(), 0.0, 100.0, 0, 0
    kept_to_it = True
    for passed, items in arrivals:
        at += passed
        tokens = min(100.0, tokens + passed * 10) - items
        kept_to_it = kept_to_it and tokens >= 1e-6
        tokens = max(0.0, tokens)
        taken += items * made.admits(CAM, items, late=False, at=at)
        total += items
    assert taken + made.shed == total
    assert made.shed == 0 or not kept_to_it

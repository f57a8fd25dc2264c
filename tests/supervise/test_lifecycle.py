"""The life of a supervised process: the table, and how long it waits before it starts again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.cli.supervisor.lifecycle import Action, Event, Life, Limits, State, delay_s, step

LIMITS = Limits(first_delay_s=1.0, longest_delay_s=8.0, steady_s=60.0, start_s=30.0, watchdog_s=5.0, grace_s=10.0)
NOW_S = 100.0

Case = tuple[str, float | None, str, int | None, str, float | None, str]

# state, due_s, event, exit code -> state, due_s, action; chance 1 makes the first delay exactly one second
TABLE: list[Case] = [
    ("waiting", None, "start", None, "starting", 130.0, "spawn"),
    ("starting", 130.0, "ready", None, "up", 105.0, "none"),
    ("starting", 130.0, "tick", None, "starting", 130.0, "none"),
    ("starting", 100.0, "tick", None, "starting", None, "kill"),  # it never said that it is ready
    ("up", 104.0, "alive", None, "up", 105.0, "none"),
    ("up", 100.0, "tick", None, "up", None, "kill"),  # its watchdog is silent
    ("up", None, "alive", None, "up", None, "none"),  # too late, it is being killed
    ("starting", 130.0, "exited", 1, "backing off", 101.0, "none"),
    ("up", 105.0, "exited", -9, "backing off", 101.0, "none"),
    ("up", 105.0, "exited", 0, "backing off", 101.0, "none"),  # a part that ends unasked is not done
    ("up", 105.0, "exited", 2, "failed", None, "none"),
    ("starting", 130.0, "exited", 2, "failed", None, "none"),
    ("backing off", 101.0, "tick", None, "backing off", 101.0, "none"),
    ("backing off", 100.0, "tick", None, "starting", 130.0, "spawn"),
    ("waiting", None, "stop", None, "stopped", None, "none"),
    ("backing off", 101.0, "stop", None, "stopped", None, "none"),
    ("starting", 130.0, "stop", None, "stopping", 110.0, "terminate"),
    ("up", 105.0, "stop", None, "stopping", 110.0, "terminate"),
    ("stopping", 110.0, "ready", None, "stopping", 110.0, "none"),
    ("stopping", 100.0, "tick", None, "stopping", None, "kill"),  # its grace is over
    ("stopping", 110.0, "exited", 0, "stopped", None, "none"),
    ("stopping", 110.0, "exited", -9, "stopped", None, "none"),
    ("failed", None, "start", None, "failed", None, "none"),
    ("failed", None, "stop", None, "failed", None, "none"),
    ("stopped", None, "start", None, "stopped", None, "none"),
]


@pytest.mark.parametrize("case", TABLE, ids=lambda case: f"{case[0]}, {case[2]} {case[3] or ''}".strip())
def test_each_event_in_each_state_has_one_outcome(case: Case) -> None:
    state, due_s, event, exit_code, then, then_due_s, action = case
    life = Life(state=State(state), since_s=90.0, due_s=due_s)
    following, does = step(life, Event(event), LIMITS, now_s=NOW_S, exit_code=exit_code, chance=1.0)
    assert (following.state, following.due_s, does) == (then, then_due_s, action)


@pytest.mark.parametrize(
    ("exit_code", "then"), [(0, "stopped"), (1, "backing off"), (2, "failed"), (-9, "backing off")]
)
def test_an_errand_is_up_at_once_and_over_when_it_succeeds(exit_code: int, then: str) -> None:
    errand = Limits(once=True)
    life, action = step(Life(), Event.START, errand, now_s=NOW_S)
    assert (life.state, life.due_s, action) == (State.UP, None, Action.SPAWN)
    life, _ = step(life, Event.EXITED, errand, now_s=NOW_S, exit_code=exit_code)
    assert life.state == then


def test_a_child_that_dies_again_and_again_waits_twice_as_long_each_time() -> None:
    life, waits = Life(state=State.STARTING), []
    for _ in range(6):
        life, _ = step(life, Event.EXITED, LIMITS, now_s=NOW_S, exit_code=1, chance=1.0)
        assert life.due_s is not None
        waits.append(life.due_s - NOW_S)
        life, _ = step(life, Event.TICK, LIMITS, now_s=life.due_s)
    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert life.restarts == 6


@pytest.mark.parametrize(("up_for_s", "delay"), [(59.0, 8.0), (60.0, 1.0)])
def test_after_a_minute_of_work_earlier_deaths_are_forgotten(up_for_s: float, delay: float) -> None:
    life = Life(state=State.UP, since_s=NOW_S - up_for_s, failures=7)
    life, _ = step(life, Event.EXITED, LIMITS, now_s=NOW_S, exit_code=1, chance=1.0)
    assert life.due_s == NOW_S + delay


def test_the_first_restart_comes_within_a_second() -> None:
    assert delay_s(1, Limits(), chance=1.0) < 1.0


@given(failures=st.integers(1, 10**6), chance=st.floats(0.0, 1.0))
def test_the_delay_is_never_longer_than_the_limit_nor_shorter_than_half_of_what_is_due(
    failures: int, chance: float
) -> None:
    whole = min(LIMITS.longest_delay_s, LIMITS.first_delay_s * 2 ** min(failures - 1, 60))
    assert whole / 2 <= delay_s(failures, LIMITS, chance) <= whole


@given(
    state=st.sampled_from(State),
    events=st.lists(st.sampled_from([e for e in Event if e is not Event.STOP]), max_size=30),
    exit_code=st.sampled_from([0, 1, 2, -9]),
)
def test_whatever_came_before_stop_and_exit_end_it(state: State, events: list[Event], exit_code: int) -> None:
    life = Life(state=state)
    for event in events:
        life, _ = step(life, event, LIMITS, now_s=NOW_S, exit_code=exit_code)
    life, _ = step(life, Event.STOP, LIMITS, now_s=NOW_S)
    life, _ = step(life, Event.EXITED, LIMITS, now_s=NOW_S, exit_code=exit_code)
    assert life.is_over

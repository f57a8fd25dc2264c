"""Device behaviour: values stuck beyond a series' own habit, and steps that nature does not make."""

import math

import msgspec
import numpy as np
import pytest

from appliance.anomaly.device import FAR, STEPS, StayState, is_impossible, is_impossible_move, is_stuck

STEP_S = 300.0
DAY = 288


def thermometer(days: int, resolution: float = 0.1) -> list[float]:
    """A day's course at a resolution that makes it stay equal for a while at noon and at midnight."""
    course = 20.0 + 6.0 * np.sin(2 * math.pi * np.arange(days * DAY) / DAY)
    return [round(float(value) / resolution) * resolution for value in course]


def stuck_at(values: list[float], metric: str = "temperature", state: StayState | None = None) -> list[int]:
    state = StayState() if state is None else state
    return [n for n, value in enumerate(values) if is_stuck(state, n * STEP_S, value, metric)]


def habit(values: list[float]) -> int:
    """The longest run of equal values."""
    longest = run = 0
    for before, value in zip([math.nan, *values], values, strict=False):
        run = run + 1 if value == before else 1
        longest = max(longest, run)
    return longest


@pytest.mark.parametrize("resolution", [0.1, 0.5, 1.0])
def test_a_coarse_thermometer_is_not_stuck_at_noon(resolution: float) -> None:
    assert stuck_at(thermometer(30, resolution)) == []


@pytest.mark.parametrize("resolution", [0.1, 0.5])
def test_a_thermometer_that_stands_still_is_stuck_after_five_times_its_habit(resolution: float) -> None:
    values = thermometer(10, resolution)
    values += [values[-1] + 0.01] * DAY
    found = stuck_at(values)
    due = FAR * habit(values[: 10 * DAY])
    assert 0.85 * due <= found[0] - 10 * DAY <= due + 1  # a long stay of some days ago has faded a little
    assert found == list(range(found[0], 11 * DAY))


def test_when_it_moves_again_it_is_not_stuck_and_has_not_learned_to_be() -> None:
    state = StayState()
    values = thermometer(10)
    stuck_at(values + [50.0] * (3 * DAY) + values[:DAY], state=state)
    assert state.longest_values <= FAR * habit(values)
    assert not is_stuck(state, 1e9, values[0], "temperature")


def test_in_the_first_two_days_nothing_is_stuck() -> None:
    assert stuck_at([*thermometer(1)[:100], *[5.0] * 300]) == []


def test_what_has_never_changed_is_not_judged() -> None:
    assert stuck_at([5.0] * (30 * DAY)) == []


@pytest.mark.parametrize(("metric", "rest"), [("rain_rate", 0.0), ("humidity", 100.0), ("solar_irradiance", 0.0)])
def test_a_metric_may_rest_at_the_end_of_its_scale(metric: str, rest: float) -> None:
    assert stuck_at([*thermometer(5), *[rest] * (20 * DAY)], metric) == []
    assert stuck_at([*thermometer(5), *[rest + 0.5] * (20 * DAY)], metric) != []


def test_where_nobody_comes_a_counter_is_not_stuck() -> None:
    assert stuck_at([*thermometer(5), *[0.0] * (20 * DAY)], "occupancy") == []


def test_repeated_and_late_values_make_nothing_longer() -> None:
    state = StayState()
    stuck_at(thermometer(5), state=state)
    before = msgspec.to_builtins(state)
    assert not any(is_stuck(state, STEP_S, value, "temperature") for value in [20.0] * 1_000)
    assert not is_stuck(state, 1e9, math.nan, "temperature")
    assert msgspec.to_builtins(state) == before


def test_the_state_can_be_stored() -> None:
    state = StayState()
    stuck_at(thermometer(3), state=state)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=StayState) == state


@pytest.mark.parametrize(
    ("metric", "before", "after", "seconds", "impossible"),
    [
        ("temperature", 20.0, 23.0, 60.0, False),
        ("temperature", 20.0, 23.1, 60.0, True),
        ("temperature", 20.0, 16.9, 1.0, True),
        ("temperature", 20.0, 22.9, 1.0, False),
        ("temperature", 35.0, 22.0, 600.0, False),  # a thunderstorm
        ("temperature", 20.0, 85.0, 600.0, True),  # what a DS18B20 says when it has just been powered
        ("temperature", 20.0, -127.0, 1_800.0, True),  # and when it is not there
        ("temperature", 20.0, 50.0, 86_400.0, False),
        ("pressure", 1_013.0, 0.0, 3_600.0, True),
        ("pressure", 1_013.0, 1_011.5, 60.0, False),
        ("humidity", 40.0, 60.0, 60.0, True),
        ("wind_speed", 2.0, 21.0, 3.0, False),
        ("co2", 400.0, 5_000.0, 1.0, False),
        ("temperature", 20.0, 90.0, 0.0, False),
        ("temperature", math.nan, 90.0, 60.0, False),
        ("temperature", 20.0, math.inf, 60.0, False),
    ],
)
def test_steps(metric: str, before: float, after: float, seconds: float, impossible: bool) -> None:
    assert is_impossible(metric, before, after, seconds) is impossible


@pytest.mark.parametrize(
    ("distance_m", "seconds", "accuracy_m", "impossible"),
    [
        (80.0, 1.0, 0.0, False),
        (500.0, 1.0, 0.0, True),
        (500.0, 1.0, 450.0, False),
        (50.0, 0.1, 0.0, False),  # two fixes in a tenth of a second scatter by that much
        (3_000_000.0, 3_600.0, 0.0, True),  # to null island and back
        (300_000.0, 3_600.0, 0.0, False),
        (1e6, 0.0, 0.0, False),
    ],
)
def test_moves(distance_m: float, seconds: float, accuracy_m: float, impossible: bool) -> None:
    assert is_impossible_move(distance_m, seconds, accuracy_m=accuracy_m) is impossible


def test_every_step_is_of_a_metric_that_the_bridge_knows() -> None:
    from appliance.anomaly.device import NEVER_STUCK, RESTS
    from firmware_bridge.notation.metrics import UNITS

    assert set(STEPS) | set(RESTS) | NEVER_STUCK <= set(UNITS)

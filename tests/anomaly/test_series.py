"""The series detector: what it must flag, what it must leave alone, and what a field does to a series."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.anomaly.incident import UNFOLD, Verdict
from appliance.anomaly.series import SET_BACK, WARM_UP, SeriesState, judge_value

START_S, STEP_S, DAY = 1_764_115_200.0, 300.0, 288
"""A Wednesday at midnight; a value every five minutes, and how many of them make a day."""
PLANTED = 21 * DAY + 100
SEEDS = range(4)


def noise(seed: int, days: int = 28) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=days * DAY)


def by_day(seed: int, days: int = 28) -> NDArray[np.float64]:
    hour = np.arange(days * DAY) / DAY
    return 20.0 + 10.0 * np.sin(2 * math.pi * hour) + noise(seed, days)


def by_week(seed: int) -> NDArray[np.float64]:
    day = np.arange(28 * DAY) // DAY
    return np.where(day % 7 < 5, by_day(seed), 20.0 + noise(seed))


def red(seed: int) -> NDArray[np.float64]:
    out = noise(seed)
    for n in range(1, len(out)):
        out[n] += 0.9 * out[n - 1]
    return out


SHAPES = {"noise": noise, "by_day": by_day, "by_week": by_week, "red": red}


def judge_all(values: NDArray[np.float64], state: SeriesState | None = None, first: int = 0) -> list[Verdict]:
    state = SeriesState() if state is None else state
    return [judge_value(state, START_S + STEP_S * (first + n), float(value)) for n, value in enumerate(values)]


def flags(values: NDArray[np.float64]) -> list[int]:
    return [n for n, verdict in enumerate(judge_all(values)) if verdict.flagged]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_steady_series_is_flagged_less_than_once_in_a_thousand_values(shape: str, seed: int) -> None:
    assert len(flags(SHAPES[shape](seed))) <= 8


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_spike_is_flagged_at_once(shape: str, seed: int) -> None:
    values = SHAPES[shape](seed)
    values[PLANTED] += 10 * values.std()
    assert PLANTED in flags(values)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shift_of_the_level_is_flagged_within_five_values_and_then_is_the_level(shape: str, seed: int) -> None:
    values = SHAPES[shape](seed)
    values[PLANTED:] += 6 * values.std()
    raised = [n for n in flags(values) if n >= PLANTED]
    assert raised[0] < PLANTED + 5 and len(raised) <= 3


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_sensor_that_reads_far_too_low_for_hours_is_one_or_few_alarms(shape: str, seed: int) -> None:
    values = SHAPES[shape](seed)
    values[PLANTED : PLANTED + 100] = values.min() - 3 * values.std()
    raised = [n for n in flags(values) if PLANTED <= n < PLANTED + 200]
    assert raised[0] == PLANTED and len(raised) <= 3


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_that_triples_is_flagged_within_an_hour(seed: int) -> None:
    values = by_day(seed)
    values[PLANTED : PLANTED + 150] += 3 * values.std() * noise(seed + 9)[:150]
    assert any(PLANTED <= n < PLANTED + 12 for n in flags(values))


def test_a_day_at_the_hours_of_another_is_flagged_though_no_value_of_it_is_unusual() -> None:
    values = by_day(1)
    values[PLANTED : PLANTED + 144] = by_day(2)[PLANTED - 144 : PLANTED]
    assert any(PLANTED <= n < PLANTED + 144 for n in flags(values))


def test_a_series_that_never_changes_is_never_flagged_and_its_first_change_is() -> None:
    values = np.full(10 * DAY, 5.0)
    values[9 * DAY] = 6.0
    assert flags(values) == [9 * DAY]


def test_steps_that_come_every_day_are_learned() -> None:
    values = np.where(np.arange(28 * DAY) // 96 % 3 == 1, 80.0, 20.0)
    assert len(flags(values)) <= 1


def test_the_first_values_are_never_flagged() -> None:
    assert max(verdict.score for verdict in judge_all(noise(1)[:WARM_UP] ** 9)) == 0.0


@pytest.mark.parametrize("absent", [math.nan, math.inf, -math.inf])
def test_what_is_no_value_is_passed_over(absent: float) -> None:
    state, other = SeriesState(), SeriesState()
    judge_all(noise(3, days=2), state)
    judge_all(noise(3, days=2), other)
    assert judge_value(state, START_S + 1e7, absent) == Verdict(0.0, False)
    assert msgspec.to_builtins(state) == msgspec.to_builtins(other)


def test_after_a_gap_the_next_value_is_not_held_against_the_last() -> None:
    values = by_day(1)
    state = SeriesState()
    judge_all(values[: 20 * DAY], state)
    noon = 20 * DAY + DAY // 2 + DAY // 4  # night to the depth of the day: a jump, were there no gap between
    verdicts = judge_all(values[noon : noon + DAY], state, first=noon)
    assert not any(verdict.flagged for verdict in verdicts)


def test_a_value_sent_twice_counts_once() -> None:
    values = by_day(5, days=4)
    once, twice = SeriesState(), SeriesState()
    judge_all(values, once)
    for n, value in enumerate(values):
        judge_value(twice, START_S + STEP_S * n, float(value))
        assert judge_value(twice, START_S + STEP_S * n, float(value)) == Verdict(0.0, False)
    assert msgspec.to_builtins(once) == msgspec.to_builtins(twice)


def test_a_late_value_is_judged_and_teaches_nothing() -> None:
    state = SeriesState()
    judge_all(by_day(1, days=10), state)
    before = msgspec.to_builtins(state)
    assert judge_value(state, START_S + 9 * DAY * STEP_S, 500.0).flagged
    after = msgspec.to_builtins(state)
    assert all(after[part] == before[part] for part in ("levels", "season", "above", "below", "last_s"))


def test_a_clock_set_back_does_not_end_the_learning() -> None:
    values = by_day(1)
    state = SeriesState()
    judge_all(values[: 20 * DAY], state)
    judge_all(values[20 * DAY : 24 * DAY], state, first=5 * DAY)
    assert state.last_s == START_S + STEP_S * (9 * DAY - 1)
    assert state.levels.values == 24 * DAY - (SET_BACK - 1)


def test_what_an_incident_grows_to_at_its_beginning_is_the_same_alarm() -> None:
    values = noise(2)
    values[PLANTED : PLANTED + UNFOLD] += np.linspace(10, 100, UNFOLD)
    assert [n for n in flags(values) if PLANTED <= n < PLANTED + UNFOLD] == [PLANTED]


def test_the_state_stays_small_however_long_the_series() -> None:
    state = SeriesState()
    judge_all(by_week(1)[:DAY], state)
    early = len(msgspec.msgpack.encode(state))
    judge_all(by_week(1), state, first=DAY)
    assert early <= len(msgspec.msgpack.encode(state)) < 4_096


@pytest.mark.parametrize("codec", [msgspec.msgpack, msgspec.json])
def test_stored_and_taken_up_again_it_goes_on_bit_for_bit(codec: object) -> None:
    values, state, out = by_week(7)[: 6 * DAY], SeriesState(), []
    for first in range(0, len(values), 97):
        out += judge_all(values[first : first + 97], state, first)
        state = codec.decode(codec.encode(state), type=SeriesState)  # type: ignore[attr-defined]
    assert out == judge_all(values)


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=300))
def test_no_input_whatever_breaks_it(rows: list[tuple[float, float]]) -> None:
    state = SeriesState()
    for at_s, value in rows:
        verdict = judge_value(state, at_s, value)
        assert 0.0 <= verdict.score <= 1.0 and verdict.flagged <= (verdict.score >= 0.5)
    stored = msgspec.json.decode(msgspec.json.encode(state), type=SeriesState)
    assert msgspec.to_builtins(stored) == msgspec.to_builtins(state)  # nothing in it became NaN or infinite


@given(st.integers(0, 2_000), st.integers(0, 50))
def test_it_never_looks_ahead(cut: int, seed: int) -> None:
    values = by_day(seed, days=7)
    other = values.copy()
    other[cut:] = noise(seed + 1, days=7)[cut:] * 1_000
    assert judge_all(values[: cut + 1])[:cut] == judge_all(other[: cut + 1])[:cut]


@pytest.mark.parametrize("factor", [1e-6, 1.0, 2.0**20])
def test_the_unit_does_not_matter(factor: float) -> None:
    values = by_day(4)
    values[PLANTED] += 100
    assert flags(values * factor) == flags(values)

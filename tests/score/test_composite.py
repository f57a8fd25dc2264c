"""The composite profile: hand-worked tables, and an independent plain implementation beside the arrays."""

import math
from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.aggregate.days import LOOKBACK_DAYS, spread_counts
from appliance.model.risk import LEVELS
from appliance.score.composite import (
    growth_rate,
    measure_run,
    min_max,
    rescale,
    risk_level,
    rolling_mean,
    score_composite,
    score_day,
    z_score,
)

DAY = date(2026, 3, 1)


def plain_composite(counts: Counter[tuple[int, date]], from_day: date, to_day: date) -> dict[tuple[int, date], tuple]:
    """The definition, read aloud: no arrays, no windows kept, every mean summed anew."""
    days = [from_day + timedelta(days=n) for n in range((to_day - from_day).days + 1)]
    reach = [from_day + timedelta(days=n) for n in range(-7, len(days))]
    cells = sorted({cell for cell, day in counts if day in reach and counts[cell, day]})
    raw: dict[tuple[int, date], tuple] = {}
    for cell in cells:
        series = [counts[cell, day] for day in days]
        mean = sum(series) / len(series)
        deviation = math.sqrt(sum((n - mean) ** 2 for n in series) / len(series))
        for day, n in zip(days, series, strict=True):
            rolling = sum(counts[cell, day - timedelta(days=back)] for back in range(7)) / 7
            previous = sum(counts[cell, day - timedelta(days=back)] for back in range(1, 8)) / 7
            growth = (n - previous) / previous if previous else float(n > 0)
            z = (n - mean) / deviation if deviation else 0.0
            raw[cell, day] = (n, rolling, growth, 0.5 * n + 0.3 * growth + 0.2 * rolling, z)
    low, high = min((row[3] for row in raw.values()), default=0), max((row[3] for row in raw.values()), default=0)
    scored = {}
    for key, (n, rolling, growth, value, z) in raw.items():
        score = 100 * (value - low) / (high - low) if high > low else 0.0
        level = "low" if score <= 25 else "medium" if score <= 50 else "high" if score <= 75 else "critical"
        scored[key] = (n, rolling, growth, score, level, z, z >= 2 - 1e-9)
    return scored


def compare_with_plain(rows: list[tuple[str, int, int]], from_day: date, to_day: date) -> int:
    """Assert that arrays and plain words agree on every cell and day; how many there were."""
    counts: Counter[tuple[int, date]] = Counter()
    for day, cell, events in rows:
        counts[cell, date.fromisoformat(day)] += events
    expected = plain_composite(counts, from_day, to_day)
    spread = spread_counts(rows, from_day=from_day, to_day=to_day)
    scored = score_composite(spread.counts)
    seen = 0
    for i, cell in enumerate(spread.cells.tolist()):
        for j, day in enumerate(spread.days):
            n, rolling, growth, score, level, z, flagged = expected[cell, day]
            assert scored.event_count[i, j] == n
            assert scored.rolling_7d_avg[i, j] == pytest.approx(rolling, abs=1e-12)
            assert scored.growth_rate[i, j] == pytest.approx(growth, abs=1e-12)
            assert scored.risk_score[i, j] == pytest.approx(score, abs=1e-9)
            assert scored.z_score[i, j] == pytest.approx(z, abs=1e-9)
            assert bool(scored.flagged[i, j]) == flagged
            assert LEVELS[scored.risk_level[i, j]] == level or abs(score % 25) < 1e-9
            seen += 1
    assert seen == len(expected)
    return seen


def test_one_event_and_another_eight_days_later_have_equal_raw_risk() -> None:
    rows = [("2026-03-01", 1, 1), ("2026-03-09", 1, 1)]
    spread = spread_counts(rows, from_day=DAY, to_day=DAY + timedelta(days=9))
    scored = score_composite(spread.counts)
    highest = 0.5 + 0.3 + 0.2 / 7
    lowest = 0.3 * -1  # seven days after: all of the week before is lost, and the rolling mean has let it go
    assert scored.risk_score[0, 0] == scored.risk_score[0, 8] == 100.0
    assert scored.risk_score[0, 7] == 0.0
    day_after = 0.3 * -1 + 0.2 / 7
    assert scored.risk_score[0, 1] == pytest.approx(100 * (day_after - lowest) / (highest - lowest))


def test_a_hand_worked_week_of_two_cells() -> None:
    # Cell 1: 7 events on the day before the interval, then 2, 0. Cell 2: 1 on the second day alone.
    rows = [("2026-02-28", 1, 7), ("2026-03-01", 1, 2), ("2026-03-02", 2, 1)]
    spread = spread_counts(rows, from_day=DAY, to_day=date(2026, 3, 2))
    scored = score_composite(spread.counts)
    assert scored.event_count.tolist() == [[2, 0], [0, 1]]
    assert scored.rolling_7d_avg == pytest.approx(np.array([[9 / 7, 9 / 7], [0, 1 / 7]]))
    # previous means: cell 1: 7/7 = 1, then 9/7; cell 2: 0, 0
    assert scored.growth_rate == pytest.approx(np.array([[1.0, -1.0], [0.0, 1.0]]))
    raw = np.array([[1 + 0.3 + 1.8 / 7, -0.3 + 1.8 / 7], [0.0, 0.5 + 0.3 + 0.2 / 7]])
    low, high = raw.min(), raw.max()
    assert scored.risk_score == pytest.approx((raw - low) / (high - low) * 100)
    assert [[LEVELS[n] for n in row] for row in scored.risk_level] == [["critical", "low"], ["low", "high"]]
    assert scored.z_score == pytest.approx(np.array([[1.0, -1.0], [-1.0, 1.0]]))
    assert not scored.flagged.any()


def test_a_hand_worked_table_of_three_cells_and_ten_days() -> None:
    """Cell 1: seven events on the first day and on the eighth. Cell 2: one each day, before the interval too. Cell 3:
    seven on the day before, and none since."""
    days = [DAY + timedelta(days=n) for n in range(10)]
    rows = [(days[0].isoformat(), 1, 7), (days[7].isoformat(), 1, 7)]
    rows += [((DAY + timedelta(days=n)).isoformat(), 2, 1) for n in range(-7, 10)]
    rows += [((DAY - timedelta(days=1)).isoformat(), 3, 7)]
    scored = score_composite(spread_counts(rows, from_day=DAY, to_day=days[-1]).counts)
    assert scored.event_count.tolist() == [[7, 0, 0, 0, 0, 0, 0, 7, 0, 0], [1] * 10, [0] * 10]
    assert scored.rolling_7d_avg.tolist() == [[1.0] * 10, [1.0] * 10, [1.0] * 6 + [0.0] * 4]
    assert scored.growth_rate.tolist() == [
        [1.0, *[-1.0] * 6, 6.0, -1.0, -1.0],  # from nothing; then against a mean of one
        [0.0] * 10,
        [-1.0] * 7 + [0.0] * 3,  # of the week before all is lost; then there was nothing to lose
    ]
    raw = np.array(
        [
            [4.0, *[-0.1] * 6, 5.5, -0.1, -0.1],
            [0.7] * 10,
            [*[-0.1] * 6, -0.3, 0.0, 0.0, 0.0],
        ]
    )
    assert scored.risk_score == pytest.approx((raw + 0.3) / 5.8 * 100)
    assert [LEVELS[n] for n in scored.risk_level[0]] == ["high", *["low"] * 6, "critical", "low", "low"]
    assert {LEVELS[n] for n in scored.risk_level[1:].flat} == {"low"}
    # Cell 1: mean 1.4, population deviation 2.8, so both sevens are exactly two above.
    assert scored.z_score == pytest.approx(np.array([[2.0, *[-0.5] * 6, 2.0, -0.5, -0.5], [0.0] * 10, [0.0] * 10]))
    assert scored.flagged.nonzero()[1].tolist() == [0, 7]


@pytest.mark.parametrize(
    ("score", "level"),
    [(0, "low"), (25, "low"), (25.000001, "medium"), (50, "medium"), (50.1, "high"), (75, "high"), (75.01, "critical")],
)
def test_a_bound_belongs_to_the_level_below(score: float, level: str) -> None:
    assert LEVELS[int(risk_level(np.array([score]))[0])] == level


def test_growth_from_nothing_is_one_and_of_nothing_is_zero() -> None:
    n, previous = np.array([[0, 3, 0, 4]]), np.array([[0.0, 0.0, 2.0, 2.0]])
    assert growth_rate(n, previous).tolist() == [[0.0, 1.0, -1.0, 1.0]]


def test_a_run_of_equal_risks_is_zero_and_not_nan() -> None:
    assert min_max(np.full((2, 3), -0.3)).tolist() == [[0.0] * 3] * 2


def test_an_empty_run_scores_nothing() -> None:
    spread = spread_counts([], from_day=DAY, to_day=DAY)
    assert score_composite(spread.counts).risk_score.shape == (0, 1)


def test_a_deviation_of_exactly_two_is_flagged() -> None:
    # Four zeros and one five: mean 1, population deviation 2, z of the five exactly 2.
    counts = np.zeros((1, LOOKBACK_DAYS + 5), dtype=np.int64)
    counts[0, -1] = 5
    scored = score_composite(counts)
    assert scored.z_score[0, -1] == pytest.approx(2.0)
    assert scored.flagged.tolist() == [[False, False, False, False, True]]


def test_a_cell_that_never_varies_has_no_anomaly() -> None:
    assert z_score(np.full((1, 5), 3)).tolist() == [[0.0] * 5]


def test_windows_reach_back_before_the_interval() -> None:
    counts = np.arange(1, 10, dtype=np.int64).reshape(1, 9)
    assert rolling_mean(counts).tolist() == [[4.0, 5.0, 6.0]]


def test_a_cell_takes_part_if_it_had_an_event_up_to_seven_days_before() -> None:
    rows = [("2026-02-21", 1, 1), ("2026-02-22", 2, 1), ("2026-03-03", 3, 1)]
    assert spread_counts(rows, from_day=DAY, to_day=DAY).cells.tolist() == [2]


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(-10, 25), st.integers(1, 5)).map(
            lambda row: ((DAY + timedelta(days=row[1])).isoformat(), row[0], row[2])
        ),
        max_size=40,
    ),
    st.integers(0, 20),
)
def test_arrays_and_plain_words_agree_on_any_history(rows: list[tuple[str, int, int]], length: int) -> None:
    compare_with_plain(rows, DAY, DAY + timedelta(days=length))


@given(
    st.integers(0, 6).flatmap(
        lambda days: st.lists(st.lists(st.integers(0, 9), min_size=7 + days, max_size=7 + days), max_size=5).map(
            lambda rows: np.array(rows, dtype=np.int64).reshape(len(rows), 7 + days)
        )
    )
)
def test_a_run_scored_a_day_at_a_time_is_the_run_to_the_last_bit(counts: np.ndarray) -> None:
    whole, measure = score_composite(counts), measure_run(counts.astype(np.int32))
    deviation = whole.event_count - measure.mean[:, np.newaxis]
    for day in range(whole.event_count.shape[1]):
        one = score_day(counts[:, day : day + 8].astype(np.int32))
        assert one.event_count.tolist() == whole.event_count[:, day].tolist()
        assert one.rolling_7d_avg.tolist() == whole.rolling_7d_avg[:, day].tolist()
        assert one.growth_rate.tolist() == whole.growth_rate[:, day].tolist()
        assert rescale(one.raw, measure.low, measure.high).tolist() == whole.risk_score[:, day].tolist()
        at = measure.spread > 0
        assert (deviation[at, day] / measure.spread[at]).tolist() == whole.z_score[at, day].tolist()
        assert not whole.z_score[~at].any()

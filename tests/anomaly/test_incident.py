"""One incident is one alarm: tables of surprises, minute by minute."""

import pytest

from appliance.anomaly.incident import AGAIN, ALARM, HOLD_S, HOLD_VALUES, UNFOLD, Incident, Verdict, decide

MINUTE = 60.0


def run(surprises: list[float], step_s: float = MINUTE) -> list[Verdict]:
    incident = Incident()
    return [decide(incident, surprise, n * step_s) for n, surprise in enumerate(surprises)]


def flagged(surprises: list[float], step_s: float = MINUTE) -> list[int]:
    return [n for n, verdict in enumerate(run(surprises, step_s)) if verdict.flagged]


@pytest.mark.parametrize(
    ("surprises", "expected"),
    [
        ([0.0, 3.29, 0.0], []),
        ([0.0, 3.3, 0.0], [1]),
        ([5.0] * 50, [0]),
        ([5.0, 9.0, 50.0], [0]),
        ([5.0] + [0.0] * UNFOLD + [50.0], [0, UNFOLD + 1]),
        ([5.0] + [0.0] * HOLD_VALUES + [4.0], [0, HOLD_VALUES + 1]),
        ([5.0] + [0.0] * (HOLD_VALUES // 2) + [4.0], [0]),
        ([5.0] + [0.0] * (HOLD_VALUES // 2) + [ALARM + (5.0 + AGAIN - ALARM) / 2], [0, HOLD_VALUES // 2 + 1]),
    ],
    ids=["below", "at", "lasting", "unfolding", "far_greater", "over", "still_open", "bar_has_come_down"],
)
def test_what_is_flagged(surprises: list[float], expected: list[int]) -> None:
    assert flagged(surprises) == expected


def test_where_values_come_seldom_days_end_an_incident() -> None:
    daily = [5.0] + [0.0] * UNFOLD + [4.0]
    assert flagged(daily, step_s=HOLD_S / 3) == [0, UNFOLD + 1]
    assert flagged(daily, step_s=MINUTE) == [0]


def test_the_score_is_a_half_at_the_threshold_and_stays_below_it_within_an_incident() -> None:
    scores = [verdict.score for verdict in run([0.0, ALARM, ALARM, 5.0, 0.0])]
    assert scores[:2] == [0.0, 0.5] and scores[4] == 0.0
    assert 0.0 < scores[2] == scores[3] < 0.1


@pytest.mark.parametrize(("low", "high"), [(1.0, 2.0), (3.0, 3.3), (10.0, 11.0), (100.0, 101.0), (200.0, 250.0)])
def test_more_surprise_is_more_score_without_end(low: float, high: float) -> None:
    assert decide(Incident(), low, 0.0).score < decide(Incident(), high, 0.0).score < 1.0

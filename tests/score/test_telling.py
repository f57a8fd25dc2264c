"""A composite score taken apart: its terms, worked by hand, and the sentences of the rules that fired."""

import pytest

from appliance.score.telling import flag_rule, level_rule, take_apart, unknown_rule


def test_the_terms_of_a_score_are_its_raw_value_and_their_points_its_score() -> None:
    # n 4, growth 1.5, mean 2: raw 2 + 0.45 + 0.4 = 2.85; of a run from -0.15 to 5.85 that is 3 of 6: 50
    story = take_apart(event_count=4, growth_rate=1.5, rolling_7d_avg=2.0, low=-0.15, high=5.85, mean=1.0, spread=1.5)
    assert [(one.term, one.weight) for one in story.contributions] == [
        ("event_count", 0.5), ("growth_rate", 0.3), ("rolling_7d_avg", 0.2),
    ]  # fmt: skip
    assert [one.raw for one in story.contributions] == pytest.approx([2.0, 0.45, 0.4])
    assert [one.points for one in story.contributions] == pytest.approx([200 / 6, 45 / 6, 40 / 6])
    of_nothing = 0.15 / 6 * 100
    assert sum(one.points for one in story.contributions) + of_nothing == pytest.approx(50)


def test_where_all_scores_are_alike_nothing_adds_to_them() -> None:
    story = take_apart(event_count=1, growth_rate=1.0, rolling_7d_avg=1.0, low=1.0, high=1.0, mean=1.0, spread=0.0)
    assert story.raw == pytest.approx(1.0)
    assert [one.points for one in story.contributions] == [0, 0, 0]


@pytest.mark.parametrize(
    ("score", "level", "text"),
    [
        (12.34, "low", "The score 12.3 is at most 25: low."),
        (25.01, "medium", "The score 25.0 is above 25 and at most 50: medium."),
        (100.0, "critical", "The score 100.0 is above 75 and at most 100: critical."),
    ],
)
def test_a_level_is_told_with_its_bounds(score: float, level: str, text: str) -> None:
    rule = level_rule(score, level)
    assert (rule.text, rule.code, rule.numbers["risk_score"]) == (text, f"level_{level}", score)


def test_a_flag_is_told_from_two_deviations_on() -> None:
    story = take_apart(event_count=5, growth_rate=1.0, rolling_7d_avg=1.0, low=0.0, high=9.0, mean=1.0, spread=2.0)
    flagged = flag_rule(5, 2.0, story)
    assert flagged is not None
    assert flagged.text == "5 events where 1 a day are usual, give or take 2: 2.0 deviations, flagged from 2 on."
    assert flag_rule(4, 1.99, story) is None


def test_what_is_unknown_is_not_called_low() -> None:
    assert unknown_rule("nobody looked.", {"down": 2.0}).text == "Unknown, not low: nobody looked."

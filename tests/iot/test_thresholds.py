"""Hysteresis as a table: what a series of values raises and clears."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.iot.limits import DEFAULTS, metric_of, threshold_of
from appliance.iot.thresholds import ThresholdState, Turn, follow, share_beyond
from appliance.model.iot import Threshold, ThresholdChange, check_threshold
from firmware_bridge.notation.metrics import UNITS

MINUTE = 60_000_000
HOT = Threshold(metric="temperature", unit="Cel", raise_at=41.0, clear_at=39.0, hold_s=120.0)
COLD = Threshold(metric="temperature", unit="Cel", raise_at=2.0, clear_at=4.0, hold_s=0.0)


def turns(threshold: Threshold, *values: float, step_s: float = 60.0) -> list[tuple[int, Turn]]:
    """(which value, what it turned) of values so many seconds apart."""
    state, found = ThresholdState(), []
    for n, value in enumerate(values):
        state, turn = follow(state, threshold, round(n * step_s * 1e6), value)
        if turn:
            found.append((n, turn))
    return found


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((40, 42, 42, 42), [(3, "raised")]),  # two minutes after the first beyond
        ((42, 42, 40, 42, 42), []),  # it fell back before it had lasted
        ((42, 42, 42, 40, 40, 40, 40), [(2, "raised")]),  # between the two nothing is cleared
        ((42, 42, 42, 38, 38, 38), [(2, "raised"), (5, "cleared")]),
        ((42, 42, 42, 38, 42, 38, 42, 38), [(2, "raised")]),  # swinging clears nothing
        ((42, 42, 42, 38, 40, 38, 38, 38), [(2, "raised"), (7, "cleared")]),  # back counts from the last return
        ((41, 41, 41), [(2, "raised")]),  # at the value is beyond it
        ((38, 39, 38), []),
    ],
)
def test_hysteresis(values: tuple[float, ...], expected: list[tuple[int, Turn]]) -> None:
    assert turns(HOT, *values) == expected


def test_too_little_is_a_danger_too() -> None:
    assert turns(COLD, 5, 1.5, 3, 4.5) == [(1, "raised"), (3, "cleared")]


def test_an_older_or_repeated_value_changes_nothing() -> None:
    state, _ = follow(ThresholdState(), HOT, 5 * MINUTE, 42.0)
    assert follow(state, HOT, 5 * MINUTE, 10.0) == (state, None)
    assert follow(state, HOT, 4 * MINUTE, 10.0) == (state, None)
    assert follow(state, HOT, 6 * MINUTE, float("nan")) == (state, None)


def test_a_silence_is_no_evidence_that_it_lasted() -> None:
    assert turns(HOT, 42, 42, step_s=7_200) == []
    assert turns(HOT, 42, 42, 42, 42, step_s=1_800) == [(1, "raised")]


def test_how_far_beyond_it_is_counts_against_the_width_of_the_hysteresis() -> None:
    state = ThresholdState(phase="raised", raised_at=0, last_value=42.0)
    assert share_beyond(state, HOT) == pytest.approx(0.75)
    assert share_beyond(ThresholdState(phase="raised", raised_at=0, last_value=40.0), HOT) == 0.5
    assert share_beyond(ThresholdState(phase="raised", raised_at=0, last_value=50.0), HOT) == 1.0
    assert share_beyond(ThresholdState(last_value=50.0), HOT) == 0.0


@given(st.lists(st.floats(30, 50), max_size=60), st.sampled_from([0.0, 60.0, 300.0]))
def test_raised_and_cleared_take_turns_and_never_flap_between(values: list[float], hold_s: float) -> None:
    threshold = Threshold(metric="temperature", unit="Cel", raise_at=41.0, clear_at=39.0, hold_s=hold_s)
    found = turns(threshold, *values)
    assert [turn for _, turn in found] == (["raised", "cleared"] * len(found))[: len(found)]
    for n, turn in found:
        assert values[n] >= 41.0 if turn == "raised" else values[n] <= 39.0


def test_a_zone_wins_over_the_site_and_the_site_over_the_default() -> None:
    own = Threshold(metric="co", unit="[ppm]", raise_at=5.0, clear_at=4.0, hold_s=0.0, zone="garage")
    off = Threshold(metric="co", unit="[ppm]", raise_at=5.0, clear_at=4.0, hold_s=0.0, enabled=False)
    assert threshold_of({}, "co", "[ppm]", "garage") == DEFAULTS["co"]
    assert threshold_of({("co", "garage"): own}, "co", "[ppm]", "garage") == own
    assert threshold_of({("co", "garage"): own}, "co", "[ppm]", "yard") == DEFAULTS["co"]
    assert threshold_of({("co", ""): off}, "co", "[ppm]", "yard") is None


def test_a_series_in_another_unit_is_not_judged() -> None:
    assert threshold_of({}, "temperature", "[degF]", "") is None
    assert threshold_of({}, "temperature", "", "") == DEFAULTS["temperature"]
    assert metric_of("temperature.2") == "temperature"


def test_every_default_is_in_its_metrics_own_unit_makes_a_hysteresis_and_names_its_source() -> None:
    for metric, threshold in DEFAULTS.items():
        assert threshold.unit == UNITS[metric]
        assert threshold.raise_at != threshold.clear_at
        assert threshold.source
    assert "water_level" not in DEFAULTS


def test_two_equal_values_are_no_hysteresis() -> None:
    with pytest.raises(Rejected, match="differs from raise_at"):
        check_threshold(ThresholdChange(raise_at=3.0, clear_at=3.0))

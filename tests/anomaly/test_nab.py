"""The benchmark's scoring, worked by hand, and the detector on the recorded series beside a windowed Gaussian."""

import math
import os
from pathlib import Path

import pytest

from appliance.anomaly.incident import Verdict
from benchmarks.nab import Series, read_corpus, run_detector
from benchmarks.nab_scoring import best_threshold, judge, normalised, raw_gain, windowed_gaussian

NAB = Path(os.environ.get("HEXPOST_FIELDKIT", "")) / "datasets/nab"
recorded = pytest.mark.skipif(not (NAB / "windows.json").exists(), reason="HEXPOST_FIELDKIT has no NAB series")

TIMES = [float(n) for n in range(100)]
WINDOW = [(40.0, 59.0)]
NEAR = 2 / (1 + math.exp(-5)) - 1  # the sigmoid one width before the end of a window


def scored(*detected: int) -> float:
    """What detections in these rows add over saying nothing; probation is rows 0 to 14, the window rows 40 to 59."""
    return raw_gain(judge([float(n in detected) for n in range(100)], TIMES, WINDOW), 1.0)


@pytest.mark.parametrize(
    ("detected", "gain"),
    [
        ((), 0.0),
        ((40,), 2.0),
        ((40, 41, 59), 2.0),
        ((50,), 1.0 + (2 / (1 + math.exp(-2.5)) - 1) / NEAR),
        ((59,), 1.0 + (2 / (1 + math.exp(-0.25)) - 1) / NEAR),
        ((20,), -0.11),
        ((20, 21), -0.22),
        ((14,), 0.0),
        ((99,), 0.11 * (2 / (1 + math.exp(5 * 40 / 19)) - 1)),
        ((60,), 0.11 * (2 / (1 + math.exp(5 / 19)) - 1)),
        ((20, 40), 2.0 - 0.11),
    ],
)
def test_a_detection_is_worth_what_the_profile_says(detected: tuple[int, ...], gain: float) -> None:
    assert scored(*detected) == pytest.approx(gain, abs=1e-12)


def test_perfect_is_a_hundred_and_silence_nothing() -> None:
    perfect = judge([float(n == 40) for n in range(100)], TIMES, WINDOW)
    assert normalised([perfect], 1.0) == pytest.approx(100.0)
    assert normalised([perfect], 2.0) == 0.0
    assert math.isnan(normalised([judge([0.0] * 100, TIMES, [])], 1.0))


def test_the_best_threshold_is_one_for_all_series() -> None:
    first = judge([0.9 if n == 40 else 0.5 if n in {20, 70, 80} else 0.0 for n in range(100)], TIMES, WINDOW)
    second = judge([0.7 if n == 45 else 0.0 for n in range(100)], TIMES, WINDOW)
    assert best_threshold([first]) == 0.9
    assert best_threshold([first, second]) == 0.7
    useless = judge([1.0 if n == 20 else 0.0 for n in range(100)], TIMES, [])
    assert best_threshold([useless]) == math.inf


def test_the_windowed_gaussian_scores_by_its_window_and_moves_it_in_steps() -> None:
    values = [float(n % 2) for n in range(6_500)]
    scores = windowed_gaussian([*values, 2.0])
    assert scores[0] == 0.0
    assert scores[-2] == pytest.approx(1.0 - 0.5 * math.erfc(1 / math.sqrt(2)), abs=1e-6)
    assert scores[-1] == pytest.approx(1.0 - 0.5 * math.erfc(3 / math.sqrt(2)), abs=1e-6)


@recorded
def test_the_flag_scores_well_over_the_windowed_gaussian_with_its_best_threshold() -> None:
    flag, gaussian = [], []
    for series in read_corpus(NAB):
        flagged = [float(verdict.flagged) for verdict in run_detector(series)]
        flag.append(judge(flagged, series.times, series.windows))
        gaussian.append(judge(windowed_gaussian(series.values), series.times, series.windows))
    assert normalised(flag, 0.5) >= 1.4 * normalised(gaussian, best_threshold(gaussian))


@recorded
def test_series_without_an_anomaly_are_all_but_silent() -> None:
    flags = [verdict.flagged for series in read_corpus(NAB) if not series.windows for verdict in run_detector(series)]
    assert len(flags) == 8_064 and sum(flags) <= 3


def test_a_series_is_judged_row_by_row() -> None:
    series = Series("made up", TIMES, [1.0] * 99 + [7.0], [])
    assert run_detector(series)[:-1] == [Verdict(0.0, False)] * 99 and run_detector(series)[-1].flagged

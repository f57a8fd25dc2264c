"""The scoring of the Numenta Anomaly Benchmark, standard profile, and its windowed Gaussian detector.

Written from the published description (Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", ICMLA
2015, and the benchmark's own pages). Only the earliest detection in a window counts, the more the earlier; a detection
outside costs `FALSE_POSITIVE`, less shortly after a window; a window without any costs `FALSE_NEGATIVE`. Rows of the
probation are left out. A score is normalised so that a detector that says nothing has 0 and a perfect one 100.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = 1.0, 0.11, 1.0
PROBATION_SHARE, PROBATION_ROWS = 0.15, 750
GAUSSIAN_WINDOW, GAUSSIAN_STEP, LEAST_DEVIATION = 6_400, 100, 1e-6


class Judged(NamedTuple):
    """Detections of one series: each row's score, what detecting it adds to the total, and how many windows there are.

    score  (n,) rows after the probation
    gain   (n,) given that all rows with a higher score are detected
    """

    score: Floats
    gain: Floats
    windows: int


def sigmoid(position: Floats) -> Floats:
    """1 far before, 0 at the end of a window, -1 beyond three widths after it."""
    return np.where(position > 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 3.0))) - 1.0)


def judge(scores: Sequence[float], times: Sequence[float], windows: Sequence[tuple[float, float]]) -> Judged:
    """Weigh every row of one series; a window is its first and last instant, both within it."""
    score, at = np.asarray(scores, dtype=np.float64), np.asarray(times, dtype=np.float64)
    row = np.arange(len(at))
    kept = row >= min(int(PROBATION_SHARE * len(at)), PROBATION_ROWS)
    spans = [np.flatnonzero((at >= first) & (at <= last))[[0, -1]] for first, last in windows]
    gain = np.full(len(at), -FALSE_POSITIVE)
    for first, last in spans:
        after = row > last
        gain[after] = FALSE_POSITIVE * sigmoid((row[after] - last) / max(last - first, 1))
    for first, last in spans:
        gain[first : last + 1] = 0.0
    for first, last in spans:
        inside = row[first : last + 1][kept[first : last + 1]]
        worth = TRUE_POSITIVE * sigmoid(-(last - inside + 1) / (last - first + 1)) / sigmoid(np.array(-1.0))
        order = np.argsort(-score[inside], kind="stable")
        best = np.maximum.accumulate(np.concatenate(([-FALSE_NEGATIVE], worth[order])))
        gain[inside[order]] = np.diff(best)
    return Judged(score[kept], gain[kept], len(spans))


def best_threshold(judged: Iterable[Judged]) -> float:
    """The one threshold that gives the greatest total over all series; above every score where silence is best."""
    all_judged = list(judged)
    score = np.concatenate([series.score for series in all_judged])
    gain = np.concatenate([series.gain for series in all_judged])
    order = np.argsort(-score, kind="stable")
    score, total = score[order], np.cumsum(gain[order])
    ends = np.append(score[1:] != score[:-1], True)
    best = int(np.argmax(total[ends]))
    return float(score[ends][best]) if total[ends][best] > 0.0 else math.inf


def raw_gain(judged: Judged, threshold: float) -> float:
    """What a series adds over saying nothing: at most two for each of its windows."""
    return float(judged.gain[judged.score >= threshold].sum())


def normalised(judged: Iterable[Judged], threshold: float) -> float:
    """0 for saying nothing, 100 for perfect; NaN where there is no window."""
    all_judged = list(judged)
    perfect = (TRUE_POSITIVE + FALSE_NEGATIVE) * sum(series.windows for series in all_judged)
    return 100.0 * sum(raw_gain(series, threshold) for series in all_judged) / perfect if perfect else math.nan


def windowed_gaussian(values: Sequence[float]) -> list[float]:
    """Score each value by a Gaussian fitted to the 6,400 before it, moved on in steps of 100: 1 - Q(|z|)."""
    scores: list[float] = []
    window: list[float] = []
    waiting: list[float] = []
    total = squares = mean = 0.0
    deviation = LEAST_DEVIATION
    for value in values:
        z = abs(value - mean) / deviation
        scores.append(1.0 - 0.5 * math.erfc(z / math.sqrt(2.0)) if window else 0.0)
        if len(window) < GAUSSIAN_WINDOW:
            window.append(value)
            total, squares = total + value, squares + value * value
            mean = total / len(window)
            deviation = math.sqrt(max(squares / len(window) - mean * mean, 0.0)) or LEAST_DEVIATION
            continue
        waiting.append(value)
        if len(waiting) == GAUSSIAN_STEP:
            window, waiting = window[GAUSSIAN_STEP:] + waiting, []
            mean, deviation = float(np.mean(window)), float(np.std(window)) or LEAST_DEVIATION
    return scores

"""The series detector on series of the Numenta Anomaly Benchmark, beside a windowed Gaussian in the same run.

    python -m benchmarks.nab [FOLDER]

FOLDER (default: datasets/nab of the fieldkit) holds `windows.json` and, by the names in it, the series as CSV, plain or
gzipped. Standard profile. Each detector has its own best threshold over all series, as the benchmark does it; ours is
also shown by its flag, whose threshold is built in. "Left out" takes the threshold from the other groups, so that no
group is judged by a threshold chosen on it.
"""

import argparse
import csv
import gzip
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from appliance.anomaly.incident import Verdict
from appliance.anomaly.series import SeriesState, judge_value
from benchmarks.nab_scoring import Judged, best_threshold, judge, normalised, raw_gain, windowed_gaussian

FLAG = 0.5
Results = dict[str, Judged]


class Series(NamedTuple):
    """One series of the benchmark; times in Unix seconds."""

    name: str
    times: list[float]
    values: list[float]
    windows: list[tuple[float, float]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", help="where windows.json and the series lie")
    folder = parser.parse_args().folder or Path(os.environ.get("HEXPOST_FIELDKIT", ".")) / "datasets/nab"
    if not (folder / "windows.json").exists():
        sys.exit(f"nab: no windows.json in {folder}; name the folder, or set HEXPOST_FIELDKIT")
    corpus = list(read_corpus(folder))
    started = time.process_time()
    verdicts = {series.name: run_detector(series) for series in corpus}
    seconds = time.process_time() - started
    score = _judged(corpus, lambda series: [verdict.score for verdict in verdicts[series.name]])
    flag = _judged(corpus, lambda series: [float(verdict.flagged) for verdict in verdicts[series.name]])
    gaussian = _judged(corpus, lambda series: windowed_gaussian(series.values))
    print_series(corpus, score, flag, gaussian)
    print_groups(score, flag, gaussian)
    print_costs(corpus, seconds)


def read_corpus(folder: Path) -> Iterator[Series]:
    """The series named in `windows.json`, in the order of their names."""
    windows = json.loads((folder / "windows.json").read_text(encoding="utf-8"))
    for name in sorted(windows):
        packed = folder / f"{name}.gz"
        text = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / name).read_bytes()
        rows = [row for row in csv.reader(text.decode().splitlines()) if row][1:]
        spans = [(_seconds(first), _seconds(last)) for first, last in windows[name]]
        yield Series(name, [_seconds(row[0]) for row in rows], [float(row[1]) for row in rows], spans)


def run_detector(series: Series) -> list[Verdict]:
    """The detector over one series, as it would run live."""
    state = SeriesState()
    return [judge_value(state, at, value) for at, value in zip(series.times, series.values, strict=True)]


def print_series(corpus: list[Series], score: Results, flag: Results, gaussian: Results) -> None:
    """One row a series: what each detector adds over saying nothing, of two a window."""
    ours, theirs = best_threshold(score.values()), best_threshold(gaussian.values())
    print(f"{'series':58}{'windows':>8}{'score':>8}{'flag':>8}{'flags':>7}{'Gaussian':>10}{'flags':>7}")
    for name in (series.name for series in corpus):
        raised = int((flag[name].score >= FLAG).sum())
        by_gaussian = int((gaussian[name].score >= theirs).sum())
        print(
            f"{name:58}{score[name].windows:8}{raw_gain(score[name], ours):8.2f}{raw_gain(flag[name], FLAG):8.2f}"
            f"{raised:7}{raw_gain(gaussian[name], theirs):10.2f}{by_gaussian:7}"
        )


def print_groups(score: Results, flag: Results, gaussian: Results) -> None:
    """The normalised score, by group and in all; and with each group's threshold taken from the others."""
    ours, theirs = best_threshold(score.values()), best_threshold(gaussian.values())
    print(f"\n{'normalised, 0 to 100':30}{'score':>9}{'flag':>9}{'Gaussian':>10}{'left out':>20}")
    raw_left_out = raw_gaussian = 0.0
    for group in sorted({name.split("/")[0] for name in score}):
        inside = [name for name in score if name.split("/")[0] == group]
        others = [name for name in score if name not in inside]
        own = best_threshold(score[name] for name in others)
        gaussians = best_threshold(gaussian[name] for name in others)
        raw_left_out += sum(raw_gain(score[name], own) for name in inside)
        raw_gaussian += sum(raw_gain(gaussian[name], gaussians) for name in inside)
        shown = [normalised([results[name] for name in inside], threshold)
                 for results, threshold in ((score, ours), (flag, FLAG), (gaussian, theirs),
                                            (score, own), (gaussian, gaussians))]  # fmt: skip
        print(f"{group:30}" + "".join(f"{_cell(value):>9}" for value in shown))
    perfect = 2.0 * sum(judged.windows for judged in score.values())
    total = [normalised(score.values(), ours), normalised(flag.values(), FLAG), normalised(gaussian.values(), theirs),
             100.0 * raw_left_out / perfect, 100.0 * raw_gaussian / perfect]  # fmt: skip
    print(f"{'all':30}" + "".join(f"{value:9.1f}" for value in total))
    print(f"{'times the windowed Gaussian':30}{total[0] / total[2]:9.2f}{total[1] / total[2]:9.2f}{'':9}"
          f"{total[3] / total[4]:9.2f}   (thresholds: score {ours:.3f}, Gaussian {theirs:.12f})")  # fmt: skip


def print_costs(corpus: list[Series], seconds: float) -> None:
    """Values a second of CPU time, and the size of what is kept."""
    values = sum(len(series.values) for series in corpus)
    sizes = []
    for series in corpus:
        state = SeriesState()
        for at, value in zip(series.times, series.values, strict=True):
            judge_value(state, at, value)
        sizes.append(len(msgspec.msgpack.encode(state)))
    print(
        f"\n{values:,} values, {values / seconds:,.0f} a second of one core; "
        f"state {min(sizes):,} to {max(sizes):,} bytes"
    )


def _judged(corpus: list[Series], scores: Callable[[Series], list[float]]) -> Results:
    return {series.name: judge(scores(series), series.times, series.windows) for series in corpus}


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _cell(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"


if __name__ == "__main__":
    main()

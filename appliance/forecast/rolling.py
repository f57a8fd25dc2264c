"""The backtest: at every instant of the last days each method says where, knowing only what came before.

The forecast learns its parameters from the days before the test and keeps them; what it counts goes on. The area is
fixed: the grid that is given, every cell with an event before the test and its neighbours. Events elsewhere are not
counted, for no method could have named their cells.
"""

from collections.abc import Collection, Iterator, Mapping

import msgspec
import numpy as np

from appliance.forecast import law, metrics
from appliance.forecast.grid import Floats, Grid, Ints
from appliance.forecast.history import HORIZONS, SHIFTS, History, origins
from appliance.forecast.learn import learn
from appliance.forecast.parameters import Parameters
from appliance.forecast.predict import Forecast, Site, forecast_cells
from appliance.forecast.rivals import RATE_SHIFTS, Instant, Rival, plain_rate
from appliance.model.backtest import Calibration, Difference, Row, Verdict

CALIBRATED = "calibrated"
BASE = "count_all"  # the plain count that the forecast has to beat
BLOCK_WINDOWS = {"next_7_days": 7}  # windows that overlap stay together in the bootstrap
BUSY = 0.05  # the share of cells with the highest expectation, of which calibration is told apart


class Tally(msgspec.Struct, kw_only=True):
    """One method and horizon, window by window."""

    hits: list[Ints] = msgspec.field(default_factory=list)
    log_scores: list[float] = msgspec.field(default_factory=list)


class Trial(msgspec.Struct, kw_only=True):
    """One horizon over all windows: what happened, what each method found, how the forecast was calibrated."""

    horizon: str
    cells: int
    events: list[int] = msgspec.field(default_factory=list)
    possible: list[Ints] = msgspec.field(default_factory=list)
    methods: dict[str, Tally] = msgspec.field(default_factory=dict)
    expected: float = 0.0
    inside: list[int] = msgspec.field(default_factory=list)
    busy_inside: list[int] = msgspec.field(default_factory=list)

    def rows(self) -> Iterator[Row]:
        """The report's rows: methods in their order, areas ascending."""
        events, possible = sum(self.events), np.sum(self.possible, axis=0)
        for name, tally in self.methods.items():
            found = np.sum(tally.hits, axis=0)
            for at, area in enumerate(metrics.AREAS):
                watched = metrics.cells_watched(self.cells, area)
                yield Row(
                    horizon=self.horizon,
                    method=name,
                    area=area,
                    hit_rate=metrics.hit_rate(int(found[at]), events),
                    pai=metrics.pai(int(found[at]), events, watched, self.cells),
                    pei=metrics.pei(int(found[at]), int(possible[at])),
                    log_score=float(np.mean(tally.log_scores)) if tally.log_scores else None,
                )

    def calibration(self) -> Calibration:
        """Of the forecast."""
        windows = len(self.events)
        return Calibration(
            horizon=self.horizon,
            windows=windows,
            coverage=sum(self.inside) / (windows * self.cells),
            busy_coverage=sum(self.busy_inside) / (windows * metrics.cells_watched(self.cells, BUSY)),
            expected=round(self.expected, 1),
            happened=sum(self.events),
        )

    def differences(self) -> list[Difference]:
        """The forecast beside the plain count of all history, a difference an area; none without events."""
        if BASE not in self.methods or not sum(self.events):
            return []
        ours, base = (np.array(self.methods[name].hits, np.float64) for name in (CALIBRATED, BASE))
        events, rng, found = np.array(self.events, np.float64), np.random.default_rng(1), []
        for at, area in enumerate(metrics.AREAS):
            more = ours[:, at] - base[:, at]
            error = metrics.standard_error(more, events, block=BLOCK_WINDOWS.get(self.horizon, 1), rng=rng)
            difference = float(more.sum() / events.sum())
            found.append(
                Difference(
                    horizon=self.horizon,
                    area=area,
                    difference=difference,
                    standard_error=error,
                    verdict=verdict_of(difference, error),
                )
            )
        return found


def verdict_of(difference: float, error: float) -> Verdict:
    """Whether a difference is more than chance explains: two standard errors."""
    if abs(difference) <= 2 * error:
        return "same"
    return "better" if difference > 0 else "worse"


def backtest(
    grid: Grid,
    history: History,
    *,
    first: int,
    rivals: Mapping[str, Rival],
    seed: int = 1,
    parameters: Parameters | None = None,
    horizons: Collection[str] = tuple(HORIZONS),
) -> list[Trial]:
    """One trial a horizon that fits into the shifts from `first` on; `parameters` None: learned before `first`.

    The order of methods in the trials is that of `rivals`, then the forecast.
    """
    learned = parameters or learn(grid, history, until=first)
    begins = {name: set(origins(name, first, history.shifts)) for name in horizons}
    trials = {
        name: Trial(horizon=name, cells=grid.size, methods={method: Tally() for method in (*rivals, CALIBRATED)})
        for name in horizons
        if begins[name] and grid.size
    }
    site, rng, ties = (
        Site(grid, history.first_day.weekday()),
        np.random.default_rng(seed),
        metrics.tie_breaks(grid.cells),
    )
    for shift in range(history.shifts):
        due = [trial for name, trial in trials.items() if shift in begins[name]]
        if due:
            now = Instant(grid=grid, history=history, shift=shift)
            scores = {name: rival(now) for name, rival in rivals.items()}
            for trial in due:
                count = history.sum_of(grid, shift, shift + HORIZONS[trial.horizon])
                forecast = forecast_cells(site, learned, trial.horizon)
                _judge(trial, {**scores, CALIBRATED: forecast.mean}, count, ties)
                _weigh(trial, forecast, scores, count, shift, rng)
        site.add(*history.of(shift))
    return list(trials.values())


def _judge(trial: Trial, scores: Mapping[str, Floats | Ints], count: Ints, ties: Ints) -> None:
    trial.events.append(int(count.sum()))
    trial.possible.append(metrics.best_hits(count))
    for name, score in scores.items():
        trial.methods[name].hits.append(metrics.hits(score, count, ties))


def _weigh(
    trial: Trial,
    forecast: Forecast,
    scores: Mapping[str, Floats | Ints],
    count: Ints,
    shift: int,
    rng: np.random.Generator,
) -> None:
    """Log scores and calibration of one window."""
    mean, size = forecast.mean, forecast.size
    trial.methods[CALIBRATED].log_scores.append(float(law.log_probability(count, mean, size).mean()))
    for name, span in RATE_SHIFTS.items():
        if name in scores:
            shifts = min(shift, span or shift)
            rate = plain_rate(scores[name].astype(np.int64), shifts) * HORIZONS[trial.horizon]
            poisson = law.size_of(rate, clumping=0.0, unevenness=0.0)
            trial.methods[name].log_scores.append(float(law.log_probability(count, rate, poisson).mean()))
    pit = law.randomised_pit(count, mean, size, rng.random(len(count)))
    inside = (pit >= 0.05) & (pit <= 0.95)
    busy = np.argsort(-mean, kind="stable")[: metrics.cells_watched(trial.cells, BUSY)]
    trial.expected += float(mean.sum())
    trial.inside.append(int(inside.sum()))
    trial.busy_inside.append(int(inside[busy].sum()))


def split_of(days: int, test_days: int) -> int:
    """The shift at which the test begins: of a short history, at most its last third is tested."""
    return (days - min(test_days, days // 3)) * SHIFTS

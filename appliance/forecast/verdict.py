"""Whether the forecast is offered, and whether its parameters have drifted: the last weeks held against what came.

Both rest on one small backtest of the last days (`rolling`), in which every forecast knew only what came before it.
Called by `job.forecasting`.
"""

import msgspec
import numpy as np

from appliance.forecast import metrics
from appliance.forecast.grid import Grid, Ints
from appliance.forecast.history import SHIFTS, History
from appliance.forecast.outlook import PLAIN
from appliance.forecast.parameters import Parameters
from appliance.forecast.rivals import count_all
from appliance.forecast.rolling import BUSY, CALIBRATED, Trial, backtest, split_of

CHECK_DAYS = 28
HORIZONS_CHECKED = ("next_day", "next_7_days")
MIN_DAYS, MIN_EVENTS = 7, 20
"""Of fewer days or events nothing is said."""
COVERAGE_BOUNDS, BUSY_BOUNDS = (0.87, 0.93), (0.80, 0.98)
"""Between which the share of counts in the 90 % interval lies, of all cells and of the busiest twentieth."""
HIT_RATIO = 0.95
"""Of the plain count's hits in 5 % of the cells, the forecast finds at least this share."""
ERRORS = 2.0
"""By so many standard errors a figure lies beyond its bound before it counts."""
_AREA = metrics.AREAS.index(0.05)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One horizon over the last days; each error is a bootstrap over windows, of a week's in blocks of seven.

    log_score, plain_log_score  means over cells and windows, the higher the better
    coverage, busy_coverage     share of counts in the 90 % interval by randomised PIT
    hit_rate, plain_hit_rate    share of events in the 5 % of the cells that were named
    """

    horizon: str
    windows: int
    events: int
    log_score: float
    plain_log_score: float
    coverage: float
    coverage_error: float
    busy_coverage: float
    busy_coverage_error: float
    hit_rate: float
    plain_hit_rate: float
    hit_error: float


def check_split(days: int) -> int | None:
    """The shift at which a check of so many days of history begins; None where they are too few."""
    split = split_of(days, CHECK_DAYS)
    return split if days - split // SHIFTS >= MIN_DAYS else None


def check(grid: Grid, history: History, *, split: int, parameters: Parameters | None) -> list[Figures]:
    """Forecast every day from the shift `split` on; `parameters` None: as learned from what came before.

    The grid is that of the days before, as `Incidents.laid_out`.
    """
    trials = backtest(
        grid,
        history,
        first=split,
        rivals={PLAIN: count_all},
        parameters=parameters,
        horizons=HORIZONS_CHECKED,
    )
    return [_figures(trial) for trial in trials]


def refusal(figures: Figures | None) -> str:
    """Why a horizon is not offered; '' where it is."""
    if figures is None:
        return f"too little history: {3 * MIN_DAYS} days are needed before a forecast can be held against what came"
    if figures.events < MIN_EVENTS:
        return f"{figures.events} events in the last {CHECK_DAYS} days are too few to hold a forecast against them"
    if figures.log_score <= figures.plain_log_score:
        return (
            f"over the last {figures.windows} windows the plain count foretold better: log score "
            f"{figures.plain_log_score:.6f} against {figures.log_score:.6f}"
        )
    return ""


def drift(figures: Figures) -> str:
    """What lies outside the stated bounds, in words; '' where nothing does."""
    if figures.events < MIN_EVENTS:
        return ""
    found = []
    for name, value, error, (least, most) in (
        ("counts", figures.coverage, figures.coverage_error, COVERAGE_BOUNDS),
        ("counts of the busiest cells", figures.busy_coverage, figures.busy_coverage_error, BUSY_BOUNDS),
    ):
        if value + ERRORS * error < least or value - ERRORS * error > most:
            found.append(f"{value:.1%} of {name} in the 90 % interval, outside {least:.0%} to {most:.0%}")
    short = HIT_RATIO * figures.plain_hit_rate - figures.hit_rate
    if short > 0 and figures.plain_hit_rate - figures.hit_rate > ERRORS * figures.hit_error:
        found.append(f"hit rate {figures.hit_rate:.3f}, below {HIT_RATIO:.0%} of the plain count's")
    return "; ".join(found)


def _figures(trial: Trial) -> Figures:
    ours, plain = trial.methods[CALIBRATED], trial.methods[PLAIN]
    events, windows = np.array(trial.events, np.int64), len(trial.events)
    hits, plain_hits = (np.array(tally.hits)[:, _AREA] for tally in (ours, plain))
    busy = metrics.cells_watched(trial.cells, BUSY)
    inside, busy_inside = np.array(trial.inside), np.array(trial.busy_inside)
    total = max(int(events.sum()), 1)
    return Figures(
        horizon=trial.horizon,
        windows=windows,
        events=int(events.sum()),
        log_score=float(np.mean(ours.log_scores)),
        plain_log_score=float(np.mean(plain.log_scores)),
        coverage=float(inside.sum()) / (windows * trial.cells),
        coverage_error=_error(trial, inside, np.full(windows, trial.cells)),
        busy_coverage=float(busy_inside.sum()) / (windows * busy),
        busy_coverage_error=_error(trial, busy_inside, np.full(windows, busy)),
        hit_rate=float(hits.sum()) / total,
        plain_hit_rate=float(plain_hits.sum()) / total,
        hit_error=_error(trial, hits - plain_hits, events),
    )


def _error(trial: Trial, values: Ints, weights: Ints) -> float:
    block = 7 if trial.horizon == "next_7_days" else 1
    rng = np.random.default_rng(1)
    return metrics.standard_error(values.astype(np.float64), weights.astype(np.float64), block=block, rng=rng)

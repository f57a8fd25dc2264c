"""What a site's own history teaches: parameters by likelihood, each forecast judged by what came after it.

Run through the history once, and at every instant of its last year write down what each part of the mixture said of
the events that followed: then the weights are those under which these events were likeliest (a mixture of fixed
densities, so the likelihood has one maximum and EM finds it), drawn towards the defaults by `PRIOR_EVENTS` and towards
the long run by `LONG_RUN`. The strengths of the season likewise, on a grid. Run once more to see how far counts scatter
around the means so found. Nothing here is set for one city. Called after `history` is read, at most once a day.
"""

import itertools
import math

import msgspec
import numpy as np

from appliance.forecast import law
from appliance.forecast.grid import Floats, Grid, Ints
from appliance.forecast.history import HORIZONS, SHIFTS, History
from appliance.forecast.level import LEVEL_HALF_LIVES_DAYS
from appliance.forecast.parameters import DEFAULT_WEIGHTS, HorizonParameters, Parameters
from appliance.forecast.past import PARTS, class_of
from appliance.forecast.predict import EVERY, Site, expected_events
from appliance.forecast.season import by_shift, pooled, site_shares

LEARN_DAYS = 365
PRIOR_EVENTS = 20.0
LONG_RUN = 0.3
"""The share of the learned weights that is given to the cell's own long run. Likelihood is earned on the many quiet
cells, and hits at the few busy ones, where the long run is hard to beat: over the recorded sets this costs 0.1 % of the
log score and mends the rankings of a week (0.2 to 0.5 serve alike)."""
MIN_EVENTS = 50  # fewer teach nothing: the defaults stand
MAX_ROWS = 20_000  # events remembered per horizon; of more, every second, third...
STRENGTHS = (*(2.0**power for power in range(2, 14)), 1e6)
_STRENGTH_ROUNDS = 3  # over the levels; the likelihood is smooth, and the second hardly changes anything
CLUMPING = (0.0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.4, 0.8, 1.6)
UNEVENNESS = (0.0, 0.03, 0.1, 0.2, 0.4, 0.8, 1.6)
SCATTER_DOUBT = 4.0
"""By so much the logarithm of the likelihood must rise for each 0.1 of clumping and each 1 of unevenness: of few events
a single chance pair would pass for a habit."""
_SCATTER_CELLS = 400_000  # cells times windows from which the scatter is learned
_SCATTER_WINDOWS = 120
_WILD = 5.0  # times the median miss of roots of totals
_EM_STEPS, _EM_ENOUGH = 400, 1e-5


Three = tuple[float, float, float]


class Lessons(msgspec.Struct, kw_only=True):
    """What was written down of one horizon; rows are events.

    said     (14, m) each part's density at an event's cell, and how many `events` were there
    season   (24, m) counts by class of the cell, its neighbourhood, district and the site, and the
             `shift_class` that it was; of the shift horizon only
    levels   expected totals by each of the weekday weeks and half-lives, and the true `totals`, one an instant
    """

    said: list[Floats] = msgspec.field(default_factory=list)
    events: list[Ints] = msgspec.field(default_factory=list)
    season: list[Floats] = msgspec.field(default_factory=list)
    shift_class: list[int] = msgspec.field(default_factory=list)
    levels: list[Floats] = msgspec.field(default_factory=list)
    totals: list[int] = msgspec.field(default_factory=list)


def learn(grid: Grid, history: History, *, until: int | None = None) -> Parameters:
    """The parameters that the shifts before `until` (default: all) teach; the defaults where they are too few."""
    end = history.shifts if until is None else until
    begin = max(end - LEARN_DAYS * SHIFTS, end // 3)
    if grid.size == 0 or history.count[history.start[begin] : history.start[end]].sum() < MIN_EVENTS:
        return Parameters()
    lessons = _write_down(grid, history, begin, end)
    class_strengths, shift_strengths = _season_strengths(lessons["next_shift"])
    found = Parameters(
        class_strengths=class_strengths,
        shift_strengths=shift_strengths,
        horizons={name: _of_horizon(lesson) for name, lesson in lessons.items()},
        events=int(sum(events.sum() for events in lessons["next_day"].events)),
    )
    return _with_scatter(found, grid, history, begin, end)


def mixture_weights(said: Floats, events: Floats, prior: Floats) -> Floats:
    """The weights of densities under which events are likeliest, given as many events before as `prior` has.

    said     (k, m)  the density of each part at each event
    events   (m,)    how many there were
    prior    (k,)    events that belong to each part already, above 0
    returns  (k,)    at least 0, sum 1
    Source: Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm" (1977).
    """
    weights: Floats = prior / prior.sum()
    for _ in range(_EM_STEPS):
        belongs = said * weights[:, None]
        counts = prior + belongs @ (events / np.maximum(belongs.sum(axis=0), 1e-300))
        updated = counts / counts.sum()
        change = float(np.abs(updated - weights).max())
        weights = updated
        if change < _EM_ENOUGH:
            break
    return weights


def _write_down(grid: Grid, history: History, begin: int, end: int) -> dict[str, Lessons]:
    site = Site(grid, history.first_day.weekday())
    lessons = {name: Lessons() for name in HORIZONS}
    rows = int(history.start[end] - history.start[begin])
    stride = 1 + rows // MAX_ROWS
    for shift in range(end):
        if shift >= begin:
            for name, length in HORIZONS.items():
                # A week's windows follow one another: overlapping ones would tell the same events seven times.
                if shift + length <= end and (shift - begin) % length == 0:
                    _note(lessons[name], site, history, shift, length, stride)
        site.add(*history.of(shift))
    return lessons


def _note(lesson: Lessons, site: Site, history: History, shift: int, length: int, stride: int) -> None:
    rows = slice(history.start[shift], history.start[shift + length])
    place, count = history.place[rows], history.count[rows]
    lesson.levels.append(site.level.expect(length).sum(axis=2).ravel())
    lesson.totals.append(int(count.sum()))
    known = site.past.is_known(place)
    place, count = place[known][shift % stride :: stride], count[known][shift % stride :: stride]
    if not len(place):
        return
    lesson.said.append(site.past.densities(place))
    lesson.events.append(count)
    if length == 1:
        total = np.repeat(site.past.seasons(EVERY)[0].sum(axis=1)[:, None], len(place), axis=1)
        lesson.season.append(np.concatenate([*site.past.seasons(place), total]))
        lesson.shift_class += [class_of(shift, site.first_weekday)] * len(place)


def _of_horizon(lesson: Lessons) -> HorizonParameters:
    prior = PRIOR_EVENTS * np.array(DEFAULT_WEIGHTS)
    weights = prior / PRIOR_EVENTS
    if lesson.said:
        said, events = np.concatenate(lesson.said, axis=1), np.concatenate(lesson.events).astype(np.float64)
        weights = (1 - LONG_RUN) * mixture_weights(said, events, prior)
        weights[PARTS.index("own_all")] += LONG_RUN
    # Roots of counts scatter alike at every level, so that one wild day does not decide.
    miss = np.sqrt(np.array(lesson.levels)) - np.sqrt(np.array(lesson.totals))[:, None] if lesson.levels else None
    best = 1 if miss is None else int((miss**2).sum(axis=0).argmin())
    weekday_weeks, level_half_life = divmod(best, len(LEVEL_HALF_LIVES_DAYS))
    return HorizonParameters(
        weights=tuple(weights.tolist()), level_half_life=level_half_life, weekday_weeks=weekday_weeks
    )


def _season_strengths(lesson: Lessons) -> tuple[Three, Three]:
    """Of the six classes, and of the three shifts whatever the day."""
    default = Parameters()
    if not lesson.season:
        return default.class_strengths, default.shift_strengths
    *levels, site = np.split(np.concatenate(lesson.season, axis=1), 4)
    usual, events, at = site_shares(site), np.concatenate(lesson.events), np.array(lesson.shift_class)
    return (
        _likeliest_strengths(usual, levels, at, events, default.class_strengths),
        _likeliest_strengths(
            by_shift(usual), [by_shift(level) for level in levels], at % SHIFTS, events, default.shift_strengths
        ),
    )


def _likeliest_strengths(usual: Floats, levels: list[Floats], which: Ints, events: Ints, start: Three) -> Three:
    """The strengths under which the classes `which` of the events were likeliest, found level by level from `start`."""
    row = np.arange(len(which))
    counts, totals = [level[which, row] for level in levels], [level.sum(axis=0) for level in levels]
    prior = usual[which, row]

    def likelihood(strengths: Three) -> float:
        return float((events * np.log(pooled(prior, counts, totals, strengths))).sum())

    own, near, district = start
    for _ in range(_STRENGTH_ROUNDS):
        own = max(STRENGTHS, key=lambda strength: likelihood((strength, near, district)))
        near = max(STRENGTHS, key=lambda strength: likelihood((own, strength, district)))
        district = max(STRENGTHS, key=lambda strength: likelihood((own, near, strength)))
    return own, near, district


def _with_scatter(parameters: Parameters, grid: Grid, history: History, begin: int, end: int) -> Parameters:
    windows = max(4, min(_SCATTER_WINDOWS, _SCATTER_CELLS // grid.size))
    wanted = {
        name: set(_spread(range(begin, end - length + 1, 1 if length == 1 else SHIFTS), windows))
        for name, length in HORIZONS.items()
    }
    seen: dict[str, list[tuple[Floats, Ints]]] = {name: [] for name in HORIZONS}
    site = Site(grid, history.first_day.weekday())
    for shift in range(end):
        for name, length in HORIZONS.items():
            if shift in wanted[name]:
                seen[name].append(
                    (expected_events(site, parameters, name), history.sum_of(grid, shift, shift + length))
                )
        site.add(*history.of(shift))
    horizons = {name: _scattered(own, seen[name]) for name, own in parameters.horizons.items()}
    return msgspec.structs.replace(parameters, horizons=horizons)


def _spread(instants: range, number: int) -> list[int]:
    """So many of them, evenly."""
    if not len(instants):
        return []
    return [instants[int(at)] for at in np.linspace(0, len(instants) - 1, min(number, len(instants)))]


def _scattered(own: HorizonParameters, seen: list[tuple[Floats, Ints]]) -> HorizonParameters:
    """With the scatter that both halves of the windows show: one feast, or one mistaken import, is no habit."""
    if len(seen) < 2:
        return own
    off = np.array([abs(math.sqrt(mean.sum()) - math.sqrt(count.sum())) for mean, count in seen])
    usual = [window for window, by in zip(seen, off, strict=True) if by <= _WILD * max(float(np.median(off)), 0.3)]
    half = len(usual) // 2
    found = [_likeliest_scatter(windows) for windows in (usual[:half], usual[half:])]
    clumping, unevenness = (min(values) for values in zip(*found, strict=True))
    return msgspec.structs.replace(own, clumping=clumping, unevenness=unevenness)


def _likeliest_scatter(windows: list[tuple[Floats, Ints]]) -> tuple[float, float]:
    mean, count = np.concatenate([m for m, _ in windows]), np.concatenate([c for _, c in windows])
    inside = mean > 0
    mean, count = mean[inside], count[inside]

    def likelihood(scatter: tuple[float, float]) -> float:
        size = law.size_of(mean, clumping=scatter[0], unevenness=scatter[1])
        return float(law.log_probability(count, mean, size).sum()) - SCATTER_DOUBT * (10 * scatter[0] + scatter[1])

    return max(itertools.product(CLUMPING, UNEVENNESS), key=likelihood)

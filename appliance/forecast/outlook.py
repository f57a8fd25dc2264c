"""The forecast as it is kept and shown: windows of days, cells of several resolutions, all events and each type.

Everything is forecast at one fine resolution. A coarser cell is the sum of its children, so the two never contradict
each other; its interval is that of a count with the summed mean under the law learned on fine cells. Two things about
that are approximate: how much the good and bad days of neighbours go together is not asked, and H3's children reach
over their parent's edge, so that an event near one may be expected in the cell beside its own. Called by
`job.forecasting`.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import msgspec
import numpy as np

from appliance.forecast import law
from appliance.forecast.grid import Floats, Grid, Ints
from appliance.forecast.history import HORIZONS, SHIFTS, History
from appliance.forecast.mix import OTHERS, Mix
from appliance.forecast.parameters import Parameters
from appliance.forecast.predict import Site, expected_events
from appliance.forecast.rivals import Instant, count_all, plain_rate
from appliance.forecast.scale import risk_score
from appliance.spatial.cells import area_km2, parent

CALIBRATED, PLAIN = "calibrated", "count_all"
COVERAGE = 0.9
WINDOWS = (("next_day", 0), ("next_day", 1), ("next_7_days", 0))
"""(horizon, days from now at which it begins): today, whose events are not all here; tomorrow; the seven days."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What each cell of a grid is to expect in the days of a horizon, and the scatter of counts of that window.

    mean  (n,)
    """

    horizon: str
    day: date
    method: str
    mean: Floats
    clumping: float = 0.0
    unevenness: float = 0.0

    @property
    def days(self) -> int:
        """How many."""
        return HORIZONS[self.horizon] // SHIFTS


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """A slice: one window at one resolution, of all events ('') or of a type. Arrays are by ascending cell, (n,).

    low, high  counts between which at least 90 % lie
    score      0..100, of the expected harm a day, in hundredths
    """

    resolution: int
    window: Window
    event_type: str
    cells: Ints
    mean: Floats
    low: Ints
    high: Ints
    score: Floats


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of one resolution, where each fine cell's is among them, and their areas."""

    resolution: int
    cells: Ints
    place: Ints
    area_km2: Floats

    def sum_of(self, fine: Floats) -> Floats:
        """(n,) of fine cells -> (m,) of these."""
        found: Floats = np.bincount(self.place, weights=fine, minlength=len(self.cells)).astype(np.float64)
        return found


def areas_of(grid: Grid, resolutions: Sequence[int]) -> list[Area]:
    """The grid seen at each of these resolutions, which are its own or coarser."""
    found = []
    for resolution in resolutions:
        above = np.array([parent(cell, resolution) for cell in grid.cells.tolist()], np.int64)
        cells, place = np.unique(above, return_inverse=True)
        area = np.array([area_km2(cell) for cell in cells.tolist()])
        found.append(Area(resolution=resolution, cells=cells, place=place, area_km2=area))
    return found


def site_of(grid: Grid, history: History) -> Site:
    """The site at the end of its history."""
    site = Site(grid, history.first_day.weekday())
    for shift in range(history.shifts):
        site.add(*history.of(shift))
    return site


def calibrated_window(site: Site, parameters: Parameters, horizon: str, day: date, lead_days: int) -> Window:
    """Of the forecast."""
    own = parameters.horizons[horizon]
    return Window(
        horizon=horizon,
        day=day + timedelta(days=lead_days),
        method=CALIBRATED,
        mean=expected_events(site, parameters, horizon, lead_days * SHIFTS),
        clumping=own.clumping,
        unevenness=own.unevenness,
    )


def plain_window(grid: Grid, history: History, horizon: str, day: date, lead_days: int) -> Window:
    """Of the plain count of all there was: Poisson, every window alike."""
    count = count_all(Instant(grid=grid, history=history, shift=history.shifts))
    mean = plain_rate(count, history.shifts) * HORIZONS[horizon]
    return Window(horizon=horizon, day=day + timedelta(days=lead_days), method=PLAIN, mean=mean)


def outlooks_of(window: Window, area: Area, mix: Mix) -> Iterator[Outlook]:
    """All events first, then each type that has a name.

    A type's count is all events' count thinned by its share: negative binomial of the same size.
    """
    by_type = np.stack([area.sum_of(window.mean * share) for share in mix.share])
    total = area.sum_of(window.mean)
    size = law.size_of(total, clumping=window.clumping, unevenness=window.unevenness)
    yield _outlook(window, area, "", total, size, mix.weight @ by_type)
    for name, weight, mean in zip(mix.types, mix.weight.tolist(), by_type, strict=True):
        if name != OTHERS:
            yield _outlook(window, area, name, mean, size, weight * mean)


def _outlook(window: Window, area: Area, event_type: str, mean: Floats, size: Floats, harm: Floats) -> Outlook:
    edge = (1 - COVERAGE) / 2
    return Outlook(
        resolution=area.resolution,
        window=window,
        event_type=event_type,
        cells=area.cells,
        mean=mean,
        low=law.quantile(edge, mean, size),
        high=law.quantile(1 - edge, mean, size),
        score=np.round(risk_score(harm / window.days, area.area_km2), 2),
    )

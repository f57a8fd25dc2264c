"""The forecast: the expected events of each cell in the next shift, day or seven days, and how sure that is.

    site = Site(grid, first_weekday)
    for shift in range(history.shifts): site.add(*history.of(shift))
    forecast_cells(site, parameters, "next_day")

The expected total of the area (`level`) is spread over its cells by the mixture of what the past says (`past`), each
shift by its place in the week (`season`). The count of a cell is negative binomial around that (`law`).
"""

from collections import defaultdict

import msgspec
import numpy as np

from appliance.forecast import law
from appliance.forecast.grid import Floats, Grid, Ints
from appliance.forecast.history import HORIZONS
from appliance.forecast.level import Level
from appliance.forecast.parameters import CODE_VERSION, Parameters
from appliance.forecast.past import Past, class_of
from appliance.forecast.scale import REFERENCE
from appliance.forecast.season import multipliers

EVERY = slice(None)


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What n cells of a grid are to expect in one window.

    mean, size                    (n,) of the negative binomial law
    code, parameters, reference   versions of what made it, and of the scale that its scores are on
    """

    horizon: str
    mean: Floats
    size: Floats
    code: str = CODE_VERSION
    parameters: str = ""
    reference: str = REFERENCE

    def interval(self, coverage: float = 0.9) -> tuple[Ints, Ints]:
        """(lowest, highest) count of the central interval of at least this coverage, both (n,)."""
        edge = (1 - coverage) / 2
        return law.quantile(edge, self.mean, self.size), law.quantile(1 - edge, self.mean, self.size)


class Site:
    """Everything that a forecast knows of a site up to an instant, which `add` moves on by a shift."""

    def __init__(self, grid: Grid, first_weekday: int) -> None:
        self.past, self.level = Past(grid), Level(first_weekday)
        self.first_weekday = first_weekday
        self.shift = 0

    def add(self, place: Ints, count: Ints) -> None:
        """Take in the events of the next shift."""
        self.past.add(place, count, class_of(self.shift, self.first_weekday))
        self.level.add(int(count.sum()))
        self.shift += 1


def forecast_cells(site: Site, parameters: Parameters, horizon: str, lead: int = 0) -> Forecast:
    """Forecast the window that begins `lead` shifts from now; a site without a past expects nothing.

    What was learned of windows that begin now is taken to hold for those that begin soon.
    """
    own = parameters.horizons[horizon]
    mean = expected_events(site, parameters, horizon, lead)
    size = law.size_of(mean, clumping=own.clumping, unevenness=own.unevenness)
    return Forecast(horizon=horizon, mean=mean, size=size, parameters=parameters.version)


def expected_events(site: Site, parameters: Parameters, horizon: str, lead: int = 0) -> Floats:
    """(n,) the mean alone."""
    own, n = parameters.horizons[horizon], site.past.grid.size
    where = np.array(own.weights) @ site.past.densities(EVERY)
    when = multipliers(
        site.past.seasons(EVERY),
        class_strengths=parameters.class_strengths,
        shift_strengths=parameters.shift_strengths,
    )
    totals = site.level.expect(lead + HORIZONS[horizon])[own.weekday_weeks, own.level_half_life, lead:].tolist()
    by_class: defaultdict[int, float] = defaultdict(float)
    for step, total in enumerate(totals, lead):
        by_class[class_of(site.shift + step, site.first_weekday)] += total
    mean = np.zeros(n)
    for shift_class, total in by_class.items():
        spread = where * when[shift_class]
        mean += total * spread / max(float(spread.sum()), 1e-300)
    return mean

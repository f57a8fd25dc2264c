"""A backtest of incidents, with the composite profile beside the plain rivals; and the incidents of the store."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from appliance.aggregate.hours import SiteHours
from appliance.forecast.grid import Floats
from appliance.forecast.history import SHIFTS
from appliance.forecast.incidents import NO_HOUR, Incidents
from appliance.forecast.rivals import RIVALS, Instant, Rival
from appliance.forecast.rolling import Trial, backtest, split_of
from appliance.job.forecast_history import HourOfDay
from appliance.score.composite import WINDOW_DAYS, score_composite
from appliance.store.counts import fetch_hourly_counts
from appliance.store.engine import Store


def composite(now: Instant) -> Floats:
    """The composite score of the last whole day before the instant, min-max scaled over the cells."""
    today = now.shift // SHIFTS
    days = range(today - 1 - WINDOW_DAYS, today)
    counts = np.stack([now.history.sum_of(now.grid, day * SHIFTS, (day + 1) * SHIFTS) for day in days], axis=1)
    found: Floats = score_composite(counts).risk_score[:, -1]
    return found


METHODS: Mapping[str, Rival] = {**RIVALS, "composite": composite}


def perform_backtest(incidents: Incidents, *, test_days: int) -> tuple[list[Trial], int]:
    """(one trial a horizon, how many days were tested): at most a third of the days.

    raises  Rejected  too few or too many days, or too large an area
    """
    _, days = incidents.span()
    split = split_of(days, test_days)
    grid, history = incidents.laid_out(split)
    return backtest(grid, history, first=split, rivals=METHODS), days - split // SHIFTS


def fetch_incidents(
    store: Store, *, resolution: int, hours: SiteHours, types: Sequence[str], limit_s: float = 120.0
) -> Incidents:
    """The events of a site from its counters, and from events that no counter has yet.

    raises  Rejected  more than can be held
    """
    found, clock = Incidents(), HourOfDay(hours.zone)
    with store.read(limit_s=limit_s) as connection:
        for day, cell, hour, count in fetch_hourly_counts(connection, resolution=resolution, hours=hours, types=types):
            found.add(cell, date.fromisoformat(day).toordinal(), NO_HOUR if hour is None else clock.of(hour), count)
    return found

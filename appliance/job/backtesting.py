"""A backtest of incidents, with the composite profile beside the plain rivals; and the incidents of the store."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import msgspec
import numpy as np

from appliance.aggregate.hours import SiteHours
from appliance.errors import Rejected
from appliance.forecast.grid import Floats
from appliance.forecast.history import SHIFTS
from appliance.forecast.incidents import NO_HOUR, Incidents
from appliance.forecast.rivals import RIVALS, Instant, Rival
from appliance.forecast.rolling import Trial, backtest, split_of
from appliance.job.forecast_history import HourOfDay
from appliance.model.backtest import FEWEST_DAYS, FEWEST_INCIDENTS, Part, Report
from appliance.model.discovery import Discovery
from appliance.score.composite import WINDOW_DAYS, score_composite
from appliance.store.engine import Store
from appliance.store.settled.counts import fetch_hourly_counts
from appliance.store.settled.discovered import count_discovered, discovery_known_from


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


def part_of(incidents: Incidents, *, test_days: int) -> Part:
    """The backtest of one kind of incidents, as it is kept.

    raises  Rejected  as `perform_backtest`
    """
    first, days = incidents.span()
    trials, tested = perform_backtest(incidents, test_days=test_days)
    return Part(
        incidents=incidents.total,
        from_day=first,
        to_day=first + timedelta(days=days - 1),
        test_days=tested,
        cells=trials[0].cells if trials else 0,
        rows=[row for trial in trials for row in trial.rows()],
        calibration=[trial.calibration() for trial in trials],
        differences=[one for trial in trials for one in trial.differences()],
    )


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The incidents of a site: what was reported, and apart from it what patrols discovered.

    known_from  the day from which on it is known who discovered an incident; None: it is of all
    """

    reported: Incidents
    discovered: Incidents
    known_from: date | None = None


def report_of(found: Found, *, test_days: int) -> Report:
    """The backtest of what was reported, and of what was discovered where there is enough of it.

    raises  Rejected  too few incidents were reported, or over too few days
    """
    shortage = shortage_of(found.reported)
    if shortage:
        raise Rejected(f"not enough history yet: {shortage}")
    discovered = None if shortage_of(found.discovered) else part_of(found.discovered, test_days=test_days)
    return Report(
        reported=part_of(found.reported, test_days=test_days),
        discovered=discovered,
        discovered_incidents=found.discovered.total,
        discovery_known_from=found.known_from,
    )


def shortage_of(incidents: Incidents) -> str:
    """What is missing before incidents can be tested; empty: nothing."""
    days = incidents.days()
    if days >= FEWEST_DAYS and incidents.total >= FEWEST_INCIDENTS:
        return ""
    return (
        f"{incidents.total:,} incidents over {days:,} days, at least {FEWEST_INCIDENTS} over {FEWEST_DAYS} are needed"
    )


def fetch_incidents(
    store: Store, *, resolution: int, hours: SiteHours, types: Sequence[str], before: date = date.max
) -> Incidents:
    """The events of a site, whoever discovered them.

    raises  Rejected  more than can be held
    """
    nobody = Discovery()
    return fetch_parts(store, resolution=resolution, hours=hours, types=types, discovery=nobody, before=before).reported


def fetch_parts(
    store: Store,
    *,
    resolution: int,
    hours: SiteHours,
    types: Sequence[str],
    discovery: Discovery,
    before: date = date.max,
    limit_s: float = 120.0,
) -> Found:
    """The events of a site from its counters, and from events that no counter has yet.

    before  the first day that is left out: today is not over, and what lies in the future has a wrong clock

    raises  Rejected  more than can be held
    """
    apart = count_discovered(store, resolution=resolution, hours=hours, discovery=discovery, types=types)
    with store.read() as connection:
        known_from = discovery_known_from(connection, hours, discovery)
    found, clock = Found(reported=Incidents(), discovered=Incidents(), known_from=known_from), HourOfDay(hours.zone)
    end = before.isoformat()
    with store.read(limit_s=limit_s) as connection:
        for day, cell, hour, count in fetch_hourly_counts(connection, resolution=resolution, hours=hours, types=types):
            if day >= end:
                continue
            discovered = min(count, apart[day, cell, hour]) if apart else 0
            where = (cell, date.fromisoformat(day).toordinal(), NO_HOUR if hour is None else clock.of(hour))
            if discovered:
                apart[day, cell, hour] -= discovered
                found.discovered.add(*where, discovered)
            if count > discovered:
                found.reported.add(*where, count - discovered)
    return found

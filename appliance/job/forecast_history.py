"""What a forecast is made of: the site's events up to a day, as the counters have them. Called by `forecasting`."""

from collections import Counter
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import msgspec

from appliance.aggregate.hours import SiteHours
from appliance.clock import from_us
from appliance.forecast.grid import Grid
from appliance.forecast.history import SHIFTS, History
from appliance.forecast.incidents import NO_HOUR, Incidents
from appliance.forecast.mix import Mix, mix_of
from appliance.model.settings import Risk
from appliance.store.engine import Store
from appliance.store.forecast.runs import Inputs, fetch_inputs
from appliance.store.settled.counts import fetch_hourly_counts
from appliance.store.settled.type_counts import fetch_first_day, fetch_mean_severity, fetch_type_counts

HISTORY_DAYS = 3_660
"""Older events are left out: a device that dates an event to 1970 must not make fifty years of history."""
MAX_ROWS = 1_500_000
"""Of counters, some 60 MB: of a busier site the newest days that have no more."""
READ_S = 300.0


class SiteHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The events of the whole days before a day, one moment of the store.

    days         from the first with an event to the day before; 0: there is none
    type_counts  events by (cell, type)
    weights      the harm of one event of each type
    """

    first_day: date
    days: int
    incidents: Incidents
    type_counts: Counter[tuple[int, str]]
    weights: dict[str, float]
    inputs: Inputs

    def laid_out(self, split: int | None = None) -> tuple[Grid, History]:
        """The grid of cells with an event before the shift `split` (default: any), and what happened in it.

        raises  Rejected  there are too many cells
        """
        end = self.days * SHIFTS if split is None else split
        return self.incidents.laid_out(end, (self.first_day, self.days))

    def mix(self, grid: Grid) -> Mix:
        """The types of events in the cells of a grid."""
        return mix_of(grid, self.type_counts, self.weights)


def read_site_history(store: Store, *, risk: Risk, hours: SiteHours, today: date) -> SiteHistory:
    """Read what there is of the days before `today`."""
    oldest, resolution, types = today - timedelta(days=HISTORY_DAYS), risk.patrol_resolution, tuple(risk.types)
    incidents, clock = Incidents(), HourOfDay(hours.zone)
    with store.read(limit_s=READ_S) as connection:
        inputs = fetch_inputs(connection)
        first = fetch_first_day(connection, resolution=resolution, from_day=oldest, before_day=today, max_rows=MAX_ROWS)
        begin = first or oldest
        last_day, ordinal = "", 0
        for day, cell, hour, count in fetch_hourly_counts(
            connection, resolution=resolution, hours=hours, types=types, from_day=begin, before_day=today
        ):
            if day != last_day:
                last_day, ordinal = day, date.fromisoformat(day).toordinal()
            incidents.add(cell, ordinal, NO_HOUR if hour is None else clock.of(hour), count)
        type_counts = fetch_type_counts(
            connection, resolution=resolution, hours=hours, types=types, from_day=begin, before_day=today
        )
        severity = fetch_mean_severity(connection) if risk.severity_weight else {}
    first = incidents.first_day()
    return SiteHistory(
        first_day=first or today,
        days=(today - first).days if first else 0,
        incidents=incidents,
        type_counts=type_counts,
        weights=harm_of(risk, severity),
        inputs=inputs,
    )


def harm_of(risk: Risk, severity: dict[str, float]) -> dict[str, float]:
    """The harm of one event of each type: its weight, and `severity_weight` times its mean severity more."""
    return {
        name: risk.type_weights.get(name, 1.0) * (1 + risk.severity_weight * severity.get(name, 0.0))
        for name in {*risk.type_weights, *severity}
    }


class HourOfDay:
    """The hour that the site's clock shows at instants, remembered."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._known: dict[int, int] = {}

    def of(self, us: int) -> int:
        """0..23 at an instant in microseconds."""
        if us not in self._known:
            self._known[us] = from_us(us).astimezone(self._zone).hour
        return self._known[us]

"""When a forecast is to be made again: a new day, late data, other settings or parameters. Asked every few seconds."""

from collections.abc import Callable
from datetime import datetime, timedelta

from appliance.aggregate.hours import SiteHours
from appliance.clock import day_bounds, site_day, to_us
from appliance.job.forecasting import settings_digest
from appliance.model.settings import Risk
from appliance.store.engine import Store
from appliance.store.forecast.parameters import fetch_active
from appliance.store.forecast.runs import fetch_inputs, fetch_last_forecast_run, has_late_event

AFTER_MIDNIGHT = timedelta(minutes=5)
REST = 20
"""After a run, late data waits for this many times as long as it took: so a flood of it costs a twentieth of a core."""
TRICKLE, TRICKLE_REST = 0.1, timedelta(hours=1)
"""Where less than a tenth is new it waits for an hour: it changes little of what is said, and all is written anew."""


class ForecastDue:
    """Remembers which events it has looked at. One a process, on one thread."""

    def __init__(
        self,
        store: Store,
        *,
        risk: Risk,
        hours: SiteHours,
        clock: Callable[[], datetime],
        clock_trusted: Callable[[], bool],
    ) -> None:
        self._store, self._risk, self._hours = store, risk, hours
        self._clock, self._trusted = clock, clock_trusted
        self._looked, self._late_of = 0, 0

    def __call__(self) -> bool:
        """Whether a run is due. With a clock that cannot be believed none is, for it goes by days."""
        return self._trusted() and bool(self.why())

    def why(self) -> str:
        """What for; '' for nothing."""
        now = self._clock()
        today = site_day(to_us(now), self._hours.zone)
        begin, _ = day_bounds(today, self._hours.zone)
        if now < begin + AFTER_MIDNIGHT:
            return ""
        with self._store.read() as connection:
            last, inputs = fetch_last_forecast_run(connection), fetch_inputs(connection)
            if last is None or last.day != today:
                return "a new day"
            if last.settings != settings_digest(self._risk, self._hours):
                return "other settings"
            active = fetch_active(connection, last.resolution)
            if active and last.parameter_version and active.version != last.parameter_version:
                return "other parameters"
            if self._late_of != last.run_id:
                self._looked = max(self._looked, last.seen_pk)
                if inputs.corrections == last.corrections and not has_late_event(
                    connection, after=self._looked, before=to_us(begin)
                ):
                    self._looked = inputs.last_key
                    return ""
                self._late_of = last.run_id  # and stays so until there is a newer run
        rest = timedelta(seconds=REST * last.took_s)
        if inputs.watermark - last.watermark < TRICKLE * last.watermark:
            rest = max(rest, TRICKLE_REST)
        rested = not timedelta() <= now - last.made_at < rest
        return "late data" if rested else ""

"""A site with a history of made-up days, and what its jobs process does about the forecast."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from appliance.aggregate.hours import SiteHours
from appliance.job.forecast_due import ForecastDue
from appliance.job.forecasting import perform_forecast
from appliance.model.intake import Intake
from appliance.model.settings import Risk
from appliance.store.engine import Store
from appliance.store.forecast.runs import ForecastRun
from tests.conftest import NOW, make_event, make_recorder

TODAY = date(2026, 11, 22)
PLACES = [(47.970 + 0.004 * east, 29.370 + 0.004 * north) for east in range(4) for north in range(3)]


class Site:
    """A box whose clock and settings the test holds."""

    def __init__(self, store: Store, *, zone: str = "UTC", **risk: Any) -> None:
        self.store, self.now, self.trusted = store, NOW, True
        self.hours = SiteHours(ZoneInfo(zone))
        self.zone = zone
        self.risk = Risk(**{"patrol_resolution": 8, "resolutions": (7, 8), **risk})
        self._due = ForecastDue(
            store,
            risk=self.risk,
            hours=self.hours,
            clock=lambda: self.now,
            clock_trusted=lambda: self.trusted,
        )
        self._told = 0

    def record(self, *instants: datetime, place: int = 0, **members: Any) -> None:
        """Events at these instants."""
        events = []
        for at in instants:
            self._told += 1
            lng, lat = PLACES[place]
            told = {"event_id": f"e{self._told}", "event_timestamp": at.isoformat(), "longitude": lng, "latitude": lat}
            events.append(make_event(**{**told, **members}))
        make_recorder(self.store, self.now, zone=self.zone).record(Intake(events=events))

    def live(self, days: int, *, until: date = TODAY, each: int = 12) -> None:
        """So many whole days with events: some places busier than others, weekends thrice as busy as other days."""
        zone = ZoneInfo(self.zone)
        for place in range(len(PLACES)):
            instants = []
            for day in (until - timedelta(days=n) for n in range(days, 0, -1)):
                busy = 3 if day.weekday() >= 5 else 1
                for n in range(busy * each // (3 * (place + 1))):
                    clock = (7 * place + 5 * n + day.toordinal()) % 24
                    instants.append(datetime(day.year, day.month, day.day, clock, 30, tzinfo=zone).astimezone(UTC))
            types = ("theft", "fire", "assault")
            self.record(*instants, place=place, event_type=types[place % 3], severity=place % 3 / 2)

    def forecast(self, **given: Any) -> ForecastRun | None:
        """A run, as the process does it."""
        return perform_forecast(self.store, risk=self.risk, hours=self.hours, clock=lambda: self.now, **given)

    def why(self, at: datetime | None = None) -> str:
        """What a run is due for."""
        self.now = at or self.now
        return self._due.why() if self._due() else ""

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Of the store."""
        with self.store.read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql, values)]

    def slices(self) -> dict[tuple[Any, ...], bytes]:
        """Every slice: resolution, day, horizon, type -> its cells."""
        rows = self.rows("SELECT resolution, day, horizon, event_type, body FROM forecasts")
        return {row[:4]: row[4] for row in rows}

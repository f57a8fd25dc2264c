"""What the tests of watching share: a store, a clock in the test's hand, what watches, and what it is shown."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from appliance.job.watching import Watching
from appliance.model.alert import AlertFilter
from appliance.model.anomaly import Anomaly
from appliance.model.intake import Fix, Intake, Reading
from appliance.store.alerts import fetch_alerts
from appliance.store.anomaly.ledger import AnomalyFilter, fetch_anomalies
from appliance.store.engine import Store, raw_connection
from tests.conftest import NOW, make_recorder

MINUTE = timedelta(minutes=1)
START = NOW - timedelta(days=4)


class Site:
    """A store, a clock in the test's hand, and what watches."""

    def __init__(self, store: Store, zone: str = "UTC") -> None:
        self.store, self.zone, self.now, self.trusted = store, zone, NOW, True
        self.recorder = make_recorder(store, NOW)
        self.watching = self.start()

    def start(self) -> Watching:
        """What a new process begins with."""
        self.watching = Watching(
            self.store, zone=ZoneInfo(self.zone), clock=lambda: self.now, clock_trusted=lambda: self.trusted
        )
        return self.watching

    def measure(
        self,
        values: Sequence[float],
        *,
        since: datetime = START,
        metric: str = "noise",
        device: str = "a/b",
        every: timedelta = MINUTE,
    ) -> None:
        readings = [
            Reading(device=device, metric=metric, observed_at=since + n * every, received_at=NOW, value=value)
            for n, value in enumerate(values)
        ]
        for first in range(0, len(readings), 500):
            self.recorder.record(Intake(readings=readings[first : first + 500]))

    def move(self, *places: tuple[float, float, float]) -> None:
        fixes = [
            Fix(
                device="car/1",
                observed_at=NOW - 10 * MINUTE + timedelta(seconds=at),
                received_at=NOW,
                longitude=lng,
                latitude=lat,
            )
            for at, lng, lat in places
        ]
        self.recorder.record(Intake(fixes=fixes))

    def judge(self) -> None:
        while self.watching.step():
            pass

    def anomalies(self, **wanted: Any) -> list[Anomaly]:
        with self.store.read() as connection:
            return fetch_anomalies(connection, AnomalyFilter(**wanted), limit=1_000).items

    def alerts(self) -> list[str]:
        with self.store.read() as connection:
            return [alert.subject for alert in fetch_alerts(connection, AlertFilter(), limit=100)[0]]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.store.read() as connection:
            found: list[tuple[Any, ...]] = raw_connection(connection).execute(sql).fetchall()
            return found


def noise(how_many: int, *, seed: int = 1, mean: float = 20.0) -> list[float]:
    rng = random.Random(seed)
    return [round(rng.gauss(mean, 0.5), 3) for _ in range(how_many)]


def quiet_then(*last: float, how_many: int = 2_000) -> list[float]:
    """Noise, and values of its end that are not; in minutes, so that the last one is of now."""
    return [*noise(how_many), *last]


def of_now(values: Sequence[float]) -> datetime:
    return NOW - (len(values) - 1) * MINUTE

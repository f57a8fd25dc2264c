"""What a composite run costs: from nothing, after new events, and beside pandas doing the same from the raw table.

    python -m benchmarks.composite [--events 1000000]

A city's events (seeded clusters of places that recur) are stored over 89 days through `Recorder`, as an import stores
them, and beside them a plain SQLite table of (cell at resolution 8, time). pandas computes twice: from `events`, where
it has to find each event's cell by its place, and from the plain table, where it is given the cell and only reads,
groups and computes. All say the same of every cell and day, or this fails. Then ten thousand events come: on the 90th
day, scattered over all of them, and at one place, which then is the new extreme of the run. CPU seconds of this
process, wall beside them. How it grows with cells and days is `benchmarks.composite_growth`.
"""

import argparse
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.aggregate.days import LOOKBACK_DAYS
from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.job.counting import Ahead, count_events
from appliance.job.risk_run import perform_run, score_run
from appliance.model.event import Event
from appliance.model.intake import Intake
from appliance.model.risk import Run
from appliance.score.composite import rescale, risk_level, score_day
from appliance.spatial.cells import cell_of
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.file.migrations import migrate
from appliance.store.intake.batch import Recorder
from appliance.store.risk.runs import insert_run
from appliance.store.settled.counts import ensure_counts

RESOLUTION, DAYS, NEW = 8, 90, 10_000
RESOLUTIONS = (7, RESOLUTION)
HOURS = SiteHours(ZoneInfo("UTC"))
FIRST = date(2026, 8, 30)
LAST = FIRST + timedelta(days=DAYS - 1)
NOW = datetime(2026, 11, 27, 23, 59, tzinfo=UTC)
BATCH = 2_000
TYPES = ("theft", "assault", "motion", "crash")
LNG, LAT = 47.97, 29.37
RISK_TABLES = ("cell_aggregates", "judged_days", "baselines", "baseline_sets")


class City:
    """Where and when events happen: sixty clusters, the busiest thirty times the quietest, places that recur."""

    def __init__(self) -> None:
        self._chance = np.random.default_rng(7)
        weight = np.minimum(self._chance.zipf(1.6, 60).astype(float), 30)
        self._weight = weight / weight.sum()
        self._centre = self._chance.normal(0, 0.12, (60, 2))
        self._width = self._chance.uniform(0.01, 0.05, 60)
        self._told = 0

    def events(self, how_many: int, first: int, last: int) -> Iterator[Event]:
        """Events on the days from `first` to before `last`, counted from `FIRST`, in the order of time."""
        chance = self._chance
        cluster = chance.choice(60, how_many, p=self._weight)
        place = self._centre[cluster] + chance.normal(0, 1, (how_many, 2)) * self._width[cluster, np.newaxis]
        lngs, lats = np.round(LNG + place[:, 0], 3).tolist(), np.round(LAT + place[:, 1], 3).tolist()
        seconds = np.sort(chance.integers(first * 86_400, last * 86_400, how_many)).tolist()
        kinds = chance.choice(4, how_many, p=(0.4, 0.1, 0.4, 0.1)).tolist()
        start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
        for lng, lat, second, kind in zip(lngs, lats, seconds, kinds, strict=True):
            self._told += 1
            yield Event(
                event_id=f"e{self._told}", source="city/feed", event_type=TYPES[kind], received_at=NOW, severity=0.5,
                event_timestamp=start + timedelta(seconds=second), longitude=lng, latitude=lat,
            )  # fmt: skip


class Site:
    """A store, and the plain table beside it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        path = folder / FILE_NAME
        migrate(path, timezone="UTC")
        self.store = Store(path)
        with self.store.write() as connection:
            ensure_counts(connection, HOURS, RESOLUTIONS)
        self._recorder = Recorder(
            self.store, hours=HOURS, resolutions=RESOLUTIONS, quarantine_rows=100, clock=lambda: NOW
        )
        self.plain = sqlite3.connect(folder / "plain.db")
        self.plain.execute("CREATE TABLE raw (cell INTEGER, at INTEGER)")

    def record(self, events: Iterator[Event]) -> None:
        """Store events, both ways."""
        while batch := [event for _, event in zip(range(BATCH), events, strict=False)]:
            self._recorder.record(Intake(events=batch))
            rows = [
                (cell_of(lat=one.latitude, lng=one.longitude, resolution=RESOLUTION), to_us(one.event_timestamp))
                for one in batch
                if one.latitude is not None and one.longitude is not None
            ]
            self.plain.executemany("INSERT INTO raw VALUES (?, ?)", rows)
        self.plain.commit()

    def ask(self, from_day: date = FIRST, to_day: date = LAST) -> Run:
        with self.store.write() as connection:
            return insert_run(connection, resolution=RESOLUTION, from_day=from_day, to_day=to_day, now=NOW)

    def run(self, from_day: date = FIRST, to_day: date = LAST) -> int:
        """Count what is not counted and perform a run; rows that changed."""
        asked = self.ask(from_day, to_day)
        return perform_run(self.store, asked, hours=HOURS, types=(), clock=lambda: NOW).rows_changed

    def forget(self, *tables: str) -> None:
        with self.store.write() as connection:
            for table in tables:
                connection.exec_driver_sql(f"DELETE FROM {table}")

    def forget_counts(self) -> None:
        """As if no event had been counted yet."""
        self.forget("event_counts", "packed_days", "day_changes", "changed_days", *RISK_TABLES)
        with self.store.write() as connection:
            connection.exec_driver_sql("UPDATE settled SET changes = 0")
            connection.exec_driver_sql("UPDATE counted SET event_pk = 0")


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """(CPU seconds, wall seconds, what it gave)."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return time.process_time() - cpu, time.perf_counter() - wall, found


def compute(site: Site, asked: Run) -> dict[str, NDArray[Any]]:
    """What a run computes, as arrays of cells and days; nothing is written."""
    found, _ = score_run(site.store, asked, HOURS, ())
    measure = found.measure
    days = [score_day(found.counts[:, n : n + 8]) for n in range(len(found.days))]
    score = np.stack([rescale(one.raw, measure.low, measure.high) for one in days], axis=1)
    deviation = found.counts[:, 7:] - measure.mean[:, np.newaxis]
    spread = measure.spread[:, np.newaxis]
    return {
        "h3_index": found.cells,
        "event_count": found.counts[:, 7:],
        "rolling_7d_avg": np.stack([one.rolling_7d_avg for one in days], axis=1),
        "growth_rate": np.stack([one.growth_rate for one in days], axis=1),
        "risk_score": score,
        "level": risk_level(score),
        "z_score": np.divide(deviation, spread, out=np.zeros_like(deviation), where=spread > 0),
    }


def read_plain(plain: sqlite3.Connection) -> Any:
    """The plain table as a data frame."""
    import pandas as pd  # noqa: PLC0415

    return pd.read_sql("SELECT cell, at FROM raw", plain)


def read_events(store: Store) -> Any:
    """The same of the events as they are stored: time and place, and the cell found by it."""
    import h3.api.basic_int as h3  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    with store.read(60.0) as connection:
        rows = raw_connection(connection).execute("SELECT event_timestamp, ST_X(geom), ST_Y(geom) FROM events")
        raw = pd.DataFrame(rows.fetchall(), columns=["at", "lng", "lat"])
    raw["cell"] = [h3.latlng_to_cell(lat, lng, RESOLUTION) for lat, lng in zip(raw["lat"], raw["lng"], strict=True)]
    return raw


def compute_with_pandas(raw: Any) -> dict[str, Any]:
    """The same as data frames of cells by days, from one of cells and times."""
    import pandas as pd  # noqa: PLC0415

    first = to_us(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)) // 86_400_000_000
    raw["day"] = raw["at"] // 86_400_000_000
    daily = raw.groupby(["cell", "day"]).size().unstack(fill_value=0)
    daily = daily.reindex(columns=range(first - 7, first + DAYS), fill_value=0).T
    rolling = daily.rolling(7).mean()
    previous = rolling.shift(1)
    growth = ((daily - previous) / previous).where(previous > 0, (daily > 0).astype(float))
    risk = (0.5 * daily + 0.3 * growth + 0.2 * rolling).iloc[7:]
    low, high = risk.min().min(), risk.max().max()
    score = (risk - low) / (high - low) * 100
    n = daily.iloc[7:]
    return {
        "h3_index": n.columns.to_numpy(),
        "event_count": n.T,
        "rolling_7d_avg": rolling.iloc[7:].T,
        "growth_rate": growth.iloc[7:].T,
        "risk_score": score.T,
        "level": pd.DataFrame(np.searchsorted([25, 50, 75], score.T.to_numpy()), score.columns, score.index),
        "z_score": ((n - n.mean()) / n.std(ddof=0)).fillna(0).T,
    }


def write_with_pandas(found: dict[str, Any], to: Path) -> None:
    """The three tables by `to_sql`, from the frames, with the key that the store's have."""
    import pandas as pd  # noqa: PLC0415

    connection = sqlite3.connect(to)
    for table, names in (
        ("cell_aggregates", ("event_count", "rolling_7d_avg", "growth_rate")),
        ("risk_scores", ("risk_score", "level")),
        ("anomaly_flags", ("z_score",)),
    ):
        columns = ", ".join(f"{name} REAL" for name in names)
        connection.execute(
            f"CREATE TABLE {table} (day INTEGER, cell INTEGER, {columns}, PRIMARY KEY (day, cell)) WITHOUT ROWID"
        )
        frame = pd.DataFrame({name: found[name].T.stack() for name in names})
        frame.index.names = ["day", "cell"]
        frame.to_sql(table, connection, if_exists="append")
    connection.commit()


def assert_same(site: Site, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Ours, theirs and the tables say the same."""
    for name, values in ours.items():
        other = np.asarray(theirs[name])
        agree = np.isclose(values, other, rtol=1e-9, atol=1e-9)
        if name == "level":  # a score at a bound, to the last bit
            agree |= np.abs(ours["risk_score"] % 25) < 1e-9
        assert agree.all(), name
    with site.store.read(60.0) as connection:
        for name in ("event_count", "rolling_7d_avg", "growth_rate", "risk_score", "z_score"):
            rows = raw_connection(connection).execute(
                f"SELECT {name} FROM mv_daily_risk WHERE resolution = ? AND day BETWEEN ? AND ? ORDER BY h3_index, day",
                (RESOLUTION, FIRST.isoformat(), LAST.isoformat()),
            )
            assert np.array_equal(np.array([row[0] for row in rows]), np.ravel(ours[name])), name


def against_pandas(site: Site, folder: Path) -> tuple[float, float]:
    """Print how both compare; CPU seconds of all from the events, and of a full run from the counters."""
    asked = site.ask()
    site.forget_counts()
    ahead = Ahead(first=FIRST - timedelta(days=LOOKBACK_DAYS), last=LAST, types=())
    count_cpu, count_wall, _ = timed(lambda: count_events(site.store, HOURS, ahead=ahead))
    cold_cpu, cold_wall, _ = timed(lambda: compute(site, asked))
    first_cpu, first_wall, rows = timed(site.run)
    site.forget(*RISK_TABLES)
    full_cpu, full_wall, _ = timed(site.run)
    warm_cpu, warm_wall, ours = timed(lambda: compute(site, asked))
    pandas_cpu, pandas_wall, theirs = timed(lambda: compute_with_pandas(read_plain(site.plain)))
    events_cpu, events_wall, from_events = timed(lambda: compute_with_pandas(read_events(site.store)))
    for found in (theirs, from_events):
        assert_same(site, ours, found)
    write_cpu, write_wall, _ = timed(lambda: write_with_pandas(theirs, folder / "pandas.db"))
    cells, days = ours["event_count"].shape
    written = (events_cpu + write_cpu, pandas_cpu + write_cpu)
    print(f"{cells:,} cells x {days} days, {rows:,} rows; CPU seconds (wall)")
    for name, cpu, wall, other in (
        ("pandas computes, from the events", events_cpu, events_wall, None),
        ("pandas computes, given cells in two columns", pandas_cpu, pandas_wall, None),
        ("  and writes three tables by to_sql", pandas_cpu + write_cpu, pandas_wall + write_wall, None),
        ("computed from counters, a site's first time", cold_cpu, cold_wall, (events_cpu, pandas_cpu)),
        ("computed from counters, days summed", warm_cpu, warm_wall, (events_cpu, pandas_cpu)),
        (
            "a full run, rows written, the first time",
            first_cpu,
            first_wall,
            written,
        ),
        (
            "a full run, rows written, days summed",
            full_cpu,
            full_wall,
            written,
        ),
        ("all events counted, settled days summed", count_cpu, count_wall, None),
    ):
        times = " / ".join(f"{one / cpu:.1f}" for one in other or ())
        print(f"{name:<44}{cpu:8.2f} ({wall:.2f})" + (f"   pandas takes {times} times" if times else ""))
    print(f"from nothing, counting and all: {count_cpu + first_cpu:.2f} CPU seconds; from counters {full_cpu:.2f}")
    return count_cpu + first_cpu, full_cpu


def after_new_events(site: Site, city: City, nothing: float, full: float) -> None:
    """Print what ten thousand new events cost, counted as they come in and then scored.

    Both together against counting and scoring everything; scoring alone against a full run from the same counters.
    """
    site.run()
    for name, events in (
        ("on the 90th day", city.events(NEW, DAYS - 1, DAYS)),
        ("on the 90th day, again", city.events(NEW, DAYS - 1, DAYS)),
        ("scattered over all days", city.events(NEW, 0, DAYS)),
        ("at one place: a new extreme", at_one_place(city)),
        ("none", iter(())),
    ):
        site.record(events)
        counted, _, _ = timed(lambda: count_events(site.store, HOURS))
        scored, wall, rows = timed(site.run)
        print(
            f"10,000 new events {name:<28}counted {counted:.2f}, scored {scored:.2f} ({wall:.2f}), {rows:9,} rows: "
            f"1/{nothing / (counted + scored):.0f} of from nothing, scored 1/{full / scored:.0f} of a full run"
        )


def at_one_place(city: City) -> Iterator[Event]:
    """Ten thousand events of the 90th day at one place."""
    for event in city.events(NEW, DAYS - 1, DAYS):
        yield msgspec.structs.replace(event, longitude=LNG, latitude=LAT)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hexpost-composite-", dir=os.environ.get("BENCH_DIR")) as name:
        folder, city = Path(name), City()
        site = Site(folder / "site")
        site.record(city.events(given.events, 0, DAYS - 1))
        nothing, full = against_pandas(site, folder)
        after_new_events(site, city, nothing, full)
        site.store.close()


if __name__ == "__main__":
    main()

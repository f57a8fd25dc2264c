"""A run that builds on runs before it says what a run from nothing says; and both say what the definition does."""

import gzip
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.aggregate.hours import SiteHours
from appliance.clock import rfc3339
from appliance.ingest.files import ReadOptions, decode_lines, read_rows
from appliance.ingest.mapping import parse_map
from appliance.job import risk_run
from appliance.job.risk_run import perform_run
from appliance.model.change import COLUMNS, ChangeKind
from appliance.model.event import Event
from appliance.model.intake import Intake
from appliance.spatial.cells import cell_of
from appliance.store.engine import FILE_NAME, Store
from appliance.store.intake.batch import Recorder
from appliance.store.outbox import acknowledge, next_batch
from appliance.store.risk.runs import insert_run
from appliance.store.settled.counts import ensure_counts
from tests.conftest import NOW, examples, make_event
from tests.empty_store import put_store
from tests.score.test_composite import plain_composite
from tests.store.test_risk import picture

TORONTO = ZoneInfo("America/Toronto")
INCIDENTS = Path(__file__).parents[2] / "appliance" / "cli" / "demo_data" / "toronto_incidents.csv.gz"
FIRST = date(2026, 10, 20)  # the clocks go back on 1 November
RESOLUTION = 8


class Site:
    """A store, and what works on it."""

    def __init__(self, store: Store) -> None:
        self.store, self._hours = store, SiteHours(TORONTO)
        with store.write() as connection:
            ensure_counts(connection, self._hours, (7, RESOLUTION))
        self._recorder = Recorder(
            store, hours=self._hours, resolutions=(7, RESOLUTION), quarantine_rows=9, clock=lambda: NOW
        )

    def record(self, events: Sequence[Event]) -> None:
        for start in range(0, len(events), 2_000):
            self._recorder.record(Intake(events=events[start : start + 2_000]))

    def run(self, from_day: date, to_day: date, steps: int = 10_000) -> None:
        """A run that is killed after so many steps, if it has more."""
        with self.store.write() as connection:
            asked = insert_run(connection, resolution=RESOLUTION, from_day=from_day, to_day=to_day, now=NOW)
        left = iter([False] * steps)
        perform_run(
            self.store, asked, hours=self._hours, types=(), clock=lambda: NOW, stopping=lambda: next(left, True)
        )


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    store = Store(put_store(folder / FILE_NAME, timezone=TORONTO.key))
    try:
        yield Site(store)
    finally:
        store.close()


# (day since FIRST, hour of UTC, which of four places), each batch followed by a run whose interval ends so many days on
BATCHES = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(-9, 20), st.integers(0, 23), st.integers(0, 3)), max_size=12),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=4,
)


@given(BATCHES)
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_runs_one_after_another_end_where_one_from_nothing_does(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[list[tuple[int, int, int]], int]]
) -> None:
    """However the events came, late or not, and whatever intervals were run before."""
    everything: list[Event] = []
    with site(tmp_path_factory.mktemp("grown")) as grown, site(tmp_path_factory.mktemp("fresh")) as fresh:
        for n, (rows, last) in enumerate(batches):
            events = [event(f"{n}.{m}", *row) for m, row in enumerate(rows)]
            everything += events
            grown.record(events)
            grown.run(FIRST, FIRST + timedelta(days=last))
        grown.run(FIRST, FIRST + timedelta(days=20))
        fresh.record(everything)
        fresh.run(FIRST, FIRST + timedelta(days=20))
        assert picture(grown.store) == picture(fresh.store)


Key = tuple[str, int, str, int]


def told(store: Store, mirror: dict[Key, tuple[object, ...]], limit: int) -> None:
    """Send what is pending, as the pump does, to a centre that keeps the higher revision; but not all at once."""
    for _ in range(limit):
        batch = next_batch(store, site_id="box", batch_rows=7)
        if batch is None:
            return
        at = batch.slice
        for row in batch.rows:
            key = (at.kind, at.resolution, at.day, row[0])
            if key not in mirror or mirror[key][-1] < row[-1]:
                mirror[key] = row
        for cell, rev, _profile in batch.gone:
            key = (at.kind, at.resolution, at.day, cell)
            if key in mirror and mirror[key][-1] <= rev:
                del mirror[key]
        acknowledge(store, batch.seq, NOW)


def contents(store: Store) -> dict[Key, tuple[object, ...]]:
    """What the centre must have: each row of the three tables, with its revision."""
    kinds: tuple[ChangeKind, ...] = ("cell_aggregates", "risk_scores", "anomaly_flags")
    with store.read() as connection:
        return {
            (kind, row[1], row[2], row[0]): tuple(row)
            for kind in kinds
            for row in connection.exec_driver_sql(f"SELECT {', '.join(COLUMNS[kind])} FROM {kind}")
        }


# As above; after so many steps the run is killed, and so many batches go to the centre.
KILLED = st.lists(
    st.tuples(BATCHES.map(lambda batches: batches[0]), st.integers(0, 30), st.integers(0, 40)), max_size=4
)


@given(KILLED)
@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_killed_runs_leave_nothing_wrong_and_the_centre_is_told_what_changed_and_no_more(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[tuple[tuple[list[tuple[int, int, int]], int], int, int]],
) -> None:
    everything: list[Event] = []
    mirror: dict[Key, tuple[object, ...]] = {}
    with (
        pytest.MonkeyPatch.context() as patch,
        site(tmp_path_factory.mktemp("grown")) as grown,
        site(tmp_path_factory.mktemp("fresh")) as fresh,
    ):
        patch.setattr(risk_run, "ROWS_A_TRANSACTION", 1)  # a day a step
        for n, ((rows, last), steps, sent) in enumerate(batches):
            events = [event(f"{n}.{m}", *row) for m, row in enumerate(rows)]
            everything += events
            grown.record(events)
            before = contents(grown.store)
            grown.run(FIRST, FIRST + timedelta(days=last), steps=steps)
            for key, row in contents(grown.store).items():
                if key in before and before[key][-1] == row[-1]:
                    assert before[key] == row  # what has changed has another revision
            told(grown.store, mirror, sent)
        grown.run(FIRST, FIRST + timedelta(days=20))
        fresh.record(everything)
        fresh.run(FIRST, FIRST + timedelta(days=20))
        assert picture(grown.store) == picture(fresh.store)
        told(grown.store, mirror, 10_000)
        assert {key: row for key, row in mirror.items() if key[0] != "h3_cells"} == contents(grown.store)
        again = contents(grown.store)
        grown.run(FIRST, FIRST + timedelta(days=20))
        assert contents(grown.store) == again
        assert next_batch(grown.store, site_id="box", batch_rows=7) is None


def event(name: str, day: int, hour: int, place: int) -> Event:
    at = datetime(FIRST.year, FIRST.month, FIRST.day, hour, 30, tzinfo=UTC) + timedelta(days=day)
    return make_event(event_id=name, event_timestamp=rfc3339(at), longitude=47.9 + place / 40)


def test_recorded_incidents_are_scored_as_the_definition_says(tmp_path: Path) -> None:
    """Half a year of a city, over the end of its summer time, against the plain words."""
    from_day, to_day = date(2018, 10, 1), date(2018, 12, 31)
    counts: Counter[tuple[int, date]] = Counter()
    events = incidents()
    for one in events:
        assert one.latitude is not None and one.longitude is not None
        cell = cell_of(lat=one.latitude, lng=one.longitude, resolution=RESOLUTION)
        counts[cell, one.event_timestamp.astimezone(TORONTO).date()] += 1
    with site(tmp_path) as city:
        city.record(events)
        city.run(from_day, to_day)
        found = picture(city.store)
    expected = plain_composite(counts, from_day, to_day)
    assert found.keys() == {(cell, day.isoformat()) for cell, day in expected}
    assert len(found) > 30_000
    for (cell, day), (n, rolling, growth, score, level, z, flagged) in expected.items():
        got = found[cell, day.isoformat()]
        assert (got[0], bool(got[6])) == (n, flagged)
        assert got[1:4] == pytest.approx((rolling, growth, score), abs=1e-9)
        assert got[5] == pytest.approx(z, abs=1e-9)
        assert got[4] == level or abs(score % 25) < 1e-9


def incidents() -> list[Event]:
    options = ReadOptions(
        source="police", received_at=NOW, map=parse_map(()), formats=(), zone=TORONTO, clock_trusted=True
    )
    with gzip.open(INCIDENTS, "rb") as file:
        rows = list(read_rows("csv", decode_lines([file.read()]), options))
    events = [item for _, item in rows if isinstance(item, Event)]
    assert len(events) == len(rows) == 16_176
    return events

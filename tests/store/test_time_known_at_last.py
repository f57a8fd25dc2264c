"""Any sequence of starts, power cuts and leaping clocks against the true time: once it is known, every row has it."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from appliance.aggregate.hours import SiteHours
from appliance.clock import from_us, to_us
from appliance.store.clock.boots import fetch_boots
from appliance.store.clock.box_clock import BoxClock
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.settled.settle import fetch_resolutions, settle_counts, settle_index
from appliance.store.settled.tally import Tally
from tests.board import Board
from tests.conftest import NOW, examples
from tests.empty_store import put_store
from tests.store.checks import assert_sound
from tests.store.test_redating import event, fix, reading, record, redate, rows

HOURS = SiteHours(ZoneInfo("UTC"))
LOST = datetime(1970, 1, 1, tzinfo=UTC)
YEARS = timedelta(days=3652)

ACTIONS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 5_000)),
    st.tuples(st.just("record"), st.integers(0, 1)),
    st.tuples(st.just("record"), st.integers(0, 1)),
    st.tuples(st.just("leap"), st.sampled_from([YEARS, -YEARS])),
    st.tuples(st.just("sync"), st.booleans()),
    st.tuples(st.just("settle"), st.none()),
    st.tuples(st.just("redate"), st.integers(1, 4)),
    st.tuples(st.just("cut"), st.tuples(st.integers(1, 400_000), st.booleans(), st.booleans())),
)


class World:
    """A box, and the time as it truly is."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.truth = NOW
        self.board = Board(NOW)
        self.stamped: dict[str, datetime] = {}
        self.valued: dict[float, datetime] = {}
        self.begin()

    def begin(self) -> None:
        self.clock = BoxClock(self.board)
        self.clock.attach(self.store)

    def wait(self, seconds: int) -> None:
        for _ in range(0, seconds, 500):  # as the clock's own thread does, once a second
            self.board.advance(min(seconds, 500))
            self.truth += timedelta(seconds=min(seconds, 500))
            self.clock.look()

    def record(self, told: int) -> None:
        name, value = f"e{len(self.stamped)}", float(len(self.stamped))
        at = self.truth - timedelta(minutes=1) if told else None
        record(
            self.store,
            self.clock,
            events=[event(self.clock, name, at)],
            readings=[reading(self.clock, value, at)],
            fixes=[fix(self.clock, value / 1_000, at)],
        )
        self.stamped[name] = self.valued[value] = self.truth
        self.wait(1)

    def leap(self, by: timedelta) -> None:
        if not self.clock.trusted() and abs(self.board.wall + by - self.truth) < YEARS / 2:
            return  # somebody setting the clock to what may be true is believed
        self.board.leap(by)
        self.clock.look()

    def sync(self, noticed: bool) -> None:
        self.board.wall_us, self.board.synchronised = to_us(self.truth), True
        if noticed:
            self.clock.look()

    def settle(self, _: None) -> None:
        with self.store.write() as connection:
            settle_index(connection)
            settle_counts(connection, Tally(HOURS, fetch_resolutions(connection)))

    def redate(self, limit: int) -> None:
        redate(self.store, limit=limit)

    def cut(self, how: tuple[int, bool, bool]) -> None:
        off_s, cleanly, saved = how
        if cleanly:
            self.clock.stop()
        before = self.board.wall
        self.truth += timedelta(seconds=off_s + 20)  # the machine is up for so long when the box is seen again
        self.board.restart(before if saved else LOST)  # a clock that was saved at shutdown, or none
        self.begin()


@pytest.mark.deep
@settings(max_examples=examples(150))
@given(st.lists(ACTIONS, max_size=25))
def test_once_the_time_is_known_every_row_has_it(actions: list[tuple[str, object]]) -> None:
    note(repr(actions))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(put_store(Path(folder) / FILE_NAME, timezone=HOURS.zone.key, counted=(7, 8)))
        world = World(store)
        for name, argument in actions:
            getattr(world, name)(argument)
        world.sync(True)
        world.redate(3)
        world.settle(None)
        assert world.clock.now() == world.truth
        _check(world)
        assert_sound(store)
        store.close()


def _check(world: World) -> None:
    with world.store.read() as connection:
        boots = fetch_boots(raw_connection(connection))
    assert all(boot.known for boot in boots)
    found = {
        "events": [(world.stamped[name], *rest) for name, *rest in rows(world.store, _EVENTS)],
        "readings": [(world.valued[value], *rest) for value, *rest in rows(world.store, _READINGS)],
        "positions": [(world.valued[round(x * 1_000, 6)], *rest) for x, *rest in rows(world.store, _POSITIONS)],
    }
    for what, listed in found.items():
        assert len(listed) == len(world.stamped), what
        for true, at, received, quality in listed:
            off = abs(from_us(received) - true)
            estimates = [boot for boot in boots if boot.evidence == "estimate"]
            spread = max((boot.spread_us for boot in estimates), default=0)
            assert quality in {"good", "missing", "estimated"}, (what, quality)
            if quality == "estimated":
                assert off <= timedelta(microseconds=spread, seconds=1), what
            elif not estimates:
                assert off <= timedelta(seconds=1), what
            assert quality not in {"missing", "estimated"} or at == received, what


_EVENTS = "SELECT event_id, event_timestamp, received_at, clock_quality FROM events"
_READINGS = "SELECT value, observed_at, received_at, clock_quality FROM reading_values"
_POSITIONS = "SELECT longitude, observed_at, received_at, clock_quality FROM positions"

"""Commands and a box that has lost the time: nothing stale goes out, and nothing expires or revives by a leap."""

from datetime import UTC, datetime, timedelta

from appliance.clock import to_us
from appliance.store.clock.box_clock import BoxClock
from appliance.store.downlink.commands import fetch_due, insert_command
from appliance.store.engine import Store
from tests.board import Board
from tests.conftest import NOW
from tests.store.test_commands import CAMERA, due, enter

LOST = datetime(1970, 1, 1, 0, 0, 20, tzinfo=UTC)


def ask(store: Store, clock: BoxClock, ttl_s: int) -> str:
    with store.write() as connection:
        return insert_command(
            connection,
            device=CAMERA,
            command="reboot",
            parameters={},
            ttl_s=ttl_s,
            requested_by="amal",
            now=clock.now(),
        ).command_id


def clock_of(board: Board, store: Store) -> BoxClock:
    clock = BoxClock(board)
    clock.attach(store)
    return clock


def learn(board: Board, clock: BoxClock, truth: datetime) -> None:
    board.wall_us, board.synchronised = to_us(truth), True
    clock.look()


def test_what_was_asked_for_before_a_power_cut_waits_until_the_time_is_known_and_then_counts_its_own(
    store: Store,
) -> None:
    enter(store, CAMERA)
    board = Board(NOW)
    clock = clock_of(board, store)
    short, long = ask(store, clock, 600), ask(store, clock, 5 * 86_400)
    board.restart(LOST)
    clock = clock_of(board, store)
    assert due(store, clock.now()) == []  # twenty seconds seem to have passed; nobody knows
    learn(board, clock, NOW + timedelta(days=3))
    assert due(store, clock.now()) == [long]
    with store.read() as connection:
        states = dict(connection.exec_driver_sql("SELECT command_id, state FROM commands").all())
    assert states == {short: "expired", long: "queued"}


def test_what_is_asked_for_meanwhile_goes_out_and_does_not_expire_when_box_time_moves(store: Store) -> None:
    enter(store, CAMERA)
    board = Board(NOW)
    clock_of(board, store)
    board.restart(LOST)
    clock = clock_of(board, store)
    asked = ask(store, clock, 60)
    assert due(store, clock.now()) == [asked]
    board.advance(30)
    learn(board, clock, NOW + timedelta(days=3))
    assert due(store, clock.now()) == [asked]
    board.advance(31)
    assert due(store, clock.now()) == []


def test_a_leap_of_the_system_clock_neither_expires_nor_revives(store: Store) -> None:
    enter(store, CAMERA)
    board = Board(NOW)
    clock = clock_of(board, store)
    first, second = ask(store, clock, 60), ask(store, clock, 600)
    board.leap(timedelta(days=3652))
    clock.look()
    assert due(store, clock.now()) == [first, second]
    board.advance(61)
    board.leap(-timedelta(days=7304))
    clock.look()
    with store.write() as connection:
        assert [one.command_id for one in fetch_due(connection, clock.now(), 10)] == [second]

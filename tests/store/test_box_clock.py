"""The box's clock over its ledger: several parts of one box, starts and power cuts, and what a person is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.clock import from_us, to_us
from appliance.model.intake import Intake, Rejection
from appliance.store.audit import fetch_audit, insert_audit
from appliance.store.clock.boots import fetch_boots, insert_boot, keep_boot
from appliance.store.clock.box_clock import BoxClock
from appliance.store.clock.machine_clock import Machine, keeps_time
from appliance.store.engine import Store, raw_connection
from appliance.timekeeping import Boot
from tests.board import Board
from tests.conftest import NOW, make_event, make_recorder, wait_for

YEAR = timedelta(days=365.2425)
LOST = datetime(1970, 1, 1, 0, 0, 20, tzinfo=UTC)


def clock_of(board: Board, store: Store) -> BoxClock:
    clock = BoxClock(board)
    clock.attach(store)
    return clock


@contextmanager
def moved_away(store: Store, folder: Path) -> Iterator[None]:
    """The store's file is gone for a while, and a folder stands in its place."""
    store.close()
    kept = store.path.rename(folder / "elsewhere.db")
    store.path.mkdir()
    yield
    store.close()
    store.path.rmdir()
    kept.rename(store.path)


def ledger(store: Store) -> list[Boot]:
    with store.read() as connection:
        return fetch_boots(raw_connection(connection))


def steps(store: Store) -> int:
    with store.read() as connection:
        return int(raw_connection(connection).execute("SELECT count(*) FROM clock_steps").fetchone()[0])


def test_a_box_on_a_network_knows_the_time_and_its_ledger_says_by_what(store: Store) -> None:
    clock = clock_of(Board(NOW), store)
    assert (clock.now(), clock.trusted()) == (NOW, True)
    (boot,) = ledger(store)
    assert (boot.evidence, boot.known, boot.shift_us) == ("network", True, 0)


def test_after_a_power_cut_time_goes_on_from_the_last_known_and_never_from_1970(store: Store) -> None:
    board = Board(NOW)
    clock_of(board, store).stop()
    board.restart(LOST)
    clock = clock_of(board, store)
    assert not clock.trusted()
    assert NOW <= clock.now() <= NOW + timedelta(seconds=1)
    board.advance(3_600)
    assert NOW + timedelta(hours=1) <= clock.now() <= NOW + timedelta(hours=1, seconds=1)
    assert "1970-01-01T00:00:20Z" in clock.state().words and "not trusted since" in clock.state().words


def test_all_parts_learn_the_time_with_one_commit(store: Store) -> None:
    board = Board(NOW)
    clock_of(board, store).stop()
    board.restart(LOST)
    bridge, jobs = clock_of(board, store), clock_of(board, store)
    assert bridge.now() == jobs.now()
    board.leap(timedelta(days=365 * 57))  # a network sets it, not quite right at first
    board.wall_us, board.synchronised = to_us(NOW + timedelta(days=3)), True
    bridge.look()
    assert (bridge.trusted(), jobs.trusted()) == (True, False)
    jobs.look()
    assert bridge.now() == jobs.now() == NOW + timedelta(days=3)
    assert steps(store) == 2  # of the first boot, and this


def test_a_part_that_hears_a_receiver_tells_the_others_through_the_ledger(store: Store) -> None:
    board = Board(LOST, synchronised=False)
    bridge, serve = clock_of(board, store), clock_of(board, store)
    bridge.hear("satellite", NOW)
    bridge.look()
    serve.look()
    assert (serve.trusted(), serve.now(), serve.state().evidence) == (True, NOW, "satellite")


def test_while_the_ledger_cannot_be_written_the_time_stays_unknown_and_then_is_known(
    store: Store, tmp_path: Path
) -> None:
    board = Board(NOW)
    clock_of(board, store).stop()
    board.restart(LOST)
    clock = clock_of(board, store)
    board.wall_us, board.synchronised = to_us(NOW + timedelta(days=1)), True
    with moved_away(store, tmp_path):
        clock.look()
        assert not clock.trusted()
    clock.look()
    assert (clock.trusted(), clock.now()) == (True, NOW + timedelta(days=1))


@pytest.mark.parametrize("leap", [10 * YEAR, -10 * YEAR, timedelta(hours=1), -timedelta(hours=1)])
def test_a_leap_while_running_moves_no_part_not_even_one_that_starts_anew(store: Store, leap: timedelta) -> None:
    board = Board(NOW)
    clock = clock_of(board, store)
    board.advance(60)
    board.leap(leap)
    clock.look()
    again = clock_of(board, store)
    for one in (clock, again):
        assert (one.trusted(), one.now()) == (True, NOW + timedelta(seconds=60))
        assert "hexpost clock trust" in one.state().words
    assert clock.state().offset_s == pytest.approx(leap.total_seconds())
    board.leap(-leap)
    clock.look()
    assert clock.state().doubt == ""


def test_a_persons_word_counts_at_once_and_for_every_part(store: Store) -> None:
    board = Board(LOST, synchronised=False)
    serve, cli = clock_of(board, store), clock_of(board, store)
    assert cli.say(NOW) == NOW
    serve.look()
    assert (serve.now(), serve.state().evidence) == (NOW, "person")
    board.leap(NOW - board.wall)
    assert cli.say(None) == NOW
    board.wall_us, board.synchronised = to_us(NOW + timedelta(minutes=5)), True
    serve.look()
    assert (serve.now(), serve.state().evidence) == (NOW + timedelta(minutes=5), "network")


def test_the_ledger_is_written_every_ten_minutes_and_not_more_often(store: Store) -> None:
    board = Board(NOW)
    clock = clock_of(board, store)
    written = set()
    for _ in range(60):
        board.advance(60)
        clock.look()
        written.add(ledger(store)[0].last_us)
    assert len(written) == 7  # the first line, and six in an hour
    assert steps(store) == 1


def test_a_new_boot_begins_after_whatever_the_last_one_stamped(store: Store) -> None:
    board = Board(NOW)
    clock_of(board, store)  # killed: nothing is written at its end
    board.advance(300)
    make_recorder(store, board.wall).record(Intake(events=[make_event()]))
    board.restart(LOST)
    assert clock_of(board, store).now() >= NOW + timedelta(seconds=300)


def test_a_clock_that_was_far_ahead_is_forgotten_by_the_boot_after_the_network_corrected_it(store: Store) -> None:
    board = Board(NOW + 9 * YEAR)
    clock_of(board, store).stop()
    board.restart(NOW)
    board.synchronised = True
    clock_of(board, store).stop()
    board.restart(NOW + timedelta(hours=1))
    board.keeps_time = True
    clock = clock_of(board, store)
    assert (clock.trusted(), clock.now()) == (True, NOW + timedelta(hours=1))


def test_what_the_box_noted_while_the_time_was_not_known_moves_with_it(store: Store) -> None:
    board = Board(NOW)
    clock_of(board, store).stop()
    board.restart(LOST)
    clock = clock_of(board, store)
    board.advance(10)
    make_recorder(store, clock.now()).record(Intake(rejections=[Rejection(topic="a", payload=b"x", reason="odd")]))
    stamped = clock.now()
    board.advance(10)
    board.wall_us, board.synchronised = to_us(NOW + timedelta(days=2)), True
    clock.look()
    with store.read() as connection:
        times = raw_connection(connection).execute("SELECT first_seen, last_seen FROM quarantine").fetchone()
    assert [from_us(us) for us in times] == [NOW + timedelta(days=2, seconds=-10)] * 2
    assert stamped < NOW + timedelta(minutes=1)


def test_an_audit_entry_is_told_with_its_true_time_and_stands_as_it_was_written(store: Store) -> None:
    board = Board(NOW)
    clock_of(board, store)
    board.restart(LOST)
    clock = clock_of(board, store)
    board.advance(10)
    with store.write() as connection:
        insert_audit(connection, who="amal", action="early", subject="", at=clock.now())
    board.advance(10)
    truth = NOW + timedelta(days=2)
    board.wall_us, board.synchronised = to_us(truth), True
    clock.look()
    with store.write() as connection:
        insert_audit(connection, who="amal", action="late", subject="", at=clock.now())
    with store.read() as connection:
        told = {entry.action: entry.at for entry in fetch_audit(connection)}
    assert told == {"early": truth - timedelta(seconds=10), "late": truth}


def test_boots_that_never_knew_are_estimated_when_a_later_one_does(store: Store) -> None:
    board = Board(NOW)
    clock_of(board, store).stop()
    noted = []
    for n in range(2):
        board.restart(LOST)
        clock = clock_of(board, store)
        board.advance(100)
        rejected = Rejection(topic=f"t{n}", payload=b"x", reason="odd")
        make_recorder(store, clock.now()).record(Intake(rejections=[rejected]))
        board.advance(3_480)
        clock.stop()  # an hour after the start of the machine
        noted.append(clock.now())
    board.restart(NOW + timedelta(hours=5))
    board.synchronised = True
    clock_of(board, store)
    first, *unknown, last = ledger(store)
    assert [boot.evidence for boot in unknown] == ["estimate", "estimate"]
    began = [from_us(boot.offset_us or 0) for boot in unknown]
    # Five hours less two of running: an hour free before, between and after.
    for at, hours in zip(began, (1, 3), strict=True):
        assert abs(at - (NOW + timedelta(hours=hours))) < timedelta(seconds=20)
    with store.read() as connection:
        times = raw_connection(connection).execute("SELECT first_seen FROM quarantine ORDER BY topic").fetchall()
    for (us,), at in zip(times, began, strict=True):
        assert from_us(us) == at + timedelta(seconds=120)
    assert first.evidence == last.evidence == "network"


def test_a_part_looks_by_itself_while_it_runs(store: Store) -> None:
    board = Board(LOST, synchronised=False)
    clock = clock_of(board, store)
    clock.start()
    board.wall_us, board.synchronised = to_us(NOW), True
    wait_for(clock.trusted)
    clock.stop()
    assert ledger(store)[0].evidence == "network"


def test_a_store_that_is_gone_leaves_the_clock_as_it_is(store: Store, tmp_path: Path) -> None:
    board = Board(NOW)
    clock = clock_of(board, store)
    board.advance(5)
    with moved_away(store, tmp_path):
        clock.look()
    assert (clock.trusted(), clock.now()) == (True, NOW + timedelta(seconds=5))


def test_ledger_and_steps_are_bounded(store: Store) -> None:
    board = Board(NOW)
    for n in range(1_005):
        board.boots = n
        with store.write() as connection:
            insert_boot(connection, board.glance(known=False))
            keep_boot(connection, f"boot-{n}", board.up_us + n)
    assert len(ledger(store)) == 1_000


def test_the_real_machine_says_what_it_is() -> None:
    machine = Machine()
    one, two = machine.glance(known=False), machine.glance(known=True)
    assert one.boot_id == two.boot_id and len(one.boot_id) == 36
    assert one.boottime_us <= two.boottime_us
    assert abs(one.offset_us - two.offset_us) < 1_000_000


@pytest.mark.parametrize(
    ("devices", "machine", "keeps"),
    [
        ({}, "x86_64", True),  # a PC has one, a virtual one its host's
        ({}, "aarch64", False),  # a Raspberry Pi up to 4
        ({"rtc0": "1763800000"}, "aarch64", True),
        ({"rtc0": "1763803600"}, "x86_64", True),  # local time
        ({"rtc0": "12"}, "aarch64", False),  # a Raspberry Pi 5 without a battery
        ({"rtc0": "1763800100"}, "aarch64", False),  # set by hand since
        ({"rtc0": ""}, "aarch64", False),
        ({"rtc0": "7", "rtc1": "1763799999"}, "aarch64", True),
    ],
)
def test_a_clock_that_runs_while_the_machine_is_off(
    tmp_path: Path, devices: dict[str, str], machine: str, keeps: bool
) -> None:
    for name, said in devices.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "since_epoch").write_text(said)
    assert keeps_time(tmp_path, machine, 1_763_800_000.0) is keeps
